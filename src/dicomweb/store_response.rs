//! The Store Instances Response Module (PS3.18 10.5.3.3, Annex I): built in the order
//! sent, as DICOM JSON or Native DICOM Model. Which reason fits is decided above.

use super::xml_out;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use std::borrow::Cow;

/// Status codes of the module (PS3.18 I.2). In DICOM JSON they are decimal numbers.
pub mod code {
    /// Warning: values were coerced (B000H).
    pub const COERCED: u16 = 0xB000;
    /// Warning: elements were discarded (B006H).
    pub const ELEMENTS_DISCARDED: u16 = 0xB006;
    /// Warning: the data set does not match its SOP class (B007H).
    pub const NOT_MATCHED_WARNING: u16 = 0xB007;
    /// Failure: out of resources (A700H).
    pub const OUT_OF_RESOURCES: u16 = 0xA700;
    /// Failure: the data set does not match its SOP class (A900H).
    pub const NOT_MATCHED: u16 = 0xA900;
    /// Failure: cannot understand (C000H).
    pub const CANNOT_UNDERSTAND: u16 = 0xC000;
    /// Failure: the transfer syntax is not supported (C122H).
    pub const SYNTAX_NOT_SUPPORTED: u16 = 0xC122;
    /// Failure: processing failed (0110H).
    pub const PROCESSING_FAILURE: u16 = 0x0110;
    /// Failure: the SOP class is not supported (0122H).
    pub const CLASS_NOT_SUPPORTED: u16 = 0x0122;
    /// Failure: refused, not authorized (0124H, PS3.7 Annex C).
    pub const NOT_AUTHORIZED: u16 = 0x0124;
}

const RETRIEVE_URL: Tag = Tag(0x0008, 0x1190);
const REFERENCED_SOP_SEQUENCE: Tag = Tag(0x0008, 0x1199);
const FAILED_SOP_SEQUENCE: Tag = Tag(0x0008, 0x1198);
const OTHER_FAILURES_SEQUENCE: Tag = Tag(0x0008, 0x119A);
const REFERENCED_SOP_CLASS: Tag = Tag(0x0008, 0x1150);
const REFERENCED_SOP_INSTANCE: Tag = Tag(0x0008, 0x1155);
const WARNING_REASON: Tag = Tag(0x0008, 0x1196);
const FAILURE_REASON: Tag = Tag(0x0008, 0x1197);

/// What became of the instances of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreResponse {
    /// Retrieve URL of the study, if there is exactly one (PS3.18 I.1).
    pub retrieve_url: Option<String>,
    /// One outcome per instance or part, in the order sent.
    pub outcomes: Vec<Outcome>,
}

/// What became of one instance. All UIDs are pseudonymous ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored: an item of Referenced SOP Sequence.
    Stored {
        /// SOP Class UID.
        sop_class: String,
        /// SOP Instance UID as stored.
        sop_instance: String,
        /// Where to retrieve it, if it was kept.
        retrieve_url: Option<String>,
        /// Warning Reason, if it was stored with one.
        warning: Option<u16>,
    },
    /// Refused: an item of Failed SOP Sequence.
    Failed {
        /// SOP Class UID.
        sop_class: String,
        /// SOP Instance UID as it would have been stored.
        sop_instance: String,
        /// Failure Reason: the single best code (PS3.18 I.2).
        reason: u16,
        /// The reason in words, without any value of the data set.
        detail: Cow<'static, str>,
    },
    /// Not even an instance: an item of Other Failures Sequence.
    Other {
        /// Failure Reason.
        reason: u16,
        /// The reason in words, without any value of the data set.
        detail: Cow<'static, str>,
    },
}

/// A failure in words. The module has no attribute for it (Error Comment (0000,0902) is a
/// command element, which no data set may hold), so it travels beside the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem<'a> {
    /// Place of the instance in the request, counted from 1.
    pub position: usize,
    /// Failure Reason.
    pub reason: u16,
    /// The reason in words.
    pub detail: &'a str,
}

impl StoreResponse {
    /// Instances stored, with or without a warning.
    pub fn stored(&self) -> usize {
        self.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Stored { .. })).count()
    }

    /// Instances stored with a warning.
    pub fn warned(&self) -> usize {
        let warned = |outcome: &&Outcome| matches!(outcome, Outcome::Stored { warning: Some(_), .. });
        self.outcomes.iter().filter(warned).count()
    }

    /// Instances and parts not stored.
    pub fn failed(&self) -> usize {
        self.outcomes.len() - self.stored()
    }

    /// The HTTP status (PS3.18 10.5.3.1): 200 if all is well, 202 with any warning or
    /// failure, 409 if nothing was stored.
    pub fn status(&self) -> u16 {
        match (self.stored(), self.failed() + self.warned()) {
            (0, _) => 409,
            (_, 0) => 200,
            _ => 202,
        }
    }

    /// The failures in words, in the order sent.
    pub fn problems(&self) -> impl Iterator<Item = Problem<'_>> {
        self.outcomes.iter().enumerate().filter_map(|(place, outcome)| match outcome {
            Outcome::Stored { .. } => None,
            Outcome::Failed { reason, detail, .. } | Outcome::Other { reason, detail } => {
                Some(Problem { position: place + 1, reason: *reason, detail })
            }
        })
    }

    /// The module as a data set (PS3.18 Table I.1-1).
    pub fn data_set(&self) -> InMemDicomObject {
        let items = |wanted: Tag| -> Vec<_> {
            self.outcomes.iter().filter(|outcome| outcome.sequence() == wanted).map(Outcome::item).collect()
        };
        let mut set = InMemDicomObject::from_element_iter([url(self.retrieve_url.as_deref())]);
        for tag in [FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE, OTHER_FAILURES_SEQUENCE] {
            let items = items(tag);
            if !items.is_empty() {
                set.put(DataElement::new(tag, VR::SQ, dicom_core::value::DataSetSequence::from(items)));
            }
        }
        set
    }

    /// As `application/dicom+json`, which is sent without charset parameter: the type
    /// has none, and clients compare it literally (PS3.18 F.2).
    pub fn to_json(&self) -> Vec<u8> {
        // Only a failing writer or a map with keys other than text makes this fail.
        dicom_json::to_vec(&self.data_set()).unwrap_or_default()
    }

    /// As one Native DICOM Model document, for a part of type `application/dicom+xml`.
    pub fn to_xml(&self) -> String {
        xml_out::document(&self.data_set())
    }
}

impl Outcome {
    /// The sequence that this outcome is an item of (PS3.18 I.1).
    fn sequence(&self) -> Tag {
        match self {
            Self::Stored { .. } => REFERENCED_SOP_SEQUENCE,
            Self::Failed { .. } => FAILED_SOP_SEQUENCE,
            Self::Other { .. } => OTHER_FAILURES_SEQUENCE,
        }
    }

    fn item(&self) -> InMemDicomObject {
        let uids = |class: &str, instance: &str| {
            [uid(REFERENCED_SOP_CLASS, class), uid(REFERENCED_SOP_INSTANCE, instance)]
        };
        let elements: Vec<InMemElement> = match self {
            Self::Stored { sop_class, sop_instance, retrieve_url, warning } => {
                let warning = warning.map(|reason| number(WARNING_REASON, reason));
                let rest = std::iter::once(url(retrieve_url.as_deref())).chain(warning);
                uids(sop_class, sop_instance).into_iter().chain(rest).collect()
            }
            Self::Failed { sop_class, sop_instance, reason, .. } => {
                uids(sop_class, sop_instance).into_iter().chain([number(FAILURE_REASON, *reason)]).collect()
            }
            Self::Other { reason, .. } => vec![number(FAILURE_REASON, *reason)],
        };
        InMemDicomObject::from_element_iter(elements)
    }
}

fn uid(tag: Tag, value: &str) -> InMemElement {
    DataElement::new(tag, VR::UI, text(Some(value)))
}

fn url(value: Option<&str>) -> InMemElement {
    DataElement::new(RETRIEVE_URL, VR::UR, text(value))
}

fn number(tag: Tag, value: u16) -> InMemElement {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

/// An empty value has no Value member (PS3.18 F.2.5).
fn text(value: Option<&str>) -> PrimitiveValue {
    value.filter(|text| !text.is_empty()).map_or(PrimitiveValue::Empty, PrimitiveValue::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn stored(instance: &str, warning: Option<u16>) -> Outcome {
        let url = Some(format!("http://h/studies/1/series/2/instances/{instance}"));
        Outcome::Stored {
            sop_class: CT.to_owned(),
            sop_instance: instance.to_owned(),
            retrieve_url: url,
            warning,
        }
    }

    fn failed(instance: &str, reason: u16) -> Outcome {
        let detail = Cow::Borrowed("burned-in text");
        Outcome::Failed { sop_class: CT.to_owned(), sop_instance: instance.to_owned(), reason, detail }
    }

    fn other(reason: u16) -> Outcome {
        Outcome::Other { reason, detail: Cow::Borrowed("no DICOM") }
    }

    fn json_of(outcomes: Vec<Outcome>) -> Value {
        serde_json::from_slice(&StoreResponse { retrieve_url: None, outcomes }.to_json()).unwrap()
    }

    #[test]
    fn stow_26_27_and_28_the_module_has_exactly_the_sequences_that_apply() {
        assert_eq!(json_of(vec![]), json!({"00081190": {"vr": "UR"}}));
        let mixed =
            json_of(vec![stored("2.25.1", None), failed("2.25.2", 0xA900), stored("2.25.3", Some(0xB000))]);
        let uids =
            |instance: &str| (json!({"vr": "UI", "Value": [CT]}), json!({"vr": "UI", "Value": [instance]}));
        let url = |instance: &str| json!({"vr": "UR", "Value": [format!("http://h/studies/1/series/2/instances/{instance}")]});
        let ((class, one), (_, two), (_, three)) = (uids("2.25.1"), uids("2.25.2"), uids("2.25.3"));
        assert_eq!(
            mixed,
            json!({
                "00081190": {"vr": "UR"},
                "00081198": {"vr": "SQ", "Value": [{"00081150": class, "00081155": two, "00081197": {"vr": "US", "Value": [43264]}}]},
                "00081199": {"vr": "SQ", "Value": [
                    {"00081150": class, "00081155": one, "00081190": url("2.25.1")},
                    {"00081150": class, "00081155": three, "00081190": url("2.25.3"), "00081196": {"vr": "US", "Value": [45056]}},
                ]},
            })
        );
    }

    #[test]
    fn stow_29_a_part_that_is_no_instance_has_a_failure_reason_only() {
        let json = json_of(vec![other(0xC000)]);
        let expected = json!({"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [49152]}}]});
        assert_eq!(json.get("0008119A"), Some(&expected));
    }

    #[test]
    fn stow_31_failure_reasons_are_decimal() {
        for (reason, decimal) in [
            (code::PROCESSING_FAILURE, 272),
            (code::CLASS_NOT_SUPPORTED, 290),
            (code::SYNTAX_NOT_SUPPORTED, 49442),
        ] {
            let json = json_of(vec![failed("2.25.1", reason)]);
            assert_eq!(json.pointer("/00081198/Value/0/00081197/Value/0"), Some(&json!(decimal)));
        }
    }

    #[test]
    fn json_03_tags_ascend() {
        let outcomes = vec![stored("2.25.1", Some(0xB006)), failed("2.25.2", 1), other(2)];
        let text = String::from_utf8(
            StoreResponse { retrieve_url: Some("http://h".to_owned()), outcomes }.to_json(),
        )
        .unwrap();
        let at = |tag: &str| text.find(tag).unwrap();
        assert!(text.starts_with("{\"00081190\""));
        assert!(at("00081198") < at("00081199") && at("00081199") < at("0008119A"));
        assert!(text.rfind("00081190").unwrap() < at("00081196"));
    }

    #[test]
    fn stow_21_22_and_23_the_status_follows_from_the_outcomes() {
        let status = |outcomes| StoreResponse { retrieve_url: None, outcomes }.status();
        assert_eq!(status(vec![stored("1", None)]), 200);
        assert_eq!(status(vec![stored("1", None), failed("2", 1)]), 202);
        assert_eq!(status(vec![stored("1", Some(0xB000))]), 202);
        assert_eq!(status(vec![failed("2", 1), other(2)]), 409);
    }

    #[test]
    fn the_reason_in_words_travels_beside_the_module() {
        let response =
            StoreResponse { retrieve_url: None, outcomes: vec![stored("1", None), failed("2", 7), other(8)] };
        let problems: Vec<_> =
            response.problems().map(|problem| (problem.position, problem.reason, problem.detail)).collect();
        assert_eq!(problems, [(2, 7, "burned-in text"), (3, 8, "no DICOM")]);
        assert!(!String::from_utf8(response.to_json()).unwrap().contains("burned"));
    }

    #[test]
    fn stow_25_the_response_is_a_native_dicom_model_too() {
        let xml = StoreResponse { retrieve_url: None, outcomes: vec![failed("2.25.2", 0x0110)] }.to_xml();
        assert!(xml.contains(
            "<DicomAttribute tag=\"00081190\" vr=\"UR\" keyword=\"RetrieveURL\"></DicomAttribute>"
        ));
        assert!(xml.contains(
            "<DicomAttribute tag=\"00081198\" vr=\"SQ\" keyword=\"FailedSOPSequence\"><Item number=\"1\">"
        ));
        assert!(
            xml.contains("keyword=\"FailureReason\"><Value number=\"1\">272</Value></DicomAttribute></Item>")
        );
    }
}
