//! How much one instance, one request and all of them may take, and how long a connection may.

use super::sources::Sources;
use super::values;
use crate::deid::rewriter::COPIES;
use std::time::Duration;

/// Bounds of one instance and of what is held for a request, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Head, and tail, of an instance.
    pub head: u64,
    /// An instance.
    pub instance: u64,
    /// Parts of a request, a number.
    pub parts: usize,
    /// What is held to join metadata and bulk data.
    pub metadata: u64,
    /// What an answer holds in memory.
    pub spool_memory: u64,
    /// What all requests hold together.
    pub memory: u64,
}

/// Deadlines of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// For the headers of a request, and for a TLS handshake.
    pub header: Duration,
    /// Of silence.
    pub idle: Duration,
    /// For running requests after SIGTERM.
    pub drain: Duration,
}

/// Reads them; together they must leave room for the largest request.
pub(super) fn limits(from: &mut Sources) -> Limits {
    let limits = Limits {
        head: from.take("limits.head", values::size),
        instance: from.take("limits.instance", values::size),
        parts: from.take("limits.parts", values::count),
        metadata: from.take("limits.metadata", values::size),
        spool_memory: from.take("limits.spool_memory", values::size),
        memory: from.take("limits.memory", values::size),
    };
    let least = limits.metadata.max(limits.head.saturating_mul(COPIES));
    if limits.memory < least {
        let least = least.div_ceil(1 << 20);
        let why = format!("the largest request needs {least} MiB (limits.metadata, three times limits.head)");
        from.wrong("limits.memory", why);
    }
    limits
}
