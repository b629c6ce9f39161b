//! URLs under the configured public base (PS3.18 8.2, 10.1.1). Built from the setting
//! alone: Host and forwarding headers of a request are wrong behind many proxies and
//! with clients that leave out the port.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unencoded anywhere (RFC 3986 unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The public URL of a DICOMweb root, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    base: String,
}

/// A URL under which a DICOMweb root is to stand, of ours or of another server, cannot be used. A fault of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBase {
    /// Not `http://host…` or `https://host…`.
    #[error("the URL must begin with http:// or https:// and a host")]
    NotHttp,
    /// It has a query, a fragment, credentials, white space or other unsafe characters.
    #[error("the URL must not hold a query, a fragment, credentials or white space")]
    Unsafe,
}

impl Links {
    /// Links below `base`, the absolute URL of the DICOMweb root.
    pub fn new(base: &str) -> Result<Self, BadBase> {
        let lower = base.to_ascii_lowercase();
        let rest = lower
            .strip_prefix("http://")
            .or_else(|| lower.strip_prefix("https://"))
            .ok_or(BadBase::NotHttp)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{}|".contains(&byte);
        if authority.is_empty() {
            Err(BadBase::NotHttp)
        } else if authority.contains('@') || !base.bytes().all(plain) {
            Err(BadBase::Unsafe)
        } else {
            Ok(Self { base: base.trim_end_matches('/').to_owned() })
        }
    }

    /// The DICOMweb root itself.
    pub fn root(&self) -> &str {
        &self.base
    }

    /// `{base}/studies/{study}` (PS3.18 10.1.1.1).
    pub fn study(&self, study: &str) -> String {
        format!("{}/studies/{}", self.base, segment(study))
    }

    /// `{base}/studies/{study}/series/{series}` (PS3.18 10.1.1.2).
    pub fn series(&self, study: &str, series: &str) -> String {
        format!("{}/series/{}", self.study(study), segment(series))
    }

    /// `{base}/studies/{study}/series/{series}/instances/{instance}` (PS3.18 10.1.1.3).
    pub fn instance(&self, study: &str, series: &str, instance: &str) -> String {
        format!("{}/instances/{}", self.series(study, series), segment(instance))
    }
}

/// Text as a path segment, or as a value of a query.
pub(crate) fn segment(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, SEGMENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn links_stand_under_the_configured_base() {
        let links = Links::new("https://pacs.example.org:8443/dicom-web/").unwrap();
        assert_eq!(links.root(), "https://pacs.example.org:8443/dicom-web");
        let expected = "https://pacs.example.org:8443/dicom-web/studies/1.2/series/1.3/instances/1.4";
        assert_eq!(links.instance("1.2", "1.3", "1.4"), expected);
    }

    #[test]
    fn what_is_no_uid_cannot_leave_its_path_segment() {
        let links = Links::new("http://h").unwrap();
        assert_eq!(links.study("../x?y#z\u{e9}"), "http://h/studies/..%2Fx%3Fy%23z%C3%A9");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_of_whichever_it_is() {
        for bad in [BadBase::NotHttp, BadBase::Unsafe] {
            assert!(bad.to_string().starts_with("the URL must"), "{bad}");
        }
    }

    #[test]
    fn a_base_that_is_no_plain_http_url_is_refused() {
        for bad in ["", "/dicom-web", "ftp://h", "https://", "https:///x"] {
            assert_eq!(Links::new(bad), Err(BadBase::NotHttp), "{bad}");
        }
        for bad in ["http://u:p@h/", "http://h/?a", "http://h/#a", "http://h/a b", "http://h/\r\nX: y"] {
            assert_eq!(Links::new(bad), Err(BadBase::Unsafe), "{bad}");
        }
    }
}
