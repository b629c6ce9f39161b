//! What becomes of each attribute of one instance, with its values: for the one person who sent it. Made by the same
//! engine and driver that pseudonymize: the old data set and the new one are walked and held against each other, so that
//! what is shown as the new value is what would go out. Listing a data set is `list`'s, the text of values `text`'s.

mod list;
mod text;

use super::action::Action;
use super::carry::Carrier;
use super::engine::{Engine, Place, Subject};
use super::receipt::Phi;
use super::refusal::Refusal;
use super::rewriter::survey;
use super::stamp;
use crate::dicom::instance::{Head, Limits};
use crate::dicom::{Encoding, dictionary};
use dicom_core::{Tag, VR};
use list::{Data, Element, Path};
use std::collections::{HashMap, HashSet};

/// Most attributes that are told of one instance.
pub const LINES: usize = 20_000;

/// Most attributes of the new data set that are looked at: it may have some that the old one has not.
const NEW: usize = 8 * LINES;

/// What became of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its value stays bit for bit; a sequence stays and its items are decided one by one.
    Kept,
    /// It is gone.
    Removed,
    /// It stays without its value.
    Emptied,
    /// It has another value.
    Replaced,
    /// It was not there before.
    Added,
}

impl Outcome {
    /// As a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Removed => "removed",
            Self::Emptied => "emptied",
            Self::Replaced => "replaced",
            Self::Added => "added",
        }
    }
}

/// One attribute. No Debug: it holds values.
pub struct Line {
    /// The sequences that it stands in, outermost first, each with the number of its item (from 1).
    pub path: Vec<(Tag, u32)>,
    /// Its tag.
    pub tag: Tag,
    /// Its VR.
    pub vr: VR,
    /// Its keyword in PS3.6, empty where it has none.
    pub keyword: &'static str,
    /// The creator of its private block.
    pub creator: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// A short, stable word for what decided.
    pub code: &'static str,
    /// It counts by itself, as in a receipt's `Counts`: it was there, was not written by the gateway, and does not stand in
    /// a sequence that goes, is emptied or replaced as a whole.
    pub counted: bool,
    /// The clause, row or rule that decided.
    pub reason: String,
    /// Its value as it came in, for people, cut if it is long; `None` if there was none.
    pub old: Option<Phi<String>>,
    /// Its value as it would go out; `None` if there is none.
    pub new: Option<Phi<String>>,
}

/// What becomes of one instance.
pub struct Preview {
    /// Why it would be refused, if it would. The lines then tell what would be done if it were not.
    pub refused: Option<Refusal>,
    /// The attributes before the pixel data, in the order of their tags.
    pub lines: Vec<Line>,
    /// There are more attributes than are told.
    pub cut: bool,
}

/// Previews an instance by its head.
///
/// # Errors
/// The head cannot be read, or has no identity: nothing can be said about it.
pub fn preview(engine: &Engine, head: &Head, limits: Limits) -> Result<Preview, Refusal> {
    let (gather, prior) = survey(head, limits)?;
    let facts = gather.finish()?;
    let native = head.bulk.is_none_or(|bulk| bulk.len.is_some());
    let refused = engine.admit(facts.clone(), head.bulk.is_some(), native).err();
    let subject = engine.subject(facts);
    let stamps = stamp::stamps(engine.plan(), &prior);
    let mut carrier = Carrier::new(engine, &subject, stamps, head.data.len() + 1024);
    carrier.carry(&head.data, head.encoding, limits.depth)?;
    let (new, _) = carrier.finish();
    let signed = subject.facts.signed_pixels;
    let old = Data { bytes: &head.data, encoding: head.encoding, signed, depth: limits.depth };
    let new = Data { bytes: &new, encoding: Encoding::ExplicitLittle, ..old };
    let (old, cut) = old.elements(LINES)?;
    let (new, _) = new.elements(NEW)?;
    Ok(Preview { refused, lines: Comparing { engine, subject: &subject }.lines(old, new), cut })
}

/// Holds the two data sets against each other.
struct Comparing<'a> {
    engine: &'a Engine,
    subject: &'a Subject,
}

impl Comparing<'_> {
    fn lines(&self, old: Vec<Element<'_>>, new: Vec<Element<'_>>) -> Vec<Line> {
        let sequences: HashSet<(Path, Tag)> =
            new.iter().filter(|it| it.vr == VR::SQ).map(|it| (it.path.clone(), it.tag)).collect();
        let mut new: HashMap<(Path, Tag), Element<'_>> =
            new.into_iter().map(|it| ((it.path.clone(), it.tag), it)).collect();
        let mut lines = Vec::with_capacity(old.len());
        // Sequences that do not stay, with those in them.
        let mut closed: HashSet<(Path, Tag)> = HashSet::new();
        for old in old {
            let inside = old
                .path
                .split_last()
                .is_some_and(|((parent, _), above)| closed.contains(&(above.to_vec(), *parent)));
            let stays = old
                .path
                .split_last()
                .is_none_or(|((parent, _), above)| sequences.contains(&(above.to_vec(), *parent)));
            let now = new.remove(&(old.path.clone(), old.tag));
            let (vr, place) = (old.vr, (old.path.clone(), old.tag));
            let line = Line { counted: !inside && !written(&old), ..self.line(old, now, stays) };
            if vr == VR::SQ && (inside || line.outcome != Outcome::Kept) {
                closed.insert(place);
            }
            lines.push(line);
        }
        lines.extend(new.into_values().map(Line::added));
        lines.sort_by_cached_key(|line| [line.path.as_slice(), &[(line.tag, 0)]].concat());
        lines
    }

    fn line(&self, old: Element<'_>, now: Option<Element<'_>>, stays: bool) -> Line {
        let (dummy, (code, reason)) = self.why(&old, stays);
        let outcome = match &now {
            None => Outcome::Removed,
            Some(now) if now.value.is_empty() && !old.value.is_empty() => Outcome::Emptied,
            // A dummy item in place of one item.
            Some(_) if dummy && old.vr == VR::SQ => Outcome::Replaced,
            Some(now) if now.value == old.value => Outcome::Kept,
            Some(_) => Outcome::Replaced,
        };
        let new = now.map(|now| Phi::new(now.text));
        Line { outcome, code, reason, new, old: Some(Phi::new(old.text.clone())), ..Line::bare(old) }
    }

    /// Whether a dummy is to stand there, and what decided.
    fn why(&self, element: &Element<'_>, stays: bool) -> (bool, (&'static str, String)) {
        let fixed = match element.tag {
            _ if !stays => ("sequence", "goes with the sequence that it stands in"),
            _ if written(element) => WRITTEN,
            tag if dictionary::is_private_creator(tag) => {
                ("creator", "PS3.15 E.3.10: stays if an attribute of its block does")
            }
            tag => {
                let path: Vec<Tag> = element.path.iter().map(|(tag, _)| *tag).collect();
                let place = Place { path: &path, creator: element.creator.as_deref() };
                let decided = self.engine.why(self.subject, place, tag, element.vr);
                return (
                    decided.action == Action::Dummy,
                    (decided.reason.code(), decided.reason.to_string()),
                );
            }
        };
        (false, (fixed.0, fixed.1.to_owned()))
    }
}

/// A stamp at top level: the gateway's, whatever the source says.
fn written(element: &Element<'_>) -> bool {
    element.path.is_empty() && stamp::is_stamp(element.tag)
}

/// Stamps, and what stands in their items.
const WRITTEN: (&str, &str) = ("written", "PS3.15 E.1.1: written by the gateway");

impl Line {
    fn bare(element: Element<'_>) -> Self {
        Self {
            keyword: dictionary::keyword(element.tag),
            path: element.path,
            tag: element.tag,
            vr: element.vr,
            creator: element.creator,
            outcome: Outcome::Added,
            code: "",
            counted: true,
            reason: String::new(),
            old: None,
            new: None,
        }
    }

    fn added(element: Element<'_>) -> Self {
        let stamp = element.path.first().map_or(element.tag, |(tag, _)| *tag);
        let dummy = ("dummy", "PS3.15 Table E.1-1a, D: part of a dummy item");
        let (code, reason) = if stamp::is_stamp(stamp) { WRITTEN } else { dummy };
        Self {
            code,
            counted: false,
            reason: reason.to_owned(),
            new: Some(Phi::new(element.text.clone())),
            ..Self::bare(element)
        }
    }
}

#[cfg(test)]
mod tests;
