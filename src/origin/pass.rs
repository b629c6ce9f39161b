//! What instances pass through on their way from a server to a client or a spool: they come out changed, as fast as they
//! are taken.

use super::{ByteStream, Fault};
use crate::dicom::plain::Plain;
use crate::downstream;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Takes the bytes of one instance as they come, and gives others.
pub(super) trait Pass: Send + 'static {
    /// Takes the next bytes; what can go on is appended to `out`.
    fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault>;

    /// The instance is complete.
    fn finish(self, out: &mut Vec<Bytes>) -> Result<(), Fault>;
}

/// The bytes once they have passed. An error ends them; so does one of the pass.
pub(super) fn through(bytes: ByteStream, pass: impl Pass) -> ByteStream {
    let next = |(mut bytes, pass): (ByteStream, Option<_>)| async move {
        let Some(mut pass) = pass else { return Ok(None) };
        let mut out = Vec::new();
        let pass = match bytes.try_next().await? {
            Some(chunk) => {
                Pass::push(&mut pass, chunk, &mut out)?;
                Some(pass)
            }
            None => {
                Pass::finish(pass, &mut out)?;
                None
            }
        };
        Ok::<_, Fault>(Some((stream::iter(out.into_iter().map(Ok)), (bytes, pass))))
    };
    stream::try_unfold((bytes, Some(pass)), next).try_flatten().boxed()
}

/// Whose instance cannot be read has answered nonsense.
impl Pass for Plain {
    fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        Plain::push(self, bytes, out).map_err(|_| downstream::Fault::Nonsense.into())
    }

    fn finish(self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        Plain::finish(self, out).map_err(|_| downstream::Fault::Nonsense.into())
    }
}
