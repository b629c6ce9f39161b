//! Destination: the downstream server. Small instances travel together in requests that
//! lie in memory and can be repeated; a large one streams alone, and its request breaks
//! off if it is refused late.

use super::Fault;
use crate::deid::receipt::Receipt;
use crate::dicomweb::boundary;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::store_answer::{Fate, StoreAnswer};
use crate::downstream::{self, Downstream, Feed, Feeder};
use crate::trail::carried;
use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

/// Instances up to this size are held whole.
const SMALL: usize = 1 << 20;

/// A group goes out when it has this many bytes,
const GROUP_BYTES: usize = 4 << 20;

/// or this many instances.
const GROUP_COUNT: usize = 200;

/// Smaller pieces of a body are joined.
const PIECE: usize = 64 << 10;

/// Nothing but the type: Orthanc 1.10 stores nothing of a part whose type has a parameter
/// (and answers 200), and the transfer syntax stands in the file meta (PS3.18 8.7.9).
const PART: PartHead<'_> =
    PartHead { media: "application/dicom", transfer_syntax: None, length: None, location: None };

/// A request on its way downstream.
pub struct Forward {
    downstream: Downstream,
    open: Open,
    group: Vec<Small>,
    group_bytes: usize,
    /// Requests under way, with the places of their instances in the order committed.
    sent: Vec<(Vec<usize>, Sending)>,
    committed: usize,
}

type Sending = JoinHandle<Vec<Result<(), Fault>>>;

/// The open instance.
enum Open {
    Held { chunks: Vec<Bytes>, len: usize },
    Streaming { feeder: Feeder, closing: Bytes, names: tokio::sync::oneshot::Sender<String>, task: Sending },
}

impl Default for Open {
    fn default() -> Self {
        Self::Held { chunks: Vec::new(), len: 0 }
    }
}

/// A complete instance held in memory.
struct Small {
    place: usize,
    uid: String,
    chunks: Vec<Bytes>,
}

impl Forward {
    pub(super) fn new(downstream: Downstream) -> Self {
        Self {
            downstream,
            open: Open::default(),
            group: Vec::new(),
            group_bytes: 0,
            sent: Vec::new(),
            committed: 0,
        }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        match &mut self.open {
            Open::Streaming { feeder, .. } => {
                // What went wrong tells the request's own task.
                feeder.send(bytes).await;
                Ok(())
            }
            Open::Held { chunks, len } => {
                *len += bytes.len();
                chunks.push(bytes);
                if *len > SMALL {
                    let chunks = std::mem::take(chunks);
                    self.open = self.stream(chunks).await?;
                }
                Ok(())
            }
        }
    }

    pub(super) async fn commit(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        let place = self.committed;
        match std::mem::take(&mut self.open) {
            Open::Streaming { feeder, closing, names, task } => {
                feeder.send(closing).await;
                drop(feeder);
                let _ = names.send(receipt.arrives_as().to_owned());
                self.sent.push((vec![place], task));
            }
            Open::Held { chunks, len } => {
                let uid = receipt.arrives_as().to_owned();
                // One answer cannot tell two instances of one UID apart.
                if self.group.iter().any(|small| small.uid == uid) {
                    self.flush().await?;
                }
                self.group_bytes += len;
                self.group.push(Small { place, uid, chunks });
                if self.group_bytes >= GROUP_BYTES || self.group.len() >= GROUP_COUNT {
                    self.committed += 1;
                    return self.flush().await;
                }
            }
        }
        self.committed += 1;
        Ok(())
    }

    pub(super) async fn discard(&mut self) {
        if let Open::Streaming { feeder, names, task, .. } = std::mem::take(&mut self.open) {
            // The task waits for a name or for the certainty that none comes.
            drop(names);
            feeder.abort().await;
            let _ = task.await;
        }
    }

    pub(super) async fn settle(mut self) -> Vec<Result<(), Fault>> {
        let flushed = self.flush().await;
        self.arrivals(flushed.and(Err(Fault::Unlisted))).await
    }

    /// What went out cannot be taken back; what was not yet sent is not.
    pub(super) async fn abandon(mut self) -> Vec<Result<(), Fault>> {
        self.discard().await;
        self.arrivals(Err(Fault::BrokenOff)).await
    }

    /// The fates of what was sent; of the rest, that of `unsent`.
    async fn arrivals(self, unsent: Result<(), Fault>) -> Vec<Result<(), Fault>> {
        let mut fates = vec![unsent; self.committed];
        for (places, task) in self.sent {
            let arrived = task.await.unwrap_or_else(|_| vec![Err(Fault::Storage); places.len()]);
            for (place, fate) in places.into_iter().zip(arrived) {
                if let Some(slot) = fates.get_mut(place) {
                    *slot = fate;
                }
            }
        }
        fates
    }

    /// Begins a request for one large instance.
    async fn stream(&self, begun: Vec<Bytes>) -> Result<Open, Fault> {
        let place = self.downstream.place().await.ok_or(Fault::Storage)?;
        let mut framing = framing()?;
        let content_type = framing.content_type();
        let head = framing.part(&PART);
        let (feeder, feed) = Feed::streamed();
        let (names, named) = tokio::sync::oneshot::channel::<String>();
        let downstream = self.downstream.clone();
        let task = tokio::spawn(carried(async move {
            let answer = downstream.store_stream(&content_type, feed).await;
            drop(place);
            // Without a name the instance was refused and nobody asks.
            let uid = named.await.unwrap_or_default();
            fates(&answer, &[&uid])
        }));
        for bytes in std::iter::once(head).chain(begun) {
            feeder.send(bytes).await;
        }
        Ok(Open::Streaming { feeder, closing: framing.close(), names, task })
    }

    /// Sends the group; waits for a free place, and so holds back the client.
    async fn flush(&mut self) -> Result<(), Fault> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        let permit = self.downstream.place().await.ok_or(Fault::Storage)?;
        let places = group.iter().map(|small| small.place).collect();
        let downstream = self.downstream.clone();
        let task = tokio::spawn(carried(async move {
            let fates = send(&downstream, &group).await;
            drop(permit);
            fates
        }));
        self.sent.push((places, task));
        Ok(())
    }
}

/// Sends a group. A server that refuses it as a whole is asked again one by one, so that
/// one bad instance does not sink the others.
async fn send(downstream: &Downstream, group: &[Small]) -> Vec<Result<(), Fault>> {
    let together = send_together(downstream, group).await;
    let undecided = |fate: &Result<(), Fault>| {
        matches!(
            fate,
            Err(Fault::Unlisted
                | Fault::Downstream(downstream::Fault::Refused(_) | downstream::Fault::Nonsense))
        )
    };
    if group.len() == 1 || !together.iter().any(undecided) {
        return together;
    }
    let mut fates = Vec::with_capacity(group.len());
    for (small, fate) in group.iter().zip(together) {
        match undecided(&fate) {
            true => fates.extend(send_together(downstream, std::slice::from_ref(small)).await),
            false => fates.push(fate),
        }
    }
    fates
}

async fn send_together(downstream: &Downstream, group: &[Small]) -> Vec<Result<(), Fault>> {
    let mut framing = match framing() {
        Ok(framing) => framing,
        Err(fault) => return vec![Err(fault); group.len()],
    };
    let content_type = framing.content_type();
    let mut body = Joined::default();
    for small in group {
        body.push(&framing.part(&PART));
        small.chunks.iter().for_each(|chunk| body.push(chunk));
    }
    body.push(&framing.close());
    let answer = downstream.store_whole(&content_type, &body.finish()).await;
    let uids: Vec<&str> = group.iter().map(|small| small.uid.as_str()).collect();
    fates(&answer, &uids)
}

/// A body of few pieces: what is smaller than a write is worth is copied together.
#[derive(Default)]
struct Joined {
    pieces: Vec<Bytes>,
    tail: BytesMut,
}

impl Joined {
    fn push(&mut self, piece: &Bytes) {
        if piece.len() >= PIECE {
            self.cut();
            self.pieces.push(piece.clone());
        } else {
            self.tail.extend_from_slice(piece);
            if self.tail.len() >= PIECE {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.cut();
        self.pieces
    }
}

fn fates(answer: &Result<StoreAnswer, downstream::Fault>, uids: &[&str]) -> Vec<Result<(), Fault>> {
    match answer {
        Err(fault) => vec![Err(Fault::Downstream(*fault)); uids.len()],
        // A server that pseudonymizes again lists other UIDs: then full numbers count, and
        // nothing less does.
        Ok(answer) if answer.failed + answer.other.len() == 0 && answer.stored == uids.len() => {
            vec![Ok(()); uids.len()]
        }
        Ok(answer) => uids.iter().map(|uid| fate(answer, uid, uids.len() == 1)).collect(),
    }
}

/// A failure that is tied to no instance is that of the only one sent.
fn fate(answer: &StoreAnswer, uid: &str, alone: bool) -> Result<(), Fault> {
    match answer.fate(uid) {
        Some(Fate::Stored { .. }) => Ok(()),
        Some(Fate::Failed { reason }) => Err(reason.map_or(Fault::Unlisted, Fault::Refused)),
        None => Err(answer
            .other
            .first()
            .copied()
            .flatten()
            .filter(|_| alone)
            .map_or(Fault::Unlisted, Fault::Refused)),
    }
}

fn framing() -> Result<Multipart, Fault> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Fault::Storage)?;
    Ok(Multipart::new("application/dicom", boundary::generate(random)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicomweb::store_response::{Outcome, StoreResponse};

    fn answer(stored: &[&str], failed: &[&str], other: usize) -> Result<StoreAnswer, downstream::Fault> {
        let sop_class = || "1.2".to_owned();
        let good = stored.iter().map(|uid| Outcome::Stored {
            sop_class: sop_class(),
            sop_instance: (*uid).to_owned(),
            retrieve_url: None,
            warning: None,
        });
        let bad = failed.iter().map(|uid| Outcome::Failed {
            sop_class: sop_class(),
            sop_instance: (*uid).to_owned(),
            reason: 272,
            detail: "".into(),
        });
        let other = (0..other).map(|_| Outcome::Other { reason: 0xC000, detail: "".into() });
        let outcomes = good.chain(bad).chain(other).collect();
        Ok(StoreAnswer::parse(None, &StoreResponse { retrieve_url: None, outcomes }.to_json()).unwrap())
    }

    #[test]
    fn each_instance_has_the_fate_that_the_server_lists() {
        let fates = fates(&answer(&["1.1"], &["1.2"], 0), &["1.2", "1.1", "1.3"]);
        assert_eq!(fates, [Err(Fault::Refused(272)), Ok(()), Err(Fault::Unlisted)]);
    }

    #[test]
    fn other_uids_pass_in_full_number_only() {
        assert_eq!(fates(&answer(&["9.1", "9.2"], &[], 0), &["1.1", "1.2"]), [Ok(()); 2]);
        assert_eq!(fates(&answer(&["9.1"], &[], 0), &["1.1", "1.2"]), [Err(Fault::Unlisted); 2]);
        assert_eq!(fates(&answer(&["9.1", "9.2"], &[], 1), &["1.1", "1.2"]), [Err(Fault::Unlisted); 2]);
    }

    #[test]
    fn a_failure_without_a_name_is_that_of_the_only_instance() {
        assert_eq!(fates(&answer(&[], &[], 1), &["1.1"]), [Err(Fault::Refused(0xC000))]);
        assert_eq!(fates(&answer(&[], &[], 1), &["1.1", "1.2"]), [Err(Fault::Unlisted); 2]);
    }
}
