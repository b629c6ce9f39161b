//! From pseudonyms to originals and back, for keys with the right to. Originals travel in bodies only: a URL comes into
//! the logs of proxies. Each call is on record with its counts before its answer leaves.

use super::{body, on_record};
use crate::audit::action::Action;
use crate::db::account::Right;
use crate::db::crosswalk::Kind;
use crate::deid::patient::Patient;
use crate::dicom::uid;
use crate::layer::context::{Asked, Caller};
use crate::problem::{Names, Problem};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most names in one request.
const MOST: usize = 1000;

/// Most bytes of a request.
const BYTES: u64 = 1 << 20;

/// Pseudonyms whose originals are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pseudonyms {
    #[serde(default)]
    uids: Vec<String>,
    #[serde(default)]
    patients: Vec<String>,
}

/// Their originals by pseudonym; null where none is known to this project.
#[derive(Serialize)]
struct Originals {
    uids: BTreeMap<String, Option<String>>,
    patients: BTreeMap<String, Option<Person>>,
}

/// A patient as the origin names it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    #[serde(default)]
    patient_id: String,
    #[serde(default)]
    issuer: String,
    /// Stands for the patient where there is no Patient ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    study: Option<String>,
}

impl Person {
    fn of(patient: Patient) -> Self {
        match patient {
            Patient::Id(patient_id, issuer) => Self { patient_id, issuer, study: None },
            Patient::Study(study) => {
                Self { patient_id: String::new(), issuer: String::new(), study: Some(study) }
            }
        }
    }

    /// Nothing if it names nobody.
    fn patient(&self) -> Option<Patient> {
        let (id, issuer) = (bare(&self.patient_id), bare(&self.issuer));
        let study = self.study.as_deref().unwrap_or_default();
        match id.is_empty() {
            true if !uid::is_legal(study) => None,
            _ => Some(Patient::of(&id, &issuer, study)),
        }
    }
}

/// Originals whose pseudonyms are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default)]
    uids: Vec<String>,
    #[serde(default)]
    patients: Vec<Person>,
}

/// Their pseudonyms in the order asked, so that no original is repeated; null where the original is no legal name.
#[derive(Serialize)]
struct Replaced {
    uids: Vec<Option<String>>,
    patients: Vec<Option<String>>,
}

/// POST /v1/reidentify.
pub(super) async fn reidentify(Extension(caller): Extension<Caller>, body: Body) -> Response {
    on_record(Action::Reidentify, originals(&caller, body).await)
}

/// POST /v1/pseudonym. Who may try originals one after the other could find the one behind a pseudonym: it needs the same
/// right.
pub(super) async fn pseudonym(Extension(caller): Extension<Caller>, body: Body) -> Response {
    on_record(Action::Reidentify, pseudonyms(&caller, body).await)
}

/// GET /v1/pseudonym: there is no place for the original but the URL.
pub(super) async fn in_url() -> Response {
    on_record(Action::Reidentify, Err::<Response, _>(Problem::Names(Names::InUrl)))
}

async fn originals(caller: &Caller, body: Body) -> Result<Response, Problem> {
    caller.must(Right::Reidentify)?;
    let Pseudonyms { uids, patients } = body::json(body, BYTES).await?;
    bounded(uids.len() + patients.len())?;
    let uids = known(caller, Kind::Uid, uids, |uid| Some(uid.clone())).await?;
    let person = |text: &String| Patient::parse(text).map(Person::of);
    let patients = known(caller, Kind::Patient, patients, person).await?;
    let found = uids.values().flatten().count() + patients.values().flatten().count();
    let asked = Asked { found, unknown: uids.len() + patients.len() - found };
    Ok((Extension(asked), Json(Originals { uids, patients })).into_response())
}

/// What the names stand for, by name as it was sent.
async fn known<T>(
    caller: &Caller,
    kind: Kind,
    names: Vec<String>,
    read: impl Fn(&String) -> Option<T>,
) -> Result<BTreeMap<String, Option<T>>, Problem> {
    let bare: Vec<String> = names.iter().map(|name| bare(name)).collect();
    let known = caller.crosswalk.originals(kind, &bare).await?;
    let found = bare.iter().map(|name| known.get(name).and_then(|original| read(original.expose())));
    Ok(names.into_iter().zip(found).collect())
}

/// A value without the padding that it may have in an instance (PS3.5 6.2).
fn bare(value: &str) -> String {
    value.trim_matches([' ', '\0']).to_owned()
}

async fn pseudonyms(caller: &Caller, body: Body) -> Result<Response, Problem> {
    caller.must(Right::Reidentify)?;
    let Named { uids, patients } = body::json(body, BYTES).await?;
    bounded(uids.len() + patients.len())?;
    let engine = &caller.engine;
    let legal = |uid: &String| uid::is_legal(uid).then(|| engine.uid(uid));
    let uids: Vec<_> = uids.iter().map(legal).collect();
    let person = |person: &Person| person.patient().map(|patient| engine.patient(&patient));
    let patients: Vec<_> = patients.iter().map(person).collect();
    let found = uids.iter().flatten().count() + patients.iter().flatten().count();
    let asked = Asked { found, unknown: uids.len() + patients.len() - found };
    Ok((Extension(asked), Json(Replaced { uids, patients })).into_response())
}

fn bounded(names: usize) -> Result<(), Problem> {
    if names > MOST { Err(Problem::Names(Names::TooMany { limit: MOST })) } else { Ok(()) }
}
