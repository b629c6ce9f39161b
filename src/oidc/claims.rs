//! What a believed token says: who, of which project, with which rights.

use super::{Fault, Identity, Settings};
use crate::db::account::Rights;
use crate::db::seal::hex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Bytes of the digest that name a subject.
const NAMED_BY: usize = 8;

/// Longest name of a project with its customer.
const LONGEST: usize = 160;

pub(super) fn identity(claims: &Map<String, Value>, settings: &Settings) -> Result<Identity, Fault> {
    let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.is_empty());
    let subject = subject.ok_or(Fault::Invalid("no subject"))?;
    let project = find(claims, &settings.project_claim).and_then(only);
    let project = project.filter(|project| (1..=LONGEST).contains(&project.len()));
    let rights = find(claims, &settings.rights_claim).map(words).unwrap_or_default();
    Ok(Identity {
        actor: actor(&settings.issuer, subject),
        project: project.ok_or(Fault::Invalid("no claim names one project"))?.to_owned(),
        rights: Rights::known(rights.into_iter()),
    })
}

/// The same for every token of a subject, and of no other. The zero byte cannot stand in an issuer's URL.
fn actor(issuer: &str, subject: &str) -> String {
    let digest = Sha256::new().chain_update(issuer).chain_update([0]).chain_update(subject).finalize();
    format!("oidc:{}", hex(digest.get(..NAMED_BY).unwrap_or_default()))
}

/// A claim of this name, or what lies where its dots lead: names of claims may hold dots themselves.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

/// A text, or a list of one: of several projects none is meant.
fn only(claim: &Value) -> Option<&str> {
    match claim {
        Value::String(text) => Some(text),
        Value::Array(list) => match list.as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        _ => None,
    }
}

/// A list of words, or a text of them (as `scope`, RFC 8693 4.2).
fn words(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::account::Right;
    use crate::oidc::Pace;
    use serde_json::json;
    use std::time::Duration;

    fn read(claims: &Value, project_claim: &str, rights_claim: &str) -> Result<Identity, Fault> {
        let settings = Settings {
            issuer: "https://id.example".to_owned(),
            audience: Vec::new(),
            project_claim: project_claim.to_owned(),
            rights_claim: rights_claim.to_owned(),
            jwks_url: None,
            ca: None,
            leeway: Duration::ZERO,
            pace: Pace { pause: Duration::ZERO },
        };
        identity(claims.as_object().unwrap(), &settings)
    }

    #[test]
    fn claims_are_found_by_name_or_path_and_a_name_with_dots_comes_first() {
        let claims =
            json!({"sub": "s", "a.b": "clinic/one", "a": {"b": "clinic/two", "c": {"d": ["clinic/three"]}}});
        let project = |claim| read(&claims, claim, "r").map(|identity| identity.project);
        assert_eq!(project("a.b").unwrap(), "clinic/one");
        assert_eq!(project("a.c.d").unwrap(), "clinic/three");
        for missing in ["a", "a.x", "b", "a.c", "a.b.c"] {
            assert!(matches!(project(missing), Err(Fault::Invalid(_))), "{missing}");
        }
    }

    #[test]
    fn several_projects_are_none() {
        for claim in
            [json!(["a/b", "a/c"]), json!([]), json!(7), json!(""), json!("p".repeat(200)), json!(null)]
        {
            let claims = json!({"sub": "s", "p": claim});
            assert!(matches!(read(&claims, "p", "r"), Err(Fault::Invalid(_))), "{claims}");
        }
    }

    #[test]
    fn rights_come_as_list_or_words_and_others_give_nothing() {
        let rights =
            |claim: Value| read(&json!({"sub": "s", "p": "a/b", "r": claim}), "p", "r").unwrap().rights;
        for claim in [json!("openid reidentify"), json!(["reidentify", "admin"])] {
            assert!(rights(claim).has(Right::Reidentify));
        }
        for claim in
            [json!("openid"), json!([]), json!({"reidentify": true}), json!(true), json!("REIDENTIFY")]
        {
            assert_eq!(rights(claim), Rights::default());
        }
    }

    #[test]
    fn the_actor_is_stable_differs_by_subject_and_tells_nothing_of_it() {
        let actor = |sub: &str| read(&json!({"sub": sub, "p": "a/b"}), "p", "r").unwrap().actor;
        assert_eq!(actor("jane@clinic.example"), actor("jane@clinic.example"));
        assert_ne!(actor("jane@clinic.example"), actor("john@clinic.example"));
        let shown = actor("jane@clinic.example");
        assert!(crate::audit::value::Id::new(shown.as_str()).is_ok(), "{shown}");
        assert_eq!((shown.len(), shown.contains("jane")), (21, false));
        assert!(matches!(read(&json!({"sub": "", "p": "a/b"}), "p", "r"), Err(Fault::Invalid(_))));
    }
}
