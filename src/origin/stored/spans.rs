//! Where frames stand in an instance, found with as few bytes read as can be: by arithmetic, by an offset table, or by a
//! walk over the fragments that is never done twice.

use super::Stored;
use crate::dicom::frames::{Fragments, basic_offsets};
use crate::origin::Fault;
use std::ops::Range;

/// Bytes looked at around an item header: fragments of a frame are mostly larger, and then only this is read of each.
const LOOK: u64 = 4 << 10;

/// Bytes looked at where many small fragments stand.
const LOOK_WIDE: u64 = 256 << 10;

impl Stored {
    /// Where the pieces of compressed frame `frame` (from 0) stand.
    pub(super) async fn frame_spans(&self, frame: u32) -> Result<Vec<Range<u64>>, Fault> {
        let (frames, syntax) = (self.image.frames, self.layout.transfer_syntax.uid);
        let mut fragments = self.fragments.lock().await;
        if fragments.table().is_none() {
            self.look(&mut fragments, LOOK).await?;
        }
        if let Some(found) = self.named(&fragments, frame).await? {
            return Ok(found);
        }
        let mut window = LOOK;
        loop {
            if let Some(found) = fragments.frame(frame, frames, syntax).map_err(|_| Fault::Damaged)? {
                let spans = fragments.spans().get(found).unwrap_or_default();
                return Ok(spans.iter().map(|(at, len)| *at..at + u64::from(*len)).collect());
            }
            let before = fragments.spans().len();
            self.look(&mut fragments, window).await?;
            window = if fragments.spans().len() > before + 1 { (window * 2).min(LOOK_WIDE) } else { LOOK };
        }
    }

    /// Where all fragments stand.
    pub(super) async fn all_spans(&self) -> Result<Vec<Range<u64>>, Fault> {
        self.end_of_fragments().await?;
        let fragments = self.fragments.lock().await;
        Ok(fragments.spans().iter().map(|(at, len)| *at..at + u64::from(*len)).collect())
    }

    /// Where the fragments end.
    pub(super) async fn end_of_fragments(&self) -> Result<u64, Fault> {
        let mut fragments = self.fragments.lock().await;
        while !fragments.ended() {
            self.look(&mut fragments, LOOK).await?;
        }
        Ok(fragments.next() + 8)
    }

    async fn look(&self, fragments: &mut Fragments, window: u64) -> Result<(), Fault> {
        let (at, size) = (fragments.next(), self.size());
        let end = size.min(at.saturating_add(window));
        if at >= end {
            return Err(Fault::Damaged);
        }
        let bytes = self.bytes.read(at..end).await?;
        fragments.look(at, &bytes, end == size).map_err(|_| Fault::Damaged)
    }

    /// Where an offset table says that the frame stands (PS3.5 A.4, PS3.3 C.7.6.3.1.8), if there is one for all frames
    /// and it tells the truth.
    async fn named(&self, fragments: &Fragments, frame: u32) -> Result<Option<Vec<Range<u64>>>, Fault> {
        let (image, frames) = (&self.image, self.image.frames as usize);
        let Some(table) = fragments.table() else { return Ok(None) };
        let (base, frame) = (table.end, frame as usize);
        if image.offsets.len() == frames {
            let until = image.offsets.get(frame + 1).copied();
            return self.walk(base, image.offsets.get(frame).copied(), until).await;
        }
        if frames > 1 && table.end - table.start == 4 * frames as u64 && table.end <= self.size() {
            // Of a table, the two offsets that matter.
            let at = table.start + 4 * frame as u64;
            let offsets = basic_offsets(&self.bytes.read(at..table.end.min(at + 8)).await?);
            return self.walk(base, offsets.first().copied(), offsets.get(1).copied()).await;
        }
        Ok(None)
    }

    /// The fragments from one offset to the next, or to the delimiter. Nothing if no items stand there.
    async fn walk(
        &self,
        base: u64,
        from: Option<u64>,
        until: Option<u64>,
    ) -> Result<Option<Vec<Range<u64>>>, Fault> {
        let size = self.size();
        let place = |offset: u64| base.checked_add(offset).filter(|at| *at < size);
        let Some(from) = from.and_then(place) else { return Ok(None) };
        let until = until.map_or(Some(size), place).filter(|until| *until > from);
        let Some(until) = until else { return Ok(None) };
        let mut fragments = Fragments::within(from);
        while !fragments.ended() && fragments.next() < until {
            match self.look(&mut fragments, 64).await {
                Err(Fault::Damaged) => return Ok(None),
                seen => seen?,
            }
        }
        let spans: Vec<_> = fragments.spans().iter().filter(|(at, _)| *at < until).collect();
        let whole = !spans.is_empty() && (fragments.ended() || fragments.next() >= until);
        Ok(whole.then(|| spans.into_iter().map(|(at, len)| *at..at + u64::from(*len)).collect()))
    }
}
