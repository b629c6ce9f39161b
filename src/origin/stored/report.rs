//! Reports as text (PS3.18 8.7.4), made from the data set that may be shown and from nothing else. How they look is
//! `dicomweb::report`'s.

use super::Stored;
use crate::dicomweb::report::{self, Form};
use crate::origin::Fault;
use crate::origin::part::{Content, Part};
use crate::raster::Unfit;
use std::sync::Arc;

impl Stored {
    /// The text of the report that an instance without pixels is, as the resource `path`; `None` if it is none.
    pub(super) async fn report(self: &Arc<Self>, path: String, form: Form) -> Result<Option<Part>, Fault> {
        let stored = Arc::clone(self);
        let work = move || {
            let text = report::text(&stored.layout.head, stored.layout.encoding, form);
            text.map_err(|unreadable| Unfit(unreadable.0))
        };
        let text = self.decoders.place().await?.run(work).await?;
        let part = |text: String| {
            let content = Content::bytes(text.into());
            Part { media: form.media(), transfer_syntax: None, path, tag: None, content }
        };
        Ok(text.map(part))
    }
}
