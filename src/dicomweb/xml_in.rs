//! Reads Native DICOM Model documents, one instance each (PS3.19 A.1; PS3.18 10.5.1.4,
//! F.3.1). Encoding of values is `values`; XML itself is `xml_source`.

use super::metadata::{
    At, Content, Element, MetadataFault, MetadataFaultKind as Kind, MetadataInstance, arranged, tag, vr,
};
use super::private_blocks;
use super::values::{self, Atom};
use super::xml_out::{NAME_GROUPS, NAME_PARTS};
use super::xml_source::{Attributes, Source, XmlFault};
use dicom_core::{Tag, VR};

/// Deepest nesting of items.
const MAX_ITEMS: usize = 32;

/// Most empty values that numbers may leave out (PS3.18 F.2.5): a short document must
/// not ask for a long value.
const MAX_GAP: usize = 256;

/// Reads one document. Depth is bounded; size is the caller's to bound.
pub fn parse(bytes: &[u8]) -> Result<MetadataInstance, MetadataFault> {
    let mut uids = (None, None);
    let read = elements(bytes, &mut uids).and_then(MetadataInstance::new);
    read.map_err(|at| at.of(uids.0, uids.1))
}

/// The elements of a document, whatever they describe.
pub(super) fn elements(
    bytes: &[u8],
    uids: &mut (Option<String>, Option<String>),
) -> Result<Vec<Element>, At> {
    let text = std::str::from_utf8(bytes).map_err(|_| At(Kind::NotADocument, None))?;
    let mut model = Model { source: Source::new(text.trim_start_matches('\u{feff}')), items: 0, uids };
    match model.child()? {
        Some((name, _)) if name == "NativeDicomModel" => {}
        _ => return Err(At(Kind::NotADocument, None)),
    }
    let elements = model.data_set()?;
    match model.source.child()? {
        None => Ok(elements),
        Some(_) => Err(At(Kind::NotADocument, None)),
    }
}

impl From<XmlFault> for At {
    fn from(fault: XmlFault) -> Self {
        match fault {
            XmlFault::NotXml => Self(Kind::NotADocument, None),
            XmlFault::TooDeep => Self(Kind::TooDeep, None),
        }
    }
}

struct Model<'a, 'u> {
    source: Source<'a>,
    /// Items open now.
    items: usize,
    /// SOP Class and SOP Instance UID, as soon as they are read.
    uids: &'u mut (Option<String>, Option<String>),
}

/// What a DicomAttribute holds.
#[derive(Default)]
struct Form {
    values: Vec<(usize, Atom<'static>)>,
    items: Vec<(usize, Vec<Element>)>,
    binary: Option<String>,
    bulk: Option<String>,
}

impl Model<'_, '_> {
    fn child(&mut self) -> Result<Option<(String, Attributes)>, At> {
        Ok(self.source.child()?)
    }

    /// DicomAttribute children up to the closing of the open element.
    fn data_set(&mut self) -> Result<Vec<Element>, At> {
        let mut elements = Vec::new();
        while let Some((name, attributes)) = self.child()? {
            if name != "DicomAttribute" {
                return Err(At(Kind::NotADocument, None));
            }
            elements.push(self.attribute(&attributes)?);
        }
        private_blocks::place(elements)
    }

    fn attribute(&mut self, attributes: &Attributes) -> Result<(Option<String>, Element), At> {
        let tag = tag(attribute(attributes, "tag").unwrap_or_default())?;
        let vr = vr(attribute(attributes, "vr"), tag)?;
        let form = self.form(tag, vr)?;
        if self.items == 0 {
            self.note_uid(tag, &form);
        }
        let content = content(vr, form).ok_or(At(Kind::BadForm, Some(tag)))?;
        let content = content.map_err(|_| At(Kind::BadValue, Some(tag)))?;
        let creator = attribute(attributes, "privateCreator")
            .filter(|_| tag.group() % 2 == 1)
            .map(|name| name.trim().to_owned());
        Ok((creator.filter(|name| !name.is_empty()), Element { tag, vr, content }))
    }

    fn note_uid(&mut self, tag: Tag, form: &Form) {
        let Some((_, Atom::Text(uid))) = form.values.first() else { return };
        match (tag.group(), tag.element()) {
            (0x0008, 0x0016) => self.uids.0 = Some(uid.clone().into_owned()),
            (0x0008, 0x0018) => self.uids.1 = Some(uid.clone().into_owned()),
            _ => {}
        }
    }

    /// Children of a DicomAttribute.
    fn form(&mut self, tag: Tag, vr: VR) -> Result<Form, At> {
        let mut form = Form::default();
        let bad = At(Kind::BadForm, Some(tag));
        while let Some((name, attributes)) = self.child()? {
            match name.as_str() {
                "Value" if vr != VR::PN => {
                    let number = number(&attributes, form.values.len()).ok_or(bad)?;
                    form.values.push((number, Atom::Text(self.source.text()?.into())));
                }
                "PersonName" if vr == VR::PN => {
                    let number = number(&attributes, form.values.len()).ok_or(bad)?;
                    form.values.push((number, Atom::Text(self.person_name(bad)?.into())));
                }
                "Item" if vr == VR::SQ => {
                    let number = number(&attributes, form.items.len()).ok_or(bad)?;
                    form.items.push((number, self.item(tag)?));
                }
                "InlineBinary" if form.binary.is_none() => form.binary = Some(self.source.text()?),
                "BulkData" if form.bulk.is_none() => {
                    let uri = attribute(&attributes, "uri").or_else(|| attribute(&attributes, "uuid"));
                    form.bulk = Some(uri.ok_or(bad)?.to_owned());
                    self.source.text()?;
                }
                _ => return Err(bad),
            }
        }
        Ok(form)
    }

    fn item(&mut self, tag: Tag) -> Result<Vec<Element>, At> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(At(Kind::TooDeep, Some(tag)));
        }
        let elements = self.data_set().and_then(arranged);
        self.items -= 1;
        elements
    }

    /// `Alphabetic=Ideographic=Phonetic`, each of components joined by `^` (PS3.5 6.2.1.1).
    fn person_name(&mut self, bad: At) -> Result<String, At> {
        let mut groups = [const { String::new() }; 3];
        while let Some((label, _)) = self.child()? {
            let place = NAME_GROUPS.iter().position(|known| *known == label).ok_or(bad)?;
            let group = groups.get_mut(place).filter(|group| group.is_empty()).ok_or(bad)?;
            *group = self.name_group(bad)?;
        }
        Ok(groups.join("=").trim_end_matches('=').to_owned())
    }

    fn name_group(&mut self, bad: At) -> Result<String, At> {
        let mut parts = [const { String::new() }; 5];
        while let Some((label, _)) = self.child()? {
            let place = NAME_PARTS.iter().position(|known| *known == label).ok_or(bad)?;
            let part = parts.get_mut(place).filter(|part| part.is_empty()).ok_or(bad)?;
            *part = self.source.text()?;
            if part.contains(['^', '=']) {
                return Err(bad);
            }
        }
        Ok(parts.join("^").trim_end_matches('^').to_owned())
    }
}

fn attribute<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The number of a value or item, counted from 1; without one, its place.
fn number(attributes: &Attributes, before: usize) -> Option<usize> {
    let number = match attribute(attributes, "number") {
        Some(text) => text.trim().parse().ok()?,
        None => before + 1,
    };
    (1..=before + 1 + MAX_GAP).contains(&number).then_some(number)
}

/// `None`: several forms at once, or one that the VR does not have.
fn content(vr: VR, form: Form) -> Option<Result<Content, values::Unfit>> {
    let Form { mut values, mut items, binary, bulk } = form;
    match (vr, values.is_empty(), binary, bulk) {
        (VR::SQ, true, None, None) => {
            items.sort_by_key(|(number, _)| *number);
            Some(Ok(Content::Items(items.into_iter().map(|(_, item)| item).collect())))
        }
        (VR::SQ, ..) => None,
        (_, true, None, None) => Some(Ok(Content::Value(Vec::new()))),
        (_, true, Some(base64), None) if values::is_binary(vr) => {
            Some(values::binary(vr, &base64).map(Content::Value))
        }
        (_, true, None, Some(uri)) => Some(Ok(Content::Bulk(uri))),
        (_, false, None, None) if !values::is_binary(vr) => {
            values.sort_by_key(|(number, _)| *number);
            Some(
                atoms(values)
                    .and_then(|atoms| values::encode(vr, atoms.into_iter().map(Some)))
                    .map(Content::Value),
            )
        }
        _ => None,
    }
}

/// Values in their order, gaps filled with empty ones.
fn atoms(values: Vec<(usize, Atom<'static>)>) -> Result<Vec<Atom<'static>>, values::Unfit> {
    let mut atoms = Vec::with_capacity(values.len());
    for (number, atom) in values {
        if number <= atoms.len() {
            return Err(values::Unfit);
        }
        atoms.resize(number - 1, Atom::Null);
        atoms.push(atom);
    }
    Ok(atoms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::json_in;
    use super::*;
    use proptest::prelude::*;

    const UIDS: &str = r#"<DicomAttribute tag="00080016" vr="UI" keyword="SOPClassUID"><Value number="1">1.2</Value></DicomAttribute>
        <DicomAttribute tag="00080018" vr="UI"><Value>2.25.1</Value></DicomAttribute>"#;

    fn read(inner: &str) -> Result<MetadataInstance, MetadataFault> {
        let root = r#"<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">"#;
        parse(
            format!("<?xml version=\"1.0\"?>\n<!-- x -->{root}{UIDS}{inner}</NativeDicomModel>\n").as_bytes(),
        )
    }

    fn attribute_of(tag: &str, vr: &str, inner: &str) -> String {
        format!("<DicomAttribute tag=\"{tag}\" vr=\"{vr}\">{inner}</DicomAttribute>")
    }

    #[test]
    fn xml_02_the_model_says_the_same_as_json() {
        let xml = [
            attribute_of(
                "00100010",
                "PN",
                "<PersonName number=\"1\"><Alphabetic><FamilyName>A&amp;B</FamilyName><NamePrefix>Dr</NamePrefix></Alphabetic><Phonetic><GivenName>&#x43;</GivenName></Phonetic></PersonName>",
            ),
            attribute_of(
                "00080008",
                "CS",
                "<Value number=\"3\">C</Value><Value number=\"1\"><![CDATA[A]]></Value>",
            ),
            attribute_of("00280009", "AT", "<Value number=\"1\">00181063</Value>"),
            attribute_of("00280010", "US", "<Value number=\"1\"> 512 </Value>"),
            attribute_of("00281201", "OW", "<InlineBinary>\nAQID\nBA==\n</InlineBinary>"),
            attribute_of(
                "00081140",
                "SQ",
                "<Item number=\"2\"/><Item number=\"1\"><DicomAttribute tag=\"00081155\" vr=\"UI\"><Value number=\"1\">1.5</Value></DicomAttribute></Item>",
            ),
            attribute_of("7FE00010", "OW", "<BulkData uri=\"bulk/1\"/>"),
            attribute_of("00100020", "LO", ""),
        ];
        let json = r#"{"00080016":{"vr":"UI","Value":["1.2"]},"00080018":{"vr":"UI","Value":["2.25.1"]},
            "00100010":{"vr":"PN","Value":[{"Alphabetic":"A&B^^^Dr","Phonetic":"^C"}]},"00080008":{"vr":"CS","Value":["A",null,"C"]},
            "00280009":{"vr":"AT","Value":["00181063"]},"00280010":{"vr":"US","Value":[512]},"00281201":{"vr":"OW","InlineBinary":"AQIDBA=="},
            "00081140":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.5"]}},{}]},"7FE00010":{"vr":"OW","BulkDataURI":"bulk/1"},
            "00100020":{"vr":"LO"}}"#;
        let (from_xml, from_json) =
            (read(&xml.concat()).unwrap(), json_in::parse(json.as_bytes()).unwrap().remove(0).unwrap());
        assert!(from_xml == from_json);
        assert_eq!(from_xml.bulk_uris(), ["bulk/1"]);
    }

    #[test]
    fn xml_03_private_elements_get_their_creator() {
        let private = r#"<DicomAttribute tag="00090001" vr="LO" privateCreator="ACME"><Value number="1">x</Value></DicomAttribute>"#;
        let tags: Vec<_> = read(private).unwrap().elements[2..].iter().map(|element| element.tag).collect();
        assert_eq!(tags, [Tag(0x0009, 0x0010), Tag(0x0009, 0x1001)]);
    }

    #[test]
    fn a_document_with_dtd_or_entities_is_refused() {
        let root = format!("<NativeDicomModel>{UIDS}</NativeDicomModel>");
        assert!(parse(root.as_bytes()).is_ok());
        for bad in [
            format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{root}"),
            root.replace("2.25.1", "&a;"),
            root.replace("</NativeDicomModel>", ""),
            format!("{root}{root}"),
            root.replace("NativeDicomModel", "Other"),
            root.replace("</DicomAttribute>", "text</DicomAttribute>"),
            String::new(),
        ] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().kind, Kind::NotADocument, "{bad}");
        }
        assert_eq!(parse(b"\xFF\xFE").unwrap_err().kind, Kind::NotADocument);
    }

    #[test]
    fn json_17_doubtful_attributes_fail_the_instance_and_keep_its_uids() {
        let deep = |depth: usize| {
            let open = "<DicomAttribute tag=\"00081140\" vr=\"SQ\"><Item number=\"1\">".repeat(depth);
            format!("{open}{}", "</Item></DicomAttribute>".repeat(depth))
        };
        assert!(read(&deep(MAX_ITEMS)).is_ok());
        for (inner, kind) in [
            (attribute_of("0010002d", "LO", ""), Kind::BadTag),
            (attribute_of("00100020", "XX", ""), Kind::UnknownVr),
            ("<DicomAttribute tag=\"00100020\"/>".to_owned(), Kind::MissingVr),
            (attribute_of("00080018", "UI", "<Value>1</Value>"), Kind::Duplicate),
            (
                attribute_of("00100020", "LO", "<Value number=\"1\">a</Value><Value number=\"1\">b</Value>"),
                Kind::BadValue,
            ),
            (attribute_of("00100020", "LO", "<Value number=\"9999\">a</Value>"), Kind::BadForm),
            (attribute_of("00100020", "LO", "<Value>a</Value><BulkData uri=\"b\"/>"), Kind::BadForm),
            (attribute_of("00100020", "LO", "<Item number=\"1\"/>"), Kind::BadForm),
            (attribute_of("00280010", "US", "<Value>x</Value>"), Kind::BadValue),
            (deep(MAX_ITEMS + 1), Kind::TooDeep),
            (deep(5000), Kind::TooDeep),
        ] {
            let fault = read(&inner).unwrap_err();
            let uid = fault.sop_instance.as_deref();
            assert!(fault.kind == kind && uid.is_some(), "{fault:?}, expected {kind:?}");
        }
    }

    proptest! {
        #[test]
        fn damaged_documents_never_panic(at in 0usize..600, byte: u8, cut in 0usize..600) {
            let inner = attribute_of("00081140", "SQ", "<Item number=\"1\"><DicomAttribute tag=\"00090001\" vr=\"PN\" privateCreator=\"A\"><PersonName number=\"1\"><Alphabetic><FamilyName>&amp;</FamilyName></Alphabetic></PersonName></DicomAttribute></Item>");
            let mut bytes = format!("<NativeDicomModel>{UIDS}{inner}</NativeDicomModel>").into_bytes();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            for instance in [parse(&bytes[..cut.min(bytes.len())]), parse(&bytes)].into_iter().flatten() {
                let _ = instance.assemble(&|_| None);
            }
        }
    }
}
