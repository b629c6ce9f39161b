//! What can be done to one attribute, and the reason it is done. How it is carried out lives in the engine.

use super::code::{Cell, Code};
use super::option::ProfileOption;
use super::types::Place;
use super::{defaults, gaps, table};
use std::fmt;
use std::sync::Arc;

/// What to do with one attribute (PS3.15 Table E.1-1a, resolved to one thing to do).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// K: the value stays bit for bit. A sequence is descended into and each attribute of its items is decided alone.
    Keep,
    /// X: the attribute goes, a sequence with all its items.
    Remove,
    /// Z: zero length.
    Empty,
    /// D: a non-empty value that is legal for the VR and tells nothing; a sequence gets a harmless item.
    Dummy,
    /// U: a keyed replacement UID, equal for equal input.
    Uid,
    /// C of the modified dates option (PS3.15 E.3.6): moved by the patient's whole number of days.
    Shift,
    /// The patient's stable pseudonym.
    PatientId,
    /// A name made from the patient's stable pseudonym.
    PatientName,
    /// The text a custom rule gives.
    Replace(Arc<str>),
}

impl Action {
    /// How much of the original value a reader can still learn: 0 nothing, 1 equality, 2 intervals, 3 all.
    pub(super) fn discloses(&self) -> u8 {
        match self {
            Self::Keep => 3,
            Self::Shift => 2,
            Self::Uid | Self::PatientId | Self::PatientName => 1,
            Self::Remove | Self::Empty | Self::Dummy | Self::Replace(_) => 0,
        }
    }

    /// The word used in profiles, receipts and `explain`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
            Self::Empty => "empty",
            Self::Dummy => "dummy",
            Self::Uid => "uid",
            Self::Shift => "shift",
            Self::PatientId => "patient-id",
            Self::PatientName => "patient-name",
            Self::Replace(_) => "replace",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A decision: the action and what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What to do.
    pub action: Action,
    /// What decided.
    pub reason: Reason,
}

/// Which column of a row spoke: none but the profile's own, or that of a chosen option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// The Basic Profile column.
    Basic,
    /// A chosen option (CORE-03: it overrides the profile).
    Option(ProfileOption),
    /// The option says C, but cleaning such a value is not built: the stricter Basic Profile column stands.
    Uncleaned(ProfileOption),
    /// Time zone and time of day stay as they are, because the shift is whole days (PS3.15 E.3.6).
    WholeDays,
}

/// What decided, cheap to copy; its `Display` gives the clause in words. It never holds a value of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A row of Table E.1-1, by its position in [`table::rows`].
    Row {
        /// Position of the row.
        row: u16,
        /// The column that spoke.
        by: By,
        /// The attribute's Type at its place.
        place: Place,
    },
    /// A row of `gaps.tsv`, by its position in [`gaps::rows`].
    Gap {
        /// Position of the row.
        row: u16,
        /// The option that spoke, if one did.
        by: By,
        /// The attribute's Type at its place.
        place: Place,
    },
    /// A row of `defaults.tsv`, by its position in [`defaults::rows`].
    Default {
        /// Position of the row.
        row: u16,
        /// The option that spoke, if one did.
        by: By,
        /// The attribute's Type at its place.
        place: Place,
    },
    /// A rule of a custom profile, by its position in it (from 0).
    Rule(u16),
    /// PS3.15 E.3.10-1, by position in [`super::private::safe_rows`].
    SafePrivate(u16),
    /// The TCIA list (opt-in).
    TciaPrivate,
    /// PS3.15 E.3.10: the sender's Private Data Element Characteristics Sequence (0008,0300).
    SenderClaim,
    /// PS3.15 Table E.1-1, private row: not known to be safe.
    Private,
    /// A private attribute that is listed, but with another VR: not the element that was judged safe.
    PrivateVr,
    /// PS3.5 7.8.1: groups 0001 to 0007 (odd) and FFFF hold no private data, elements without creator belong to nobody.
    NotPrivateData,
    /// PS3.15 E.1.1: file meta is rewritten whole, directory and command groups do not belong into an instance.
    Container,
    /// PS3.5 7.2: group lengths are retired and would be wrong.
    GroupLength,
    /// PS3.15 Table E.1-1, curve row (50xx,xxxx).
    Curve,
    /// PS3.15 Table E.1-1, overlay rows; the rest of the group goes with its data (GFX-06).
    Overlay,
    /// Not in PS3.6: what it means is unknown (CORE-13).
    NotInDictionary,
    /// The VR in the file is not the one of PS3.6, so nothing that was judged about it holds.
    VrMismatch,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic => f.write_str("Basic Profile"),
            Self::Option(option) => {
                write!(f, "option {} (PS3.15 {})", option.name(), option.clause())
            }
            Self::Uncleaned(option) => {
                write!(f, "option {} asks for cleaning, which is not built: Basic Profile", option.name())
            }
            Self::WholeDays => {
                f.write_str("option retain-modified-dates (PS3.15 E.3.6) moves whole days only")
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Row { row, by, place } => {
                let code = table::rows().get(usize::from(row)).map_or(Code::X, |row| row.basic);
                write!(f, "PS3.15 Table E.1-1 ({}), row {code}, {by}{place}", table::edition())
            }
            Self::Gap { row, by, place } => {
                let why = gaps::rows().get(usize::from(row)).map_or("", |row| row.why);
                write!(f, "not in Table E.1-1, judged one by one: {why}; {by}{place}")
            }
            Self::Default { row, by, place } => {
                let why = defaults::rows().get(usize::from(row)).map_or("", |row| row.why);
                write!(f, "not in Table E.1-1, judged by kind: {why}; {by}{place}")
            }
            Self::Rule(index) => write!(f, "rule {} of the profile", u32::from(index) + 1),
            _ => f.write_str(self.fixed_text()),
        }
    }
}

impl Reason {
    /// Whether the Basic Profile spoke by a row X/Z/U*: a sequence of references to instances.
    pub(super) fn is_reference_row(self) -> bool {
        let Self::Row { row, by: By::Basic, .. } = self else { return false };
        table::rows().get(usize::from(row)).is_some_and(|row| row.basic == Code::XorZorU)
    }

    /// A short, stable word for what decided: clients have sentences for it in other languages.
    pub fn code(self) -> &'static str {
        match self {
            Self::Row { by: By::Option(_), .. } | Self::Gap { by: By::Option(_), .. } => "option",
            Self::Default { by: By::Option(_), .. } => "option",
            Self::Row { .. } => "table",
            Self::Gap { .. } => "gap",
            Self::Default { .. } => "default",
            Self::Rule(_) => "rule",
            Self::SafePrivate(_) | Self::TciaPrivate => "safe-private",
            Self::SenderClaim => "sender-claim",
            Self::Private | Self::PrivateVr | Self::NotPrivateData => "private",
            Self::Container | Self::GroupLength => "container",
            Self::Curve | Self::Overlay => "graphics",
            Self::NotInDictionary => "unknown",
            Self::VrMismatch => "vr",
        }
    }

    /// The wording of the reasons that carry no row.
    fn fixed_text(self) -> &'static str {
        match self {
            Self::SafePrivate(_) => "PS3.15 E.3.10: listed in Table E.3.10-1 as safe",
            Self::SenderClaim => "PS3.15 E.3.10: the sender's Private Data Element Characteristics Sequence",
            Self::TciaPrivate => "PS3.15 E.3.10: listed by the TCIA private tag table",
            Self::Private => "PS3.15 Table E.1-1, private row: not known to be safe",
            Self::PrivateVr => "PS3.15 E.3.10: listed as safe with another VR only",
            Self::NotPrivateData => "PS3.5 7.8.1: not a private block that somebody owns",
            Self::Container => {
                "PS3.15 E.1.1: groups 0000, 0002, 0004 and delimiters are rebuilt, never carried over"
            }
            Self::GroupLength => "PS3.5 7.2: group lengths are retired",
            Self::Curve => "PS3.15 Table E.1-1, row 50xx,xxxx: X",
            Self::Overlay => {
                "PS3.15 Table E.1-1, rows 60xx,3000 and 60xx,4000: X, and the rest of the group with them"
            }
            Self::NotInDictionary => "not in PS3.6: undecided means removed (PS3.15 E.1.1 note)",
            Self::VrMismatch => "the VR is not the one of PS3.6: undecided means removed",
            Self::Row { .. } | Self::Gap { .. } | Self::Default { .. } | Self::Rule(_) => "",
        }
    }
}

/// How a cell of an option column reads in words.
pub(super) fn cell_text(cell: Cell) -> &'static str {
    match cell {
        Cell::Blank => "-",
        Cell::Keep => "K",
        Cell::Clean => "C",
    }
}
