//! The rules of a profile, arranged for looking up. What a rule says lives in `rule`.

use super::action::{Action, Decided, Reason};
use super::rule::{Rule, Selector, is_reserved};
use super::types::KeyMap;
use super::{tsv, vr};
use dicom_core::dictionary::VirtualVr;
use dicom_core::{Tag, VR};

/// A rule without its selector.
#[derive(Debug)]
struct Entry {
    scope: Option<u16>,
    action: Action,
    position: u16,
}

/// All rules of a profile.
#[derive(Debug, Default)]
pub(super) struct Rules {
    scopes: Vec<String>,
    tags: KeyMap<u32, Vec<Entry>>,
    vrs: Vec<(VR, Entry)>,
    blocks: Vec<(String, u16, Option<u8>, Entry)>,
}

impl Rules {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut all = Self::default();
        for (position, rule) in (0u16..).zip(rules) {
            let scope = rule.sop_class.as_deref().map(|uid| all.scope_or_new(uid));
            let entry = Entry { scope, action: rule.action.clone(), position };
            match &rule.selector {
                Selector::Tag(tag) => all.tags.entry(tsv::number(*tag)).or_default().push(entry),
                Selector::Vr(vr) => all.vrs.push((*vr, entry)),
                Selector::Private { creator, group, element } => {
                    all.blocks.push((creator.clone(), *group, *element, entry));
                }
            }
        }
        all
    }

    /// The number of a SOP class that a rule names.
    pub(super) fn scope(&self, sop_class_uid: &str) -> Option<u16> {
        let position = self.scopes.iter().position(|scope| scope == sop_class_uid)?;
        u16::try_from(position).ok()
    }

    /// The numbers of all SOP classes that rules name.
    pub(super) fn scopes(&self) -> impl Iterator<Item = u16> + use<> {
        0..u16::try_from(self.scopes.len()).unwrap_or(u16::MAX)
    }

    fn scope_or_new(&mut self, uid: &str) -> u16 {
        self.scope(uid).unwrap_or_else(|| {
            self.scopes.push(uid.to_owned());
            u16::try_from(self.scopes.len() - 1).unwrap_or(u16::MAX)
        })
    }

    /// What the rules say about a standard attribute.
    pub(super) fn standard(&self, scope: Option<u16>, tag: Tag, expected: VirtualVr) -> Option<Decided> {
        if self.tags.is_empty() && self.vrs.is_empty() {
            return None;
        }
        let by_tag = self.tags.get(&tsv::number(tag)).and_then(|list| narrowest(list.iter(), scope));
        by_tag.or_else(|| {
            let same = |found: VR| found != VR::UN && vr::fits(expected, found);
            let list = self.vrs.iter().filter(|(vr, _)| same(*vr)).map(|(_, entry)| entry);
            if is_reserved(tag) { None } else { narrowest(list, scope) }
        })
    }

    /// What the rules say about a private attribute.
    pub(super) fn private(&self, scope: Option<u16>, creator: &str, tag: Tag) -> Option<Decided> {
        let [_, low] = tag.element().to_be_bytes();
        let of = |element: Option<u8>| {
            let same = move |block: &&(String, u16, Option<u8>, Entry)| {
                block.0 == creator && block.1 == tag.group() && block.2 == element
            };
            narrowest(self.blocks.iter().filter(same).map(|block| &block.3), scope)
        };
        of(Some(low)).or_else(|| of(None))
    }
}

/// The entry for this SOP class before the one for all.
fn narrowest<'a>(entries: impl Iterator<Item = &'a Entry>, scope: Option<u16>) -> Option<Decided> {
    entries
        .filter(|entry| entry.scope.is_none() || entry.scope == scope)
        .max_by_key(|entry| entry.scope.is_some())
        .map(|entry| Decided { action: entry.action.clone(), reason: Reason::Rule(entry.position) })
}
