//! Entries as DICOM audit messages (PS3.15 A.5), one line of XML each. Pure. The order of elements is the schema's
//! (PS3.15 A.5.1.1); which fields an event has is told in A.5.3. The statement is `conformance/audit_messages.md`.

use super::meaning::{Code, Meaning, Object, Scheme, objects, outcome};
use crate::audit::action::{Kind, Outcome};
use crate::audit::chain::Sealed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event as Xml};
use std::io;

/// A message, and how the event ended (EventOutcomeIndicator).
pub struct Message {
    /// The document, without line feeds.
    pub xml: String,
    /// 0, 4 or 8.
    pub outcome: u8,
}

/// The messages of an entry. A request that was done for some of its instances makes two: successes and failures are
/// not mixed in one message (PS3.15 A.5.2, EventOutcomeIndicator).
pub fn messages(sealed: &Sealed) -> Vec<Message> {
    let event = &sealed.body.event;
    let outcomes = match (event.kind(), event.outcome()) {
        (Kind::Request, Outcome::Partial) => vec![0, 4],
        _ => vec![outcome(event)],
    };
    outcomes.into_iter().map(|outcome| Message { xml: document(sealed, outcome), outcome }).collect()
}

fn document(sealed: &Sealed, outcome: u8) -> String {
    let mut out = Out(Writer::new(Vec::with_capacity(4096)));
    // Memory does not fail to be written, and all names are ours.
    let _ = out.message(sealed, outcome);
    let body = String::from_utf8(out.0.into_inner()).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}")
}

/// Attributes by name.
type Attributes<'a> = &'a [(&'a str, &'a str)];

struct Out(Writer<Vec<u8>>);

impl Out {
    fn message(&mut self, sealed: &Sealed, outcome: u8) -> io::Result<()> {
        let event = &sealed.body.event;
        let meaning = Meaning::of(event);
        self.around("AuditMessage", &[], |out| {
            out.event(sealed, &meaning, outcome)?;
            out.participant(event.actor().as_str(), true, meaning.actor_role)?;
            out.participant("veilgate", false, meaning.own_role)?;
            let source =
                [("AuditEnterpriseSiteID", sealed.body.project.as_str()), ("AuditSourceID", "veilgate")];
            // 4: application server process (A.5.1.2.1).
            out.around("AuditSourceIdentification", &source, |out| {
                out.empty("AuditSourceTypeCode", &[("csd-code", "4")])
            })?;
            objects(sealed, &meaning).iter().try_for_each(|object| out.object(object))
        })
    }

    fn event(&mut self, sealed: &Sealed, meaning: &Meaning, outcome: u8) -> io::Result<()> {
        let outcome_text = outcome.to_string();
        let attributes = [
            ("EventActionCode", meaning.letter),
            ("EventDateTime", sealed.body.time.as_str()),
            ("EventOutcomeIndicator", outcome_text.as_str()),
        ];
        self.around("EventIdentification", &attributes, |out| {
            out.code("EventID", meaning.id)?;
            if let Some(alert) = meaning.alert {
                out.code("EventTypeCode", alert)?;
            }
            let action = meaning.action.as_str();
            out.coded("EventTypeCode", action, Scheme::Own, action)?;
            match sealed.body.event.reason() {
                Some(reason) if outcome > 0 => {
                    out.around("EventOutcomeDescription", &[], |out| out.text(reason))
                }
                _ => Ok(()),
            }
        })
    }

    fn participant(&mut self, user: &str, requestor: bool, role: Option<Code>) -> io::Result<()> {
        let requestor = if requestor { "true" } else { "false" };
        self.around("ActiveParticipant", &[("UserID", user), ("UserIsRequestor", requestor)], |out| {
            role.map_or(Ok(()), |role| out.code("RoleIDCode", role))
        })
    }

    fn object(&mut self, object: &Object) -> io::Result<()> {
        let [kind, role] = [object.kind, object.role].map(|number| number.to_string());
        let stage = object.life_cycle.map(|stage| stage.to_string());
        let mut attributes = vec![
            ("ParticipantObjectID", object.id.as_str()),
            ("ParticipantObjectTypeCode", &kind),
            ("ParticipantObjectTypeCodeRole", &role),
        ];
        attributes.extend(stage.as_deref().map(|stage| ("ParticipantObjectDataLifeCycle", stage)));
        self.around("ParticipantObjectIdentification", &attributes, |out| {
            out.code("ParticipantObjectIDTypeCode", object.id_type)?;
            match object.is_query {
                true => out.empty("ParticipantObjectQuery", &[])?,
                false => out.around("ParticipantObjectName", &[], |out| out.text(object.name))?,
            }
            for (name, value) in &object.details {
                let value = STANDARD.encode(value);
                out.empty("ParticipantObjectDetail", &[("type", name), ("value", &value)])?;
            }
            out.description(object)
        })
    }

    /// SOP class and number are asked for where an object is a study (A.5.2, SOPClass).
    fn description(&mut self, object: &Object) -> io::Result<()> {
        let Some(instance) = &object.instance else { return Ok(()) };
        let mut attributes = vec![("NumberOfInstances", "1")];
        attributes.extend(instance.sop_class.as_deref().map(|uid| ("UID", uid)));
        self.around("ParticipantObjectDescription", &[], |out| {
            out.around("SOPClass", &attributes, |out| {
                instance.uid.iter().try_for_each(|uid| out.empty("Instance", &[("UID", uid)]))
            })
        })
    }

    fn code(&mut self, name: &str, code: Code) -> io::Result<()> {
        self.coded(name, code.value, code.scheme, code.meaning)
    }

    fn coded(&mut self, name: &str, value: &str, scheme: Scheme, meaning: &str) -> io::Result<()> {
        let scheme = match scheme {
            Scheme::Dcm => "DCM",
            Scheme::Rfc3881 => "RFC-3881",
            Scheme::Own => "99VEILGATE",
        };
        self.empty(name, &[("csd-code", value), ("codeSystemName", scheme), ("originalText", meaning)])
    }

    fn empty(&mut self, name: &str, attributes: Attributes) -> io::Result<()> {
        self.0.write_event(Xml::Empty(start(name, attributes)))
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.0.write_event(Xml::Text(BytesText::new(text)))
    }

    fn around(
        &mut self,
        name: &str,
        attributes: Attributes,
        content: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.0.write_event(Xml::Start(start(name, attributes)))?;
        content(self)?;
        self.0.write_event(Xml::End(BytesEnd::new(name)))
    }
}

fn start<'a>(name: &'a str, attributes: Attributes<'a>) -> BytesStart<'a> {
    BytesStart::new(name).with_attributes(attributes.iter().copied())
}
