//! Bulk data parts of one request, found by the BulkDataURI that metadata holds
//! (PS3.18 8.6.1.2, 10.5.1.4). Building instances from them is `join`.

use super::media::MediaType;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use std::collections::HashMap;
use std::fmt;

/// Bulk data of one Content-Location. Several parts of one location are the frames of
/// one image, in the order sent (PS3.18 10.5.1.4).
#[derive(Clone)]
pub struct BulkPart {
    /// Content-Type of the first part.
    pub media: MediaType,
    /// The bytes of each part, in the chunks in which they came.
    pub parts: Vec<Vec<Bytes>>,
}

/// Shows type and count only.
impl fmt::Debug for BulkPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkPart({}, {} parts)", self.media.essence(), self.parts.len())
    }
}

/// All bulk data parts of a request.
#[derive(Default)]
pub struct BulkParts {
    /// Path of the request; what relative locations stand beside.
    base: String,
    parts: Vec<(Location, BulkPart)>,
    exact: HashMap<String, usize>,
    by_path: HashMap<String, Vec<usize>>,
}

/// Shows the count only: locations are identifiers of the sender.
impl fmt::Debug for BulkParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkParts({})", self.parts.len())
    }
}

impl BulkParts {
    /// No parts yet; `base` is the path of the request, such as `/dicom-web/studies`.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    /// Adds a part of this Content-Location.
    pub fn add(&mut self, location: &str, media: MediaType, data: Vec<Bytes>) {
        let known = self.exact.get(location).copied();
        if let Some((_, part)) = known.and_then(|place| self.parts.get_mut(place)) {
            part.parts.push(data);
            return;
        }
        let (place, key) = (self.parts.len(), Location::of(location, &self.base));
        self.exact.insert(location.to_owned(), place);
        self.by_path.entry(key.path.clone()).or_default().push(place);
        self.parts.push((key, BulkPart { media, parts: vec![data] }));
    }

    /// The part that a BulkDataURI means: the one of the same text, or else the only one
    /// that differs just in percent-encoding, dot segments, or being relative.
    pub fn find(&self, uri: &str) -> Option<&BulkPart> {
        let place = self.exact.get(uri).copied().or_else(|| self.only_alike(uri))?;
        self.parts.get(place).map(|(_, part)| part)
    }

    fn only_alike(&self, uri: &str) -> Option<usize> {
        let wanted = Location::of(uri, &self.base);
        let fits = |place: &&usize| self.parts.get(**place).is_some_and(|(key, _)| key.host_fits(&wanted));
        let mut alike = self.by_path.get(&wanted.path)?.iter().filter(fits);
        match (alike.next(), alike.next()) {
            (Some(place), None) => Some(*place),
            _ => None,
        }
    }
}

/// A location in a form that equal resources share.
#[derive(PartialEq, Eq)]
struct Location {
    /// Authority in lower case; `None` if relative.
    host: Option<String>,
    /// Decoded path and query without dot segments.
    path: String,
}

impl Location {
    fn of(text: &str, base: &str) -> Self {
        let (host, path) = match text.split_once("://") {
            Some((_, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(host.to_ascii_lowercase()), path.to_owned())
            }
            None if text.starts_with('/') => (None, text.to_owned()),
            None => (None, format!("{}/{text}", base.rsplit_once('/').map_or("", |(folder, _)| folder))),
        };
        let decoded = percent_decode_str(&path).decode_utf8_lossy();
        Self { host, path: without_dots(&decoded) }
    }

    fn host_fits(&self, other: &Self) -> bool {
        match (&self.host, &other.host) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        }
    }
}

/// A path without `.`, `..` and empty segments (RFC 3986 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parts(locations: &[&str]) -> BulkParts {
        let mut parts = BulkParts::new("/dicom-web/studies");
        for (place, location) in locations.iter().enumerate() {
            let data = vec![Bytes::from(place.to_string())];
            parts.add(location, MediaType::parse("application/octet-stream").unwrap(), data);
        }
        parts
    }

    fn found(locations: &[&str], uri: &str) -> Option<Bytes> {
        parts(locations).find(uri).and_then(|part| part.parts.concat().first().cloned())
    }

    #[test]
    fn stow_13_a_bulk_data_uri_is_joined_to_the_part_of_its_location() {
        assert_eq!(found(&["a", "b"], "b"), Some("1".into()));
        assert_eq!(found(&["a", "b"], "c"), None);
        assert_eq!(found(&["urn:uuid:1", "urn:uuid:2"], "urn:uuid:2"), Some("1".into()));
    }

    #[test]
    fn relative_encoded_and_dotted_forms_of_one_uri_are_alike() {
        for (location, uri) in [
            ("bulk/1", "./bulk/1"),
            ("bulk/1", "/dicom-web/bulk/1"),
            ("bulk/1", "http://h/dicom-web/bulk/1"),
            ("bulk/a%20b", "bulk/a b"),
            ("http://H/x/../bulk/%31", "HTTP://h/bulk/1"),
            ("bulk?a=1", "/dicom-web/bulk?a=1"),
        ] {
            assert_eq!(found(&["other", location], uri), Some("1".into()), "{location} {uri}");
        }
    }

    #[test]
    fn http_22_what_could_mean_two_parts_is_never_joined() {
        assert_eq!(found(&["http://a/1", "http://b/1"], "/1"), None);
        assert_eq!(found(&["http://a/1", "http://b/1"], "http://b/./1"), Some("1".into()));
        assert_eq!(found(&["http://a/1"], "http://b/1"), None);
    }

    #[test]
    fn parts_of_one_location_are_frames_in_the_order_sent() {
        let part = parts(&["p", "q", "p"]).find("p").cloned().unwrap();
        assert_eq!(part.parts, [vec![Bytes::from("0")], vec![Bytes::from("2")]]);
    }
}
