//! STOW: instances on their way to the downstream server. How they are grouped into requests is `destination`'s.

use super::asked::Asked;
use super::body::Feed;
use super::fault::{self, Fault};
use super::{Downstream, retry_after};
use crate::dicomweb::store_answer::StoreAnswer;
use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;

/// Most bytes of an answer that are read.
const MAX_ANSWER: usize = 16 << 20;

impl Downstream {
    /// STOW of a body that lies whole in memory, which may be repeated: a store of the
    /// same pseudonymized instance again changes nothing (PS3.18 10.5).
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn store_whole(&self, content_type: &str, body: &[Bytes]) -> Result<StoreAnswer, Fault> {
        let mut attempt = 0;
        loop {
            let feed = Feed::whole(body.to_vec());
            let fault = match self.store(content_type, feed).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if !fault.is_passing() || attempt >= self.settings.retries {
                return Err(fault);
            }
            tokio::time::sleep(fault::pause(fault, attempt)).await;
            attempt += 1;
        }
    }

    /// STOW of a body that is still coming in. Repeated only if it was not begun.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn store_stream(&self, content_type: &str, feed: Feed) -> Result<StoreAnswer, Fault> {
        let mut attempt = 0;
        let stored = loop {
            let stored = self.store(content_type, feed.clone()).await;
            let again = stored.as_ref().err() == Some(&Fault::Unreachable) && !feed.is_begun();
            if !again || attempt >= self.settings.retries {
                break stored;
            }
            tokio::time::sleep(fault::pause(Fault::Unreachable, attempt)).await;
            attempt += 1;
        };
        feed.close();
        stored
    }

    /// One attempt.
    async fn store(&self, content_type: &str, feed: Feed) -> Result<StoreAnswer, Fault> {
        let asked = Asked::begin("POST");
        let answer = self.attempt_store(&asked, content_type, feed).await;
        asked.ended(&answer);
        answer
    }

    async fn attempt_store(
        &self,
        asked: &Asked,
        content_type: &str,
        feed: Feed,
    ) -> Result<StoreAnswer, Fault> {
        let length = feed.len();
        let mut request = asked
            .name(self.authorized(self.http.post(format!("{}/studies", self.settings.url))))
            .header("Content-Type", content_type)
            .header("Accept", "application/dicom+json");
        if let Some(length) = length {
            request = request.header("Content-Length", length);
        }
        let watch = feed.clone();
        let request = request.body(reqwest::Body::wrap_stream(feed.stream()));
        tokio::select! {
            answer = exchange(request) => answer,
            () = watch.stalled(self.settings.answer) => Err(Fault::TimedOut),
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<StoreAnswer, Fault> {
    let mut response = request.send().await.map_err(|error| fault::of_error(&error))?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    match status {
        401 | 403 | 407 => return Err(Fault::Denied),
        429 | 502 | 503 => return Err(Fault::Busy { retry_after }),
        408 | 504 => return Err(Fault::TimedOut),
        _ => {}
    }
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault::of_error(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Fault::Nonsense);
        }
        body.extend_from_slice(&chunk);
    }
    let content_type = content_type.as_ref().and_then(|it| it.to_str().ok());
    let answer = StoreAnswer::parse(content_type, &body);
    match answer.filter(|answer| answer.stored + answer.failed + answer.other.len() > 0) {
        Some(answer) => Ok(answer),
        None if (200..300).contains(&status) => Err(Fault::Nonsense),
        None => Err(Fault::Refused(status)),
    }
}
