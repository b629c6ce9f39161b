//! Looking after chains: export, checkpoints on demand, retention. Exports and seals are acts in the chain itself.

use super::live;
use super::store::Store;
use crate::audit::action::{Action, Outcome};
use crate::audit::chain::Sealed;
use crate::audit::event::{By, Event};
use crate::audit::report::Report;
use crate::audit::stored::Reader;
use crate::audit::value::{Id, Time};
use crate::audit::verify::Verifier;
use crate::cli::args::{AuditExportArgs, AuditSealArgs, AuditStoreArgs, StoreArgs};
use crate::cli::store::block_on;
use crate::cli::{Exit, Failure, files, stdio};
use crate::db::Fault;
use crate::db::chain::{Export, Keeper};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Who acts on the command line.
const OPERATOR: &str = "operator";

/// `veilgate audit public-key`.
pub(super) fn public_key(args: &StoreArgs) -> Result<Exit, Failure> {
    block_on(async {
        let keeper = Store::open(args).await?.keeper().await?;
        stdio::print(&keeper.public().to_pem())?;
        Ok(Exit::Done)
    })
}

/// `veilgate audit checkpoint`.
pub(super) fn checkpoint(args: &AuditStoreArgs) -> Result<Exit, Failure> {
    block_on(async {
        let store = Store::open(&args.store).await?;
        let project = store.project(args).await?;
        match store.db.keep_checkpoint(&store.keeper().await?, &project).await {
            Ok(checkpoint) => {
                stdio::print(&format!("{}\n", checkpoint.canonical()))?;
                Ok(Exit::Done)
            }
            Err(Fault::Missing) => {
                stdio::say("the chain has no entry yet");
                Ok(Exit::Refused)
            }
            Err(fault) => Err(fault.into()),
        }
    })
}

/// `veilgate audit export`.
pub(super) fn export(args: &AuditExportArgs) -> Result<Exit, Failure> {
    block_on(async {
        let store = Store::open(&args.chain.store).await?;
        let (project, keeper) = (store.project(&args.chain).await?, store.keeper().await?);
        let target =
            args.out.as_deref().map(|out| Ok::<_, Failure>((out, files::create(out, "")?))).transpose()?;
        store.db.act(&keeper, &project, act(Action::ExportAudit)?).await?;
        let export = Export::begin(&store.db, &keeper, &project).await?;
        match target {
            None => write(export, io::stdout().lock()).await?.map_err(Failure::Output)?,
            Some((out, file)) => {
                let written = write(export, &file).await?.and_then(|()| file.sync_all());
                written.map_err(|error| machine(out, &error))?;
            }
        }
        Ok(Exit::Done)
    })
}

fn machine(out: &Path, error: &io::Error) -> Failure {
    Failure::Machine(format!("{}: {}", out.display(), stdio::why(error)))
}

/// Writes an export to its end; the inner error is the writer's.
async fn write(mut export: Export, to: impl Write) -> Result<io::Result<()>, Failure> {
    let mut to = BufWriter::new(to);
    while let Some(lines) = export.next().await? {
        if let Err(error) = to.write_all(lines.as_bytes()) {
            return Ok(Err(error));
        }
    }
    Ok(to.flush())
}

fn act(action: Action) -> Result<Event, Failure> {
    Ok(Event::act(&By { actor: operator()?, request: None, action }, Outcome::Done, None))
}

fn operator() -> Result<Id, Failure> {
    Id::new(OPERATOR).map_err(|bad| Failure::Machine(bad.to_string()))
}

/// `veilgate audit seal`: verifies the whole chain, then seals what is old of it.
pub(super) fn seal(args: &AuditSealArgs) -> Result<Exit, Failure> {
    let bound = Bound::of(args)?;
    block_on(async {
        let store = Store::open(&args.chain.store).await?;
        let (project, keeper) = (store.project(&args.chain).await?, store.keeper().await?);
        let (report, ends) = verified(&store, &keeper, &project, bound).await?;
        if !report.is_whole() {
            stdio::print(&format!("{report}\n"))?;
            stdio::say("nothing was sealed: the chain is not whole");
            return Ok(Exit::Refused);
        }
        let Some((first, last)) = ends else {
            stdio::say("nothing was sealed: no entry is that old");
            return Ok(Exit::Done);
        };
        if store.config.sink.is_some() && store.db.sent_until(&project).await? < last.body.sequence {
            stdio::say("nothing was sealed: the audit's second sink did not get these entries yet");
            return Ok(Exit::Refused);
        }
        let segment = store.db.seal_segment(&keeper, operator()?, &first, &last).await?;
        stdio::print(&format!("{}\n", segment.canonical()))?;
        Ok(Exit::Done)
    })
}

/// The report about a chain, and the first and last entry that are to be sealed.
async fn verified(
    store: &Store,
    keeper: &Keeper,
    project: &str,
    bound: Bound,
) -> Result<(Report, Option<(Sealed, Sealed)>), Failure> {
    let id = Id::new(project).map_err(|bad| Failure::Usage(bad.to_string()))?;
    let witness = live::witness(&store.config.data)?;
    let mut reader = Reader::new(Verifier::new(keeper.public().clone(), Some(id.clone())));
    let witnessed = witness.chains.get(project).into_iter().flatten();
    witnessed.for_each(|checkpoint| reader.witness(checkpoint));
    let old = Old { bound, ends: None, ended: false };
    let (report, old) = live::read(&mut store.db.snapshot().await?, reader, &id, old, Old::take).await?;
    Ok((report, old.ends))
}

/// The oldest entries of a chain, up to the first that is not old.
struct Old {
    bound: Bound,
    ends: Option<(Sealed, Sealed)>,
    ended: bool,
}

impl Old {
    fn take(&mut self, entry: Sealed) {
        self.ended = self.ended || !self.bound.holds(&entry);
        if !self.ended {
            let first = self.ends.take().map_or_else(|| entry.clone(), |(first, _)| first);
            self.ends = Some((first, entry));
        }
    }
}

/// What is old.
enum Bound {
    Before(Time),
    Through(u64),
}

impl Bound {
    fn of(args: &AuditSealArgs) -> Result<Self, Failure> {
        if let Some(through) = args.through {
            return Ok(Self::Through(through));
        }
        let text = args.before.clone().unwrap_or_default();
        let time = Time::try_from(format!("{text}T00:00:00.000Z")).or_else(|_| Time::try_from(text));
        time.map(Self::Before).map_err(|_| {
            Failure::Usage("--before: give a date such as 2026-01-31, or a full time".to_owned())
        })
    }

    fn holds(&self, entry: &Sealed) -> bool {
        match self {
            Self::Before(time) => entry.body.time < *time,
            Self::Through(sequence) => entry.body.sequence <= *sequence,
        }
    }
}
