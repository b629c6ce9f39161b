//! Instances on their way out, each through the rewriter as it comes. What is refused, is refused before its first byte; a
//! fault behind the pixels breaks the answer off.

use super::names::Pair;
use super::{Fault, Parts, Place, Veil};
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Receipt, Refused};
use crate::deid::rewriter::{Options, Rewriter};
use crate::deid::search::Found;
use crate::dicomweb::accept::SyntaxWish;
use crate::origin::part::{ByteStream, Content, Part};
use crate::origin::resource;
use crate::origin::stored::Stored;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

const OTHER_SYNTAX: Fault =
    Fault::Undecodable("no instance can be given in a transfer syntax that the request takes");

impl Veil {
    /// The instances below a place.
    pub(super) async fn instances(&self, place: &Place, wishes: &[SyntaxWish]) -> Result<Parts, Fault> {
        let original = self.original(place).await?;
        let mut refused = false;
        if original.instance.is_none() {
            // Whether some are left out is said before the first comes.
            let judged = self.judge(&original).await?;
            refused = judged.refused > 0;
            if judged.passed == 0 {
                return Err(judged.why.map_or(Fault::NotFound, Fault::Refused));
            }
        }
        let single = original.instance.is_some();
        let behind = self.0.behind.instances(&original, wishes).await?;
        let (veil, wishes) = (self.clone(), wishes.to_vec());
        let parts = behind.parts.try_filter_map(move |part| {
            let (veil, wishes) = (veil.clone(), wishes.clone());
            async move {
                let part = match veil.rewritten_part(part).await {
                    Err(Fault::Refused(_)) if !single => return Ok(None),
                    rewritten => rewritten?,
                };
                match takes(&wishes, part.transfer_syntax) {
                    true => Ok(Some(part)),
                    false if single => Err(OTHER_SYNTAX),
                    false => drained(part.content.whole()).await.map(|()| None),
                }
            }
        });
        Ok(Parts { partial: behind.partial || refused, parts: parts.boxed() })
    }

    pub(super) async fn syntax(&self, place: &Place) -> Result<String, Fault> {
        let original = self.original(place).await?;
        self.0.behind.syntax(&original).await
    }

    /// The rewritten instance at an original place, in a spool that is kept for a while.
    pub(super) async fn rewritten(&self, original: &Place) -> Result<Arc<Stored>, Fault> {
        let inner = &self.0;
        let uid = |uid: &Option<String>| uid.clone().unwrap_or_default();
        let (series, instance) = (uid(&original.series), uid(&original.instance));
        let name = [&inner.project, "veil", inner.engine.plan().id(), &original.study, &series, &instance];
        inner.pulled.of(&name.join("\n"), || self.rewritten_bytes(original)).await
    }

    async fn rewritten_bytes(&self, original: &Place) -> Result<ByteStream, Fault> {
        let mut behind = self.0.behind.instances(original, &[SyntaxWish::Any]).await?;
        let part = behind.parts.next().await.ok_or(Fault::NotFound)??;
        Ok(self.rewritten_part(part).await?.content.whole())
    }

    /// One instance, up to where its head was decided about; the rest comes as it is taken.
    async fn rewritten_part(&self, part: Part) -> Result<Part, Fault> {
        let mut rest = Rest::new(&self.0.engine, part.content.whole());
        let mut first = Vec::new();
        while first.is_empty() && rest.rewriter.is_some() {
            match rest.take(&mut first).await {
                Err(fault @ Fault::Refused(_)) => {
                    drained(rest.source).await?;
                    return Err(fault);
                }
                taken => taken?,
            }
        }
        let (names, transfer_syntax, pairs) = self.named(&rest)?;
        self.0.crosswalk.enter(pairs).await?;
        let path = resource(&names.study, &names.series, &names.instance);
        let content = stream::iter(first.into_iter().map(Ok)).chain(rest.stream()).boxed();
        let content = Content::stream(None, content);
        Ok(Part { media: part.media, transfer_syntax: Some(transfer_syntax), path, tag: None, content })
    }

    /// The names of an instance whose head went out, its transfer syntax, what the crosswalk has to know.
    fn named(&self, rest: &Rest) -> Result<(Names, &'static str, Vec<Pair>), Fault> {
        let admitted = rest.rewriter.as_ref().and_then(Rewriter::admitted);
        if let Some((subject, transfer_syntax)) = admitted {
            self.0.patients.learn_of(&subject.facts);
            return Ok((subject.names.clone(), transfer_syntax, self.pairs(subject)));
        }
        let receipt = rest.receipt.as_ref().ok_or(Fault::Damaged)?;
        let originals = receipt.originals.expose().clone();
        let subject = self.0.engine.result(Found {
            sop_class: receipt.names.sop_class.clone(),
            study: originals.study,
            series: originals.series,
            instance: originals.instance,
            patient_id: originals.patient_id,
            issuer: originals.issuer,
        });
        self.0.patients.learn_of(&subject.facts);
        Ok((receipt.names.clone(), receipt.transfer_syntax, self.pairs(&subject)))
    }
}

/// True if a rewritten instance is in a transfer syntax that is wished for: it is not always that in which it came.
fn takes(wishes: &[SyntaxWish], given: Option<&str>) -> bool {
    let takes = |wish: &SyntaxWish| match wish {
        SyntaxWish::Any | SyntaxWish::Default => true,
        SyntaxWish::Uid(uid) => Some(uid.as_str()) == given,
    };
    wishes.iter().any(takes)
}

/// An instance on its way, as far as it was not taken.
struct Rest {
    source: ByteStream,
    /// None at its end.
    rewriter: Option<Rewriter>,
    receipt: Option<Receipt>,
}

impl Rest {
    fn new(engine: &Engine, source: ByteStream) -> Self {
        Self { source, rewriter: Some(Rewriter::new(engine, Options::default())), receipt: None }
    }

    /// The next pieces; none at the end.
    async fn take(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let Some(rewriter) = self.rewriter.as_mut() else { return Ok(()) };
        let refused = |refused: Refused| Fault::Refused(refused.refusal);
        match self.source.try_next().await? {
            Some(chunk) => rewriter.push(chunk, out).map_err(refused),
            None => {
                let receipt = self.rewriter.take().map(|rewriter| rewriter.finish(out));
                self.receipt = receipt.transpose().map_err(refused)?;
                Ok(())
            }
        }
    }

    fn stream(self) -> ByteStream {
        let pieces = stream::try_unfold(self, |mut rest| async move {
            if rest.rewriter.is_none() {
                return Ok::<_, Fault>(None);
            }
            let mut out = Vec::new();
            rest.take(&mut out).await?;
            Ok(Some((stream::iter(out.into_iter().map(Ok)), rest)))
        });
        pieces.try_flatten().boxed()
    }
}

/// Takes what is left of an instance that is refused: others may come behind it in the same body.
async fn drained(mut source: ByteStream) -> Result<(), Fault> {
    while source.try_next().await?.is_some() {}
    Ok(())
}
