//! The manifest of an archive that goes back to its sender: what became of each file, in
//! the order sent. Says why in tags and words, never by a value of a data set.

use crate::dicom::dictionary;
use dicom_core::Tag;
use serde::Serialize;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Pseudonymized and in the archive.
    Done,
    /// Refused.
    Refused,
    /// Pseudonymized, but lost on its way into the archive.
    Undelivered,
}

/// One file of a request.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct FileFate {
    /// Its place in the request, counted from 1.
    pub index: usize,
    /// The name it was sent under, which may identify: only for the sender's own archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its path in the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What became of it.
    pub outcome: Fate,
    /// Why not, as a short stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The attribute concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Its keyword in PS3.6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<&'static str>,
    /// Why not, in words with tag and clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of what came in, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_in: Option<String>,
    /// SHA-256 of what went out, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_out: Option<String>,
    /// SOP Instance UID of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sop_instance_uid: Option<String>,
}

impl FileFate {
    /// A file of which nothing else is known.
    pub fn new(index: usize, outcome: Fate) -> Self {
        Self {
            index,
            name: None,
            entry: None,
            outcome,
            code: None,
            tag: None,
            keyword: None,
            reason: None,
            sha256_in: None,
            sha256_out: None,
            sop_instance_uid: None,
        }
    }

    /// Names the attribute concerned, if there is one.
    pub fn about(self, tag: Option<Tag>) -> Self {
        Self {
            tag: tag.map(|Tag(group, element)| format!("({group:04X},{element:04X})")),
            keyword: tag.map(dictionary::keyword).filter(|keyword| !keyword.is_empty()),
            ..self
        }
    }

    /// Says why it is not in the archive.
    pub fn because(self, code: &'static str, reason: &impl ToString) -> Self {
        Self { code: Some(code), reason: Some(reason.to_string()), ..self }
    }
}

/// Shows place and fate only: a name may identify.
impl std::fmt::Debug for FileFate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileFate({} {:?})", self.index, self.outcome)
    }
}

/// The whole manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// What made the archive: `veilgate` and its version.
    pub made_by: &'static str,
    /// Files pseudonymized.
    pub processed: usize,
    /// Files that failed for another reason than the next.
    pub failed: usize,
    /// Files refused because their pixels may show who the patient is.
    pub rejected_burned_in: usize,
    /// The files, in the order sent.
    pub files: Vec<FileFate>,
}

impl Manifest {
    /// As the JSON file of the archive.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_unknown_of_a_file_is_left_out_and_debug_shows_no_name() {
        let name = Some("doe^jane.dcm".to_owned());
        let file = FileFate { name, ..FileFate::new(1, Fate::Refused) }.because("malformed", &"cut off");
        let file = file.about(Some(Tag(0x0028, 0x0301)));
        let manifest = Manifest {
            made_by: "veilgate",
            processed: 0,
            failed: 1,
            rejected_burned_in: 0,
            files: vec![file],
        };
        assert!(!format!("{manifest:?}").contains("jane"));
        let json: serde_json::Value = serde_json::from_slice(&manifest.to_json()).unwrap();
        let file = serde_json::json!({"index": 1, "name": "doe^jane.dcm", "outcome": "refused", "code": "malformed", "tag": "(0028,0301)", "keyword": "BurnedInAnnotation", "reason": "cut off"});
        assert_eq!(FileFate::new(1, Fate::Refused).about(Some(Tag(0x0029, 0x1010))).keyword, None, "private");
        assert_eq!(json.get("files").unwrap(), &serde_json::json!([file]));
    }
}
