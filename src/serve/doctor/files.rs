//! The data folder with its rights and its disk, and the files that hold secrets.

use super::Finding;
use crate::archive::Site;
use crate::config::Config;
use crate::serve::master;
use rustix::fs::{Access, StatVfs};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const FOLDER: &str = "data folder";
const DISK: &str = "disk";
const SECRETS: &str = "secret files";

/// With less free space the server will fail soon,
const FULL: u64 = 100 << 20;

/// and with less than this somebody should look.
const LITTLE: u64 = 1 << 30;

/// The data folder, and the disks that it and the archive lie on.
pub(super) fn data(config: &Config) -> Vec<Finding> {
    let data = config.data.as_path();
    let Some(there) = nearest(data) else {
        return vec![Finding::fault(FOLDER, "there is no folder that it could be made in", "set `data`")];
    };
    let mut found = if there == data { folder(data) } else { vec![to_be_made(there)] };
    found.extend(disk(there, "the data folder"));
    if let Site::Folder(archive) = &config.archive
        && let Some(other) = nearest(archive)
        && device(other) != device(there)
    {
        // Nothing is moved between the two: the archive writes beside its objects. Each can be full by itself.
        found.extend(disk(other, "the archive folder"));
    }
    found
}

/// The folder itself, or what is there of the folders above it.
fn nearest(path: &Path) -> Option<&Path> {
    let found = path.ancestors().find(|it| it.exists());
    // The last ancestor of a relative path is the empty one: where we stand.
    found.or_else(|| path.is_relative().then_some(Path::new(".")))
}

fn to_be_made(above: &Path) -> Finding {
    if above.is_dir() && may(above, Access::WRITE_OK | Access::EXEC_OK) {
        return Finding::ok(FOLDER, "is made at the first start");
    }
    Finding::fault(
        FOLDER,
        "is not there and cannot be made",
        "make it, owned by the user that the server runs as (mode 0700), or set `data`",
    )
}

fn folder(data: &Path) -> Vec<Finding> {
    let Ok(meta) = data.metadata() else {
        return vec![Finding::fault(FOLDER, "cannot be looked at", "run this as the user of the server")];
    };
    if !meta.is_dir() {
        return vec![Finding::fault(FOLDER, "is a file", "move it away, or set `data`")];
    }
    let (us, owner) = (rustix::process::geteuid().as_raw(), meta.uid());
    let mut found = Vec::new();
    if us == 0 && owner != 0 {
        found.push(Finding::warning(
            FOLDER,
            "belongs to another user than the one who looks",
            "run this as the user of the server: what that user may is not seen from here",
        ));
    }
    if !may(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        found.push(Finding::fault(FOLDER, "cannot be written", "chown it to the user of the server"));
    }
    found.extend(closed_files(data));
    if meta.mode() & 0o077 != 0 {
        let (seen, advice) = ("others may enter it", "chmod 700, as the next start of the server does");
        match us == 0 || us == owner {
            true => found.push(Finding::warning(FOLDER, seen, advice)),
            false => {
                found.push(Finding::fault(FOLDER, seen, "chown it to the user of the server, chmod 700"))
            }
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(FOLDER, "is there, and only its owner may enter"));
    }
    found
}

/// What stands in the folder that the server could not write, mostly made by root.
fn closed_files(data: &Path) -> Option<Finding> {
    let entries = data.read_dir().ok()?;
    let closed = |path: &Path| !may(path, Access::READ_OK | Access::WRITE_OK);
    let closed = entries.flatten().filter(|entry| closed(&entry.path())).count();
    (closed > 0).then(|| {
        let seen = format!("{closed} entries in it cannot be read and written");
        Finding::fault(FOLDER, seen, "chown -R it to the user of the server")
    })
}

fn may(path: &Path, access: Access) -> bool {
    rustix::fs::access(path, access).is_ok()
}

fn device(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|meta| meta.dev())
}

fn disk(path: &Path, whose: &str) -> Vec<Finding> {
    let Ok(disk) = rustix::fs::statvfs(path) else {
        return vec![Finding::warning(DISK, format!("of {whose}: is not told"), "see `df`")];
    };
    let mut found = vec![space(&disk, whose)];
    if let Some((seen, advice)) = fleeting(path) {
        found.push(Finding::warning(DISK, format!("of {whose}: {seen}"), advice));
    }
    found
}

fn space(disk: &StatVfs, whose: &str) -> Finding {
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let seen = format!("of {whose}: {} MiB free", free >> 20);
    let advice = "free some, or move to a larger disk: without space requests are answered with 503";
    match free {
        _ if disk.f_files > 0 && disk.f_favail == 0 => {
            Finding::fault(DISK, format!("of {whose}: no file can be made any more (inodes)"), advice)
        }
        0..FULL => Finding::fault(DISK, seen, advice),
        FULL..LITTLE => Finding::warning(DISK, seen, advice),
        _ => Finding::ok(DISK, seen),
    }
}

/// Kinds of file systems on which a database and an archive do not last, or are not safe.
#[cfg(target_os = "linux")]
fn fleeting(path: &Path) -> Option<(&'static str, &'static str)> {
    const LOST: &str = "is lost with the container or machine";
    const VOLUME: &str = "mount a volume there";
    const SHARED: &str = "lies on another machine, where SQLite's locks and syncs may not hold";
    const LOCAL: &str = "take a local disk, or PostgreSQL and a bucket";
    match u64::try_from(rustix::fs::statfs(path).ok()?.f_type).ok()? & 0xFFFF_FFFF {
        // tmpfs, ramfs; overlayfs.
        0x0102_1994 | 0x8584_58F6 | 0x794C_7630 => Some((LOST, VOLUME)),
        // NFS, SMB, CIFS, SMB2, 9P.
        0x6969 | 0x517B | 0xFF53_4D42 | 0xFE53_4D42 | 0x0102_1997 => Some((SHARED, LOCAL)),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn fleeting(_: &Path) -> Option<(&'static str, &'static str)> {
    None
}

/// The files that the settings name for secrets, and those of the data folder.
pub(super) fn secrets(config: &Config) -> Vec<Finding> {
    let named = config.secret_files.iter().map(|(name, file)| (*name, file.as_path()));
    let [own, left] = master::files(&config.data);
    let first = config.data.join(crate::serve::folder::FIRST_API_KEY);
    let kept = [("DATA/master.key", own.as_path()), ("DATA/first-api-key", first.as_path())];
    let there = kept.into_iter().filter(|(_, file)| file.exists());
    let mut found: Vec<Finding> = named.chain(there).filter_map(|(name, file)| secret(name, file)).collect();
    if config.master_key.is_none() && left.exists() {
        found.push(Finding::warning(
            SECRETS,
            "a rotation of the master key broke off: DATA/master.key.new is still there",
            "run `veilgate master-key rotate` once more",
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(SECRETS, "nobody else may read them"));
    }
    found
}

/// What is wrong with a file that holds a secret. Group members may be meant: an orchestrator mounts secrets so.
fn secret(name: &str, file: &Path) -> Option<Finding> {
    if !may(file, Access::READ_OK) {
        let advice = "chown it to the user of the server, chmod 600";
        return Some(Finding::fault(SECRETS, format!("{name} cannot be read"), advice));
    }
    let everybody = file.metadata().is_ok_and(|meta| meta.mode() & 0o007 != 0);
    everybody.then(|| {
        let seen = format!("everybody on this machine may read {name}");
        Finding::warning(SECRETS, seen, "chmod 600; in a container that holds nobody else it may stay")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::State;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn config(data: &Path, more: &[(&str, &str)]) -> Config {
        let environment = more.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Config::from_sources(None, environment, &[("data", data.display().to_string())]).unwrap()
    }

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_can_be_made_where_we_may_write_and_is_not_made() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("a/b");
        let found = data_state(&data);
        assert_eq!(found, State::Ok);
        assert!(!parent.path().join("a").exists());
        std::fs::write(parent.path().join("a"), "").unwrap();
        assert_eq!(data_state(&data), State::Fault, "below a file nothing can be made");
        assert_eq!(nearest(Path::new("never/there")), Some(Path::new(".")));
    }

    fn data_state(data: &Path) -> State {
        super::data(&config(data, &[]))[0].state
    }

    #[test]
    fn rights_of_others_are_told_and_left_as_they_are() {
        let data = tempfile::tempdir().unwrap();
        mode(data.path(), 0o755);
        assert_eq!(data_state(data.path()), State::Warning);
        assert_eq!(data.path().metadata().unwrap().mode() & 0o777, 0o755);
        mode(data.path(), 0o700);
        assert_eq!(data_state(data.path()), State::Ok);
    }

    #[test]
    fn a_secret_that_everybody_may_read_is_told_by_its_name_and_not_shown() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("admin");
        std::fs::write(&file, "0123456789abcdef").unwrap();
        let config = config(data.path(), &[("VEILGATE_ADMIN_KEY_FILE", file.to_str().unwrap())]);
        mode(&file, 0o640);
        assert_eq!(secrets(&config)[0].state, State::Ok, "a group may be meant");
        mode(&file, 0o644);
        let found = secrets(&config);
        assert!(found[0].state == State::Warning && found[0].seen.contains("admin_key_file"), "{found:?}");
        std::fs::write(data.path().join("master.key.new"), "").unwrap();
        assert!(secrets(&config)[1].seen.contains("broke off"));
    }
}
