//! Instances of the server (PS3.18 10.4.1.1.1): asked for as they are kept there, given as the client wishes.

use super::arrival::Arrival;
use super::{Remote, RemoteOrigin, bytes, plain};
use crate::dicom::TransferSyntax;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::representation::{self, As, Lossy};
use crate::origin::part::{Content, Part, Parts};
use crate::origin::{Fault, Place};
use crate::raster::decode::decodes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

const ACCEPT: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

const DICOM: &str = "application/dicom";

/// Instances one after the other. The bytes of each must be taken, or dropped, before the next.
pub(in crate::origin) struct Arrivals {
    /// There are others, which the server does not give.
    pub partial: bool,
    pub instances: BoxStream<'static, Result<Arrival, Fault>>,
}

impl Remote {
    /// The instances below a place, as the server keeps them.
    pub(in crate::origin) async fn instances(&self, place: &Place) -> Result<Arrivals, Fault> {
        let reply = self.client.get(&place.path(), ACCEPT, None).await?;
        let (partial, parts) = (reply.partial, reply.parts()?);
        let (remote, place) = (self.clone(), place.clone());
        let next = move |mut parts: crate::downstream::ReplyParts| {
            let (remote, place) = (remote.clone(), place.clone());
            async move {
                let Some((_, body)) = parts.next().await? else { return Ok(None) };
                let arrival = Arrival::of(bytes(body), &place).await?;
                remote.learn(&arrival.path, &arrival.syntax);
                Ok(Some((arrival, parts)))
            }
        };
        Ok(Arrivals { partial, instances: stream::try_unfold(parts, next).boxed() })
    }

    /// One instance, as the server keeps it.
    pub(in crate::origin) async fn instance(&self, place: &Place) -> Result<Arrival, Fault> {
        self.instances(place).await?.instances.try_next().await?.ok_or(Fault::NotFound)
    }
}

impl RemoteOrigin {
    pub(super) async fn instances(&self, place: &Place, wishes: &[SyntaxWish]) -> Result<Parts, Fault> {
        let count = self.remote.count(place).await?;
        let Arrivals { mut partial, mut instances } = self.remote.instances(place).await?;
        let mut none = Fault::NotFound;
        let first = loop {
            let arrival = instances.try_next().await?.ok_or(none)?;
            match self.given(arrival, wishes).await? {
                Some(part) => break part,
                None => (partial, none) = (true, CANNOT_BE_GIVEN),
            }
        };
        let (origin, wishes) = (self.clone(), wishes.to_vec());
        let rest = instances.and_then(move |arrival| {
            let (origin, wishes) = (origin.clone(), wishes.clone());
            // The answer has begun without saying that it leaves something out: then it must not end well.
            async move { origin.given(arrival, &wishes).await?.ok_or(CANNOT_BE_GIVEN) }
        });
        Ok(Parts::counted_to_the_end(partial, count, stream::iter([Ok(first)]).chain(rest).boxed()))
    }

    /// An instance in the first of the syntaxes wished for that it can be given in.
    async fn given(&self, arrival: Arrival, wishes: &[SyntaxWish]) -> Result<Option<Part>, Fault> {
        let Arrival { syntax, path, bytes } = arrival;
        let known = TransferSyntax::of(&syntax);
        let part = |transfer_syntax, bytes| Part {
            media: DICOM,
            transfer_syntax,
            path: path.clone(),
            tag: None,
            content: Content::stream(None, bytes),
        };
        Ok(match representation::choose(&syntax, wishes, Lossy::Stays, decodes) {
            None => None,
            Some(As::Stored) => Some(part(known.map(|syntax| syntax.uid), bytes)),
            Some(As::Native) if known.is_some_and(|syntax| !syntax.encapsulated) => {
                Some(part(Some(EXPLICIT_LE), plain(bytes)))
            }
            Some(As::Native) => {
                let name = format!("{} {path}", self.space);
                let stored = self.pulled.of(&name, || async { Ok(plain(bytes)) }).await?;
                Some(stored.native(path).await?)
            }
        })
    }
}

const CANNOT_BE_GIVEN: Fault =
    Fault::Undecodable("an instance cannot be given in a transfer syntax that the request takes");
