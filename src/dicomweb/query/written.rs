//! A query as the path and query of a URI, for another server to read (PS3.18 8.3.4, 10.6.1). Servers differ in what they
//! decode: Orthanc (seen with its plugin 1.7) takes percent signs in values for themselves, and ignores a list of fields
//! with an encoded comma; so nothing is encoded that need not be, and each field stands alone.

use super::condition::Condition;
use super::{Include, Key, Query, path};
use crate::dicom::dictionary;
use crate::dicomweb::data_set::hex;
use crate::dicomweb::levels::Level;
use dicom_core::{Tag, VR};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unencoded in a value (RFC 3986 3.4): all but `&`, `=` and `+`, which mean something there.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b':')
    .remove(b'@')
    .remove(b'/')
    .remove(b'?');

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// As the standard has it: percent-encoded where need be.
    Encoded,
    /// With a wildcard for what would have to be encoded, for servers that do not decode. Finds more than was asked.
    Widened,
}

impl Query {
    /// The resource that is searched (PS3.18 Table 10.6.1-1), below the root.
    pub fn resource(&self) -> String {
        let mut path = String::new();
        if let Some(study) = &self.study {
            path.push_str(&format!("studies/{study}/"));
        }
        if let Some(series) = &self.series {
            path.push_str(&format!("series/{series}/"));
        }
        path.push_str(match self.level {
            Level::Study => "studies",
            Level::Series => "series",
            Level::Instance => "instances",
        });
        path
    }

    /// The parameters for a page. What is asked of attributes is asked to be returned, too, so that it can be looked at.
    pub fn parameters(&self, values: Values, limit: Option<u64>, offset: u64) -> String {
        let mut pairs: Vec<String> = Vec::new();
        for key in self.keys.iter().filter(|key| key.condition != Condition::Any) {
            if let (Some(creator), Some(tag)) = (&key.creator, key.path.last()) {
                let block = Tag(tag.group(), tag.element() >> 8);
                pairs.push(format!("{}={}", hex(block), utf8_percent_encode(creator, VALUE)));
            }
            pairs.push(format!("{}={}", path::name(&key.path), key.written(values)));
        }
        let fields = self.keys.iter().filter_map(|key| key.path.first().copied());
        let mut fields: Vec<Tag> = fields.collect();
        match &self.include {
            Include::All => pairs.push("includefield=all".to_owned()),
            Include::Tags(tags) => fields.extend(tags),
        }
        fields.sort_unstable();
        fields.dedup();
        pairs.extend(fields.into_iter().map(|tag| format!("includefield={}", hex(tag))));
        pairs.extend(limit.map(|limit| format!("limit={limit}")));
        pairs.extend((offset > 0).then(|| format!("offset={offset}")));
        pairs.join("&")
    }

    /// True if [`Values::Widened`] asks something else.
    pub fn can_be_widened(&self) -> bool {
        self.keys.iter().any(|key| key.written(Values::Encoded) != key.written(Values::Widened))
    }
}

impl Key {
    fn written(&self, values: Values) -> String {
        let text = match &self.condition {
            // Word by word is how we compare: the longest word tells most, and what is found is looked at again.
            Condition::Fuzzy(_) => {
                let words = self.text.split(|letter: char| !letter.is_alphanumeric());
                format!("*{}*", words.max_by_key(|word| word.len()).unwrap_or_default())
            }
            Condition::Uids(uids) => uids.join(","),
            _ => self.text.trim_matches(' ').to_owned(),
        };
        if values == Values::Widened && takes_wildcards(self.vr) {
            return widened(&text);
        }
        utf8_percent_encode(&text, VALUE).to_string()
    }
}

/// VRs whose values may hold wildcards (PS3.4 C.2.2.2.4).
fn takes_wildcards(vr: VR) -> bool {
    matches!(vr, VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UR | VR::UT)
}

fn widened(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        let mut bytes = [0; 4];
        let written = utf8_percent_encode(letter.encode_utf8(&mut bytes), VALUE).to_string();
        match written.starts_with('%') || letter == '*' {
            true if out.ends_with('*') => {}
            true => out.push('*'),
            false => out.push(letter),
        }
    }
    out
}

/// True if the standard obliges every server to match this attribute alone (PS3.18 Table 10.6.1-5); Study Description
/// beyond the table, which all known servers match.
pub fn is_matched_everywhere(key: &Key) -> bool {
    const REQUIRED: [Tag; 18] = [
        Tag(0x0008, 0x0016),
        Tag(0x0008, 0x0018),
        Tag(0x0008, 0x0020),
        Tag(0x0008, 0x0030),
        Tag(0x0008, 0x0050),
        Tag(0x0008, 0x0060),
        Tag(0x0008, 0x0061),
        Tag(0x0008, 0x0090),
        Tag(0x0008, 0x1030),
        Tag(0x0010, 0x0010),
        Tag(0x0010, 0x0020),
        Tag(0x0020, 0x000D),
        Tag(0x0020, 0x000E),
        Tag(0x0020, 0x0010),
        Tag(0x0020, 0x0011),
        Tag(0x0020, 0x0013),
        Tag(0x0040, 0x0244),
        Tag(0x0040, 0x0245),
    ];
    let alone =
        matches!(key.path.as_slice(), [tag] if REQUIRED.contains(tag) && !dictionary::is_private(*tag));
    key.condition == Condition::Any || (alone && !matches!(key.condition, Condition::Fuzzy(_)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Scope;
    use super::*;

    fn query(level: Level, parameters: &str) -> Query {
        Query::parse(Scope { level, study: None, series: None }, parameters).unwrap()
    }

    fn written(parameters: &str, values: Values) -> String {
        query(Level::Study, parameters).parameters(values, None, 0)
    }

    #[test]
    fn what_was_read_is_written_so_that_it_reads_the_same() {
        for parameters in [
            "PatientID=A-1&StudyDate=20240101-&limit=3",
            "PatientName=O'Brien^*&ReferringPhysicianName=%C3%A4",
            "StudyInstanceUID=1.2%5C1.3&includefield=00081030%2C00080060",
            "00101002.00100020=x%20y&includefield=all",
            "fuzzymatching=true&PatientName=ro",
            "StudyDescription=a%26b%3Dc%2Bd%25",
        ] {
            let query = query(Level::Study, parameters);
            let again = query.parameters(Values::Encoded, query.limit, query.offset);
            let again = self::query(Level::Study, &again);
            for (one, other) in query.keys.iter().zip(&again.keys) {
                let same = one.condition == other.condition || matches!(one.condition, Condition::Fuzzy(_));
                assert!(same && one.path == other.path, "{parameters}");
            }
            assert_eq!((query.limit, query.keys.len()), (again.limit, again.keys.len()), "{parameters}");
        }
    }

    #[test]
    fn nothing_is_encoded_that_need_not_be_and_each_field_stands_alone() {
        let text = written(
            "PatientName=*ro*&StudyDate=20240101-20240131&includefield=00081030,00080061",
            Values::Encoded,
        );
        assert_eq!(
            text,
            "PatientName=*ro*&StudyDate=20240101-20240131&includefield=00080020&includefield=00080061\
             &includefield=00081030&includefield=00100010"
        );
        let uids = written("StudyInstanceUID=1.2\\1.3", Values::Encoded);
        assert!(uids.starts_with("StudyInstanceUID=1.2,1.3&"), "{uids}");
        assert!(written("PatientName=A%5EB", Values::Encoded).starts_with("PatientName=A%5EB&"));
    }

    #[test]
    fn what_would_have_to_be_encoded_can_be_widened_instead() {
        let wide = |text: &str| written(text, Values::Widened).split('&').next().unwrap().to_owned();
        assert_eq!(wide("PatientName=A%5EB%20%C3%A4%C3%B6c*"), "PatientName=A*B*c*");
        assert_eq!(wide("fuzzymatching=true&PatientName=jo%20Smith"), "PatientName=*Smith*");
        let study = |text: &str| query(Level::Study, text).can_be_widened();
        assert!(study("PatientName=A%5EB") && !study("PatientName=A*") && !study("StudyTime=10"));
    }

    #[test]
    fn resources_and_private_attributes_are_named_as_the_standard_does() {
        let scope = Scope { level: Level::Instance, study: Some("1.2"), series: Some("1.3") };
        let query = Query::parse(scope, "00090010=ACME&00091001=x").unwrap();
        assert_eq!(query.resource(), "studies/1.2/series/1.3/instances");
        let parameters = query.parameters(Values::Encoded, Some(2), 5);
        assert_eq!(parameters, "00090010=ACME&00091001=x&includefield=00091001&limit=2&offset=5");
        assert!(!query.keys.iter().all(is_matched_everywhere));
        assert!(
            self::query(Level::Study, "PatientID=x&StudyDate=20240101")
                .keys
                .iter()
                .all(is_matched_everywhere)
        );
        assert!(
            !self::query(Level::Study, "fuzzymatching=true&PatientName=x")
                .keys
                .iter()
                .all(is_matched_everywhere)
        );
    }
}
