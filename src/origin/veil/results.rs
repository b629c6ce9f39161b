//! Results of a search on their way out: the patient found out, every attribute decided about, names entered.

use super::patients::{ISSUER, text};
use super::{Fault, Veil};
use crate::deid::engine::{PATIENT_ID, SERIES, SOP_INSTANCE, STUDY, Subject};
use crate::deid::object;
use crate::deid::search::{Found, is_address};
use crate::dicom::dictionary;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::json_form::Json;
use crate::dicomweb::levels::Level;
use crate::dicomweb::query::Query;
use crate::dicomweb::{object_in, object_out};
use dicom_core::header::Header;
use dicom_core::{Tag, VR};

const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);

/// A result as it may be shown.
pub(super) struct Seen {
    /// What is shown of it.
    pub data: DataSet,
    /// Pseudonym of its patient.
    pub patient: String,
}

/// Attributes without which a result of this level cannot be translated.
pub(super) fn needed(level: Level) -> Vec<Tag> {
    let mut needed = vec![STUDY, PATIENT_ID, ISSUER];
    if level >= Level::Series {
        needed.push(SERIES);
    }
    if level == Level::Instance {
        needed.extend([SOP_INSTANCE, SOP_CLASS]);
    }
    needed
}

impl Veil {
    /// What the client's `query` shows of results, found by a query of original names. Their names are in the crosswalk
    /// when this is done. What has no name of its own, or whose patient nobody can tell, does not exist.
    pub(super) async fn translated(
        &self,
        query: &Query,
        original: &Query,
        results: Vec<DataSet>,
    ) -> Result<Vec<Seen>, Fault> {
        let mut shown = Vec::with_capacity(results.len());
        let mut pairs = Vec::new();
        for result in results {
            let Some(subject) = self.subject(original, &result).await? else { continue };
            let data = self.data(query, &subject, &result)?;
            pairs.extend(self.pairs(&subject));
            shown.push(Seen { data, patient: subject.patient_id });
        }
        self.0.crosswalk.enter(pairs).await?;
        Ok(shown)
    }

    async fn subject(&self, original: &Query, result: &DataSet) -> Result<Option<Subject>, Fault> {
        let of = |tag: Tag, path: &Option<String>| match (text(result, tag), path) {
            (said, _) if !said.is_empty() => said,
            (_, Some(path)) => path.clone(),
            _ => String::new(),
        };
        let level = |from: Level, uid: String| if original.level >= from { uid } else { String::new() };
        let mut found = Found {
            sop_class: level(Level::Instance, text(result, SOP_CLASS)),
            study: of(STUDY, &original.study),
            series: level(Level::Series, of(SERIES, &original.series)),
            instance: level(Level::Instance, text(result, SOP_INSTANCE)),
            ..Found::default()
        };
        let named = [
            (Level::Study, &found.study),
            (Level::Series, &found.series),
            (Level::Instance, &found.instance),
        ];
        if named.into_iter().any(|(from, uid)| original.level >= from && uid.is_empty()) {
            return Ok(None);
        }
        match self.identity(&found.study, result).await {
            Ok(identity) => (found.patient_id, found.issuer) = (identity.id, identity.issuer),
            Err(Fault::NotFound) => return Ok(None),
            Err(fault) => return Err(fault),
        }
        Ok(Some(self.0.engine.result(found)))
    }

    fn data(&self, query: &Query, subject: &Subject, result: &DataSet) -> Result<DataSet, Fault> {
        let mut source = object_in::read(&result.0).object;
        source.retain(|element| {
            let tag = element.tag();
            tag != CHARACTER_SET && !dictionary::is_private(tag) && !is_address(tag)
        });
        // Whatever the origin returned: results name what they are.
        let facts = &subject.facts;
        let named = [(STUDY, &facts.study), (SERIES, &facts.series), (SOP_INSTANCE, &facts.instance)];
        for (tag, uid) in named.into_iter().filter(|(_, uid)| !uid.is_empty()) {
            source.put(object_in::encoded(tag, VR::UI, uid.as_bytes().to_vec()));
        }
        for (tag, vr) in [(PATIENT_ID, VR::LO), (PATIENT_NAME, VR::PN)] {
            if source.get(tag).is_none() && query.returns(tag) {
                source.put(object_in::encoded(tag, vr, Vec::new()));
            }
        }
        let object = object::result(&self.0.engine, subject, &source)?;
        let mut data = DataSet::from_json(&object_out::write(&object, None, &Json));
        data.0.retain(|name, _| tag_of(name).is_some_and(|tag| query.returns(tag)));
        let required = query.required().filter_map(|tag| Some((tag, dictionary::vr_of(tag, false)?)));
        for (tag, vr) in required {
            if data.get(tag).is_none() {
                data.put(tag, vr.to_string(), Vec::new());
            }
        }
        Ok(data)
    }
}

fn tag_of(name: &str) -> Option<Tag> {
    let number = u32::from_str_radix(name, 16).ok()?;
    Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
}
