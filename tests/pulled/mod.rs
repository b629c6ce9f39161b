//! A gateway in front of identified studies, for tests that pull them back pseudonymized: one way in, whatever the origin.
//! A test is written against [`Pulled`] and run once for each [`Origin`].

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

#[path = "../accounts/mod.rs"]
mod accounts;

use crate::stow::{RESPOND, push};
use crate::support::http::{Request, Response};
use crate::support::multipart;
use crate::support::rig::{self, Orthanc};
use crate::support::server::Server;
use serde_json::Value;
use std::path::PathBuf;

/// Where pulled resources come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The embedded archive, which holds what was pushed, pseudonymized.
    Archive,
    /// A clinical server (Orthanc) that holds identified studies, pseudonymized as they are pulled.
    Veil,
}

/// A gateway, and the origin behind it.
pub struct Pulled {
    pub server: Server,
    /// A key that may send and be answered, which takes a right behind the veil.
    pub maker: String,
    /// The clinical server, where there is one.
    pub clinical: Option<Orthanc>,
    _folder: tempfile::TempDir,
}

impl Origin {
    /// Start both, the gateway with these settings (names as in the environment) and a profile of `tests/rigs`. None when
    /// the origin is missing and this is not CI.
    pub fn start(self, profile: &str, settings: &[(&str, &str)]) -> Option<Pulled> {
        let folder = tempfile::tempdir().unwrap();
        let profile = rig::script(profile).display().to_string();
        let mut settings = [settings, &[("VEILGATE_PROFILE", &profile)]].concat();
        let clinical = match self {
            Origin::Archive => None,
            Origin::Veil => Some(rig::orthanc()?),
        };
        if let Some(orthanc) = &clinical {
            settings.extend([("VEILGATE_ORIGIN", "veil"), ("VEILGATE_DOWNSTREAM_URL", &orthanc.url)]);
        }
        let server = Server::on(&folder.path().join("data"), &[], &settings);
        let maker = match self {
            Origin::Archive => server.key.clone(),
            Origin::Veil => maker(&server),
        };
        Some(Pulled { server, maker, clinical, _folder: folder })
    }
}

impl Pulled {
    /// Put identified instances where the origin has them.
    pub fn hold(&self, instances: &[Vec<u8>]) {
        if let Some(orthanc) = &self.clinical {
            return instances.iter().for_each(|instance| orthanc.keep(instance));
        }
        let answer = self.server.send(push(instances));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// What the gateway makes of these instances, asked for as an answer: names and bytes that must be pulled again.
    pub fn expected(&self, instances: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let back = push(instances).header("X-API-Key", &self.maker).header("Accept", RESPOND);
        let answer = self.server.send_bare(back);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let parts = multipart::read(answer.header("content-type").unwrap(), &answer.body).unwrap();
        parts.into_iter().map(|part| part.body).collect()
    }

    /// GET below the DICOMweb root.
    pub fn ask(&self, target: &str, accept: &str) -> Response {
        self.server.send(Request::new("GET", &format!("/dicom-web{target}")).header("Accept", accept))
    }

    /// The results of a search that must succeed.
    pub fn found(&self, target: &str) -> Vec<Value> {
        let answer = self.ask(target, "application/dicom+json");
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json().as_array().unwrap().clone()
    }

    /// `http://127.0.0.1:PORT/dicom-web`.
    pub fn root(&self) -> String {
        format!("{}/dicom-web", self.server.url)
    }

    /// Everything the gateway keeps on disk: database, archive, spool, keys.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = walkdir::WalkDir::new(self.server.data()).into_iter().map(Result::unwrap);
        let paths = entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

/// A new key of the first project with the right to learn pseudonyms.
fn maker(server: &Server) -> String {
    accounts::text(
        &accounts::told(server, &["key", "add", "default", "maker", "--right", "reidentify"]),
        "key",
    )
}

/// The first value of an attribute as text.
pub fn value(result: &Value, tag: &str) -> String {
    let value = &result[tag]["Value"][0];
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
