//! What a viewer asks, in its order, and what it must not be told.

use super::*;
use crate::stow::{burned_in, ct, ct_of_study, push};

const OTHER: &str = "2.25.7979";

fn standard() -> Option<Rig> {
    let mut other = ct_of_study(OTHER, 4);
    let at = multipart::find(&other, b"2.25.72").unwrap();
    other[at + 6] = b'5';
    rig("research", &[ct(1), ct(2), burned_in(3), other])
}

#[test]
fn a_viewer_opens_a_study_by_its_pseudonyms() {
    let Some(rig) = standard() else { return };
    let list = "studies?limit=101&offset=0&fuzzymatching=false\
        &includefield=00081030%2C00080060%2C00080090%2C00100030";
    let studies = rig.json(list);
    assert_eq!(studies.len(), 2);
    let patient = text(&studies[0], "00100020");
    assert_eq!(
        (text(&studies[0], "00100010"), text(&studies[1], "00100020")),
        (patient.clone(), patient.clone())
    );
    let uid = text(&studies[0], "0020000D");
    assert_eq!(text(&studies[0], "00081190"), format!("{}/dicom-web/studies/{uid}", rig.gateway.url));
    for filter in
        [format!("PatientName=*{patient}*"), format!("00100020={patient}"), format!("StudyInstanceUID={uid}")]
    {
        let found = rig.json(&format!("studies?{filter}&limit=101&offset=0&fuzzymatching=false"));
        assert!(found.iter().any(|study| text(study, "0020000D") == uid), "{filter}");
    }
    let found = rig.json("series?Modality=CT&includefield=0008103E%2C00080021");
    assert_eq!(found.len(), 2);
    let instances = rig.json("instances?includefield=00080060");
    assert_eq!(instances.len(), 4, "a search does not look at pixels");
    let place = path(instances.iter().find(|set| set["00200013"]["Value"][0] == 1).unwrap());
    let answer = rig.get(&format!("{}/metadata", series(&place)), JSON);
    let metadata = answer.json().as_array().unwrap().clone();
    assert_eq!(metadata.len(), 2);
    assert!(answer.header("warning").is_some_and(|text| text.contains("left out")), "{answer:?}");
    for set in &metadata {
        let place = path(set);
        assert_eq!(text(set, "00100020"), patient);
        let frame = rig.parts(&format!("{place}/frames/1"), FRAMES).remove(0);
        assert_eq!(frame.body, (0..32).collect::<Vec<u8>>());
        assert!(frame.header("content-location").unwrap().ends_with(&format!("{place}/frames/1")));
        assert_eq!(rig.get(&format!("{place}/rendered"), "image/jpeg").status, 200);
        assert_eq!(rig.get(&format!("{place}/thumbnail?viewport=64%2C64"), "image/png").status, 200);
    }
    assert_eq!(rig.get(&format!("{}/thumbnail", series(&place)), "image/jpeg").status, 200);
    let uri = metadata[0]["7FE00010"]["BulkDataURI"].as_str().unwrap();
    let bulk = uri.strip_prefix(&format!("{}/dicom-web/", rig.gateway.url)).unwrap();
    assert_eq!(rig.parts(bulk, OCTETS).remove(0).body.len(), 32);
}

#[test]
fn what_is_pushed_and_what_is_pulled_have_the_same_names_patient_and_dates() {
    let Some(rig) = standard() else { return };
    let maker = accounts::told(&rig.gateway, &["key", "add", "default", "maker", "--right", "reidentify"]);
    let pushed = push(&[ct(1)]).header("X-API-Key", &accounts::text(&maker, "key"));
    let pushed = rig.gateway.send_bare(pushed.header("Accept", stow::RESPOND));
    rig.check("a push", &pushed);
    let content_type = pushed.header("content-type").unwrap_or_default();
    let parts = multipart::read(content_type, &pushed.body).unwrap();
    let pushed = walk(
        &parts
            .iter()
            .find(|part| part.header("content-type").unwrap().starts_with("application/dicom"))
            .unwrap()
            .body,
    );
    let uid = |tag| told(&pushed, tag);
    let place = format!(
        "studies/{}/series/{}/instances/{}",
        uid((0x0020, 0x000d)),
        uid((0x0020, 0x000e)),
        uid((0x0008, 0x0018))
    );
    let pulled = rig.parts(&place, DICOM).remove(0);
    let pulled = walk(&pulled.body);
    let metadata = rig.json(&format!("{place}/metadata")).remove(0);
    let found = rig.json(&format!(
        "{}/instances?SOPInstanceUID={}&includefield=StudyDate",
        study(&place),
        uid((0x0008, 0x0018))
    ));
    for (tag, name) in [
        ((0x0008, 0x0018), "00080018"),
        ((0x0020, 0x000d), "0020000D"),
        ((0x0020, 0x000e), "0020000E"),
        ((0x0008, 0x0020), "00080020"),
        ((0x0010, 0x0020), "00100020"),
        ((0x0010, 0x0010), "00100010"),
    ] {
        let one = told(&pushed, tag);
        assert!(!one.is_empty(), "{name}");
        assert_eq!(told(&pulled, tag), one, "{name}");
        assert_eq!(text(&metadata, name), one, "{name}");
        if found[0].get(name).is_some() {
            assert_eq!(text(&found[0], name), one, "{name}");
        }
    }
    assert_eq!(text(&found[0], "00080018"), uid((0x0008, 0x0018)));
}

#[test]
fn wado_05_a_refused_instance_is_told_by_tag_clause_and_setting_and_left_out_of_many() {
    let Some(rig) = standard() else { return };
    let instances = rig.json("instances");
    let bad = path(instances.iter().find(|set| set["00200013"]["Value"][0] == 3).unwrap());
    for (path, accept) in [
        (format!("{bad}/metadata"), JSON),
        (format!("{bad}/frames/1"), FRAMES),
        (format!("{bad}/bulk/7FE00010"), OCTETS),
        (format!("{bad}/rendered"), "image/jpeg"),
        (format!("{bad}/thumbnail"), "image/jpeg"),
        (bad.clone(), DICOM),
    ] {
        let answer = rig.get(&path, accept);
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
        for part in ["(0028,0301)", "PS3.15 E.3.1", "burned_in"] {
            assert!(answer.text().contains(part), "{}", answer.text());
        }
    }
    let answer = rig.get(study(&bad), DICOM);
    assert_eq!(answer.status, 206);
    assert_eq!(multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap().len(), 2);
    let answer = rig.get(study(&bad), "application/zip");
    assert_eq!(answer.status, 206);
    assert!(!answer.text().contains("2.25.71/"));
}

#[test]
fn hidden_attributes_unknown_names_and_other_projects_get_nothing() {
    let Some(rig) = standard() else { return };
    for (query, name) in [
        ("StudyDescription=x", "StudyDescription"),
        ("AccessionNumber=ACC0042", "AccessionNumber"),
        ("ReferringPhysicianName=Referrer*&fuzzymatching=true", "ReferringPhysicianName"),
    ] {
        let answer = rig
            .gateway
            .send(Request::new("GET", &format!("/dicom-web/studies?{query}")).header("Accept", JSON));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(name) && !answer.text().contains("ACC0042"), "{}", answer.text());
    }
    assert!(rig.json("studies?PatientID=RIG-0001").is_empty(), "an original is nobody's pseudonym");
    assert!(rig.json("studies?PatientName=*rigpat*").is_empty());
    let place = path(&rig.json("instances?InstanceNumber=1").remove(0));
    assert_eq!(rig.get(&format!("{place}/metadata"), JSON).status, 200);
    let unknown = "studies/2.25.1/series/2.25.2/instances/2.25.3";
    for path in [unknown, "studies/2.25.71/series/2.25.72/instances/2.25.70001"] {
        for (path, accept) in [
            (path.to_owned(), DICOM),
            (format!("{path}/metadata"), JSON),
            (format!("{path}/frames/1"), FRAMES),
        ] {
            assert_eq!(rig.get(&path, accept).status, 404, "{path}");
        }
    }
    let other = gateway(&rig.folder.path().join("other"), "research", &rig.orthanc);
    for (path, accept) in [
        (place.clone(), DICOM),
        (format!("{place}/metadata"), JSON),
        (format!("{place}/frames/1"), FRAMES),
        (format!("{place}/rendered"), "image/jpeg"),
    ] {
        let answer = other.send(Request::new("GET", &format!("/dicom-web/{path}")).header("Accept", accept));
        assert_eq!(answer.status, 404, "{path}");
    }
    let audit = rig.gateway.send(Request::new("GET", "/v1/audit/export"));
    assert!(audit.status == 200 && audit.body.len() > 1000);
    rig.check("the audit", &audit);
}

#[test]
fn names_are_led_back_after_a_restart_and_after_the_crosswalk_was_lost() {
    let Some(rig) = standard() else { return };
    let place = path(&rig.json("instances?InstanceNumber=1").remove(0));
    let Rig { gateway: running, orthanc, folder, .. } = rig;
    drop(running);
    for lost in [false, true] {
        if lost {
            assert!(lose_the_crosswalk(&folder.path().join("data/veilgate.db")) > 0);
        }
        let again = gateway(&folder.path().join("data"), "research", &orthanc);
        let metadata = Request::new("GET", &format!("/dicom-web/{place}/metadata")).header("Accept", JSON);
        assert_eq!(again.send(metadata).status, 200, "lost: {lost}");
    }
}

/// How many names there were.
fn lose_the_crosswalk(database: &std::path::Path) -> u64 {
    use sqlx::{Connection, Executor, SqliteConnection};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database =
            SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
        let lost = database.execute("DELETE FROM crosswalk").await.unwrap().rows_affected();
        database.close().await.unwrap();
        lost
    })
}

#[test]
fn dates_are_found_as_they_are_shown() {
    let Some(rig) = standard() else { return };
    let studies = rig.json("studies");
    let (date, patient) = (text(&studies[0], "00080020"), text(&studies[0], "00100020"));
    for query in [format!("StudyDate={date}"), format!("StudyDate={date}-&PatientID={patient}")] {
        assert_eq!(rig.json(&format!("studies?{query}")).len(), 2, "{query}");
    }
    assert!(rig.json("studies?StudyDate=20240229").is_empty());
}
