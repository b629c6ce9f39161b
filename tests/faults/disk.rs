//! Small file systems in memory, mounted for a test: so a disk is full or read-only as disks are.

use crate::support::rig;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system, unmounted when dropped.
pub struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Of so many MiB, on a folder that is made for it. None where this user may not mount: then the test is skipped,
    /// but not in CI.
    pub fn mount(path: &Path, size: u32) -> Option<Disk> {
        std::fs::create_dir_all(path).unwrap();
        let options = format!("size={size}m,mode=0700");
        match run(&["mount", "-t", "tmpfs", "-o", &options, "none"], path) {
            Ok(()) => Some(Disk { path: path.to_owned() }),
            Err(why) => rig::missing(&format!("a file system of its own ({why})")),
        }
    }

    /// Takes all the room that is left; it comes back when the file is removed.
    pub fn fill(&self) -> PathBuf {
        let file = self.path.join("filler");
        let mut filler = std::fs::File::create(&file).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while std::io::Write::write_all(&mut filler, &vec![0; size]).is_ok() {}
        }
        file
    }

    /// Nothing may be written any more, or again.
    pub fn make(&self, mode: &str) {
        run(&["mount", "-o", &format!("remount,{mode}")], &self.path).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(&["umount", "-l"], &self.path);
    }
}

fn run(command: &[&str], path: &Path) -> Result<(), String> {
    let output =
        Command::new(command[0]).args(&command[1..]).arg(path).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}
