//! An instance that begins to arrive: which transfer syntax it has and whose it is, read off its first bytes. What the
//! server says beside it is not believed: some say nothing.

use crate::dicom::syntax::Encoding;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::{TransferSyntax, meta, value};
use crate::downstream;
use crate::origin::{ByteStream, Fault, Place};
use dicom_core::Tag;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Bytes among which the names must stand.
const MOST: usize = 256 << 10;

/// Bytes that are looked at more at a time.
const WINDOW: usize = 4 << 10;

const DEPTH: usize = 64;

/// Implicit VR Little Endian: what a file without a named syntax has (PS3.5 10.1).
const DEFAULT: &str = "1.2.840.10008.1.2";

/// An instance, all of whose bytes are still to be read.
pub(in crate::origin) struct Arrival {
    /// Its transfer syntax.
    pub syntax: String,
    /// Its path below the root; of a deflated one, which does not tell before it is inflated, that of what was asked for.
    pub path: String,
    /// Its bytes, as the server keeps them.
    pub bytes: ByteStream,
}

/// What the first bytes told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Names {
    syntax: String,
    series: Option<String>,
    instance: Option<String>,
}

impl Arrival {
    /// Reads as much as it takes; `asked` is what was asked for.
    pub(super) async fn of(mut bytes: ByteStream, asked: &Place) -> Result<Self, Fault> {
        let (mut held, mut chunks) = (Vec::new(), Vec::new());
        let wanted = asked.instance.is_none();
        let names = loop {
            let chunk = bytes.try_next().await?;
            let found = match &chunk {
                Some(chunk) => look(&mut held, chunk, wanted)?,
                None => Some(names(&held, true, wanted)?.ok_or(downstream::Fault::Nonsense)?),
            };
            chunks.extend(chunk);
            if let Some(names) = found {
                break names;
            }
        };
        let place = Place {
            study: asked.study.clone(),
            series: names.series.or_else(|| asked.series.clone()),
            instance: names.instance.or_else(|| asked.instance.clone()),
        };
        let known = asked.instance.is_some() || place.series.is_none();
        let path = if known { asked.path() } else { place.path() };
        let bytes = stream::iter(chunks.into_iter().map(Ok)).chain(bytes).boxed();
        Ok(Self { syntax: names.syntax, path, bytes })
    }
}

/// What is told once a chunk came; no more of it is held than that takes.
fn look(held: &mut Vec<u8>, chunk: &[u8], wanted: bool) -> Result<Option<Names>, Fault> {
    for window in chunk.chunks(WINDOW) {
        held.extend_from_slice(window);
        if let Some(names) = names(held, held.len() > MOST, wanted)? {
            return Ok(Some(names));
        }
    }
    Ok(None)
}

/// What the bytes tell; `None`: more are needed. The names of series and instance are looked for if they are `wanted`.
fn names(held: &[u8], complete: bool, wanted: bool) -> Result<Option<Names>, Fault> {
    let nonsense = |_| Fault::from(downstream::Fault::Nonsense);
    let Some(found) = meta::read(held, complete).map_err(nonsense)? else { return Ok(None) };
    if !found.found {
        return Err(downstream::Fault::Nonsense.into());
    }
    let syntax = found.transfer_syntax.unwrap_or_else(|| DEFAULT.to_owned());
    let mut names = Names { syntax, ..Names::default() };
    let known = TransferSyntax::of(&names.syntax);
    if !wanted || known.is_some_and(|syntax| syntax.deflated) {
        return Ok(Some(names));
    }
    let encoding = known.map_or(Encoding::ExplicitLittle, |syntax| syntax.encoding);
    let all = walk(held.get(found.data_at..).unwrap_or_default(), encoding, &mut names);
    Ok((all || complete).then_some(names))
}

/// Looks for the names; true if they were found or cannot come any more.
fn walk(data: &[u8], encoding: Encoding, names: &mut Names) -> bool {
    let mut walker = Walker::new(data, encoding, DEPTH);
    // A fault is, most of all, the end of what is there.
    while let Ok(Some(token)) = walker.next_token() {
        match token {
            Token::Element { tag, value, .. } => {
                let uid =
                    || value::ascii(value).filter(|uid| crate::dicom::uid::is_legal(uid)).map(str::to_owned);
                match tag {
                    Tag(0x0008, 0x0018) => names.instance = uid(),
                    Tag(0x0020, 0x000E) => names.series = uid(),
                    _ => {}
                }
                if tag >= Tag(0x0020, 0x000E) {
                    return true;
                }
            }
            Token::Sequence { .. } if walker.skip_sequence().is_err() => return false,
            _ => {}
        }
    }
    false
}

/// Bytes that are there.
#[cfg(test)]
pub(super) fn there(file: &[u8], step: usize) -> ByteStream {
    let chunks: Vec<_> = file.chunks(step).map(|chunk| Ok(bytes::Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks).boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicom::writer::Writer;
    use dicom_core::VR;

    fn file(syntax: &str) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(Tag(0x0008, 0x0018), VR::UI, "2.25.3");
        writer.begin_sequence(Tag(0x0008, 0x1140), true);
        writer.begin_item(true);
        writer.text(Tag(0x0020, 0x000E), VR::UI, "2.25.99");
        writer.end_item();
        writer.end_sequence();
        writer.text(Tag(0x0020, 0x000D), VR::UI, "2.25.1");
        writer.text(Tag(0x0020, 0x000E), VR::UI, "2.25.2");
        writer.element(Tag(0x7FE0, 0x0010), VR::OB, &[7; 400]);
        [meta::write("1.2", "2.25.3", syntax), writer.finish()].concat()
    }

    fn study() -> Place {
        Place { study: "2.25.1".into(), series: None, instance: None }
    }

    #[tokio::test]
    async fn the_first_bytes_tell_syntax_and_names_and_none_is_lost() {
        let file = file("1.2.840.10008.1.2.4.50");
        for step in [1, 50, 5000] {
            let arrival = Arrival::of(there(&file, step), &study()).await.unwrap();
            assert_eq!(arrival.path, "studies/2.25.1/series/2.25.2/instances/2.25.3", "{step}");
            assert_eq!(arrival.syntax, "1.2.840.10008.1.2.4.50");
            let bytes: Vec<bytes::Bytes> = arrival.bytes.try_collect().await.unwrap();
            assert_eq!(bytes.concat(), file);
        }
    }

    #[tokio::test]
    async fn what_is_asked_for_by_name_keeps_it_and_what_is_no_file_is_told() {
        let one = Place { series: Some("2.25.8".into()), instance: Some("2.25.9".into()), ..study() };
        let arrival = Arrival::of(there(&file("1.2.840.10008.1.2"), 64), &one).await.unwrap();
        assert_eq!(arrival.path, one.path());
        let deflated = Arrival::of(there(&file("1.2.840.10008.1.2.1.99"), 64), &study()).await.unwrap();
        assert_eq!(deflated.path, "studies/2.25.1");
        for rubbish in [&b""[..], b"<html>no</html>", &[b'x'; 1000]] {
            let fault = Arrival::of(there(rubbish, 7), &study()).await.err();
            assert_eq!(fault, Some(downstream::Fault::Nonsense.into()));
        }
    }
}
