//! PS3.15 Annex E clause by clause: each test is named by the id of `checklist_ps3_15.tsv` that it proves. Which id is
//! proved by which test stands in `clauses.tsv`, what is done otherwise in `deviations.tsv`; `ledger` holds them together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../tests/drive/mod.rs"]
mod drive;
#[path = "../tests/support/mod.rs"]
mod support;

#[path = "ps3_15/actions.rs"]
mod actions;
#[path = "ps3_15/dates.rs"]
mod dates;
#[path = "ps3_15/core.rs"]
mod duties;
#[path = "ps3_15/graphics.rs"]
mod graphics;
#[path = "ps3_15/instance.rs"]
mod instance;
#[path = "ps3_15/ledger.rs"]
mod ledger;
#[path = "ps3_15/marks.rs"]
mod marks;
#[path = "ps3_15/meta.rs"]
mod meta;
#[path = "ps3_15/pixels.rs"]
mod pixels;
#[path = "ps3_15/private.rs"]
mod private;
#[path = "ps3_15/retain.rs"]
mod retain;
#[path = "ps3_15/sequences.rs"]
mod sequences;
#[path = "ps3_15/structured.rs"]
mod structured;
#[path = "ps3_15/uids.rs"]
mod uids;
