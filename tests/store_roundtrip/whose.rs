//! Names of another patient in a result that is sent back, wherever they stand in it: none comes to the origin.

use super::*;
use support::build::Element;

const SERIES: Tag = roundtrip::SERIES;
const REFERENCE: Tag = (0x0008, 0x1155);

fn uid(tag: Tag, value: &str) -> Element {
    text(tag, b"UI", value)
}

/// A sequence of one item.
fn one(tag: Tag, item: Vec<Element>) -> Element {
    sequence(tag, Length::Defined, vec![item])
}

/// Evidence of a study that names this series.
fn evidence(study: &str, series: &str) -> Element {
    let series = one((0x0008, 0x1115), vec![uid(SERIES, series)]);
    one((0x0040, 0xa375), vec![series, uid(STUDY, study)])
}

/// Referenced Request Sequence, which names a study in a sequence of its own.
fn request(study: &str) -> Element {
    one((0x0040, 0xa370), vec![one((0x0008, 0x1110), vec![uid(REFERENCE, study)])])
}

#[test]
fn no_name_of_another_patient_comes_to_the_origin_wherever_it_stands() {
    let Some(stage) = stage() else { return };
    let (rosa, hugo) = (&stage.rosa, &stage.hugo);
    let result = |more| rosa.result(roundtrip::sop::SR, "SR", 9, more).write();
    let [study, series, slice] = [STUDY, SERIES, SOP_INSTANCE].map(|tag| hugo.first(tag));
    let own = rosa.first(STUDY);
    let refuses = |why: &str, more| stage.refuses(why, result(more), OTHER_PATIENT);
    refuses("another patient's series", vec![uid(SERIES, &series)]);
    refuses("its original", vec![uid(SERIES, &format!("{}.1", HUGO.study))]);
    refuses("another patient's series as evidence", vec![evidence(&own, &series)]);
    refuses("its original as evidence", vec![evidence(&own, &format!("{}.1", HUGO.study))]);
    let deep = one((0x0008, 0x1140), vec![uid(REFERENCE, &slice)]);
    for around in [(0x0008, 0x1111), (0x0008, 0x1120), (0x0008, 0x1125)] {
        let around = one(around, vec![deep.clone()]);
        refuses("another patient's slice below a step", vec![one((0x0040, 0xa730), vec![around])]);
    }
    refuses("another patient's slice as a step", vec![one((0x0008, 0x1111), vec![uid(REFERENCE, &slice)])]);
    refuses("its original's", vec![one((0x0008, 0x1140), vec![uid(REFERENCE, &HUGO.slice(1))])]);
    refuses("another patient's study in a request", vec![request(&study)]);
    for name in [&study, &series, &slice] {
        let item = vec![uid((0x0040, 0xa124), name)];
        refuses("another patient's name as a value", vec![one((0x0040, 0xa730), item)]);
        refuses("as an instance", vec![one((0x0008, 0x1140), vec![uid(REFERENCE, name)])]);
    }
    // Names that are no series of the study, and a study that nobody gave out.
    let frame = rosa.first(roundtrip::FRAME_OF_REFERENCE);
    stage.refuses("no series", result(vec![uid(SERIES, &frame)]), UNKNOWN);
    stage.refuses("no series as evidence", result(vec![evidence(&own, &frame)]), UNKNOWN);
    stage.refuses("a request's own study", result(vec![request("1.2.3.4")]), UNKNOWN);
}

#[test]
fn a_series_of_the_study_and_one_of_the_sender_take_results() {
    let Some(stage) = stage() else { return };
    let rosa = &stage.rosa;
    let series = rosa.first(SERIES);
    let step = one((0x0040, 0xa730), vec![one((0x0008, 0x1111), vec![uid(REFERENCE, "1.2.826.0.1.7")])]);
    let more =
        vec![uid(SERIES, &series), evidence(&rosa.first(STUDY), &series), request(&rosa.first(STUDY)), step];
    let first = rosa.result(roundtrip::sop::SR, "SR", 1, more).write();
    // Into a series that the first one of the request makes, and that evidence names then.
    let made = vec![uid(SERIES, "1.2.826.0.1.8")];
    let second = rosa.result(roundtrip::sop::SR, "SR", 2, made.clone()).write();
    let named = [made, vec![evidence(&rosa.first(STUDY), "1.2.826.0.1.8")]].concat();
    let third = rosa.result(roundtrip::sop::SR, "SR", 3, named).write();
    let answer = stage.push(&[first, second, third]);
    assert_eq!(
        (answer.status, stored(&answer)),
        (200, [1, 2, 3].map(instance).to_vec()),
        "{}",
        answer.text()
    );
    let below = |series: &str| {
        let path = format!("/studies/{}/series/{series}/instances", ROSA.study);
        stage.orthanc.get(&path, "application/dicom+json").json().as_array().unwrap().len()
    };
    assert_eq!((below(&format!("{}.1", ROSA.study)), below("1.2.826.0.1.8")), (4, 2));
}
