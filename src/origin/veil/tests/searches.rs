//! Searches through the veil: what is asked of the origin, what comes back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::behind::{US, ct};
use super::*;

fn images() -> Vec<Image> {
    let late = Image { date: "20240510", ..ct(3, 1, 1, "MARKID-A") };
    vec![ct(1, 1, 1, "MARKID-A"), ct(1, 1, 2, "MARKID-A"), ct(2, 1, 1, "MARKID-B"), late, ct(4, 1, 1, "")]
}

fn pseudonym(rig: &Rig, image: &Image) -> String {
    let found = image.found();
    rig.veil.0.engine.patient(&Patient::of(&found.patient_id, &found.issuer, &found.study))
}

fn studies(page: &Page) -> Vec<String> {
    shown(page).iter().map(|result| result.text(Tag(0x0020, 0x000D)).to_owned()).collect()
}

#[tokio::test]
async fn a_list_of_studies_shows_pseudonyms_shifted_dates_and_nothing_else() {
    let rig = rig(RESEARCH, &images()).await;
    let page = rig.search(Level::Study, "limit=101&includefield=00081030,00080060,00080061").await.unwrap();
    let results = shown(&page);
    assert_eq!(results.len(), 4);
    for image in [0, 2, 4].map(|image| images()[image].clone()) {
        let study = rig.place(&image).study;
        let result = results.iter().find(|result| value(result, 0x0020_000D) == study).unwrap();
        assert_eq!(value(result, 0x0010_0020), pseudonym(&rig, &image));
        assert_eq!(value(result, 0x0010_0010)["Alphabetic"], pseudonym(&rig, &image));
        assert_eq!(value(result, 0x0008_0061), "CT");
        assert!(
            value(result, 0x0008_0020).as_str().is_some_and(|date| date < "20240310" && date > "20140301")
        );
        assert_eq!(value(result, 0x0008_0050), Value::Null);
        assert!(result.get(Tag(0x0010, 0x0021)).is_none(), "the issuer was asked for, and is not shown");
    }
    let asked = rig.behind.asked().join("");
    assert!(asked.contains("PatientID") || asked.contains("0020"), "what translating needs is asked for");
    assert!(!asked.contains("Tag(0x0008, 0x1030)"), "what is hidden is not");
}

#[tokio::test]
async fn a_patient_is_found_by_the_pseudonym_as_viewers_ask_for_it() {
    let rig = rig(RESEARCH, &images()).await;
    let name = pseudonym(&rig, &images()[0]);
    let all = studies(&rig.search(Level::Study, "").await.unwrap());
    let its = [rig.place(&images()[0]).study, rig.place(&images()[3]).study];
    let both: Vec<String> = all.into_iter().filter(|study| its.contains(study)).collect();
    for query in [
        format!("PatientID={name}"),
        format!("00100020=*{name}*"),
        format!("PatientName=*{name}*&fuzzymatching=false"),
        format!("PatientName={name}&fuzzymatching=true"),
        format!("PatientID={name}&PatientName={name}"),
        format!("PatientID={}*", &name[..8]),
    ] {
        let page = rig.search(Level::Study, &query).await.unwrap();
        assert_eq!(studies(&page), both, "{query}");
        assert_eq!(page.remaining, crate::origin::Remaining::None);
    }
    let nobody = pseudonym(&rig, &images()[4]);
    let page = rig.search(Level::Study, &format!("PatientID={nobody}")).await.unwrap();
    assert_eq!(studies(&page), [rig.place(&images()[4]).study], "the study stands for its patient");
    for query in [
        "PatientID=MARKID-A".to_owned(),
        "PatientID=MARKID*".to_owned(),
        format!("PatientID={name}&PatientName={nobody}"),
    ] {
        assert!(studies(&rig.search(Level::Study, &query).await.unwrap()).is_empty(), "{query}");
    }
    let page = rig.search(Level::Series, &format!("PatientID={name}")).await.unwrap();
    assert_eq!(page.results.len(), 2, "the patient is matched on lower levels, too");
}

#[tokio::test]
async fn original_values_never_reach_the_origin_by_a_pattern() {
    let rig = rig(RESEARCH, &images()).await;
    rig.behind.asked();
    rig.search(Level::Study, "PatientName=MARK*&PatientID=*ID-A").await.unwrap();
    let asked = rig.behind.asked().join("");
    assert!(!asked.contains("MARK") && !asked.contains("mark") && !asked.contains("ID-A"), "{asked}");
}

#[tokio::test]
async fn dates_are_matched_as_they_are_shown() {
    let rig = rig(RESEARCH, &images()).await;
    let all = rig.search(Level::Study, "").await.unwrap();
    for result in shown(&all) {
        let (study, patient) = (value(result, 0x0020_000D), value(result, 0x0010_0020));
        let (date, name) = (value(result, 0x0008_0020), patient.as_str().unwrap());
        let date = date.as_str().unwrap();
        for query in [
            format!("StudyDate={date}"),
            format!("StudyDate={date}-{date}&PatientID={name}"),
            format!("StudyDate={date}-{date}&StudyTime=1000-1100"),
        ] {
            let page = rig.search(Level::Study, &query).await.unwrap();
            assert!(studies(&page).iter().any(|found| *found == study), "{query}");
            assert!(shown(&page).iter().all(|found| value(found, 0x0008_0020) == date), "{query}");
        }
        let off = format!("StudyDate={date}&StudyTime=1100-1200");
        assert!(studies(&rig.search(Level::Study, &off).await.unwrap()).is_empty());
    }
    rig.behind.asked();
    rig.search(Level::Study, "StudyDate=20200101-20200131").await.unwrap();
    assert!(rig.behind.asked()[0].contains("20200102"), "widened at the origin");
    assert!(studies(&rig.search(Level::Study, "StudyDate=20240310").await.unwrap()).is_empty());
}

#[tokio::test]
async fn pages_of_what_is_narrowed_are_counted_by_what_fits() {
    let images: Vec<Image> = (1..=7).map(|study| ct(study, 1, 1, "MARKID-A")).collect();
    let rig = rig(RESEARCH, &images).await;
    let name = pseudonym(&rig, &images[0]);
    let whole = studies(&rig.search(Level::Study, &format!("PatientID={name}")).await.unwrap());
    assert_eq!(whole.len(), 7);
    let page = rig.search(Level::Study, &format!("PatientID={name}&limit=3&offset=2")).await.unwrap();
    assert_eq!(studies(&page), whole[2..5]);
    assert_eq!(page.remaining, crate::origin::Remaining::Some(2));
    let page = rig.search(Level::Study, "limit=3&offset=2").await.unwrap();
    assert_eq!((studies(&page), page.remaining), (whole[2..5].to_vec(), crate::origin::Remaining::Some(2)));
}

#[tokio::test]
async fn hidden_attributes_are_not_matched() {
    let rig = rig("name = \"t\"", &images()).await;
    for (query, tag) in [
        ("StudyDate=20240310", Tag(0x0008, 0x0020)),
        ("StudyDescription=MARKDESC", Tag(0x0008, 0x1030)),
        ("AccessionNumber=MARK*", Tag(0x0008, 0x0050)),
        ("00100021=MARKISSUER", Tag(0x0010, 0x0021)),
        ("ReferringPhysicianName=x&fuzzymatching=true", Tag(0x0008, 0x0090)),
    ] {
        let failed = rig.search(Level::Study, query).await.err();
        assert_eq!(failed, Some(Fault::Hidden(tag)), "{query}");
    }
    rig.behind.asked();
    assert_eq!(
        rig.search(Level::Study, "StudyDescription=").await.unwrap().results.len(),
        4,
        "only returned"
    );
    assert!(!rig.behind.asked().join("").contains("Tag(0x0008, 0x1030)"));
    let page = rig.search(Level::Study, "ModalitiesInStudy=CT").await.unwrap();
    assert_eq!(page.results.len(), 4);
}

#[tokio::test]
async fn uids_are_led_back_and_those_of_others_find_nothing() {
    let rig = rig(RESEARCH, &images()).await;
    let place = rig.place(&images()[1]);
    let query =
        format!("StudyInstanceUID={},2.25.1&SeriesInstanceUID={}", place.study, place.series.unwrap());
    rig.search(Level::Instance, "").await.unwrap();
    assert_eq!(shown(&rig.search(Level::Instance, &query).await.unwrap()).len(), 2);
    let image = images()[0].found();
    for query in [format!("StudyInstanceUID={}", image.study), "SOPInstanceUID=2.25.1".to_owned()] {
        assert!(rig.search(Level::Instance, &query).await.unwrap().results.is_empty(), "{query}");
    }
    let scope = Scope { level: Level::Series, study: Some(&place.study), series: None };
    let page = rig.veil.search(&Query::parse(scope, "").unwrap()).await.unwrap();
    assert_eq!(shown(&page).len(), 1);
    let scope = Scope { level: Level::Series, study: Some("1.2.826.1"), series: None };
    let page = rig.veil.search(&Query::parse(scope, "").unwrap()).await.unwrap();
    assert!(page.results.is_empty(), "the original name is nobody's");
}

#[tokio::test]
async fn kept_uids_are_their_own_names() {
    let profile = "name = \"t\"\noptions = [\"retain-uids\"]";
    let rig = rig(profile, &images()).await;
    let page = rig.search(Level::Study, "StudyInstanceUID=1.2.826.1").await.unwrap();
    assert_eq!(page.results.len(), 1);
    assert_eq!(value(&page.results[0], 0x0020_000D), "1.2.826.1");
    let place = Place { study: "1.2.826.1".into(), series: None, instance: None };
    assert_eq!(collect(rig.veil.metadata(&place, Model::Json, "").await.unwrap()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_patient_is_one_in_search_metadata_and_instances_though_results_do_not_name_the_issuer() {
    let image = Image { issuer: "MARKISSUER", ..ct(1, 1, 1, "MARKID-A") };
    let rig = rig(RESEARCH, std::slice::from_ref(&image)).await;
    rig.behind.keeps_to_itself(&["00100021"], &[]);
    let (_, metadata) = rig.metadata(&rig.place(&image)).await.unwrap();
    let page = rig.search(Level::Study, "").await.unwrap();
    let result = &shown(&page)[0];
    for tag in [0x0010_0020, 0x0010_0010, 0x0008_0020, 0x0020_000D] {
        assert_eq!(value(&metadata[0], tag), value(result, tag), "{tag:08x}");
    }
    assert_eq!(value(result, 0x0010_0020), pseudonym(&rig, &image));
    let name = pseudonym(&rig, &image);
    assert_eq!(rig.search(Level::Study, &format!("PatientID={name}")).await.unwrap().results.len(), 1);
    let page = rig.search(Level::Series, "includefield=all").await.unwrap();
    assert_eq!(value(&shown(&page)[0], 0x0010_0020), name);
}

#[tokio::test]
async fn a_name_that_was_never_met_is_found_by_one_walk_and_guesses_cost_none() {
    let rig = rig(RESEARCH, &images()).await;
    let veil = rig.forgetful(RESEARCH, "p", KEY);
    let place = rig.place(&images()[1]);
    assert_eq!(given(veil.metadata(&place, Model::Json, "").await.unwrap()).await.unwrap().len(), 1);
    let walks = |asked: Vec<String>| asked.iter().filter(|what| what.starts_with("search")).count();
    assert_eq!(walks(rig.behind.asked()), 2, "one for the studies, one within the study");
    for guess in 1..50 {
        let place = Place { study: format!("2.25.{guess}"), series: None, instance: None };
        assert_eq!(veil.metadata(&place, Model::Json, "").await.err(), Some(Fault::NotFound));
    }
    assert_eq!(walks(rig.behind.asked()), 0);
    let other = rig.forgetful(RESEARCH, "another", [8; 32]);
    assert_eq!(other.metadata(&place, Model::Json, "").await.err(), Some(Fault::NotFound), "another project");
}

#[tokio::test]
async fn what_is_searched_at_instance_level_is_decided_by_its_sop_class() {
    let us = Image { modality: "US", sop_class: US, burned_in: "YES", ..ct(1, 2, 1, "MARKID-A") };
    let rule =
        "[[rule]]\ntag = \"00080030\"\naction = \"remove\"\nsop_class = \"1.2.840.10008.5.1.4.1.1.6.1\"";
    let rig = rig(&format!("{RESEARCH}\n{rule}"), &[ct(1, 1, 1, "MARKID-A"), us]).await;
    let page = rig.search(Level::Instance, "includefield=StudyTime").await.unwrap();
    let times: Vec<Value> = shown(&page).iter().map(|result| value(result, 0x0008_0030)).collect();
    assert_eq!(times, [Value::from("101500"), Value::Null]);
    let page = rig.search(Level::Study, "").await.unwrap();
    assert_eq!(
        value(&shown(&page)[0], 0x0008_0030),
        Value::Null,
        "hidden for one is hidden for all of the study"
    );
}
