//! Search at the server (PS3.18 10.6). Where it may match less than it was asked for, what it finds is looked at again
//! here, and pages are counted here.

use super::{Remote, bytes};
use crate::dicom::uid;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::foreign;
use crate::dicomweb::json_objects::Objects;
use crate::dicomweb::levels::{self, Level};
use crate::dicomweb::query::written::{Values, is_matched_everywhere};
use crate::dicomweb::query::{Include, Key, Query};
use crate::downstream;
use crate::origin::{Fault, Page, Place, Remaining};
use dicom_core::{Tag, VR};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use serde_json::{Value, json};

const JSON: &str = "application/dicom+json";

/// Most results of one answer (PS3.18 8.3.4.4): the rest can be asked for with an offset.
const MOST: u64 = 5000;

/// Most results that are looked at one by one.
const SCANNED: u64 = 20_000;

/// Results that are asked for at a time where they are looked at one by one.
const PAGE: u64 = MODEST;

/// So many every server gives at a time.
const MODEST: u64 = 100;

/// Largest page, in bytes, and largest result in it.
const PAGE_BYTES: u64 = 64 << 20;
const RESULT_BYTES: usize = 4 << 20;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const STUDY: Tag = Tag(0x0020, 0x000D);
const SERIES: Tag = Tag(0x0020, 0x000E);
const INSTANCE: Tag = Tag(0x0008, 0x0018);
const FRAMES: Tag = Tag(0x0028, 0x0008);

/// What the server answered.
struct Found {
    results: Vec<DataSet>,
    /// So many more, if it says.
    remaining: Option<u64>,
}

/// An instance below a place.
pub(in crate::origin) struct Below {
    pub(in crate::origin) place: Place,
    /// Number of Frames, if it is said.
    pub(in crate::origin) frames: Option<u32>,
}

impl Remote {
    /// The results that a query selects at the server, without its links.
    pub(in crate::origin) async fn search(&self, query: &Query) -> Result<Page, Fault> {
        let page = if query.keys.iter().all(is_matched_everywhere) {
            self.page(query).await?
        } else {
            self.one_by_one(query, Values::Encoded).await?
        };
        // Some servers do not decode what had to be encoded, and find nothing.
        if page.results.is_empty() && query.can_be_widened() {
            return self.one_by_one(query, Values::Widened).await;
        }
        Ok(page)
    }

    /// The page that the server counts out.
    async fn page(&self, query: &Query) -> Result<Page, Fault> {
        let limit = query.limit.unwrap_or(MOST).min(MOST);
        // One more than wanted tells whether there are more. A server with a limit of its own may refuse that.
        let mut asked = limit + 1;
        let mut found = self.ask(query, Values::Encoded, asked, query.offset).await;
        for less in [limit, limit.min(MODEST)] {
            if matches!(found, Err(Fault::Downstream(downstream::Fault::Unsupported))) && less < asked {
                asked = less;
                found = self.ask(query, Values::Encoded, asked, query.offset).await;
            }
        }
        let Found { mut results, remaining } = found?;
        let count = results.len() as u64;
        results.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        results.retain(|result| fits(query, result));
        let remaining = match remaining.map(|more| more + count.saturating_sub(limit)) {
            Some(more) if more > 0 => Remaining::Some(more),
            None if count > 0 && count >= asked => Remaining::MoreThan(0),
            _ => Remaining::None,
        };
        Ok(Page { results, remaining })
    }

    /// Looks at what the server finds one by one.
    async fn one_by_one(&self, query: &Query, values: Values) -> Result<Page, Fault> {
        let limit = query.limit.unwrap_or(MOST).min(MOST);
        let (mut results, mut matched, mut offset) = (Vec::new(), 0, 0);
        let mut before: Option<DataSet> = None;
        loop {
            let found = self.ask(query, values, PAGE, offset).await?.results;
            let first = found.first().cloned();
            // A server that does not count offsets would give the same for ever.
            if first.is_none() || first == before {
                break;
            }
            before = first;
            let count = found.len() as u64;
            for result in found.into_iter().filter(|result| fits(query, result)) {
                if matched >= query.offset && (results.len() as u64) < limit {
                    results.push(result);
                }
                matched += 1;
            }
            offset += count;
            // More than asked for is all that there is.
            if count > PAGE {
                break;
            }
            if offset >= SCANNED {
                return Err(Fault::TooBroad(SCANNED));
            }
        }
        let behind = query.offset.saturating_add(results.len() as u64);
        let remaining = match u64::saturating_sub(matched, behind) {
            0 => Remaining::None,
            more => Remaining::Some(more),
        };
        Ok(Page { results, remaining })
    }

    /// One request.
    async fn ask(&self, query: &Query, values: Values, limit: u64, offset: u64) -> Result<Found, Fault> {
        let path = format!("{}?{}", query.resource(), query.parameters(values, Some(limit), offset));
        let reply = match self.client.get(&path, JSON, None).await {
            Ok(reply) => reply,
            // There is no such study. That there are no studies at all is another matter: the address is wrong.
            Err(downstream::Fault::NotFound) if query.study.is_some() => {
                return Ok(Found { results: Vec::new(), remaining: None });
            }
            Err(downstream::Fault::NotFound) => return Err(Fault::Downstream(downstream::Fault::NotFound)),
            Err(fault) => return Err(fault.into()),
        };
        let remaining = reply.remaining;
        if reply.nothing {
            return Ok(Found { results: Vec::new(), remaining });
        }
        let (mut body, mut size) = (bytes(reply.unframed()), 0);
        let (mut objects, mut found, mut results) = (Objects::new(RESULT_BYTES), Vec::new(), Vec::new());
        let nonsense = || Fault::from(downstream::Fault::Nonsense);
        while let Some(chunk) = body.try_next().await? {
            size += chunk.len() as u64;
            if size > PAGE_BYTES {
                return Err(Fault::TooBroad(results.len() as u64));
            }
            objects.push(&chunk, &mut found).map_err(|_| nonsense())?;
            for object in found.drain(..) {
                results.push(result(query, foreign::read(&object).ok_or_else(nonsense)?));
            }
        }
        objects.finish().map_err(|_| nonsense())?;
        Ok(Found { results, remaining })
    }

    /// How many instances stand below a place: as the server counts them, else as a search finds them.
    pub(in crate::origin) async fn count(&self, place: &Place) -> Result<u64, Fault> {
        if place.instance.is_some() {
            return Ok(1);
        }
        let (query, related) = counted(place);
        let page = self.page(&query).await?;
        let said = page.results.first().and_then(|result| result.values(related).first().and_then(number));
        match said {
            Some(count) => Ok(count),
            // One whose name is not legal is an instance, too.
            None => self.found(place).try_fold(0, |count, _| async move { Ok(count + 1) }).await,
        }
    }

    /// The instances below a place.
    pub(in crate::origin) fn below(&self, place: &Place) -> BoxStream<'static, Result<Below, Fault>> {
        self.found(place).and_then(|result| std::future::ready(instance(&result))).boxed()
    }

    /// The results that are the instances below a place, page by page.
    fn found(&self, place: &Place) -> BoxStream<'static, Result<DataSet, Fault>> {
        let (remote, query) = (self.clone(), below(place));
        let next = move |offset: Option<u64>| {
            let (remote, query) = (remote.clone(), query.clone());
            async move {
                let Some(offset) = offset else { return Ok::<_, Fault>(None) };
                let page = remote.page(&Query { offset, ..query }).await?;
                let more = page.remaining != Remaining::None && !page.results.is_empty();
                let next = more.then(|| offset + page.results.len() as u64);
                Ok(Some((stream::iter(page.results.into_iter().map(Ok)), next)))
            }
        };
        stream::try_unfold(Some(0), next).try_flatten().boxed()
    }
}

/// True if a result is what was asked for. What every server matches is taken on trust if the result does not have it.
fn fits(query: &Query, result: &DataSet) -> bool {
    let shown = |key: &Key| key.path.first().is_some_and(|tag| result.get(*tag).is_some());
    let keys = query.keys.iter().filter(|key| !is_matched_everywhere(key) || shown(key)).cloned();
    Query { keys: keys.collect(), ..query.clone() }.holds(result)
}

/// A result without references and without attributes of a lower level (PS3.18 10.6.1.2.3), with the names that its path
/// has.
fn result(query: &Query, mut result: DataSet) -> DataSet {
    result.drop_references();
    let own = |tag: Tag| tag == CHARACTER_SET || levels::of(tag) <= query.level;
    result.0.retain(|name, _| u32::from_str_radix(name, 16).is_ok_and(|number| own(tag(number))));
    for (tag, uid) in [(STUDY, &query.study), (SERIES, &query.series)] {
        if let Some(uid) = uid {
            result.put(tag, VR::UI.to_string(), vec![json!(uid)]);
        }
    }
    result
}

fn tag(number: u32) -> Tag {
    Tag((number >> 16) as u16, (number & 0xFFFF) as u16)
}

/// The search for the instances below a place.
fn below(place: &Place) -> Query {
    let one = |uid: &String| Key::of(vec![INSTANCE], VR::UI, None, uid, false);
    Query {
        level: Level::Instance,
        study: Some(place.study.clone()),
        series: place.series.clone(),
        keys: place.instance.iter().filter_map(one).collect(),
        include: Include::Tags(vec![FRAMES]),
        limit: Some(MODEST - 1),
        offset: 0,
        notices: Vec::new(),
    }
}

/// The search for the study or series itself, and the attribute that counts its instances.
fn counted(place: &Place) -> (Query, Tag) {
    let (level, tag, uid, related) = match &place.series {
        Some(series) => (Level::Series, SERIES, series, Tag(0x0020, 0x1209)),
        None => (Level::Study, STUDY, &place.study, Tag(0x0020, 0x1208)),
    };
    let query = Query {
        level,
        study: place.series.is_some().then(|| place.study.clone()),
        series: None,
        keys: Key::of(vec![tag], VR::UI, None, uid, false).into_iter().collect(),
        include: Include::Tags(vec![related]),
        limit: Some(1),
        offset: 0,
        notices: Vec::new(),
    };
    (query, related)
}

/// A number, however it is written.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn instance(result: &DataSet) -> Result<Below, Fault> {
    let name = |tag| Some(result.text(tag).to_owned()).filter(|name| uid::is_legal(name));
    let (Some(study), Some(series), Some(instance)) = (name(STUDY), name(SERIES), name(INSTANCE)) else {
        return Err(downstream::Fault::Nonsense.into());
    };
    let frames = result.values(FRAMES).first().and_then(number).and_then(|count| u32::try_from(count).ok());
    Ok(Below { place: Place { study, series: Some(series), instance: Some(instance) }, frames })
}
