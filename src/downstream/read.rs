//! GET: what the downstream server holds, streamed as fast as it is taken. A body that is not whole ends in an error,
//! never early; a request holds its place among the others until its body has ended, was dropped, or is not taken.

use super::asked::{self, Asked};
use super::fault::{self, Fault};
use super::multipart::ReplyParts;
use super::places::Lease;
use super::wires::{Answer, Flow};
use super::{Downstream, retry_after};
use crate::dicomweb::media::MediaType;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, HeaderMap, TRANSFER_ENCODING, WARNING,
};
use std::ops::Range;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use tower::ServiceExt;

/// Longest wait before a repetition, if the server asks for one: somebody waits for the answer.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Bytes of a body as they come. After an error it is over.
pub type BodyStream = BoxStream<'static, Result<Bytes, Fault>>;

/// An answer whose body has not been read.
pub struct Reply {
    /// Its media type, if it names one that can be read.
    pub media: Option<MediaType>,
    /// Bytes of the body, if that is said.
    pub length: Option<u64>,
    /// The bytes that it holds of the resource, if a range was asked for and is given.
    pub range: Option<Range<u64>>,
    /// 206 to a request without a range: there is more that cannot be given (PS3.18 10.4.3.1).
    pub partial: bool,
    /// Results that stand behind those given, if a Warning says so (PS3.18 8.3.4.4).
    pub remaining: Option<u64>,
    /// There is nothing that was asked for.
    pub nothing: bool,
    /// The time by the server's clock, to the second, if it tells.
    pub date: Option<SystemTime>,
    /// The end of the body can be told from its being cut off.
    framed: bool,
    body: BodyStream,
}

impl Downstream {
    /// GET of what stands at `path` below the root, in a form of `accept`: one media type, for there are servers that read
    /// a list as one. Repeated where nothing of an answer came.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn get(&self, path: &str, accept: &str, range: Option<Range<u64>>) -> Result<Reply, Fault> {
        let mut attempt = 0;
        loop {
            let asked = Asked::begin("GET");
            let answer = self.attempt(&asked, path, accept, range.as_ref()).await;
            asked.ended(&answer);
            let fault = match answer {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            let pause = fault::pause(fault, attempt);
            // Whom we waited for in vain is not waited for once more.
            let again = fault.is_passing() && !matches!(fault, Fault::TimedOut | Fault::Resting { .. });
            if !again || attempt >= self.settings.retries || pause > MAX_WAIT {
                return Err(fault);
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One attempt, up to the head of the answer.
    async fn attempt(
        &self,
        asked: &Asked,
        path: &str,
        accept: &str,
        range: Option<&Range<u64>>,
    ) -> Result<Reply, Fault> {
        let url = self.root.join(path).map_err(|_| Fault::Unsupported)?;
        let mut request = asked.name(self.authorized(self.http.get(url))).header("Accept", accept);
        if let Some(range) = range {
            request =
                request.header("Range", format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        let request = request.build().map_err(|_| Fault::Unsupported)?;
        let (answer, lease) = self.pulls.clone().oneshot(request).await?;
        reply(answer, lease, self.settings.answer, range)
    }
}

fn reply(
    answer: Answer,
    lease: Lease,
    silence: Duration,
    asked: Option<&Range<u64>>,
) -> Result<Reply, Fault> {
    let (status, headers) = (answer.head.status, &answer.head.headers);
    let nothing = status == StatusCode::NO_CONTENT;
    if !nothing && !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        return Err(Fault::of_status(status.as_u16(), retry_after(headers)));
    }
    // Not asked for, and not undone.
    if text(headers, CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Fault::Nonsense);
    }
    let part = status == StatusCode::PARTIAL_CONTENT;
    let range = match (part, asked) {
        (true, Some(asked)) => {
            let given = text(headers, CONTENT_RANGE).and_then(content_range).ok_or(Fault::Nonsense)?;
            // It may end earlier where the resource does.
            let fits = given.start == asked.start && given.end <= asked.end;
            Some(fits.then_some(given).ok_or(Fault::Nonsense)?)
        }
        _ => None,
    };
    Ok(Reply {
        media: text(headers, CONTENT_TYPE).and_then(|text| MediaType::parse(text).ok()),
        length: answer.length,
        partial: part && range.is_none(),
        range,
        remaining: headers.get_all(WARNING).iter().find_map(|value| remaining(value.to_str().ok()?)),
        nothing,
        date: text(headers, DATE).and_then(date),
        framed: nothing || answer.length.is_some() || is_chunked(headers),
        body: body(answer.flow, lease, silence),
    })
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Chunks tell the end of the body; with another coding last it ends with its connection (RFC 9112 6.3, 4).
fn is_chunked(headers: &HeaderMap) -> bool {
    let last =
        headers.get_all(TRANSFER_ENCODING).iter().next_back().and_then(|codings| codings.to_str().ok());
    let coding = last.and_then(|codings| codings.rsplit(',').next());
    coding.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

/// A date as HTTP writes it (RFC 9110 5.6.7).
pub(super) fn date(text: &str) -> Option<SystemTime> {
    chrono::DateTime::parse_from_rfc2822(text).ok().map(SystemTime::from)
}

/// `bytes FROM-TO/…`.
fn content_range(text: &str) -> Option<Range<u64>> {
    let (range, _) = text.strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (from, to) = range.split_once('-')?;
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse::<u64>().ok()?);
    (from <= to).then_some(from..to.checked_add(1)?)
}

/// The number in "There are 17 additional results that can be requested".
fn remaining(warning: &str) -> Option<u64> {
    let (before, _) = warning.split_once("additional results")?;
    before.split_whitespace().next_back()?.parse().ok()
}

fn body(flow: Flow, lease: Lease, silence: Duration) -> BodyStream {
    lease.rests();
    let next = move |(mut flow, lease): (Flow, Lease)| async move {
        lease.works();
        let chunk = timeout(silence, flow.chunk()).await.map_err(|_| Fault::TimedOut).flatten();
        lease.rests();
        Ok(chunk.map_err(asked::broken)?.map(|bytes| (bytes, (flow, lease))))
    };
    stream::try_unfold((flow, lease), next).boxed()
}

impl Reply {
    /// The body as it comes.
    ///
    /// # Errors
    /// Nobody could tell whether it is whole.
    pub fn body(self) -> Result<BodyStream, Fault> {
        if self.framed { Ok(self.body) } else { Err(Fault::Nonsense) }
    }

    /// The body as it comes, for readers that know its end by what it says.
    pub fn unframed(self) -> BodyStream {
        self.body
    }

    /// The whole body, at most `most` bytes.
    ///
    /// # Errors
    /// It breaks off or is larger.
    pub async fn held(self, most: usize) -> Result<Bytes, Fault> {
        let mut body = self.body()?;
        let mut held = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            if held.len() + chunk.len() > most {
                return Err(Fault::TooLarge);
            }
            held.extend_from_slice(&chunk);
        }
        Ok(held.into())
    }

    /// The parts of a multipart body; another body is one part.
    ///
    /// # Errors
    /// There is nothing, its boundary is none, or nobody could tell whether it is whole.
    pub fn parts(self) -> Result<ReplyParts, Fault> {
        if self.nothing {
            return Err(Fault::NotFound);
        }
        let media = self.media.clone().ok_or(Fault::Nonsense)?;
        if media.is_related() {
            return ReplyParts::related(media, self.body);
        }
        let body = self.body()?;
        Ok(ReplyParts::single(media, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_for_their_numbers_only() {
        assert_eq!(content_range("bytes 5-9/100"), Some(5..10));
        for bad in
            ["bytes */100", "bytes 9-5/100", "items 1-2/3", "bytes 5-/9", "bytes 0-18446744073709551615/*"]
        {
            assert_eq!(content_range(bad), None, "{bad}");
        }
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!((date("Sun, 06 Nov 1994 08:49:37 GMT"), date("today")), (Some(then), None));
        assert_eq!(remaining("299 x: There are 17 additional results that can be requested"), Some(17));
        assert_eq!(remaining("299 x: The fuzzymatching parameter is not supported."), None);
        assert_eq!(remaining("299 x: There are additional results that can be requested"), None);
    }
}
