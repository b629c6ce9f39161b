//! Entries as FHIR R4 AuditEvent resources, one line of JSON each. Pure. Resource id is the entry's hash, so that a
//! collector that gets an entry twice sees that it has it.

use super::meaning::{Code, Meaning, Object, Scheme, objects, outcome};
use crate::audit::chain::Sealed;
use serde_json::{Map, Value, json};

/// Codes of PS3.16, as FHIR names the system.
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const LIFE_CYCLE: &str = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle";
/// Before the names of our own codes and identifiers.
const OWN: &str = "urn:veilgate:audit";

/// One entry as one line, without its line feed.
pub fn line(sealed: &Sealed) -> String {
    let event = &sealed.body.event;
    let meaning = Meaning::of(event);
    let mut subtypes: Vec<Value> = meaning.alert.map(coding).into_iter().collect();
    subtypes.push(json!({ "system": format!("{OWN}:action"), "code": meaning.action }));
    let mut resource = json!({
        "resourceType": "AuditEvent",
        "id": sealed.hash,
        "type": coding(meaning.id),
        "subtype": subtypes,
        "action": meaning.letter,
        "recorded": sealed.body.time,
        "outcome": outcome(event).to_string(),
        "agent": [
            agent(json!({ "identifier": identifier("key", event.actor().as_str()) }), meaning.actor_role, true),
            agent(json!({ "display": "veilgate" }), meaning.own_role, false),
        ],
        "source": {
            "site": sealed.body.project,
            "observer": { "display": "veilgate" },
            "type": [{ "system": SOURCE_TYPE, "code": "4", "display": "Application Server" }],
        },
        "entity": objects(sealed, &meaning).iter().flat_map(entities).collect::<Vec<_>>(),
    });
    if let (Some(reason), Some(fields)) = (event.reason(), resource.as_object_mut()) {
        fields.insert("outcomeDesc".to_owned(), json!(reason));
    }
    resource.to_string()
}

fn coding(code: Code) -> Value {
    let system = match code.scheme {
        Scheme::Dcm => DCM.to_owned(),
        Scheme::Rfc3881 | Scheme::Own => format!("{OWN}:code"),
    };
    json!({ "system": system, "code": code.value, "display": code.meaning })
}

fn agent(who: Value, role: Option<Code>, requestor: bool) -> Value {
    let mut agent = Map::new();
    if let Some(role) = role {
        agent.insert("type".to_owned(), json!({ "coding": [coding(role)] }));
    }
    agent.insert("who".to_owned(), who);
    agent.insert("requestor".to_owned(), json!(requestor));
    Value::Object(agent)
}

/// A UID the way FHIR names DICOM's (ImagingStudy.identifier), anything else by our own system.
fn identifier(what: &str, id: &str) -> Value {
    match what {
        "uid" => json!({ "system": "urn:dicom:uid", "value": format!("urn:oid:{id}") }),
        what => json!({ "system": format!("{OWN}:{what}"), "value": id }),
    }
}

/// The object, and the instance of it where the event is about one.
fn entities(object: &Object) -> Vec<Value> {
    let what = match object.id_type.scheme {
        Scheme::Dcm => "uid",
        Scheme::Rfc3881 => "uri",
        Scheme::Own => object.id_type.value,
    };
    let mut details: Vec<Value> = object.details.iter().map(|(name, value)| detail(name, value)).collect();
    let sop_class = object.instance.as_ref().and_then(|instance| instance.sop_class.as_deref());
    details.extend(sop_class.map(|uid| detail("sop-class", uid)));
    let uid = object.instance.as_ref().and_then(|instance| instance.uid.as_deref());
    let instance = uid.map(|uid| entity(object, identifier("uid", uid), "Instance", Vec::new()));
    let object = entity(object, identifier(what, &object.id), object.name, details);
    std::iter::once(object).chain(instance).collect()
}

fn detail(name: &str, value: &str) -> Value {
    json!({ "type": name, "valueString": value })
}

fn entity(object: &Object, identifier: Value, name: &str, details: Vec<Value>) -> Value {
    let mut entity = Map::new();
    let mut put = |name: &str, value: Value| entity.insert(name.to_owned(), value);
    put("what", json!({ "identifier": identifier }));
    put("type", json!({ "system": ENTITY_TYPE, "code": object.kind.to_string() }));
    put("role", json!({ "system": ENTITY_ROLE, "code": object.role.to_string() }));
    if let Some(stage) = object.life_cycle {
        put("lifecycle", json!({ "system": LIFE_CYCLE, "code": stage.to_string() }));
    }
    put("name", json!(name));
    if !details.is_empty() {
        put("detail", Value::Array(details));
    }
    Value::Object(entity)
}
