//! The parameters of a search (PS3.18 8.3.4, 10.6.1) as a typed query.

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {}
