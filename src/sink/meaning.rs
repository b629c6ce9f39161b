//! What an entry of the audit chain means in the words of DICOM's audit messages (PS3.15 A.5), which FHIR took over:
//! event, action letter, outcome, who took part, and with which objects. Both forms are written from it. Pure.

use crate::audit::action::{Action, Kind, Outcome};
use crate::audit::chain::Sealed;
use crate::audit::event::Event;
use serde::Serialize;

/// A code of PS3.16 Annex D ("DCM"), of RFC 3881, or our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub scheme: Scheme,
    pub value: &'static str,
    pub meaning: &'static str,
}

/// Where a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// PS3.16 Annex D.
    Dcm,
    /// PS3.15 A.5.1.2.4.
    Rfc3881,
    /// Ours. PS3.16 8.2: private coding schemes begin with 99.
    Own,
}

const fn dcm(value: &'static str, meaning: &'static str) -> Code {
    Code { scheme: Scheme::Dcm, value, meaning }
}

const fn own(value: &'static str, meaning: &'static str) -> Code {
    Code { scheme: Scheme::Own, value, meaning }
}

// PS3.16 CID 400.
const LOG_USED: Code = dcm("110101", "Audit Log Used");
const TRANSFERRED: Code = dcm("110104", "DICOM Instances Transferred");
const DELETED: Code = dcm("110105", "DICOM Study Deleted");
const QUERY: Code = dcm("110112", "Query");
const ALERT: Code = dcm("110113", "Security Alert");
// PS3.16 CID 403.
const CONFIGURATION: Code = dcm("110129", "Security Configuration");
const RESTRICTED: Code = dcm("110132", "Use of Restricted Function");
const USER_ATTRIBUTES: Code = dcm("110137", "User security Attributes Changed");
// PS3.16 CID 402.
const DESTINATION: Code = dcm("110152", "Destination Role ID");
const SOURCE: Code = dcm("110153", "Source Role ID");
// PS3.16 CID 404 and PS3.15 A.5.1.2.4.
const STUDY: Code = dcm("110180", "Study Instance UID");
const SOP_CLASS: Code = dcm("110181", "SOP Class UID");
const URI: Code = Code { scheme: Scheme::Rfc3881, value: "12", meaning: "URI" };
const REQUEST: Code = own("request", "Request");
const ENTRY: Code = own("entry", "Audit chain entry");
const SUBJECT: Code = own("subject", "Subject of an administrative act");

/// The search that QIDO-RS is (PS3.18 10.6), as PS3.4 C.6.2 names it.
const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";

/// An entry's event.
pub(super) struct Meaning {
    /// PS3.16 CID 400.
    pub id: Code,
    /// PS3.16 CID 403, of a security alert.
    pub alert: Option<Code>,
    /// Our own word for what was asked for.
    pub action: String,
    /// C, R, U, D or E (PS3.15 A.5.2).
    pub letter: &'static str,
    /// What part the actor had (PS3.16 CID 402).
    pub actor_role: Option<Code>,
    /// What part the gateway had.
    pub own_role: Option<Code>,
    /// What became of the study (PS3.15 A.5.1.2.3).
    life_cycle: Option<u8>,
}

impl Meaning {
    /// The event of an entry. PS3.15 A.5.3.2, A.5.3.7, A.5.3.8, A.5.3.10 and A.5.3.11 say which letter and roles.
    pub(super) fn of(event: &Event) -> Self {
        let base = |id, letter, life_cycle| Self {
            id,
            alert: None,
            action: word(&event.action()),
            letter,
            actor_role: None,
            own_role: None,
            life_cycle,
        };
        let moved = |id, letter, life_cycle, from_actor: bool| {
            let (actor, own) = if from_actor { (SOURCE, DESTINATION) } else { (DESTINATION, SOURCE) };
            Self { actor_role: Some(actor), own_role: Some(own), ..base(id, letter, life_cycle) }
        };
        match event.action() {
            // De-identification; translation; access or use; permanent erasure.
            Action::Store => moved(TRANSFERRED, "C", Some(7), true),
            Action::Restore => moved(TRANSFERRED, "C", Some(5), true),
            Action::Retrieve | Action::Preview => moved(TRANSFERRED, "R", Some(6), false),
            Action::Delete => base(DELETED, "D", Some(15)),
            Action::Search => moved(QUERY, "E", None, true),
            Action::ReadAudit | Action::ExportAudit | Action::KeepCheckpoint => base(LOG_USED, "R", None),
            other => Self { alert: Some(alert(other)), ..base(ALERT, "E", None) },
        }
    }
}

/// Which kind of security alert an administrative act is (PS3.16 CID 403).
fn alert(action: Action) -> Code {
    match action {
        Action::MakeKey | Action::RevokeKey => USER_ATTRIBUTES,
        Action::Reidentify | Action::SealSegment => RESTRICTED,
        _ => CONFIGURATION,
    }
}

/// EventOutcomeIndicator (PS3.15 A.5.2): 4 where what was sent may be sent again corrected, 8 where the failure was
/// ours. Never 12, "reporting application now unavailable": then nobody reports.
pub(super) fn outcome(event: &Event) -> u8 {
    match event.outcome() {
        Outcome::Done => 0,
        Outcome::Partial | Outcome::Refused => 4,
        Outcome::Failed => 8,
    }
}

/// An object that took part.
pub(super) struct Object {
    /// What its identifier is.
    pub id_type: Code,
    /// Its identifier.
    pub id: String,
    /// What it is, in words.
    pub name: &'static str,
    /// ParticipantObjectTypeCode: 2 system object, 3 organization.
    pub kind: u8,
    /// PS3.15 A.5.1.2.2.
    pub role: u8,
    /// PS3.15 A.5.1.2.3.
    pub life_cycle: Option<u8>,
    /// It is a search; the form asks for what was searched, which is not told: a key may be an original value.
    pub is_query: bool,
    /// The instance of it that the event is about.
    pub instance: Option<Instance>,
    /// Further facts, by name.
    pub details: Vec<(&'static str, String)>,
}

/// One instance of a study, pseudonymous.
pub(super) struct Instance {
    pub sop_class: Option<String>,
    pub uid: Option<String>,
}

impl Object {
    fn new(id_type: Code, id: impl ToString, name: &'static str, role: u8) -> Self {
        Self {
            id_type,
            id: id.to_string(),
            name,
            kind: 2,
            role,
            life_cycle: None,
            is_query: false,
            instance: None,
            details: Vec::new(),
        }
    }
}

/// The objects of an entry: what was worked on, the request, and last the entry itself with its place in the chain.
/// There is no patient among them: an entry knows none (PS3.15 A.5.3 asks for one where studies are told).
pub(super) fn objects(sealed: &Sealed, meaning: &Meaning) -> Vec<Object> {
    let event = &sealed.body.event;
    let searched = Object { is_query: true, ..Object::new(SOP_CLASS, STUDY_ROOT_FIND, "Search", 3) };
    let mut objects = Vec::with_capacity(4);
    objects.extend(study(event, meaning));
    objects.extend((meaning.id == QUERY).then_some(searched));
    objects.extend((meaning.id == LOG_USED).then(|| Object::new(URI, "/v1/audit", "Security Audit Log", 13)));
    objects.extend(event.subject().map(|subject| subject_of(event.action(), subject.as_str())));
    objects.extend(
        event
            .request_id()
            .map(|request| Object { details: counts(event), ..Object::new(REQUEST, request, "Request", 20) }),
    );
    objects.push(entry(sealed));
    if meaning.id == ALERT {
        // PS3.15 A.5.3.11: each object says what the alert is about.
        for object in &mut objects {
            object.details.insert(0, ("Alert Description", meaning.action.clone()));
        }
    }
    objects
}

fn study(event: &Event, meaning: &Meaning) -> Option<Object> {
    let [study, _, uid] = event.uids();
    let uid = uid.map(str::to_owned);
    let sop_class = event.sop_class().map(ToString::to_string);
    let about_one = matches!(event.kind(), Kind::Instance | Kind::Refusal);
    Some(Object {
        life_cycle: meaning.life_cycle,
        instance: about_one.then_some(Instance { sop_class, uid }),
        ..Object::new(STUDY, study?, "Study", 3)
    })
}

fn subject_of(action: Action, subject: &str) -> Object {
    let (kind, role) = match action {
        // An organization as customer; a security user entity; a master file; a security resource.
        Action::ChangeCustomer | Action::ChangeTier => (3, 19),
        Action::MakeKey | Action::RevokeKey => (2, 11),
        Action::ChangeProfile => (2, 5),
        _ => (2, 13),
    };
    Object { kind, ..Object::new(SUBJECT, subject, "Subject", role) }
}

fn counts(event: &Event) -> Vec<(&'static str, String)> {
    let [done, refused] = event.instances();
    let names = match event.action() {
        Action::Reidentify => ["names-found", "names-unknown"],
        _ => ["instances-done", "instances-refused"],
    };
    let named = names.into_iter().zip([done, refused]);
    named.filter_map(|(name, number)| Some((name, number?.to_string()))).collect()
}

/// The entry in its chain, with all that has no place of its own in the forms.
fn entry(sealed: &Sealed) -> Object {
    let (body, event) = (&sealed.body, &sealed.body.event);
    let [study, series, instance] = event.uids();
    let homeless = |value: Option<&str>| value.filter(|_| study.is_none()).map(str::to_owned);
    let [input, output, profile] = event.digests().map(|digest| digest.map(|digest| digest.to_hex()));
    let facts = [
        ("kind", Some(word(&event.kind()))),
        ("project", Some(body.project.to_string())),
        ("sequence", Some(body.sequence.to_string())),
        ("hash", Some(sealed.hash.to_hex())),
        ("previous", Some(body.previous.to_hex())),
        ("engine", Some(event.engine().to_string())),
        ("profile", profile),
        ("input-sha256", input),
        ("output-sha256", output),
        ("series", series.map(str::to_owned)),
        ("instance", homeless(instance)),
        ("sop-class", homeless(event.sop_class().map(|id| id.as_str()))),
    ];
    let details = facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Object { details, ..Object::new(ENTRY, sealed.hash, "Audit chain entry", 13) }
}

/// The word of one of the audit's closed lists, as the entry itself writes it.
fn word<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
