//! What `--help` says below the arguments: examples, exit statuses, files.

#[cfg(feature = "server")]
mod accounts;

#[cfg(feature = "server")]
pub use accounts::{CUSTOMER, DB, ERASE, KEY, MASTER_KEY, PROJECT, PSEUDONYMS};

pub const MAIN: &str = "\
Examples:
  veilgate deid scans/ --out clean/
  veilgate explain PatientBirthDate
  veilgate profile list

`veilgate COMMAND --help` tells all about a command.";

pub const DEID: &str = "\
Keys and pseudonyms:
  UIDs, patient IDs and date shifts follow from the project key. Without --key-file the
  project key of ./data is used if a server made one there; else a fresh random key, and
  then no other run gives the same pseudonyms. Make a key:
    (umask 077; openssl rand -hex 32 > project.key)

Output:
  Below --out each file keeps the path that it has below its IN; entries of scans.zip go
  to scans.zip/. A second file of the same name becomes name~2.dcm. A file that is there
  already is left alone: `unchanged` if it holds just these bytes, else `refused`.
  A refused file leaves nothing behind; a run that is killed leaves no half file but
  under a name like .veilgate-x.part, which may be deleted.

Outcomes (in the last line, and per file in the receipt):
  done       pseudonymized
  unchanged  the same output was there already
  refused    not safe, not supported or damaged; the reason names tag, clause and the
             profile setting that would let it pass
  skipped    clearly no DICOM, found in a folder or an archive
  failed     could not be read or written

Exit status: 0 all done or skipped; 1 some refused or failed; 2 wrong usage; 3 the receipt
cannot be written (a full disk), so the rest was not begun; or the mapping cannot, which is
written at the end: the outputs stand then.

Examples:
  veilgate deid ct.dcm --out clean/
  veilgate deid scans/ export.zip --out clean/ --key-file project.key --names uid
  veilgate deid scans/ --out clean/ --profile research --receipt receipt.jsonl
  veilgate deid scans/ --out clean/ --profile mine.toml --mapping secret/";

#[cfg(feature = "server")]
pub const CONFORMANCE: &str = "\
Stores a small synthetic study of its own (three instances, each attribute that may identify
somebody holds a mark), then searches, retrieves and looks for the marks. The study stays
there. Servers that do not pseudonymize do not meet the suite deid: leave it out for them.
Ids are those of conformance/checklist_ps3_18.tsv.

Exit status: 0 all that is a MUST is met or was skipped; 1 something is broken; 2 wrong usage.

Examples:
  veilgate conformance http://127.0.0.1:8080/dicom-web --key KEY
  veilgate conformance http://127.0.0.1:8042/dicom-web --suite stow --suite qido --suite wado
  veilgate conformance https://archive/dicom-web --header 'Authorization: Bearer TOKEN' --study UID --json";

#[cfg(feature = "server")]
pub const HEALTH: &str = "\
Exit status: 0 it is ready; 1 it is not, with one line that says why; 2 wrong usage.

Examples:
  veilgate health
  veilgate health --url http://127.0.0.1:8080
  veilgate health --url https://gateway.example.org --ca ca.pem";

#[cfg(feature = "server")]
pub const DOCTOR: &str = "\
Run it as the user of the server, with the settings of the server, also while one runs. It
changes nothing: it makes no folder and no database, brings no schema up to date, and removes
the one object that it writes into the archive. Each line is ok, a warning (the server works,
but look at it) or a fault, and says after -> what to do. Secrets are never shown.

Exit status: 0 no fault; 1 a fault; 2 wrong usage.

Examples:
  veilgate doctor
  veilgate doctor --config /etc/veilgate/veilgate.toml
  veilgate doctor --json";

pub const COMPLETIONS: &str = "\
Exit status: 0.

Examples:
  veilgate completions bash > /usr/share/bash-completion/completions/veilgate
  veilgate completions zsh > ~/.zfunc/_veilgate
  veilgate completions fish > ~/.config/fish/completions/veilgate.fish
  veilgate completions powershell >> $PROFILE";

pub const MAN: &str = "\
Exit status: 0; 3 the folder cannot be written.

Examples:
  veilgate man > veilgate.1
  veilgate man --out /usr/local/share/man/man1";

pub const EXPLAIN: &str = "\
Exit status: 0 explained; 2 a name is not known, or wrong usage.

Examples:
  veilgate explain 0010,0010
  veilgate explain StudyDate PatientAge --profile research
  veilgate explain ContentDate --sop-class 1.2.840.10008.5.1.4.1.1.2";

pub const PROFILE: &str = "\
Examples:
  veilgate profile list
  veilgate profile show research > mine.toml
  veilgate profile check mine.toml";

pub const PROFILE_LIST: &str = "Exit status: 0.";

pub const PROFILE_SHOW: &str = "\
Exit status: 0; 2 there is no such profile, or it has mistakes.

Example, a profile of one's own:
  veilgate profile show basic > mine.toml";

pub const PROFILE_CHECK: &str = "\
Exit status: 0 no mistake; 1 mistakes; 2 the file cannot be read.";

pub const AUDIT: &str = "\
Examples:
  veilgate audit verify
  veilgate audit export --out chain.jsonl
  veilgate audit verify chain.jsonl --public-key audit-key.pem";

pub const AUDIT_VERIFY: &str = "\
What it finds, each with the number of the entry and, of an export, the line:
  edited deleted inserted reordered forked
                 an entry was tampered with
  truncated      the end is cut off
  rewritten      all was made anew from some entry on; a signature contradicts
  rolled-back    the chain ends before a checkpoint or receipt that was kept
  wrong-key wrong-project bad-signature malformed
                 it is not what it claims to be
A database is held against its own signed end and kept checkpoints, and against the witness
beside it, audit-checkpoints.jsonl in the data folder. Who can change all of these can
set them back to an older backup unseen, as who hands out an old export can; who has the
signing key can write all anew. A checkpoint or receipt that is kept elsewhere exposes both:
keep one now and then.

Exit status: 0 whole; 1 findings; 2 wrong usage; 3 it cannot be read to its end.

Examples:
  veilgate audit verify --data /var/lib/veilgate
  veilgate audit verify --checkpoint kept.jsonl
  curl -s http://127.0.0.1:8080/.well-known/veilgate-audit-key > audit-key.pem
  veilgate audit verify chain.jsonl --public-key audit-key.pem
  veilgate audit verify chain.jsonl --public-key audit-key.pem --checkpoint kept.jsonl";

#[cfg(feature = "server")]
pub const AUDIT_EXPORT: &str = "\
The export is itself an act of `operator` in the chain, and holds that entry too.

Exit status: 0; 2 wrong usage, or the file is there already; 3 the database or the file fails.

Examples:
  veilgate audit export --out chain.jsonl
  veilgate audit export --project gateway | gzip > gateway.jsonl.gz";

#[cfg(feature = "server")]
pub const AUDIT_CHECKPOINT: &str = "\
Exit status: 0; 1 the chain has no entry; 2 wrong usage; 3 the database fails.

Example, a checkpoint a day, kept on another machine:
  veilgate audit checkpoint | ssh auditor 'cat >> kept.jsonl'";

#[cfg(feature = "server")]
pub const AUDIT_SEAL: &str = "\
The chain is verified first; of one that is not whole nothing is deleted. The closing record
stands in the place of the entries, and is printed. The seal is an act of `operator` in the
chain.

Exit status: 0 sealed, or nothing is that old; 1 the chain is not whole; 2 wrong usage; 3 the
database fails.

Examples:
  veilgate audit seal --before 2026-01-01
  veilgate audit seal --through 250000 --project gateway";

#[cfg(feature = "server")]
pub const AUDIT_PUBLIC_KEY: &str = "\
Exit status: 0; 2 wrong usage; 3 the database fails.

Example:
  veilgate audit public-key > audit-key.pem";

#[cfg(feature = "billing")]
pub const BILLING: &str = "\
Examples:
  veilgate billing parked";

#[cfg(feature = "billing")]
pub const BILLING_PARKED: &str = "\
One line for each: time, Stripe's customer, instances, why, identifier; tabs between.
  too-old        older than Stripe takes (35 days): charge it by an invoice item
  doubtful       perhaps taken, too long ago to be sent again: compare with the meter
  refused        Stripe does not take it: its customer was deleted, say

Exit status: 0 nothing; 1 something; 2 wrong usage or settings.

Example:
  veilgate billing parked --data /var/lib/veilgate";
