//! Whose turn is next: each lane has an order of its own, and lanes take turns by weight.
//!
//! Lanes are served by start-time fair queueing (Goyal, Vin, Chen 1996): each call of a lane moves
//! its tag on by one over its weight, and the lane with the smallest tag is next. A lane that had
//! nobody does not save up turns meanwhile. As weights are bounded, no lane waits for ever.

use std::collections::VecDeque;

use super::place::{Place, PlaceState};
use crate::id::PlaceNo;

/// By how much a call moves the tag of a lane of weight 1. Every weight up to 16 divides it.
const STRIDE: u64 = 720_720;

/// One lane. Entries of `order` whose place has another turn or state by now are stale, and are
/// skipped; in `returning` there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its index.
    pub index: u8,
    /// Turn of the first in `order`.
    pub next_turn: u32,
    /// Who has which turn, from `next_turn` on.
    pub order: VecDeque<PlaceNo>,
    /// Who missed a call, by the turn before which they are called again.
    pub returning: VecDeque<PlaceNo>,
    /// Who joined while the draw was going on; they come behind everybody drawn.
    pub late: Vec<PlaceNo>,
    /// Entries of this lane on the list.
    pub listed: u32,
    /// People of the last block, whom those that missed it let go ahead.
    pub block: u32,
    /// Where the lane stands in the turns of lanes.
    pub tag: u64,
}

impl Lane {
    /// The turn of whoever is put at the end next.
    #[must_use]
    pub fn end_turn(&self) -> u32 {
        self.next_turn + self.order.len() as u32
    }

    /// Puts a place at the end.
    pub(super) fn push(&mut self, no: PlaceNo) -> u32 {
        let turn = self.end_turn();
        self.order.push_back(no);
        turn
    }

    /// Puts a place that missed its call behind the next block.
    pub(super) fn put_behind(&mut self, no: PlaceNo, turn: u32, places: &[Place]) {
        let is_before = |other: &PlaceNo| places[other.0 as usize].turn <= turn;
        let at = self.returning.partition_point(is_before);
        self.returning.insert(at, no);
    }

    /// Takes out a place that returns no more.
    pub(super) fn take_back(&mut self, no: PlaceNo) {
        if let Some(at) = self.returning.iter().position(|&other| other == no) {
            self.returning.remove(at);
        }
    }

    /// Drops stale entries from the front, so that the next in turn stands there.
    pub(super) fn trim(&mut self, places: &[Place]) {
        while let Some(&no) = self.order.front() {
            if self.is_waiting(places, no, self.next_turn) {
                break;
            }
            self.order.pop_front();
            self.next_turn += 1;
        }
    }

    fn is_waiting(&self, places: &[Place], no: PlaceNo, turn: u32) -> bool {
        let place = &places[no.0 as usize];
        place.state == PlaceState::Waiting && place.turn == turn && place.lane == self.index
    }
}

/// Walks through a lane without changing it.
struct Walk<'a> {
    lane: &'a Lane,
    places: &'a [Place],
    taken: usize,
    returned: usize,
    tag: u64,
}

impl Walk<'_> {
    /// The next to be called of this lane.
    fn peek(&mut self) -> Option<PlaceNo> {
        while let Some(&no) = self.lane.order.get(self.taken) {
            if self.lane.is_waiting(self.places, no, self.turn()) {
                break;
            }
            self.taken += 1;
        }
        let next = self.lane.order.get(self.taken).copied();
        let back = self.lane.returning.get(self.returned).copied();
        let turn = self.turn();
        match (next, back) {
            (Some(_), Some(back)) if self.places[back.0 as usize].turn <= turn => Some(back),
            (next @ Some(_), _) => next,
            (None, back) => back,
        }
    }

    /// The turn of who stands where the walk has come to.
    fn turn(&self) -> u32 {
        self.lane.next_turn + self.taken as u32
    }

    fn take(&mut self, no: PlaceNo) {
        match self.places[no.0 as usize].state {
            PlaceState::Returning => self.returned += 1,
            _ => self.taken += 1,
        }
    }
}

/// The next `count` people in the turns of all lanes. `served_tag` is where the turns stand.
pub(super) fn choose(
    lanes: &[Lane],
    weights: &[u16],
    places: &[Place],
    served_tag: u64,
    count: u32,
) -> Vec<PlaceNo> {
    let walk = |lane| Walk { lane, places, taken: 0, returned: 0, tag: 0 };
    let mut walks: Vec<Walk<'_>> = lanes.iter().map(walk).collect();
    for walk in &mut walks {
        walk.tag = walk.lane.tag;
    }
    let mut served_tag = served_tag;
    let mut chosen = Vec::new();
    while chosen.len() < count as usize {
        let next = (0..walks.len())
            .filter_map(|at| {
                let no = walks[at].peek()?;
                Some((walks[at].tag.max(served_tag), at, no))
            })
            .min();
        let Some((start, at, no)) = next else { break };
        walks[at].take(no);
        walks[at].tag = start + stride(weights[at]);
        served_tag = start;
        chosen.push(no);
    }
    chosen
}

/// By how much a call moves a lane's tag.
pub(super) fn stride(weight: u16) -> u64 {
    STRIDE / u64::from(weight.max(1))
}
