//! Verifying an export with the public key alone.

use super::{Kept, wrong};
use crate::audit::export::{LONGEST_LINE, Reader};
use crate::audit::key::PublicKey;
use crate::audit::report::Report;
use crate::audit::value::Id;
use crate::audit::verify::Verifier;
use crate::cli::Failure;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Bytes read from the export at a time.
const CHUNK: usize = 256 << 10;

/// Verifies an export; `-` is standard input.
pub(super) fn verify(
    export: &Path,
    key: PublicKey,
    project: Option<Id>,
    kept: &Kept,
) -> Result<Report, Failure> {
    let mut verifier = Verifier::new(key, project);
    kept.checkpoints.iter().for_each(|checkpoint| verifier.keep(checkpoint));
    kept.receipts.iter().for_each(|receipt| verifier.keep_receipt(receipt));
    let reader = Reader::new(verifier);
    if export.as_os_str() == "-" {
        return read_export(io::stdin().lock(), reader, Path::new("standard input"));
    }
    let file = File::open(export).map_err(|error| wrong(export, &error.kind().to_string()))?;
    read_export(BufReader::with_capacity(CHUNK, file), reader, export)
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
