//! Any bytes through the splitter: no panic, nothing lost, and the same parts however the bytes are cut. The first byte
//! chooses the size of the chunks.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use veilgate::dicom::Fault;
use veilgate::dicom::instance::{Event, Head, Limits};
use veilgate::dicom::splitter::Splitter;

/// Head, bulk value and tail, the pieces of the bulk value joined.
type Parts = (Option<Head>, Vec<u8>, Vec<u8>);

fn split(bytes: &Bytes, step: usize) -> Result<Parts, Fault> {
    let limits = Limits { head: 1 << 20, depth: 32, inflated: 4 << 20 };
    let (mut splitter, mut events) = (Splitter::new(limits), Vec::new());
    for at in (0..bytes.len()).step_by(step) {
        splitter.push(bytes.slice(at..bytes.len().min(at + step)), &mut events)?;
    }
    splitter.finish(&mut events)?;
    let mut parts = Parts::default();
    for event in events {
        match event {
            Event::Head(head) => parts.0 = Some(head),
            Event::Bulk(piece) => parts.1.extend_from_slice(&piece),
            Event::Tail(tail) => parts.2 = tail,
        }
    }
    Ok(parts)
}

fuzz_target!(|data: &[u8]| {
    let Some((step, rest)) = data.split_first() else { return };
    let bytes = Bytes::copy_from_slice(rest);
    let whole = split(&bytes, bytes.len().max(1));
    let pieces = split(&bytes, usize::from(*step) + 1);
    assert_eq!(whole.is_ok(), pieces.is_ok());
    if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
        assert!(whole == pieces, "chunks of {} split otherwise", usize::from(*step) + 1);
    }
});
