//! The closed lists of words that an entry is made of: kinds, actions, outcomes. A new action is one line here.

use serde::{Deserialize, Serialize};

/// What an entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One instance that was pseudonymized, delivered or not.
    Instance,
    /// One instance, or what was sent as one, that was refused.
    Refusal,
    /// One request as a whole; it follows the entries of its instances.
    Request,
    /// One administrative act.
    Act,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Instances were sent: STOW-RS (PS3.18 10.5) or the simple upload.
    Store,
    /// Instances made on pseudonymized data were sent, led back to their originals and stored at the clinical origin.
    Restore,
    /// Instances, metadata, frames, bulk data or renderings were read: WADO-RS (PS3.18 10.4).
    Retrieve,
    /// A search: QIDO-RS (PS3.18 10.6).
    Search,
    /// Stored instances were deleted.
    Delete,
    /// A customer was made or changed.
    ChangeCustomer,
    /// A project was made.
    MakeProject,
    /// A project's profile was changed.
    ChangeProfile,
    /// Other settings of a project were changed.
    ChangeProject,
    /// A project's own pseudonyms of patients were changed.
    ChangePseudonyms,
    /// An API key was made.
    MakeKey,
    /// An API key was revoked.
    RevokeKey,
    /// Secrets were wrapped anew under another master key.
    RotateMasterKey,
    /// Originals were asked for by their pseudonyms, or pseudonyms by their originals. A request's counts are of names found
    /// and not.
    Reidentify,
    /// One instance was looked at before and after, and neither kept nor delivered.
    Preview,
    /// Entries of this chain were read page by page.
    ReadAudit,
    /// This chain was exported.
    ExportAudit,
    /// A checkpoint of this chain was signed and kept.
    KeepCheckpoint,
    /// A segment of this chain was sealed and its entries deleted.
    SealSegment,
    /// The tier of a customer was changed.
    ChangeTier,
    /// A page of the payment provider was opened, to buy a plan or to change what was bought.
    Buy,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As asked.
    Done,
    /// Of a request: for some of its instances.
    Partial,
    /// Not done because of what was asked or sent, or by whom.
    Refused,
    /// Not done because we, or a server behind us, could not.
    Failed,
}
