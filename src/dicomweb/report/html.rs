//! A report as one page: no script, nothing to fetch, all that comes of the data set escaped. Of the style, see the policy
//! that the handler sends with it.

use super::Out;
use super::item::{Item, Report};
use crate::dicomweb::xml_out::text;

const HEAD: &str = "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n<title>";

const STYLE: &str = "</title>\n<style>\n\
    :root { color-scheme: light dark; font-family: sans-serif; line-height: 1.4 }\n\
    body { max-width: 50rem; margin: 1rem auto; padding: 0 1rem }\n\
    section, div { margin: .3rem 0 .3rem .2rem; padding-left: .8rem; border-left: 1px solid #8888 }\n\
    h2, h3, h4, h5, h6, p { margin: .3rem 0 }\n\
    span { white-space: pre-wrap; overflow-wrap: anywhere }\n\
    </style>\n</head>\n<body>\n<h1>";

pub(super) fn write(report: &Report, out: &mut Out) {
    let title = text(report.title());
    out.all(&[HEAD, &title, STYLE, &title, "</h1>\n"]);
    for (name, value) in report.flags() {
        out.all(&["<p>", name, ": ", &text(value), "</p>\n"]);
    }
    let mut open: Vec<&str> = Vec::new();
    for item in &report.items {
        close(&mut open, item.depth.saturating_sub(1), out);
        open.push(begin(item, out));
    }
    close(&mut open, 0, out);
    out.push("</body>\n</html>\n");
}

/// Closes what is open until no more than `left` are.
fn close(open: &mut Vec<&str>, left: usize, out: &mut Out) {
    let from = left.min(open.len());
    open.drain(from..).rev().for_each(|end| out.push(end));
}

/// Opens an item; what ends it, comes behind the items in it.
fn begin(item: &Item, out: &mut Out) -> &'static str {
    let (name, said) = (text(&item.name), text(&item.said()));
    if item.is_container() {
        out.push("<section>\n");
        if !name.is_empty() {
            // The title is the first heading; there are six.
            let level = (item.depth + 1).min(6).to_string();
            out.all(&["<h", &level, ">", &name, "</h", &level, ">\n"]);
        }
        return "</section>\n";
    }
    out.push("<div>\n<p>");
    if !name.is_empty() {
        out.all(&["<b>", &name, "</b>", if said.is_empty() { "" } else { ": " }]);
    }
    out.all(&["<span>", &said, "</span></p>\n"]);
    "</div>\n"
}
