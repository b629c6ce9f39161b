//! The rules of FHIR R4's AuditEvent (hl7.org/fhir/R4/auditevent), held against a resource.

use serde_json::Value;

/// Panics where the resource breaks a rule.
pub fn check(event: &Value, line: &str) {
    only(
        event,
        &[
            "resourceType",
            "id",
            "type",
            "subtype",
            "action",
            "recorded",
            "outcome",
            "outcomeDesc",
            "agent",
            "source",
            "entity",
        ],
    );
    assert_eq!(event["resourceType"], "AuditEvent");
    let id = text(&event["id"]);
    assert!((1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    coding(&event["type"]);
    assert_eq!(event["type"]["system"], "http://dicom.nema.org/resources/ontology/DCM");
    list(&event["subtype"]).iter().for_each(coding);
    assert!(["C", "R", "U", "D", "E"].contains(&text(&event["action"])));
    assert!(["0", "4", "8", "12"].contains(&text(&event["outcome"])));
    assert!(text(&event["recorded"]).ends_with('Z'), "an instant has a time zone");
    let agents = list(&event["agent"]);
    agents.iter().for_each(agent);
    assert_eq!(agents.iter().filter(|agent| agent["requestor"] == true).count(), 1, "{line}");
    source(&event["source"]);
    list(&event["entity"]).iter().for_each(entity);
    no_empty(event);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().filter(|list| !list.is_empty()).unwrap_or_else(|| panic!("{value} is no list of some"))
}

fn only(value: &Value, names: &[&str]) {
    for name in value.as_object().unwrap().keys() {
        assert!(names.contains(&name.as_str()), "{name} is not in the resource");
    }
}

fn coding(coding: &Value) {
    only(coding, &["system", "code", "display"]);
    let system = text(&coding["system"]);
    assert!(system.starts_with("http://") || system.starts_with("urn:"), "{system}");
    assert!(!text(&coding["code"]).contains(char::is_whitespace));
}

fn identifier(identifier: &Value) {
    only(identifier, &["system", "value"]);
    let (system, value) = (text(&identifier["system"]), text(&identifier["value"]));
    assert!(system.starts_with("urn:"), "{system}");
    assert_eq!(system == "urn:dicom:uid", value.starts_with("urn:oid:"), "{value}");
}

fn agent(agent: &Value) {
    only(agent, &["type", "who", "requestor"]);
    assert!(agent["requestor"].is_boolean());
    only(&agent["who"], &["identifier", "display"]);
    if let Some(kind) = agent.get("type") {
        list(&kind["coding"]).iter().for_each(coding);
    }
}

fn source(source: &Value) {
    only(source, &["site", "observer", "type"]);
    assert_eq!(source["observer"]["display"], "veilgate");
    list(&source["type"]).iter().for_each(coding);
}

fn entity(entity: &Value) {
    only(entity, &["what", "type", "role", "lifecycle", "name", "query", "detail"]);
    identifier(&entity["what"]["identifier"]);
    coding(&entity["type"]);
    coding(&entity["role"]);
    assert_ne!(entity["role"]["code"], "1", "no patient");
    assert!(entity.get("name").is_none() || entity.get("query").is_none(), "sev-1");
    for detail in entity.get("detail").map(list).unwrap_or_default() {
        only(detail, &["type", "valueString"]);
        assert!(!text(&detail["type"]).is_empty());
    }
}

/// FHIR knows neither null, nor empty texts, lists and objects.
fn no_empty(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::String(text) => assert!(!text.is_empty()),
        Value::Array(list) => {
            assert!(!list.is_empty());
            list.iter().for_each(no_empty);
        }
        Value::Object(fields) => {
            assert!(!fields.is_empty());
            fields.values().for_each(no_empty);
        }
        _ => {}
    }
}
