//! Fates of files → paths in the archive, manifest, counts, or the answer when nothing
//! could be done. Names as sent go into the manifest and nowhere else.

use crate::api::intake::Record;
use crate::db::seal::hex;
use crate::deid::refusal::Refusal;
use crate::dicomweb::manifest::{Fate, FileFate, Manifest};
use crate::dicomweb::zip_names::ZipNames;
use crate::problem::Problem;

/// What became of the files of one request.
pub(in crate::api) struct Fates {
    manifest: Manifest,
    paths: Vec<String>,
    /// The destination took an instance that was fit to go out, and lost it.
    lost: bool,
}

impl Fates {
    /// The records and the names their files were sent under, both in the order sent; `folder` stands before the paths.
    pub(in crate::api) fn of(names: Vec<String>, records: &[Record], folder: &str) -> Self {
        let (mut paths, mut zip_names) = (Vec::new(), ZipNames::default());
        let mut files = Vec::new();
        for (name, record) in names.into_iter().zip(records) {
            let mut file = file(files.len() + 1, record);
            if file.outcome == Fate::Done {
                let path = format!("{folder}{}", zip_names.path(&name));
                file.entry = Some(path.clone());
                paths.push(path);
            }
            file.name = Some(name);
            files.push(file);
        }
        let burned_in = records.iter().filter(|record| is_burned_in(record)).count();
        let manifest = Manifest {
            made_by: concat!("veilgate ", env!("CARGO_PKG_VERSION")),
            processed: paths.len(),
            failed: files.len() - paths.len() - burned_in,
            rejected_burned_in: burned_in,
            files,
        };
        let lost = records.iter().any(|record| matches!(record, Record::Passed(_, Err(_))));
        Self { manifest, paths, lost }
    }

    pub(super) fn processed(&self) -> usize {
        self.manifest.processed
    }

    /// Processed, failed, rejected for their pixels: together all files.
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.manifest.processed, self.manifest.failed, self.manifest.rejected_burned_in]
    }

    /// Paths of the files in the archive, and its manifest.
    pub(super) fn into_parts(self) -> (Vec<String>, Vec<u8>) {
        (self.paths, self.manifest.to_json())
    }

    /// Why there is no archive. Errors are logged and passed on: the names stay out.
    pub(in crate::api) fn into_problem(self) -> Problem {
        if self.lost {
            return Problem::Internal("the destination fails");
        }
        let burned_in = self.manifest.rejected_burned_in == self.manifest.files.len();
        let files = self.manifest.files.into_iter().map(|file| FileFate { name: None, ..file });
        Problem::NothingDone { burned_in, files: files.collect() }
    }
}

fn file(index: usize, record: &Record) -> FileFate {
    let fate = |outcome| FileFate::new(index, outcome);
    match record {
        Record::Passed(receipt, arrived) => {
            let done = FileFate {
                sha256_in: receipt.sha256_in.map(|digest| hex(&digest)),
                sha256_out: receipt.sha256_out.map(|digest| hex(&digest)),
                sop_instance_uid: Some(receipt.names.instance.clone()),
                ..fate(Fate::Done)
            };
            match arrived {
                Ok(()) => done,
                Err(fault) => FileFate { outcome: Fate::Undelivered, ..done }.because("undelivered", fault),
            }
        }
        Record::Refused(refused) => {
            let names = refused.names.as_ref().map(|names| names.instance.clone());
            let sop_instance_uid = names.filter(|instance| !instance.is_empty());
            let refusal = &refused.refusal;
            let refused = FileFate { sop_instance_uid, ..fate(Fate::Refused) };
            refused.about(refusal.tag()).because(refusal.code(), refusal)
        }
        Record::Stuck(_, fault) => fate(Fate::Refused).because("undelivered", fault),
        Record::Unread(_, _, why) => fate(Fate::Refused).because("unreadable", why),
    }
}

/// The pixels may show who the patient is.
fn is_burned_in(record: &Record) -> bool {
    matches!(record, Record::Refused(refused) if matches!(refused.refusal, Refusal::Pixels { .. }))
}
