//! Where at the origin stands what an instance names, be it as an instance, a series or a study. Whose the studies are is
//! asked above.

use super::asking::{Level, Spot, is_plain};
use super::{Miss, Visit};
use crate::deid::refusal::Refusal;
use crate::downstream::Fault::{NotFound, Refused, Unsupported};
use std::collections::{BTreeSet, HashMap};
use std::sync::{MutexGuard, PoisonError};

/// Names remembered within one request.
const REMEMBERED: usize = 4096;

/// What was found of the names of one instance.
pub(super) struct Places<'a> {
    /// Studies to look through where the origin does not search all that it has.
    within: BTreeSet<&'a String>,
    pub instances: Vec<Spot>,
    /// The studies of each series.
    pub series: HashMap<String, BTreeSet<String>>,
    named: BTreeSet<String>,
}

/// What a name is that is no instance's: a series in these studies, a study, or neither.
#[derive(Clone, Default)]
pub(super) struct Above {
    series: BTreeSet<String>,
    is_study: bool,
}

impl<'a> Places<'a> {
    pub(super) fn within(within: BTreeSet<&'a String>) -> Self {
        Self { within, instances: Vec::new(), series: HashMap::new(), named: BTreeSet::new() }
    }

    /// Takes an instance out; true if it was there.
    pub(super) fn take(&mut self, instance: &str) -> bool {
        let before = self.instances.len();
        self.instances.retain(|spot| spot.instance != instance);
        self.instances.len() < before
    }

    /// Every study that is named, or in which something is that is.
    pub(super) fn studies(&self) -> impl Iterator<Item = &String> {
        let series = self.series.values().flatten();
        self.instances.iter().map(|spot| &spot.study).chain(series).chain(&self.named)
    }

    fn add(&mut self, name: &str, above: Above) {
        if !above.series.is_empty() {
            self.series.entry(name.to_owned()).or_default().extend(above.series);
        }
        if above.is_study {
            self.named.insert(name.to_owned());
        }
    }
}

impl Visit {
    /// Adds where these names stand, and where `references` do, which are instances, and the instance of its own name if
    /// there is one. Where the origin does not search all its instances, every reference must be in the studies named.
    pub(super) async fn place(
        &self,
        places: &mut Places<'_>,
        names: &BTreeSet<&str>,
        references: &BTreeSet<&str>,
        instance: Option<&String>,
    ) -> Result<(), Miss> {
        let instance = instance.map(String::as_str);
        let mut uids: BTreeSet<&str> = names.iter().chain(references).copied().chain(instance).collect();
        if !uids.iter().all(|uid| is_plain(uid)) {
            return Err(Refusal::Untold.into());
        }
        let (located, everywhere) = self.located(Level::Instance, &uids, &places.within).await?;
        let found: BTreeSet<&str> = located.iter().map(|(name, _)| name.as_str()).collect();
        if !everywhere && !references.is_subset(&found) {
            return Err(Refusal::Untold.into());
        }
        uids.retain(|uid| !found.contains(uid) && Some(*uid) != instance);
        places.instances.extend(located.into_iter().map(|(_, spot)| spot));
        self.place_above(places, uids).await
    }

    /// The same of what is no instance, which many instances of a request share.
    async fn place_above(&self, places: &mut Places<'_>, mut uids: BTreeSet<&str>) -> Result<(), Miss> {
        uids.retain(|uid| match self.above().get(*uid).cloned() {
            Some(above) => {
                places.add(uid, above);
                false
            }
            None => true,
        });
        let mut found: HashMap<&str, Above> = uids.iter().map(|uid| (*uid, Above::default())).collect();
        let (series, everywhere) = self.located(Level::Series, &uids, &places.within).await?;
        for (name, spot) in series {
            uids.remove(name.as_str());
            if let Some(above) = found.get_mut(name.as_str()) {
                above.series.insert(spot.study);
            }
        }
        for (name, _) in self.located(Level::Study, &uids, &places.within).await?.0 {
            if let Some(above) = found.get_mut(name.as_str()) {
                above.is_study = true;
            }
        }
        for (name, above) in found {
            if everywhere {
                self.remember(name, above.clone());
            }
            places.add(name, above);
        }
        Ok(())
    }

    /// Those that are any of this level, and whether the origin was searched as a whole: not every server does, but all
    /// search their studies.
    async fn located(
        &self,
        level: Level,
        uids: &BTreeSet<&str>,
        within: &BTreeSet<&String>,
    ) -> Result<(Vec<(String, Spot)>, bool), Miss> {
        let uids: Vec<&str> = uids.iter().copied().collect();
        match self.clinic.located(level, &uids, None).await {
            Ok(located) if located.iter().all(|(_, spot)| is_plain(&spot.study)) => {
                return Ok((located, true));
            }
            Ok(_) | Err(NotFound | Refused(_) | Unsupported) if level == Level::Study => {
                return Err(Refusal::Untold.into());
            }
            Ok(_) | Err(NotFound | Refused(_) | Unsupported) => {}
            Err(fault) => return Err(fault.into()),
        }
        let mut located = Vec::new();
        for study in within {
            located.extend(self.clinic.located(level, &uids, Some(study)).await?);
        }
        Ok((located, false))
    }

    fn remember(&self, name: &str, what: Above) {
        let mut above = self.above();
        if above.len() >= REMEMBERED {
            above.clear();
        }
        above.insert(name.to_owned(), what);
    }

    fn above(&self) -> MutexGuard<'_, HashMap<String, Above>> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
