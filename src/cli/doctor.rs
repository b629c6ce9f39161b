//! `veilgate doctor`: tries what a server of these settings needs, and prints what is wrong and what to do. What is tried
//! is `serve::doctor`'s.

use super::args::DoctorArgs;
use super::store::block_on;
use super::{Exit, Failure, stdio};
use crate::serve::doctor::{self, Finding, State};
use std::fmt::Write;

/// Examines the settings, and all that they name.
///
/// # Errors
/// Standard output is closed, or the system gives no threads.
pub fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let found = match super::serve::load(&args.serve) {
        Ok(config) => block_on(async { Ok(doctor::examine(&config).await) })?,
        Err(mistakes) => {
            let fault = |mistake: &crate::config::Mistake| {
                let seen = format!("{}: {}", mistake.place, mistake.text);
                Finding::fault("settings", seen, "correct it; nothing else was looked at")
            };
            mistakes.0.iter().map(fault).collect()
        }
    };
    stdio::print(&if args.json { json(&found) } else { table(&found) })?;
    let broken = found.iter().any(|finding| finding.state == State::Fault);
    Ok(if broken { Exit::Refused } else { Exit::Done })
}

fn json(found: &[Finding]) -> String {
    serde_json::to_string_pretty(found).unwrap_or_default() + "\n"
}

/// One line a finding, whatever it holds, and the counts.
fn table(found: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { state, check, seen, advice } in found {
        let advice = if advice.is_empty() { String::new() } else { format!(" -> {advice}") };
        let line = format!("{seen}{advice}").replace('\n', "; ");
        let _ = writeln!(text, "{:<8} {check:<12} {line}", state.word());
    }
    let count = |state| found.iter().filter(|finding| finding.state == state).count();
    let (ok, warnings, faults) = (count(State::Ok), count(State::Warning), count(State::Fault));
    let (warnings, faults) = (counted(warnings, "warning"), counted(faults, "fault"));
    let _ = writeln!(text, "{ok} ok, {warnings}, {faults}");
    text
}

/// So many of them.
fn counted(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_no_faults() {
        let told = table(&[Finding::fault("clock", "late", "wait")]);
        assert!(told.ends_with("\n0 ok, 0 warnings, 1 fault\n"), "{told}");
    }
}
