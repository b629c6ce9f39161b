//! Instances for the clause tests: a sample with elements of the test's own, through an engine, read again.

use crate::drive;
use crate::support::build::{Element, Length, Part10, sequence, text};
use crate::support::samples::{self, sop};
use crate::support::walk::{Content, Leaf, Walked, walk};
use crate::support::{Tag, syntax};
use veilgate::deid::engine::Engine;

/// Basic Text SR.
pub const BASIC_TEXT_SR: &str = "1.2.840.10008.5.1.4.1.1.88.11";
/// Grayscale Softcopy Presentation State.
pub const PRESENTATION_STATE: &str = "1.2.840.10008.5.1.4.1.1.11.1";
/// Segmentation.
pub const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";
/// Dermoscopic photography, for what comes with cameras.
pub const PHOTOGRAPHY: &str = "1.2.840.10008.5.1.4.1.1.77.1.4";

/// A CT slice with these elements in place of its own of the same tags.
pub fn ct(more: Vec<Element>) -> Part10 {
    with(samples::ct(syntax::EXPLICIT_LE, 1), more)
}

/// An instance of another class, without pixels.
pub fn of_class(class: &str, more: Vec<Element>) -> Part10 {
    with(Part10::new(syntax::EXPLICIT_LE, samples::identified(class, "OT", 1)), more)
}

/// The file with these elements in place of its own of the same tags.
pub fn with(mut file: Part10, more: Vec<Element>) -> Part10 {
    file.elements.retain(|old| more.iter().all(|new| new.tag != old.tag));
    file.elements.extend(more);
    file.sorted()
}

/// What the engine makes of a file, read by the independent walker.
pub fn out(engine: &Engine, file: &Part10) -> Walked {
    let walked = walk(&drive::done(engine, &file.write()));
    assert_eq!(walked.fault, None);
    walked
}

/// The same under a preset.
pub fn basic(file: &Part10) -> Walked {
    out(&drive::preset("basic"), file)
}

/// An engine of the Basic Profile with these options.
pub fn options(names: &[&str]) -> Engine {
    drive::custom(&format!("base = \"basic\"\noptions = {names:?}\n"))
}

/// One item of a sequence of defined length.
pub fn item(tag: Tag, elements: Vec<Element>) -> Element {
    sequence(tag, Length::Defined, vec![elements])
}

/// A reference to a CT instance.
pub fn reference(tag: Tag, uid: &str) -> Element {
    item(tag, vec![text((0x0008, 0x1150), b"UI", sop::CT), text((0x0008, 0x1155), b"UI", uid)])
}

/// A code triple in a sequence.
pub fn code(tag: Tag, value: &str, scheme: &str, meaning: &str) -> Element {
    let triple = [(0x0100, b"SH", value), (0x0102, b"SH", scheme), (0x0104, b"LO", meaning)]
        .map(|(element, vr, value)| text((8, element), vr, value));
    item(tag, triple.to_vec())
}

/// Where a leaf stands in the first items of these sequences.
pub fn inside<'a>(walked: &'a Walked, path: &[Tag], tag: Tag) -> Option<&'a Leaf> {
    let path: Vec<_> = path.iter().map(|tag| (*tag, 0)).collect();
    walked.leaves.iter().find(|leaf| leaf.tag == tag && leaf.path == path)
}

/// Text of such a leaf without its padding.
pub fn text_inside(walked: &Walked, path: &[Tag], tag: Tag) -> Option<String> {
    let bytes = inside(walked, path, tag)?.bytes();
    Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' ']).to_owned())
}

/// The number of items of a top-level sequence; None when it is absent.
pub fn items(walked: &Walked, tag: Tag) -> Option<usize> {
    match walked.top(tag)?.content {
        Content::Sequence(count) => Some(count),
        _ => Some(0),
    }
}

/// Whether any leaf at any depth has the tag.
pub fn anywhere(walked: &Walked, tag: Tag) -> bool {
    walked.leaves.iter().any(|leaf| leaf.tag == tag)
}
