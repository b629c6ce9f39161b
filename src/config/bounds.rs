//! Bounds and deadlines, as they are handed on. Where they are read is `super`; what they bound lies below.

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
