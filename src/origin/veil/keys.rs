//! What a search asks, in original names: each key by what the project's plan shows of its attribute. What cannot be asked
//! of the origin without telling what is hidden is asked wider and narrowed afterwards, or refused.

use super::results::needed;
use super::{Fault, Veil};
use crate::deid::dates;
use crate::deid::engine::{PATIENT_ID, SERIES, SOP_INSTANCE, STUDY};
use crate::deid::patient::Patient;
use crate::deid::pseudonym::MAX_SHIFT_DAYS;
use crate::deid::search::Shown;
use crate::dicom::value;
use crate::dicomweb::query::condition::Condition;
use crate::dicomweb::query::pattern::Pattern;
use crate::dicomweb::query::span::Span;
use crate::dicomweb::query::{Include, Key, MOMENTS, Query};
use dicom_core::{Tag, VR};

/// A search as the origin is asked, and what is left to be done.
pub(super) struct Asked {
    /// In original names, without bounds.
    pub query: Query,
    /// The pseudonym of the one patient whose results count, if the search names one.
    pub patient: Option<String>,
    /// What results must hold as they are shown.
    pub rest: Query,
}

impl Asked {
    /// The origin answers more than was asked.
    pub(super) fn is_wider(&self) -> bool {
        self.patient.is_some() || !self.rest.keys.is_empty()
    }
}

/// What a key says about the patient.
enum Whose {
    /// It names this one: pseudonym and original.
    One(String, Patient),
    /// It is a pattern that several may fit.
    Some,
    /// It names a pseudonym that nobody has.
    Nobody,
}

impl Veil {
    /// The search in original names; `None` if nothing can answer it.
    ///
    /// # Errors
    /// It asks for values that are hidden, or the origin fails.
    pub(super) async fn asked(&self, query: &Query) -> Result<Option<Asked>, Fault> {
        for key in &query.keys {
            let matched = key.condition != Condition::Any;
            if matched && self.0.engine.shown(&key.path, key.vr) == Shown::Hidden {
                return Err(Fault::Hidden(key.path.last().copied().unwrap_or(STUDY)));
            }
        }
        let Some((study, series)) = self.within(query).await? else { return Ok(None) };
        let bare = |keys| Query { keys, notices: Vec::new(), ..query.clone() };
        let include = self.include(query);
        let mut asked = Asked {
            query: Query { study, series, include, offset: 0, ..bare(Vec::new()) },
            patient: None,
            rest: bare(Vec::new()),
        };
        let Some(patient) = self.fixed(query, &mut asked).await? else { return Ok(None) };
        for key in &query.keys {
            if !self.key(query, key, patient.as_ref(), &mut asked).await? {
                return Ok(None);
            }
        }
        Ok(Some(asked))
    }

    /// Study and series of the path; `None` if there is none of that name.
    async fn within(&self, query: &Query) -> Result<Option<(Option<String>, Option<String>)>, Fault> {
        let Some(name) = &query.study else { return Ok(Some((None, None))) };
        let Some(study) = found(self.study(name).await)? else { return Ok(None) };
        let series = match &query.series {
            None => None,
            Some(name) => match found(self.below(&study, SERIES, name).await)? {
                None => return Ok(None),
                series => series,
            },
        };
        Ok(Some((Some(study), series)))
    }

    /// What of the attributes asked for may be shown, and what translating results needs.
    fn include(&self, query: &Query) -> Include {
        let Include::Tags(tags) = &query.include else { return Include::All };
        let vr = |tag| crate::dicom::dictionary::vr_of(tag, false);
        let shown = |tag: &&Tag| {
            vr(**tag).is_some_and(|vr| vr == VR::SQ || self.0.engine.shown(&[**tag], vr) != Shown::Hidden)
        };
        let mut tags: Vec<Tag> = tags.iter().filter(shown).copied().collect();
        tags.extend(needed(query.level));
        tags.sort_unstable();
        tags.dedup();
        Include::Tags(tags)
    }

    /// The one patient that the keys name, entered into what is asked: `Some(None)` if they name none, `None` if nobody
    /// can fit.
    async fn fixed(&self, query: &Query, asked: &mut Asked) -> Result<Option<Option<Patient>>, Fault> {
        let mut fixed: Option<(String, Patient)> = None;
        for key in &query.keys {
            let named = matches!(
                self.0.engine.shown(&key.path, key.vr),
                Shown::PatientId | Shown::PatientName if key.condition != Condition::Any
            );
            if !named {
                continue;
            }
            match self.whose(&key.condition).await? {
                Whose::Nobody => return Ok(None),
                Whose::Some => asked.rest.keys.push(key.clone()),
                Whose::One(pseudonym, patient) => match &fixed {
                    Some((other, _)) if *other != pseudonym => return Ok(None),
                    _ => fixed = Some((pseudonym, patient)),
                },
            }
        }
        let Some((pseudonym, patient)) = fixed else { return Ok(Some(None)) };
        let (tag, vr, condition, text) = match &patient {
            Patient::Id(id, _) => (PATIENT_ID, VR::LO, Condition::Text(id.clone()), id.clone()),
            Patient::Study(study) => (STUDY, VR::UI, Condition::Uids(vec![study.clone()]), study.clone()),
        };
        asked.query.keys.push(Key { path: vec![tag], vr, creator: None, condition, text });
        asked.patient = Some(pseudonym);
        Ok(Some(Some(patient)))
    }

    /// Whom a condition on a pseudonym means. Wildcards around a whole pseudonym mean that pseudonym: so viewers ask.
    async fn whose(&self, condition: &Condition) -> Result<Whose, Fault> {
        let (text, wild) = match condition {
            Condition::Text(text) => (text.clone(), false),
            Condition::Pattern(pattern) => (pattern.text().to_owned(), true),
            // Names are compared without case; pseudonyms of our making have capitals only.
            Condition::Name(pattern) => (pattern.text().to_uppercase(), Pattern::is_wild(pattern.text())),
            Condition::Fuzzy(words) => match words.as_slice() {
                [word] => (word.to_uppercase(), true),
                _ => return Ok(Whose::Some),
            },
            _ => return Ok(Whose::Some),
        };
        let name = text.trim_matches('*');
        if Pattern::is_wild(name) {
            return Ok(Whose::Some);
        }
        if let Some(patient) = self.patient(name).await? {
            return Ok(Whose::One(name.to_owned(), patient));
        }
        if wild || matches!(condition, Condition::Name(_)) && !is_made_here(name) {
            return Ok(Whose::Some);
        }
        self.walk("").await?;
        let patient = self.patient(name).await?;
        Ok(patient.map_or(Whose::Nobody, |patient| Whose::One(name.to_owned(), patient)))
    }

    /// Enters one key into what is asked; `false` if nothing can fulfil it.
    async fn key(
        &self,
        query: &Query,
        key: &Key,
        patient: Option<&Patient>,
        asked: &mut Asked,
    ) -> Result<bool, Fault> {
        match (self.0.engine.shown(&key.path, key.vr), &key.condition) {
            (Shown::Hidden | Shown::PatientId | Shown::PatientName, _) => {}
            (_, Condition::Any) => asked.query.keys.push(key.clone()),
            // How an origin reads a name fuzzily is its own affair; how the gateway does is told.
            (Shown::Kept, Condition::Fuzzy(_)) => asked.rest.keys.push(key.clone()),
            (Shown::Kept, _) if is_time_of_shifted(self, query, key) => asked.rest.keys.push(key.clone()),
            (Shown::Kept, condition) => {
                asked.query.keys.push(key.clone());
                // A value that is not what its VR promises is shown empty: what matches it is held against what is shown.
                if !is_met_by_fitting_values(key.vr, condition) {
                    asked.rest.keys.push(key.clone());
                }
            }
            (Shown::Uid, Condition::Uids(names)) => {
                let originals = self.originals(query, key, names, asked).await?;
                return Ok(enter_uids(asked, key, originals));
            }
            (Shown::Shifted, Condition::Within(span)) => {
                let days = patient.map(|patient| self.0.engine.shift_of(patient));
                let span = moved(span, days);
                if span.from.is_some() || span.to.is_some() {
                    let text = [&span.from, &span.to].map(|end| end.as_deref().unwrap_or_default()).join("-");
                    asked.query.keys.push(Key { condition: Condition::Within(span), text, ..key.clone() });
                }
                asked.rest.keys.push(key.clone());
            }
            (Shown::Uid | Shown::Shifted, _) => {
                return Err(Fault::Hidden(key.path.last().copied().unwrap_or(STUDY)));
            }
        }
        Ok(true)
    }

    /// What the names of a list stand for, as far as it is known or can be found.
    async fn originals(
        &self,
        query: &Query,
        key: &Key,
        names: &[String],
        asked: &Asked,
    ) -> Result<Vec<String>, Fault> {
        let mut originals = Vec::with_capacity(names.len());
        for name in names {
            let original = match (key.path.as_slice(), &asked.query.study) {
                ([STUDY], _) => found(self.study(name).await)?,
                ([tag @ (SERIES | SOP_INSTANCE)], Some(study)) if query.study.is_some() => {
                    found(self.below(study, *tag, name).await)?
                }
                (path, _) => self.known(path.last().copied().unwrap_or(STUDY), name).await?,
            };
            originals.extend(original);
        }
        Ok(originals)
    }
}

/// A UID key in original names, beside the one that a patient without ID has put there; `false` if none is left.
fn enter_uids(asked: &mut Asked, key: &Key, mut originals: Vec<String>) -> bool {
    let there = asked.query.keys.iter_mut().find(|other| other.path == key.path);
    if let Some(Key { condition: Condition::Uids(uids), .. }) = there {
        uids.retain(|uid| originals.contains(uid));
        return !uids.is_empty();
    }
    originals.dedup();
    let some = !originals.is_empty();
    let text = originals.join(",");
    asked.query.keys.push(Key { condition: Condition::Uids(originals), text, ..key.clone() });
    some
}

fn found(answer: Result<String, Fault>) -> Result<Option<String>, Fault> {
    match answer {
        Ok(original) => Ok(Some(original)),
        Err(Fault::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The form that pseudonyms of patients have unless a project brought its own.
fn is_made_here(name: &str) -> bool {
    name.len() == 17 && name.starts_with('P') && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// True if a condition names a whole value that is shown where it is: nothing else matches it.
fn is_met_by_fitting_values(vr: VR, condition: &Condition) -> bool {
    matches!(condition, Condition::Text(text) if value::fits(vr, text.as_bytes()))
}

/// A time is one interval with its date (PS3.4 C.2.2.2.5.4): where the date is moved, both are looked at afterwards.
fn is_time_of_shifted(veil: &Veil, query: &Query, key: &Key) -> bool {
    let date = MOMENTS.iter().find(|(_, time)| key.path == [*time]).map(|(date, _)| *date);
    date.is_some_and(|date| {
        query.is_combined(&[date]) && veil.0.engine.shown(&[date], VR::DA) == Shown::Shifted
    })
}

/// A range of dates as they were before they were moved back: by these days, or by any number that there is.
fn moved(span: &Span, days: Option<u32>) -> Span {
    let (least, most) = days.map_or((1, MAX_SHIFT_DAYS), |days| (days, days));
    let end = |end: &Option<String>, days| end.as_deref().and_then(|end| dates::later(end, days));
    Span { from: end(&span.from, least), to: end(&span.to, most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: &str) -> Span {
        let end = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Span { from: end(from), to: end(to) }
    }

    #[test]
    fn ranges_are_led_back_by_a_known_shift_and_widened_by_an_unknown_one() {
        assert_eq!(moved(&span("20240101", "20240131"), Some(31)), span("20240201", "20240302"));
        assert_eq!(moved(&span("20240101", "20240131"), None), span("20240102", "20340128"));
        assert_eq!(moved(&span("", "20240131"), Some(1)), span("", "20240201"));
        assert_eq!(moved(&span("20240101", "99991231"), None), span("20240102", ""));
    }

    #[test]
    fn pseudonyms_of_our_making_are_told_from_others() {
        assert!(is_made_here("PABCDEFGHJKLMNPQR"));
        assert!(!is_made_here("TRIAL-0001") && !is_made_here("Doe^John"));
    }
}
