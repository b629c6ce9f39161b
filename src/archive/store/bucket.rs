//! A bucket of an S3-compatible server as a store. Nothing is read from the environment: what is needed is configured.

use super::{Trouble, Unusable};
use crate::archive::name;
use crate::downstream;
use crate::secret::Secret;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody};
use object_store::limit::LimitStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;
use std::time::Duration;

/// Objects up to this size are written at once; parts of larger ones have it. S3 takes no smaller parts but the last.
pub const PART: usize = 5 << 20;

/// Most parts of an object (S3).
const PARTS: u64 = 10_000;

/// To connect.
const CONNECT: Duration = Duration::from_secs(5);

/// Requests at the same time: each has a connection, and a process has not many files.
const AT_ONCE: usize = 256;

/// Attempts of one request come to an end within seconds: a client waits for it.
const RETRIES: usize = 4;
const RETRY_WITHIN: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Most bytes of an answer of ours that are read: a page of a listing.
const MAX_ANSWER: usize = 8 << 20;

/// What a signed query encodes: all but RFC 3986's unreserved letters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A bucket, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What our objects' keys begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// URL of the server, without the bucket and a slash at the end.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Who we are.
    pub access_key_id: String,
    /// The secret of that key.
    pub secret_access_key: Secret,
    /// PEM certificates of authorities to trust besides the system's.
    pub ca: Option<Vec<u8>>,
    /// Time for one request with its answer, which is a part or a range at the most.
    pub answer: Duration,
}

impl Bucket {
    /// The largest object, in bytes.
    pub const LARGEST: u64 = PARTS * PART as u64;
}

/// An open bucket.
pub(super) struct Open {
    pub(super) store: AmazonS3,
    /// What the keys of our objects begin with, with a slash at its end unless it is empty.
    pub(super) prefix: String,
    http: HttpClient,
    /// URL of the bucket.
    url: String,
    region: String,
    credential: AwsCredential,
}

/// Hands out the one client.
#[derive(Debug)]
struct Connector(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

impl Open {
    pub(super) fn new(bucket: &Bucket) -> Result<Self, Unusable> {
        let client = downstream::for_objects(CONNECT, bucket.answer, bucket.ca.as_deref());
        let http = HttpClient::new(client.map_err(|unusable| match unusable {
            downstream::Unusable::Certificates => Unusable::Certificates,
            _ => Unusable::Client,
        })?);
        let secret = bucket.secret_access_key.expose();
        let store = AmazonS3Builder::new()
            .with_http_connector(Connector(http.clone()))
            .with_endpoint(&bucket.endpoint)
            .with_region(&bucket.region)
            .with_bucket_name(&bucket.name)
            .with_access_key_id(&bucket.access_key_id)
            .with_secret_access_key(secret)
            .with_retry(retry())
            // Not every server knows the request that deletes many.
            .with_disable_bulk_delete(true)
            .build()
            .map_err(|_| Unusable::Client)?;
        let credential = AwsCredential {
            key_id: bucket.access_key_id.clone(),
            secret_key: secret.to_owned(),
            token: None,
        };
        Ok(Self {
            store,
            prefix: if bucket.prefix.is_empty() { String::new() } else { format!("{}/", bucket.prefix) },
            http,
            url: format!("{}/{}", bucket.endpoint, bucket.name),
            region: bucket.region.clone(),
            credential,
        })
    }

    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::new(LimitStore::new(PrefixStore::new(self.store.clone(), self.prefix.as_str()), AT_ONCE))
    }

    /// A page of a listing tells what is wrong, if anything is. An upload, begun and ended, shows that we may write,
    /// and leaves nothing.
    pub(super) async fn check(&self) -> Result<(), Unusable> {
        let (status, _) =
            self.get(&[("list-type", "2"), ("max-keys", "1"), ("prefix", &self.prefix)]).await?;
        match status {
            200..=299 => {}
            404 => return Err(Unusable::NoBucket),
            401 | 403 => return Err(Unusable::Denied),
            // S3's way to name the region or address that it wants.
            300..=400 => return Err(Unusable::Elsewhere),
            status => return Err(Unusable::Status(status)),
        }
        // Should we be killed in between, the sweep knows it for ours.
        let probe = name::new("start", None).map_err(|_| Trouble::Failed)?;
        let probe = Path::from(format!("{}{probe}", self.prefix));
        let written = async {
            let upload = self.store.create_multipart(&probe).await?;
            self.store.abort_multipart(&probe, &upload).await
        };
        written.await.map_err(|error| match Trouble::from(error) {
            Trouble::Denied => Unusable::Denied,
            trouble => trouble.into(),
        })
    }

    /// Asks something of the bucket that the object store's crate has no words for. Returns status and body.
    pub(super) async fn get(&self, query: &[(&str, &str)]) -> Result<(u16, Bytes), Trouble> {
        let request = self.signed(query).ok_or(Trouble::Failed)?;
        let answer = self.http.execute(request).await.map_err(|error| Trouble::from(&error))?;
        let status = answer.status().as_u16();
        let mut chunks = answer.into_body().bytes_stream();
        let mut body = Vec::new();
        while let Some(chunk) = chunks.try_next().await.map_err(|error| Trouble::from(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Trouble::Failed);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body.into()))
    }

    fn signed(&self, query: &[(&str, &str)]) -> Option<HttpRequest> {
        let encode = |text| utf8_percent_encode(text, QUERY);
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = http::Request::builder().method(Method::GET);
        let request = request.uri(format!("{}?{}", self.url, query.join("&")));
        let mut request: HttpRequest = request.body(HttpRequestBody::empty()).ok()?;
        let authorizer = AwsAuthorizer::new(&self.credential, "s3", &self.region);
        authorizer.try_authorize(&mut request, None).ok()?;
        Some(request)
    }
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_WITHIN }
}
