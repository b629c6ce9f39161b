//! Compressed frames on their way out: what is said in them beside the picture goes, as in instances.

use super::Fault;
use crate::dicom;
use crate::dicom::comments::CodeStreams;
use crate::downstream;
use crate::origin::part::{Content, Part};
use crate::origin::pass::{Pass, through};
use bytes::Bytes;

/// The frame as it may be shown. As many bytes come, from start to end.
pub(super) fn without(part: Part) -> Part {
    match part.transfer_syntax.and_then(CodeStreams::of) {
        Some(streams) => {
            let length = part.content.length;
            Part { content: Content::stream(length, through(part.content.whole(), streams)), ..part }
        }
        None => part,
    }
}

/// Compressed pixels inside an item, of which nobody says what they are.
pub(super) fn bare(value: Bytes) -> Result<Bytes, Fault> {
    CodeStreams::of_any().push(value).map_err(|_| downstream::Fault::Nonsense.into())
}

/// Whose frame is not what its transfer syntax says has answered nonsense.
impl Pass for CodeStreams {
    fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let nonsense = |_: dicom::Fault| Fault::from(downstream::Fault::Nonsense);
        out.push(CodeStreams::push(self, bytes).map_err(nonsense)?);
        Ok(())
    }

    fn finish(self, _: &mut Vec<Bytes>) -> Result<(), Fault> {
        Ok(())
    }
}
