//! Seating plans: their documents, as organisers sent them, and what the engine makes of them.
//!
//! `persistence` keeps the documents durably, named by their content. Here they are read, and the
//! last ones used stay in memory: buyers' browsers ask for the same few again and again, and every
//! show of a hall shares one [`SeatPlan`].

use crate::http::problem::{ApiError, Code};
use crate::plan_import;
use anyhow::Context as _;
use bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use usher_engine::plan::{PlanId, SeatPlan};
use usher_persistence::codec::PlanSource;
use usher_persistence::plans::PlanStore;

/// The directory's name in the data directory.
pub const DIR_NAME: &str = "plans";
/// Plans that are kept in memory. At 100,000 seats, one is some 20 MB with its document.
const CACHED_MAX: usize = 16;

/// All seating plans of one data directory.
pub struct Plans {
    store: PlanStore,
    cache: Mutex<Cache>,
}

/// A plan and the document that it was read from.
#[derive(Clone)]
pub struct KnownPlan {
    /// As the organiser sent it.
    pub document: Bytes,
    /// As the engine sells it.
    pub plan: Arc<SeatPlan>,
}

#[derive(Default)]
struct Cache {
    /// By id, with the number of the last use.
    plans: HashMap<PlanId, (u64, KnownPlan)>,
    uses: u64,
}

impl Plans {
    /// Opens the plans of a data directory.
    pub fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let store = PlanStore::open(data_dir.join(DIR_NAME)).context("open seating plans")?;
        Ok(Self { store, cache: Mutex::default() })
    }

    /// Where the documents are kept, for backups.
    pub fn store(&self) -> &PlanStore {
        &self.store
    }

    /// Takes a document in; durable when this returns. Blocks.
    ///
    /// # Errors
    /// A problem with the pointer of the document's fault.
    pub fn add(&self, document: Bytes) -> Result<KnownPlan, ApiError> {
        let id = PlanId(PlanStore::id_of(&document));
        let plan = Arc::new(plan_import::import(id, &document)?);
        self.store.put(&document).map_err(ApiError::internal)?;
        let known = KnownPlan { document, plan };
        self.cache().put(id, known.clone());
        Ok(known)
    }

    /// A plan that is in memory.
    pub fn cached(&self, id: PlanId) -> Option<KnownPlan> {
        self.cache().take(id)
    }

    /// A plan. Blocks where it is not in memory.
    ///
    /// # Errors
    /// [`Code::UnknownPlan`] where there is none.
    pub fn get(&self, id: PlanId) -> Result<KnownPlan, ApiError> {
        if let Some(known) = self.cached(id) {
            return Ok(known);
        }
        let document = self.store.get(&id.0).map_err(ApiError::internal)?;
        let document = Bytes::from(document.ok_or_else(|| ApiError::new(Code::UnknownPlan))?);
        // It was a plan when it came, so anything else is a fault of ours.
        let plan = plan_import::import(id, &document).map_err(ApiError::internal)?;
        let known = KnownPlan { document, plan: Arc::new(plan) };
        self.cache().put(id, known.clone());
        Ok(known)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // A cache is good whatever happened to its last user.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlanSource for Plans {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        self.get(id).map(|known| known.plan).ok()
    }
}

impl Cache {
    fn take(&mut self, id: PlanId) -> Option<KnownPlan> {
        self.uses += 1;
        let uses = self.uses;
        self.plans.get_mut(&id).map(|(used, known)| {
            *used = uses;
            known.clone()
        })
    }

    fn put(&mut self, id: PlanId, known: KnownPlan) {
        self.uses += 1;
        self.plans.insert(id, (self.uses, known));
        if self.plans.len() > CACHED_MAX {
            let oldest = self.plans.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.plans.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str) -> Bytes {
        let seat = r#"{"seat_guid":"1","category":"A","position":{"x":0,"y":0}}"#;
        let text = format!(
            r#"{{"name":"{name}","categories":[{{"name":"A"}}],
                "zones":[{{"name":"Z","rows":[{{"seats":[{seat}]}}]}}]}}"#
        );
        Bytes::from(text)
    }

    #[test]
    fn a_plan_comes_back_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let known = Plans::open(dir.path()).expect("open").add(document("Hall")).expect("a plan");
        let again = Plans::open(dir.path()).expect("open");
        assert!(again.cached(known.plan.id()).is_none());
        let read = again.get(known.plan.id()).expect("there");
        assert_eq!((&read.document, &*read.plan), (&known.document, &*known.plan));
        assert!(again.cached(known.plan.id()).is_some());
        let unknown = again.get(PlanId([0; 16])).err().map(|error| error.code());
        assert_eq!(unknown, Some(Code::UnknownPlan));
        assert!(again.add(Bytes::from_static(b"{}")).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        let plans = Plans::open(dir.path()).expect("open");
        for number in 0..CACHED_MAX + 4 {
            plans.add(document(&number.to_string())).expect("a plan");
        }
        assert_eq!(plans.cache().plans.len(), CACHED_MAX);
    }
}
