//! Structured reports for people to read (PS3.18 8.7.4, category Text): which forms there are, how much of one is made.
//! A data set is read in `report::read`, each form is a file of its own. Which instance is shown is decided elsewhere.

mod html;
mod item;
mod plain;
mod read;
mod shown;
#[cfg(test)]
mod tests;
mod xml;

use crate::dicom::Encoding;

/// Largest text that is read, and again largest that is made, in bytes.
const MOST: usize = 16 << 20;

const TOO_LARGE: Unreadable = Unreadable("the report is too large to be rendered");

/// Why there is no text, in words without values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub &'static str);

/// Texts that are made of a report (PS3.18 Table 8.7.4-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// text/html, the default: one page that needs nothing else.
    Html,
    /// text/plain.
    Plain,
    /// text/xml. Not the Native DICOM Model (PS3.19 A.1), which `/metadata` gives: that holds the patient's attributes too,
    /// and long texts in it stand elsewhere.
    Xml,
}

impl Form {
    /// All, the default first.
    pub const ALL: [Self; 3] = [Self::Html, Self::Plain, Self::Xml];

    /// Its media type.
    pub fn essence(self) -> &'static str {
        match self {
            Self::Html => "text/html",
            Self::Plain => "text/plain",
            Self::Xml => "text/xml",
        }
    }

    /// The same with its character set; documents that are given as they are have none.
    pub fn media(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Plain => "text/plain; charset=utf-8",
            Self::Xml => "text/xml; charset=utf-8",
        }
    }
}

/// The text of the report that a data set without pixels holds; `None` if it has no Content Sequence (0040,A730) at its
/// root (PS3.3 C.17.3). Nothing but that and what describes it is read: no attribute of the patient.
///
/// # Errors
/// The data set is malformed, too deep, or the text too large.
pub fn text(data: &[u8], encoding: Encoding, form: Form) -> Result<Option<String>, Unreadable> {
    let Some(report) = read::report(data, encoding)? else { return Ok(None) };
    let mut out = Out::default();
    match form {
        Form::Html => html::write(&report, &mut out),
        Form::Plain => plain::write(&report, &mut out),
        Form::Xml => xml::write(&report, &mut out),
    }
    if out.full { Err(TOO_LARGE) } else { Ok(Some(out.text)) }
}

/// A text that grows up to the bound.
#[derive(Default)]
struct Out {
    text: String,
    full: bool,
}

impl Out {
    fn push(&mut self, piece: &str) {
        self.full |= self.text.len() + piece.len() > MOST;
        if !self.full {
            self.text.push_str(piece);
        }
    }

    fn all(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.push(piece));
    }
}
