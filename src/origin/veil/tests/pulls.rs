//! What is pulled through the veil: data sets, instances, pixels, pictures.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::behind::{PDF, SR, US, ct};
use super::*;
use crate::db::crosswalk::Kind;
use crate::deid::refusal::Refusal;
use crate::dicomweb::report::Form;
use dicom_object::DefaultDicomObject;

fn us(number: u32) -> Image {
    Image { modality: "US", sop_class: US, burned_in: "", ..ct(1, 1, number, "MARKID-A") }
}

fn series(place: &Place) -> Place {
    Place { instance: None, ..place.clone() }
}

fn read(bytes: &[u8]) -> DefaultDicomObject {
    dicom_object::from_reader(bytes).unwrap()
}

fn text(object: &DefaultDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim().to_owned()
}

#[tokio::test]
async fn metadata_and_instance_tell_the_same() {
    let image = Image { issuer: "MARKISSUER", ..ct(1, 1, 1, "MARKID-A") };
    let rig = rig(RESEARCH, std::slice::from_ref(&image)).await;
    let place = rig.place(&image);
    let (partial, metadata) = rig.metadata(&place).await.unwrap();
    let data = &metadata[0];
    assert!(!partial);
    let parts = collect(rig.veil.instances(&place, &[SyntaxWish::Any]).await.unwrap()).await.unwrap();
    let expected = format!(
        "studies/{}/series/{}/instances/{}",
        place.study,
        place.series.as_deref().unwrap(),
        place.instance.as_deref().unwrap()
    );
    assert_eq!(
        (parts[0].path.as_str(), parts[0].transfer_syntax),
        (expected.as_str(), Some("1.2.840.10008.1.2.1"))
    );
    let bytes = given(rig.veil.instances(&place, &[SyntaxWish::Any]).await.unwrap()).await.unwrap();
    let object = read(&bytes[0]);
    for tag in [0x0008_0018, 0x0008_0020, 0x0010_0020, 0x0020_000D, 0x0020_000E] {
        let tag = Tag((tag >> 16) as u16, (tag & 0xFFFF) as u16);
        assert_eq!(data.text(tag), text(&object, tag).trim_end_matches('\0'), "{tag}");
    }
    assert_eq!(data.text(Tag(0x0012, 0x0062)), "YES");
    let url = format!("http://gateway/{expected}/bulk");
    assert_eq!(data.get(Tag(0x7FE0, 0x0010)).unwrap()["BulkDataURI"], format!("{url}/7FE00010"));
    assert_eq!(data.get(Tag(0x0028, 0x1201)).unwrap()["BulkDataURI"], format!("{url}/00281201"));
    let referred = rig.veil.0.engine.uid("1.2.826.99");
    let original = rig.veil.0.crosswalk.original(Kind::Uid, &referred).await.unwrap();
    assert_eq!(original.unwrap().expose(), "1.2.826.99", "what is only referred to can be led back");
    let parts = rig.veil.metadata(&place, Model::Xml, "http://gateway").await.unwrap();
    let xml = given(parts).await.unwrap();
    assert!(String::from_utf8_lossy(&xml[0]).contains(&format!("<BulkData uri=\"{url}/7FE00010\"/>")));
}

#[tokio::test]
async fn what_is_refused_is_left_out_of_many_and_told_of_one() {
    let rig = rig(RESEARCH, &[ct(1, 1, 1, "MARKID-A"), us(2), ct(1, 1, 3, "MARKID-A")]).await;
    let (good, bad) = (rig.place(&ct(1, 1, 1, "")), rig.place(&us(2)));
    let (partial, metadata) = rig.metadata(&series(&good)).await.unwrap();
    assert!(partial && metadata.len() == 2);
    let parts = rig.veil.instances(&series(&good), &[SyntaxWish::Any]).await.unwrap();
    assert!(parts.partial);
    assert_eq!(given(parts).await.unwrap().len(), 2);
    let path = BulkPath::parse("7FE00010").unwrap();
    let lut = BulkPath::parse("00281201").unwrap();
    let wish = Wish::default();
    for failed in [
        rig.metadata(&bad).await.err(),
        rig.veil.frames(&bad, &[1], As::Stored).await.err(),
        rig.veil.bulk(&bad, &path, As::Stored).await.err(),
        rig.veil.bulk(&bad, &lut, As::Stored).await.err(),
        rig.veil.rendered(&bad, None, wish).await.err(),
        rig.veil.thumbnail(&bad, None, wish).await.err(),
        rig.veil.instances(&bad, &[SyntaxWish::Any]).await.err(),
    ] {
        assert!(
            matches!(failed, Some(Fault::Refused(Refusal::Pixels { tag: Tag(0x0028, 0x0301), .. }))),
            "{failed:?}"
        );
    }
    assert!(given(rig.veil.thumbnail(&series(&good), None, wish).await.unwrap()).await.is_ok());
    let pictures = rig.veil.rendered(&series(&good), None, wish).await.unwrap();
    assert_eq!((pictures.partial, pictures.instances), (true, 2), "told, and not counted");
    assert_eq!(given(pictures).await.unwrap().len(), 2);
    let rig = super::rig(RESEARCH, &[us(2)]).await;
    let refused = rig.veil.rendered(&series(&rig.place(&us(2))), None, wish).await.err();
    assert!(matches!(refused, Some(Fault::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn pixels_that_an_origin_does_not_tell_of_are_judged_all_the_same() {
    let rig = rig(RESEARCH, &[us(1), ct(1, 1, 2, "MARKID-A")]).await;
    rig.behind.keeps_to_itself(&[], &["7FE00010"]);
    let failed = rig.veil.frames(&rig.place(&us(1)), &[1], As::Stored).await.err();
    assert!(matches!(failed, Some(Fault::Refused(Refusal::Pixels { .. }))), "{failed:?}");
    let good = rig.place(&ct(1, 1, 2, ""));
    assert_eq!(given(rig.veil.frames(&good, &[1], As::Stored).await.unwrap()).await.unwrap().len(), 1);
    let (_, metadata) = rig.metadata(&good).await.unwrap();
    assert!(metadata[0].get(Tag(0x7FE0, 0x0010)).is_none(), "nor are they told of");
    rig.behind.keeps_to_itself(&[], &["7FE00010", "00280010"]);
    let rig = super::rig(RESEARCH, &[us(1)]).await;
    rig.behind.keeps_to_itself(&[], &["7FE00010", "00280010"]);
    let failed = rig.veil.frames(&rig.place(&us(1)), &[1], As::Stored).await.err();
    assert_eq!(failed, Some(Fault::NotFound), "without rows there is no picture");
}

#[tokio::test]
async fn frames_cost_one_look_at_metadata_and_none_after_the_series_was_read() {
    let rig = rig(RESEARCH, &[ct(1, 1, 1, "MARKID-A"), ct(1, 1, 2, "MARKID-A")]).await;
    let places = [rig.place(&ct(1, 1, 1, "")), rig.place(&ct(1, 1, 2, ""))];
    rig.metadata(&series(&places[0])).await.unwrap();
    rig.behind.asked();
    for place in &places {
        let frame = given(rig.veil.frames(place, &[1], As::Stored).await.unwrap()).await.unwrap();
        assert_eq!(frame[0], [0x34, 0x12].repeat(16));
    }
    assert_eq!(rig.behind.asked(), ["frames", "frames"]);
}

#[tokio::test]
async fn overlays_in_the_bits_of_pixels_never_come_through() {
    let image = Image { overlay: true, ..ct(1, 1, 1, "MARKID-A") };
    let rig = rig(RESEARCH, std::slice::from_ref(&image)).await;
    let place = rig.place(&image);
    let frame = given(rig.veil.frames(&place, &[1], As::Stored).await.unwrap()).await.unwrap();
    assert_eq!(frame[0], [0x34, 0x02].repeat(16), "bit 12 is cleared");
    let path = BulkPath::parse("7FE00010").unwrap();
    let bulk = given(rig.veil.bulk(&place, &path, As::Stored).await.unwrap()).await.unwrap();
    assert_eq!(bulk[0], frame[0]);
    assert!(!rig.behind.asked().contains(&"frames".to_owned()));
}

#[tokio::test]
async fn values_by_reference_are_what_they_would_be_inline() {
    let pdf = Image { document: true, sop_class: PDF, modality: "DOC", ..ct(1, 1, 1, "MARKID-A") };
    let rig =
        rig(&format!("{RESEARCH}\nburned_in = \"pass\""), &[ct(1, 1, 2, "MARKID-A"), pdf.clone()]).await;
    let (image, document) = (rig.place(&ct(1, 1, 2, "")), rig.place(&pdf));
    let bulk = async |place: &Place, path: &str| {
        let path = BulkPath::parse(path).unwrap();
        let parts = collect(rig.veil.bulk(place, &path, As::Stored).await?).await?;
        let media = parts[0].media;
        let path = BulkPath::parse(&path.to_string()).unwrap();
        Ok::<_, Fault>((media, given(rig.veil.bulk(place, &path, As::Stored).await?).await?.remove(0)))
    };
    assert_eq!(bulk(&image, "00281201").await.unwrap().1, [7; 2048]);
    let (media, dummy) = bulk(&document, "00420011").await.unwrap();
    assert_eq!(media, "application/pdf");
    assert!(dummy.starts_with(b"%PDF"));
    for hidden in ["00081030", "00100021", "00281202", "00081140/1/00081130", "00081140/9/00081155"] {
        assert_eq!(bulk(&image, hidden).await.err(), Some(Fault::NotFound), "{hidden}");
    }
    let shown = rig.veil.rendered(&document, None, Wish::default()).await.unwrap();
    assert!(given(shown).await.unwrap()[0].starts_with(b"%PDF"));
}

#[tokio::test]
async fn rend_02_the_text_of_a_report_holds_what_is_let_out_of_it_and_no_more() {
    let report = Image { report: true, sop_class: SR, modality: "SR", ..ct(1, 1, 1, "MARKID-A") };
    let images = [report.clone(), ct(1, 1, 2, "MARKID-A")];
    let rule = |keyword: &str, more: &str| format!("\n[[rule]]\nkeyword = \"{keyword}\"\naction = {more}");
    let kept = [rule("ContentSequence", "\"keep\""), rule("TextValue", "\"replace\"\nvalue = \"said\"")];
    for (profile, told) in
        [(RESEARCH.to_owned(), "Comment"), (format!("{RESEARCH}{}", kept.concat()), "CT Image Storage 2.25.")]
    {
        let rig = rig(&profile, &images).await;
        let place = rig.place(&report);
        for form in Form::ALL {
            let wish = Wish { report: Some(form), ..Wish::default() };
            let text = given(rig.veil.rendered(&place, None, wish).await.unwrap()).await.unwrap().remove(0);
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains(told), "{form:?}: {text}");
        }
        let reports = Wish { pictures: false, ..Wish::default() };
        let parts = collect(rig.veil.rendered(&series(&place), None, reports).await.unwrap()).await.unwrap();
        assert_eq!(parts.iter().map(|part| part.media).collect::<Vec<_>>(), [Form::Html.media()]);
    }
}

#[tokio::test]
async fn nothing_is_given_to_another_project() {
    let rig = rig(RESEARCH, &[ct(1, 1, 1, "MARKID-A")]).await;
    let place = rig.place(&ct(1, 1, 1, ""));
    rig.metadata(&place).await.unwrap();
    let veil = rig.forgetful(RESEARCH, "another", [8; 32]);
    let (path, wish, wishes) = (BulkPath::parse("7FE00010").unwrap(), Wish::default(), [SyntaxWish::Any]);
    let answers = [
        veil.instances(&place, &wishes).await.err(),
        veil.metadata(&place, Model::Json, "").await.err(),
        veil.frames(&place, &[1], As::Stored).await.err(),
        veil.bulk(&place, &path, As::Stored).await.err(),
        veil.rendered(&place, None, wish).await.err(),
        veil.thumbnail(&place, None, wish).await.err(),
        veil.syntax(&place).await.err(),
    ];
    assert!(answers.iter().all(|fault| *fault == Some(Fault::NotFound)), "{answers:?}");
    assert!(rig.veil.syntax(&place).await.is_ok());
}
