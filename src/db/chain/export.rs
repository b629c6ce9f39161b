//! The export of a chain, made a page at a time from the rows as they are stored, so that it shows what was done to
//! them. Its lines are `audit::export`'s. No connection is held between two pages.

use super::{Keeper, Walk};
use crate::audit::checkpoint::{Checkpoint, Signed};
use crate::audit::export::{self, FORMAT, Header, Line};
use crate::audit::stored::{Row, What};
use crate::db::{Db, Fault};

/// An export on its way.
pub struct Export {
    db: Db,
    project: String,
    walk: Walk,
    header: Option<Line>,
    end: Option<Signed<Checkpoint>>,
    entries: u64,
    /// Segments deleted before it began; another one may have taken entries that were still to come.
    segments: u64,
}

impl Export {
    /// All of a chain up to its end as it is now, signed there at the present time.
    ///
    /// # Errors
    /// The database fails, or the end is not what was signed before.
    pub async fn begin(db: &Db, keeper: &Keeper, project: &str) -> Result<Self, Fault> {
        let segments = db.audit_segments(project).await?;
        let end = db.audit_end(keeper, project).await?;
        let header = Header { format: FORMAT, key_id: end.body.key_id, project: end.body.project.clone() };
        Ok(Self {
            db: db.clone(),
            project: project.to_owned(),
            walk: Walk::until(project, end.body.sequence),
            header: Some(Line::Header(header)),
            end: Some(end),
            entries: 0,
            segments,
        })
    }

    /// The next lines, each with its line feed; `None` after the last.
    ///
    /// # Errors
    /// The database fails, or a segment was sealed meanwhile: then the export has no closing line and proves nothing.
    pub async fn next(&mut self) -> Result<Option<String>, Fault> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header.text()));
        }
        let page = self.db.audit_page(&mut self.walk).await?;
        if !page.is_empty() {
            self.entries += page.iter().filter(|row| row.what == What::Entry).count() as u64;
            return Ok(Some(page.iter().map(line).collect()));
        }
        let Some(checkpoint) = self.end.take() else { return Ok(None) };
        if self.db.audit_segments(&self.project).await? != self.segments {
            return Err(Fault::Failing("a segment was sealed during an export of its chain"));
        }
        let end = export::End { checkpoint, entries: self.entries };
        Ok(Some(Line::End(end).text()))
    }
}

/// A row as a line. What is stored is canonical; if somebody changed it, the reader of the export shall see it.
fn line(row: &Row) -> String {
    let whole = |text: &&String| !text.contains(['\n', '\r']);
    let (body, hash) = (row.body.as_ref().filter(whole), row.hash.as_ref().filter(whole));
    match (row.what, body, hash) {
        (What::Entry, Some(body), Some(hash)) => {
            format!("{{\"entry\":{{\"body\":{body},\"hash\":\"{hash}\"}}}}\n")
        }
        (What::Checkpoint, Some(body), _) => format!("{{\"checkpoint\":{body}}}\n"),
        (What::Segment, Some(body), _) => format!("{{\"segment\":{body}}}\n"),
        _ => format!("{{\"damaged\":{}}}\n", row.number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_would_break_the_lines_is_told_as_damaged() {
        let row = |body: Option<&str>| Row {
            what: What::Entry,
            number: 7,
            hash: Some("00".to_owned()),
            body: body.map(str::to_owned),
        };
        assert_eq!(line(&row(Some("{}"))), "{\"entry\":{\"body\":{},\"hash\":\"00\"}}\n");
        assert_eq!(line(&row(Some("{}\n{}"))), "{\"damaged\":7}\n");
        assert_eq!(line(&row(None)), "{\"damaged\":7}\n");
    }
}
