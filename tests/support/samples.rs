//! Synthetic instances, one for each transfer syntax and odd shape that the public files lack.
//! Every one is readable by [`super::walk`], names a patient, and can be walked and rewritten.

use super::build::{
    Element, Length, Part10, bytes, fragments, odd, private, sequence, text, unknown_sequence, us,
};
use super::{Tag, syntax};

/// Encapsulated transfer syntaxes of PS3.6 Table A-1 that an instance can be stored in; the payload of a sample is arbitrary, behind what its kind begins with.
pub const ENCAPSULATED: [&str; 38] = [
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.53",
    "1.2.840.10008.1.2.4.55",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.92",
    "1.2.840.10008.1.2.4.93",
    "1.2.840.10008.1.2.4.100",
    "1.2.840.10008.1.2.4.100.1",
    "1.2.840.10008.1.2.4.101",
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.102",
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.103",
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104",
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105",
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106",
    "1.2.840.10008.1.2.4.106.1",
    "1.2.840.10008.1.2.4.107",
    "1.2.840.10008.1.2.4.108",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
    // Retired ones that archives still hold.
    "1.2.840.10008.1.2.4.52",
    "1.2.840.10008.1.2.4.54",
];

/// SOP classes the samples use (PS3.6 Table A-1).
pub mod sop {
    pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    pub const US: &str = "1.2.840.10008.5.1.4.1.1.6.1";
    pub const KEY_OBJECT: &str = "1.2.840.10008.5.1.4.1.1.88.59";
    pub const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";
    pub const VIDEO_ENDOSCOPY: &str = "1.2.840.10008.5.1.4.1.1.77.1.1.1";
}

/// What every sample carries: class, UIDs and a patient, `number` making the instance distinct.
pub fn identified(class: &str, modality: &str, number: u32) -> Vec<Element> {
    vec![
        text((0x0008, 0x0005), b"CS", "ISO_IR 192"),
        text((0x0008, 0x0016), b"UI", class),
        text((0x0008, 0x0018), b"UI", &format!("2.25.7000{number}")),
        text((0x0008, 0x0020), b"DA", "20240229"),
        text((0x0008, 0x0030), b"TM", "101112"),
        text((0x0008, 0x0050), b"SH", "ACC0042"),
        text((0x0008, 0x0060), b"CS", modality),
        text((0x0008, 0x0080), b"LO", "Riverside Test Hospital"),
        text((0x0008, 0x0090), b"PN", "Referrer^Rita"),
        text((0x0010, 0x0010), b"PN", "Rigpatient^Rosa"),
        text((0x0010, 0x0020), b"LO", "RIG-0001"),
        text((0x0010, 0x0030), b"DA", "19600115"),
        text((0x0010, 0x0040), b"CS", "F"),
        text((0x0020, 0x000d), b"UI", "2.25.71"),
        text((0x0020, 0x000e), b"UI", "2.25.72"),
        text((0x0020, 0x0010), b"SH", "ST7"),
        text((0x0020, 0x0011), b"IS", "1"),
        text((0x0020, 0x0013), b"IS", &number.to_string()),
    ]
}

/// A grey picture's description, `bits` allocated.
pub fn picture(rows: u16, columns: u16, bits: u16) -> Vec<Element> {
    vec![
        us((0x0028, 0x0002), 1),
        text((0x0028, 0x0004), b"CS", "MONOCHROME2"),
        us((0x0028, 0x0010), rows),
        us((0x0028, 0x0011), columns),
        us((0x0028, 0x0100), bits),
        us((0x0028, 0x0101), bits),
        us((0x0028, 0x0102), bits - 1),
        us((0x0028, 0x0103), 0),
        text((0x0028, 0x0301), b"CS", "NO"),
    ]
}

/// A CT slice with a private block, a nested sequence, pixels and an element after them.
pub fn ct(uid: &str, number: u32) -> Part10 {
    let mut elements = identified(sop::CT, "CT", number);
    elements.push(text((0x0008, 0x0008), b"CS", "ORIGINAL\\PRIMARY\\AXIAL"));
    elements.push(references((0x0008, 0x1140), Length::Undefined));
    elements.extend(private(
        0x0029,
        0x10,
        "RIG PRIVATE 01",
        &[(0x10, b"LO", b"private copy"), (0x11, b"DS", b"1.5")],
    ));
    elements.extend(picture(4, 4, 16));
    let pixels: Vec<u8> = (0..32).collect();
    elements.push(if ENCAPSULATED.contains(&uid) {
        fragments(&[&code_stream(uid, &pixels)])
    } else {
        bytes(PIXELS, b"OW", &pixels)
    });
    elements.push(bytes((0xfffc, 0xfffc), b"OB", &[0; 10]));
    Part10::new(uid, elements).sorted()
}

/// These bytes as a frame: where the kind of a code stream is looked at, between the markers that it needs.
pub fn code_stream(uid: &str, bytes: &[u8]) -> Vec<u8> {
    let kind = uid.strip_prefix("1.2.840.10008.1.2.4.").and_then(|kind| kind.parse::<u16>().ok());
    let (head, end): (&[u8], &[u8]) = match kind {
        Some(50..=81) => (b"\xff\xd8\xff\xda\0\x02", b"\xff\xd9"),
        Some(90..=93 | 201..=203) => {
            (b"\xff\x4f\xff\x51\0\x02\xff\x90\0\x0a\0\0\0\0\0\0\0\x01\xff\x93", b"\xff\xd9")
        }
        Some(110..=112) => (b"\xff\x0a", b""),
        _ => (b"", b""),
    };
    [head, bytes, end].concat()
}

const PIXELS: Tag = (0x7fe0, 0x0010);

/// A sequence that refers to one CT instance.
fn references(tag: Tag, length: Length) -> Element {
    let item = vec![text((0x0008, 0x1150), b"UI", sop::CT), text((0x0008, 0x1155), b"UI", "2.25.70001")];
    sequence(tag, length, vec![item])
}

/// An encapsulated PDF: a document that can hold anything, so refused unless told otherwise.
pub fn pdf() -> Part10 {
    let mut elements = identified(sop::PDF, "DOC", 2);
    elements.push(text((0x0042, 0x0010), b"ST", "Report of Rosa"));
    elements.push(text((0x0042, 0x0012), b"LO", "application/pdf"));
    elements.push(bytes((0x0042, 0x0011), b"OB", b"%PDF-1.4 of Rigpatient^Rosa %%EOF"));
    Part10::new(syntax::EXPLICIT_LE, elements).sorted()
}

/// A Key Object Selection document that refers to the CT slice, with a text that names the patient.
pub fn key_object() -> Part10 {
    let mut elements = identified(sop::KEY_OBJECT, "KO", 3);
    elements.push(text((0x0040, 0xa040), b"CS", "CONTAINER"));
    let series =
        vec![references((0x0008, 0x1199), Length::Defined), text((0x0020, 0x000e), b"UI", "2.25.72")];
    let study = vec![
        sequence((0x0008, 0x1115), Length::Defined, vec![series]),
        text((0x0020, 0x000d), b"UI", "2.25.71"),
    ];
    elements.push(sequence((0x0040, 0xa375), Length::Undefined, vec![study]));
    let note =
        vec![text((0x0040, 0xa040), b"CS", "TEXT"), text((0x0040, 0xa160), b"UT", "For Rigpatient^Rosa")];
    elements.push(sequence((0x0040, 0xa730), Length::Defined, vec![note]));
    Part10::new(syntax::EXPLICIT_LE, elements).sorted()
}

/// A CT slice whose private sequence was written as UN of undefined length.
pub fn unknown() -> Part10 {
    let mut file = ct(syntax::EXPLICIT_LE, 4);
    let inner =
        vec![text((0x0010, 0x0010), b"PN", "Rigpatient^Rosa"), text((0x0010, 0x0020), b"LO", "RIG-0001")];
    file.elements.push(unknown_sequence((0x0029, 0x1020), vec![inner]));
    file.sorted()
}

/// Repeated tags, odd lengths, an unsorted data set.
pub fn disorderly() -> Part10 {
    let mut file = ct(syntax::EXPLICIT_LE, 5);
    let at = file.elements.iter().position(|element| element.tag == PIXELS).unwrap_or_default();
    file.elements.insert(at, odd((0x0010, 0x0020), b"LO", b"RIG-ODD"));
    file.elements.insert(at, odd((0x0008, 0x0050), b"SH", b"ACC"));
    file
}

/// Every sample with a name for messages.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let plain = [syntax::IMPLICIT_LE, syntax::EXPLICIT_LE, syntax::EXPLICIT_BE, syntax::DEFLATED_LE];
    let syntaxes = plain.iter().chain(&ENCAPSULATED);
    let mut out: Vec<_> = syntaxes.map(|uid| (format!("CT in {uid}"), ct(uid, 1).write())).collect();
    let bare = |preamble: bool, meta: bool, length: bool| {
        let mut file = ct(syntax::EXPLICIT_LE, 1);
        file.preamble = file.preamble.filter(|_| preamble);
        (file.meta, file.meta_length) = (meta, length);
        file.write()
    };
    let mut mislabelled = ct(syntax::EXPLICIT_LE, 1);
    mislabelled.body = syntax::IMPLICIT_LE.to_owned();
    out.push(("meta without its group length".into(), bare(true, true, false)));
    out.push(("no preamble".into(), bare(false, true, true)));
    out.push(("no preamble, no meta".into(), bare(false, false, false)));
    out.push(("implicit body under an explicit label".into(), mislabelled.write()));
    out.push(("PDF".into(), pdf().write()));
    out.push(("key object".into(), key_object().write()));
    out.push(("unknown sequence".into(), unknown().write()));
    out.push(("disorderly".into(), disorderly().write()));
    out
}
