//! What the system says about the process, read from /proc where there is one.

use super::Metrics;
use std::fs;

/// Looks once.
pub(super) fn look(metrics: &Metrics) {
    let memory = line("/proc/self/status", "VmRSS:").and_then(|rest| number(&rest));
    if let Some(kilobytes) = memory {
        metrics.memory.set(kilobytes.saturating_mul(1024));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        metrics.open_files.set(i64::try_from(open.count()).unwrap_or(i64::MAX));
    }
    if let Some(most) = line("/proc/self/limits", "Max open files").and_then(|rest| number(&rest)) {
        metrics.most_files.set(most);
    }
}

/// What stands behind the beginning of a line.
fn line(file: &str, begin: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(begin)).map(str::to_owned)
}

fn number(text: &str) -> Option<i64> {
    text.split_whitespace().next()?.parse().ok()
}
