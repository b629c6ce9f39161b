//! Tests of queries: what parameters mean, and what a data set must hold to answer them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn at(level: Level, query: &str) -> Result<Query, QueryFault> {
    Query::parse(Scope { level, study: None, series: None }, query)
}

fn studies(query: &str) -> Query {
    at(Level::Study, query).unwrap()
}

fn why(level: Level, query: &str) -> QueryFaultKind {
    at(level, query).unwrap_err().why
}

fn data(attributes: Value) -> DataSet {
    DataSet(serde_json::from_value(attributes).unwrap())
}

#[test]
fn qido_06_an_attribute_stands_once_whatever_it_is_called() {
    for twice in ["PatientID=1&PatientID=2", "PatientID=1&00100020=1", "limit=1&limit=1", "offset=0&offset=0"]
    {
        assert_eq!(why(Level::Study, twice), QueryFaultKind::Repeated, "{twice}");
    }
}

#[test]
fn http_06_qido_07_an_encoded_comma_belongs_to_the_value() {
    let key = |query: &str| studies(query).keys[0].condition.clone();
    assert_eq!(key("PatientID=A%2CB"), Condition::Text("A,B".into()));
    assert_eq!(key("PatientID=A%26B%3D%23+C"), Condition::Text("A&B=# C".into()));
    for list in ["1.2,1.3", "1.2%2C1.3", "1.2%5C1.3", "1.2\\1.3"] {
        let uids = Condition::Uids(vec!["1.2".into(), "1.3".into()]);
        assert_eq!(key(&format!("StudyInstanceUID={list}")), uids, "{list}");
    }
}

#[test]
fn qido_24_include_fields_repeat_come_in_lists_and_all_takes_in_the_rest() {
    let tags = |query: &str| studies(query).include;
    let three = Include::Tags(vec![Tag(0x0008, 0x1030), Tag(0x0008, 0x0090), Tag(0x0010, 0x0030)]);
    for query in [
        "includefield=00081030%2C00080090,PatientBirthDate",
        "includefield=StudyDescription&includefield=00080090&includefield=PatientBirthDate,00100030",
        "includefield=00081030,Foo,00080090,00100030",
    ] {
        assert_eq!(tags(query), three, "{query}");
    }
    assert_eq!(tags("includefield=00081048&includefield=all"), Include::All);
    assert_eq!(tags("includefield=all&includefield=00081048"), Include::All);
}

#[test]
fn http_03_qido_26_limits_and_flags_have_legal_values() {
    let query = studies("limit=0&offset=17&fuzzymatching=false");
    assert_eq!((query.limit, query.offset), (Some(0), 17));
    for bad in [
        "limit=-1",
        "limit=abc",
        "offset=1.5",
        "limit=",
        "offset=+1",
        "limit=99999999999999999999",
        "fuzzymatching=1",
    ] {
        assert_eq!(why(Level::Study, bad), QueryFaultKind::BadValue, "{bad}");
    }
}

#[test]
fn http_02_qido_34_unknown_names_are_ignored_with_a_notice() {
    for unknown in ["foo=bar", "patientid=1", "00109999=x", "Foo", "&&=&x=y"] {
        let query = studies(unknown);
        assert_eq!((query.keys.len(), query.notices), (0, vec![Notice::Ignored]), "{unknown}");
    }
    assert_eq!(studies("accept=application/json&charset=utf-8").notices, vec![]);
    let fault = at(Level::Study, "Foo.PatientID=1").unwrap_err();
    assert_eq!(fault.to_string(), "Foo.PatientID: the path names something that is unknown or no sequence");
}

#[test]
fn qido_22_23_what_is_not_supported_is_told_if_it_is_asked_for() {
    let query = studies("emptyvaluematching=true&multiplevaluematching=true");
    let expected = ["emptyvaluematching", "multiplevaluematching"].map(Notice::Unsupported);
    assert_eq!(query.notices, expected);
    assert_eq!(studies("emptyvaluematching=false&multiplevaluematching=false").notices, []);
}

#[test]
fn qido_12_keys_of_a_lower_level_and_computed_ones_are_refused_with_their_name() {
    let fault = at(Level::Study, "SeriesNumber=1").unwrap_err();
    assert_eq!((fault.name.as_str(), fault.why), ("SeriesNumber", QueryFaultKind::LowerLevel));
    assert_eq!(why(Level::Series, "00080018=1.2"), QueryFaultKind::LowerLevel);
    assert!(at(Level::Instance, "PatientID=1&Modality=CT&00080018=1.2").is_ok());
    assert_eq!(why(Level::Study, "NumberOfStudyRelatedSeries=1"), QueryFaultKind::NotMatched);
    assert_eq!(why(Level::Instance, "PixelData=x"), QueryFaultKind::NotMatched);
    assert_eq!(why(Level::Series, "RequestAttributesSequence=x"), QueryFaultKind::NotMatched);
}

#[test]
fn qido_08_a_private_key_needs_its_creator() {
    assert_eq!(why(Level::Instance, "00231001=x"), QueryFaultKind::NoCreator);
    assert_eq!(why(Level::Instance, "00230011=Acme&00231001=x"), QueryFaultKind::NoCreator);
    let query = at(Level::Instance, "00230010=Acme&00231001=x").unwrap();
    let set = |creator: &str| {
        data(json!({"00230042": {"vr": "LO", "Value": [creator]}, "00234201": {"vr": "LO", "Value": ["x"]}}))
    };
    assert!(query.holds(&set("Acme")), "whichever block it has there");
    assert!(!query.holds(&set("Other")));
}

#[test]
fn qido_16_a_date_range_and_a_time_range_are_one_interval() {
    let query = studies("StudyDate=20240101-20240102&StudyTime=2300-0100");
    let study = |date: &str, time: &str| {
        data(json!({"00080020": {"vr": "DA", "Value": [date]}, "00080030": {"vr": "TM", "Value": [time]}}))
    };
    assert!(query.holds(&study("20240101", "2330")) && query.holds(&study("20240102", "005959")));
    assert!(query.holds(&study("20240102", "0100")));
    assert!(!query.holds(&study("20240101", "120000")) && !query.holds(&study("20240102", "0130")));
    assert!(!query.holds(&data(json!({}))));
    assert!(studies("StudyDate=20240101-&StudyTime=10-").holds(&study("20250101", "01")));
}

#[test]
fn qido_19_one_item_answers_all_keys_under_its_sequence() {
    let query = "RequestAttributesSequence.00400009=S1&00400275.RequestedProcedureID=R1";
    let query = at(Level::Series, query).unwrap();
    let item = |step: &str, procedure: &str| json!({"00400009": {"vr": "SH", "Value": [step]}, "00401001": {"vr": "SH", "Value": [procedure]}});
    let series = |items: Vec<Value>| data(json!({"00400275": {"vr": "SQ", "Value": items}}));
    assert!(query.holds(&series(vec![item("S0", "R0"), item("S1", "R1")])));
    assert!(!query.holds(&series(vec![item("S1", "R0"), item("S0", "R1")])), "split over two items");
    assert!(!query.holds(&series(vec![])));
    assert!(at(Level::Series, "00400275.00400009=").unwrap().holds(&series(vec![])), "nothing is asked");
}

#[test]
fn qido_25_33_results_have_what_is_asked_for_or_matched_and_nothing_of_a_lower_level() {
    let query = studies("includefield=00080060,00081048&PatientComments=x");
    assert!(query.returns(Tag(0x0008, 0x1048)) && query.returns(Tag(0x0010, 0x4000)));
    assert!(!query.returns(Tag(0x0008, 0x0060)), "Modality is the series'");
    assert!(!query.returns(Tag(0x0010, 0x2154)));
    assert!(!studies("includefield=all").returns(Tag(0x0020, 0x0013)));
}

#[test]
fn qido_30_31_levels_that_the_path_fixes_are_left_out() {
    let levels = |level, study, series| {
        Query::parse(Scope { level, study, series }, "").unwrap().returned_levels().collect::<Vec<_>>()
    };
    use Level::{Instance, Series, Study};
    assert_eq!(levels(Study, None, None), [Study]);
    assert_eq!(levels(Series, Some("1"), None), [Series]);
    assert_eq!(levels(Series, None, None), [Study, Series]);
    assert_eq!(levels(Instance, Some("1"), Some("2")), [Instance]);
    assert_eq!(levels(Instance, Some("1"), None), [Series, Instance]);
    assert_eq!(levels(Instance, None, None), [Study, Series, Instance]);
}

#[test]
fn qido_35_a_fault_holds_no_value_of_the_query() {
    for query in ["StudyDate=SECRET", "StudyInstanceUID=SECRET", "PatientID=SECRET%00", "limit=SECRET"] {
        let fault = at(Level::Instance, query).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("SECRET"), "{query}");
    }
}

proptest! {
    #[test]
    fn any_query_is_read_or_refused_without_a_panic(query in "\\PC{0,60}") {
        let _ = at(Level::Instance, &query);
    }

    #[test]
    fn what_is_encoded_comes_out_as_it_was(value in "[ -~&&[^*?\\\\]]{0,20}[a-z]") {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let query = studies(&format!("PatientID={encoded}"));
        prop_assert_eq!(&query.keys[0].condition, &Condition::Text(value.trim().to_owned()));
    }

    #[test]
    fn a_data_set_answers_the_query_for_its_own_values(id in "[A-Za-z0-9]{1,12}", date in "20[0-9]{2}0[1-9]1[0-9]") {
        let set = data(json!({
            "00080020": {"vr": "DA", "Value": [date]}, "00100020": {"vr": "LO", "Value": [id]},
        }));
        let (head, _) = id.split_at(1);
        for query in [
            format!("PatientID={id}"), format!("PatientID={head}*"), format!("00100020=*{id}"),
            format!("StudyDate={date}"), format!("StudyDate=-{date}&PatientID={id}"), format!("StudyDate={date}-"),
        ] {
            prop_assert!(studies(&query).holds(&set), "{}", query);
        }
        let other = format!("PatientID={id}x");
        prop_assert!(!studies(&other).holds(&set));
    }
}
