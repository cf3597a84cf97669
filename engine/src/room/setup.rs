//! What an organiser says about a waiting room, and what of it may still change.

use super::refusal::RoomRefusal;
use crate::time::Timestamp;

/// Lanes that one room may have.
pub const LANES_MAX: usize = 8;

/// The largest weight of a lane. With all weights between 1 and this, no lane waits for ever.
pub const WEIGHT_MAX: u16 = 100;

/// Bytes of the text that says where the public value will come from.
pub const DRAW_SOURCE_BYTES_MAX: usize = 500;

/// Bytes of the public value itself.
pub const PUBLIC_VALUE_BYTES_MAX: usize = 256;

/// Bytes of a lane's name.
pub const LANE_NAME_BYTES_MAX: usize = 64;

/// People let in per second, at most.
pub const OUTFLOW_MAX: u32 = 10_000;

/// People who may shop at once, at most.
pub const SHOPPING_MAX: u32 = 1_000_000;

/// The times within which the lives of calls and passes are chosen, in milliseconds.
pub const WAIT_MS: std::ops::RangeInclusive<u64> = 1_000..=60 * 60 * 1_000;

/// A room as its organiser wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// From when on people may join.
    pub pre_queue_at: Timestamp,
    /// When the list is closed and the order drawn.
    pub opens_at: Timestamp,
    /// The lanes, 1 to [`LANES_MAX`]; the first is for everybody.
    pub lanes: Vec<LaneSetup>,
    /// How long somebody who was called has to claim the pass, in milliseconds.
    pub claim_ms: u64,
    /// How long a pass is good for, in milliseconds.
    pub pass_ms: u64,
    /// People to let in per second, at most.
    pub outflow_per_second: u32,
    /// People who may shop at once: called, with a pass, or with a live hold.
    pub shopping_max: u32,
    /// Where the public value of the draw will come from; empty where the server draws it itself.
    pub draw_source: Box<str>,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSetup {
    /// What it is called.
    pub name: Box<str>,
    /// How many of it are let in for each one of a lane of weight 1.
    pub weight: u16,
    /// Whether only a trusted front may put people into it.
    pub members_only: bool,
}

impl Setup {
    /// Checks bounds that need no knowledge of a room.
    pub(super) fn check(&self) -> Result<(), RoomRefusal> {
        let bad = |why| Err(RoomRefusal::BadSetup(why));
        if self.pre_queue_at > self.opens_at {
            return bad("the room cannot open before its pre-queue");
        }
        if self.lanes.is_empty() || self.lanes.len() > LANES_MAX {
            return bad("a room has 1 to 8 lanes");
        }
        for (place, lane) in self.lanes.iter().enumerate() {
            if lane.name.is_empty() || lane.name.len() > LANE_NAME_BYTES_MAX {
                return bad("a lane's name has 1 to 64 bytes");
            }
            if self.lanes[..place].iter().any(|other| other.name == lane.name) {
                return bad("two lanes have the same name");
            }
            if lane.weight == 0 || lane.weight > WEIGHT_MAX {
                return bad("a lane's weight is 1 to 100");
            }
        }
        if self.lanes[0].members_only {
            return bad("the first lane is for everybody");
        }
        if !WAIT_MS.contains(&self.claim_ms) || !WAIT_MS.contains(&self.pass_ms) {
            return bad("calls and passes live between a second and an hour");
        }
        if self.draw_source.len() > DRAW_SOURCE_BYTES_MAX {
            return bad("the source of the public value is at most 500 bytes of text");
        }
        check_flow(self.outflow_per_second, self.shopping_max)
    }
}

/// Checks how many may be let in.
pub(super) fn check_flow(outflow_per_second: u32, shopping_max: u32) -> Result<(), RoomRefusal> {
    if !(1..=OUTFLOW_MAX).contains(&outflow_per_second) {
        return Err(RoomRefusal::BadSetup("between 1 and 10,000 people are let in per second"));
    }
    if !(1..=SHOPPING_MAX).contains(&shopping_max) {
        return Err(RoomRefusal::BadSetup("between 1 and 1,000,000 people may shop at once"));
    }
    Ok(())
}
