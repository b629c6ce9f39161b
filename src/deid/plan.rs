//! A profile turned into one decision per attribute. The decisions themselves come from `outcome`; carrying them out is
//! the engine's.

use super::action::{Action, Decided, Reason};
use super::claims::Claim;
use super::defaults::{self, Selector};
use super::option::{MethodCode, ProfileOption, basic_code};
use super::outcome::{self, Outcome};
use super::private::{self, Disposition, PrivateList};
use super::profile::{Profile, Removed};
use super::rule::dictionary_vr;
use super::rules::Rules;
use super::sop::{SopClass, SopKind};
use super::types::{KeyMap, Place, types};
use super::vr::{fits, stays_harmless};
use super::{gaps, table, tsv};
use dicom_core::dictionary::VirtualVr;
use dicom_core::{Tag, VR};

/// What is decided about one attribute by its tag.
#[derive(Debug)]
struct Entry {
    vr: Option<VirtualVr>,
    outcome: Outcome,
}

/// One decision for every attribute there can be. Made once per profile, shared by all instances.
#[derive(Debug)]
pub struct Plan {
    profile: Profile,
    id: String,
    entries: KeyMap<u32, Entry>,
    by_vr: Vec<Option<Outcome>>,
    rules: Rules,
    codes: Vec<&'static MethodCode>,
    method: Vec<String>,
    longitudinal: &'static str,
    identity_removed: bool,
}

/// What names the patient outright: names, IDs, address, telephone (PS3.3 C.2.2, C.2.3).
const NAMING: [Tag; 8] = [
    Tag(0x0010, 0x0010),
    Tag(0x0010, 0x0020),
    Tag(0x0010, 0x1000),
    Tag(0x0010, 0x1001),
    Tag(0x0010, 0x1005),
    Tag(0x0010, 0x1040),
    Tag(0x0010, 0x1060),
    Tag(0x0010, 0x2154),
];

impl Plan {
    /// Works out all decisions of a profile.
    pub fn new(profile: &Profile) -> Self {
        let mut plan = Self {
            profile: profile.clone(),
            id: profile.digest().iter().map(|byte| format!("{byte:02x}")).collect(),
            entries: entries(profile),
            by_vr: by_vr(profile),
            rules: Rules::new(&profile.rules),
            codes: Vec::new(),
            method: Vec::new(),
            longitudinal: longitudinal(profile),
            identity_removed: false,
        };
        plan.identity_removed = !plan.keeps_names();
        let earned = profile.removed == Removed::Remove && !plan.is_weakened();
        if earned {
            plan.codes =
                basic_code().into_iter().chain(profile.options.iter().filter_map(|o| o.code())).collect();
        }
        plan.method = method(&plan, earned);
        plan
    }

    /// Digest of all that decides, 64 hex digits: equal plans decide alike. For receipts and the audit.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The profile the plan was made from.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Resolves a SOP Class UID (without padding); done once per instance.
    pub fn sop(&self, sop_class_uid: &str) -> SopKind {
        SopKind { class: SopClass::of(sop_class_uid), scope: self.rules.scope(sop_class_uid) }
    }

    /// Decides about a standard attribute (even group) inside the sequences `path`, outermost first.
    ///
    /// `vr` is the VR in the file; the dictionary's decides what the attribute is, and an attribute that comes with another
    /// one is kept only where that cannot matter.
    pub fn decide(&self, sop: SopKind, path: &[Tag], tag: Tag, vr: VR) -> Decided {
        if let Some(reason) = never_passes(tag) {
            return Decided { action: Action::Remove, reason };
        }
        let entry = self.entries.get(&tsv::number(tag));
        let expected = entry.map_or_else(|| dictionary_vr(tag), |entry| entry.vr);
        let Some(expected) = expected else {
            return Decided { action: Action::Remove, reason: Reason::NotInDictionary };
        };
        let decided = match self.rules.standard(sop.scope, tag, expected) {
            Some(ruled) => ruled,
            None => match entry.map(|entry| &entry.outcome).or_else(|| self.of_vr(expected)) {
                Some(outcome) => outcome.at(self.place(outcome, sop.class, path, tag)).clone(),
                None => Decided { action: Action::Remove, reason: Reason::NotInDictionary },
            },
        };
        if fits(expected, vr) || stays_harmless(&decided.action, expected, vr) {
            decided
        } else {
            Decided { action: Action::Remove, reason: Reason::VrMismatch }
        }
    }

    /// Decides about an attribute of which nobody knows what SOP class it belongs to: of what is decided for each that the
    /// plan tells apart, that which tells least. Private attributes go: whether one may stay is told by its creator and
    /// by the instance that it stands in.
    pub fn decide_for_any(&self, path: &[Tag], tag: Tag, vr: VR) -> Decided {
        let for_one = |scope| self.decide(SopKind { class: SopClass::Private, scope }, path, tag, vr);
        let least = |one: Decided, other: Decided| {
            if other.action.discloses() < one.action.discloses() { other } else { one }
        };
        self.rules.scopes().map(|scope| for_one(Some(scope))).fold(for_one(None), least)
    }

    /// Decides about a private attribute (odd group, not a creator element) of a creator (PS3.15 E.3.10). A private
    /// sequence that stays is descended into, and each attribute of its items is decided alone.
    pub fn decide_private(
        &self,
        sop: SopKind,
        creator: Option<&str>,
        tag: Tag,
        vr: VR,
        path: &[Tag],
    ) -> Decided {
        let decided = |action, reason| Decided { action, reason };
        let owned = creator.map(|name| name.trim_matches(' ')).filter(|name| !name.is_empty());
        let Some(creator) = owned.filter(|_| is_private_data(tag)) else {
            return decided(Action::Remove, Reason::NotPrivateData);
        };
        if let Some(ruled) = self.rules.private(sop.scope, creator, tag) {
            return ruled;
        }
        if !self.profile.has(ProfileOption::RetainSafePrivate) {
            return decided(Action::Remove, Reason::Private);
        }
        let mut reason = Reason::Private;
        if self.profile.private_lists.contains(&PrivateList::Standard)
            && let Some((position, row)) = private::find_safe(creator, tag)
        {
            if row.admits(vr) {
                return decided(
                    self.safe_action(row.known_vr().unwrap_or(vr)),
                    Reason::SafePrivate(position),
                );
            }
            reason = Reason::PrivateVr;
        }
        if self.profile.private_lists.contains(&PrivateList::Tcia)
            && let Some(action) = self.tcia_action(creator, tag, vr, path)
        {
            return decided(action, Reason::TciaPrivate);
        }
        decided(Action::Remove, reason)
    }

    /// A decision about a private attribute in the light of what the sender claims about it (PS3.15 E.3.10). Own rules
    /// stand before any claim. That an attribute is unsafe is believed of everybody, and the action named is taken; that
    /// it is safe is believed only if the profile trusts the sender.
    pub fn claimed(&self, decided: Decided, claim: Option<Claim>, vr: VR) -> Decided {
        let fixed = matches!(decided.reason, Reason::Rule(_) | Reason::NotPrivateData);
        if fixed || !self.profile.has(ProfileOption::RetainSafePrivate) {
            return decided;
        }
        let action = match claim {
            Some(Claim::Unsafe(Action::Uid)) if vr != VR::UI => Action::Remove,
            Some(Claim::Unsafe(action)) => action,
            Some(Claim::Safe)
                if self.profile.trust_sender_private_claim && decided.action == Action::Remove =>
            {
                self.safe_action(vr)
            }
            _ => return decided,
        };
        Decided { action, reason: Reason::SenderClaim }
    }

    /// The codes of CID 7050 for (0012,0064), exactly those earned: 113100 and one per option. A profile that keeps more
    /// than its options allow, or empties where Table E.1-1 removes, earns none.
    pub fn codes(&self) -> &[&'static MethodCode] {
        &self.codes
    }

    /// The values of De-identification Method (0012,0063), each of at most 64 ASCII characters.
    pub fn method(&self) -> &[String] {
        &self.method
    }

    /// The value of Longitudinal Temporal Information Modified (0028,0303) (PS3.15 E.2, E.3.6).
    pub fn longitudinal(&self) -> &'static str {
        self.longitudinal
    }

    /// The outcome for an attribute apart from rules, with the reason why there is none.
    pub(super) fn outcome(&self, tag: Tag) -> Result<&Outcome, Reason> {
        if let Some(reason) = never_passes(tag) {
            return Err(reason);
        }
        match self.entries.get(&tsv::number(tag)) {
            Some(entry) => Ok(&entry.outcome),
            None => dictionary_vr(tag).and_then(|vr| self.of_vr(vr)).ok_or(Reason::NotInDictionary),
        }
    }

    fn of_vr(&self, vr: VirtualVr) -> Option<&Outcome> {
        // The virtual VRs are US or SS, OB or OW: the first stands for both, their rules are alike.
        self.by_vr.get(vr.relaxed() as usize)?.as_ref()
    }

    fn place(&self, outcome: &Outcome, class: SopClass, path: &[Tag], tag: Tag) -> Place {
        match class {
            _ if !outcome.by_type => Place::Three,
            SopClass::Iod(iod) if types().is_typed(tag) => types().place(iod, path, tag),
            SopClass::Iod(_) => Place::Three,
            SopClass::Standard | SopClass::Private | SopClass::Directory => Place::Unknown,
        }
    }

    /// A listed UID that names an instance would link the output to its source, whoever calls it safe.
    fn safe_action(&self, vr: VR) -> Action {
        if vr == VR::UI && !self.profile.has(ProfileOption::RetainUids) { Action::Uid } else { Action::Keep }
    }

    fn tcia_action(&self, creator: &str, tag: Tag, vr: VR, path: &[Tag]) -> Option<Action> {
        match private::find_tcia(creator, tag, vr, path)? {
            Disposition::Keep => Some(self.safe_action(vr)),
            Disposition::Uid => (vr == VR::UI).then(|| self.safe_action(vr)),
            Disposition::Shift => {
                let moved =
                    self.profile.has(ProfileOption::RetainModifiedDates) && matches!(vr, VR::DA | VR::DT);
                moved.then_some(Action::Shift)
            }
        }
    }

    /// What Patient Identity Removed (0012,0062) may say: false where a rule keeps what names the patient.
    pub fn removes_identity(&self) -> bool {
        self.identity_removed
    }

    fn keeps_names(&self) -> bool {
        let keeps = |scope| {
            let sop = SopKind { class: SopClass::Private, scope };
            NAMING.iter().any(|tag| {
                let vr = dictionary_vr(*tag).map_or(VR::UN, |vr| vr.relaxed());
                self.decide(sop, &[], *tag, vr).action == Action::Keep
            })
        };
        keeps(None) || self.rules.scopes().any(|scope| keeps(Some(scope)))
    }

    /// Whether a rule keeps more than profile and options would.
    fn is_weakened(&self) -> bool {
        self.profile.rules.iter().any(|rule| {
            let weaker = |outcome: &Outcome| {
                outcome.all().iter().any(|d| d.action.discloses() < rule.action.discloses())
            };
            match &rule.selector {
                super::rule::Selector::Tag(tag) => self.outcome(*tag).map_or(true, weaker),
                super::rule::Selector::Vr(vr) => {
                    self.of_vr(VirtualVr::Exact(*vr)).is_none_or(weaker)
                        || self
                            .entries
                            .values()
                            .any(|entry| entry.vr.is_some_and(|v| fits(v, *vr)) && weaker(&entry.outcome))
                }
                super::rule::Selector::Private { creator, group, element } => {
                    rule.action == Action::Keep && !self.keeps_private(creator, *group, *element)
                }
            }
        })
    }

    fn keeps_private(&self, creator: &str, group: u16, element: Option<u8>) -> bool {
        let listed = self.profile.has(ProfileOption::RetainSafePrivate)
            && self.profile.private_lists.contains(&PrivateList::Standard);
        listed
            && element
                .is_some_and(|low| private::find_safe(creator, Tag(group, 0x1000 | u16::from(low))).is_some())
    }
}

/// Attributes that reach no output, whatever the profile.
fn never_passes(tag: Tag) -> Option<Reason> {
    match (tag.group(), tag.element()) {
        (0x0000..=0x0007, _) | (0xFFFE.., _) => Some(Reason::Container),
        (group, _) if group & 1 == 1 => Some(Reason::Private),
        (_, 0) => Some(Reason::GroupLength),
        (0x5000..=0x50FF, _) => Some(Reason::Curve),
        (0x6000..=0x60FF, _) => Some(Reason::Overlay),
        _ => None,
    }
}

/// PS3.5 7.8.1: odd groups from 0009 to FFFD, elements above the creator elements.
fn is_private_data(tag: Tag) -> bool {
    tag.group() & 1 == 1 && (0x0009..=0xFFFD).contains(&tag.group()) && tag.element() >= 0x1000
}

/// All attributes that a table names.
fn entries(profile: &Profile) -> KeyMap<u32, Entry> {
    let mut entries = KeyMap::default();
    let mut add = |tag: Tag, outcome: &dyn Fn(Option<VR>) -> Outcome| {
        let vr = dictionary_vr(tag);
        entries.insert(tsv::number(tag), Entry { vr, outcome: outcome(vr.and_then(|vr| vr.exact())) });
    };
    for (position, row) in (0u16..).zip(table::rows()) {
        if let Some(tag) = row.tag {
            add(tag, &|_| outcome::of_row(position, row, tag, profile));
        }
    }
    for (position, row) in (0u16..).zip(gaps::rows()) {
        if let Some(tag) = row.tag {
            add(tag, &|vr| outcome::of_gap(position, row, vr, profile));
        }
    }
    for (position, row) in (0u16..).zip(defaults::rows()) {
        if let Selector::Tag(tag) = row.selector {
            add(tag, &|vr| outcome::of_default(position, row, vr, profile));
        }
    }
    entries
}

/// The rule of each VR, by the VR's position in its enum.
fn by_vr(profile: &Profile) -> Vec<Option<Outcome>> {
    let mut list = Vec::new();
    for (position, row) in (0u16..).zip(defaults::rows()) {
        let Selector::Vr(vr) = row.selector else {
            continue;
        };
        if list.len() <= vr as usize {
            list.resize(vr as usize + 1, None);
        }
        if let Some(slot) = list.get_mut(vr as usize) {
            *slot = Some(outcome::of_default(position, row, Some(vr), profile));
        }
    }
    list
}

/// What the output says about its dates: a rule that lets dates through says so too.
fn longitudinal(profile: &Profile) -> &'static str {
    let dated = |action: &Action| {
        let is_date = |vr| matches!(vr, Some(VR::DA | VR::DT | VR::TM));
        profile.rules.iter().any(|rule| rule.action == *action && is_date(rule.selector.vr()))
    };
    if profile.has(ProfileOption::RetainFullDates) && !dated(&Action::Shift) || dated(&Action::Keep) {
        "UNMODIFIED"
    } else if profile.has(ProfileOption::RetainModifiedDates) || dated(&Action::Shift) {
        "MODIFIED"
    } else {
        "REMOVED"
    }
}

fn method(plan: &Plan, earned: bool) -> Vec<String> {
    let profile = &plan.profile;
    let edition = table::edition();
    let kind = if earned { "Basic Profile" } else { "derived profile, no code claimed" };
    let mut lines = vec![format!("Veilgate: PS3.15 {edition} {kind}")];
    lines.extend(profile.options.iter().map(|option| format!("Option: {option}")));
    if profile.removed == Removed::Empty {
        lines.push("Identifying attributes left empty".to_owned());
    }
    if !profile.rules.is_empty() {
        let count = profile.rules.len();
        let digest: String = plan.id.chars().take(16).collect();
        lines.push(format!("Own rules: {count}, plan {digest}"));
    }
    lines
}
