//! Where the chains ended when this gateway wrote into them last: on SQLite, where mostly nobody else does, it need not ask
//! before it goes on there.

use crate::db::chain::Tip;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Chains whose ends are remembered at most.
const MOST: usize = 1024;

/// Ends by project.
#[derive(Default)]
pub(super) struct Ends(Mutex<HashMap<String, Tip>>);

impl Ends {
    /// The end of a project's chain, to be gone on from: it is forgotten until it is left again.
    pub(super) fn take(&self, project: &str) -> Option<Tip> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(project)
    }

    /// A project's chain ends here now; that is committed.
    pub(super) fn leave(&self, project: &str, tip: Tip) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() >= MOST {
            ends.clear();
        }
        ends.insert(project.to_owned(), tip);
    }
}
