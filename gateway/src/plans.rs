//! Seating plans: their documents, as organisers sent them, and what the engine makes of them.
//!
//! `persistence` keeps the documents durably, named by their content. Here they are read. Each show
//! of a hall shares one [`SeatPlan`], and the last ones used stay in memory. Documents are several
//! times as large and only for browsers, which keep them for ever: they are left on the disk, and
//! stay in memory only as far as `DOCUMENT_BYTES_MAX` goes once somebody asked for them.

use crate::http::problem::{ApiError, Code};
use crate::plan_import;
use anyhow::Context as _;
use bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use usher_engine::plan::{PlanId, SeatPlan};
use usher_persistence::OwnPages;
use usher_persistence::codec::PlanSource;
use usher_persistence::plans::PlanStore;

/// The directory's name in the data directory.
pub const DIR_NAME: &str = "plans";
/// Plans that are kept in memory. At 100,000 seats, one is some 4 MB.
const PLANS_MAX: usize = 16;
/// Bytes of documents that are kept in memory; at 100,000 seats, one is some 14 MB. The last one
/// asked for stays, however large.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// All seating plans of one data directory.
pub struct Plans {
    store: PlanStore,
    plans: Mutex<Cache<Arc<SeatPlan>>>,
    documents: Mutex<Cache<Bytes>>,
}

impl Plans {
    /// Opens the plans of a data directory.
    pub fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let store = PlanStore::open(data_dir.join(DIR_NAME)).context("open seating plans")?;
        let plans = Mutex::new(Cache::new(PLANS_MAX));
        Ok(Self { store, plans, documents: Mutex::new(Cache::new(DOCUMENT_BYTES_MAX)) })
    }

    /// Where the documents are kept, for backups.
    pub fn store(&self) -> &PlanStore {
        &self.store
    }

    /// Takes a document in; durable when this returns. Blocks.
    ///
    /// # Errors
    /// A problem with the pointer of the document's fault.
    pub fn add(&self, document: &[u8]) -> Result<Arc<SeatPlan>, ApiError> {
        let id = PlanId(PlanStore::id_of(document));
        let plan = Arc::new(import(id, document)?);
        self.store.put(document).map_err(ApiError::internal)?;
        lock(&self.plans).put(id, plan.clone(), 1);
        Ok(plan)
    }

    /// A plan that is in memory.
    pub fn cached(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        lock(&self.plans).take(id)
    }

    /// A plan. Blocks where it is not in memory.
    ///
    /// # Errors
    /// [`Code::UnknownPlan`] where there is none.
    pub fn get(&self, id: PlanId) -> Result<Arc<SeatPlan>, ApiError> {
        if let Some(known) = self.cached(id) {
            return Ok(known);
        }
        // It was a plan when it came, so anything else is a fault of ours.
        let plan = import(id, &self.read(id)?).map_err(ApiError::internal)?;
        let plan = Arc::new(plan);
        lock(&self.plans).put(id, plan.clone(), 1);
        Ok(plan)
    }

    /// A document that is in memory.
    pub fn cached_document(&self, id: PlanId) -> Option<Bytes> {
        lock(&self.documents).take(id)
    }

    /// A plan as its organiser sent it. Blocks where it is not in memory.
    ///
    /// # Errors
    /// [`Code::UnknownPlan`] where there is none.
    pub fn document(&self, id: PlanId) -> Result<Bytes, ApiError> {
        if let Some(document) = self.cached_document(id) {
            return Ok(document);
        }
        let document = Bytes::from_owner(self.read(id)?);
        lock(&self.documents).put(id, document.clone(), document.len());
        Ok(document)
    }

    fn read(&self, id: PlanId) -> Result<OwnPages, ApiError> {
        let document = self.store.get(&id.0).map_err(ApiError::internal)?;
        document.ok_or_else(|| ApiError::new(Code::UnknownPlan))
    }
}

impl PlanSource for Plans {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        self.get(id).ok()
    }
}

/// Reads a document on a thread of its own: an allocator that keeps memory by thread gives back for
/// sure, when the thread ends, what was only needed on the way.
fn import(id: PlanId, document: &[u8]) -> Result<SeatPlan, ApiError> {
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("usher-plan".into());
        let reader = reader.spawn_scoped(scope, || plan_import::import(id, document));
        let imported = reader.map_err(ApiError::internal)?.join();
        imported.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What was last used of something, up to a weight in all.
struct Cache<T> {
    /// By id, with the number of the last use and the weight.
    known: HashMap<PlanId, (u64, usize, T)>,
    uses: u64,
    weight_max: usize,
}

impl<T: Clone> Cache<T> {
    fn new(weight_max: usize) -> Self {
        Self { known: HashMap::new(), uses: 0, weight_max }
    }

    fn take(&mut self, id: PlanId) -> Option<T> {
        self.uses += 1;
        let uses = self.uses;
        self.known.get_mut(&id).map(|(used, _, value)| {
            *used = uses;
            value.clone()
        })
    }

    fn put(&mut self, id: PlanId, value: T, weight: usize) {
        self.uses += 1;
        self.known.insert(id, (self.uses, weight, value));
        while self.known.len() > 1 && self.weight() > self.weight_max {
            let oldest = self.known.iter().min_by_key(|(_, (used, ..))| *used);
            let oldest = *oldest.expect("more than one").0;
            self.known.remove(&oldest);
        }
    }

    fn weight(&self) -> usize {
        self.known.values().map(|(_, weight, _)| weight).sum()
    }
}

/// A cache is good whatever happened to its last user.
fn lock<T>(cache: &Mutex<Cache<T>>) -> std::sync::MutexGuard<'_, Cache<T>> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
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
        let sent = document("Hall");
        let plan = Plans::open(dir.path()).expect("open").add(&sent).expect("a plan");
        let again = Plans::open(dir.path()).expect("open");
        assert!(again.cached(plan.id()).is_none());
        assert_eq!(*again.get(plan.id()).expect("there"), *plan);
        assert!(again.cached(plan.id()).is_some());
        assert!(again.cached_document(plan.id()).is_none(), "nobody asked for it");
        assert_eq!(again.document(plan.id()).expect("there"), sent);
        assert_eq!(again.cached_document(plan.id()), Some(sent));
        let unknown = [again.get(PlanId([0; 16])).err(), again.document(PlanId([0; 16])).err()];
        for error in unknown {
            assert_eq!(error.map(|error| error.code()), Some(Code::UnknownPlan));
        }
        assert!(again.add(b"{}").is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        let plans = Plans::open(dir.path()).expect("open");
        for number in 0..PLANS_MAX + 4 {
            plans.add(&document(&number.to_string())).expect("a plan");
        }
        assert_eq!(lock(&plans.plans).known.len(), PLANS_MAX);
    }

    #[test]
    fn the_last_ones_used_stay_as_far_as_the_weight_goes() {
        let id = |number| PlanId([number; 16]);
        let mut cache = Cache::new(10);
        (1..=3).for_each(|number| cache.put(id(number), number, 3));
        assert_eq!(cache.take(id(1)), Some(1), "used again");
        cache.put(id(4), 4, 4);
        assert_eq!(
            [1, 2, 3, 4].map(|number| cache.take(id(number))),
            [Some(1), None, Some(3), Some(4)]
        );
        cache.put(id(5), 5, 11);
        assert_eq!([1, 3, 4, 5].map(|number| cache.take(id(number))), [None, None, None, Some(5)]);
    }
}
