//! What the catalog keeps of an instance beyond its names: what a search finds it by, and
//! what it answers. Making it from a data set is not done here.

use std::sync::Arc;

/// By level; all of the output. The forms of names, dates and numbers are told in the migration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Of the study and its patient.
    pub study: StudyRow,
    /// Of the series.
    pub series: SeriesRow,
    /// Of the instance.
    pub instance: InstanceRow,
}

/// Shows nothing of it.
impl std::fmt::Debug for Described {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Described(..)")
    }
}

/// Of a study and its patient.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StudyRow {
    /// Patient's Name, folded.
    pub patient_name: String,
    /// Its words.
    pub patient_words: String,
    /// Study Date.
    pub date: String,
    /// Study Time.
    pub time: String,
    /// Accession Number.
    pub accession_number: String,
    /// Referring Physician's Name, folded.
    pub referring_name: String,
    /// Its words.
    pub referring_words: String,
    /// Study ID.
    pub study_id: String,
    /// Study Description.
    pub description: String,
    /// The level's attributes as DICOM JSON.
    pub attributes: Json,
}

/// Of a series.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SeriesRow {
    /// Modality.
    pub modality: String,
    /// Series Number.
    pub number: Option<i64>,
    /// Performed Procedure Step Start Date.
    pub performed_date: String,
    /// Performed Procedure Step Start Time.
    pub performed_time: String,
    /// The level's attributes as DICOM JSON.
    pub attributes: Json,
}

/// Of an instance.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct InstanceRow {
    /// Instance Number.
    pub number: Option<i64>,
    /// The level's attributes as DICOM JSON.
    pub attributes: Json,
}

/// Text of a JSON object, cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// This text, which is an object.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::new("{}")
    }
}

/// Most characters of a text that is searched: no legal value is longer, and an index holds no longer ones.
const LONGEST: usize = 256;

/// A text as the catalog searches it: cut, and without the characters that no value may have and that PostgreSQL
/// refuses, so that one instance cannot keep others out.
pub(super) fn searched(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// A number as the catalog sorts it: none comes last.
pub(super) fn number(number: Option<i64>) -> i64 {
    number.unwrap_or(i64::MAX)
}
