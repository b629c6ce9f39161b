//! What the archive holds below a study, a series or an instance of a project, for retrieval. Search is `search`'s,
//! entering is `catalog`'s.

use super::{Db, Fault, unsigned};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;

/// A study, series or instance (PS3.18 10.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID, below study level.
    pub series: Option<String>,
    /// SOP Instance UID, at instance level.
    pub instance: Option<String>,
}

impl Place {
    /// Its path below the DICOMweb root (PS3.18 10.1.1), without a slash at its start.
    pub fn path(&self) -> String {
        let mut path = format!("studies/{}", self.study);
        for (name, uid) in [("series", &self.series), ("instances", &self.instance)] {
            if let Some(uid) = uid {
                path.push_str(&format!("/{name}/{uid}"));
            }
        }
        path
    }
}

/// An instance in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Series Instance UID.
    pub series: String,
    /// SOP Instance UID.
    pub instance: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Name of the object.
    pub object: String,
}

/// The rows below a place, as the end of a statement: the fewest conditions, so that an index answers each.
fn within(place: &Place) -> (String, Vec<&str>) {
    let mut sql = "FROM instance WHERE project_id = $1 AND study_uid = $2".to_owned();
    let mut values = vec![place.study.as_str()];
    for (column, value) in [("series_uid", &place.series), ("instance_uid", &place.instance)] {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {column} = ${}", values.len() + 1));
        }
    }
    (sql, values)
}

impl Db {
    /// The instances below a place, by series and UID; at most `most`, those behind `after`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn held(
        &self,
        project: &str,
        place: &Place,
        after: Option<&Held>,
        most: u32,
    ) -> Result<Vec<Held>, Fault> {
        let (mut end, mut values) = within(place);
        if let Some(after) = after {
            let (series, instance) = (values.len() + 2, values.len() + 3);
            end.push_str(&format!(
                " AND (series_uid > ${series} OR (series_uid = ${series} AND instance_uid > ${instance}))"
            ));
            values.extend([after.series.as_str(), after.instance.as_str()]);
        }
        let sql = format!(
            "SELECT series_uid, instance_uid, sop_class_uid, transfer_syntax_uid, size_bytes, sha256, object {end} \
             ORDER BY series_uid, instance_uid LIMIT {most}"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(project);
        for value in values {
            query = query.bind(value);
        }
        query.fetch_all(&self.readers).await?.iter().map(read).collect()
    }

    /// Transfer syntaxes of the instances below a place, and how many have each. Nothing if there is no such place.
    ///
    /// # Errors
    /// The database fails.
    pub async fn held_syntaxes(&self, project: &str, place: &Place) -> Result<BTreeMap<String, u64>, Fault> {
        let (end, values) = within(place);
        let sql = format!("SELECT transfer_syntax_uid, COUNT(*) {end} GROUP BY transfer_syntax_uid");
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(project);
        for value in values {
            query = query.bind(value);
        }
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?)))).collect()
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<Held, Fault> {
    Ok(Held {
        series: row.try_get(0)?,
        instance: row.try_get(1)?,
        sop_class: row.try_get(2)?,
        transfer_syntax: row.try_get(3)?,
        size: unsigned(row.try_get(4)?),
        sha256: row.try_get(5)?,
        object: row.try_get(6)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::catalog::Entry;
    use crate::db::tests::{enter, founded};
    use crate::deid::receipt::Names;

    fn entry(series: &str, instance: &str, syntax: &str) -> Entry {
        let names = Names {
            sop_class: "1.2".into(),
            instance: instance.into(),
            series: series.into(),
            study: "2.25.1".into(),
        };
        Entry {
            names,
            patient_id: "P".into(),
            transfer_syntax: syntax.into(),
            size: 10,
            sha256: "aa".into(),
            object: format!("o/{instance}"),
            described: crate::db::catalog::described::Described::default(),
        }
    }

    fn place(series: Option<&str>, instance: Option<&str>) -> Place {
        Place { study: "2.25.1".into(), series: series.map(Into::into), instance: instance.map(Into::into) }
    }

    #[tokio::test]
    async fn instances_come_page_by_page_and_only_to_their_project() {
        let folder = tempfile::tempdir().unwrap();
        let (db, project) = founded(folder.path()).await;
        let entries =
            [entry("2.25.2", "2.25.7", "a"), entry("2.25.2", "2.25.5", "b"), entry("2.25.3", "2.25.4", "a")];
        enter(&db, &project, &entries).await.unwrap();
        let names = |held: &[Held]| held.iter().map(|held| held.instance.clone()).collect::<Vec<_>>();
        let whole = place(None, None);
        let first = db.held(&project, &whole, None, 2).await.unwrap();
        assert_eq!(names(&first), ["2.25.5", "2.25.7"]);
        let rest = db.held(&project, &whole, first.last(), 2).await.unwrap();
        assert_eq!(names(&rest), ["2.25.4"]);
        let one = place(Some("2.25.2"), Some("2.25.4"));
        assert!(db.held(&project, &one, None, 2).await.unwrap().is_empty(), "it is in another series");
        assert!(db.held("other", &whole, None, 2).await.unwrap().is_empty());
        let syntaxes = db.held_syntaxes(&project, &whole).await.unwrap();
        assert_eq!(syntaxes, BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]));
    }
}
