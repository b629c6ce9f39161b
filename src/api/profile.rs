//! GET /api/profile: what happens to the caller's instances, for people: the options of PS3.15 E.3 by name, what each
//! of them lets stay, and the bounds that a client can check before it sends anything. Deciding is `deid::plan`'s.

use super::{Service, State, preview};
use crate::deid::code::Cell;
use crate::deid::option::ProfileOption;
use crate::deid::profile::{Policy, Profile, Removed};
use crate::deid::{plan::Plan, table};
use crate::layer::context::Caller;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

/// What is told.
pub(super) async fn profile(service: State, Extension(caller): Extension<Caller>) -> Response {
    let plan = caller.engine.plan();
    let (project_name, key_name) = names(&service, &caller).await;
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "project": caller.project,
        "key": caller.key,
        "project_name": project_name,
        "key_name": key_name,
        "tier": caller.tier,
        "choose": service.choose,
        "presets": Profile::presets().iter().map(|preset| &preset.name).collect::<Vec<_>>(),
        "profile": described(plan.profile(), plan),
        "limits": { "instance": service.instance, "request": service.vault.request, "files": service.vault.files, "picture": preview::MOST },
        "billing": sells(&service),
    }))
    .into_response()
}

/// What people call the project and the key; a token has no name beside its own, and without a database there are none.
async fn names(service: &Service, caller: &Caller) -> (Option<String>, Option<String>) {
    let project = service.db.project(&caller.project).await.ok();
    let key = service.db.key(&caller.key).await.ok();
    let key = key.filter(|key| key.id == caller.key && key.project == caller.project);
    (project.map(|project| project.name), key.map(|key| key.name))
}

fn described(profile: &Profile, plan: &Plan) -> Value {
    let word = |policy| if policy == Policy::Refuse { "refuse" } else { "pass" };
    json!({
        "name": profile.name,
        "digest": plan.id(),
        "edition": table::edition(),
        "options": ProfileOption::ALL.map(|option| self::option(profile, option)),
        "codes": plan.codes().iter().map(|code| json!([code.value, code.meaning])).collect::<Vec<_>>(),
        "removed": if profile.removed == Removed::Remove { "remove" } else { "empty" },
        "burned_in": word(profile.burned_in),
        "recognizable_visual_features": word(profile.recognizable_visual_features),
        "private_sop_class": word(profile.private_sop_class),
        "rules": profile.rules.len(),
    })
}

/// An option with its name in PS3.15, and the attributes that Table E.1-1 lets stay under it.
fn option(profile: &Profile, option: ProfileOption) -> Value {
    let rows = table::rows().iter().filter(|row| row.cell(option) == Cell::Keep && !row.keyword.is_empty());
    json!({
        "name": option.name(),
        "clause": format!("PS3.15 {}", option.clause()),
        "meaning": option.code().map_or("", |code| code.meaning),
        "code": option.code().map_or("", |code| code.value),
        "chosen": profile.has(option),
        "available": option.available(),
        "attributes": rows.map(|row| row.keyword).collect::<Vec<_>>(),
    })
}

/// Plans can be bought here.
#[cfg(feature = "billing")]
fn sells(service: &Service) -> bool {
    service.billing.is_some()
}

#[cfg(not(feature = "billing"))]
fn sells(_: &Service) -> bool {
    false
}
