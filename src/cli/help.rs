//! What `--help` says below the arguments: examples, exit statuses, files.

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

Exit status: 0 all done or skipped; 1 some refused or failed; 2 wrong usage.

Examples:
  veilgate deid ct.dcm --out clean/
  veilgate deid scans/ export.zip --out clean/ --key-file project.key --names uid
  veilgate deid scans/ --out clean/ --profile research --receipt receipt.jsonl
  veilgate deid scans/ --out clean/ --profile mine.toml --mapping secret/";

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
  veilgate audit verify chain.jsonl --public-key audit-key.pem";

pub const AUDIT_VERIFY: &str = "\
What it finds, each with the number of the entry and the line:
  edited deleted inserted reordered forked
                 an entry was tampered with
  truncated      the end is cut off
  rewritten      all was made anew from some entry on; a signature contradicts
  rolled-back    the chain ends before a checkpoint or receipt that was kept
  wrong-key wrong-project bad-signature malformed
                 it is not what it claims to be
Without --checkpoint and --receipt, a database that was set back to an older backup, or
written anew by who has the signing key, looks whole: keep a checkpoint now and then.

Exit status: 0 whole; 1 findings, or the export cannot be read to its end; 2 wrong usage.

Examples:
  curl -s http://127.0.0.1:8080/.well-known/veilgate-audit-key > audit-key.pem
  veilgate audit verify chain.jsonl --public-key audit-key.pem
  veilgate audit verify chain.jsonl --public-key audit-key.pem --checkpoint kept.jsonl";

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
