//! Destination: the downstream server. Small instances travel together in requests that
//! lie in memory and can be repeated; a large one streams alone, and its request breaks
//! off if it is refused late.

use super::Fault;
use crate::deid::receipt::Receipt;
use crate::dicomweb::boundary;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::downstream::{self, Answer, Downstream, Fate, Feed, Feeder};
use bytes::Bytes;
use tokio::task::JoinHandle;

/// Instances up to this size are held whole.
const SMALL: usize = 1 << 20;

/// A group goes out when it has this many bytes,
const GROUP_BYTES: usize = 4 << 20;

/// or this many instances.
const GROUP_COUNT: usize = 200;

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
    transfer_syntax: &'static str,
    chunks: Vec<Bytes>,
    len: usize,
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
                let _ = names.send(receipt.names.instance.clone());
                self.sent.push((vec![place], task));
            }
            Open::Held { chunks, len } => {
                let uid = receipt.names.instance.clone();
                // One answer cannot tell two instances of one UID apart.
                if self.group.iter().any(|small| small.uid == uid) {
                    self.flush().await?;
                }
                self.group_bytes += len;
                self.group.push(Small { place, uid, transfer_syntax: receipt.transfer_syntax, chunks, len });
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
        if let Open::Streaming { feeder, task, .. } = std::mem::take(&mut self.open) {
            feeder.abort().await;
            let _ = task.await;
        }
    }

    pub(super) async fn settle(mut self) -> Vec<Result<(), Fault>> {
        let flushed = self.flush().await;
        let mut fates = vec![flushed.and(Err(Fault::Unlisted)); self.committed];
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

    /// What went out cannot be taken back; what was not yet sent is not.
    pub(super) async fn abandon(mut self) {
        self.discard().await;
        for (_, task) in self.sent {
            let _ = task.await;
        }
    }

    /// Begins a request for one large instance.
    async fn stream(&self, begun: Vec<Bytes>) -> Result<Open, Fault> {
        let place = self.downstream.place().await.ok_or(Fault::Storage)?;
        let mut framing = framing()?;
        let content_type = framing.content_type();
        let head = framing.part(&PartHead { media: "application/dicom", ..PartHead::default() });
        let (feeder, feed) = Feed::streamed();
        let (names, named) = tokio::sync::oneshot::channel::<String>();
        let downstream = self.downstream.clone();
        let task = tokio::spawn(async move {
            let answer = downstream.store_stream(&content_type, feed).await;
            drop(place);
            // Without a name the instance was refused and nobody asks.
            let uid = named.await.unwrap_or_default();
            fates(&answer, &[&uid])
        });
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
        let task = tokio::spawn(async move {
            let fates = send(&downstream, &group).await;
            drop(permit);
            fates
        });
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
    let mut body = Vec::new();
    for small in group {
        let head = PartHead {
            media: "application/dicom",
            transfer_syntax: Some(small.transfer_syntax),
            length: Some(small.len as u64),
            location: None,
        };
        body.push(framing.part(&head));
        body.extend(small.chunks.iter().cloned());
    }
    body.push(framing.close());
    let answer = downstream.store_whole(&content_type, &body).await;
    let uids: Vec<&str> = group.iter().map(|small| small.uid.as_str()).collect();
    fates(&answer, &uids)
}

fn fates(answer: &Result<Answer, downstream::Fault>, uids: &[&str]) -> Vec<Result<(), Fault>> {
    match answer {
        Err(fault) => vec![Err(Fault::Downstream(*fault)); uids.len()],
        Ok(answer) => {
            let one = |fate| match fate {
                Fate::Stored => Ok(()),
                Fate::Failed(reason) => Err(Fault::Refused(reason)),
                Fate::Unlisted => Err(Fault::Unlisted),
            };
            answer.fates(uids).into_iter().map(one).collect()
        }
    }
}

fn framing() -> Result<Multipart, Fault> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Fault::Storage)?;
    Ok(Multipart::new("application/dicom", boundary::generate(random)))
}
