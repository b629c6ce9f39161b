//! Destination: the answer itself. Instances are spooled until all are settled, since a
//! client that is still sending does not read; framing them then is `answer`'s.

use super::answer::Answer;
use super::packer::{Packer, Packing};
use super::{Custody, Fault, Settled};
use crate::deid::receipt::{Names, Receipt};
use crate::spool::Spools;
use bytes::Bytes;

/// How instances are framed in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// multipart/related with this boundary (PS3.18 8.6.1.2).
    Multipart(String),
    /// One instance as it is.
    Bare,
    /// A ZIP archive with stored entries, named after their UIDs.
    Zip,
    /// A ZIP archive packed so, whose entries the caller names.
    Named(Packing),
}

/// A response being collected.
pub struct Respond {
    form: Form,
    packer: Packer,
    instances: Vec<Instance>,
}

/// What the framing needs to know of an instance.
pub(super) struct Instance {
    pub(super) names: Names,
    pub(super) transfer_syntax: &'static str,
}

impl Respond {
    pub(super) fn new(form: Form, spools: &Spools) -> Self {
        let packing = match form {
            Form::Multipart(_) | Form::Bare => None,
            Form::Zip => Some(Packing::Stored),
            Form::Named(packing) => Some(packing),
        };
        Self { form, packer: Packer::new(packing, spools), instances: Vec::new() }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        self.packer.write(bytes).await
    }

    pub(super) async fn commit(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        self.packer.commit().await?;
        let (names, transfer_syntax) = (receipt.names.clone(), receipt.transfer_syntax);
        self.instances.push(Instance { names, transfer_syntax });
        Ok(())
    }

    pub(super) fn committed(&self) -> usize {
        self.instances.len()
    }

    pub(super) async fn discard(&mut self) {
        self.packer.discard().await;
    }

    pub(super) async fn settle(self) -> Settled {
        let count = self.instances.len();
        match self.packer.finish().await {
            Ok((contents, reader)) => {
                let answer = Answer::new(self.form, self.instances, contents, reader);
                Settled { fates: vec![Ok(()); count], answer: Some(answer), custody: Custody::Here }
            }
            Err(_) => {
                Settled { fates: vec![Err(Fault::Storage); count], answer: None, custody: Custody::Here }
            }
        }
    }
}
