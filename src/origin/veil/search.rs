//! Search behind the veil: asked in original names, answered in pseudonyms, page by page. Where the origin had to be asked
//! for more than the client wants, results are counted out one by one, up to a bound.

use super::keys::Asked;
use super::results::Seen;
use super::{Fault, Page, Veil};
use crate::deid::engine::PATIENT_ID;
use crate::dicomweb::query::Query;
use crate::origin::Remaining;
use dicom_core::Tag;
use serde_json::json;

/// Most results of one answer (PS3.18 8.3.4.4): the rest can be asked for with an offset.
const MOST: u64 = 5000;

/// Most results that are looked at one by one.
const LOOKED_AT: u64 = 10_000;

/// Results asked of the origin at a time, where they are looked at one by one.
const PAGE: u64 = 500;

const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);

impl Veil {
    /// The page that the query asks for.
    pub(super) async fn search(&self, query: &Query) -> Result<Page, Fault> {
        let Some(asked) = self.asked(query).await? else { return Ok(Page::default()) };
        let limit = query.limit.unwrap_or(MOST).min(MOST);
        if asked.is_wider() {
            return self.one_by_one(query, asked, limit).await;
        }
        let original = Query { limit: Some(limit), offset: query.offset, ..asked.query };
        let page = self.0.behind.search(&original).await?;
        let shown = self.translated(query, &original, page.results).await?;
        Ok(Page { results: shown.into_iter().map(|seen| seen.data).collect(), remaining: page.remaining })
    }

    async fn one_by_one(&self, query: &Query, asked: Asked, limit: u64) -> Result<Page, Fault> {
        let mut original = Query { limit: Some(PAGE), ..asked.query.clone() };
        let (mut results, mut matched) = (Vec::new(), 0);
        loop {
            let page = self.0.behind.search(&original).await?;
            let count = page.results.len() as u64;
            for seen in self.translated(query, &original, page.results).await? {
                if !fits(&asked, &seen) {
                    continue;
                }
                if matched >= query.offset && (results.len() as u64) < limit {
                    results.push(seen.data);
                }
                matched += 1;
            }
            original.offset += count;
            let behind = matched.saturating_sub(query.offset.saturating_add(results.len() as u64));
            if count == 0 || count < PAGE && page.remaining == Remaining::None {
                let remaining = if behind == 0 { Remaining::None } else { Remaining::Some(behind) };
                return Ok(Page { results, remaining });
            }
            if behind > 0 {
                return Ok(Page { results, remaining: Remaining::MoreThan(behind - 1) });
            }
            if original.offset >= LOOKED_AT {
                return Err(Fault::TooBroad(LOOKED_AT));
            }
        }
    }
}

/// True if a result is what was asked for, seen as it is shown.
fn fits(asked: &Asked, seen: &Seen) -> bool {
    if asked.patient.as_ref().is_some_and(|patient| *patient != seen.patient) {
        return false;
    }
    // The patient is matched on every level, also where results do not show it.
    let mut data = seen.data.clone();
    data.put(PATIENT_ID, "LO", vec![json!(seen.patient)]);
    data.put(PATIENT_NAME, "PN", vec![json!({"Alphabetic": seen.patient})]);
    asked.rest.holds(&data)
}
