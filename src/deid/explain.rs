//! A decision in words, for people. Deciding is `plan`'s; this asks it for every IOD and groups the answers.

use super::action::{Action, Decided, cell_text};
use super::option::ProfileOption;
use super::plan::Plan;
use super::rule::dictionary_vr;
use super::sop::{SopClass, SopKind};
use super::stamp::is_stamp;
use super::types::{Iod, types};
use super::{gaps, private, table};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use std::fmt;

/// What happens to one attribute at the top level of an instance, and why.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The attribute.
    pub tag: Tag,
    /// Its keyword in PS3.6, empty where it has none.
    pub keyword: &'static str,
    /// Its VR in PS3.6.
    pub vr: String,
    /// Its row of Table E.1-1, if there is one.
    pub row: Option<&'static table::Row>,
    /// The class and reason of its row in `gaps.tsv`, if there is one.
    pub gap: Option<(&'static str, &'static str)>,
    /// Rows of Table E.3.10-1 with this group and low byte, for private attributes.
    pub safe_private: Vec<&'static private::SafeRow>,
    /// The decisions, each with the IODs it holds for. One alone holds for all; those for SOP classes
    /// whose IOD is not known, and for those that rules of the profile name, stand last.
    pub decisions: Vec<(Decided, Vec<String>)>,
    /// Name of the profile.
    pub profile: String,
    /// Digest of the plan.
    pub plan: String,
}

/// Explains an attribute: for one SOP class, or for all of them.
pub fn explain(plan: &Plan, tag: Tag, sop_class: Option<&str>) -> Explanation {
    let entry = StandardDataDictionary.by_tag(tag).filter(|_| tag.group() & 1 == 0);
    let vr = dictionary_vr(tag).map_or(VR::UN, |vr| vr.relaxed());
    let is_private = tag.group() & 1 == 1;
    Explanation {
        tag,
        keyword: entry.map_or("", |entry| entry.alias()),
        vr: if is_private || entry.is_none() { String::new() } else { vr.to_string().to_owned() },
        row: row_of(tag),
        gap: gaps::rows().iter().find(|row| row.tag == Some(tag)).map(|row| (row.class_name, row.why)),
        safe_private: if is_private { safe_private(tag) } else { Vec::new() },
        decisions: if is_private {
            private_decisions(plan, tag)
        } else {
            decisions(plan, tag, vr, sop_class)
        },
        profile: plan.profile().name.clone(),
        plan: plan.id().to_owned(),
    }
}

/// The row of Table E.1-1 that speaks about a tag: its own, or that of its group.
fn row_of(tag: Tag) -> Option<&'static table::Row> {
    let selector = match (tag.group(), tag.element()) {
        (0x5000..=0x50FF, _) => "50xxxxxx",
        (0x6000..=0x60FF, 0x3000) => "60xx3000",
        (0x6000..=0x60FF, 0x4000) => "60xx4000",
        (group, _) if group & 1 == 1 => "private",
        _ => "",
    };
    table::rows().iter().find(|row| row.tag == Some(tag) || row.selector == selector)
}

fn safe_private(tag: Tag) -> Vec<&'static private::SafeRow> {
    let [_, low] = tag.element().to_be_bytes();
    private::safe_rows().iter().filter(|row| (row.group, row.low_byte) == (tag.group(), low)).collect()
}

/// A private attribute is decided by its creator: with none given, what an unlisted creator gets.
fn private_decisions(plan: &Plan, tag: Tag) -> Vec<(Decided, Vec<String>)> {
    let sop = SopKind { class: SopClass::Standard, scope: None };
    let mut all = vec![(
        plan.decide_private(sop, Some("(any other)"), tag, VR::UN, &[]),
        vec!["any other creator".to_owned()],
    )];
    for row in safe_private(tag) {
        let vr = row.known_vr().unwrap_or(VR::UN);
        add(&mut all, plan.decide_private(sop, Some(row.creator), tag, vr, &[]), row.creator);
    }
    all
}

fn decisions(plan: &Plan, tag: Tag, vr: VR, sop_class: Option<&str>) -> Vec<(Decided, Vec<String>)> {
    if let Some(uid) = sop_class {
        let sop = plan.sop(uid);
        let name = match sop.class() {
            SopClass::Iod(iod) => types().name(iod),
            SopClass::Standard => "a standard class whose IOD is not known here",
            SopClass::Private => "a private class",
            SopClass::Directory => "a directory",
        };
        return vec![(plan.decide(sop, &[], tag, vr), vec![name.to_owned()])];
    }
    let mut all = Vec::new();
    for (number, name) in (0u8..=u8::MAX).zip(types().iods()) {
        let sop = SopKind { class: SopClass::Iod(Iod(number)), scope: None };
        add(&mut all, plan.decide(sop, &[], tag, vr), name);
    }
    all.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let unknown = SopKind { class: SopClass::Standard, scope: None };
    add(&mut all, plan.decide(unknown, &[], tag, vr), "SOP classes whose IOD is not known");
    for uid in plan.profile().rules.iter().filter_map(|rule| rule.sop_class.as_deref()) {
        add(&mut all, plan.decide(plan.sop(uid), &[], tag, vr), uid);
    }
    all
}

fn add(all: &mut Vec<(Decided, Vec<String>)>, decided: Decided, name: &str) {
    match all.iter_mut().find(|(other, _)| *other == decided) {
        Some((_, names)) => names.push(name.to_owned()),
        None => all.push((decided, vec![name.to_owned()])),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.tag, self.keyword, self.vr)?;
        self.fmt_sources(f)?;
        writeln!(f, "  profile {}, plan {}", self.profile, self.plan.get(..16).unwrap_or(""))?;
        if is_stamp(self.tag) {
            writeln!(f, "  written anew at the top level, to say what was done (PS3.15 E.1.1); elsewhere:")?;
        }
        for (decided, names) in &self.decisions {
            writeln!(f, "  -> {}: {}", describe(&decided.action), decided.reason)?;
            if self.decisions.len() > 1 || names.len() == 1 {
                writeln!(f, "     for {}", shorten(names))?;
            }
        }
        if self.decisions.len() > 1 && self.tag.group() & 1 == 0 {
            writeln!(f, "  at the top level; inside a sequence the Type there decides in the same way")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn fmt_sources(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(row) = self.row {
            writeln!(
                f,
                "  PS3.15 Table E.1-1 ({}), row {}: Basic Profile {}",
                table::edition(),
                row.selector,
                row.basic
            )?;
            for option in ProfileOption::ALL.into_iter().filter(|option| option.column().is_some()) {
                writeln!(f, "    {:<32}{}", option.name(), cell_text(row.cell(option)))?;
            }
        } else {
            writeln!(f, "  not in PS3.15 Table E.1-1 ({})", table::edition())?;
        }
        if let Some((class, why)) = self.gap {
            writeln!(f, "  not in Table E.1-1, {class}: {why}")?;
        }
        for row in &self.safe_private {
            writeln!(f, "  PS3.15 Table E.3.10-1: {:?} {} {}", row.creator, row.vr, row.meaning)?;
        }
        Ok(())
    }
}

fn describe(action: &Action) -> &'static str {
    match action {
        Action::Keep => "kept (a sequence is descended into)",
        Action::Remove => "removed",
        Action::Empty => "set empty",
        Action::Dummy => "replaced by a dummy",
        Action::Uid => "replaced by a keyed UID",
        Action::Shift => "shifted by the patient's days",
        Action::PatientId => "replaced by the patient's pseudonym",
        Action::PatientName => "replaced by a name made from the patient's pseudonym",
        Action::Replace(_) => "replaced by the rule's value",
    }
}

/// At most eight names, and how many more.
fn shorten(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(8).map(String::as_str).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::deid::name::resolve_name;
    use crate::deid::profile::Profile;

    fn text(preset: &str, name: &str, sop_class: Option<&str>) -> String {
        let plan = Plan::new(&Profile::preset(preset).unwrap());
        explain(&plan, resolve_name(name).unwrap(), sop_class).to_string()
    }

    #[test]
    fn an_attribute_with_one_decision_is_explained_once() {
        let found = text("basic", "PatientName", None);
        let lines: Vec<_> = found.lines().collect();
        assert_eq!(lines[0], "(0010,0010) PatientName PN");
        assert_eq!(lines[1], "  PS3.15 Table E.1-1 (2026d), row 00100010: Basic Profile Z");
        assert!(
            lines[lines.len() - 1].contains("made from the patient's pseudonym: PS3.15 Table E.1-1"),
            "{found}"
        );
        assert_eq!(found.matches("->").count(), 1);
        assert_eq!(found.matches("retain-").count() + found.matches("clean-").count(), 10);
    }

    #[test]
    fn decisions_that_depend_on_the_iod_are_grouped() {
        let found = text("basic", "ContentDate", None);
        assert!(found.matches("->").count() >= 2, "{found}");
        assert!(found.contains("Type 1 here") && found.contains("IOD is not known"), "{found}");
        let ct = text("basic", "ContentDate", Some("1.2.840.10008.5.1.4.1.1.2"));
        assert_eq!(ct.matches("->").count(), 1, "{ct}");
        assert!(ct.contains("for ct-image"), "{ct}");
    }

    #[test]
    fn options_and_gaps_are_named() {
        assert!(text("research", "StudyDate", None).contains("option retain-modified-dates (PS3.15 E.3.6)"));
        assert!(text("basic", "SegmentLabel", None).contains("not in Table E.1-1, free-text"));
        assert!(text("basic", "Manufacturer", None).contains("names a product"));
    }

    #[test]
    fn private_attributes_are_explained_per_creator() {
        let found = text("research", "7053,1000", None);
        assert!(
            found.contains("Philips PET Private Group") && found.contains("any other creator"),
            "{found}"
        );
        assert!(text("basic", "7053,1000", None).contains("-> removed: PS3.15 Table E.1-1, private row"));
    }
}
