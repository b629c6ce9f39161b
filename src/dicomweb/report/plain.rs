//! A report as plain text: one line an item, two blanks a level. Control characters are left out, for a terminal would obey
//! them.

use super::Out;
use super::item::Report;
use crate::dicomweb::xml_out::is_legal;

pub(super) fn write(report: &Report, out: &mut Out) {
    line(0, report.title(), "", out);
    for (name, value) in report.flags() {
        line(0, name, value, out);
    }
    for item in &report.items {
        line(item.depth, &item.name, &item.said(), out);
    }
}

/// The further lines of a value stand as deep as its first.
fn line(depth: usize, name: &str, value: &str, out: &mut Out) {
    let between = if name.is_empty() || value.is_empty() { "" } else { ": " };
    let whole: String = [name, between, value].concat().chars().filter(is_legal).collect();
    for line in whole.lines().filter(|line| !line.trim().is_empty()) {
        out.all(&[&"  ".repeat(depth), line, "\n"]);
    }
}
