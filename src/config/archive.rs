//! Settings of the archive: a folder, memory, or a bucket with how it is reached. Settings of buckets mean nothing to
//! the other kinds, whose environment may well hold another program's.

use super::sources::Sources;
use super::{certificates, secret, values};
use crate::archive::{Bucket, Site};
use crate::dicomweb::links::Links;
use crate::secret::Secret;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What `archive.url` names, read but not complete.
enum Url {
    Site(Site),
    Bucket { name: String, prefix: String },
}

impl Default for Url {
    fn default() -> Self {
        Self::Site(Site::Memory)
    }
}

/// Where the archive lies; `data` is the data folder.
pub(super) fn site(from: &mut Sources, data: &Path) -> Site {
    match from.take("archive.url", |text| url(text, data)) {
        Url::Bucket { name, prefix } => Site::Bucket(Box::new(bucket(from, name, prefix))),
        Url::Site(Site::Memory) if !from.text("database").is_empty() => {
            from.wrong(
                "archive.url",
                "memory:// needs the database of its own that it has by default".to_owned(),
            );
            Site::Memory
        }
        Url::Site(site) => site,
    }
}

fn url(text: &str, data: &Path) -> Result<Url, String> {
    let site = match text.split_once("://") {
        _ if text.is_empty() => Site::Folder(data.join("archive")),
        None => Site::Folder(PathBuf::from(text)),
        Some(("file", path)) if path.starts_with('/') => Site::Folder(PathBuf::from(path)),
        Some(("memory", "" | "/")) => Site::Memory,
        Some(("s3", rest)) => return names(rest),
        // What stands behind the scheme may hold a password.
        Some((scheme, _)) => {
            return Err(format!(
                "{scheme}:// is not supported; give a folder, file:///folder, memory:// or s3://BUCKET/PREFIX"
            ));
        }
    };
    Ok(Url::Site(site))
}

/// Bucket and prefix, in letters that every server takes and no URL has to encode.
fn names(rest: &str) -> Result<Url, String> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_name = (3..=63).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || b"-.".contains(&byte))
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain);
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    if !is_name {
        return Err("no bucket has such a name: write s3://BUCKET/PREFIX, and keys into archive.access_key_id and archive.secret_access_key".to_owned());
    }
    if !prefix.is_empty() && !prefix.split('/').all(is_segment) {
        return Err(
            "the prefix must be words of letters, digits, - . _ with single slashes between".to_owned()
        );
    }
    Ok(Url::Bucket { name: name.to_owned(), prefix: prefix.to_owned() })
}

fn bucket(from: &mut Sources, name: String, prefix: String) -> Bucket {
    let region = from.take("archive.region", region);
    let allowed = from.take("archive.allow_http", values::flag);
    let endpoint = from.take("archive.endpoint", |text| endpoint(text, &region, allowed));
    let access_key_id = from.text("archive.access_key_id").to_owned();
    let secret = secret(from, "archive.secret_access_key", "archive.secret_access_key_file");
    if access_key_id.is_empty() || secret.is_none() {
        let missing = "a bucket needs archive.access_key_id and archive.secret_access_key (or its file)";
        from.wrong("archive.access_key_id", missing.to_owned());
    }
    let ca = from.take("archive.ca_file", certificates);
    let answer = from.take("archive.answer_time", values::time);
    let secret_access_key = secret.unwrap_or_else(|| Secret::new(""));
    Bucket { name, prefix, endpoint, region, access_key_id, secret_access_key, ca, answer }
}

/// A region stands in addresses and signatures.
fn region(text: &str) -> Result<String, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(text.to_owned()) } else { Err(format!("`{text}` is no region, such as eu-central-1")) }
}

/// The URL of the server, by default Amazon's in that region. Plain HTTP shows patients' pixels to the network.
fn endpoint(text: &str, region: &str, allowed: bool) -> Result<String, String> {
    if text.is_empty() {
        return Ok(format!("https://s3.{region}.amazonaws.com"));
    }
    let wrong = "give http:// or https://, a host and a port if needed, without credentials or query";
    let url = Links::new(text).map_err(|_| wrong)?.root().to_owned();
    let uri: http::Uri = url.parse().map_err(|_| wrong)?;
    if uri.scheme_str() == Some("http") && !allowed && !uri.host().is_some_and(is_loopback) {
        return Err(
            "http:// on another machine needs archive.allow_http = true; better give https://".to_owned()
        );
    }
    Ok(url)
}

/// True for a name or address, in brackets or not, of this machine alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::Config;

    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA1"), ("AWS_SECRET_ACCESS_KEY", "t0psecret")];

    fn load(url: &str, more: &[(&str, &str)]) -> Result<Site, String> {
        let own = [("VEILGATE_ARCHIVE_URL", url)];
        let environment = own.iter().chain(more).map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let config = Config::from_sources(None, environment, &[]);
        config.map(|config| config.archive).map_err(|mistakes| mistakes.to_string())
    }

    fn bucket(url: &str, more: &[(&str, &str)]) -> Bucket {
        match load(url, &[&KEYS, more].concat()) {
            Ok(Site::Bucket(bucket)) => *bucket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_folder_a_file_url_and_memory_need_nothing_else() {
        for (text, folder) in [("", "./data/archive"), ("/a/b", "/a/b"), ("file:///a/b", "/a/b"), ("a", "a")]
        {
            assert_eq!(load(text, &[("AWS_REGION", "!")]), Ok(Site::Folder(folder.into())), "{text}");
        }
        assert_eq!(load("memory://", &[]), Ok(Site::Memory));
        let shared = load("memory://", &[("VEILGATE_DATABASE", "postgres://u:p@h/d")]).unwrap_err();
        assert!(shared.contains("VEILGATE_ARCHIVE_URL"), "{shared}");
    }

    #[test]
    fn a_bucket_is_amazons_unless_an_endpoint_is_set() {
        let plain = bucket("s3://my.images/trial-7/a/", &[]);
        assert_eq!((plain.name.as_str(), plain.prefix.as_str()), ("my.images", "trial-7/a"));
        assert_eq!(plain.endpoint, "https://s3.us-east-1.amazonaws.com");
        assert_eq!((plain.access_key_id.as_str(), plain.secret_access_key.expose()), ("AKIA1", "t0psecret"));
        assert_eq!(
            bucket("s3://abc", &[("AWS_REGION", "eu-central-1")]).endpoint,
            "https://s3.eu-central-1.amazonaws.com"
        );
        let own =
            [("VEILGATE_ARCHIVE_ENDPOINT", "https://minio:9000/"), ("AWS_ENDPOINT_URL", "https://other")];
        assert_eq!(bucket("s3://abc", &own).endpoint, "https://minio:9000");
    }

    #[test]
    fn plain_http_stays_on_the_machine_unless_allowed() {
        for local in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:1"] {
            assert_eq!(bucket("s3://abc", &[("VEILGATE_ARCHIVE_ENDPOINT", local)]).endpoint, local);
        }
        let far = ("VEILGATE_ARCHIVE_ENDPOINT", "http://minio:9000");
        let refused = load("s3://abc", &[&KEYS[..], &[far]].concat()).unwrap_err();
        assert!(refused.contains("archive.allow_http"), "{refused}");
        let allowed = bucket("s3://abc", &[far, ("VEILGATE_ARCHIVE_ALLOW_HTTP", "true")]);
        assert_eq!(allowed.endpoint, "http://minio:9000");
    }

    #[test]
    fn mistakes_name_what_is_wrong_and_show_no_secret() {
        for url in [
            "s3://AKIA1:t0psecret@abc/p",
            "s3://",
            "s3://ab",
            "s3://a_b",
            "s3://-abc",
            "s3://abc/../p",
            "s3://abc//p",
            "gs://t0psecret@abc",
        ] {
            let mistakes = load(url, &KEYS).unwrap_err();
            assert!(
                mistakes.contains("VEILGATE_ARCHIVE_URL") && !mistakes.contains("t0psecret"),
                "{mistakes}"
            );
        }
        for (setting, text) in [
            ("ENDPOINT", "https://u:t0psecret@h"),
            ("ENDPOINT", "minio:9000"),
            ("REGION", "a b"),
            ("CA_FILE", "/nowhere"),
        ] {
            let name = format!("VEILGATE_ARCHIVE_{setting}");
            let mistakes = load("s3://abc", &[&KEYS[..], &[(&name, text)]].concat()).unwrap_err();
            assert!(mistakes.contains(&name) && !mistakes.contains("t0psecret"), "{mistakes}");
        }
        let lone = load("s3://abc", &KEYS[1..]).unwrap_err();
        assert!(lone.contains("archive.access_key_id") && !lone.contains("t0psecret"), "{lone}");
        let huge =
            load("s3://abc", &[&KEYS[..], &[("VEILGATE_LIMITS_INSTANCE", "64 GiB")]].concat()).unwrap_err();
        assert!(huge.contains("48"), "{huge}");
    }
}
