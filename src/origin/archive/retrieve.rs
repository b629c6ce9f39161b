//! What lies in the archive below a place, one instance after the other as fast as they are taken. What can be given of
//! an instance is `stored`'s.

use super::ArchiveOrigin;
use super::object::Object;
use crate::db::held::{Held, Place};
use crate::dicom::TransferSyntax;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::representation::{self, As, Lossy};
use crate::origin::part::{Content, Part, Parts};
use crate::origin::stored::{Ranged, Stored};
use crate::origin::{Fault, Model, resource};
use crate::raster::decode::decodes;
use crate::raster::wish::Wish;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Instances that are asked of the catalog at a time.
const PAGE: u32 = 500;

/// Heads that are read at the same time.
const AHEAD: usize = 4;

/// Instances among which one is chosen to stand for a series or study.
const CHOICE: u32 = 500;

impl ArchiveOrigin {
    /// The instances below a place, page by page.
    fn held(&self, place: &Place) -> BoxStream<'static, Result<Held, Fault>> {
        let (db, project, place) = (self.db.clone(), Arc::clone(&self.project), place.clone());
        let next = move |after: Option<Option<Held>>| {
            let (db, project, place) = (db.clone(), Arc::clone(&project), place.clone());
            async move {
                let Some(after) = after else { return Ok::<_, Fault>(None) };
                let page = db.held(&project, &place, after.as_ref(), PAGE).await?;
                let more = page.last().filter(|_| page.len() == PAGE as usize).cloned();
                Ok(Some((stream::iter(page.into_iter().map(Ok)), more.map(Some))))
            }
        };
        stream::try_unfold(Some(None), next).try_flatten().boxed()
    }

    /// The one instance that a place names, and its path.
    async fn one(&self, place: &Place) -> Result<(Held, String), Fault> {
        let held = self.db.held(&self.project, place, None, 1).await?.pop().ok_or(Fault::NotFound)?;
        let path = path(&place.study, &held);
        Ok((held, path))
    }

    /// What is known of an instance, read now if it is not remembered.
    async fn known(&self, held: &Held) -> Result<Arc<Stored>, Fault> {
        if let Some(known) = self.known.find(&held.object) {
            return Ok(known);
        }
        let object = Arc::new(Object::of(&self.archive, held));
        let known = Arc::new(Stored::read(object, self.decoders.clone()).await?);
        self.known.keep(&held.object, Arc::clone(&known));
        Ok(known)
    }

    pub(super) async fn syntax(&self, place: &Place) -> Result<String, Fault> {
        Ok(self.one(place).await?.0.transfer_syntax)
    }

    pub(super) async fn instances(&self, place: &Place, wishes: &[SyntaxWish]) -> Result<Parts, Fault> {
        let syntaxes = self.syntaxes(place).await?;
        let choose = |stored: &str| representation::choose(stored, wishes, Lossy::Stays, decodes);
        let given = syntaxes.keys().filter_map(|stored| Some((stored.clone(), choose(stored)?)));
        let given: BTreeMap<String, As> = given.collect();
        if given.is_empty() {
            return Err(Fault::Undecodable(
                "no instance can be given in a transfer syntax that the request takes",
            ));
        }
        let partial = given.len() < syntaxes.len();
        let instances =
            syntaxes.iter().filter(|(stored, _)| given.contains_key(*stored)).map(|(_, count)| count).sum();
        let (origin, study) = (self.clone(), place.study.clone());
        let parts = self.held(place).try_filter_map(move |held| {
            let (origin, path) = (origin.clone(), path(&study, &held));
            let given = given.get(&held.transfer_syntax).copied();
            async move {
                Ok(match given {
                    None => None,
                    Some(As::Stored) => Some(origin.as_it_lies(&held, path)),
                    Some(As::Native) => Some(origin.known(&held).await?.native(path).await?),
                })
            }
        });
        Ok(Parts::counted(partial, instances, parts.boxed()))
    }

    /// The instance byte by byte as it lies in the store.
    fn as_it_lies(&self, held: &Held, path: String) -> Part {
        let object = Object::of(&self.archive, held);
        Part {
            media: "application/dicom",
            transfer_syntax: TransferSyntax::of(&held.transfer_syntax).map(|syntax| syntax.uid),
            path,
            tag: Some(held.sha256.clone()),
            content: Content::seekable(held.size, move |range| object.stream(range)),
        }
    }

    /// The transfer syntaxes below a place, and how many instances have each; at least one.
    async fn syntaxes(&self, place: &Place) -> Result<BTreeMap<String, u64>, Fault> {
        let syntaxes = self.db.held_syntaxes(&self.project, place).await?;
        if syntaxes.is_empty() { Err(Fault::NotFound) } else { Ok(syntaxes) }
    }

    pub(super) async fn metadata(&self, place: &Place, form: Model, root: &str) -> Result<Parts, Fault> {
        self.syntaxes(place).await?;
        let (origin, study, root) = (self.clone(), place.study.clone(), root.to_owned());
        let one = move |held: Held| {
            let (origin, path, root) = (origin.clone(), path(&study, &held), root.clone());
            async move {
                let part = origin.known(&held).await?.metadata(&path, form, &root).await?;
                Ok(Part { tag: Some(held.sha256), ..part })
            }
        };
        let parts = self.held(place).map_ok(one).try_buffered(AHEAD);
        Ok(Parts { partial: false, instances: 0, parts: parts.boxed() })
    }

    pub(super) async fn frames(&self, place: &Place, numbers: &[u32], given: As) -> Result<Parts, Fault> {
        let (held, path) = self.one(place).await?;
        self.known(&held).await?.frames(&path, numbers, given).await
    }

    pub(super) async fn bulk(&self, place: &Place, attribute: &BulkPath, given: As) -> Result<Parts, Fault> {
        let (held, path) = self.one(place).await?;
        let mut parts = self.known(&held).await?.bulk(&path, attribute, given).await?;
        // Pixels are given in more ways than one under one name.
        if attribute.tag.group() != 0x7FE0 {
            let tag = format!("{}-{attribute}", held.sha256);
            parts.parts = parts.parts.map_ok(move |part| Part { tag: Some(tag.clone()), ..part }).boxed();
        }
        Ok(parts)
    }

    /// Pictures of the instances below a place; of one frame, or of the first of each.
    pub(super) async fn rendered(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        if place.instance.is_some() {
            let (held, path) = self.one(place).await?;
            return self.known(&held).await?.rendered(&path, frame, wish).await;
        }
        // What has no picture shows only when its turn comes; it is counted, for it was looked at.
        let instances = self.syntaxes(place).await?.values().sum();
        let (origin, study) = (self.clone(), place.study.clone());
        let parts = self.held(place).try_filter_map(move |held| {
            let (origin, path) = (origin.clone(), path(&study, &held));
            async move {
                match origin.known(&held).await?.rendered(&path, None, wish).await {
                    Ok(parts) => Ok(Some(parts.parts)),
                    // What has no picture is left out of many (PS3.18 10.4.3.3.3).
                    Err(Fault::Undecodable(_)) => Ok(None),
                    Err(fault) => Err(fault),
                }
            }
        });
        Ok(Parts::counted(false, instances, parts.try_flatten().boxed()))
    }

    /// One picture that stands for all below a place: of the middle, or of what else has one.
    pub(super) async fn thumbnail(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        let held = self.db.held(&self.project, place, None, CHOICE).await?;
        let mut failed = Fault::NotFound;
        for held in [held.get(held.len() / 2), held.first(), held.last()].into_iter().flatten() {
            let known = self.known(held).await?;
            match known.thumbnail(&path(&place.study, held), frame, wish).await {
                Err(fault @ Fault::Undecodable(_)) => failed = fault,
                shown => return Ok(Parts::one(shown?)),
            }
        }
        Err(failed)
    }
}

fn path(study: &str, held: &Held) -> String {
    resource(study, &held.series, &held.instance)
}
