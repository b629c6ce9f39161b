//! Reads DICOM JSON metadata of a store request (PS3.18 10.5.1.4, Annex F). Strict where
//! a guess could change what an attribute is; encoding of values is `values`.

use super::json_node::{self, Node};
use super::metadata::{
    At, Content, Element, MetadataFault, MetadataFaultKind as Kind, MetadataInstance, arranged, tag, vr,
};
use super::values::{self, Atom};
use super::xml_out::NAME_GROUPS;
use dicom_core::{Tag, VR};
use std::borrow::Cow;

/// The metadata part is no JSON, or no array of objects: 400. Nothing of its text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the metadata is no array of DICOM JSON objects")]
pub struct NotDicomJson;

/// Reads an array of DICOM JSON objects, or one object. Each instance has its own
/// outcome (PS3.18 F.2.1). Nesting is bounded; size is the caller's to bound.
pub fn parse(bytes: &[u8]) -> Result<Vec<Result<MetadataInstance, MetadataFault>>, NotDicomJson> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match json_node::parse(bytes).ok_or(NotDicomJson)? {
        Node::Array(instances) => Ok(instances.into_iter().map(instance).collect()),
        object @ Node::Object(_) => Ok(vec![instance(object)]),
        _ => Err(NotDicomJson),
    }
}

fn instance(node: Node<'_>) -> Result<MetadataInstance, MetadataFault> {
    let uid = |name: &str| match node.member(name)?.member("Value")? {
        Node::Array(values) => values.first()?.text().map(str::to_owned),
        _ => None,
    };
    let (sop_class, sop_instance) = (uid("00080016"), uid("00080018"));
    let read = || data_set(node).and_then(MetadataInstance::new);
    read().map_err(|at| at.of(sop_class, sop_instance))
}

fn data_set(node: Node<'_>) -> Result<Vec<Element>, At> {
    let Node::Object(members) = node else { return Err(At(Kind::NotAnObject, None)) };
    members.into_iter().map(|(name, node)| attribute(tag(&name)?, node)).collect()
}

fn attribute(tag: Tag, node: Node<'_>) -> Result<Element, At> {
    let fault = |kind| At(kind, Some(tag));
    let Node::Object(members) = node else { return Err(fault(Kind::NotAnObject)) };
    let (mut name, mut form) = (None, None::<(Cow<'_, str>, Node<'_>)>);
    for (member, node) in members {
        match member.as_ref() {
            "vr" if name.is_some() => return Err(fault(Kind::Duplicate)),
            "vr" => name = Some(node),
            "Value" | "InlineBinary" | "BulkDataURI" => match &form {
                Some((earlier, _)) if *earlier == member => return Err(fault(Kind::Duplicate)),
                Some(_) => return Err(fault(Kind::BadForm)),
                None => form = Some((member, node)),
            },
            _ => {}
        }
    }
    let vr = vr(name.as_ref().and_then(Node::text), tag)?;
    Ok(Element { tag, vr, content: content(tag, vr, form)? })
}

fn content(tag: Tag, vr: VR, form: Option<(Cow<'_, str>, Node<'_>)>) -> Result<Content, At> {
    let fault = |kind| At(kind, Some(tag));
    let Some((form, node)) = form else {
        return Ok(if vr == VR::SQ { Content::Items(Vec::new()) } else { Content::Value(Vec::new()) });
    };
    match (form.as_ref(), node) {
        ("Value", Node::Array(values)) if vr == VR::SQ => items(tag, values).map(Content::Items),
        ("Value", Node::Array(values)) if !values::is_binary(vr) => {
            let encoded = values::encode(vr, values.into_iter().map(|value| atom(vr, value)));
            encoded.map(Content::Value).map_err(|_| fault(Kind::BadValue))
        }
        ("InlineBinary", Node::Text(base64)) if values::is_binary(vr) => {
            values::binary(vr, &base64).map(Content::Value).map_err(|_| fault(Kind::BadValue))
        }
        ("BulkDataURI", Node::Text(uri)) if vr != VR::SQ => Ok(Content::Bulk(uri.into_owned())),
        _ => Err(fault(Kind::BadForm)),
    }
}

fn items(tag: Tag, nodes: Vec<Node<'_>>) -> Result<Vec<Vec<Element>>, At> {
    let item = |node| match data_set(node) {
        Err(At(kind, None)) => Err(At(kind, Some(tag))),
        other => other.and_then(arranged),
    };
    nodes.into_iter().map(item).collect()
}

fn atom(vr: VR, node: Node<'_>) -> Option<Atom<'_>> {
    match node {
        Node::Null => Some(Atom::Null),
        Node::Text(text) => Some(Atom::Text(text)),
        Node::Number(number) => Some(Atom::Number(number)),
        Node::Object(groups) if vr == VR::PN => person_name(groups).map(|name| Atom::Text(name.into())),
        _ => None,
    }
}

/// `Alphabetic=Ideographic=Phonetic` (PS3.18 F.2.2; PS3.5 6.2.1.1).
fn person_name(groups: Vec<(Cow<'_, str>, Node<'_>)>) -> Option<String> {
    let mut name = [const { String::new() }; 3];
    let mut seen = Vec::with_capacity(3);
    for (label, node) in groups {
        let place = NAME_GROUPS.iter().position(|known| *known == label)?;
        let text = node.text().filter(|text| !text.contains('=') && !seen.contains(&place))?;
        text.clone_into(name.get_mut(place)?);
        seen.push(place);
    }
    Some(name.join("=").trim_end_matches('=').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    const UIDS: &str = r#""00080016":{"vr":"UI","Value":["1.2"]},"00080018":{"vr":"UI","Value":["2.25.1"]}"#;

    fn read(attributes: &str) -> Result<MetadataInstance, MetadataFault> {
        parse(format!("[{{{UIDS},{attributes}}}]").as_bytes()).unwrap().remove(0)
    }

    fn value(attributes: &str) -> Vec<u8> {
        match &read(attributes).unwrap().elements[2].content {
            Content::Value(value) => value.clone(),
            _ => unreachable!(),
        }
    }

    #[test]
    fn json_02_an_array_or_one_object_gives_instances() {
        let one = format!("{{{UIDS}}}");
        assert_eq!(parse(one.as_bytes()).unwrap().len(), 1);
        assert_eq!(parse(format!("[{one},{one},3]").as_bytes()).unwrap().len(), 3);
        assert_eq!(parse(b"\xEF\xBB\xBF[]").unwrap().len(), 0);
        for bad in [&b""[..], b"3", b"[", b"{\"a\":}", b"[{}] x", b"\xFF", "[".repeat(5000).as_bytes()] {
            assert_eq!(parse(bad), Err(NotDicomJson));
        }
    }

    #[test]
    fn json_09_person_names_are_objects_of_groups() {
        assert_eq!(
            value(r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Phonetic":"C"}]}"#),
            b"A^B==C"
        );
        assert_eq!(value(r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"A"},null]}"#), b"A\\");
        assert_eq!(value(r#""00100010":{"vr":"PN"}"#), b"");
    }

    #[test]
    fn json_11_empty_attributes_and_items_are_taken() {
        let set = read(r#""00081140":{"vr":"SQ","Value":[{},{"00080005":{"vr":"CS","Value":["X"]}}]},"00081110":{"vr":"SQ"}"#).unwrap();
        assert!(matches!(&set.elements[2].content, Content::Items(items) if items.is_empty()));
        assert!(
            matches!(&set.elements[3].content, Content::Items(items) if items.len() == 2 && items[1].is_empty())
        );
    }

    #[test]
    fn json_13_bulk_data_uris_are_found_at_any_depth() {
        let set = read(
            r#""54000100":{"vr":"SQ","Value":[{"54001010":{"vr":"OW","BulkDataURI":"w"}}]},"7FE00010":{"vr":"OW","BulkDataURI":"p"}"#,
        );
        assert_eq!(set.unwrap().bulk_uris(), ["w", "p"]);
    }

    #[test]
    fn json_04_17_doubtful_input_fails_that_instance_and_keeps_its_uids() {
        for (attributes, kind) in [
            (r#""00100020":{"vr":"LO"},"00100020":{"vr":"LO"}"#, Kind::Duplicate),
            (r#""00100020":{"vr":"LO","vr":"LO"}"#, Kind::Duplicate),
            (r#""0020000d":{"vr":"UI"}"#, Kind::BadTag),
            (r#""FFFEE000":{"vr":"UI"}"#, Kind::BadTag),
            (r#""00100020":{"Value":["x"]}"#, Kind::MissingVr),
            (r#""00100020":{"vr":"XX"}"#, Kind::UnknownVr),
            (r#""00100020":{"vr":"LO","Value":["x"],"BulkDataURI":"y"}"#, Kind::BadForm),
            (r#""00100020":{"vr":"LO","Value":"x"}"#, Kind::BadForm),
            (r#""00100020":{"vr":"LO","InlineBinary":"AAAA"}"#, Kind::BadForm),
            (r#""7FE00010":{"vr":"OW","Value":[1]}"#, Kind::BadForm),
            (r#""00081140":{"vr":"SQ","BulkDataURI":"y"}"#, Kind::BadForm),
            (r#""00280010":{"vr":"US","Value":["x"]}"#, Kind::BadValue),
            (r#""00100010":{"vr":"PN","Value":[{"Other":"x"}]}"#, Kind::BadValue),
            (r#""00081140":{"vr":"SQ","Value":[1]}"#, Kind::NotAnObject),
            (r#""00081140":{"vr":"SQ","Value":[{"00081155":{"Value":["1"]}}]}"#, Kind::MissingVr),
            (r#""00100020":3"#, Kind::NotAnObject),
        ] {
            let fault = read(attributes).unwrap_err();
            assert_eq!((fault.kind, fault.sop_instance.as_deref()), (kind, Some("2.25.1")), "{attributes}");
        }
    }

    #[test]
    fn a_fault_names_the_tag_and_no_value() {
        let fault = read(r#""00280010":{"vr":"US","Value":["Doe"]}"#).unwrap_err();
        assert_eq!(fault.to_string(), "a value does not fit its VR at (0028,0010)");
        assert!(!format!("{fault:?}").contains("Doe") && !format!("{fault:?}").contains("2.25.1"));
    }

    proptest! {
        #[test]
        fn damaged_metadata_never_panics(at in 0usize..400, byte: u8, cut in 0usize..400) {
            let json = format!("[{{{UIDS},\"00100010\":{{\"vr\":\"PN\",\"Value\":[{{\"Alphabetic\":\"A\"}},null]}},\"00081140\":{{\"vr\":\"SQ\",\"Value\":[{{\"7FE00010\":{{\"vr\":\"OW\",\"InlineBinary\":\"AQ==\"}}}}]}},\"00281050\":{{\"vr\":\"DS\",\"Value\":[1.5e-300]}}}}]");
            let mut bytes = json.into_bytes();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            for instance in parse(&bytes[..cut.min(bytes.len())]).into_iter().chain(parse(&bytes)).flatten().flatten() {
                let _ = instance.assemble(&|_| None);
            }
        }
    }
}
