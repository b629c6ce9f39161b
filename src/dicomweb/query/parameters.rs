//! Reads the query part of a search's URI, parameter by parameter (PS3.18 8.3, 8.3.4).

use super::condition::{Condition, Unfit};
use super::path::{self, Named};
use super::{Include, Key, Notice, Query, QueryFault, QueryFaultKind as Kind, Scope};
use crate::dicom::dictionary;
use crate::dicomweb::levels;
use dicom_core::{Tag, VR};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Timezone Offset From UTC.
const TIMEZONE: Tag = Tag(0x0008, 0x0201);

/// Attributes of which a UID is one, and that a search computes: they can be returned, and no value of theirs matched.
const COMPUTED: [Tag; 6] = [
    Tag(0x0008, 0x0056),
    Tag(0x0008, 0x1190),
    Tag(0x0008, 0x3002),
    Tag(0x0020, 0x1206),
    Tag(0x0020, 0x1208),
    Tag(0x0020, 0x1209),
];

/// Parameters that belong to content negotiation (PS3.18 8.3.3).
const NEGOTIATED: [&str; 2] = ["accept", "charset"];

/// What was read so far.
struct Reader<'a> {
    query: Query,
    /// Path, VR and value of each key: its meaning depends on other parameters.
    keys: Vec<(Vec<Tag>, VR, Cow<'a, str>)>,
    /// Group, block and name of private creators.
    creators: Vec<(Tag, String)>,
    fuzzy: bool,
    seen: Vec<&'static str>,
}

pub(super) fn parse(scope: Scope<'_>, query: &str) -> Result<Query, QueryFault> {
    let mut reader = Reader::new(scope);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name).unwrap_or_default();
        reader.parameter(&name, value)?;
    }
    reader.finish()
}

/// Percent-decoded, a plus sign read as a space as HTML forms write it; `None` if it is not UTF-8.
fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains(['%', '+']) {
        return Some(Cow::Borrowed(raw));
    }
    let spaced = raw.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

fn fault(name: impl Into<String>, why: Kind) -> QueryFault {
    QueryFault { name: name.into(), why }
}

impl<'a> Reader<'a> {
    fn new(scope: Scope<'_>) -> Self {
        let query = Query {
            level: scope.level,
            study: scope.study.map(str::to_owned),
            series: scope.series.map(str::to_owned),
            keys: Vec::new(),
            include: Include::Tags(Vec::new()),
            limit: None,
            offset: 0,
            notices: Vec::new(),
        };
        Self { query, keys: Vec::new(), creators: Vec::new(), fuzzy: false, seen: Vec::new() }
    }

    fn parameter(&mut self, name: &str, value: &'a str) -> Result<(), QueryFault> {
        match name {
            "limit" => self.query.limit = Some(self.number("limit", value)?),
            "offset" => self.query.offset = self.number("offset", value)?,
            "fuzzymatching" => self.fuzzy = self.flag("fuzzymatching", value)?,
            "emptyvaluematching" => self.unsupported("emptyvaluematching", value)?,
            "multiplevaluematching" => self.unsupported("multiplevaluematching", value)?,
            "includefield" => self.include(value)?,
            _ if NEGOTIATED.contains(&name) => {}
            _ => self.key(name, value)?,
        }
        Ok(())
    }

    fn once(&mut self, name: &'static str) -> Result<(), QueryFault> {
        if self.seen.contains(&name) {
            return Err(fault(name, Kind::Repeated));
        }
        self.seen.push(name);
        Ok(())
    }

    fn number(&mut self, name: &'static str, value: &str) -> Result<u64, QueryFault> {
        self.once(name)?;
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let number = value.parse::<u64>().ok().filter(|number| digits && i64::try_from(*number).is_ok());
        number.ok_or_else(|| fault(name, Kind::BadValue))
    }

    fn flag(&mut self, name: &'static str, value: &str) -> Result<bool, QueryFault> {
        self.once(name)?;
        match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(fault(name, Kind::BadValue)),
        }
    }

    fn unsupported(&mut self, name: &'static str, value: &str) -> Result<(), QueryFault> {
        if self.flag(name, value)? {
            self.query.notices.push(Notice::Unsupported(name));
        }
        Ok(())
    }

    /// Commas part fields, encoded or not: no field has one in it. `all` takes in every other field.
    fn include(&mut self, value: &str) -> Result<(), QueryFault> {
        let value = decoded(value).ok_or_else(|| fault("includefield", Kind::BadValue))?;
        for field in value.split(',').map(str::trim) {
            let tag = field.split('.').next().and_then(path::attribute).map(|(tag, _)| tag);
            match (&mut self.query.include, tag) {
                (include, _) if field == "all" => *include = Include::All,
                (Include::Tags(tags), Some(tag)) if !tags.contains(&tag) => tags.push(tag),
                _ => {}
            }
        }
        Ok(())
    }

    fn key(&mut self, name: &str, value: &'a str) -> Result<(), QueryFault> {
        let (path, vr) = match path::parse(name) {
            Named::Path(path, vr) => (path, vr),
            Named::Unknown => {
                self.notice(Notice::Ignored);
                return Ok(());
            }
            Named::Broken => return Err(fault(known_part(name), Kind::BadPath)),
        };
        let named = || path::name(&path);
        let value = decoded(value).ok_or_else(|| fault(named(), Kind::BadValue))?;
        if self.keys.iter().any(|(other, ..)| *other == path) {
            return Err(fault(named(), Kind::Repeated));
        }
        match path.as_slice() {
            [TIMEZONE] => self.notice(Notice::Timezone),
            [tag] if dictionary::is_private_creator(*tag) => {
                self.creators.push((*tag, value.trim().to_owned()))
            }
            [tag, ..] if levels::of(*tag) > self.query.level && !dictionary::is_private(*tag) => {
                return Err(fault(named(), Kind::LowerLevel));
            }
            _ => self.keys.push((path, vr, value)),
        }
        Ok(())
    }

    fn notice(&mut self, notice: Notice) {
        if !self.query.notices.contains(&notice) {
            self.query.notices.push(notice);
        }
    }

    fn finish(mut self) -> Result<Query, QueryFault> {
        for (path, vr, value) in std::mem::take(&mut self.keys) {
            let creator = self.creator(&path)?;
            let condition = Condition::of(vr, &value, self.fuzzy).map_err(|unfit| {
                let why = if unfit == Unfit::Vr { Kind::NotMatched } else { Kind::BadValue };
                fault(path::name(&path), why)
            })?;
            let computed = path.iter().any(|tag| COMPUTED.contains(tag));
            if computed && condition != Condition::Any {
                return Err(fault(path::name(&path), Kind::NotMatched));
            }
            self.query.keys.push(Key { path, vr, creator, condition, text: value.into_owned() });
        }
        Ok(self.query)
    }

    /// The creator that the query names for a private attribute (PS3.18 8.3.4.1). Private attributes are the instance's.
    fn creator(&self, path: &[Tag]) -> Result<Option<String>, QueryFault> {
        let Some(tag) = path.iter().find(|tag| dictionary::is_private(**tag)) else { return Ok(None) };
        let block = Tag(tag.group(), tag.element() >> 8);
        let creator = self.creators.iter().find(|(its, _)| *its == block).map(|(_, name)| name.clone());
        let creator = creator.filter(|creator| !creator.is_empty() && path.len() == 1);
        let creator = creator.ok_or_else(|| fault(path::name(path), Kind::NoCreator))?;
        if levels::of(*tag) > self.query.level {
            return Err(fault(path::name(path), Kind::LowerLevel));
        }
        Ok(Some(creator))
    }
}

/// What of a broken path can be repeated: letters, digits and points, and not too many.
fn known_part(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '.').take(64).collect()
}
