//! What was chosen: options, settings, rules. Reading TOML lives in `profile_toml`, what it comes to in `plan`.

use super::option::ProfileOption;
use super::private::PrivateList;
use super::rule::Rule;
use super::{defaults, gaps, option, pixel, private, profile_toml, table, types};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

/// What becomes of attributes that the profile removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removed {
    /// They go (PS3.15 Table E.1-1).
    Remove,
    /// They stay with zero length, as a plain mode for viewers that expect them. Private attributes, overlays, curves
    /// and optional sequences go all the same. A dummy is written only where the IOD demands a value.
    Empty,
}

/// Refuse or let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The instance is refused.
    Refuse,
    /// The instance passes.
    Pass,
}

/// A profile: the Basic Application Level Confidentiality Profile with what was chosen on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, for people; two profiles that differ only in name decide alike and have one digest.
    pub name: String,
    /// The options of PS3.15 E.3.
    pub options: BTreeSet<ProfileOption>,
    /// What becomes of removed attributes.
    pub removed: Removed,
    /// Images that hold, or usually hold, burned-in text (PS3.15 E.3.1).
    pub burned_in: Policy,
    /// Images marked to show recognizable visual features (PS3.15 E.3.2).
    pub recognizable_visual_features: Policy,
    /// Instances of a private SOP class (PS3.15 E.1.1 note).
    pub private_sop_class: Policy,
    /// Lists of safe private attributes used under Retain Safe Private.
    pub private_lists: BTreeSet<PrivateList>,
    /// Believe the sender's Private Data Element Characteristics Sequence (0008,0300) (PS3.15 E.3.10).
    pub trust_sender_private_claim: bool,
    /// Rules of one's own.
    pub rules: Vec<Rule>,
}

/// A mistake in a profile, with the line it stands in (from 1; 0 where none can be named).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistake {
    /// The line.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.text),
            line => write!(f, "line {line}: {}", self.text),
        }
    }
}

/// The presets by name.
const PRESETS: [(&str, &str); 3] = [
    ("basic", include_str!("presets/basic.toml")),
    ("research", include_str!("presets/research.toml")),
    ("blank", include_str!("presets/blank.toml")),
];

static READ: LazyLock<Vec<Profile>> =
    LazyLock::new(|| PRESETS.iter().filter_map(|(_, text)| Profile::parse(text).ok()).collect());

impl Profile {
    /// The Basic Profile alone: no option, everything doubtful refused.
    pub(super) fn basic() -> Self {
        Self {
            name: "basic".to_owned(),
            options: BTreeSet::new(),
            removed: Removed::Remove,
            burned_in: Policy::Refuse,
            recognizable_visual_features: Policy::Refuse,
            private_sop_class: Policy::Refuse,
            private_lists: BTreeSet::from([PrivateList::Standard]),
            trust_sender_private_claim: false,
            rules: Vec::new(),
        }
    }

    /// The preset of that name.
    pub fn preset(name: &str) -> Option<Self> {
        Self::presets().iter().find(|profile| profile.name == name).cloned()
    }

    /// All presets; the first is the default.
    pub fn presets() -> &'static [Self] {
        &READ
    }

    /// The text of a preset, as an example to start a profile from.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, text)| *text)
    }

    /// Reads a profile. Every key may be left out; `base` is a preset whose settings hold where nothing is said, and whose
    /// options and rules are added to.
    ///
    /// ```toml
    /// base = "basic"                           # basic | research | blank
    /// name = "trial-7"
    /// options = ["retain-modified-dates"]      # PS3.15 E.3
    /// removed = "remove"                       # remove | empty
    /// burned_in = "refuse"                     # refuse | pass
    /// recognizable_visual_features = "refuse"  # refuse | pass
    /// private_sop_class = "refuse"             # refuse | pass
    /// private_lists = ["standard"]             # standard, tcia; used under retain-safe-private
    /// trust_sender_private_claim = false       # believe (0008,0300) of the sender
    ///
    /// [[rule]]                                 # exactly one of tag, keyword, vr, private
    /// keyword = "StudyDescription"
    /// sop_class = "1.2.840.10008.5.1.4.1.1.2"  # may be left out
    /// action = "replace"                       # keep remove empty dummy uid shift replace
    /// value = "CT"                             # with replace only
    ///
    /// [[rule]]
    /// private = { creator = "ACME 1.0", group = "0029", element = "10" }
    /// action = "keep"
    /// ```
    ///
    /// A rule is done as it says, also where it breaks the IOD. A rule that keeps more than the options allow forfeits
    /// every code of CID 7050; see [`Plan::codes`](super::plan::Plan::codes).
    ///
    /// # Errors
    /// All mistakes of the text, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        profile_toml::parse(text)
    }

    /// Whether an option is chosen.
    pub fn has(&self, option: ProfileOption) -> bool {
        self.options.contains(&option)
    }

    /// SHA-256 over everything that decides: settings, rules, and the tables with their edition. Neither the name nor the
    /// order of rules matters.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.canonical().as_bytes()).into()
    }

    fn canonical(&self) -> String {
        let mut lines = vec![format!("veilgate profile 1, PS3.15 {}", table::edition())];
        lines.extend(
            [table::digest(), gaps::digest(), defaults::digest(), option::digest(), pixel::digest()]
                .map(String::from),
        );
        lines.extend(private::digests().into_iter().chain(types::digests()).map(String::from));
        lines.extend(self.options.iter().map(|option| format!("option {option}")));
        lines.extend(self.private_lists.iter().map(|list| format!("private list {}", list.name())));
        lines.push(format!("removed {:?}, burned in {:?}", self.removed, self.burned_in));
        lines.push(format!("visual features {:?}", self.recognizable_visual_features));
        lines.push(format!("private SOP class {:?}", self.private_sop_class));
        lines.push(format!("trust sender {}", self.trust_sender_private_claim));
        let mut rules: Vec<_> = self.rules.iter().map(|rule| format!("rule {rule}")).collect();
        rules.sort_unstable();
        lines.extend(rules);
        lines.join("\n")
    }
}
