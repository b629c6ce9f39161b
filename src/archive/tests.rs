//! Tests of the archive in a folder and in memory, with a database of its own. Buckets: `tests/rig_s3.rs`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::db::catalog::Entry;
use crate::db::catalog::described::Described;
use crate::db::tests::{begin_chain, enter, founded};
use crate::deid::receipt::Names;
use crate::secret::Secret;
use bytes::Bytes;
use std::path::PathBuf;
use std::time::{Duration, Instant};

struct Rig {
    folder: tempfile::TempDir,
    archive: Archive,
    project: String,
}

async fn rig_in(site: impl FnOnce(PathBuf) -> Site) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let (db, project) = founded(folder.path()).await;
    let objects = folder.path().join("archive");
    std::fs::create_dir(&objects).unwrap();
    let archive = Archive::open(&site(objects), db).unwrap();
    Rig { folder, archive, project }
}

async fn rigs() -> [Rig; 2] {
    [rig_in(Site::Folder).await, rig_in(|_| Site::Memory).await]
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

    async fn enter(&self, instance: &str, object: &str) {
        let names = Names {
            sop_class: "1.2".into(),
            instance: instance.into(),
            series: "2.25.2".into(),
            study: "2.25.1".into(),
        };
        let entry = Entry {
            names,
            patient_id: "P".into(),
            transfer_syntax: "1.2.840.10008.1.2.1".into(),
            size: 1,
            sha256: "aa".into(),
            object: object.into(),
            described: Described::default(),
        };
        enter(&self.archive.db, &self.project, &[entry]).await.unwrap();
    }

    async fn objects(&self) -> Vec<String> {
        let objects: Vec<_> = self.archive.store.objects.list(None).try_collect().await.unwrap();
        objects.into_iter().map(|object| object.location.to_string()).collect()
    }

    /// Files of a folder, also those that the store does not list.
    fn files(&self) -> usize {
        let files = walkdir::WalkDir::new(self.folder.path().join("archive")).into_iter().map(Result::unwrap);
        files.filter(|entry| entry.file_type().is_file()).count()
    }
}

const PART_AND_MORE: usize = (11 << 20) + 3;

#[tokio::test]
async fn large_and_small_objects_come_out_as_they_went_in() {
    for rig in rigs().await {
        for len in [0, 10, PART_AND_MORE] {
            let bytes: Vec<u8> = (0..=255).cycle().take(len).collect();
            let object = rig.put(&bytes).await;
            let read: Vec<Bytes> = rig.archive.stream(&object, 0..len as u64).try_collect().await.unwrap();
            assert!(read.concat() == bytes, "{len} bytes");
        }
        assert_eq!(rig.objects().await.len(), 3);
    }
}

#[tokio::test]
async fn an_aborted_object_leaves_nothing() {
    for rig in rigs().await {
        let mut writer = rig.archive.writer(&rig.project).unwrap();
        writer.write(vec![1; PART_AND_MORE].into()).await.unwrap();
        writer.abort().await;
        assert_eq!((rig.objects().await, rig.files()), (Vec::new(), 0));
    }
}

#[tokio::test]
async fn all_that_is_of_no_use_is_removed_though_one_of_it_is_gone_already() {
    for rig in rigs().await {
        let (one, two) = (rig.put(b"one").await, rig.put(b"two").await);
        rig.archive.remove([one.as_str(), "p/00/gone.dcm", two.as_str()].into_iter()).await;
        assert!(rig.objects().await.is_empty());
    }
}

#[tokio::test]
async fn an_object_that_is_missing_or_too_short_is_lost_and_no_outage() {
    for rig in rigs().await {
        let object = rig.put(b"short").await;
        assert_eq!(rig.archive.read("p/00/none.dcm", 0..1).await, Err(Fault::Lost));
        assert_eq!(rig.archive.read(&object, 2..9).await, Err(Fault::Lost));
    }
}

#[tokio::test]
async fn the_sweep_removes_what_no_catalog_entry_names_and_nothing_else() {
    for rig in rigs().await {
        let kept = rig.put(b"kept").await;
        rig.enter("2.25.3", &kept).await;
        rig.put(b"orphan").await;
        begin_chain(&rig.archive.db, &rig.project).await;
        let before = SystemTime::now() - Duration::from_secs(3600);
        assert_eq!(rig.archive.sweep(before).await, Ok(0), "young objects may be about to be entered");
        let after = SystemTime::now() + Duration::from_secs(3600);
        assert_eq!(rig.archive.sweep(after).await, Ok(1));
        assert_eq!(rig.objects().await, [kept]);
    }
}

#[tokio::test]
async fn the_sweep_removes_half_files_of_a_folder() {
    let rig = rig_in(Site::Folder).await;
    std::fs::write(rig.folder.path().join("archive/half.dcm#7"), b"half").unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!(rig.archive.sweep(SystemTime::now() - hour).await, Ok(0));
    assert_eq!(rig.archive.sweep(SystemTime::now() + hour).await, Ok(1));
    assert_eq!(rig.files(), 0);
}

#[tokio::test]
async fn the_catalog_forgets_at_the_start_what_was_in_memory_and_nothing_else() {
    let rig = rig_in(|_| Site::Memory).await;
    rig.enter("2.25.3", "p/00/on_disk.dcm").await;
    let passing = rig.put(b"passing").await;
    rig.enter("2.25.4", &passing).await;
    let again = Archive::open(&Site::Memory, rig.archive.db.clone()).unwrap();
    again.prepare().await.unwrap();
    assert!(!again.db.knows_object(&passing).await.unwrap());
    assert!(again.db.knows_object("p/00/on_disk.dcm").await.unwrap());
}

/// A bucket on a port where nobody listens.
fn nowhere(ca: Option<Vec<u8>>) -> Site {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Site::Bucket(Box::new(Bucket {
        name: "trial".into(),
        prefix: String::new(),
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1".into(),
        access_key_id: "AKIA1".into(),
        secret_access_key: Secret::new("t0psecret"),
        ca,
        answer: Duration::from_secs(60),
    }))
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_soon_and_without_words_of_its_own() {
    let rig = rig_in(|_| nowhere(None)).await;
    assert_eq!(rig.archive.prepare().await, Err(Unusable::Failing(Trouble::Unreachable)));
    let began = Instant::now();
    let mut writer = rig.archive.writer(&rig.project).unwrap();
    writer.write(Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(writer.finish().await, Err(Fault::Store(Trouble::Unreachable)));
    assert_eq!(rig.archive.read("p/00/a.dcm", 0..1).await, Err(Fault::Store(Trouble::Unreachable)));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_no_certificate_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (db, _) = founded(folder.path()).await;
    let opened = Archive::open(&nowhere(Some(b"no PEM".to_vec())), db);
    assert_eq!(opened.err(), Some(Unusable::Certificates));
}
