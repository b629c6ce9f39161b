//! The capabilities description as WADL (PS3.18 8.9.4, Annex H): one application, one tree of resources. What stands in it
//! is `super`'s.

use super::{Does, RESOURCES, SEARCH_GIVES, SEARCH_TAKES, STORE_GIVES, STORE_TAKES};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};
use quick_xml::writer::ElementWriter;
use std::collections::BTreeMap;
use std::io;

/// Its namespace, as the submission of 2009 has it.
const NAMESPACE: &str = "http://wadl.dev.java.net/2009/02";

/// One step of paths: what it does, and the steps below it.
#[derive(Default)]
struct Step {
    does: &'static [Does],
    below: BTreeMap<&'static str, Step>,
}

type Out = Writer<Vec<u8>>;

/// The document; `base` is the public URL of the DICOMweb root.
///
/// # Errors
/// None that a writer into memory has.
pub(super) fn document(base: &str) -> io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new());
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    out.create_element("application").with_attribute(("xmlns", NAMESPACE)).write_inner_content(|out| {
        // A base is a folder: paths stand below it (RFC 3986 5.3).
        let base = format!("{base}/");
        let resources = out.create_element("resources").with_attribute(("base", base.as_str()));
        resources.write_inner_content(|out| below(out, &tree().below)).map(drop)
    })?;
    Ok(out.into_inner())
}

fn tree() -> Step {
    let mut root = Step::default();
    for (path, does) in RESOURCES {
        let steps = path.split('/').filter(|step| !step.is_empty());
        let last = steps.fold(&mut root, |step, name| step.below.entry(name).or_default());
        last.does = does;
    }
    root
}

fn below(out: &mut Out, steps: &BTreeMap<&'static str, Step>) -> io::Result<()> {
    steps.iter().try_for_each(|(name, step)| resource(out, name, step))
}

fn resource(out: &mut Out, name: &str, step: &Step) -> io::Result<()> {
    // The router's mark of a rest of the path is not WADL's.
    let path = name.replace('*', "");
    out.create_element("resource").with_attribute(("path", path.as_str())).write_inner_content(|out| {
        if let Some(template) = path.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            param(out, template, "template", true)?;
        }
        step.does.iter().try_for_each(|does| method(out, does))?;
        below(out, &step.below)
    })?;
    Ok(())
}

fn method(out: &mut Out, does: &Does) -> io::Result<()> {
    match does {
        Does::Store => begun(out, "POST", "store").write_inner_content(|out| {
            let request = out.create_element("request");
            request.write_inner_content(|out| representations(out, &STORE_TAKES))?;
            response(out, &STORE_GIVES)
        }),
        Does::Search => begun(out, "GET", "search").write_inner_content(|out| {
            query(out, &SEARCH_TAKES)?;
            response(out, &SEARCH_GIVES)
        }),
        Does::Retrieve(gives) => begun(out, "GET", "retrieve").write_inner_content(|out| {
            query(out, &["accept"])?;
            response(out, gives)
        }),
    }
    .map(drop)
}

fn begun<'a>(out: &'a mut Out, name: &'a str, id: &'a str) -> ElementWriter<'a, Vec<u8>> {
    out.create_element("method").with_attributes([("name", name), ("id", id)])
}

fn query(out: &mut Out, names: &[&str]) -> io::Result<()> {
    let request = out.create_element("request");
    let params = |out: &mut Out| names.iter().try_for_each(|name| param(out, name, "query", false));
    request.write_inner_content(params).map(drop)
}

fn param(out: &mut Out, name: &str, style: &str, required: bool) -> io::Result<()> {
    let element = out.create_element("param").with_attributes([("name", name), ("style", style)]);
    let element = if required { element.with_attribute(("required", "true")) } else { element };
    element.write_empty().map(drop)
}

fn response(out: &mut Out, media: &[&str]) -> io::Result<()> {
    let response = out.create_element("response").with_attribute(("status", "200"));
    response.write_inner_content(|out| representations(out, media)).map(drop)
}

fn representations(out: &mut Out, media: &[&str]) -> io::Result<()> {
    media.iter().try_for_each(|media| {
        out.create_element("representation").with_attribute(("mediaType", *media)).write_empty().map(drop)
    })
}
