//! A server under examination, and a study on it: stored by us, or one that is there. Every request of a check goes
//! through here.

use super::gallery::Kind;
use super::reading::{object, results};
use super::sample::Sample;
use super::{Miss, Outcome};
use crate::dicomweb::data_set::{DataSet, values};
use crate::downstream::Fault;
use crate::downstream::probe::{Ask, NotAHeader, Probe, Reply};
use dicom_core::Tag;
use serde_json::Value;
use std::cell::{OnceCell, RefCell};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub(super) const JSON: &str = "application/dicom+json";
pub(super) const XML: &str = "multipart/related; type=\"application/dicom+xml\"";
pub(super) const INSTANCES: &str = "multipart/related; type=\"application/dicom\"";
const BOUNDARY: &str = "veilgate-conformance-6f2d";

/// Instances that are tried until one can be had.
const TRIED: usize = 20;

/// How long all checks take at most, but for the last exchange. Most servers are done in seconds.
const PATIENCE: Duration = Duration::from_mins(20);

/// Which server, and as whom.
pub struct Server {
    /// Its DICOMweb root, without a slash at its end.
    pub root: String,
    /// Headers that name the caller.
    pub headers: Vec<(String, String)>,
    /// A study that is there; nothing is stored then.
    pub study: Option<String>,
    /// Its URI service (PS3.18 9) if that is not `wado` beside the root.
    pub wado_uri: Option<String>,
}

/// A server with a study to be looked at.
pub struct Scene {
    runtime: Runtime,
    probe: Probe,
    began: Instant,
    pub(super) root: String,
    pub(super) wado_uri: Option<String>,
    /// What is stored.
    pub(super) sample: Sample,
    /// True if nothing may be stored.
    read_only: bool,
    /// The server asks who calls.
    pub(super) named: bool,
    stored: OnceCell<Stored>,
    /// Instances that a search found where nothing told them.
    found: OnceCell<Vec<(String, String)>>,
    /// Paths of what was stored beside the sample; none of what the server did not take.
    gallery: RefCell<Vec<(Kind, Option<String>)>>,
}

/// How the first store request was answered.
pub(super) struct Stored {
    /// The answer.
    pub(super) reply: Option<Reply>,
    /// The study as the server names it, its series, and its instances with their series; empty if there are none.
    pub(super) study: String,
    pub(super) instances: Vec<(String, String)>,
}

/// Why a server cannot be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A header.
    #[error(transparent)]
    Header(#[from] NotAHeader),
    /// The system gives no random bytes or threads.
    #[error("the system gives no random bytes or threads")]
    System,
}

impl Scene {
    /// A scene on a server. Nothing is asked of it yet.
    ///
    /// # Errors
    /// A header is not legal, or the system gives no random bytes.
    pub fn new(server: Server) -> Result<Self, Unusable> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Unusable::System)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let stored = OnceCell::new();
        let read_only = server.study.is_some();
        if let Some(study) = server.study {
            let _ = stored.set(Stored { reply: None, study, instances: Vec::new() });
        }
        Ok(Self {
            runtime: runtime.map_err(|_| Unusable::System)?,
            probe: Probe::new(&server.root, server.wado_uri.as_deref(), &server.headers)?,
            began: Instant::now(),
            root: server.root,
            wado_uri: server.wado_uri,
            sample: Sample::new(u128::from_le_bytes(random)),
            read_only,
            named: server.headers.iter().any(|(name, _)| names_caller(name)),
            stored,
            found: OnceCell::new(),
            gallery: RefCell::default(),
        })
    }

    /// One exchange.
    pub(super) fn ask(&self, ask: Ask) -> Result<Reply, Miss> {
        if self.began.elapsed() > PATIENCE {
            return Err(Miss::Skipped("the server is so slow that the time for all checks is over"));
        }
        if self.read_only && !matches!(ask.method, None | Some("GET" | "OPTIONS")) {
            return Err(Miss::Skipped("nothing is stored where a study is named"));
        }
        self.runtime.block_on(self.probe.ask(ask)).map_err(|fault| match fault {
            Fault::TooLarge => Miss::Skipped("an answer is larger than is looked at here"),
            fault => Miss::Broken(fault.to_string()),
        })
    }

    /// What a URI means that stands in what is at this path: a path below the root, or a URL elsewhere.
    pub(super) fn resolve(&self, path: &str, uri: &str) -> String {
        self.probe.resolve(path, uri)
    }

    /// GET of a path below the root.
    pub(super) fn get(&self, path: &str, accept: &str) -> Result<Reply, Miss> {
        self.ask(Ask {
            path: path.to_owned(),
            headers: vec![("Accept", accept.to_owned())],
            ..Ask::default()
        })
    }

    /// The results of a search.
    pub(super) fn search(&self, path: &str) -> Result<Vec<DataSet>, Miss> {
        results(&self.get(path, JSON)?)
    }

    /// POST of a body to a path below the root.
    pub(super) fn post(&self, path: &str, media: &str, accept: &str, body: Vec<u8>) -> Result<Reply, Miss> {
        let headers = vec![("Accept", accept.to_owned()), ("Content-Type", media.to_owned())];
        self.ask(Ask {
            method: Some("POST"),
            path: path.to_owned(),
            headers,
            body: Some(body),
            nameless: false,
        })
    }

    /// STOW of these files.
    pub(super) fn store(&self, path: &str, files: &[Vec<u8>]) -> Result<Reply, Miss> {
        self.store_for(path, files, JSON)
    }

    /// The same, with the answer in another form.
    pub(super) fn store_for(&self, path: &str, files: &[Vec<u8>], accept: &str) -> Result<Reply, Miss> {
        let media = format!("{INSTANCES}; boundary={BOUNDARY}");
        self.post(path, &media, accept, multipart(files))
    }

    /// The whole sample, stored once.
    pub(super) fn stored(&self) -> Result<&Stored, Miss> {
        if self.stored.get().is_none() {
            let files: Vec<Vec<u8>> = (0..3).map(|number| self.sample.file(number)).collect();
            let reply = self.store("/studies", &files)?;
            let (study, instances) = names(told(&reply), &self.sample);
            let _ = self.stored.set(Stored { reply: Some(reply), study, instances });
        }
        self.stored.get().ok_or(Miss::Skipped("nothing was stored"))
    }

    /// The path of the study.
    pub(super) fn study(&self) -> Result<String, Miss> {
        let stored = self.stored()?;
        match stored.study.as_str() {
            "" => Err(Miss::Skipped("the study could not be stored")),
            study => Ok(format!("/studies/{study}")),
        }
    }

    /// Series and SOP Instance UID of each instance, found by a search where the answer to the store request does not
    /// tell; in the order of their series and numbers, but one first that can be had, a single picture if there is one.
    pub(super) fn instances(&self) -> Result<Vec<(String, String)>, Miss> {
        let known = &self.stored()?.instances;
        if !known.is_empty() {
            return Ok(known.clone());
        }
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        let mut names = self.searched()?;
        let mut given = None;
        for number in 0..names.len().min(TRIED) {
            match self.pictures(names.get(number))? {
                Some(1) => {
                    given = Some(number);
                    break;
                }
                Some(_) => given = given.or(Some(number)),
                None => {}
            }
        }
        names.rotate_left(given.unwrap_or_default());
        Ok(self.found.get_or_init(|| names).clone())
    }

    fn searched(&self) -> Result<Vec<(String, String)>, Miss> {
        let found = self.search(&format!("{}/instances", self.study()?))?;
        let names = found.iter().map(|it| (text(it, SERIES), text(it, INSTANCE)));
        let names: Vec<_> = names.filter(|(series, _)| !series.is_empty()).collect();
        if names.is_empty() {
            Err(Miss::Skipped("the study has no instances that a search finds"))
        } else {
            Ok(names)
        }
    }

    /// How many frames an instance has, 0 if it is no image; nothing if it cannot be had.
    fn pictures(&self, name: Option<&(String, String)>) -> Result<Option<u64>, Miss> {
        let Some((series, instance)) = name else { return Ok(None) };
        let path = format!("{}/series/{series}/instances/{instance}/metadata", self.study()?);
        let reply = self.get(&path, JSON)?;
        if reply.status != 200 {
            return Ok(None);
        }
        let data = results(&reply)?.into_iter().next().unwrap_or_default();
        let frames = text(&data, Tag(0x0028, 0x0008)).parse().unwrap_or(1);
        Ok(Some(if data.get(Tag(0x0028, 0x0010)).is_some() { frames } else { 0 }))
    }

    /// The path of one instance: the first, or of the sample that of this number.
    pub(super) fn instance(&self, number: usize) -> Result<String, Miss> {
        let (study, instances) = (self.study()?, self.instances()?);
        let (series, instance) =
            instances.get(number).ok_or(Miss::Skipped("the study has too few instances"))?;
        Ok(format!("{study}/series/{series}/instances/{instance}"))
    }

    /// The path of the first series.
    pub(super) fn series(&self) -> Result<String, Miss> {
        let (study, instances) = (self.study()?, self.instances()?);
        let (series, _) = instances.first().ok_or(Miss::Skipped("the study has no instances"))?;
        Ok(format!("{study}/series/{series}"))
    }

    /// The path of an instance that is stored, when it is first asked for, in a study beside the sample's.
    pub(super) fn gallery(&self, kind: Kind) -> Result<String, Miss> {
        let known = self.gallery.borrow().iter().find(|(one, _)| *one == kind).map(|(_, path)| path.clone());
        let path = match known {
            Some(path) => path,
            None => {
                let reply = self.store("/studies", &[kind.file(&self.sample)])?;
                let path = told(&reply).pop().map(|(_, found)| {
                    let [study, series, instance] = found.unwrap_or_else(|| kind.names(&self.sample));
                    format!("/studies/{study}/series/{series}/instances/{instance}")
                });
                self.gallery.borrow_mut().push((kind, path.clone()));
                path
            }
        };
        path.ok_or(Miss::Skipped("the server does not store an instance of the kind that it takes"))
    }

    /// Only where the sample was stored.
    pub(super) fn own(&self) -> Outcome {
        if self.read_only { Err(Miss::Skipped("only of a study that was stored here")) } else { Ok(()) }
    }
}

pub(super) const STUDY: Tag = Tag(0x0020, 0x000D);
pub(super) const SERIES: Tag = Tag(0x0020, 0x000E);
pub(super) const INSTANCE: Tag = Tag(0x0008, 0x0018);

/// True for headers by which a server knows who calls.
fn names_caller(header: &str) -> bool {
    ["x-api-key", "authorization", "cookie"].iter().any(|name| header.eq_ignore_ascii_case(name))
}

/// The first value of an attribute, as text.
pub(super) fn text(data: &DataSet, tag: Tag) -> String {
    match data.values(tag).first() {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// How the server names what was stored: by the Retrieve URLs of its answer, else as it was sent.
fn names(told: Vec<Told>, sample: &Sample) -> (String, Vec<(String, String)>) {
    let mut study = String::new();
    let mut instances = Vec::new();
    for (at, (sent, named)) in told.into_iter().enumerate() {
        // Who gives new names lists the instances in the order in which they came; who keeps them, in any.
        let number = (0..3).find(|number| sent.as_ref() == Some(&sample.names(*number).1)).unwrap_or(at);
        let (series, instance) = sample.names(number);
        let [in_study, in_series, name] = named.unwrap_or([sample.study.clone(), series, instance]);
        study = in_study;
        instances.push((number, in_series, name));
    }
    instances.sort();
    (study, instances.into_iter().map(|(_, series, name)| (series, name)).collect())
}

/// Of an instance that was stored its SOP Instance UID, and the UIDs of its Retrieve URL, as far as they are told.
type Told = (Option<String>, Option<[String; 3]>);

/// What an answer to a store request tells of each.
fn told(reply: &Reply) -> Vec<Told> {
    let answer = object(reply).unwrap_or_default();
    let first = |item: &Value, tag| Some(item.get(tag).map(values)?.first()?.as_str()?.to_owned());
    let told = |item: &Value| (first(item, "00081155"), first(item, "00081190").and_then(|url| uids(&url)));
    answer.values(Tag(0x0008, 0x1199)).iter().map(told).collect()
}

/// The UIDs of an instance's URL.
fn uids(url: &str) -> Option<[String; 3]> {
    let after = |word: &str| {
        let rest = url.split(word).nth(1)?;
        rest.split(['/', '?']).next().filter(|uid| !uid.is_empty()).map(str::to_owned)
    };
    Some([after("/studies/")?, after("/series/")?, after("/instances/")?])
}

fn multipart(files: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        body.extend(format!("--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n").into_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_from_retrieve_urls_only_if_they_are_whole() {
        let url = "https://h/dicom-web/studies/1.2/series/1.3/instances/1.4?x=1";
        assert_eq!(uids(url).unwrap(), ["1.2", "1.3", "1.4"]);
        assert_eq!(uids("https://h/dicom-web/studies/1.2"), None);
    }

    #[test]
    fn stored_instances_are_known_by_their_names_and_by_their_order_only_where_they_got_new_ones() {
        let sample = Sample::new(1 << 64);
        let [first, second, third] = [0, 1, 2].map(|number| sample.names(number));
        let kept = [&third, &first, &second].map(|(_, name)| (Some(name.clone()), None));
        let all = vec![first.clone(), second, third];
        assert_eq!(names(kept.to_vec(), &sample), (sample.study.clone(), all));
        let renamed = ["9.4", "9.3"].map(|name| {
            let url = uids(&format!("https://h/studies/9.1/series/9.2/instances/{name}"));
            (Some(name.to_owned()), url)
        });
        let expected = ["9.4", "9.3"].map(|name| ("9.2".to_owned(), name.to_owned()));
        assert_eq!(names(renamed.to_vec(), &sample), ("9.1".to_owned(), expected.to_vec()));
        let one_refused = vec![(Some(first.1.clone()), None)];
        assert_eq!(names(one_refused, &sample).1, [first]);
    }
}
