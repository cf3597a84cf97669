//! Published views: what everybody may read without asking an owner.
//!
//! ```text
//!   shard (writes, after durable) ──► Directory ──► ShowView ─┬─ Face        title, terms, pools
//!                                                             ├─ SeatBoard   two bits a seat
//!                                        │                    └─ PoolBoard   counters by segment
//!                                        └► RoomView ─┬─ RoomFace    setup, draw
//!                                                     └─ RoomBoard   a word a place, figures
//! ```
//!
//! The boards are in `usher-shared`, where a model checker can get at them. Views hold only what is
//! durable, and are published before the answers that rest on it, so a buyer who reads after
//! writing sees the write. Each part has a single writer, the owner of its inventory; readers never
//! make it wait for long.

mod api_keys;
mod room;

use std::sync::{Arc, RwLock};

use arc_swap::{ArcSwap, Guard};
use dashmap::DashMap;
use tokio::sync::watch;
use usher_engine::plan::SeatPlan;
use usher_engine::show::{Pool, ShowDetails, Terms};
use usher_engine::{PartitionId, ShowKey};

pub use api_keys::ApiKeys;
pub use room::{
    DrawFace, LaneFigures, PlaceCopy, PlaceWord, RoomBoard, RoomFace, RoomFigures, RoomView,
};
pub use usher_shared::pool::{PoolBoard, PoolTotals, SegmentBoard, SegmentFigures};
pub(crate) use usher_shared::seats::free_by_category;
pub use usher_shared::seats::{Changes, SeatBoard, SeatFigures, SeatMapCopy};

/// All shows that there are, and the keys of integrators.
#[derive(Debug, Default)]
pub struct Directory {
    shows: DashMap<ShowKey, Arc<ShowView>>,
    api_keys: RwLock<Arc<ApiKeys>>,
    rooms: DashMap<ShowKey, Arc<RoomView>>,
}

impl Directory {
    /// One show.
    #[must_use]
    pub fn show(&self, key: ShowKey) -> Option<Arc<ShowView>> {
        self.shows.get(&key).map(|entry| entry.value().clone())
    }

    /// Every show, in no particular order.
    #[must_use]
    pub fn shows(&self) -> Vec<Arc<ShowView>> {
        self.shows.iter().map(|entry| entry.value().clone()).collect()
    }

    /// Shows whose house lives on a partition.
    #[must_use]
    pub fn shows_on(&self, partition: PartitionId) -> Vec<Arc<ShowView>> {
        let house = |show: &ShowView| usher_engine::MachineId::house(show.key).partition();
        self.shows().into_iter().filter(|show| house(show) == partition).collect()
    }

    /// The keys of integrators.
    #[must_use]
    pub fn api_keys(&self) -> Arc<ApiKeys> {
        self.api_keys.read().expect("no panic while keys are set").clone()
    }

    pub(crate) fn set_api_keys(&self, keys: Arc<ApiKeys>) {
        *self.api_keys.write().expect("no panic while keys are set") = keys;
    }

    /// The waiting room of a show; `None` where it never had one.
    #[must_use]
    pub fn room(&self, key: ShowKey) -> Option<Arc<RoomView>> {
        self.rooms.get(&key).map(|entry| entry.value().clone())
    }

    /// Every waiting room, in no particular order.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<RoomView>> {
        self.rooms.iter().map(|entry| entry.value().clone()).collect()
    }

    pub(crate) fn insert_room(&self, view: Arc<RoomView>) {
        self.rooms.insert(view.key, view);
    }

    pub(crate) fn insert(&self, view: Arc<ShowView>) {
        self.shows.insert(view.key, view);
    }
}

/// One show as it can be read by anybody.
#[derive(Debug)]
pub struct ShowView {
    /// Which show.
    pub key: ShowKey,
    /// Its seats, if it has any; their status is in `seats`.
    pub plan: Option<Arc<SeatPlan>>,
    /// Status of all seats; empty where the show has none.
    pub seats: SeatBoard,
    /// Read twice for each hold, by all threads that answer: a lock, or a counter of who has it,
    /// would go from processor to processor each time.
    face: ArcSwap<Face>,
    pools: Vec<PoolBoard>,
    /// The house's version, raised whenever something of it was published.
    changed: watch::Sender<u64>,
}

/// The slow-changing part of a show.
#[derive(Debug, Clone)]
pub struct Face {
    /// What buyers read.
    pub details: ShowDetails,
    /// How it sells.
    pub terms: Terms,
    /// Its stock pools; figures are in [`ShowView::pool`].
    pub pools: Vec<Pool>,
    /// Counts changes that segments must hear of.
    pub terms_version: u32,
}

/// A face on loan, to be given back before anything is waited for: each thread has eight of these
/// that cost nothing.
pub type FaceGuard = Guard<Arc<Face>>;

impl ShowView {
    pub(crate) fn new(key: ShowKey, plan: Option<Arc<SeatPlan>>, face: Face) -> Self {
        let pools = face.pools.iter().map(|pool| PoolBoard::new(pool.segments)).collect();
        let seats = SeatBoard::new(plan.as_deref());
        let (changed, _) = watch::channel(0);
        Self { key, plan, seats, face: ArcSwap::from_pointee(face), pools, changed }
    }

    /// The show as its organiser last left it.
    #[must_use]
    pub fn face(&self) -> FaceGuard {
        self.face.load()
    }

    /// As [`ShowView::face`], to be kept while one waits, or for many shows at once.
    #[must_use]
    pub fn kept_face(&self) -> Arc<Face> {
        self.face.load_full()
    }

    /// The figures of a pool, by its index.
    #[must_use]
    pub fn pool(&self, pool: u16) -> Option<&PoolBoard> {
        self.pools.get(usize::from(pool))
    }

    /// Index and description of a pool, by its name.
    #[must_use]
    pub fn find_pool(&self, name: &str) -> Option<(u16, Pool)> {
        let face = self.face();
        let place = face.pools.iter().position(|pool| pool.name == name)?;
        Some((place as u16, face.pools[place].clone()))
    }

    /// The house's version as last published.
    #[must_use]
    pub fn version(&self) -> u64 {
        *self.changed.borrow()
    }

    /// Tells of every later change of the house's version.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether every segment has heard what the house last said.
    #[must_use]
    pub fn segments_know_terms(&self) -> bool {
        let told = u64::from(self.face().terms_version);
        self.pools.iter().all(|pool| {
            pool.segments().iter().all(|segment| segment.figures().terms_version >= told)
        })
    }

    pub(crate) fn set_face(&self, face: Arc<Face>) {
        self.face.store(face);
    }

    pub(crate) fn announce(&self, version: u64) {
        self.changed.send_if_modified(|last| {
            let newer = version > *last;
            *last = version.max(*last);
            newer
        });
    }
}
