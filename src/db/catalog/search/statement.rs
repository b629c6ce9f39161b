//! The text of a search's statements. Values are always bound, never written into it. The
//! rows of a page are chosen first, from as few tables as the tests need, and then filled.

use super::{Column, Rank, Search, Test};
use crate::db::signed;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};
use std::fmt::Write;

/// A statement with its values.
pub(super) struct Statement {
    text: String,
    values: Vec<Bound>,
}

enum Bound {
    Text(String),
    Number(i64),
}

/// Keys, tables and order of each rank.
struct Shape {
    table: &'static str,
    alias: &'static str,
    keys: &'static str,
    order: &'static str,
    /// Joins the chosen keys, `k`, with all that is read.
    fill: &'static str,
    fields: &'static str,
}

/// Keys and tables of what stands above.
const STUDIES: (&[&str], &str) = (&["study_uid"], "study s");
const SERIES: (&[&str], &str) = (&["study_uid", "series_uid"], "series e");

const fn shape(rank: Rank) -> Shape {
    match rank {
        Rank::Study => Shape {
            table: "study s",
            alias: "s",
            keys: "s.project_id, s.study_uid",
            order: "s.study_date DESC, s.study_time DESC, s.study_uid",
            fill: "JOIN study s ON s.project_id = k.project_id AND s.study_uid = k.study_uid",
            fields: "s.study_uid, '', '', '', '', CAST(0 AS BIGINT), s.attributes, '', ''",
        },
        Rank::Series => Shape {
            table: "series e",
            alias: "e",
            keys: "e.project_id, e.study_uid, e.series_uid",
            order: "e.study_uid, e.series_number, e.series_uid",
            fill: "JOIN series e ON e.project_id = k.project_id AND e.study_uid = k.study_uid \
                AND e.series_uid = k.series_uid \
                JOIN study s ON s.project_id = e.project_id AND s.study_uid = e.study_uid",
            fields: "e.study_uid, e.series_uid, '', '', '', e.instance_count, s.attributes, e.attributes, ''",
        },
        Rank::Instance => Shape {
            table: "instance i",
            alias: "i",
            keys: "i.project_id, i.instance_uid",
            order: "i.study_uid, i.series_uid, i.instance_number, i.instance_uid",
            fill: "JOIN instance i ON i.project_id = k.project_id AND i.instance_uid = k.instance_uid \
                JOIN series e ON e.project_id = i.project_id AND e.study_uid = i.study_uid \
                AND e.series_uid = i.series_uid \
                JOIN study s ON s.project_id = i.project_id AND s.study_uid = i.study_uid",
            fields: "i.study_uid, i.series_uid, i.instance_uid, i.sop_class_uid, i.transfer_syntax_uid, \
                e.instance_count, s.attributes, e.attributes, i.attributes",
        },
    }
}

impl Statement {
    /// One page of rows.
    pub(super) fn page(search: &Search<'_>, limit: u64, offset: u64) -> Self {
        let shape = shape(search.rank);
        let mut statement = Self { text: String::new(), values: Vec::new() };
        let _ = write!(statement.text, "SELECT {} FROM (SELECT {} ", shape.fields, shape.keys);
        statement.from(search, &shape);
        let _ = write!(statement.text, " ORDER BY {}", shape.order);
        statement.slice(limit, offset);
        let _ = write!(statement.text, ") k {} ORDER BY {}", shape.fill, shape.order);
        statement
    }

    /// How many rows there are behind the first ones, up to a limit.
    pub(super) fn count(search: &Search<'_>, limit: u64, offset: u64) -> Self {
        let shape = shape(search.rank);
        let mut statement =
            Self { text: "SELECT COUNT(*) FROM (SELECT 1 AS one ".into(), values: Vec::new() };
        statement.from(search, &shape);
        statement.slice(limit, offset);
        statement.text.push_str(") k");
        statement
    }

    /// The query, with its values.
    pub(super) fn query(&self) -> Query<'_, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.text.clone()));
        for value in &self.values {
            query = match value {
                Bound::Text(text) => query.bind(text),
                Bound::Number(number) => query.bind(*number),
            };
        }
        query
    }

    /// The same with another word in front, such as EXPLAIN.
    #[cfg(test)]
    pub(super) fn before(mut self, words: &str) -> Self {
        self.text = format!("{words} {}", self.text);
        self
    }

    fn bind(&mut self, value: Bound) {
        self.values.push(value);
        let _ = write!(self.text, "${}", self.values.len());
    }

    fn bind_text(&mut self, text: &str) {
        self.bind(Bound::Text(text.to_owned()));
    }

    /// Table and tests. What a test asks of a row above is asked of the keys of that row: so the database may begin with
    /// the few studies of a patient as well as with the order of the index.
    fn from(&mut self, search: &Search<'_>, shape: &Shape) {
        let _ = write!(self.text, "FROM {}", shape.table);
        self.tests(search, shape.alias, search.rank);
        let above = [(Rank::Study, STUDIES), (Rank::Series, SERIES)];
        for (rank, (keys, table)) in above.into_iter().filter(|(rank, _)| *rank < search.rank) {
            if search.tests.iter().any(|test| test.rank(search.rank) == rank) {
                let own: Vec<String> = keys.iter().map(|key| format!("{}.{key}", shape.alias)).collect();
                let (own, keys) = (own.join(", "), keys.join(", "));
                let _ = write!(self.text, " AND ({own}) IN (SELECT {keys} FROM {table}");
                self.tests(search, table.split(' ').next_back().unwrap_or_default(), rank);
                self.text.push(')');
            }
        }
    }

    /// The tests of one rank.
    fn tests(&mut self, search: &Search<'_>, alias: &str, rank: Rank) {
        let _ = write!(self.text, " WHERE {alias}.project_id = ");
        self.bind_text(search.project);
        for test in search.tests.iter().filter(|test| test.rank(search.rank) == rank) {
            self.text.push_str(" AND ");
            self.test(test, search.project, rank);
        }
    }

    fn slice(&mut self, limit: u64, offset: u64) {
        self.text.push_str(" LIMIT ");
        self.bind(Bound::Number(signed(limit)));
        self.text.push_str(" OFFSET ");
        self.bind(Bound::Number(signed(offset)));
    }

    fn test(&mut self, test: &Test, project: &str, rank: Rank) {
        match test {
            Test::OneOf(column, texts) => {
                let _ = write!(self.text, "{} IN (", column.sql(rank));
                for (place, text) in texts.iter().enumerate() {
                    self.text.push_str(if place > 0 { ", " } else { "" });
                    self.bind_text(text);
                }
                self.text.push(')');
            }
            Test::Like(column, pattern) => {
                let _ = write!(self.text, "{} LIKE ", column.sql(rank));
                self.bind_text(pattern);
                self.text.push_str(" ESCAPE '!'");
            }
            Test::Number(column, number) => {
                let _ = write!(self.text, "{} = ", column.sql(rank));
                self.bind(Bound::Number(*number));
            }
            Test::Within(column, from, to) => {
                self.within(column.sql(rank), column.sql(rank), from.as_deref(), to.as_deref());
            }
            Test::Moment(date, time, from, to) => {
                let (date, time) = (date.sql(rank), time.sql(rank));
                let joined = format!("({date} || CASE {time} WHEN '' THEN '000000.000000' ELSE {time} END)");
                self.within(date, &joined, from.as_deref(), to.as_deref());
            }
            // Not EXISTS: SQLite 3.51 then counts a study once for each such series when it skips to an offset.
            Test::SomeSeries(test) => {
                self.text.push_str("s.study_uid IN (SELECT e.study_uid FROM series e WHERE e.project_id = ");
                self.bind_text(project);
                self.text.push_str(" AND ");
                self.test(test, project, Rank::Series);
                self.text.push(')');
            }
            Test::Never => self.text.push_str("1 = 0"),
        }
    }

    fn within(&mut self, full: &str, value: &str, from: Option<&str>, to: Option<&str>) {
        let _ = write!(self.text, "{full} <> ''");
        for (sign, end) in [(">=", from), ("<=", to)] {
            if let Some(end) = end {
                let _ = write!(self.text, " AND {value} {sign} ");
                self.bind_text(end);
            }
        }
    }
}

impl Test {
    /// The rank whose table is tested.
    fn rank(&self, searched: Rank) -> Rank {
        match self {
            Self::OneOf(column, _)
            | Self::Like(column, _)
            | Self::Number(column, _)
            | Self::Within(column, ..)
            | Self::Moment(column, ..) => column.rank(searched),
            Self::SomeSeries(_) => Rank::Study,
            Self::Never => searched,
        }
    }
}

impl Column {
    /// The rank whose table has it; of the keys, the lowest one that is searched.
    fn rank(self, searched: Rank) -> Rank {
        match self {
            Self::StudyUid => searched,
            Self::SeriesUid => searched.max(Rank::Series),
            Self::Modality | Self::SeriesNumber | Self::PerformedDate | Self::PerformedTime => Rank::Series,
            Self::InstanceUid | Self::SopClass | Self::InstanceNumber => Rank::Instance,
            _ => Rank::Study,
        }
    }

    fn sql(self, searched: Rank) -> &'static str {
        match (self, searched) {
            (Self::StudyUid, Rank::Study) => "s.study_uid",
            (Self::StudyUid, Rank::Series) => "e.study_uid",
            (Self::StudyUid, Rank::Instance) => "i.study_uid",
            (Self::SeriesUid, Rank::Instance) => "i.series_uid",
            (Self::SeriesUid, _) => "e.series_uid",
            (Self::PatientId, _) => "s.patient_id",
            (Self::PatientName, _) => "s.patient_name",
            (Self::PatientWords, _) => "s.patient_words",
            (Self::StudyDate, _) => "s.study_date",
            (Self::StudyTime, _) => "s.study_time",
            (Self::AccessionNumber, _) => "s.accession_number",
            (Self::ReferringName, _) => "s.referring_name",
            (Self::ReferringWords, _) => "s.referring_words",
            (Self::StudyId, _) => "s.study_id",
            (Self::StudyDescription, _) => "s.study_description",
            (Self::Modality, _) => "e.modality",
            (Self::SeriesNumber, _) => "e.series_number",
            (Self::PerformedDate, _) => "e.performed_date",
            (Self::PerformedTime, _) => "e.performed_time",
            (Self::InstanceUid, _) => "i.instance_uid",
            (Self::SopClass, _) => "i.sop_class_uid",
            (Self::InstanceNumber, _) => "i.instance_number",
        }
    }
}
