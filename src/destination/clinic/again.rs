//! Finds names again that the crosswalk does not have, because it never met them or forgot them: pseudonyms of what stands
//! in the metadata of a study are made once more and held against them.

use super::asking::Spot;
use super::{Clinic, failing};
use crate::db::crosswalk::Kind;
use crate::deid::engine::Engine;
use crate::deid::receipt::Phi;
use crate::destination::Fault;
use crate::dicom::uid;
use crate::downstream;
use std::collections::{BTreeSet, HashMap};

/// Most instances whose metadata is looked at for one that was sent.
const LOOKS: usize = 64;

/// Most pages of a study's instances.
const PAGES: usize = 50;

/// A search for lost names.
pub(super) struct Again<'a> {
    clinic: &'a Clinic,
    engine: &'a Engine,
    lost: BTreeSet<&'a str>,
    found: HashMap<String, Phi<String>>,
    looks: usize,
    /// Series that were looked at.
    series: BTreeSet<String>,
}

impl<'a> Again<'a> {
    pub(super) fn new(clinic: &'a Clinic, engine: &'a Engine, lost: &'a [String]) -> Self {
        let lost = lost.iter().map(String::as_str).collect();
        Self { clinic, engine, lost, found: HashMap::new(), looks: 0, series: BTreeSet::new() }
    }

    /// The originals of those that stand in a study: names of its series and instances, and what their metadata names,
    /// beginning with the instances that the one that was sent refers to.
    pub(super) async fn find(
        mut self,
        study: &str,
        referred: &[Spot],
    ) -> Result<HashMap<String, Phi<String>>, Fault> {
        self.walk(study, referred).await.map_err(Fault::Downstream)?;
        let pairs = self.found.iter().map(|(name, it)| (Kind::Uid, name.clone(), it.clone())).collect();
        self.clinic.crosswalk.enter(pairs).await.map_err(failing)?;
        Ok(self.found)
    }

    async fn walk(&mut self, study: &str, referred: &[Spot]) -> Result<(), downstream::Fault> {
        // One of each series first: most names are a series' and not an instance's.
        for spot in referred {
            self.look_into_series(spot).await?;
        }
        for page in 0..PAGES {
            if self.lost.is_empty() {
                return Ok(());
            }
            let spots = self.clinic.page(study, page).await?;
            if spots.is_empty() {
                break;
            }
            for Spot { series, instance, .. } in &spots {
                self.see(series);
                self.see(instance);
            }
            for spot in &spots {
                self.look_into_series(spot).await?;
            }
        }
        for spot in referred {
            self.look(spot).await?;
        }
        Ok(())
    }

    async fn look_into_series(&mut self, spot: &Spot) -> Result<(), downstream::Fault> {
        match self.series.insert(spot.series.clone()) {
            true => self.look(spot).await,
            false => Ok(()),
        }
    }

    async fn look(&mut self, spot: &Spot) -> Result<(), downstream::Fault> {
        if self.lost.is_empty() || self.looks >= LOOKS {
            return Ok(());
        }
        self.looks += 1;
        let uids = self.clinic.uids(spot).await?;
        uids.iter().for_each(|original| self.see(original));
        Ok(())
    }

    fn see(&mut self, original: &str) {
        if original.starts_with(uid::DICOM_ROOT) {
            return;
        }
        let name = self.engine.uid(original);
        if self.lost.remove(name.as_str()) {
            self.found.insert(name, Phi::new(original.to_owned()));
        }
    }
}
