//! The schema of DICOM audit messages (PS3.15 A.5.1.1) as a table, and the rules of the events (A.5.3), held against a
//! document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;

/// An element of a document.
#[derive(Debug, Default)]
struct Node {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Node>,
    text: String,
}

impl Node {
    fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn one<'a>(&'a self, name: &'a str) -> &'a Node {
        let [one] = self.all(name).collect::<Vec<_>>()[..] else { panic!("not one {name} in {self:?}") };
        one
    }
}

const MANY: usize = usize::MAX;
const CODED: (&[&str], &[&str]) = (&["csd-code", "codeSystemName", "originalText"], &["displayName"]);

/// Name, attributes that must be, that may be, and children in their order with how many there may be.
type Rule =
    (&'static str, &'static [&'static str], &'static [&'static str], &'static [(&'static str, usize, usize)]);

const SCHEMA: &[Rule] = &[
    (
        "AuditMessage",
        &[],
        &[],
        &[
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, MANY),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, MANY),
        ],
    ),
    (
        "EventIdentification",
        &["EventDateTime", "EventOutcomeIndicator"],
        &["EventActionCode"],
        &[("EventID", 1, 1), ("EventTypeCode", 0, MANY), ("EventOutcomeDescription", 0, 1)],
    ),
    ("EventID", CODED.0, CODED.1, &[]),
    ("EventTypeCode", CODED.0, CODED.1, &[]),
    ("EventOutcomeDescription", &[], &[], &[]),
    (
        "ActiveParticipant",
        &["UserID", "UserIsRequestor"],
        &["AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"],
        &[("RoleIDCode", 0, MANY), ("MediaIdentifier", 0, 1)],
    ),
    ("RoleIDCode", CODED.0, CODED.1, &[]),
    (
        "AuditSourceIdentification",
        &["AuditSourceID"],
        &["AuditEnterpriseSiteID"],
        &[("AuditSourceTypeCode", 0, MANY)],
    ),
    ("AuditSourceTypeCode", &["csd-code"], &["codeSystemName", "displayName", "originalText"], &[]),
    (
        "ParticipantObjectIdentification",
        &["ParticipantObjectID"],
        &[
            "ParticipantObjectTypeCode",
            "ParticipantObjectTypeCodeRole",
            "ParticipantObjectDataLifeCycle",
            "ParticipantObjectSensitivity",
        ],
        &[
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName", 0, 1),
            ("ParticipantObjectQuery", 0, 1),
            ("ParticipantObjectDetail", 0, MANY),
            ("ParticipantObjectDescription", 0, MANY),
        ],
    ),
    ("ParticipantObjectIDTypeCode", CODED.0, CODED.1, &[]),
    ("ParticipantObjectName", &[], &[], &[]),
    ("ParticipantObjectQuery", &[], &[], &[]),
    ("ParticipantObjectDetail", &["type", "value"], &[], &[]),
    ("ParticipantObjectDescription", &[], &[], &[("SOPClass", 0, MANY)]),
    ("SOPClass", &["NumberOfInstances"], &["UID"], &[("Instance", 0, MANY)]),
    ("Instance", &["UID"], &[], &[]),
];

/// Panics where the document breaks a rule.
pub fn check(xml: &str) {
    let root = parse(xml);
    assert_eq!(root.name, "AuditMessage");
    follows(&root);
    event(root.one("EventIdentification"));
    let requestors = root.all("ActiveParticipant").filter(|user| user.get("UserIsRequestor") == "true");
    assert_eq!(requestors.count(), 1, "one participant is the requestor (A.5.2): {xml}");
    root.all("ParticipantObjectIdentification").for_each(object);
    of_its_event(&root);
}

fn parse(xml: &str) -> Node {
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => open.push(node(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(node(&start)),
            Event::End(_) => {
                let node = open.pop().unwrap();
                open.last_mut().unwrap().children.push(node);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("a message has no {other:?}"),
        }
    }
    assert_eq!(open.len(), 1, "every element is closed");
    open.remove(0).children.pop().unwrap()
}

fn node(start: &BytesStart) -> Node {
    let text = |text: &str| text.to_owned();
    let attributes = start.attributes().map(Result::unwrap);
    let attributes = attributes.map(|it| (text(it.key.as_ref()), text(&it.value))).collect();
    Node { name: text(start.name().as_ref()), attributes, ..Node::default() }
}

fn follows(node: &Node) {
    let rule = SCHEMA.iter().find(|rule| rule.0 == node.name);
    let (name, must, may, content) = rule.unwrap_or_else(|| panic!("{} is not in the schema", node.name));
    for attribute in node.attributes.keys().map(String::as_str) {
        assert!(must.contains(&attribute) || may.contains(&attribute), "{name} has no {attribute}");
    }
    for attribute in *must {
        assert!(node.attributes.contains_key(*attribute), "{name} needs {attribute}");
    }
    let mut children = node.children.iter().map(|child| child.name.as_str()).peekable();
    for (child, least, most) in *content {
        let mut count = 0;
        while children.next_if_eq(child).is_some() {
            count += 1;
        }
        assert!((*least..=*most).contains(&count), "{count} {child} in {name}");
    }
    assert_eq!(children.next(), None, "in this place of {name}");
    node.children.iter().for_each(follows);
}

fn event(event: &Node) {
    assert!(["C", "R", "U", "D", "E"].contains(&event.get("EventActionCode")));
    assert!(["0", "4", "8", "12"].contains(&event.get("EventOutcomeIndicator")));
    assert!(event.get("EventDateTime").ends_with('Z'), "A.5.2.5: unambiguous");
}

fn object(object: &Node) {
    let number = |name: &str| object.get(name).parse::<u8>();
    assert!(matches!(number("ParticipantObjectTypeCode"), Ok(1..=4)));
    assert!(matches!(number("ParticipantObjectTypeCodeRole"), Ok(1..=26)));
    assert!(matches!(number("ParticipantObjectDataLifeCycle"), Ok(1..=15) | Err(_)));
    let named = object.all("ParticipantObjectName").count() + object.all("ParticipantObjectQuery").count();
    assert_eq!(named, 1, "either a name or a query");
    for detail in object.all("ParticipantObjectDetail") {
        assert!(STANDARD.decode(detail.get("value")).is_ok(), "xsd:base64Binary");
    }
    assert_ne!(object.get("ParticipantObjectTypeCodeRole"), "1", "no patient");
}

/// What A.5.3 asks for beyond the schema.
fn of_its_event(root: &Node) {
    let event = root.one("EventIdentification");
    let letter = event.get("EventActionCode");
    let roles: Vec<&str> = root
        .all("ActiveParticipant")
        .flat_map(|user| user.all("RoleIDCode").map(|role| role.get("csd-code")))
        .collect();
    let both = roles.contains(&"110153") && roles.contains(&"110152");
    let objects: Vec<&Node> = root.all("ParticipantObjectIdentification").collect();
    let typed = |code: &str| {
        let code = code.to_owned();
        objects.iter().find(move |it| it.one("ParticipantObjectIDTypeCode").get("csd-code") == code)
    };
    match event.one("EventID").get("csd-code") {
        // A.5.3.2
        "110101" => {
            let log = typed("12").expect("the audit log");
            assert_eq!(log.one("ParticipantObjectName").text, "Security Audit Log");
            assert_eq!((letter, log.get("ParticipantObjectTypeCodeRole")), ("R", "13"));
        }
        // A.5.3.7
        "110104" => assert!(both && ["C", "R", "U"].contains(&letter)),
        // A.5.3.8
        "110105" => assert_eq!(letter, "D"),
        // A.5.3.10
        "110112" => {
            let searched = typed("110181").expect("the SOP class searched");
            assert_eq!(searched.all("ParticipantObjectQuery").count(), 1);
            assert!(both && letter == "E");
        }
        // A.5.3.11
        "110113" => {
            let kinds: Vec<&str> = event.all("EventTypeCode").map(|code| code.get("csd-code")).collect();
            assert!(matches!(kinds[0].parse::<u32>(), Ok(110_126..=110_139)), "CID 403: {kinds:?}");
            let told = |object: &&Node| {
                object.all("ParticipantObjectDetail").any(|it| it.get("type") == "Alert Description")
            };
            assert!(letter == "E" && objects.iter().all(told));
        }
        other => panic!("{other} is not among the events that are made"),
    }
}
