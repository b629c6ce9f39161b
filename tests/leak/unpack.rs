//! What is packed inside bytes, so that a search sees it too: ZIP archives, gzip, deflated data sets, parts of a body.

use crate::support::multipart;
use crate::support::syntax;
use crate::support::walk::walk;
use std::io::{Cursor, Read};

/// What these bytes hold in another form than they show, each with a name for messages.
pub fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    if bytes.starts_with(b"PK\x03\x04") {
        return zipped(bytes);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::new();
        let read = flate2::read::GzDecoder::new(bytes).read_to_end(&mut out);
        return read.map(|_| ("unzipped".to_owned(), out)).into_iter().collect();
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return inflated(bytes);
    }
    if bytes.starts_with(b"--") {
        return parts(bytes);
    }
    Vec::new()
}

fn zipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = Vec::new();
    for at in 0..archive.len() {
        let (mut file, mut content) = (archive.by_index(at).unwrap(), Vec::new());
        file.read_to_end(&mut content).unwrap();
        // The names lie in the archive as they are and were seen there.
        out.push((format!("entry {at}"), content));
    }
    out
}

/// The values of a deflated data set, kept apart so that two do not make a third between them.
fn inflated(instance: &[u8]) -> Vec<(String, Vec<u8>)> {
    let walked = walk(instance);
    if walked.syntax != syntax::DEFLATED_LE {
        return Vec::new();
    }
    let values = walked.leaves.iter().flat_map(|leaf| [leaf.bytes(), vec![0xff; 16]].concat()).collect();
    vec![("inflated".to_owned(), values)]
}

/// What is packed in the parts of a multipart body; the parts themselves were seen in the whole.
fn parts(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let line = body.iter().position(|byte| *byte == b'\r').unwrap_or(2);
    let content_type = format!("multipart/related; boundary=\"{}\"", String::from_utf8_lossy(&body[2..line]));
    let parts = multipart::read(&content_type, body).unwrap_or_default();
    parts.iter().flat_map(|part| unpacked(&part.body)).collect()
}
