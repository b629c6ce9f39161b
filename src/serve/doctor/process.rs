//! What the system lets the process have: file descriptors, memory.

use super::Finding;
use crate::config::Config;
use crate::serve::descriptors::{OF_A_REQUEST, OF_OTHERS, most};
use std::path::{Path, PathBuf};

/// Memory of a server without requests, with some to spare.
const IDLE: u64 = 64 << 20;

/// Open files.
pub(super) fn descriptors(config: &Config) -> Finding {
    const CHECK: &str = "descriptors";
    let Some(most) = most() else { return Finding::ok(CHECK, "without bound") };
    let needed = (config.layers.concurrent as u64).saturating_mul(OF_A_REQUEST).saturating_add(OF_OTHERS);
    let seen = format!("{most} files may be open; limits.concurrent may need {needed}");
    if most >= needed {
        return Finding::ok(CHECK, seen);
    }
    let advice = "raise it for the server (`ulimit -n`, LimitNOFILE= of systemd), or lower limits.concurrent";
    Finding::warning(CHECK, seen, advice)
}

/// Memory of the control group.
pub(super) fn memory(config: &Config) -> Finding {
    const CHECK: &str = "memory";
    let Some(limit) = control_group(Path::new("/")) else {
        return Finding::ok(CHECK, "without bound of a control group");
    };
    let needed = config.limits.memory.saturating_add(IDLE);
    let seen =
        format!("{} MiB at most; with limits.memory the server may need {} MiB", limit >> 20, needed >> 20);
    if limit >= needed {
        return Finding::ok(CHECK, seen);
    }
    let advice = "raise the bound of the container, or lower limits.memory";
    Finding::warning(CHECK, seen, advice)
}

/// The least bound of the control groups that we are in, in bytes, if there is one. `root` is `/` but in tests.
fn control_group(root: &Path) -> Option<u64> {
    let own = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let second = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let first = own.lines().find_map(|line| line.split_once(":memory:/").map(|(_, path)| path));
    let second = second.map(|path| bounds(&root.join("sys/fs/cgroup"), path, "memory.max"));
    let first = first.map(|path| bounds(&root.join("sys/fs/cgroup/memory"), path, "memory.limit_in_bytes"));
    // Version 1 writes no bound as the largest number of whole pages.
    second.into_iter().chain(first).flatten().filter(|bound| *bound < 1 << 60).min()
}

/// The bounds of a group and of those above it. In a container of its own the path leads nowhere, and the root is ours.
fn bounds(mount: &Path, path: &str, file: &str) -> Vec<u64> {
    let own: PathBuf = mount.join(path);
    let groups = own.ancestors().take_while(|group| group.starts_with(mount));
    groups.filter_map(|group| std::fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_least_bound_of_the_groups_holds() {
        let deep = root(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
        ]);
        assert_eq!(control_group(deep.path()), Some(1000));
        let container = root(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "2000\n")]);
        assert_eq!(control_group(container.path()), Some(2000));
        let first = root(&[
            ("proc/self/cgroup", "5:cpu:/x\n4:memory:/x\n"),
            ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "3000\n"),
        ]);
        assert_eq!(control_group(first.path()), Some(3000));
    }

    #[test]
    fn no_bound_is_none() {
        let free = root(&[
            ("proc/self/cgroup", "4:memory:/\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
        ]);
        assert_eq!(control_group(free.path()), None);
        assert_eq!(control_group(root(&[]).path()), None);
    }
}
