//! Destination: the embedded archive. Objects are written while the request comes in;
//! the catalog learns of them all at once, with the request's account (`db::writer`).

use super::{Custody, Fault, Settled, Stored};
use crate::archive::describe::Describer;
use crate::archive::{self, Archive, Writer};
use crate::db::catalog::Entry;
use crate::db::seal::hex;
use crate::deid::receipt::Receipt;
use crate::trail::carried;
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Objects being made safe on disk at the same time.
const IN_FLIGHT: usize = 4;

/// A request on its way into the archive.
pub struct Keep {
    archive: Archive,
    project: String,
    open: Option<Box<(Writer, Describer)>>,
    finishing: VecDeque<(Entry, JoinHandle<Result<(), archive::Fault>>)>,
    finished: Vec<Result<Entry, Fault>>,
}

impl From<archive::Fault> for Fault {
    fn from(fault: archive::Fault) -> Self {
        tracing::error!(%fault, "the archive fails");
        Self::Storage
    }
}

impl Keep {
    pub(super) fn new(archive: Archive, project: String) -> Self {
        Self { archive, project, open: None, finishing: VecDeque::new(), finished: Vec::new() }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        let (writer, describer) = match &mut self.open {
            Some(open) => &mut **open,
            None => self.open.insert(Box::new((self.archive.writer(&self.project)?, Describer::default()))),
        };
        describer.see(&bytes);
        Ok(writer.write(bytes).await?)
    }

    pub(super) async fn commit(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        if receipt.names.study.is_empty() || receipt.names.series.is_empty() {
            return Err(Fault::NoStudy);
        }
        let Some((writer, describer)) = self.open.take().map(|open| *open) else {
            return Err(Fault::Storage);
        };
        let Some(sha256) = receipt.sha256_out else { return Err(Fault::Storage) };
        while self.finishing.len() >= IN_FLIGHT {
            self.finish_one().await;
        }
        let entry = Entry {
            names: receipt.names.clone(),
            patient_id: receipt.patient_id.clone(),
            transfer_syntax: receipt.transfer_syntax.to_owned(),
            size: receipt.bytes_out,
            sha256: hex(&sha256),
            object: writer.object().to_owned(),
            described: describer.finish(),
        };
        self.finishing.push_back((entry, tokio::spawn(carried(writer.finish()))));
        Ok(())
    }

    pub(super) async fn discard(&mut self) {
        if let Some((writer, _)) = self.open.take().map(|open| *open) {
            writer.abort().await;
        }
    }

    async fn finish_one(&mut self) {
        let Some((entry, task)) = self.finishing.pop_front() else { return };
        self.finished.push(match task.await {
            Ok(done) => done.map(|()| entry).map_err(Fault::from),
            Err(_) => Err(Fault::Storage),
        });
    }

    pub(super) async fn settle(mut self) -> Settled {
        while !self.finishing.is_empty() {
            self.finish_one().await;
        }
        let fates = self.finished.iter().map(|it| it.as_ref().map(drop).map_err(|fault| *fault)).collect();
        let entries = self.finished.into_iter().filter_map(Result::ok).collect();
        let custody = Custody::Stored(Stored { archive: self.archive, entries });
        Settled { fates, answer: None, custody }
    }

    /// Nothing of the request stays.
    pub(super) async fn abandon(mut self) -> Vec<Result<(), Fault>> {
        self.discard().await;
        while !self.finishing.is_empty() {
            self.finish_one().await;
        }
        let objects = self.finished.iter().filter_map(|it| it.as_ref().ok());
        self.archive.remove(objects.map(|entry| entry.object.as_str())).await;
        vec![Err(Fault::BrokenOff); self.finished.len()]
    }
}
