//! Any bytes as a multipart body: no panic, the same parts however the bytes are cut, and no byte of a part that was not
//! sent. The first byte chooses the size of the chunks; the boundary is `XX`.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use veilgate::dicomweb::parts::{PartEvent, Parts, PartsError};

/// The events, pieces of a part joined.
fn read(bytes: &Bytes, step: usize) -> Result<Vec<PartEvent>, PartsError> {
    let (mut parts, mut events) = (Parts::new("XX")?, Vec::new());
    for at in (0..bytes.len()).step_by(step) {
        parts.push(bytes.slice(at..bytes.len().min(at + step)), &mut events)?;
    }
    parts.finish(&mut events)?;
    let mut joined: Vec<PartEvent> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(PartEvent::Data(before)), PartEvent::Data(more)) => {
                *before = [&before[..], &more[..]].concat().into()
            }
            (_, event) => joined.push(event),
        }
    }
    Ok(joined)
}

fuzz_target!(|data: &[u8]| {
    let Some((step, rest)) = data.split_first() else { return };
    let bytes = Bytes::copy_from_slice(rest);
    let whole = read(&bytes, bytes.len().max(1));
    let pieces = read(&bytes, usize::from(*step) + 1);
    assert!(whole == pieces, "chunks of {}: {whole:?} and {pieces:?}", usize::from(*step) + 1);
    for event in whole.iter().flatten() {
        if let PartEvent::Data(part) = event {
            assert!(rest.windows(part.len()).any(|sent| sent == part), "bytes of a part that nobody sent");
        }
    }
});
