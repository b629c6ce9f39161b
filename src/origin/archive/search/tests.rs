//! Holds what SQL finds against the definition of a match, query by query, over a catalog of
//! awkward values; on SQLite or PostgreSQL.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::archive::describe::described;
use crate::db::catalog::Entry;
use crate::db::tests::{another_project, enter, founded};
use crate::deid::receipt::Names;
use crate::dicomweb::levels;
use crate::dicomweb::query::{MOMENTS, QueryFaultKind, Scope};
use std::collections::BTreeMap;

/// An instance with all its attributes.
struct Sample {
    uids: [String; 3],
    data: DataSet,
}

const UIDS: [Tag; 3] = [Tag(0x0020, 0x000D), Tag(0x0020, 0x000E), Tag(0x0008, 0x0018)];
const LEVELS: [Level; 3] = [Level::Study, Level::Series, Level::Instance];

fn text(data: &mut DataSet, tag: u32, vr: &str, value: &str) {
    data.put(of_number(tag), vr, if value.is_empty() { Vec::new() } else { vec![json!(value)] });
}

fn name(data: &mut DataSet, tag: u32, value: &str) {
    let groups = value.split('=').zip(["Alphabetic", "Ideographic"]);
    let groups: BTreeMap<&str, &str> = groups.map(|(value, group)| (group, value)).collect();
    data.put(of_number(tag), "PN", if value.is_empty() { Vec::new() } else { vec![json!(groups)] });
}

fn pick<'a>(values: &[&'a str], number: usize) -> &'a str {
    values[number % values.len()]
}

fn study(data: &mut DataSet, number: usize) {
    let names = [
        "Doe^Jane",
        "doe^JOHN^^",
        "M\u{fc}ller^\u{c5}sa",
        "O_Neil%^X!",
        "Yamada^T=\u{5c71}\u{7530}^\u{592a}",
        "",
    ];
    name(data, 0x0010_0010, pick(&names, number));
    name(data, 0x0008_0090, pick(&["House^G", "", "house^Lisa Marie"], number / 2));
    text(data, 0x0010_0020, "LO", pick(&["P1", "p1", "P_1", "P%1", "\u{c4}1", "P1!", ""], number));
    text(data, 0x0008_0020, "DA", pick(&["20240101", "20240102", "2024.01.03", "", "20231231"], number));
    text(data, 0x0008_0030, "TM", pick(&["10", "235959.5", "", "101112"], number / 3));
    text(data, 0x0008_0050, "SH", pick(&["A1", "A2", ""], number));
    text(data, 0x0020_0010, "SH", pick(&["1", "2", "12"], number));
    text(data, 0x0008_1030, "LO", pick(&["CT Chest", "ct chest", "50%_Head", ""], number));
    text(data, 0x0010_0040, "CS", pick(&["F", "M"], number));
}

fn series(data: &mut DataSet, number: usize) {
    text(data, 0x0008_0060, "CS", pick(&["CT", "MR", "", "CR"], number));
    text(data, 0x0020_0011, "IS", pick(&["1", "2", "007", "", "x"], number));
    text(data, 0x0040_0244, "DA", pick(&["20240101", "", "20240102"], number));
    text(data, 0x0040_0245, "TM", pick(&["23", "01", ""], number));
    text(data, 0x0008_103E, "LO", pick(&["axial", "Axial"], number));
    let item = json!({
        "00400009": {"vr": "SH", "Value": [pick(&["S1", "S2"], number)]},
        "00401001": {"vr": "SH", "Value": [pick(&["R1", "R2", "R1"], number)]},
    });
    data.put(of_number(0x0040_0275), "SQ", vec![json!({}), item]);
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for one in 0..60 {
        for two in 0..=one % 3 {
            for three in 0..=(one + two) % 3 {
                let uids = [format!("1.{one}"), format!("1.{one}.{two}"), format!("1.{one}.{two}.{three}")];
                let mut data = DataSet::default();
                study(&mut data, one);
                series(&mut data, one + two);
                for (tag, uid) in UIDS.into_iter().zip(&uids) {
                    data.put(tag, "UI", vec![json!(uid)]);
                }
                text(&mut data, 0x0008_0016, "UI", pick(&["1.2", "1.3"], three));
                text(&mut data, 0x0020_0013, "IS", pick(&["1", "2", ""], three));
                data.put(of_number(0x0028_0010), "US", vec![json!(256 << three)]);
                samples.push(Sample { uids, data });
            }
        }
    }
    samples
}

fn entry(sample: &Sample) -> Entry {
    let [study, series, instance] = sample.uids.clone();
    let sop_class = sample.data.text(Tag(0x0008, 0x0016)).to_owned();
    Entry {
        names: Names { sop_class, instance: instance.clone(), series, study },
        patient_id: sample.data.text(Tag(0x0010, 0x0020)).to_owned(),
        transfer_syntax: "1.2.840.10008.1.2.1".into(),
        size: 1,
        sha256: String::new(),
        object: instance,
        described: described(sample.data.clone()),
    }
}

/// UIDs of what answers the query by its definition.
fn expected(query: &Query, samples: &[Sample]) -> Vec<String> {
    let place = LEVELS.iter().position(|level| *level == query.level).unwrap();
    let mut rows: BTreeMap<&str, DataSet> = BTreeMap::new();
    for sample in samples {
        let mut data = sample.data.clone();
        data.0.retain(|name, _| levels::of(of_number(u32::from_str_radix(name, 16).unwrap())) <= query.level);
        let mut kinds: Vec<&str> = samples
            .iter()
            .filter(|other| other.uids[0] == sample.uids[0])
            .map(|other| other.data.text(Tag(0x0008, 0x0060)))
            .collect();
        kinds.retain(|kind| !kind.is_empty());
        data.put(MODALITIES, "CS", kinds.iter().map(|kind| json!(kind)).collect());
        rows.insert(&sample.uids[place], data);
    }
    let mut found: Vec<String> =
        rows.iter().filter(|(_, data)| query.holds(data)).map(|(uid, _)| (*uid).to_owned()).collect();
    found.sort();
    found
}

fn uids(page: &Page, level: Level) -> Vec<String> {
    let place = LEVELS.iter().position(|it| *it == level).unwrap();
    page.results.iter().map(|result| result.text(UIDS[place]).to_owned()).collect()
}

const QUERIES: &[&str] = &[
    "",
    "PatientID=P1",
    "PatientID=P_1",
    "PatientID=P%251",
    "PatientID=P?1",
    "PatientID=P*",
    "PatientID=*1!",
    "PatientID=%C3%841",
    "PatientID=",
    "PatientName=DOE%5Ejane",
    "PatientName=doe*",
    "PatientName=*%5EJOHN",
    "PatientName=M%C3%9CLLER%5E%C3%A5sa",
    "PatientName=O_neil%25%5Ex!",
    "PatientName=O?Neil*",
    "PatientName=%E5%B1%B1*",
    "PatientName=Yamada%5ET",
    "PatientName=doe",
    "PatientName=jo%20do&fuzzymatching=true",
    "PatientName=neil%25&fuzzymatching=true",
    "ReferringPhysicianName=ma%20ho&fuzzymatching=true",
    "ReferringPhysicianName=*g",
    "StudyDate=20240101",
    "StudyDate=20240101-20240102",
    "StudyDate=20240103-",
    "StudyDate=-20231231",
    "StudyTime=10-",
    "StudyTime=-1011",
    "StudyTime=10",
    "StudyDate=20231231-20240102&StudyTime=10-101112",
    "StudyDate=20240101-&StudyTime=-101111",
    "StudyDate=20240101-20240102&StudyTime=101112",
    "AccessionNumber=A?",
    "AccessionNumber=a1",
    "StudyID=1",
    "StudyDescription=*chest*",
    "StudyDescription=50%25_*",
    "ModalitiesInStudy=CT",
    "ModalitiesInStudy=C*",
    "ModalitiesInStudy=MR&PatientID=P1",
    "StudyInstanceUID=1.1,1.2,1.99",
    "StudyInstanceUID=1.1%5C1.7&PatientSex=M",
    "PatientSex=F",
    "PatientSex=F&StudyDate=20240101",
    "Modality=CT",
    "Modality=?R&SeriesNumber=7",
    "SeriesNumber=1",
    "SeriesNumber=1.5",
    "SeriesInstanceUID=1.4.1,1.5.1",
    "PerformedProcedureStepStartDate=20240101-20240102&PerformedProcedureStepStartTime=22-02",
    "PerformedProcedureStepStartDate=20240102",
    "PerformedProcedureStepStartTime=22-",
    "RequestAttributesSequence.RequestedProcedureID=R1",
    "RequestAttributesSequence.ScheduledProcedureStepID=S1",
    "RequestAttributesSequence.ScheduledProcedureStepID=S1&PatientName=doe*",
    "SeriesDescription=Ax*",
    "SOPClassUID=1.3",
    "SOPInstanceUID=1.4.1.0",
    "InstanceNumber=2",
    "InstanceNumber=2&Rows=512",
    "00280010=256&ModalitiesInStudy=CR",
];

#[tokio::test]
async fn qido_09_10_11_sql_finds_what_the_definition_of_a_match_says_at_every_level_and_page() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let samples = samples();
    enter(&db, &project, &samples.iter().map(entry).collect::<Vec<_>>()).await.unwrap();
    let mut told = 0;
    for (level, text) in LEVELS.into_iter().flat_map(|level| QUERIES.iter().map(move |text| (level, *text))) {
        let scope = Scope { level, study: None, series: None };
        let query = match Query::parse(scope, text) {
            Err(fault) if fault.why == QueryFaultKind::LowerLevel => continue,
            query => query.unwrap(),
        };
        let whole = search(&db, &project, &query).await.unwrap();
        let mut found = uids(&whole, level);
        let (pages, last) = paged(&db, &project, &query).await;
        assert_eq!(pages, found, "{level:?} {text}: pages in order, none twice");
        assert_eq!((whole.remaining, last), (Remaining::None, Remaining::None), "{level:?} {text}");
        found.sort();
        let expected = expected(&query, &samples);
        told += usize::from(!expected.is_empty() && expected.len() < samples.len());
        assert_eq!(found, expected, "{level:?} {text}");
    }
    assert!(told > 100, "only {told} searches tell anything");
}

/// All pages of a search one behind the other, and what the last one says is left.
async fn paged(db: &Db, project: &str, query: &Query) -> (Vec<String>, Remaining) {
    let mut all = Vec::new();
    loop {
        let query = Query { limit: Some(7), offset: all.len() as u64, ..query.clone() };
        let page = search(db, project, &query).await.unwrap();
        all.extend(uids(&page, query.level));
        if page.results.len() < 7 {
            return (all, page.remaining);
        }
    }
}

#[tokio::test]
async fn qido_27_what_is_left_behind_a_page_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    enter(&db, &project, &samples().iter().map(entry).collect::<Vec<_>>()).await.unwrap();
    for (text, left) in [
        ("limit=1", Remaining::Some(59)),
        ("limit=0", Remaining::Some(60)),
        ("limit=60", Remaining::None),
        ("offset=1000", Remaining::None),
        ("PatientSex=F&limit=1&offset=1", Remaining::Some(28)),
    ] {
        let query = Query::parse(Scope { level: Level::Study, study: None, series: None }, text).unwrap();
        assert_eq!(search(&db, &project, &query).await.unwrap().remaining, left, "{text}");
    }
}

#[tokio::test]
async fn qido_04_a_search_that_must_look_at_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    enter(&db, &project, &samples().iter().map(entry).collect::<Vec<_>>()).await.unwrap();
    let scope = Scope { level: Level::Study, study: None, series: None };
    let query = Query::parse(scope, "PatientSex=F").unwrap();
    let (tests, rest) = tests(&query);
    let all = Search { project: &project, rank: Rank::Study, tests };
    assert_eq!(one_by_one(&db, &all, &rest, 5, 59).await.err(), Some(Fault::TooBroad(59)));
    assert!(
        one_by_one(&db, &all, &rest, 5, 60).await.is_ok_and(|(found, left)| (found.len(), left) == (5, 25))
    );
}

#[tokio::test]
async fn instances_of_one_project_are_never_found_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let other = another_project(&db).await;
    let samples = samples();
    enter(&db, &project, &samples.iter().map(entry).collect::<Vec<_>>()).await.unwrap();
    for (level, text) in LEVELS.into_iter().flat_map(|level| QUERIES.iter().map(move |text| (level, *text))) {
        let scope = Scope { level, study: Some("1.1"), series: None };
        for scope in [scope, Scope { study: None, ..scope }] {
            let Ok(query) = Query::parse(scope, text) else { continue };
            let page = search(&db, &other, &query).await.unwrap();
            assert_eq!((page.results.len(), page.remaining), (0, Remaining::None), "{level:?} {text}");
        }
    }
    let mut same = entry(&samples[0]);
    same.object = "another".into();
    enter(&db, &other, &[same]).await.unwrap();
    let query = Query::parse(Scope { level: Level::Study, study: None, series: None }, "").unwrap();
    let page = search(&db, &other, &query).await.unwrap();
    assert_eq!(page.results.len(), 1);
    assert_eq!(page.results[0].values(Tag(0x0020, 0x1208)), [json!(1)], "counts are the project's own");
}

#[test]
fn every_key_that_the_standard_lists_is_tested_in_sql_but_those_in_sequences() {
    let listed = "StudyDate=20240101&StudyTime=10&AccessionNumber=a&ModalitiesInStudy=CT&PatientName=a*\
        &ReferringPhysicianName=b&PatientID=1&StudyInstanceUID=1&StudyID=1&Modality=C*&SeriesInstanceUID=1\
        &SeriesNumber=1&PerformedProcedureStepStartDate=20240101&PerformedProcedureStepStartTime=10-\
        &SOPClassUID=1&SOPInstanceUID=1&InstanceNumber=1&StudyDescription=*x*\
        &RequestAttributesSequence.ScheduledProcedureStepID=1";
    let scope = Scope { level: Level::Instance, study: None, series: None };
    let query = Query::parse(scope, listed).unwrap();
    assert_eq!((query.keys.len(), tests(&query).1.keys.len()), (19, 1));
}

#[test]
fn each_column_of_a_date_has_one_for_its_time() {
    for (date, time) in MOMENTS {
        assert_eq!(span_column(date).is_some(), span_column(time).is_some());
    }
}
