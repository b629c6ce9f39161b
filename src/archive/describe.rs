//! What the archive's catalog learns of an instance: reads the head of the output as it
//! passes, and nothing of the pixels.

use crate::db::catalog::described::{Described, InstanceRow, Json, SeriesRow, StudyRow};
use crate::dicom::instance::{Event, Head, Limits};
use crate::dicom::splitter::Splitter;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::json_out::{self, Bounds};
use crate::dicomweb::levels::{self, Level};
use crate::dicomweb::query::condition::person_name;
use crate::dicomweb::query::pattern::{folded_name, folded_words};
use crate::dicomweb::query::span::stored;
use bytes::Bytes;
use dicom_core::{Tag, VR};

/// What is kept of an instance: enough for every result of a search, little beside the pixels.
const BOUNDS: Bounds = Bounds { value: 1024, sequence: 4096, whole: 16 << 10, depth: 64 };

/// Output passes our own limits on what came in, and may be a little larger.
const LIMITS: Limits = Limits { head: usize::MAX, depth: 64, inflated: 0 };

/// Watches the bytes of one instance until its head is known.
pub struct Describer {
    splitter: Option<Splitter>,
    described: Described,
}

impl Default for Describer {
    fn default() -> Self {
        Self { splitter: Some(Splitter::new(LIMITS)), described: Described::default() }
    }
}

impl Describer {
    /// The next bytes of the output.
    pub fn see(&mut self, bytes: &Bytes) {
        let Some(splitter) = &mut self.splitter else { return };
        let mut events = Vec::new();
        let pushed = splitter.push(bytes.clone(), &mut events);
        if let Some(head) = events.into_iter().find_map(head) {
            self.described = read(&head);
            self.splitter = None;
        } else if pushed.is_err() {
            self.splitter = None;
        }
    }

    /// The instance is complete.
    pub fn finish(self) -> Described {
        let Some(splitter) = self.splitter else { return self.described };
        let mut events = Vec::new();
        let _ = splitter.finish(&mut events);
        events.into_iter().find_map(head).map(|head| read(&head)).unwrap_or_default()
    }
}

fn head(event: Event) -> Option<Head> {
    match event {
        Event::Head(head) => Some(head),
        _ => None,
    }
}

/// What cannot be read is not found by a search, but stored all the same.
fn read(head: &Head) -> Described {
    described(json_out::data_set(&head.data, head.encoding, BOUNDS).unwrap_or_default())
}

/// What the catalog keeps of a data set.
pub fn described(data: DataSet) -> Described {
    let mut levels: [DataSet; 3] = Default::default();
    let [study, series, instance] = &mut levels;
    for (name, attribute) in data.0 {
        let number = u32::from_str_radix(&name, 16).unwrap_or_default();
        let its = match levels::of(Tag((number >> 16) as u16, (number & 0xFFFF) as u16)) {
            Level::Study => &mut *study,
            Level::Series => &mut *series,
            Level::Instance => &mut *instance,
        };
        its.0.insert(name, attribute);
    }
    Described { study: study_row(study), series: series_row(series), instance: instance_row(instance) }
}

fn study_row(data: &DataSet) -> StudyRow {
    let patient = name(data, Tag(0x0010, 0x0010));
    let referring = name(data, Tag(0x0008, 0x0090));
    StudyRow {
        patient_name: folded_name(&patient),
        patient_words: folded_words(&patient),
        date: stored(VR::DA, data.text(Tag(0x0008, 0x0020))).unwrap_or_default(),
        time: stored(VR::TM, data.text(Tag(0x0008, 0x0030))).unwrap_or_default(),
        accession_number: data.text(Tag(0x0008, 0x0050)).to_owned(),
        referring_name: folded_name(&referring),
        referring_words: folded_words(&referring),
        study_id: data.text(Tag(0x0020, 0x0010)).to_owned(),
        description: data.text(Tag(0x0008, 0x1030)).to_owned(),
        attributes: Json::new(&data.to_json()),
    }
}

fn series_row(data: &DataSet) -> SeriesRow {
    SeriesRow {
        modality: data.text(Tag(0x0008, 0x0060)).to_owned(),
        number: number(data, Tag(0x0020, 0x0011)),
        performed_date: stored(VR::DA, data.text(Tag(0x0040, 0x0244))).unwrap_or_default(),
        performed_time: stored(VR::TM, data.text(Tag(0x0040, 0x0245))).unwrap_or_default(),
        attributes: Json::new(&data.to_json()),
    }
}

fn instance_row(data: &DataSet) -> InstanceRow {
    InstanceRow { number: number(data, Tag(0x0020, 0x0013)), attributes: Json::new(&data.to_json()) }
}

fn name(data: &DataSet, tag: Tag) -> String {
    data.values(tag).first().map(person_name).unwrap_or_default()
}

/// A number, however it is written.
fn number(data: &DataSet, tag: Tag) -> Option<i64> {
    let value = data.values(tag).first()?;
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
        .filter(|it| *it < i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicom::meta;
    use crate::dicom::writer::Writer;

    fn file() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text(Tag(0x0008, 0x0020), VR::DA, "20240131");
        writer.text(Tag(0x0008, 0x0060), VR::CS, "CT");
        writer.text(Tag(0x0010, 0x0010), VR::PN, "Doe^Jane");
        writer.text(Tag(0x0020, 0x0011), VR::IS, "007");
        writer.text(Tag(0x0020, 0x0013), VR::IS, "x");
        writer.element(Tag(0x7FE0, 0x0010), VR::OW, &[1; 500]);
        [meta::write("1.2", "1.3", "1.2.840.10008.1.2.1"), writer.finish()].concat()
    }

    #[test]
    fn the_head_is_described_however_its_bytes_come() {
        let whole = Bytes::from(file());
        for step in [1, 17, 10_000] {
            let mut describer = Describer::default();
            for at in (0..whole.len()).step_by(step) {
                describer.see(&whole.slice(at..whole.len().min(at + step)));
            }
            let described = describer.finish();
            assert_eq!(
                (described.study.date.as_str(), described.study.patient_name.as_str()),
                ("20240131", "=doe^jane=")
            );
            assert_eq!((described.series.modality.as_str(), described.series.number), ("CT", Some(7)));
            assert_eq!(
                (described.instance.number, described.instance.attributes.text()),
                (None, r#"{"00200013":{"vr":"IS","Value":["x"]}}"#)
            );
        }
    }

    #[test]
    fn what_is_no_dicom_is_described_by_nothing() {
        let mut describer = Describer::default();
        describer.see(&Bytes::from_static(b"nothing at all"));
        assert!(describer.finish() == Described::default());
    }
}
