//! What happened, as an entry tells it. The only way to make one is from the safe parts of a receipt, a refusal or an
//! act, so that no value of a data set can get in. Its place in the chain is given in `chain`.

use super::action::{Action, Kind, Outcome};
use super::canonical::LARGEST;
use super::digest::Digest;
use super::value::Id;
use crate::deid::action::Action as Fate;
use crate::deid::plan::Plan;
use crate::deid::receipt::{Names, Receipt, Refused};
use crate::deid::refusal::FailureReason;
use dicom_core::{Tag, VR};
use serde::{Deserialize, Serialize};

const STUDY: Tag = Tag(0x0020, 0x000D);
const SERIES: Tag = Tag(0x0020, 0x000E);
const INSTANCE: Tag = Tag(0x0008, 0x0018);

/// What UIDs made here begin with (PS3.5 B.2), and those of the standard (PS3.6 A).
const MADE: &str = "2.25.";
const STANDARD: &str = "1.2.840.10008.";

/// Who did what, in which request. Names that the gateway made, never what a client calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The API key's name (not the key), `oidc:` and a digest of a token's subject, or who else acted: `admin`, `system`.
    pub actor: Id,
    /// The request's name, made by the gateway; `None` where there was no request.
    pub request: Option<Id>,
    /// What was asked for.
    pub action: Action,
}

/// What happened. Members stand in the order of their canonical form (RFC 8785 3.2.3); all are always written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    action: Action,
    actor: Id,
    engine: Id,
    input_sha256: Option<Digest>,
    instance: Option<Id>,
    instances_done: Option<u64>,
    instances_refused: Option<u64>,
    kind: Kind,
    outcome: Outcome,
    output_sha256: Option<Digest>,
    profile: Option<Digest>,
    reason: Option<Id>,
    request: Option<Id>,
    series: Option<Id>,
    sop_class: Option<Id>,
    study: Option<Id>,
    subject: Option<Id>,
}

impl Event {
    /// One instance, pseudonymized under `plan` and delivered.
    pub fn instance(by: &By, plan: &Plan, receipt: &Receipt) -> Self {
        let event = Self::new(by, Kind::Instance, Outcome::Done).named(plan, &receipt.names);
        Self {
            input_sha256: receipt.sha256_in.map(Digest),
            output_sha256: receipt.sha256_out.map(Digest),
            ..event
        }
    }

    /// One instance, pseudonymized under `plan`, that its destination did not take.
    pub fn undelivered(by: &By, plan: &Plan, receipt: &Receipt, reason: FailureReason) -> Self {
        let event = Self::instance(by, plan, receipt);
        Self { outcome: Outcome::Failed, reason: Id::new(format!("{:04X}H", reason.0)).ok(), ..event }
    }

    /// One instance that was refused, with the SHA-256 of what came in where it was worked out.
    pub fn refusal(by: &By, plan: &Plan, refused: &Refused, input: Option<Digest>) -> Self {
        let event = Self::new(by, Kind::Refusal, Outcome::Refused).because(refused.refusal.code());
        let event = match &refused.names {
            Some(names) => event.named(plan, names),
            None => Self { profile: Digest::from_hex(plan.id()), ..event },
        };
        Self { input_sha256: input, ..event }
    }

    /// What was sent as one instance and never came to be looked at, with its names where they are known.
    pub fn unread(by: &By, plan: &Plan, names: Option<&Names>, reason: FailureReason) -> Self {
        let event = Self::new(by, Kind::Refusal, Outcome::Refused);
        let event = match names {
            Some(names) => event.named(plan, names),
            None => Self { profile: Digest::from_hex(plan.id()), ..event },
        };
        Self { reason: Id::new(format!("{:04X}H", reason.0)).ok(), ..event }
    }

    /// One request as a whole, with the number of instances pseudonymized or read, and of those refused in it.
    pub fn request(by: &By, outcome: Outcome, done: u64, refused: u64) -> Self {
        let count = |number: u64| Some(number.min(LARGEST));
        Self {
            instances_done: count(done),
            instances_refused: count(refused),
            ..Self::new(by, Kind::Request, outcome)
        }
    }

    /// The same, telling what was given: the study, series or instance of these UIDs, empty where there is none. A UID that
    /// the profile retains, or that does not look like one made here, may be an original value and is left out.
    pub fn given(self, plan: &Plan, [study, series, instance]: [&str; 3]) -> Self {
        let made = |tag: Tag, uid: &str| replaced(plan, "", tag, uid).filter(|_| uid.starts_with(MADE));
        Self {
            study: made(STUDY, study),
            series: made(SERIES, series),
            instance: made(INSTANCE, instance),
            ..self
        }
    }

    /// One administrative act on `subject`: the name of a key, project or customer, a digest, or a pseudonymous UID.
    pub fn act(by: &By, outcome: Outcome, subject: Option<Id>) -> Self {
        Self { subject, ..Self::new(by, Kind::Act, outcome) }
    }

    /// The same with a reason, a word of our own source.
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason: Id::new(reason).ok(), ..self }
    }

    /// What the entry tells of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was asked for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why it ended so, where that is told.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_ref().map(Id::as_str)
    }

    /// Name of the API key, or who else acted.
    pub fn actor(&self) -> &Id {
        &self.actor
    }

    /// The request's name.
    pub fn request_id(&self) -> Option<&Id> {
        self.request.as_ref()
    }

    /// Pseudonymous study, series and instance UIDs, as far as they are told.
    pub fn uids(&self) -> [Option<&str>; 3] {
        [&self.study, &self.series, &self.instance].map(|uid| uid.as_ref().map(Id::as_str))
    }

    /// What an administrative act was about.
    pub fn subject(&self) -> Option<&Id> {
        self.subject.as_ref()
    }

    /// SOP Class UID of the instance.
    pub fn sop_class(&self) -> Option<&Id> {
        self.sop_class.as_ref()
    }

    /// SHA-256 of what came in and of what went out, and the profile's digest, as far as they are told.
    pub fn digests(&self) -> [Option<Digest>; 3] {
        [self.input_sha256, self.output_sha256, self.profile]
    }

    /// Instances pseudonymized or read, and refused, of a request.
    pub fn instances(&self) -> [Option<u64>; 2] {
        [self.instances_done, self.instances_refused]
    }

    /// Version of the engine that decided.
    pub fn engine(&self) -> &Id {
        &self.engine
    }

    fn new(by: &By, kind: Kind, outcome: Outcome) -> Self {
        let By { actor, request, action } = by.clone();
        Self {
            action,
            actor,
            engine: engine(),
            input_sha256: None,
            instance: None,
            instances_done: None,
            instances_refused: None,
            kind,
            outcome,
            output_sha256: None,
            profile: None,
            reason: None,
            request,
            series: None,
            sop_class: None,
            study: None,
            subject: None,
        }
    }

    /// Adds the plan's digest and the names that it replaced. A UID that the profile retains (PS3.15 E.3.9) is an
    /// original value and is left out.
    fn named(self, plan: &Plan, names: &Names) -> Self {
        let replaced = |tag: Tag, uid: &str| replaced(plan, &names.sop_class, tag, uid);
        Self {
            profile: Digest::from_hex(plan.id()),
            // A private one is the sender's own text.
            sop_class: uid(&names.sop_class).filter(|uid| uid.as_str().starts_with(STANDARD)),
            study: replaced(STUDY, &names.study),
            series: replaced(SERIES, &names.series),
            instance: replaced(INSTANCE, &names.instance),
            ..self
        }
    }
}

/// A UID as a name, unless the profile retains it there.
fn replaced(plan: &Plan, sop_class: &str, tag: Tag, text: &str) -> Option<Id> {
    let kept = matches!(plan.decide(plan.sop(sop_class), &[], tag, VR::UI).action, Fate::Keep);
    if kept { None } else { uid(text) }
}

/// A UID as a name; nothing if it is empty or no UID (PS3.5 9.1).
fn uid(text: &str) -> Option<Id> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { Id::new(text).ok() } else { None }
}

/// Version of the engine that decided.
fn engine() -> Id {
    Id::new(env!("CARGO_PKG_VERSION").replace('+', "-")).unwrap_or_else(|_| Id::unknown())
}
