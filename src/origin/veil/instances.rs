//! Instances on their way out, each through the rewriter as it comes. What is refused, is refused before its first byte; a
//! fault behind the pixels breaks the answer off.

use super::verdicts::Judged;
use super::{Fault, Parts, Place, Veil};
use crate::budget::Share;
use crate::deid::engine::{Engine, SERIES, Subject};
use crate::deid::facts::Facts;
use crate::deid::receipt::{Originals, Receipt, Refused};
use crate::deid::refusal::Refusal;
use crate::deid::rewriter::{COPIES, Options, Rewriter};
use crate::deid::search::Found;
use crate::dicom::TransferSyntax;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::representation::{self, As, Lossy};
use crate::origin::part::{ByteStream, Content, Part};
use crate::origin::resource;
use crate::origin::stored::Stored;
use crate::raster::decode::decodes;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// Bytes that the rewriter is given at once: at first, as most heads are short and what is behind them then goes on in one
/// piece; while it has not decided, as it may have to hold them; and at the most.
const FIRST: usize = 8 << 10;
const UNDECIDED: usize = 64 << 10;
const MOST: usize = 1 << 20;

const OTHER_SYNTAX: Fault =
    Fault::Undecodable("no instance can be given in a transfer syntax that the request takes");

impl Veil {
    /// The instances below a place.
    pub(super) async fn instances(&self, place: &Place, wishes: &[SyntaxWish]) -> Result<Parts, Fault> {
        let original = self.original(place).await?;
        let single = original.instance.is_some();
        // What must be decoded is decoded here: so nothing but rewritten instances is ever spooled.
        let behind = self.0.behind.instances(&original, &[SyntaxWish::Any]);
        // Whether some are left out is said before the first comes.
        let (judged, behind) = match single {
            true => (Judged::default(), behind.await?),
            false => self.judged(&original, behind).await?,
        };
        if !single && judged.passed == 0 {
            return Err(judged.why.map_or(Fault::NotFound, Fault::Refused));
        }
        let (mut partial, mut parts) = (behind.partial || judged.refused > 0, behind.parts);
        let mut failed = Fault::NotFound;
        let first = loop {
            let part = parts.try_next().await?.ok_or(failed)?;
            match self.given(part, wishes).await {
                Err(fault @ (Fault::Refused(_) | OTHER_SYNTAX)) => (partial, failed) = (true, fault),
                given => break given?,
            }
        };
        let (veil, wishes) = (self.clone(), wishes.to_vec());
        let rest = parts.try_filter_map(move |part| {
            let (veil, wishes) = (veil.clone(), wishes.clone());
            async move {
                match veil.given(part, &wishes).await {
                    Err(Fault::Refused(_) | OTHER_SYNTAX) if partial => Ok(None),
                    // An answer that has not said that it leaves something out must not end well.
                    given => given.map(Some),
                }
            }
        });
        let count = if single { 1 } else { judged.passed };
        Ok(Parts::counted_to_the_end(partial, count, stream::iter([Ok(first)]).chain(rest).boxed()))
    }

    /// A rewritten instance in the first of the syntaxes wished for that it can be given in.
    async fn given(&self, part: Part, wishes: &[SyntaxWish]) -> Result<Part, Fault> {
        let Rewritten { part, original } = self.rewritten_part(part).await?;
        if original.series.as_ref().is_none_or(String::is_empty) {
            drained(part.content.whole()).await?;
            return Err(Fault::Refused(Refusal::NoIdentity(SERIES)));
        }
        let syntax = part.transfer_syntax.unwrap_or_default();
        let encapsulated = TransferSyntax::of(syntax).is_some_and(|syntax| syntax.encapsulated);
        match representation::choose(syntax, wishes, Lossy::Stays, decodes) {
            Some(As::Native) if encapsulated => {
                let bytes = part.content.whole();
                let stored = self.0.pulled.of(&self.spool(&original), || async { Ok(bytes) }).await?;
                stored.native(part.path).await
            }
            Some(_) => Ok(part),
            None => {
                drained(part.content.whole()).await?;
                Err(OTHER_SYNTAX)
            }
        }
    }

    pub(super) async fn syntax(&self, place: &Place) -> Result<String, Fault> {
        let original = self.original(place).await?;
        self.0.behind.syntax(&original).await
    }

    /// The rewritten instance at an original place, in a spool that is kept for a while.
    pub(super) async fn rewritten(&self, original: &Place) -> Result<Arc<Stored>, Fault> {
        self.0.pulled.of(&self.spool(original), || self.rewritten_bytes(original)).await
    }

    /// The name of a spool: all that the bytes in it depend on.
    fn spool(&self, original: &Place) -> String {
        let inner = &self.0;
        let uid = |uid: &Option<String>| uid.clone().unwrap_or_default();
        let (series, instance) = (uid(&original.series), uid(&original.instance));
        let number = inner.number.to_string();
        [&inner.project, "veil", &number, &original.study, &series, &instance].join("\n")
    }

    async fn rewritten_bytes(&self, original: &Place) -> Result<ByteStream, Fault> {
        let mut behind = self.0.behind.instances(original, &[SyntaxWish::Any]).await?;
        let part = behind.parts.next().await.ok_or(Fault::NotFound)??;
        Ok(self.rewritten_part(part).await?.part.content.whole())
    }

    /// One instance, up to where its head was decided about; the rest comes as it is taken.
    async fn rewritten_part(&self, part: Part) -> Result<Rewritten, Fault> {
        let mut rest = Rest::new(&self.0.engine, self.0.pulled.share(), part.content.whole());
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
        let (subject, transfer_syntax) = self.subject_of(&rest)?;
        self.0.patients.learn_of(&subject.facts);
        self.0.crosswalk.enter(self.pairs(&subject)).await?;
        let names = &subject.names;
        let path = resource(&names.study, &names.series, &names.instance);
        let content = stream::iter(first.into_iter().map(Ok)).chain(rest.stream()).boxed();
        let content = Content::stream(None, content);
        let part =
            Part { media: part.media, transfer_syntax: Some(transfer_syntax), path, tag: None, content };
        let Facts { study, series, instance, .. } = subject.facts;
        Ok(Rewritten { part, original: Place { study, series: Some(series), instance: Some(instance) } })
    }

    /// An instance whose head went out, or that is without pixels and complete, and its transfer syntax.
    fn subject_of(&self, rest: &Rest) -> Result<(Subject, &'static str), Fault> {
        let found = |sop_class: &str, originals: Originals| {
            let Originals { study, series, instance, patient_id, issuer } = originals;
            let sop_class = sop_class.to_owned();
            self.0.engine.result(Found { sop_class, study, series, instance, patient_id, issuer })
        };
        if let Some((subject, syntax)) = rest.rewriter.as_ref().and_then(Rewriter::admitted) {
            let Facts { study, series, instance, patient_id, issuer, .. } = subject.facts.clone();
            let originals = Originals { study, series, instance, patient_id, issuer };
            return Ok((found(&subject.facts.sop_class, originals), syntax));
        }
        let receipt = rest.receipt.as_ref().ok_or(Fault::Damaged)?;
        let originals = receipt.originals.expose().clone();
        Ok((found(&receipt.names.sop_class, originals), receipt.transfer_syntax))
    }
}

/// A rewritten instance on its way.
struct Rewritten {
    part: Part,
    /// Where it lies at the origin.
    original: Place,
}

/// An instance on its way, as far as it was not taken.
struct Rest {
    source: ByteStream,
    /// What came of it and was not taken yet.
    left: Bytes,
    /// Bytes that it is given next at the most.
    window: usize,
    /// None at its end.
    rewriter: Option<Rewriter>,
    receipt: Option<Receipt>,
    share: Share,
}

impl Rest {
    fn new(engine: &Engine, share: Share, source: ByteStream) -> Self {
        let rewriter = Some(Rewriter::new(engine, Options::default()));
        Self { source, left: Bytes::new(), window: FIRST, rewriter, receipt: None, share }
    }

    /// The next pieces; none at the end.
    async fn take(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let Some(rewriter) = self.rewriter.as_mut() else { return Ok(()) };
        let refused = |refused: Refused| Fault::Refused(refused.refusal);
        let chunk = match std::mem::take(&mut self.left) {
            empty if empty.is_empty() => self.source.try_next().await?,
            left => Some(left),
        };
        match chunk {
            Some(mut chunk) => {
                if chunk.len() > self.window {
                    self.left = chunk.split_off(self.window);
                }
                self.share.hold(rewriter.will_hold(chunk.len()).saturating_mul(COPIES)).await?;
                rewriter.push(chunk, out).map_err(refused)?;
                self.window = if rewriter.admitted().is_some() { MOST } else { UNDECIDED };
                Ok(())
            }
            None => {
                let receipt = self.rewriter.take().map(|rewriter| rewriter.finish(out));
                self.receipt = receipt.transpose().map_err(refused)?;
                Ok(())
            }
        }
    }

    fn stream(self) -> ByteStream {
        // A rewriter is large, and would be moved with every piece.
        let pieces = stream::try_unfold(Box::new(self), |mut rest| async move {
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
