//! Any bytes as DICOM JSON or Native DICOM Model of a store request: no panic, and what can be put together is an instance
//! that the splitter reads to its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veilgate::dicom::instance::Limits;
use veilgate::dicom::splitter::Splitter;
use veilgate::dicomweb::metadata::{MetadataFault, MetadataInstance};
use veilgate::dicomweb::{json_in, xml_in};

fn put_together(read: Result<MetadataInstance, MetadataFault>) {
    let Ok(instance) = read else { return };
    let Ok(chunks) = instance.assemble(&|_| None) else { return };
    let (mut splitter, mut events) = (Splitter::new(Limits::default()), Vec::new());
    let pushed = chunks.into_iter().try_for_each(|chunk| splitter.push(chunk, &mut events));
    let read = pushed.and_then(|()| splitter.finish(&mut events));
    assert!(read.is_ok(), "what was put together cannot be read: {:?}", read.err());
}

fuzz_target!(|data: &[u8]| {
    if let Ok(instances) = json_in::parse(data) {
        instances.into_iter().for_each(put_together);
    }
    put_together(xml_in::parse(data));
});
