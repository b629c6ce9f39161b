//! What `--help` says of the commands about customers, projects and keys.

pub const CUSTOMER: &str = "\
These commands work on the database itself, also beside a running server. Each change is
written into the audit chain `gateway`.

Exit status: 0 done; 2 no such customer, or wrong usage; 3 the database fails.

Examples:
  veilgate customer add clinic-a --tier pro
  veilgate customer set clinic-a --quota 25000
  veilgate customer show clinic-a --json";

pub const PROJECT: &str = "\
A project has its own secret: equal originals get other pseudonyms in another project.
What it does not have of its own is what the server's settings say; changes hold from the
next request on. Each change is written into the project's audit chain.
With another --downstream-url the credentials for the old one are forgotten.

Exit status: 0 done; 2 no such project, or wrong usage; 3 the database fails.

Examples:
  veilgate project add clinic-a trial-7 --profile research
  veilgate project set trial-7 --destination forward --downstream-url https://pacs/dicom-web \\
      --downstream-token-file pacs.token
  veilgate project set clinic-a/trial-7 --profile server";

pub const ERASE: &str = "\
In one transaction the catalog forgets the studies, the crosswalk their UIDs and the patient,
and the project's own pseudonyms the patient; the audit chain says that somebody was erased,
and not who. Then the objects are removed; what a crash leaves of them goes at a gateway's
start, from a folder or bucket that others share after a day. With --study the patient stays
known if the archive holds another study of theirs. It works beside a running gateway.
POST /v1/pseudonym tells a patient's pseudonym. What was forwarded or given back is elsewhere.

Exit status: 0 erased; 2 nothing is known under this pseudonym, or wrong usage; 3 the database
fails, or objects could not be removed yet.

Examples:
  veilgate project erase trial-7 --patient PS-4711 --confirm PS-4711
  veilgate project erase clinic-a/trial-7 --study 2.25.329 --confirm 2.25.329";

pub const PSEUDONYMS: &str = "\
A trial's subject numbers in the place of generated pseudonyms: where a patient stands in the
table, PatientID and PatientName become the number; UIDs and date shifts stay keyed. It holds
for push, pull and `veilgate deid` from then on: what was made before keeps its pseudonyms, so
import before the first push. An import replaces the whole table; one with the header alone
empties it. Both ways are written into the project's audit chain.

CSV in UTF-8 with the header patient_id,issuer,pseudonym. The issuer (Issuer of Patient ID,
0010,0021) is empty where instances have none. One pseudonym names one patient: 1 to 64
printable ASCII characters without \\ ^ =.

Exit status: 0 done; 2 no such project, mistakes in the table (each with its line), or wrong
usage; 3 the database fails.

Examples:
  veilgate project pseudonyms import trial-7 subjects.csv
  veilgate project pseudonyms export clinic-a/trial-7 subjects-now.csv";

pub const KEY: &str = "\
Only a key's SHA-256 is kept: who loses a key makes another. A project may have several
keys at once, so that rotating them changes no pseudonym. A rotated key and the new one
have one name: call them by id or prefix then.
Every key may push and pull. Only one with --right reidentify may ask for originals.

Exit status: 0 done; 2 no such key, or wrong usage; 3 the database fails.

Examples:
  veilgate key add trial-7 scanner-3 --expires 2027-01-31
  veilgate key add trial-7 study-office --right reidentify
  veilgate key rotate scanner-3 --old-expires 7d
  veilgate key revoke vg_AbCdE";

pub const MASTER_KEY: &str = "\
Without master_key in the settings, the new key takes the place of DATA/master.key; a
running server of this data folder finds it there. Otherwise --new-file is needed: give
that file to all gateways of the database and start them anew.
A rotation that breaks off loses nothing: run it again. Backups of the database need the
master key of their time.

Exit status: 0 done; 2 wrong usage; 3 it cannot be done.

Examples:
  veilgate master-key rotate
  (umask 077; openssl rand -hex 32 > new.key) && veilgate master-key rotate --new-file new.key";

pub const DB: &str = "\
Exit status: 0 done; 2 wrong usage; 3 the database fails or was made by a newer version.

Examples:
  veilgate db migrate --data /var/lib/veilgate
  VEILGATE_DATABASE=postgres://USER:PASSWORD@HOST/NAME veilgate db migrate";
