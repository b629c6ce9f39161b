//! Of the conformance statement: profile, options, presets, and what each preset does with every row of Table E.1-1 and
//! every attribute that the table leaves out.

use crate::deid::explain::explain;
use crate::deid::option::{self, ProfileOption};
use crate::deid::plan::Plan;
use crate::deid::profile::{Policy, Profile, Removed};
use crate::deid::{defaults, gaps, pixel, table};
use dicom_core::Tag;
use serde_json::{Map, Value, json};

/// Plans of the presets, by their names.
fn plans() -> Vec<(String, Plan)> {
    Profile::presets().iter().map(|preset| (preset.name.clone(), Plan::new(preset))).collect()
}

pub(super) fn described() -> Value {
    let basic = option::basic_code();
    json!({
        "name": "Basic Application Level Confidentiality Profile",
        "code": basic.map_or("", |code| code.value),
        "options": ProfileOption::ALL.map(|option| json!({
            "name": option.name(),
            "clause": format!("PS3.15 {}", option.clause()),
            "code": option.code().map_or("", |code| code.value),
            "meaning": option.code().map_or("", |code| code.meaning),
            "available": option.available(),
        })),
        "presets": plans().iter().map(|(_, plan)| preset(plan)).collect::<Vec<_>>(),
    })
}

fn preset(plan: &Plan) -> Value {
    let profile = plan.profile();
    let word = |policy| if policy == Policy::Refuse { "refuse" } else { "pass" };
    json!({
        "name": profile.name,
        "digest": plan.id(),
        "options": profile.options.iter().map(|option| option.name()).collect::<Vec<_>>(),
        "codes": plan.codes().iter().map(|code| code.value).collect::<Vec<_>>(),
        "removed": if profile.removed == Removed::Remove { "remove" } else { "empty" },
        "burned_in": word(profile.burned_in),
        "recognizable_visual_features": word(profile.recognizable_visual_features),
        "private_sop_class": word(profile.private_sop_class),
    })
}

/// Every row of Table E.1-1: its code in the Basic Profile column, and the actions of each preset.
pub(super) fn rows() -> Vec<Value> {
    let plans = plans();
    let row = |row: &table::Row| {
        let tag = row.tag.unwrap_or_else(|| example(row.selector));
        json!({
            "tag": row.selector,
            "keyword": row.keyword,
            "vr": row.vr,
            "basic_profile": row.basic.to_string(),
            "actions": actions(&plans, tag),
        })
    };
    table::rows().iter().map(row).collect()
}

/// An attribute of the groups that a row names.
fn example(selector: &str) -> Tag {
    match selector {
        "60xx3000" => Tag(0x6000, 0x3000),
        "60xx4000" => Tag(0x6000, 0x4000),
        "50xxxxxx" => Tag(0x5000, 0x0005),
        _ => Tag(0x0011, 0x1010),
    }
}

/// What becomes of an attribute, by preset. Where it depends on the attribute's Type in the IOD, all that it can be, the most
/// usual first; of a private attribute what holds for creators that no list names.
fn actions(plans: &[(String, Plan)], tag: Tag) -> Map<String, Value> {
    let of = |plan: &Plan| {
        let mut words: Vec<&str> = Vec::new();
        let decisions = explain(plan, tag, None).decisions;
        let most = if tag.group() % 2 == 1 { 1 } else { decisions.len() };
        for (decided, _) in decisions.iter().take(most) {
            if !words.contains(&decided.action.name()) {
                words.push(decided.action.name());
            }
        }
        words.join(" or ")
    };
    plans.iter().map(|(name, plan)| (name.clone(), Value::String(of(plan)))).collect()
}

/// Attributes that the table leaves out and that identify all the same.
pub(super) fn gaps() -> Vec<Value> {
    let plans = plans();
    let rows = gaps::rows().iter().filter_map(|row| row.tag.map(|tag| (row, tag)));
    rows.map(|(row, Tag(group, element))| {
        json!({
            "tag": format!("{group:04x}{element:04x}"),
            "keyword": row.keyword,
            "class": row.class_name,
            "why": row.why,
            "actions": actions(&plans, Tag(group, element)),
        })
    })
    .collect()
}

/// What holds for all other attributes of PS3.6: by VR, or for one of them.
pub(super) fn defaults() -> Vec<Value> {
    let selector = |selector: defaults::Selector| match selector {
        defaults::Selector::Vr(vr) => vr.to_string().to_owned(),
        defaults::Selector::Tag(Tag(group, element)) => format!("{group:04x}{element:04x}"),
    };
    let kind = |kind| match kind {
        defaults::Kind::Keep => "keep",
        defaults::Kind::ByType => "remove, empty or dummy by its Type",
        defaults::Kind::Uid => "uid",
        defaults::Kind::Date => "as the dates of the table",
        defaults::Kind::Device => "keep under retain-device-identity, else by its Type",
        defaults::Kind::Remove => "remove",
    };
    let row = |row: &defaults::Row| json!({"selector": selector(row.selector), "action": kind(row.kind), "why": row.why});
    defaults::rows().iter().map(row).collect()
}

/// Kinds of instances that are refused unless they deny burned-in text.
pub(super) fn pixels() -> Vec<Value> {
    let row = |[sop_class, modality, image_type, why]: [&str; 4]| json!({"sop_class": sop_class, "modality": modality, "image_type": image_type, "why": why});
    pixel::risks().map(row).collect()
}
