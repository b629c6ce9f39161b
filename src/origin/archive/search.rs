//! Search in the catalog of the archive: what SQL can test is tested there, the rest on the
//! attributes of what SQL finds, up to a bound.

use crate::db::Db;
use crate::db::catalog::search::{COUNTED, Column, Found, ModalityCount, PAGE_BYTES, Rank, Search, Test};
use crate::dicom::dictionary;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::levels::Level;
use crate::dicomweb::query::condition::Condition;
use crate::dicomweb::query::pattern::Pattern;
use crate::dicomweb::query::{Key, Query};
use crate::origin::{Fault, Page, Remaining};
use dicom_core::{Tag, VR};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Most results of one answer (PS3.18 8.3.4.4): the rest can be asked for with an offset.
pub const MOST: u64 = 5000;

/// Most data sets looked at one by one for a key that no column holds.
const SCANNED: u64 = 20_000;

const MODALITIES: Tag = Tag(0x0008, 0x0061);

type Modalities = HashMap<String, Vec<ModalityCount>>;

/// The page that the query asks for.
pub(super) async fn search(db: &Db, project: &str, query: &Query) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MOST).min(MOST);
    let (tests, rest) = tests(query);
    let search = Search { project, rank: rank(query.level), tests };
    let (found, remaining) = if rest.keys.is_empty() {
        let page = db.search(&search, limit, query.offset).await?;
        (page.found, page.remaining)
    } else {
        one_by_one(db, &search, &rest, limit, SCANNED).await?
    };
    let modalities = modalities(db, project, query, &found).await?;
    let results = found.iter().map(|found| result(query, found, &modalities)).collect();
    Ok(Page { results, remaining: told(remaining) })
}

fn told(remaining: u64) -> Remaining {
    match remaining {
        0 => Remaining::None,
        more if more > COUNTED => Remaining::MoreThan(COUNTED),
        more => Remaining::Some(more),
    }
}

/// Looks at what SQL finds one by one, at no more than `most`.
async fn one_by_one(
    db: &Db,
    search: &Search<'_>,
    rest: &Query,
    limit: u64,
    most: u64,
) -> Result<(Vec<Found>, u64), Fault> {
    let (mut found, mut matched, mut bytes) = (Vec::new(), 0u64, 0);
    let whole = db
        .each(search, most, |one| {
            if !rest.holds(&attributes(&one)) {
                return;
            }
            if matched >= rest.offset && (found.len() as u64) < limit && bytes <= PAGE_BYTES {
                bytes += one.bytes();
                found.push(one);
            }
            matched += 1;
        })
        .await?;
    let behind = rest.offset.saturating_add(found.len() as u64);
    if whole { Ok((found, matched.saturating_sub(behind))) } else { Err(Fault::TooBroad(most)) }
}

fn rank(level: Level) -> Rank {
    match level {
        Level::Study => Rank::Study,
        Level::Series => Rank::Series,
        Level::Instance => Rank::Instance,
    }
}

/// What SQL can test of the query, and what is left of it.
fn tests(query: &Query) -> (Vec<Test>, Query) {
    let mut tests = Vec::new();
    for (uid, column) in [(&query.study, Column::StudyUid), (&query.series, Column::SeriesUid)] {
        tests.extend(uid.iter().map(|uid| Test::OneOf(column, vec![uid.clone()])));
    }
    for ((date, time), from, to) in query.moments() {
        if let (Some(date), Some(time)) = (span_column(date), span_column(time)) {
            tests.push(Test::Moment(date, time, from, to));
        }
    }
    let mut rest = Query { keys: Vec::new(), ..query.clone() };
    for key in query.keys.iter().filter(|key| key.condition != Condition::Any) {
        let combined =
            query.is_combined(&key.path) && key.path.first().is_some_and(|tag| span_column(*tag).is_some());
        match of_key(key) {
            Some(_) if combined => {}
            Some(its) => tests.extend(its),
            None => rest.keys.push(key.clone()),
        }
    }
    (tests, rest)
}

fn span_column(tag: Tag) -> Option<Column> {
    Some(match tag {
        Tag(0x0008, 0x0020) => Column::StudyDate,
        Tag(0x0008, 0x0030) => Column::StudyTime,
        Tag(0x0040, 0x0244) => Column::PerformedDate,
        Tag(0x0040, 0x0245) => Column::PerformedTime,
        _ => return None,
    })
}

/// The tests for one key; `None` if no column holds its attribute.
fn of_key(key: &Key) -> Option<Vec<Test>> {
    let [tag] = key.path.as_slice() else { return None };
    if key.creator.is_some() {
        return None;
    }
    let one = |column: Column| Some(vec![of_column(column, &key.condition)?]);
    let name = |name: Column, words: Column| match &key.condition {
        Condition::Fuzzy(asked) => Some(
            asked.iter().map(|word| Test::Like(words, Pattern::new(&format!("*^{word}*")).like())).collect(),
        ),
        Condition::Name(pattern) => Some(vec![Test::Like(name, pattern.between('=').like())]),
        _ => None,
    };
    match *tag {
        MODALITIES => Some(vec![Test::SomeSeries(Box::new(of_column(Column::Modality, &key.condition)?))]),
        Tag(0x0010, 0x0010) => name(Column::PatientName, Column::PatientWords),
        Tag(0x0008, 0x0090) => name(Column::ReferringName, Column::ReferringWords),
        Tag(0x0010, 0x0020) => one(Column::PatientId),
        Tag(0x0008, 0x0050) => one(Column::AccessionNumber),
        Tag(0x0008, 0x1030) => one(Column::StudyDescription),
        Tag(0x0020, 0x0010) => one(Column::StudyId),
        Tag(0x0020, 0x000D) => one(Column::StudyUid),
        Tag(0x0020, 0x000E) => one(Column::SeriesUid),
        Tag(0x0008, 0x0018) => one(Column::InstanceUid),
        Tag(0x0008, 0x0016) => one(Column::SopClass),
        Tag(0x0008, 0x0060) => one(Column::Modality),
        Tag(0x0020, 0x0011) => one(Column::SeriesNumber),
        Tag(0x0020, 0x0013) => one(Column::InstanceNumber),
        tag => one(span_column(tag)?),
    }
}

fn of_column(column: Column, condition: &Condition) -> Option<Test> {
    Some(match condition {
        Condition::Uids(uids) => Test::OneOf(column, uids.clone()),
        Condition::Text(text) => Test::OneOf(column, vec![text.clone()]),
        Condition::Pattern(pattern) => Test::Like(column, pattern.like()),
        // Integers as far as doubles hold them; the catalog has no others.
        Condition::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Test::Number(column, *number as i64)
        }
        Condition::Number(_) => Test::Never,
        Condition::Within(span) => Test::Within(column, span.from.clone(), span.to.clone()),
        Condition::Any | Condition::Name(_) | Condition::Fuzzy(_) => return None,
    })
}

/// All attributes that are known of a result.
fn attributes(found: &Found) -> DataSet {
    let mut data = DataSet::default();
    for level in &found.attributes {
        data.0.extend(DataSet::from_json(level).0);
    }
    data
}

/// Modalities and counts of the studies found, if results have them.
async fn modalities(db: &Db, project: &str, query: &Query, found: &[Found]) -> Result<Modalities, Fault> {
    let wanted = [MODALITIES, Tag(0x0020, 0x1206), Tag(0x0020, 0x1208)];
    if !wanted.iter().any(|tag| query.returns(*tag)) {
        return Ok(Modalities::new());
    }
    let mut studies: Vec<&str> = found.iter().map(|found| found.study.as_str()).collect();
    studies.sort_unstable();
    studies.dedup();
    Ok(db.modalities(project, &studies).await?)
}

/// One result: what is known and asked for, what every result has, and what is computed.
fn result(query: &Query, found: &Found, modalities: &Modalities) -> DataSet {
    let mut data = attributes(found);
    data.0.retain(|name, _| u32::from_str_radix(name, 16).is_ok_and(|tag| query.returns(of_number(tag))));
    for tag in query.required() {
        if data.get(tag).is_none() {
            data.put(tag, vr(tag).to_string(), Vec::new());
        }
    }
    for (tag, values) in computed(query.level, found, modalities) {
        if query.returns(tag) && !values.is_empty() {
            data.put(tag, vr(tag).to_string(), values);
        }
    }
    data
}

fn of_number(tag: u32) -> Tag {
    Tag((tag >> 16) as u16, (tag & 0xFFFF) as u16)
}

fn vr(tag: Tag) -> VR {
    dictionary::vr_of(tag, false).unwrap_or(VR::UN)
}

fn computed(level: Level, found: &Found, modalities: &Modalities) -> Vec<(Tag, Vec<Value>)> {
    let counts = modalities.get(&found.study).map(Vec::as_slice).unwrap_or_default();
    let names = counts.iter().map(|count| count.modality.as_str()).filter(|name| !name.is_empty());
    let series: u64 = counts.iter().map(|count| count.series).sum();
    let instances: u64 = counts.iter().map(|count| count.instances).sum();
    let mut computed = vec![
        (Tag(0x0008, 0x0056), vec![json!("ONLINE")]),
        (MODALITIES, names.map(|name| json!(name)).collect()),
        (Tag(0x0020, 0x000D), vec![json!(found.study)]),
        (Tag(0x0020, 0x1206), vec![json!(series)]),
        (Tag(0x0020, 0x1208), vec![json!(instances)]),
    ];
    if level >= Level::Series {
        computed.push((Tag(0x0020, 0x000E), vec![json!(found.series)]));
        computed.push((Tag(0x0020, 0x1209), vec![json!(found.series_instances)]));
    }
    if level == Level::Instance {
        computed.push((Tag(0x0008, 0x0016), vec![json!(found.sop_class)]));
        computed.push((Tag(0x0008, 0x0018), vec![json!(found.instance)]));
        computed.push((Tag(0x0008, 0x3002), vec![json!(found.transfer_syntax)]));
    }
    computed
}

#[cfg(test)]
mod tests;
