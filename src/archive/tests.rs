//! Tests of the archive on a folder and a database of their own.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::db::catalog::Entry;
use crate::db::catalog::described::Described;
use crate::db::tests::{begin_chain, enter, founded};
use crate::deid::receipt::Names;
use bytes::Bytes;
use std::time::Duration;

struct Rig {
    folder: tempfile::TempDir,
    archive: Archive,
    project: String,
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let objects = folder.path().join("archive");
    std::fs::create_dir(&objects).unwrap();
    let archive = Archive::open(&objects, db).unwrap();
    Rig { folder, archive, project }
}

impl Rig {
    async fn put(&self, bytes: &[u8]) -> String {
        let mut writer = self.archive.writer(&self.project).unwrap();
        for chunk in bytes.chunks(1 << 20) {
            writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let object = writer.object().to_owned();
        writer.finish().await.unwrap();
        object
    }

    fn entry(&self, instance: &str, sha256: &str, object: String) -> Entry {
        let names = Names {
            sop_class: "1.2".into(),
            instance: instance.into(),
            series: "2.25.2".into(),
            study: "2.25.1".into(),
        };
        Entry {
            names,
            patient_id: "P".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            size: 1,
            sha256: sha256.into(),
            object,
            described: Described::default(),
        }
    }

    fn files(&self) -> Vec<String> {
        let files = walkdir::WalkDir::new(self.folder.path().join("archive")).into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file());
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

#[tokio::test]
async fn large_and_small_objects_come_out_as_they_went_in() {
    let rig = rig().await;
    for len in [0, 10, PART_AND_MORE] {
        let bytes: Vec<u8> = (0..=255).cycle().take(len).collect();
        let object = rig.put(&bytes).await;
        assert!(
            std::fs::read(rig.folder.path().join("archive").join(object)).unwrap() == bytes,
            "{len} bytes"
        );
    }
}

const PART_AND_MORE: usize = (11 << 20) + 3;

#[tokio::test]
async fn an_aborted_object_leaves_nothing() {
    let rig = rig().await;
    let mut writer = rig.archive.writer(&rig.project).unwrap();
    writer.write(vec![1; PART_AND_MORE].into()).await.unwrap();
    writer.abort().await;
    assert_eq!(rig.files(), Vec::<String>::new());
}

#[tokio::test]
async fn the_sweep_removes_what_no_catalog_entry_names_and_nothing_else() {
    let rig = rig().await;
    let kept = rig.put(b"kept").await;
    let name = kept.rsplit('/').next().unwrap().to_owned();
    enter(&rig.archive.db, &rig.project, &[rig.entry("2.25.3", "aa", kept)]).await.unwrap();
    rig.put(b"orphan").await;
    begin_chain(&rig.archive.db, &rig.project).await;
    let objects = rig.folder.path().join("archive");
    std::fs::write(objects.join("half.dcm#7"), b"half").unwrap();
    let before = SystemTime::now() - Duration::from_secs(3600);
    assert_eq!(rig.archive.sweep(&objects, before).await, Ok(0), "young files belong to this run");
    let after = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(rig.archive.sweep(&objects, after).await, Ok(2));
    assert_eq!(rig.files(), [name]);
}
