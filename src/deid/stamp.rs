//! The marks that a de-identified instance carries (PS3.15 E.1.1, PS3.3 C.7.1.1 and
//! C.12.1). Which codes are earned is decided in `plan`.

use super::option::codes;
use super::plan::Plan;
use crate::dicom::token::Token;
use crate::dicom::value;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};

/// Patient Identity Removed.
pub const IDENTITY_REMOVED: Tag = Tag(0x0012, 0x0062);
/// De-identification Method.
pub const METHOD: Tag = Tag(0x0012, 0x0063);
/// De-identification Method Code Sequence.
pub const METHOD_CODES: Tag = Tag(0x0012, 0x0064);
/// Longitudinal Temporal Information Modified.
pub const LONGITUDINAL: Tag = Tag(0x0028, 0x0303);

/// True for attributes that the gateway writes itself, at top level.
pub fn is_stamp(tag: Tag) -> bool {
    matches!(tag, IDENTITY_REMOVED | METHOD | METHOD_CODES | LONGITUDINAL)
}

/// What earlier de-identification left behind: steps append, they do not overwrite.
#[derive(Debug, Clone, Default)]
pub struct Prior {
    method: Vec<u8>,
    codes: Vec<String>,
    longitudinal: String,
}

impl Prior {
    /// Notes a top-level element.
    pub fn see(&mut self, tag: Tag, bytes: &[u8]) {
        match tag {
            METHOD => self.method = known_texts(value::trimmed(bytes)),
            LONGITUDINAL => self.longitudinal = value::ascii(bytes).unwrap_or_default().to_owned(),
            _ => {}
        }
    }

    /// Notes a Code Value inside the Method Code Sequence. Only codes of CID 7050 are
    /// carried over: anything else in there is free text.
    pub fn see_code(&mut self, bytes: &[u8]) {
        if let Some(code) = value::ascii(bytes).filter(|code| is_cid_7050(code)) {
            self.codes.push(code.to_owned());
        }
    }
}

/// Stands for the text of an earlier step: free text, which may say whose data it was.
const EARLIER: &str = "Earlier step, its text removed";

/// The values of an earlier (0012,0063) as they may stay: ours word for word, one remark
/// for all others.
fn known_texts(value: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in value.split(|byte| *byte == b'\\').map(value::trimmed).filter(|part| !part.is_empty()) {
        let ours = part.starts_with(b"Veilgate: PS3.15 ") && part.iter().all(|byte| is_own_text(*byte));
        let text = if ours { part } else { EARLIER.as_bytes() };
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept.join(&b'\\')
}

/// The characters of our own method texts, which name an edition and options.
fn is_own_text(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b" VPSB.:,-()".contains(&byte)
}

fn is_cid_7050(code: &str) -> bool {
    meaning(code).is_some()
}

/// The Code Meaning of a code of CID 7050.
fn meaning(value: &str) -> Option<&'static str> {
    codes().iter().find(|code| code.value == value).map(|code| code.meaning)
}

/// The stamps of one instance, in ascending order of their tags, encoded.
pub fn stamps(plan: &Plan, prior: &Prior) -> Vec<(Tag, Vec<u8>)> {
    let removed = if plan.removes_identity() { "YES" } else { "NO" };
    vec![
        (IDENTITY_REMOVED, one(|out| out.text(IDENTITY_REMOVED, VR::CS, removed))),
        (METHOD, one(|out| method(out, plan, prior))),
        (METHOD_CODES, one(|out| method_codes(out, plan, prior))),
        (LONGITUDINAL, one(|out| out.text(LONGITUDINAL, VR::CS, longitudinal(plan, prior)))),
    ]
}

fn one(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    write(&mut out);
    out.finish()
}

/// (0012,0063), LO 1-n: earlier texts byte for byte, then ours where not there already.
fn method(out: &mut Writer, plan: &Plan, prior: &Prior) {
    let mut value = prior.method.clone();
    for text in plan.method() {
        let known = value.split(|byte| *byte == b'\\').any(|part| value::trimmed(part) == text.as_bytes());
        if !known {
            if !value.is_empty() {
                value.push(b'\\');
            }
            value.extend_from_slice(text.as_bytes());
        }
    }
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    out.element(METHOD, VR::LO, &value);
}

/// (0012,0064): one item per code; nothing at all if no code is earned or inherited.
fn method_codes(out: &mut Writer, plan: &Plan, prior: &Prior) {
    let ours = plan.codes().iter().map(|code| code.value);
    let earlier: Vec<&str> =
        prior.codes.iter().map(String::as_str).filter(|code| !ours.clone().any(|our| our == *code)).collect();
    let all: Vec<&str> = earlier.into_iter().chain(ours).collect();
    if all.is_empty() {
        return;
    }
    out.begin_sequence(METHOD_CODES, false);
    for code in all {
        out.begin_item(false);
        out.text(Tag(0x0008, 0x0100), VR::SH, code);
        out.text(Tag(0x0008, 0x0102), VR::SH, "DCM");
        out.text(Tag(0x0008, 0x0104), VR::LO, meaning(code).unwrap_or_default());
        out.end_item();
    }
    out.end_sequence();
}

/// (0028,0303): what was removed or modified once stays so, whatever is done now.
fn longitudinal(plan: &Plan, prior: &Prior) -> &'static str {
    const ORDER: [&str; 3] = ["UNMODIFIED", "MODIFIED", "REMOVED"];
    let rank = |text: &str| ORDER.iter().position(|word| *word == text).unwrap_or(0);
    let rank = rank(plan.longitudinal()).max(rank(&prior.longitudinal));
    ORDER.get(rank).copied().unwrap_or("REMOVED")
}

/// Reads the code values of a Method Code Sequence that the walker has just opened.
pub fn read_codes(walker: &mut Walker<'_>, prior: &mut Prior) -> Result<(), crate::dicom::Fault> {
    let outside = walker.depth().saturating_sub(1);
    while walker.depth() > outside {
        if let Some(Token::Element { tag: Tag(0x0008, 0x0100), value, .. }) = walker.next_token()? {
            prior.see_code(value);
        }
    }
    Ok(())
}
