//! What the clinical origin is asked, in the words of DICOMweb. What the answers mean for an instance is decided above.

use super::Clinic;
use crate::deid::restore::Study;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::json_in;
use crate::downstream::Fault;
use bytes::Bytes;
use dicom_core::Tag;
use serde_json::Value;
use std::collections::BTreeMap;

const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const STUDY: Tag = Tag(0x0020, 0x000D);
const SERIES: Tag = Tag(0x0020, 0x000E);

const JSON: &str = "application/dicom+json";

/// Most bytes of an answer: metadata of one instance, or the results of one search.
const HELD: usize = 16 << 20;

/// UIDs asked for in one search: the URL stays below 4 KiB.
const AT_ONCE: usize = 40;

/// Results asked for in one search.
const PAGE: usize = 1000;

/// What is searched for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Study,
    Series,
    Instance,
}

impl Level {
    /// As it stands in paths.
    fn word(self) -> &'static str {
        match self {
            Self::Study => "studies",
            Self::Series => "series",
            Self::Instance => "instances",
        }
    }

    /// The attribute that names what is found, and what is asked for with it.
    fn key(self) -> (&'static str, Tag, &'static str) {
        match self {
            Self::Study => ("StudyInstanceUID", STUDY, ""),
            Self::Series => ("SeriesInstanceUID", SERIES, "&includefield=0020000D"),
            Self::Instance => {
                ("SOPInstanceUID", SOP_INSTANCE, "&includefield=0020000D&includefield=0020000E")
            }
        }
    }
}

/// Where an instance stands; of a series or study what is below is empty.
pub(super) struct Spot {
    pub study: String,
    pub series: String,
    pub instance: String,
}

impl Clinic {
    /// The answer to a request for JSON; `None` where there is nothing.
    async fn ask(&self, path: &str) -> Result<Option<Bytes>, Fault> {
        let reply = self.downstream.get(path, JSON, None).await?;
        if reply.nothing { Ok(None) } else { reply.held(HELD).await.map(Some) }
    }

    async fn search(&self, path: &str) -> Result<Vec<DataSet>, Fault> {
        let Some(body) = self.ask(path).await? else { return Ok(Vec::new()) };
        let results: Vec<BTreeMap<String, Value>> =
            serde_json::from_slice(&body).map_err(|_| Fault::Nonsense)?;
        Ok(results.into_iter().map(DataSet).collect())
    }

    /// A page of the instances of a study, the first or a further one.
    pub(super) async fn page(&self, study: &str, page: usize) -> Result<Vec<Spot>, Fault> {
        self.some(study, PAGE, page * PAGE).await
    }

    async fn some(&self, study: &str, limit: usize, offset: usize) -> Result<Vec<Spot>, Fault> {
        let range = format!("limit={limit}&offset={offset}&includefield=0020000E");
        let results = match self.search(&format!("studies/{study}/instances?{range}")).await {
            Err(Fault::NotFound) => return Ok(Vec::new()),
            results => results?,
        };
        let spot = |result: &DataSet| Spot {
            study: study.to_owned(),
            series: result.text(SERIES).to_owned(),
            instance: result.text(SOP_INSTANCE).to_owned(),
        };
        Ok(results.iter().map(spot).collect())
    }

    /// What the metadata of one of its instances says of a study; `None` if the origin does not have it.
    pub(super) async fn study(&self, study: &str) -> Result<Option<Study>, Fault> {
        if !is_plain(study) {
            return Ok(None);
        }
        let Some(spot) = self.some(study, 1, 0).await?.into_iter().next() else { return Ok(None) };
        let body = self.metadata(&spot).await?;
        let read = json_in::parse(&body).map_err(|_| Fault::Nonsense)?;
        let metadata = read.into_iter().next().and_then(Result::ok).ok_or(Fault::Nonsense)?;
        let read = Study::new(metadata.encoded(&Study::wants)).ok();
        read.filter(|it| it.uid() == study).map(Some).ok_or(Fault::Nonsense)
    }

    async fn metadata(&self, Spot { study, series, instance }: &Spot) -> Result<Bytes, Fault> {
        if !is_plain(series) || !is_plain(instance) {
            return Err(Fault::Nonsense);
        }
        let path = format!("studies/{study}/series/{series}/instances/{instance}/metadata");
        self.ask(&path).await?.ok_or(Fault::Nonsense)
    }

    /// Every UID in the metadata of an instance.
    pub(super) async fn uids(&self, spot: &Spot) -> Result<Vec<String>, Fault> {
        let body = self.metadata(spot).await?;
        let json: Value = serde_json::from_slice(&body).map_err(|_| Fault::Nonsense)?;
        let mut uids = Vec::new();
        collect(&json, &mut uids);
        Ok(uids)
    }

    /// Those of these names that are any of this level at the origin, or in the study that is named: with their names.
    pub(super) async fn located(
        &self,
        level: Level,
        uids: &[&str],
        study: Option<&str>,
    ) -> Result<Vec<(String, Spot)>, Fault> {
        let word = level.word();
        let (key, tag, fields) = level.key();
        let below = study.map_or(word.to_owned(), |study| format!("studies/{study}/{word}"));
        let mut located = Vec::new();
        for uids in uids.chunks(AT_ONCE) {
            let path = format!("{below}?{key}={}{fields}", uids.join("%2C"));
            for result in self.search(&path).await? {
                let name = result.text(tag).to_owned();
                if !uids.contains(&name.as_str()) {
                    // It does not understand the filter, and may have left out what was asked for.
                    return Err(Fault::Unsupported);
                }
                let text = |tag| result.text(tag).to_owned();
                let study = study.map_or_else(|| text(STUDY), str::to_owned);
                located.push((name, Spot { study, series: text(SERIES), instance: text(SOP_INSTANCE) }));
            }
        }
        Ok(located)
    }
}

/// Digits and dots, as may stand in a URL. There are more such UIDs than legal ones.
pub(super) fn is_plain(uid: &str) -> bool {
    (1..=128).contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The values of VR UI at any depth, which the parser bounds.
fn collect(json: &Value, uids: &mut Vec<String>) {
    match json {
        Value::Array(values) => values.iter().for_each(|value| collect(value, uids)),
        Value::Object(members) if members.get("vr").and_then(Value::as_str) == Some("UI") => {
            let values = members.get("Value").and_then(Value::as_array).into_iter().flatten();
            uids.extend(values.filter_map(Value::as_str).map(str::to_owned));
        }
        Value::Object(members) => members.values().for_each(|value| collect(value, uids)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_found_at_every_depth_and_only_plain_ones_come_into_urls() {
        let json = serde_json::json!([{
            "00080018": { "vr": "UI", "Value": ["1.2", null] },
            "00081140": { "vr": "SQ", "Value": [{ "00081155": { "vr": "UI", "Value": ["1.3"] } }] },
            "00100020": { "vr": "LO", "Value": ["9.9"] },
            "00080016": { "vr": "UI" },
        }]);
        let mut uids = Vec::new();
        collect(&json, &mut uids);
        assert_eq!(uids, ["1.2", "1.3"]);
        assert!(is_plain("1.2.03"));
        for bad in ["", "1.2/..", "1.2?x=1", "1.2%2C3", "../x", " 1.2"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
