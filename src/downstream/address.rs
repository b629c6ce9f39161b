//! URLs of the downstream server: which of those that it names lie below its root. Others are never followed: they would
//! let it send us, with our credentials, wherever it likes.

use super::Downstream;
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// The configured root with a slash at its end.
pub(super) fn root(url: &str) -> Option<Url> {
    Url::parse(&format!("{}/", url.trim_end_matches('/'))).ok().filter(Url::has_host)
}

impl Downstream {
    /// The path below the root, with its query, that `uri` means in the answer to a request for `beside`, which is one
    /// itself. `None` if it lies elsewhere.
    pub fn below(&self, beside: &str, uri: &str) -> Option<String> {
        let url = self.root.join(beside).ok()?.join(uri).ok()?;
        let same = url.scheme() == self.root.scheme()
            && url.host() == self.root.host()
            && url.port_or_known_default() == self.root.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none();
        let path = url.path().strip_prefix(self.root.path()).filter(|path| same && is_straight(path))?;
        Some(match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        })
    }
}

/// No segment, decoded, climbs.
fn is_straight(path: &str) -> bool {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    decoded.split(['/', '\\']).all(|segment| segment != "..")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::client;

    #[test]
    fn what_lies_below_the_root_is_followed_however_it_is_written() {
        let client = client("http://pacs:8042/dicom-web");
        let below = |uri: &str| client.below("studies/1/metadata", uri);
        let expected = Some("studies/1/bulk/7".to_owned());
        for uri in [
            "http://pacs:8042/dicom-web/studies/1/bulk/7",
            "HTTP://PACS:8042/dicom-web/x/../studies/1/bulk/7#part",
            "/dicom-web/studies/1/bulk/7",
            "bulk/7",
            "./bulk/7",
            "../1/bulk/7",
        ] {
            assert_eq!(below(uri), expected, "{uri}");
        }
        assert_eq!(below("bulk?a=1&b=%2F").as_deref(), Some("studies/1/bulk?a=1&b=%2F"));
    }

    #[test]
    fn what_lies_elsewhere_is_not() {
        let client = client("https://pacs/dicom-web/");
        for uri in [
            "http://pacs/dicom-web/studies",
            "https://pacs:8443/dicom-web/studies",
            "https://pacs.evil/dicom-web/studies",
            "https://pacs@evil/dicom-web/studies",
            "https://user@pacs/dicom-web/studies",
            "https://:x@pacs/dicom-web/studies",
            "//evil/dicom-web/studies",
            "https://pacs/dicom-webs/studies",
            "https://pacs/instances",
            "../../../instances",
            "../%2E%2E/../instances",
            "..%2F..%2F..%2Finstances",
            "..%5C..%5Cinstances",
            "file:///etc/passwd",
            "data:,x",
            "",
        ] {
            let below = client.below("studies/1/metadata", uri);
            assert!(below.is_none() || uri.is_empty(), "{uri}: {below:?}");
        }
        assert!(client.below("studies/1/metadata", "https://PACS:443/dicom-web/studies").is_some());
    }
}
