//! Everything that can be asked of a waiting room, and everything that can happen in one.

use super::place::{EntryId, PassGoods, PassNo};
use super::setup::Setup;
use crate::id::PlaceNo;
use crate::time::Timestamp;

/// One request to one room. What time alone brings about comes with
/// [`crate::Command::RunSchedule`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomCommand {
    /// Set the room up, or change what may still change.
    Configure {
        /// As it shall be.
        setup: Box<Setup>,
        /// The secret half of the draw; taken once, when the room is made.
        seed: [u8; 32],
    },
    /// Stand in line. Who stands there already gets the same place.
    Join {
        /// Who.
        entry: EntryId,
        /// In which lane; only for who stands nowhere.
        lane: u8,
    },
    /// Answer a call, and get a pass. Repeating it gives the same pass.
    Claim {
        /// The place that was called.
        place: PlaceNo,
        /// Whose it is.
        entry: EntryId,
        /// What the pass shall be for.
        goods: PassGoods,
    },
    /// Give the place up.
    Leave {
        /// Which.
        place: PlaceNo,
        /// Whose it is.
        entry: EntryId,
    },
    /// Draw the order with this public value.
    Draw {
        /// What nobody could know before the list was closed.
        public_value: Box<str>,
    },
    /// Call the next so many people.
    Call {
        /// How many, at most [`super::CALL_MAX`].
        count: u32,
    },
    /// Call these people, whatever their turn.
    CallPeople {
        /// Who, at most [`super::CALL_MAX`].
        entries: Vec<EntryId>,
    },
    /// Move the room as a whole.
    Move(RoomMove),
    /// Change how many are let in.
    SetFlow {
        /// Per second, at most.
        outflow_per_second: u32,
        /// Shopping at once, at most.
        shopping_max: u32,
    },
    /// Take a person's place away; they cannot join again.
    Expel {
        /// Whose.
        entry: EntryId,
    },
    /// An inventory tells that a pass was used.
    NotePassUsed {
        /// Whose.
        place: PlaceNo,
        /// Which.
        pass: PassNo,
    },
}

/// A move of the room as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomMove {
    /// Close the list now rather than at its time; or take up again what was drained.
    Open,
    /// Let nobody join or be called any more.
    Close,
    /// Stop calling.
    Pause,
    /// Go on calling.
    Resume,
}

/// One fact about one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// The room was set up, or its setup changed.
    Configured {
        /// As it is from now on.
        setup: Box<Setup>,
        /// The secret half of the draw, when the room was made.
        seed: Option<[u8; 32]>,
    },
    /// People may join.
    PreQueueOpened,
    /// The list is fixed.
    ListClosed {
        /// SHA-256 over the list; see `draw.rs` for its form.
        list_hash: [u8; 32],
    },
    /// The public value is known, and the draw began.
    DrawBegan {
        /// The value.
        public_value: Box<str>,
    },
    /// The ranks of some more entries were computed.
    Ranked {
        /// How many.
        entries: u32,
    },
    /// Some more buckets of ranks were sorted; with the last one the order is drawn.
    Sorted {
        /// How many.
        buckets: u32,
    },
    /// Somebody joined.
    Joined {
        /// Number of the place.
        place: PlaceNo,
        /// Whose.
        entry: EntryId,
        /// In which lane.
        lane: u8,
    },
    /// Somebody whose place had ended joined again.
    Rejoined {
        /// Number of the place.
        place: PlaceNo,
        /// In which lane.
        lane: u8,
    },
    /// People were called.
    Called {
        /// In the order of their turns.
        places: Vec<PlaceNo>,
        /// Until when they may claim their passes.
        claim_by: Timestamp,
    },
    /// A call was answered.
    Claimed {
        /// By whom.
        place: PlaceNo,
        /// Number of the pass.
        pass: PassNo,
        /// What it is for.
        goods: PassGoods,
        /// Until when it is good.
        expires_at: Timestamp,
    },
    /// Calls were not answered in time, or passes not used.
    Lapsed {
        /// Whose.
        places: Vec<PlaceNo>,
    },
    /// A pass was used.
    PassUsed {
        /// Whose.
        place: PlaceNo,
    },
    /// Somebody left.
    Left {
        /// Who.
        place: PlaceNo,
    },
    /// An operator took a place away.
    Expelled {
        /// Whose.
        place: PlaceNo,
    },
    /// Calling was stopped.
    Paused,
    /// Calling goes on.
    Resumed,
    /// Nobody joins or is called any more.
    Drained,
    /// A drained room was taken up again.
    Reopened,
    /// How many are let in was changed.
    FlowSet {
        /// Per second, at most.
        outflow_per_second: u32,
        /// Shopping at once, at most.
        shopping_max: u32,
    },
}
