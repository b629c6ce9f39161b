//! `veilgate audit`: here, verifying an export with the public key alone. What is found is decided in `audit`.

use super::args::{AuditCommand, AuditVerifyArgs};
use super::{Exit, Failure, stdio};
use crate::audit::checkpoint::EntryReceipt;
use crate::audit::export::{LONGEST_LINE, Reader, kept_checkpoint};
use crate::audit::key::PublicKey;
use crate::audit::report::Report;
use crate::audit::value::Id;
use crate::audit::verify::Verifier;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// More than any file that is kept beside an export.
const MOST: u64 = 16 << 20;

/// Bytes read from the export at a time.
const CHUNK: usize = 256 << 10;

/// Runs one of the commands below `veilgate audit`.
pub fn run(command: &AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Verify(args) => verify(args),
    }
}

fn verify(args: &AuditVerifyArgs) -> Result<Exit, Failure> {
    let reader = Reader::new(verifier(args)?);
    let report = if args.export.as_os_str() == "-" {
        read_export(io::stdin().lock(), reader, Path::new("standard input"))?
    } else {
        let file =
            File::open(&args.export).map_err(|error| wrong(&args.export, &error.kind().to_string()))?;
        read_export(BufReader::with_capacity(CHUNK, file), reader, &args.export)?
    };
    stdio::print(&format!("{report}\n"))?;
    Ok(if report.is_whole() { Exit::Done } else { Exit::Refused })
}

/// The verifier with all that was kept.
fn verifier(args: &AuditVerifyArgs) -> Result<Verifier, Failure> {
    let key = PublicKey::from_pem(&read_small(&args.public_key)?)
        .map_err(|bad| wrong(&args.public_key, &bad.to_string()))?;
    let project = args.project.clone().map(Id::new).transpose();
    let project = project.map_err(|bad| Failure::Usage(format!("--project: {bad}")))?;
    let mut verifier = Verifier::new(key, project);
    for file in &args.checkpoint {
        for line in lines_of(&read_small(file)?) {
            let checkpoint = kept_checkpoint(line).map_err(|bad| wrong(file, &bad.to_string()))?;
            verifier.keep(&checkpoint);
        }
    }
    for file in &args.receipt {
        for line in lines_of(&read_small(file)?) {
            let receipt = EntryReceipt::parse(line).map_err(|bad| wrong(file, &bad.to_string()))?;
            verifier.keep_receipt(&receipt);
        }
    }
    Ok(verifier)
}

fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_ascii().is_empty())
}

/// Feeds the export line by line; no line is held that is longer than any may be.
fn read_export(mut source: impl BufRead, mut reader: Reader, name: &Path) -> Result<Report, Failure> {
    let broken = |error: io::Error| Failure::Machine(format!("{}: {}", name.display(), error.kind()));
    let mut line = Vec::with_capacity(LONGEST_LINE);
    loop {
        line.clear();
        let longest = LONGEST_LINE as u64;
        if source.by_ref().take(longest).read_until(b'\n', &mut line).map_err(broken)? == 0 {
            return Ok(reader.finish());
        }
        let whole = line.last() == Some(&b'\n') || line.len() < LONGEST_LINE;
        match std::str::from_utf8(&line) {
            Ok(text) if whole => reader.line(text),
            _ => reader.unreadable_line(),
        }
        if !whole {
            source.skip_until(b'\n').map_err(broken)?;
        }
    }
}

fn read_small(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| wrong(file, &error.kind().to_string()))?;
    let len = opened
        .take(MOST + 1)
        .read_to_string(&mut text)
        .map_err(|error| wrong(file, &error.kind().to_string()))?;
    if len as u64 > MOST { Err(wrong(file, "larger than 16 MiB")) } else { Ok(text) }
}

fn wrong(file: &Path, why: &str) -> Failure {
    Failure::Usage(format!("{}: {why}", file.display()))
}
