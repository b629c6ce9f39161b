//! Open files: how many the system lets the process have, and how many connections they leave room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of a request at its worst: its client, a server or file that it goes to, its spool file.
pub(super) const OF_A_REQUEST: u64 = 3;

/// Descriptors beside requests: the database, the log, the chain's witness, clients that are connected and silent.
pub(super) const OF_OTHERS: u64 = 128;

/// Connections that are taken however few files may be open.
const FEWEST: u64 = 16;

/// Most files that may be open; `None` is without bound. The server raises the soft bound up to the hard one.
pub(super) fn most() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Lets the process open as many files as it may at all: what a shell hands down is often much less.
pub(super) fn raise() {
    let maximum = most();
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::debug!("the bound of open files stays as it is");
    }
}

/// How many connections may be open: `wanted`, unless that leaves too few files for so many requests at once.
pub(super) fn connections(wanted: usize, concurrent: usize) -> usize {
    room(wanted, concurrent, getrlimit(Resource::Nofile).current)
}

fn room(wanted: usize, concurrent: usize, files: Option<u64>) -> usize {
    let Some(files) = files else { return wanted };
    let beside = (concurrent as u64).saturating_mul(OF_A_REQUEST - 1).saturating_add(OF_OTHERS);
    let left = files.saturating_sub(beside).max(FEWEST);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_requests() {
        assert_eq!(room(10_000, 256, None), 10_000);
        assert_eq!(room(10_000, 256, Some(65_536)), 10_000);
        assert_eq!(room(10_000, 256, Some(1024)), 1024 - 128 - 512);
        assert_eq!(room(10_000, 256, Some(64)), 16, "some are always taken");
        assert_eq!(room(8, 256, Some(64)), 8);
    }
}
