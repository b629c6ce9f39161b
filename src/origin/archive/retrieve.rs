//! What lies in the archive below a place, one instance after the other as fast as they are taken. What can be given of
//! an instance is `stored`'s.

use super::ArchiveOrigin;
use super::object::Object;
use crate::db::held::{Held, Place};
use crate::dicom::TransferSyntax;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::representation::As;
use crate::origin::part::{Content, Part, Parts};
use crate::origin::stored::{Ranged, Stored};
use crate::origin::{Fault, Given, Model, resource};
use crate::raster::wish::Wish;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::sync::Arc;

/// Instances that are asked of the catalog at a time.
const PAGE: u32 = 500;

/// Heads that are read at the same time.
const AHEAD: usize = 4;

/// Instances among which one is chosen to stand for a series or study.
const CHOICE: u32 = 500;

impl ArchiveOrigin {
    /// The instances below a place, page by page.
    fn held(&self, project: &str, place: &Place) -> BoxStream<'static, Result<Held, Fault>> {
        let (db, project, place) = (self.db.clone(), project.to_owned(), place.clone());
        let next = move |after: Option<Option<Held>>| {
            let (db, project, place) = (db.clone(), project.clone(), place.clone());
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
    async fn one(&self, project: &str, place: &Place) -> Result<(Held, String), Fault> {
        let held = self.db.held(project, place, None, 1).await?.pop().ok_or(Fault::NotFound)?;
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

    pub(super) async fn instances(&self, project: &str, place: &Place, given: Given) -> Result<Parts, Fault> {
        let syntaxes = self.syntaxes_of(project, place).await?;
        let partial = syntaxes.iter().any(|(syntax, _)| !given.contains_key(syntax));
        let (origin, study) = (self.clone(), place.study.clone());
        let parts = self.held(project, place).try_filter_map(move |held| {
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
        Ok(Parts { partial, parts: parts.boxed() })
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

    pub(super) async fn syntaxes_of(
        &self,
        project: &str,
        place: &Place,
    ) -> Result<Vec<(String, u64)>, Fault> {
        let syntaxes = self.db.held_syntaxes(project, place).await?;
        if syntaxes.is_empty() { Err(Fault::NotFound) } else { Ok(syntaxes) }
    }

    pub(super) async fn metadata(
        &self,
        project: &str,
        place: &Place,
        form: Model,
        root: &str,
    ) -> Result<Parts, Fault> {
        self.syntaxes_of(project, place).await?;
        let (origin, study, root) = (self.clone(), place.study.clone(), root.to_owned());
        let one = move |held: Held| {
            let (origin, path, root) = (origin.clone(), path(&study, &held), root.clone());
            async move {
                let part = origin.known(&held).await?.metadata(&path, form, &root).await?;
                Ok(Part { tag: Some(held.sha256), ..part })
            }
        };
        let parts = self.held(project, place).map_ok(one).try_buffered(AHEAD);
        Ok(Parts { partial: false, parts: parts.boxed() })
    }

    pub(super) async fn frames(
        &self,
        project: &str,
        place: &Place,
        numbers: &[u32],
        given: As,
    ) -> Result<Parts, Fault> {
        let (held, path) = self.one(project, place).await?;
        self.known(&held).await?.frames(&path, numbers, given).await
    }

    pub(super) async fn bulk(
        &self,
        project: &str,
        place: &Place,
        attribute: &BulkPath,
        given: As,
    ) -> Result<Parts, Fault> {
        let (held, path) = self.one(project, place).await?;
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
        project: &str,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        if place.instance.is_some() {
            let (held, path) = self.one(project, place).await?;
            return self.known(&held).await?.rendered(&path, frame, wish).await;
        }
        self.syntaxes_of(project, place).await?;
        let (origin, study) = (self.clone(), place.study.clone());
        let parts = self.held(project, place).try_filter_map(move |held| {
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
        Ok(Parts { partial: false, parts: parts.try_flatten().boxed() })
    }

    /// One picture that stands for all below a place: of the middle, or of what else has one.
    pub(super) async fn thumbnail(
        &self,
        project: &str,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        let held = self.db.held(project, place, None, CHOICE).await?;
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
