//! Bodies that are read whole: bounded, and as JSON.

use crate::layer::body::BodyFault;
use crate::problem::{Account, Problem};
use axum::body::{Body, Bytes, HttpBody};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

/// Reads a body that is to be this JSON object; nothing stands for `{}`. What is wrong with it is told by place alone: it
/// may hold secrets and originals.
pub(super) async fn json<T: DeserializeOwned>(body: Body, most: u64) -> Result<T, Problem> {
    let bytes = bounded(body, most).await?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    // A list would be taken for the members in their order.
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::Account(Account::Json { line: 1, column: 1 }));
    }
    serde_json::from_slice(text)
        .map_err(|error| Problem::Account(Account::Json { line: error.line(), column: error.column() }))
}

/// Reads a body of at most so many bytes.
pub(super) async fn bounded(body: Body, most: u64) -> Result<Bytes, Problem> {
    let too_large = Problem::BodyTooLarge { limit: most };
    if body.size_hint().lower() > most {
        return Err(too_large);
    }
    let (mut bytes, mut chunks) = (Vec::new(), body.into_data_stream());
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| Problem::from(BodyFault::of(&error)))?);
        if bytes.len() as u64 > most {
            return Err(too_large);
        }
    }
    Ok(bytes.into())
}
