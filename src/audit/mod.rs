//! The audit chain, pure: entries, hashes, signatures, and the verifier that finds what was done to them. No SQL, no
//! HTTP, no clock; storage is in `db`, when to write is decided in `layer`.
//!
//! | I want to know | open |
//! |---|---|
//! | what an entry may hold, and from what it is made | [`event`], [`action`] |
//! | how entries are linked | [`chain`] |
//! | what is signed, what a client or an auditor keeps | [`checkpoint`], [`key`] |
//! | what bytes are hashed | `canonical` |
//! | the lines of an export | [`export`] |
//! | the rows of a database | [`stored`] |
//! | what is found, and how | [`finding`], [`verify`] |
//!
//! What each defence is against:
//!
//! | tampering | found by |
//! |---|---|
//! | an entry edited, deleted, inserted, moved | its hash, and the number and hash its neighbours name |
//! | all entries from one on made anew | any later checkpoint; without the signing key none can be made |
//! | the end cut off | the closing checkpoint of an export, the last checkpoint of a database |
//! | a database rolled back to a backup | a later checkpoint or receipt that somebody kept |
//! | made anew by who has the signing key too | any checkpoint or receipt that somebody kept |
//! | another project's or another key's chain shown | the genesis, which binds both |
//!
//! Entries after the last checkpoint rest on their hashes alone, which anyone can work out: see
//! [`report::Seen::vouched`].

pub mod action;
mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod digest;
pub mod event;
pub mod export;
pub mod finding;
mod gaps;
mod kept;
pub mod key;
pub mod report;
pub mod stored;
mod tip;
pub mod value;
pub mod verify;
