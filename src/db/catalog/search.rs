//! Finds studies, series and instances of a project in the catalog, page by page, each kind
//! in the order of one index. What a query means is told above, in `origin`.

mod statement;

use crate::db::{Db, Fault, unsigned};
use futures_util::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use statement::Statement;
use std::collections::HashMap;

/// Counting what is left behind a page ends here: a list of studies must not cost a walk over all of them.
pub const COUNTED: u64 = 1_000;

/// Bytes of attributes after which a page ends, however many results were wanted: a bound of what an answer holds in
/// memory.
pub const PAGE_BYTES: usize = 16 << 20;

/// Studies looked up in one statement.
const CHUNK: usize = 500;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// A column that can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Study Instance UID.
    StudyUid,
    /// Patient ID.
    PatientId,
    /// Patient's Name, folded.
    PatientName,
    /// Words of Patient's Name.
    PatientWords,
    /// Study Date.
    StudyDate,
    /// Study Time.
    StudyTime,
    /// Accession Number.
    AccessionNumber,
    /// Referring Physician's Name, folded.
    ReferringName,
    /// Words of Referring Physician's Name.
    ReferringWords,
    /// Study ID.
    StudyId,
    /// Study Description.
    StudyDescription,
    /// Series Instance UID.
    SeriesUid,
    /// Modality.
    Modality,
    /// Series Number.
    SeriesNumber,
    /// Performed Procedure Step Start Date.
    PerformedDate,
    /// Performed Procedure Step Start Time.
    PerformedTime,
    /// SOP Instance UID.
    InstanceUid,
    /// SOP Class UID.
    SopClass,
    /// Instance Number.
    InstanceNumber,
}

/// What must hold of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// One of these texts.
    OneOf(Column, Vec<String>),
    /// A pattern of `LIKE`, with `!` before what is no wildcard.
    Like(Column, String),
    /// This number.
    Number(Column, i64),
    /// From one text to another, both included; never an empty one.
    Within(Column, Option<String>, Option<String>),
    /// The same for a date and the time that belongs to it, as one text; a time that is missing is midnight.
    Moment(Column, Column, Option<String>, Option<String>),
    /// A series of the study answers this test.
    SomeSeries(Box<Test>),
    /// Nothing.
    Never,
}

/// A search.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// Whose.
    pub project: &'a str,
    /// For what.
    pub rank: Rank,
    /// All of these must hold.
    pub tests: Vec<Test>,
}

/// What was found: the row and those above it. Texts of lower levels are empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// SOP Instance UID.
    pub instance: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// Instances of the series.
    pub series_instances: u64,
    /// Attributes of study, series and instance as DICOM JSON.
    pub attributes: [String; 3],
}

impl Found {
    /// Bytes of its attributes.
    pub fn bytes(&self) -> usize {
        self.attributes.iter().map(String::len).sum()
    }
}

/// A page of what was found.
pub struct Page {
    /// In order.
    pub found: Vec<Found>,
    /// How many stand behind them; counted to [`COUNTED`], and one more if there are more.
    pub remaining: u64,
}

/// The series of a study that have one modality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModalityCount {
    /// Modality; empty if there is none.
    pub modality: String,
    /// How many series.
    pub series: u64,
    /// Instances in them.
    pub instances: u64,
}

impl Db {
    /// The page of a search: at most `limit` results behind the first `offset` ones.
    ///
    /// # Errors
    /// The database fails.
    pub async fn search(&self, search: &Search<'_>, limit: u64, offset: u64) -> Result<Page, Fault> {
        let mut found = Vec::new();
        let mut bytes = 0;
        if limit > 0 {
            let statement = Statement::page(search, limit, offset);
            let mut rows = statement.query().fetch(&self.readers);
            while let Some(row) = rows.try_next().await? {
                let one = read(&row)?;
                bytes += one.bytes();
                found.push(one);
                if bytes > PAGE_BYTES {
                    break;
                }
            }
        }
        let ended = (found.len() as u64) < limit && bytes <= PAGE_BYTES;
        let behind = offset.saturating_add(found.len() as u64);
        let remaining = if ended { 0 } else { self.count(search, behind).await? };
        Ok(Page { found, remaining })
    }

    /// How many results stand behind the first `offset` ones, counted to one more than [`COUNTED`].
    async fn count(&self, search: &Search<'_>, offset: u64) -> Result<u64, Fault> {
        let statement = Statement::count(search, COUNTED + 1, offset);
        let row = statement.query().fetch_one(&self.readers).await?;
        Ok(unsigned(row.try_get(0)?))
    }

    /// Gives each result of a search, in order, to `take`, up to `most`. False if there are more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn each(
        &self,
        search: &Search<'_>,
        most: u64,
        mut take: impl FnMut(Found),
    ) -> Result<bool, Fault> {
        let statement = Statement::page(search, most.saturating_add(1), 0);
        let mut rows = statement.query().fetch(&self.readers);
        let mut taken = 0;
        while let Some(row) = rows.try_next().await? {
            if taken == most {
                return Ok(false);
            }
            taken += 1;
            take(read(&row)?);
        }
        Ok(true)
    }

    /// Modalities of these studies, with their series and instances. Studies without series are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn modalities(
        &self,
        project: &str,
        studies: &[&str],
    ) -> Result<HashMap<String, Vec<ModalityCount>>, Fault> {
        let mut counts: HashMap<String, Vec<ModalityCount>> = HashMap::new();
        for studies in studies.chunks(CHUNK) {
            let places: Vec<String> = (2..studies.len() + 2).map(|place| format!("${place}")).collect();
            let text = format!(
                "SELECT study_uid, modality, COUNT(*), CAST(SUM(instance_count) AS BIGINT) FROM series \
                 WHERE project_id = $1 AND study_uid IN ({}) GROUP BY study_uid, modality ORDER BY modality",
                places.join(", ")
            );
            let mut query = sqlx::query(AssertSqlSafe(text)).bind(project);
            for study in studies {
                query = query.bind(*study);
            }
            for row in query.fetch_all(&self.readers).await? {
                let (series, instances) = (unsigned(row.try_get(2)?), unsigned(row.try_get(3)?));
                let one = ModalityCount { modality: row.try_get(1)?, series, instances };
                counts.entry(row.try_get(0)?).or_default().push(one);
            }
        }
        Ok(counts)
    }
}

fn read(row: &AnyRow) -> Result<Found, Fault> {
    Ok(Found {
        study: row.try_get(0)?,
        series: row.try_get(1)?,
        instance: row.try_get(2)?,
        sop_class: row.try_get(3)?,
        transfer_syntax: row.try_get(4)?,
        series_instances: unsigned(row.try_get(5)?),
        attributes: [row.try_get(6)?, row.try_get(7)?, row.try_get(8)?],
    })
}

#[cfg(test)]
mod tests;
