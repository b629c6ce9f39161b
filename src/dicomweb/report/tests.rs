//! Reports of each kind of content, in each form; hostile ones.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::dicom::writer::Writer;
use dicom_core::{Tag, VR};
use proptest::prelude::*;

const SR: Tag = Tag(0x0040, 0xA730);
const NAME: Tag = Tag(0x0040, 0xA043);
const CODE: Tag = Tag(0x0040, 0xA168);

fn within(out: &mut Writer, sequence: Tag, write: impl FnOnce(&mut Writer)) {
    out.begin_sequence(sequence, true);
    out.begin_item(true);
    write(out);
    out.end_item();
    out.end_sequence();
}

fn code(out: &mut Writer, sequence: Tag, meaning: &str) {
    within(out, sequence, |out| {
        out.text(Tag(0x0008, 0x0100), VR::SH, "C-1");
        out.text(Tag(0x0008, 0x0104), VR::LO, meaning);
    });
}

fn item(out: &mut Writer, kind: &str, name: &str, write: impl FnOnce(&mut Writer)) {
    out.begin_item(true);
    out.text(Tag(0x0040, 0xA010), VR::CS, "CONTAINS");
    out.text(Tag(0x0040, 0xA040), VR::CS, kind);
    if !name.is_empty() {
        code(out, NAME, name);
    }
    write(out);
    out.end_item();
}

fn reference(out: &mut Writer, class: &str, uid: &str) {
    within(out, Tag(0x0008, 0x1199), |out| {
        out.text(Tag(0x0008, 0x1150), VR::UI, class);
        out.text(Tag(0x0008, 0x1155), VR::UI, uid);
        out.text(Tag(0x0008, 0x1160), VR::IS, "1\\2");
    });
}

/// A report with these items below its root.
fn report(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    out.text(Tag(0x0008, 0x0005), VR::CS, "ISO_IR 192");
    out.text(Tag(0x0010, 0x0010), VR::PN, "MARKNAME^Jane");
    out.text(Tag(0x0040, 0xA040), VR::CS, "CONTAINER");
    code(&mut out, NAME, "CT <Report>");
    out.text(Tag(0x0040, 0xA491), VR::CS, "COMPLETE");
    out.text(Tag(0x0040, 0xA493), VR::CS, "UNVERIFIED");
    out.begin_sequence(SR, true);
    write(&mut out);
    out.end_sequence();
    out.finish()
}

fn of_all_kinds() -> Vec<u8> {
    let text = |tag, vr, value: &'static str| move |out: &mut Writer| out.text(tag, vr, value);
    report(|out| {
        item(out, "CONTAINER", "Findings", |out| {
            out.begin_sequence(SR, true);
            let said = "<script>alert(1)</script> & \u{e4}\r\nnext\u{1b}[2J";
            item(out, "TEXT", "Finding", text(Tag(0x0040, 0xA160), VR::UT, said));
            item(out, "CODE", "Site", |out| code(out, CODE, "Liver"));
            item(out, "NUM", "Diameter", |out| {
                within(out, Tag(0x0040, 0xA300), |out| {
                    code(out, Tag(0x0040, 0x08EA), "millimeter");
                    out.text(Tag(0x0040, 0xA30A), VR::DS, "12.5");
                });
                out.begin_sequence(SR, true);
                item(out, "SCOORD", "", |out| {
                    out.element(Tag(0x0070, 0x0022), VR::FL, &[0; 16]);
                    out.text(Tag(0x0070, 0x0023), VR::CS, "POLYLINE");
                });
                out.end_sequence();
            });
            item(out, "NUM", "Volume", |out| code(out, Tag(0x0040, 0xA301), "Not a number"));
            out.end_sequence();
        });
        item(out, "DATE", "Day", text(Tag(0x0040, 0xA121), VR::DA, "20240229"));
        item(out, "TIME", "Hour", text(Tag(0x0040, 0xA122), VR::TM, "101112"));
        item(out, "DATETIME", "When", text(Tag(0x0040, 0xA120), VR::DT, "20240229101112"));
        item(out, "PNAME", "Who", text(Tag(0x0040, 0xA123), VR::PN, "Doe^Ann"));
        item(out, "UIDREF", "Device", text(Tag(0x0040, 0xA124), VR::UI, "1.2.3"));
        item(out, "IMAGE", "", |out| reference(out, "1.2.840.10008.5.1.4.1.1.2", "1.2.4"));
        item(out, "TCOORD", "Beat", |out| {
            out.text(Tag(0x0040, 0xA130), VR::CS, "SEGMENT");
            out.text(Tag(0x0040, 0xA138), VR::DS, "1.5\\2");
        });
        out.begin_item(true);
        out.text(Tag(0x0040, 0xA010), VR::CS, "INFERRED FROM");
        out.element(Tag(0x0040, 0xDB73), VR::UL, &[1, 0, 0, 0, 1, 0, 0, 0]);
        out.end_item();
    })
}

fn made(data: &[u8], form: Form) -> Result<Option<String>, Unreadable> {
    text(data, Encoding::ExplicitLittle, form)
}

#[test]
fn rend_02_plain_text_tells_each_kind_of_content_with_its_unit_and_meaning() {
    let expected = "\
CT <Report>
Completion: COMPLETE
Verification: UNVERIFIED
  Findings
    Finding: <script>alert(1)</script> & \u{e4}
    next[2J
    Site: Liver
    Diameter: 12.5 millimeter
      POLYLINE, 4 numbers
    Volume: Not a number
  Day: 2024-02-29
  Hour: 10:11:12
  When: 2024-02-29 10:11:12
  Who: Doe Ann
  Device: 1.2.3
  CT Image Storage 1.2.4 (frames 1, 2)
  Beat: SEGMENT, 2 numbers
  see item 1.1
";
    assert_eq!(made(&of_all_kinds(), Form::Plain).unwrap().unwrap(), expected);
}

#[test]
fn rend_02_html_is_escaped_nested_and_needs_nothing_else() {
    let page = made(&of_all_kinds(), Form::Html).unwrap().unwrap();
    for told in [
        "<meta charset=\"utf-8\">",
        "<title>CT &lt;Report&gt;</title>",
        "<h1>CT &lt;Report&gt;</h1>",
        "<p>Completion: COMPLETE</p>",
        "<section>\n<h2>Findings</h2>\n<div>\n<p><b>Finding</b>: <span>&lt;script&gt;alert(1)&lt;/script&gt; &amp; \u{e4}\n",
        "<b>Diameter</b>: <span>12.5 millimeter</span></p>\n<div>\n<p><span>POLYLINE, 4 numbers</span></p>\n</div>\n</div>\n",
        "<span>CT Image Storage 1.2.4 (frames 1, 2)</span>",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for never in ["<script", "MARKNAME", "src=", "href=", "url(", "\u{1b}"] {
        assert!(!page.contains(never), "{never}");
    }
    for tag in ["section", "div", "p", "span", "h2"] {
        let count = |begin: &str| page.matches(&format!("{begin}{tag}>")).count();
        assert_eq!(count("<"), count("</"), "{tag}");
    }
}

#[test]
fn rend_02_xml_is_well_formed_and_keeps_units_apart() {
    use crate::dicomweb::xml_source::{Source, Token};
    let xml = made(&of_all_kinds(), Form::Xml).unwrap().unwrap();
    let (mut source, mut items) = (Source::new(&xml), 0);
    loop {
        match source.next().ok().unwrap() {
            Token::Open(name, _) => items += usize::from(name == "item"),
            Token::End => break,
            _ => {}
        }
    }
    assert_eq!(items, 14);
    let root = "<report title=\"CT &lt;Report&gt;\" completion=\"COMPLETE\" verification=\"UNVERIFIED\">";
    assert!(xml.contains(root), "{xml}");
    let number = "<item type=\"NUM\" relation=\"CONTAINS\" name=\"Diameter\">\n<value unit=\"millimeter\">12.5</value>\n<item type=\"SCOORD\"";
    assert!(xml.contains(number), "{xml}");
    assert!(!xml.contains("MARKNAME") && !xml.contains('\u{1b}'));
}

#[test]
fn texts_are_read_by_the_character_set_of_their_item() {
    let data = report(|out| {
        item(out, "TEXT", "", |out| out.element(Tag(0x0040, 0xA160), VR::UT, "\u{f6}!".as_bytes()));
        out.begin_item(true);
        out.text(Tag(0x0008, 0x0005), VR::CS, "ISO_IR 144");
        out.element(Tag(0x0040, 0xA160), VR::UT, b"\xBB\xEE\xDA ");
        out.end_item();
    });
    let text = made(&data, Form::Plain).unwrap().unwrap();
    assert!(text.ends_with("  \u{f6}!\n  \u{41b}\u{44e}\u{43a}\n"), "{text}");
}

#[test]
fn what_has_no_content_at_its_root_is_no_report() {
    let mut out = Writer::default();
    code(&mut out, NAME, "Title");
    within(&mut out, Tag(0x0040, 0xA375), |out| within(out, SR, |_| ()));
    assert_eq!(made(&out.finish(), Form::Html), Ok(None));
    let empty = made(&report(|_| ()), Form::Plain).unwrap().unwrap();
    assert!(empty.starts_with("CT <Report>\n"), "{empty}");
}

#[test]
fn malformed_deep_and_endless_reports_are_refused() {
    let whole = of_all_kinds();
    let refused = (1..whole.len()).filter(|cut| made(whole.get(..*cut).unwrap(), Form::Html).is_err());
    assert!(refused.count() > whole.len() / 2);
    let nested = |depth: usize| {
        let mut out = Writer::default();
        (0..depth).for_each(|_| {
            out.begin_sequence(SR, true);
            out.begin_item(true);
        });
        (0..depth).for_each(|_| {
            out.end_item();
            out.end_sequence();
        });
        out.finish()
    };
    assert!(made(&nested(64), Form::Html).unwrap().is_some());
    assert_eq!(made(&nested(65), Form::Html), Err(Unreadable("the report cannot be read")));
    let many = report(|out| (0..=100_000).for_each(|_| item(out, "", "", |_| ())));
    assert_eq!(made(&many, Form::Plain), Err(TOO_LARGE));
    let long = "<".repeat(MOST / 2);
    let grown = report(|out| item(out, "TEXT", "", |out| out.text(Tag(0x0040, 0xA160), VR::UT, &long)));
    assert_eq!(made(&grown, Form::Html), Err(TOO_LARGE), "each sign becomes four");
    assert!(made(&grown, Form::Plain).unwrap().is_some());
    let names = report(|out| {
        item(out, "CODE", "", |out| {
            within(out, CODE, |out| out.element(Tag(0x0008, 0x0119), VR::UC, &[b'\\'; 70_000]));
        });
    });
    assert_eq!(made(&names, Form::Plain), Err(TOO_LARGE), "many values of one attribute");
}

proptest! {
    #[test]
    fn any_damage_is_read_without_panic(at in 0usize..2_000, byte in any::<u8>()) {
        let mut data = of_all_kinds();
        let at = at % data.len();
        data.iter_mut().skip(at).take(1).for_each(|it| *it = byte);
        for form in Form::ALL {
            let _ = made(&data, form);
        }
    }
}
