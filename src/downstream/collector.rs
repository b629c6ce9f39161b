//! POST of finished spans to the collector that the operator named. What they are, and when they go, is `otlp`'s.

use super::fault::{self, Fault};
use super::{Unusable, client, headers};
use crate::secret::Secret;
use bytes::Bytes;
use std::time::Duration;

/// Time to connect, and for the whole exchange.
const CONNECT: Duration = Duration::from_secs(3);
const WHOLE: Duration = Duration::from_secs(10);

/// Most bytes of an answer that are read.
const MOST: usize = 64 << 10;

/// A client for a collector.
#[derive(Debug, Clone)]
pub struct Collector {
    http: reqwest::Client,
}

impl Collector {
    /// One that sends these headers and trusts the authorities in `ca` (PEM) besides the system's.
    ///
    /// # Errors
    /// A header is not legal, or there are no certificates that can be read.
    pub fn new(pairs: &[(String, Secret)], ca: Option<&[u8]>) -> Result<Self, Unusable> {
        let builder = client::builder(CONNECT, ca)?.timeout(WHOLE).default_headers(headers(pairs)?);
        Ok(Self { http: builder.build().map_err(|_| Unusable::Tls)? })
    }

    /// One exchange.
    ///
    /// # Errors
    /// There is no whole answer in time, or it is too large.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Fault> {
        let request = request.try_into().map_err(|_| Fault::Unsupported)?;
        let mut response = self.http.execute(request).await.map_err(|error| fault::of_error(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault::of_error(&error))? {
            if body.len() + chunk.len() > MOST {
                return Err(Fault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::new(body.into());
        *answer.status_mut() = response.status();
        Ok(answer)
    }
}
