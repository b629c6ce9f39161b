//! The parameters of a search (PS3.18 8.3.4, 10.6.1) as a typed query, and whether a data set
//! answers it. Nothing here knows where the data sets come from.

pub mod condition;
mod parameters;
mod path;
pub mod pattern;
pub mod span;
pub mod written;

use super::data_set::{self, DataSet};
use super::levels::{self, Level};
use crate::dicom::dictionary;
use condition::Condition;
use dicom_core::{Tag, VR};
pub use path::name;
use serde_json::Value;

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is searched for.
    pub level: Level,
    /// The study of the path, if one stands there.
    pub study: Option<String>,
    /// The series of the path, if one stands there.
    pub series: Option<String>,
    /// What is asked of attributes; all of it must hold.
    pub keys: Vec<Key>,
    /// Attributes asked for by `includefield`.
    pub include: Include,
    /// Most results wanted.
    pub limit: Option<u64>,
    /// Results to skip.
    pub offset: u64,
    /// What the answer has to warn of.
    pub notices: Vec<Notice>,
}

/// What is asked of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Where it stands: sequences and the attribute itself, never empty.
    pub path: Vec<Tag>,
    /// Its VR.
    pub vr: VR,
    /// Creator of a private attribute.
    pub creator: Option<String>,
    /// What is asked.
    pub condition: Condition,
    /// The value that asks it, as the client wrote it.
    pub text: String,
}

/// A date and a time that are one interval together (PS3.4 C.2.2.2.5.4).
pub type Moment = (Tag, Tag);

/// Dates with the time that belongs to each.
pub const MOMENTS: [Moment; 6] = [
    (Tag(0x0008, 0x0020), Tag(0x0008, 0x0030)),
    (Tag(0x0008, 0x0021), Tag(0x0008, 0x0031)),
    (Tag(0x0008, 0x0022), Tag(0x0008, 0x0032)),
    (Tag(0x0008, 0x0023), Tag(0x0008, 0x0033)),
    (Tag(0x0008, 0x0012), Tag(0x0008, 0x0013)),
    (Tag(0x0040, 0x0244), Tag(0x0040, 0x0245)),
];

/// Attributes to be returned beyond those that every result has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Include {
    /// These.
    Tags(Vec<Tag>),
    /// All that are known.
    All,
}

/// What a client must be told about its search besides the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This parameter was asked for and is not supported (PS3.18 8.3.4.5, 8.3.4.6).
    Unsupported(&'static str),
    /// Parameters that name nothing were ignored (PS3.18 8.3).
    Ignored,
    /// Dates and times were not shifted to a time zone: what is held has none.
    Timezone,
}

/// A parameter that cannot be served. Always a fault of the sender; its value is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct QueryFault {
    /// The parameter's name: of the standard, or digits.
    pub name: String,
    /// What is wrong.
    pub why: QueryFaultKind,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryFaultKind {
    /// PS3.18 8.3.4.1.
    #[error("it stands twice, under one name or two")]
    Repeated,
    /// PS3.18 8.3.
    #[error("its value is not legal")]
    BadValue,
    /// A path through something that is unknown or no sequence.
    #[error("the path names something that is unknown or no sequence")]
    BadPath,
    /// Values of the VR cannot be matched.
    #[error("this attribute cannot be matched, only returned")]
    NotMatched,
    /// It belongs to a lower level than what is searched for (PS3.18 10.6.1.2.3).
    #[error("this attribute belongs to a lower level than what is searched for")]
    LowerLevel,
    /// A private attribute without its creator (PS3.18 8.3.4.1).
    #[error("a private attribute needs its private creator in the query")]
    NoCreator,
}

/// What a parser needs to know of the path: what is searched for, and within what.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// What is searched for.
    pub level: Level,
    /// Study of the path.
    pub study: Option<&'a str>,
    /// Series of the path.
    pub series: Option<&'a str>,
}

impl Query {
    /// Reads the query part of a URI, without its question mark.
    ///
    /// # Errors
    /// The first parameter that cannot be served.
    pub fn parse(scope: Scope<'_>, query: &str) -> Result<Self, QueryFault> {
        parameters::parse(scope, query)
    }

    /// True if a data set with the attributes of its level and those above answers every key.
    pub fn holds(&self, data: &DataSet) -> bool {
        let mut spans = self.moments();
        let within = |path: &[Tag]| MOMENTS.iter().any(|(date, time)| path == [*date] || path == [*time]);
        let apart = |key: &&Key| !within(&key.path) || !self.is_combined(&key.path);
        spans.all(|(moment, from, to)| holds_moment(data, moment, from.as_deref(), to.as_deref()))
            && holds_all(&data.0, &self.keys.iter().filter(apart).map(Key::rest).collect::<Vec<_>>())
    }

    /// Date and time keys that are one interval together, with its two ends.
    pub fn moments(&self) -> impl Iterator<Item = (Moment, Option<String>, Option<String>)> {
        MOMENTS.into_iter().filter_map(|(date, time)| {
            let (Condition::Within(days), Condition::Within(hours)) = (self.asked(date)?, self.asked(time)?)
            else {
                return None;
            };
            let join = |day: &Option<String>, hour: &Option<String>, open: &str| {
                let day = day.as_deref()?;
                Some(format!("{day}{}", hour.as_deref().unwrap_or(open)))
            };
            let from = join(&days.from, &hours.from, "000000.000000");
            Some(((date, time), from, join(&days.to, &hours.to, "235959.999999")))
        })
    }

    /// True for the date and the time of an interval of [`Query::moments`].
    pub fn is_combined(&self, path: &[Tag]) -> bool {
        self.moments().any(|((date, time), ..)| path == [date] || path == [time])
    }

    fn asked(&self, tag: Tag) -> Option<&Condition> {
        self.keys.iter().find(|key| key.path == [tag]).map(|key| &key.condition)
    }

    /// True if results have this attribute: it is asked for, or used as a key (PS3.18 10.6.3.3), or every result that
    /// knows it has it. Never one of a lower level.
    pub fn returns(&self, tag: Tag) -> bool {
        let level = levels::of(tag);
        let asked = match &self.include {
            Include::All => true,
            Include::Tags(tags) => tags.contains(&tag),
        };
        let key = self.keys.iter().any(|key| key.path.first() == Some(&tag));
        let own = self
            .returned_levels()
            .any(|level| levels::always(level).contains(&tag) || levels::if_known(level).contains(&tag));
        level <= self.level && (asked || key || own || self.is_block_of_key(tag))
    }

    /// Attributes that a result has in any case, empty if need be: those of its levels, and those used as keys (PS3.18
    /// 10.6.3.3).
    pub fn required(&self) -> impl Iterator<Item = Tag> {
        let keys = self.keys.iter().filter(|key| key.creator.is_none());
        let keys = keys.filter_map(|key| key.path.first().copied());
        self.returned_levels().flat_map(levels::always).copied().chain(keys)
    }

    /// The private creator of a private key.
    fn is_block_of_key(&self, tag: Tag) -> bool {
        dictionary::is_private_creator(tag)
            && self.keys.iter().any(|key| {
                key.creator.is_some() && key.path.first().is_some_and(|key| key.group() == tag.group())
            })
    }

    /// The levels whose attributes every result has: its own, and those above that the path does not fix
    /// (PS3.18 10.6.3.3.2, 10.6.3.3.3).
    pub fn returned_levels(&self) -> impl Iterator<Item = Level> + use<> {
        let study = self.level == Level::Study || self.study.is_none();
        let series = self.level == Level::Series || (self.level == Level::Instance && self.series.is_none());
        let instance = self.level == Level::Instance;
        let levels = [(study, Level::Study), (series, Level::Series), (instance, Level::Instance)];
        levels.into_iter().filter(|(is, _)| *is).map(|(_, level)| level)
    }
}

/// What is left of a key within an item: the rest of its path.
type Rest<'a> = (&'a [Tag], Option<&'a str>, &'a Condition);

impl Key {
    /// What a value asks of an attribute; `None` if it is none of its VR, or values of that are not matched.
    pub fn of(path: Vec<Tag>, vr: VR, creator: Option<String>, text: &str, fuzzy: bool) -> Option<Self> {
        let condition = Condition::of(vr, text, fuzzy).ok()?;
        Some(Self { path, vr, creator, condition, text: text.to_owned() })
    }

    fn rest(&self) -> Rest<'_> {
        (&self.path, self.creator.as_deref(), &self.condition)
    }
}

/// True if the attributes answer all keys; keys under one sequence are answered by one of its items together (PS3.4
/// C.2.2.2.6).
fn holds_all<'a, A: Attributes>(data: &'a A, keys: &[Rest<'a>]) -> bool {
    let mut sequences: Vec<Tag> = Vec::new();
    for (path, creator, condition) in keys {
        match path {
            [] => {}
            [tag] => {
                if !condition.holds(data.find(*tag, *creator)) {
                    return false;
                }
            }
            [tag, ..] if sequences.contains(tag) => {}
            [tag, ..] => sequences.push(*tag),
        }
    }
    sequences.into_iter().all(|sequence| {
        let inner: Vec<Rest<'_>> = keys
            .iter()
            .filter(|(path, ..)| path.len() > 1 && path.first() == Some(&sequence))
            .map(|(path, creator, condition)| (path.get(1..).unwrap_or_default(), *creator, *condition))
            .collect();
        let asks = inner.iter().any(|(_, _, condition)| **condition != Condition::Any);
        let items = data.find(sequence, None).map(data_set::values).unwrap_or_default();
        !asks || items.iter().filter_map(Value::as_object).any(|item| holds_all(item, &inner))
    })
}

/// Something that holds attributes: a data set or an item.
trait Attributes {
    fn named(&self, name: &str) -> Option<&Value>;
    fn all(&self) -> Box<dyn Iterator<Item = (&String, &Value)> + '_>;

    /// An attribute; a private one in whichever block its creator has (PS3.5 7.8.1).
    fn find(&self, tag: Tag, creator: Option<&str>) -> Option<&Value> {
        let Some(creator) = creator else { return self.named(&data_set::hex(tag)) };
        let group = format!("{:04X}00", tag.group());
        let mut blocks = self.all().filter(|(name, value)| {
            let first = data_set::values(value).first();
            name.starts_with(&group) && first.and_then(Value::as_str) == Some(creator)
        });
        blocks.find_map(|(name, _)| {
            let block = name.get(6..8)?;
            self.named(&format!("{:04X}{block}{:02X}", tag.group(), tag.element() & 0xFF))
        })
    }
}

impl Attributes for std::collections::BTreeMap<String, Value> {
    fn named(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn all(&self) -> Box<dyn Iterator<Item = (&String, &Value)> + '_> {
        Box::new(self.iter())
    }
}

impl Attributes for serde_json::Map<String, Value> {
    fn named(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn all(&self) -> Box<dyn Iterator<Item = (&String, &Value)> + '_> {
        Box::new(self.iter())
    }
}

/// Date and time of a data set as one text; a time that is missing is midnight. `None` without a date.
pub fn moment(data: &DataSet, (date, time): Moment) -> Option<String> {
    let date = span::stored(VR::DA, data.text(date))?;
    let time = span::stored(VR::TM, data.text(time));
    Some(format!("{date}{}", time.as_deref().unwrap_or("000000.000000")))
}

fn holds_moment(data: &DataSet, tags: Moment, from: Option<&str>, to: Option<&str>) -> bool {
    let span = span::Span { from: from.map(str::to_owned), to: to.map(str::to_owned) };
    moment(data, tags).is_some_and(|moment| span.holds(&moment))
}

#[cfg(test)]
mod tests;
