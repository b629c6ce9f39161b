//! `veilgate deid`: many files at once through the rewriter, nothing overwritten, each
//! with its outcome.
//!
//! | I want to … | open |
//! |---|---|
//! | know which files are found and in which order | `source`, `archive` |
//! | follow the bytes of one file | `worker`, `chunks`, `staging` |
//! | know what an output is called | `naming` |
//! | know when it gets its name, and what is written about it | `ledger`, `record`, `mapping` |

mod archive;
mod chunks;
mod ledger;
mod mapping;
mod naming;
mod outcome;
mod progress;
mod record;
mod source;
mod staging;
mod summary;
mod worker;

use super::args::DeidArgs;
use super::{Exit, Failure, key, profile, stdio};
use crate::deid::engine::Engine;
use crate::deid::own_pseudonyms::PseudonymMap;
use crate::deid::plan::Plan;
use crate::deid::rewriter::Digests;
use ledger::Ledger;
use progress::Progress;
use source::{FileId, Inputs, Sources};
use staging::Staging;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use worker::Worker;

/// Pseudonymizes all inputs; says on standard error how it went.
pub fn run(args: &DeidArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let inputs = Inputs::check(&args.inputs)?;
    let plan = Plan::new(&profile::load(&args.profile)?);
    let out = out_folder(&args.out)?;
    inputs.check_apart(&out)?;
    let project = key::project(args.key_file.as_deref(), args.pseudonyms.as_deref())?;
    let ledger = Ledger::open(args, &out, &plan)?;
    let own = PseudonymMap::new(&project.own, &project.key);
    let engine = Engine::new(plan, &project.key).with_own_pseudonyms(Arc::new(own));
    let progress = Progress::start(&inputs);
    let own = [FileId::of(&out), args.receipt.as_deref().and_then(FileId::of)];
    let sources = Mutex::new(Sources::new(inputs, own.into_iter().flatten().collect()));
    let run = Run {
        sources,
        ledger,
        engine,
        progress,
        staging: Staging::new(out),
        digests: if args.receipt.is_some() { Digests::Both } else { Digests::None },
    };
    run.work(jobs(args));
    let Run { ledger, progress, .. } = run;
    progress.finish();
    let summary = ledger.close()?;
    stdio::say(&summary.text(args, started.elapsed()));
    Ok(if summary.all_is_well() { Exit::Done } else { Exit::Refused })
}

fn jobs(args: &DeidArgs) -> usize {
    args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// Makes the output folder and tells its one true path.
fn out_folder(out: &Path) -> Result<PathBuf, Failure> {
    let wrong =
        |error: std::io::Error| Failure::Usage(format!("--out {}: {}", out.display(), stdio::why(&error)));
    fs::create_dir_all(out).map_err(wrong)?;
    fs::canonicalize(out).map_err(wrong)
}

/// What the threads of one run share.
struct Run {
    sources: Mutex<Sources>,
    ledger: Ledger,
    engine: Engine,
    progress: Progress,
    staging: Staging,
    digests: Digests,
}

impl Run {
    /// This thread is one of the workers.
    fn work(&self, jobs: usize) {
        thread::scope(|scope| {
            for _ in 1..jobs {
                scope.spawn(|| self.take_turns());
            }
            self.take_turns();
        });
    }

    fn take_turns(&self) {
        let mut worker = self.worker();
        while let Some((turn, source)) = self.next_source() {
            let about = source.about.clone();
            let outcome = catch_unwind(AssertUnwindSafe(|| worker.rewrite(source))).unwrap_or_else(|_| {
                worker = self.worker();
                outcome::Outcome::internal_error()
            });
            self.ledger.settle(turn, about, outcome);
        }
    }

    fn worker(&self) -> Worker<'_> {
        Worker::new(&self.engine, &self.staging, &self.progress, self.digests)
    }

    fn next_source(&self) -> Option<(u64, source::Source)> {
        if self.ledger.is_broken() {
            return None;
        }
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}
