//! From a row to a decision: the action codes and option columns of PS3.15, resolved by the attribute's Type. Rows come
//! from the tables, the choice of the row is `plan`'s.

use super::action::{Action, By, Decided, Reason};
use super::code::{Cell, Code};
use super::option::ProfileOption;
use super::profile::{Profile, Removed};
use super::types::Place;
use super::{defaults, gaps, table};
use dicom_core::{Tag, VR};

/// One decision per Type.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    one: Decided,
    two: Decided,
    three: Decided,
    unknown: Decided,
    /// The Type matters.
    pub(super) by_type: bool,
}

/// Patient's Name and Patient ID get pseudonyms, not mere dummies (PS3.15 E.1.1 note on consistent replacement).
const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
/// Belongs to the dates (PS3.15 E.3.6), but is no date itself.
const TIMEZONE_OFFSET: Tag = Tag(0x0008, 0x0201);

impl Outcome {
    /// The decision at a place.
    pub(super) fn at(&self, place: Place) -> &Decided {
        match place {
            Place::One => &self.one,
            Place::Two => &self.two,
            Place::Three => &self.three,
            Place::Unknown => &self.unknown,
        }
    }

    /// The same action whatever the Type.
    pub(super) fn fixed(action: Action, reason: Reason) -> Self {
        let decided = Decided { action, reason };
        Self {
            one: decided.clone(),
            two: decided.clone(),
            three: decided.clone(),
            unknown: decided,
            by_type: false,
        }
    }

    /// Actions in the order Type 1, Type 2, Type 3, unknown.
    fn typed(actions: [Action; 4], reason: impl Fn(Place) -> Reason) -> Self {
        let [one, two, three, unknown] = actions;
        let by_type = one != two || two != three || three != unknown;
        let decided =
            |action, place| Decided { action, reason: reason(if by_type { place } else { Place::Three }) };
        Self {
            one: decided(one, Place::One),
            two: decided(two, Place::Two),
            three: decided(three, Place::Three),
            unknown: decided(unknown, Place::Unknown),
            by_type,
        }
    }

    /// The four decisions.
    pub(super) fn all(&self) -> [&Decided; 4] {
        [&self.one, &self.two, &self.three, &self.unknown]
    }
}

/// A code at Type 1, Type 2, Type 3, unknown (PS3.15 Table E.1-1a). Where the plain code would break the IOD, the
/// nearest protective action that keeps it valid is taken: X becomes Z at Type 2 and D at Type 1, Z becomes D at Type 1.
/// Where the Type is unknown: the action that tells least among those valid for any Type the code allows for.
fn actions(code: Code) -> [Action; 4] {
    use Action::{Dummy, Empty, Keep, Remove, Uid};
    match code {
        Code::X => [Dummy, Empty, Remove, Remove],
        Code::Z => [Dummy, Empty, Empty, Empty],
        Code::D => [Dummy, Dummy, Dummy, Dummy],
        Code::U => [Uid, Uid, Uid, Uid],
        Code::XorZ => [Dummy, Empty, Remove, Empty],
        Code::XorD => [Dummy, Dummy, Remove, Dummy],
        Code::ZorD => [Dummy, Empty, Empty, Dummy],
        Code::XorZorD => [Dummy, Empty, Remove, Dummy],
        // The sequence stays at Type 1 and Type 2; the UIDs in its items are U by their own rows. Emptied at Type 2, the
        // references of a segmentation would contradict its Referenced Series Sequence, which stays (deviation ACT-09).
        Code::XorZorU => [Keep, Keep, Remove, Keep],
    }
}

/// With [`Removed::Empty`] nothing is removed that can be left empty, and nothing is invented where no value is needed.
/// A sequence goes where it may: most that are optional must have an item if they are there (PS3.3).
fn emptied(actions: [Action; 4], sequence: bool) -> [Action; 4] {
    let [one, two, three, unknown] = actions;
    let optional = if sequence { Action::Remove } else { Action::Empty };
    let soften = |action, to: &Action| match action {
        Action::Remove | Action::Dummy => to.clone(),
        other => other,
    };
    let unknown = if unknown == Action::Remove { optional.clone() } else { unknown };
    [one, soften(two, &Action::Empty), soften(three, &optional), unknown]
}

fn basic(profile: &Profile, code: Code, reason: impl Fn(Place) -> Reason) -> Outcome {
    by_code(profile, code, false, reason)
}

fn by_code(profile: &Profile, code: Code, sequence: bool, reason: impl Fn(Place) -> Reason) -> Outcome {
    let plain = actions(code);
    Outcome::typed(if profile.removed == Removed::Empty { emptied(plain, sequence) } else { plain }, reason)
}

/// The chosen option that speaks about a row; of several the more protective, C over K.
fn spoken(row: &table::Row, profile: &Profile) -> Option<(ProfileOption, Cell)> {
    let said =
        |cell| profile.options.iter().find(|option| row.cell(**option) == cell).map(|option| (*option, cell));
    said(Cell::Clean).or_else(|| said(Cell::Keep))
}

/// The outcome of a row of Table E.1-1 that names one tag.
pub(super) fn of_row(position: u16, row: &table::Row, tag: Tag, profile: &Profile) -> Outcome {
    let reason = |by| move |place| Reason::Row { row: position, by, place };
    let fixed = |action, by| Outcome::fixed(action, reason(by)(Place::Three));
    match spoken(row, profile) {
        Some((option, Cell::Keep)) => fixed(Action::Keep, By::Option(option)),
        Some((O::CleanGraphics, _)) => fixed(Action::Remove, By::Option(O::CleanGraphics)),
        Some((O::RetainModifiedDates, _)) if matches!(row.vr, "DA" | "DT") => {
            fixed(Action::Shift, By::Option(O::RetainModifiedDates))
        }
        Some((O::RetainModifiedDates, _)) if row.vr == "TM" || tag == TIMEZONE_OFFSET => {
            fixed(Action::Keep, By::WholeDays)
        }
        Some((option, _)) => of_identity(row, tag, profile, reason(By::Uncleaned(option))),
        None => of_identity(row, tag, profile, reason(By::Basic)),
    }
}

use ProfileOption as O;

fn of_identity(row: &table::Row, tag: Tag, profile: &Profile, reason: impl Fn(Place) -> Reason) -> Outcome {
    let action = match tag {
        PATIENT_NAME => Action::PatientName,
        PATIENT_ID => Action::PatientId,
        _ => return by_code(profile, row.basic, row.vr == "SQ", reason),
    };
    if profile.removed == Removed::Empty {
        let empty = || Action::Empty;
        return Outcome::typed([action, empty(), empty(), empty()], reason);
    }
    Outcome::fixed(action, reason(Place::Three))
}

/// Dates outside the table, treated as the table treats its own (PS3.15 E.1.1 note, E.3.6).
fn of_date(vr: Option<VR>, profile: &Profile, reason: impl Fn(By, Place) -> Reason) -> Outcome {
    let fixed = |action, by| Outcome::fixed(action, reason(by, Place::Three));
    if profile.has(O::RetainFullDates) {
        fixed(Action::Keep, By::Option(O::RetainFullDates))
    } else if !profile.has(O::RetainModifiedDates) {
        basic(profile, Code::XorZorD, |place| reason(By::Basic, place))
    } else if vr == Some(VR::TM) {
        fixed(Action::Keep, By::WholeDays)
    } else {
        fixed(Action::Shift, By::Option(O::RetainModifiedDates))
    }
}

/// Kept when the option is chosen, else by the code.
fn unless(option: O, code: Code, profile: &Profile, reason: impl Fn(By, Place) -> Reason) -> Outcome {
    if profile.has(option) {
        Outcome::fixed(Action::Keep, reason(By::Option(option), Place::Three))
    } else {
        basic(profile, code, |place| reason(By::Basic, place))
    }
}

/// The outcome of a row of `gaps.tsv`.
pub(super) fn of_gap(position: u16, row: &gaps::Row, vr: Option<VR>, profile: &Profile) -> Outcome {
    let reason = |by, place| Reason::Gap { row: position, by, place };
    match row.class {
        gaps::Class::UidStructural => Outcome::fixed(Action::Keep, reason(By::Basic, Place::Three)),
        gaps::Class::UidFileMeta => Outcome::fixed(Action::Remove, Reason::Container),
        gaps::Class::UidInstance | gaps::Class::UidMixed => unless(O::RetainUids, Code::U, profile, reason),
        gaps::Class::UidOrganization => unless(O::RetainInstitutionIdentity, Code::U, profile, reason),
        gaps::Class::DateTime => of_date(vr, profile, reason),
        gaps::Class::Identity => {
            by_code(profile, Code::X, vr == Some(VR::SQ), |place| reason(By::Basic, place))
        }
        gaps::Class::Device => unless(O::RetainDeviceIdentity, Code::XorZorD, profile, reason),
        gaps::Class::Text => basic(profile, Code::XorZorD, |place| reason(By::Basic, place)),
    }
}

/// The outcome of a row of `defaults.tsv` for attributes of a VR.
pub(super) fn of_default(position: u16, row: &defaults::Row, vr: Option<VR>, profile: &Profile) -> Outcome {
    let reason = |by, place| Reason::Default { row: position, by, place };
    match row.kind {
        defaults::Kind::Keep => Outcome::fixed(Action::Keep, reason(By::Basic, Place::Three)),
        defaults::Kind::ByType => basic(profile, Code::XorZorD, |place| reason(By::Basic, place)),
        defaults::Kind::Uid => unless(O::RetainUids, Code::U, profile, reason),
        defaults::Kind::Date => of_date(vr, profile, reason),
        defaults::Kind::Device => unless(O::RetainDeviceIdentity, Code::XorZorD, profile, reason),
        defaults::Kind::Remove => Outcome::fixed(Action::Remove, reason(By::Basic, Place::Three)),
    }
}
