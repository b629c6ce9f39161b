//! A project's own pseudonyms of patients, such as the subject numbers of a trial, which take the place of generated ones:
//! as CSV, and as the map that pseudonymization asks. Where they are kept is decided above.

mod formula;

use super::patient::Patient;
use super::pseudonym::{KeyedIndex, ProjectKey, Pseudonyms, is_generated};
use csv::{ByteRecord, ReaderBuilder, Writer};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// The columns, in this order.
const HEADER: [&str; 3] = ["patient_id", "issuer", "pseudonym"];

/// Most patients of a project's own.
pub const MOST: usize = 100_000;

/// Mistakes that are told at once.
const TOLD: usize = 100;

/// Longest LO (PS3.5 6.2), in characters.
const LONGEST: usize = 64;

/// One patient. Identifies: never printed.
#[derive(Clone, PartialEq, Eq)]
struct Row {
    id: String,
    issuer: String,
    pseudonym: String,
}

/// The patients with a pseudonym of the project's own. Identifies: never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct OwnPseudonyms(Vec<Row>);

/// What is wrong in a line. Holds no value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The first line does not name the columns.
    Header,
    /// There are more or fewer fields, or a quotation mark is missing.
    Fields,
    /// It is not UTF-8.
    NotText,
    /// The Patient ID is none.
    PatientId,
    /// The issuer is none.
    Issuer,
    /// The pseudonym is none.
    Pseudonym,
    /// The pseudonym is one that is generated for another patient.
    Generated,
    /// The patient stands in that line, too.
    PatientAgain(u64),
    /// The pseudonym stands in that line, too.
    PseudonymAgain(u64),
    /// The pseudonym is the Patient ID of that line.
    IsPatientId(u64),
    /// There are more patients than the most.
    TooMany,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match self.wrong {
            Wrong::Header => f.write_str("the first line must be patient_id,issuer,pseudonym"),
            Wrong::Fields => f.write_str("a line must have three fields"),
            Wrong::NotText => f.write_str("not UTF-8"),
            Wrong::PatientId => {
                f.write_str("patient_id must be 1 to 64 characters, without backslash and controls")
            }
            Wrong::Issuer => {
                f.write_str("issuer must be at most 64 characters, without backslash and controls")
            }
            Wrong::Pseudonym => f.write_str(
                "pseudonym must be 1 to 64 printable ASCII characters, the first a letter or digit, without \\ ^ = * ? < > \" ' \
                 and outer spaces",
            ),
            Wrong::Generated => {
                f.write_str("pseudonym has the form of a generated one and is another patient's")
            }
            Wrong::PatientAgain(line) => write!(f, "the same patient as in line {line}"),
            Wrong::PseudonymAgain(line) => write!(f, "the same pseudonym as in line {line}"),
            Wrong::IsPatientId(line) => write!(f, "pseudonym is the patient_id of line {line}"),
            Wrong::TooMany => write!(f, "more than {MOST} patients"),
        }
    }
}

impl OwnPseudonyms {
    /// Reads CSV: UTF-8, with a header; spaces around values do not count, nor an apostrophe before what spreadsheets would
    /// take for a formula. One pseudonym names one patient and the reverse.
    ///
    /// # Errors
    /// These mistakes, with their lines; the first hundred.
    pub fn parse(text: &[u8], key: &ProjectKey) -> Result<Self, Vec<Mistake>> {
        Self::read(text, Check::new(key, Form::Given))
    }

    /// Reads what `kept` wrote, perhaps a version that let more pass.
    ///
    /// # Errors
    /// As of `parse`.
    pub fn parse_kept(text: &[u8], key: &ProjectKey) -> Result<Self, Vec<Mistake>> {
        Self::read(text, Check::new(key, Form::Kept))
    }

    fn read(text: &[u8], mut check: Check) -> Result<Self, Vec<Mistake>> {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut record = ByteRecord::new();
        let mut headed = false;
        while check.mistakes.len() < TOLD {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return Err(vec![Mistake { line: reader.position().line(), wrong: Wrong::Fields }]),
            }
            let line = record.position().map_or(0, |position| line(text, position));
            match headed {
                true => check.take(line, &record),
                false if record.iter().eq(HEADER.map(str::as_bytes)) => headed = true,
                false => return Err(vec![Mistake { line, wrong: Wrong::Header }]),
            }
        }
        match headed {
            true => check.finish(),
            false => Err(vec![Mistake { line: 1, wrong: Wrong::Header }]),
        }
    }

    /// The same as CSV for people: what spreadsheets would take for a formula stands behind an apostrophe, which `parse`
    /// takes away.
    pub fn to_csv(&self) -> String {
        self.written(formula::guarded)
    }

    /// The same as CSV, each value as it is, for `parse_kept`.
    pub fn kept(&self) -> String {
        self.written(|value| Cow::Borrowed(value))
    }

    fn written(&self, form: impl Fn(&str) -> Cow<'_, str>) -> String {
        let mut writer = Writer::from_writer(Vec::new());
        // Into memory: there is nothing that could fail.
        let _ = writer.write_record(HEADER);
        for row in &self.0 {
            let values = [&row.id, &row.issuer, &row.pseudonym].map(|value| form(value));
            let _ = writer.write_record(values.iter().map(|value| value.as_bytes()));
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// Each pseudonym with its patient.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, Patient)> {
        self.0.iter().map(|row| (row.pseudonym.as_str(), Patient::of(&row.id, &row.issuer, "")))
    }

    /// The same without these pseudonyms.
    pub fn without(&self, pseudonyms: &BTreeSet<String>) -> Self {
        Self(self.0.iter().filter(|row| !pseudonyms.contains(&row.pseudonym)).cloned().collect())
    }

    /// How many patients.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How a table comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// From somebody, who may have it from `to_csv`.
    Given,
    /// As it was kept.
    Kept,
}

/// What was read so far.
struct Check {
    form: Form,
    generated: Pseudonyms,
    rows: Vec<Row>,
    mistakes: Vec<Mistake>,
    patients: HashMap<(String, String), u64>,
    ids: HashMap<String, u64>,
    pseudonyms: HashMap<String, u64>,
}

impl Check {
    fn new(key: &ProjectKey, form: Form) -> Self {
        Self {
            form,
            generated: Pseudonyms::new(key),
            rows: Vec::new(),
            mistakes: Vec::new(),
            patients: HashMap::new(),
            ids: HashMap::new(),
            pseudonyms: HashMap::new(),
        }
    }

    fn take(&mut self, line: u64, record: &ByteRecord) {
        let read = row(record, self.form).and_then(|row| self.alone(line, row));
        match read {
            Ok(row) => self.rows.push(row),
            Err(wrong) => self.mistakes.push(Mistake { line, wrong }),
        }
    }

    /// The row, if neither its patient nor its pseudonym stands elsewhere.
    fn alone(&mut self, line: u64, row: Row) -> Result<Row, Wrong> {
        if self.rows.len() >= MOST {
            return Err(Wrong::TooMany);
        }
        let patient = Patient::of(&row.id, &row.issuer, "").text();
        if is_generated(&row.pseudonym) && self.generated.patient_id(&patient) != row.pseudonym {
            return Err(Wrong::Generated);
        }
        if let Some(before) = self.patients.insert((row.id.clone(), row.issuer.clone()), line) {
            return Err(Wrong::PatientAgain(before));
        }
        self.ids.entry(row.id.clone()).or_insert(line);
        match self.pseudonyms.insert(row.pseudonym.clone(), line) {
            Some(before) => Err(Wrong::PseudonymAgain(before)),
            None => Ok(row),
        }
    }

    fn finish(mut self) -> Result<OwnPseudonyms, Vec<Mistake>> {
        // An original value would stand in the output.
        let originals = self.pseudonyms.iter().filter_map(|(pseudonym, line)| {
            Some(Mistake { line: *line, wrong: Wrong::IsPatientId(*self.ids.get(pseudonym)?) })
        });
        self.mistakes.extend(originals);
        self.mistakes.sort_by_key(|mistake| mistake.line);
        self.mistakes.truncate(TOLD);
        if self.mistakes.is_empty() { Ok(OwnPseudonyms(self.rows)) } else { Err(self.mistakes) }
    }
}

/// The line that a record begins in: its position is where the one before ended, and empty lines are between.
fn line(text: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    let between = rest.iter().take_while(|byte| b"\r\n".contains(byte));
    position.line() + between.filter(|byte| **byte == b'\n').count() as u64
}

fn row(record: &ByteRecord, form: Form) -> Result<Row, Wrong> {
    let mut fields = record.iter().map(|field| std::str::from_utf8(field).map(|text| text.trim_matches(' ')));
    let mut field = || fields.next().ok_or(Wrong::Fields)?.map_err(|_| Wrong::NotText);
    let (mut id, mut issuer, pseudonym) = (field()?, field()?, field()?);
    let is_good = match form {
        Form::Given => is_pseudonym(pseudonym),
        Form::Kept => is_printable(pseudonym),
    };
    if form == Form::Given {
        (id, issuer) = (formula::bare(id), formula::bare(issuer));
    }
    match record.len() {
        3 if id.is_empty() || !is_text(id) => Err(Wrong::PatientId),
        3 if !is_text(issuer) => Err(Wrong::Issuer),
        3 if !is_good => Err(Wrong::Pseudonym),
        3 => Ok(Row { id: id.to_owned(), issuer: issuer.to_owned(), pseudonym: pseudonym.to_owned() }),
        _ => Err(Wrong::Fields),
    }
}

/// A value of LO (PS3.5 6.2).
fn is_text(text: &str) -> bool {
    text.chars().count() <= LONGEST && !text.chars().any(|letter| letter.is_control() || letter == '\\')
}

/// A pseudonym that does no harm wherever it comes to stand, in a spreadsheet, a page or a command, and that a search finds
/// and nothing else (`*` and `?` are wildcards, PS3.4 C.2.2.2.4).
fn is_pseudonym(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.contains(['*', '?', '<', '>', '"', '\''])
        && is_printable(text)
}

/// A value of LO in every character set, and a name without components: it stands in both attributes.
fn is_printable(text: &str) -> bool {
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && !b"\\^=".contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(printable)
}

/// Which patient has which pseudonym. Holds no original: patients are marks under a key of the project.
#[derive(Clone)]
pub struct PseudonymMap {
    index: KeyedIndex,
    pseudonyms: HashMap<[u8; 16], String>,
}

impl PseudonymMap {
    /// Of these patients, under the project's key.
    pub fn new(own: &OwnPseudonyms, key: &ProjectKey) -> Self {
        let index = KeyedIndex::new(key, "pseudonym-table-index");
        let mark = |(pseudonym, patient): (&str, Patient)| {
            (index.mark("patient", &patient.text()), pseudonym.to_owned())
        };
        let pseudonyms = own.pairs().map(mark).collect();
        Self { index, pseudonyms }
    }

    /// The pseudonym of the patient of this text, if the project has one.
    pub(super) fn get(&self, patient: &str) -> Option<&str> {
        if self.pseudonyms.is_empty() {
            return None;
        }
        self.pseudonyms.get(&self.index.mark("patient", patient)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
