//! What a session with OHIF left behind: pictures, screenshots, and the record of all that was exchanged.

use super::screen::Picture;
use crate::support::files::root;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The result of `tests/rigs/ohif.mjs`.
pub struct Session(Value);

/// One request and its answer.
pub struct Exchange {
    pub method: String,
    /// Path and query.
    pub url: String,
    pub status: u64,
    /// The answer came whole.
    pub complete: bool,
    asked: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: PathBuf,
}

impl Exchange {
    fn new(one: &Value) -> Exchange {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        Exchange {
            method: text("method"),
            url: text("url"),
            status: one["status"].as_u64().unwrap(),
            complete: one["complete"].as_bool().unwrap(),
            asked: serde_json::from_value(one["asked"].clone()).unwrap(),
            headers: serde_json::from_value(one["headers"].clone()).unwrap(),
            body: text("body").into(),
        }
    }

    /// Whether it is of this method, to a URL that holds this.
    pub fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.url.contains(part)
    }

    /// A header of the request.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.asked.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }
}

/// Screenshots that are kept in the repository, with the names they have there.
const KEPT: [(&str, &str); 6] = [
    ("thumbnails", "study_list"),
    ("series-1", "ct"),
    ("series-2", "ultrasound_rgb"),
    ("series-6", "jpeg_2000"),
    ("series-8", "pdf"),
    ("upload", "upload"),
];

impl Session {
    pub fn new(result: Value) -> Session {
        Session(result)
    }

    /// The pixels of the viewport's canvas at a step, or of a series by its number.
    pub fn picture(&self, name: &str) -> Picture {
        Picture::png(&std::fs::read(self.file("pictures", name)).unwrap())
    }

    /// The whole window at a step.
    pub fn screenshot(&self, name: &str) -> Picture {
        Picture::jpeg(&std::fs::read(self.file("shots", name)).unwrap())
    }

    fn file(&self, kind: &str, name: &str) -> &Path {
        Path::new(self.0[kind][name].as_str().unwrap_or_else(|| panic!("no {name} among the {kind}")))
    }

    /// What was noted on the way.
    pub fn notes(&self) -> &Value {
        &self.0["notes"]
    }

    /// Servers besides the viewer's own and the gateway that were asked for something.
    pub fn foreign(&self) -> Value {
        self.0["record"]["foreign"].clone()
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0["record"]["responses"].as_array().unwrap().iter().map(Exchange::new).collect()
    }

    /// Everything the browser was sent or showed: addresses, headers, bodies, pages, messages on its console.
    pub fn each_text(&self, mut look: impl FnMut(&str, &[u8])) {
        for one in self.exchanges() {
            let place = format!("{} {}", one.method, one.url);
            let headers: String =
                one.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            look("an address", one.url.as_bytes());
            look(&format!("headers of {place}"), headers.as_bytes());
            look(&place, &std::fs::read(&one.body).unwrap());
        }
        for text in self.0["record"]["texts"].as_array().unwrap() {
            look(&format!("the page at {}", text["where"]), text["text"].as_str().unwrap().as_bytes());
        }
    }

    /// Put screenshots into `conformance/ohif` where `OHIF_SCREENSHOTS` is set.
    pub fn keep_screenshots(&self) {
        if std::env::var_os("OHIF_SCREENSHOTS").is_none() {
            return;
        }
        let folder = root().join("conformance/ohif");
        std::fs::create_dir_all(&folder).unwrap();
        for (step, name) in KEPT {
            std::fs::copy(self.file("shots", step), folder.join(format!("{name}.jpg"))).unwrap();
        }
    }
}
