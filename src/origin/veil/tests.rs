//! The veil around an archive of identified instances, without HTTP: what comes through, under which names, and what does
//! not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod behind;
mod pulls;
mod searches;

use super::*;
use crate::archive::Archive;
use crate::budget::Budget;
use crate::db::Db;
use crate::db::tests::founded;
use crate::deid::patient::Patient;
use crate::deid::plan::Plan;
use crate::deid::profile::Profile;
use crate::deid::pseudonym::ProjectKey;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::levels::Level;
use crate::dicomweb::query::Scope;
use crate::origin::{ArchiveOrigin, Decoders};
use crate::spool::Spools;
use behind::{Behind, Image, enter};
use bytes::Bytes;
use dicom_core::Tag;
use futures_util::TryStreamExt;
use serde_json::Value;

/// The options that research data have, and the pixel policy of the Basic Profile.
const RESEARCH: &str = "name = \"t\"\noptions = [\"retain-modified-dates\", \"retain-safe-private\"]";

/// Values that identify; none may come through. UIDs begin with 1.2.826.
const MARKS: [&str; 9] = [
    "MARKNAME",
    "MARKID",
    "MARKISSUER",
    "MARKACC",
    "MARKDESC",
    "MARKHOST",
    "1.2.826",
    "20240310",
    "MARKNEST",
];

struct Rig {
    veil: Veil,
    behind: Arc<Behind>,
    db: Db,
    folder: tempfile::TempDir,
}

const KEY: [u8; 32] = [9; 32];

async fn rig(profile: &str, images: &[Image]) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let objects = folder.path().join("archive");
    std::fs::create_dir(&objects).unwrap();
    let archive = Archive::open(&crate::archive::Site::Folder(objects), db.clone()).unwrap();
    enter(&archive, &db, &project, images).await;
    let origin = ArchiveOrigin::new(archive.clone(), db.clone(), &project, Decoders::default());
    let behind = Arc::new(Behind::new(origin));
    let veil = veil(profile, &behind, &db, "p", KEY, folder.path());
    Rig { veil, behind, db, folder }
}

fn veil(
    profile: &str,
    behind: &Arc<Behind>,
    db: &Db,
    project: &str,
    key: [u8; 32],
    spools: &std::path::Path,
) -> Veil {
    let key = ProjectKey::from_bytes(key);
    let engine = Engine::new(Plan::new(&Profile::parse(profile).unwrap()), &key);
    let crosswalk = Crosswalk::new(db.clone(), project, &key);
    let pulled =
        Pulled::new(Spools::new(1 << 20, spools.to_owned(), Budget::new(1 << 30)), Decoders::default());
    let behind: Arc<dyn Identified> = Arc::clone(behind) as Arc<dyn Identified>;
    Veil::new(project, engine, crosswalk, behind, pulled)
}

impl Rig {
    /// The same project without anything that it has seen: another gateway, after the crosswalk was lost.
    fn forgetful(&self, profile: &str, project: &str, key: [u8; 32]) -> Veil {
        veil(profile, &self.behind, &self.db, project, key, self.folder.path())
    }

    async fn search(&self, level: Level, query: &str) -> Result<Page, Fault> {
        search(&self.veil, level, query).await
    }

    /// The instance as it is called outside.
    fn place(&self, image: &Image) -> Place {
        place(&self.veil, image)
    }

    async fn metadata(&self, place: &Place) -> Result<(bool, Vec<DataSet>), Fault> {
        let parts = self.veil.metadata(place, Model::Json, "http://gateway").await?;
        let partial = parts.partial;
        let bytes = given(parts).await?;
        Ok((partial, bytes.iter().map(|bytes| DataSet(serde_json::from_slice(bytes).unwrap())).collect()))
    }
}

fn place(veil: &Veil, image: &Image) -> Place {
    let subject = veil.0.engine.result(image.found());
    let names = subject.names;
    Place { study: names.study, series: Some(names.series), instance: Some(names.instance) }
}

async fn search(veil: &Veil, level: Level, query: &str) -> Result<Page, Fault> {
    let scope = Scope { level, study: None, series: None };
    veil.search(&Query::parse(scope, query).unwrap()).await
}

/// The bytes of each part, which tell nothing that identifies, as their names do not.
async fn given(parts: Parts) -> Result<Vec<Vec<u8>>, Fault> {
    let mut all = Vec::new();
    for mut part in collect(parts).await? {
        assert_eq!(part.tag, None);
        unmarked(part.path.as_bytes());
        let content = std::mem::replace(&mut part.content, crate::origin::Content::bytes(Bytes::new()));
        let bytes = content.whole().try_collect::<Vec<Bytes>>().await?.concat();
        unmarked(&bytes);
        all.push(bytes);
    }
    Ok(all)
}

async fn collect(parts: Parts) -> Result<Vec<crate::origin::Part>, Fault> {
    let mut parts = parts.parts;
    let mut all = Vec::new();
    while let Some(part) = parts.try_next().await? {
        // As handlers do: the content of one is taken before the next is asked for.
        let crate::origin::Part { media, transfer_syntax, path, tag, content } = part;
        let bytes = content.whole().try_collect::<Vec<Bytes>>().await?.concat();
        let content = crate::origin::Content::bytes(bytes.into());
        all.push(crate::origin::Part { media, transfer_syntax, path, tag, content });
    }
    Ok(all)
}

fn unmarked(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for mark in MARKS {
        assert!(!text.contains(mark), "{mark} came through");
    }
}

fn value(data: &DataSet, tag: u32) -> Value {
    let tag = Tag((tag >> 16) as u16, (tag & 0xFFFF) as u16);
    data.values(tag).first().cloned().unwrap_or(Value::Null)
}

fn shown(page: &Page) -> &[DataSet] {
    for result in &page.results {
        unmarked(result.to_json().as_bytes());
    }
    &page.results
}
