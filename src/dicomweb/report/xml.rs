//! A report as XML of its own small kind: `report` with a title, in it `item` with type, relation and name, in that `value`
//! and further items. Why it is not the Native DICOM Model, `Form` says.

use super::Out;
use super::item::{Item, Report};
use crate::dicomweb::xml_out::text;

pub(super) fn write(report: &Report, out: &mut Out) {
    out.push("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<report");
    attribute("title", report.title(), out);
    attribute("completion", &report.completion, out);
    attribute("verification", &report.verification, out);
    out.push(">\n");
    let mut open = 0;
    for item in &report.items {
        close(&mut open, item.depth.saturating_sub(1), out);
        begin(item, out);
        open += 1;
    }
    close(&mut open, 0, out);
    out.push("</report>\n");
}

fn close(open: &mut usize, left: usize, out: &mut Out) {
    while *open > left {
        out.push("</item>\n");
        *open -= 1;
    }
}

fn begin(item: &Item, out: &mut Out) {
    out.push("<item");
    attribute("type", &item.kind, out);
    attribute("relation", &item.relation, out);
    attribute("name", &item.name, out);
    out.push(">\n");
    for value in &item.values {
        out.push("<value");
        attribute("unit", &value.unit, out);
        out.all(&[">", &text(&value.text), "</value>\n"]);
    }
    if let Some(coordinates) = item.coordinates() {
        out.all(&["<value>", &text(&coordinates), "</value>\n"]);
    }
}

fn attribute(name: &str, value: &str, out: &mut Out) {
    if !value.is_empty() {
        out.all(&[" ", name, "=\"", &text(value), "\""]);
    }
}
