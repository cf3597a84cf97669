//! The waiting room of one show: who may shop, and in which order.
//!
//! ```text
//!            preQueueAt      opensAt       public value      first call
//!   CLOSED ────────────► PRE-QUEUE ────► DRAWING ────► OPEN ────────► SELLING ────► DRAINED
//!   nobody joins         all are equal   list fixed    order known    people called
//!
//!   place:  entered ─► waiting ─► called ─► passed ─► ended (used, lapsed)
//!                         ▲          │ not claimed in time
//!                         └ returning ◄┘ behind the next block; too often: ended (missed)
//! ```
//!
//! A room is a machine of its own, mostly on another shard than its show, so that a flood of people
//! who join does not hold up the sale. It never asks the show anything: a gateway reads what both
//! publish and says how many to call.
//!
//! Always true between two records: whoever joined has exactly one place; a place is called, or has
//! a pass, only once it was its turn or an operator said so; a place has at most one pass that is
//! good; the numbers of passes never repeat.

mod apply;
mod decide;
mod draw;
mod image;
mod lanes;
mod message;
mod place;
mod refusal;
mod setup;

use std::collections::BTreeSet;

use crate::hash::FixedHashMap;
use crate::id::MachineId;
pub use crate::id::PlaceNo;
use crate::time::Timestamp;

use draw::{Draw, ListHash};

pub use draw::{RANK_SLICE, SORT_SLICE, seed_hash};
pub use image::RoomImage;
pub use lanes::Lane;
pub use message::{RoomCommand, RoomEvent, RoomMove};
pub use place::{EndCause, EntryId, PassGoods, PassNo, Place, PlaceState};
pub use refusal::RoomRefusal;
pub use setup::{
    DRAW_SOURCE_BYTES_MAX, LANE_NAME_BYTES_MAX, LANES_MAX, LaneSetup, OUTFLOW_MAX,
    PUBLIC_VALUE_BYTES_MAX, SHOPPING_MAX, Setup, WAIT_MS, WEIGHT_MAX,
};

/// People that one room takes.
pub const PLACES_MAX: u32 = 1 << 22;

/// People that one command calls.
pub const CALL_MAX: u32 = 1_024;

/// Calls that may go unanswered before a place ends.
pub const MISSES_MAX: u8 = 3;

/// Calls and passes whose end one record tells.
pub const LAPSE_SLICE_MAX: usize = 1_024;

/// How far a room has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// Nobody may join yet.
    #[default]
    Closed,
    /// All who join are equal.
    PreQueue,
    /// The list is closed, and its order is not known yet.
    Drawing,
    /// The order is drawn, nobody was called.
    Open,
    /// People are being called.
    Selling,
    /// Nobody joins or is called any more.
    Drained,
}

/// What is known of the draw so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrawRecord {
    /// The secret half of the key. Told once the order is drawn, not before.
    pub seed: [u8; 32],
    /// SHA-256 of the list, once it is closed.
    pub list_hash: Option<[u8; 32]>,
    /// The public half of the key, once it is known.
    pub public_value: Option<Box<str>>,
    /// SHA-256 of the order, once it is drawn.
    pub order_hash: Option<[u8; 32]>,
}

/// What was counted since the room was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls made.
    pub called: u64,
    /// Passes given.
    pub passes: u64,
    /// Passes used.
    pub used: u64,
    /// Passes that ran out.
    pub lapsed: u64,
    /// Calls that were not answered.
    pub missed: u64,
    /// People who left.
    pub left: u64,
    /// People who were sent away.
    pub expelled: u64,
}

/// One room. See the module for what always holds.
#[derive(Debug, Clone)]
pub struct Room {
    id: MachineId,
    /// Records applied so far.
    version: u64,
    /// The time of the last record. Decisions never use an earlier one.
    last_at: Timestamp,
    /// `None` until an organiser set the room up.
    setup: Option<Box<Setup>>,
    stage: Stage,
    is_paused: bool,
    /// All places by number, in order of joining.
    places: Vec<Place>,
    by_entry: FixedHashMap<u128, PlaceNo>,
    /// The first so many places are the list.
    listed: u32,
    list_hash: ListHash,
    draw: DrawRecord,
    /// The draw while it goes on.
    drawing: Option<Box<Draw>>,
    lanes: Vec<Lane>,
    /// Where the turns of the lanes stand.
    served_tag: u64,
    /// When calls and passes run out.
    deadlines: BTreeSet<(Timestamp, PlaceNo)>,
    /// People who were called and have no pass yet.
    called: u32,
    /// People with a pass that is good.
    passed: u32,
    next_pass: PassNo,
    tally: Tally,
    /// Places that changed since [`Room::drain_changes`] was last called.
    changes: Vec<PlaceNo>,
}

impl Room {
    /// A room that nobody has set up.
    #[must_use]
    pub fn vacant(id: MachineId) -> Self {
        Self {
            id,
            version: 0,
            last_at: Timestamp::default(),
            setup: None,
            stage: Stage::Closed,
            is_paused: false,
            places: Vec::new(),
            by_entry: FixedHashMap::default(),
            listed: 0,
            list_hash: ListHash::default(),
            draw: DrawRecord::default(),
            drawing: None,
            lanes: Vec::new(),
            served_tag: 0,
            deadlines: BTreeSet::new(),
            called: 0,
            passed: 0,
            next_pass: PassNo(1),
            tally: Tally::default(),
            changes: Vec::new(),
        }
    }

    /// Which machine this is.
    #[must_use]
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// Records applied so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Time of the last record.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// As its organiser wants it; `None` where there is no room.
    #[must_use]
    pub fn setup(&self) -> Option<&Setup> {
        self.setup.as_deref()
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether calling was stopped.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// A place by its number.
    #[must_use]
    pub fn place(&self, no: PlaceNo) -> Option<&Place> {
        self.places.get(no.0 as usize)
    }

    /// The place of a person.
    #[must_use]
    pub fn find(&self, entry: EntryId) -> Option<PlaceNo> {
        self.by_entry.get(&entry.0).copied()
    }

    /// All places in order of joining.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// How many of the places, from the first on, are the list that was or will be drawn.
    #[must_use]
    pub fn listed(&self) -> u32 {
        self.listed
    }

    /// The lanes in their order.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// What is known of the draw.
    #[must_use]
    pub fn draw(&self) -> &DrawRecord {
        &self.draw
    }

    /// People who were called and have no pass yet, and people with a pass that is good.
    #[must_use]
    pub fn called_and_passed(&self) -> (u32, u32) {
        (self.called, self.passed)
    }

    /// What was counted since the room was made.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Places that changed since the last call, each with how it stands now. A place may come up
    /// twice.
    pub fn drain_changes(&mut self, mut visit: impl FnMut(PlaceNo, &Place)) {
        for no in self.changes.drain(..) {
            visit(no, &self.places[no.0 as usize]);
        }
    }

    /// Stops the process where a place was lost or given twice: going on would be worse.
    pub fn assert_conserved(&self) {
        assert_eq!(self.by_entry.len(), self.places.len(), "one place a person in {:?}", self.id);
        assert_eq!(
            self.deadlines.len(),
            (self.called + self.passed) as usize,
            "each call and each pass ends in {:?}",
            self.id
        );
    }
}
