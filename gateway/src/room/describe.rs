//! A place in words: where it is, how long that may take, and when to ask again.
//!
//! Nobody is asked: everything is read from what is published of the room and of its show.

use super::flow::Flow;
use crate::buyers::lookup;
use crate::http::room_refusals::{end_cause, queue_state};
use usher_engine::Timestamp;
use usher_engine::room::{Setup, Stage};
use usher_shards::view::{PlaceCopy, PlaceWord, RoomFace, RoomFigures};
use usher_shards::{RoomFace as Face, RoomView, ShowView};
use usher_wire::{PlaceStatus, QueuePlace, WaitBasis};

/// Who waits for long need not ask more often than this, in seconds.
const POLL_SECONDS_MAX: u64 = 30;

/// Nobody needs to ask more often than this, in seconds.
const POLL_SECONDS_MIN: u64 = 2;

/// What can be had of a show, as it was published last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stock {
    /// Free to hold, or on the way to where it can be held.
    pub(super) obtainable: u64,
    /// Held or ordered.
    pub(super) held: u64,
    /// Sold.
    pub(super) sold: u64,
    /// Not yet on sale.
    pub(super) blocked: u64,
}

impl Stock {
    /// Seats and standing tickets of a show, added up.
    pub(super) fn of(show: &ShowView) -> Self {
        let seats = show.seats.figures().counts;
        let mut stock = Self {
            obtainable: u64::from(seats.available),
            held: u64::from(seats.held),
            sold: u64::from(seats.sold),
            blocked: u64::from(seats.blocked),
        };
        for pool in (0..).map_while(|pool| show.pool(pool)) {
            let totals = pool.totals();
            stock.obtainable += totals.available + totals.in_transit;
            stock.held += totals.held;
            stock.sold += totals.sold;
            stock.blocked += totals.blocked;
        }
        stock
    }

    /// Whether nothing can be had now of what was on sale.
    pub(super) fn is_sold_out(&self) -> bool {
        self.obtainable == 0 && self.held + self.sold > 0
    }

    /// Whether something may come back, or go on sale yet.
    pub(super) fn may_come_back(&self) -> bool {
        self.held > 0 || self.blocked > 0
    }
}

/// A place as its owner is told of it, without the token.
pub(super) fn place(
    show: &ShowView,
    room: &RoomView,
    copy: PlaceCopy,
    figures: &RoomFigures,
    flow: Option<&Flow>,
    now: Timestamp,
) -> QueuePlace {
    let face = room.face();
    let stock = Stock::of(show);
    let ahead = match copy.state {
        PlaceWord::Waiting { turn } | PlaceWord::Returning { turn } => {
            // Before the draw is over, the turns of who is on the list are not known.
            (figures.stage != Stage::Drawing).then(|| figures.ahead(copy.lane, turn))
        }
        _ => None,
    };
    let wait = ahead.and_then(|ahead| estimate(ahead, figures, &face, flow));
    let mut place = QueuePlace {
        token: None,
        show_id: show.face().details.public_id.clone(),
        status: PlaceStatus::Ended,
        state: queue_state(figures.stage),
        paused: figures.is_paused,
        lane: lane_name(&face, copy.lane),
        turn: None,
        position: ahead.map(|ahead| ahead + 1),
        ahead,
        estimated_wait_seconds: wait.map(|(seconds, _)| seconds),
        wait_basis: wait.map(|(_, basis)| basis),
        claim_by: None,
        pass_expires_at: None,
        end: None,
        sold_out: stock.is_sold_out(),
        may_come_back: stock.is_sold_out() && stock.may_come_back(),
        next_poll_seconds: next_poll(
            copy.state,
            wait.map(|(seconds, _)| seconds),
            ahead,
            &face.setup,
            now,
        ),
    };
    match copy.state {
        PlaceWord::Entered => place.status = PlaceStatus::Entered,
        PlaceWord::Waiting { turn } => {
            (place.status, place.turn) = (PlaceStatus::Waiting, Some(turn));
        }
        PlaceWord::Returning { turn } => {
            (place.status, place.turn) = (PlaceStatus::Returning, Some(turn));
        }
        PlaceWord::Called { claim_by } => {
            place.status = PlaceStatus::Called;
            place.claim_by = Some(lookup::time(Timestamp(claim_by)));
        }
        PlaceWord::Passed { expires_at } => {
            place.status = PlaceStatus::Admitted;
            place.pass_expires_at = Some(lookup::time(Timestamp(expires_at)));
        }
        PlaceWord::Ended(cause) => place.end = Some(end_cause(cause)),
    }
    place
}

/// The name of a lane, which a room has for as long as people are in it.
pub(super) fn lane_name(face: &RoomFace, lane: u8) -> String {
    face.setup.lanes.get(usize::from(lane)).map_or_else(String::new, |lane| lane.name.to_string())
}

/// How long it takes until so many were let in: at the pace of lately, or while there is none, at
/// the pace that was set.
fn estimate(
    ahead: u64,
    figures: &RoomFigures,
    face: &Face,
    flow: Option<&Flow>,
) -> Option<(u64, WaitBasis)> {
    if figures.stage == Stage::Drained {
        return None;
    }
    let measured = flow.map_or(0, Flow::called_per_second_milli);
    if figures.stage == Stage::Selling && measured > 0 {
        return Some(((ahead + 1).saturating_mul(1_000) / measured, WaitBasis::Measured));
    }
    let pace = u64::from(face.setup.outflow_per_second).max(1);
    Some((ahead / pace, WaitBasis::Configured))
}

/// When to ask again. Whoever does as told misses no call that comes at the pace that was set: an
/// estimate may be far off, as it is when the first have just been called.
fn next_poll(
    state: PlaceWord,
    wait: Option<u64>,
    ahead: Option<u64>,
    setup: &Setup,
    now: Timestamp,
) -> u32 {
    let seconds = match state {
        PlaceWord::Entered => setup.opens_at.ms_since(now) / 10_000,
        PlaceWord::Waiting { .. } | PlaceWord::Returning { .. } => {
            let pace = u64::from(setup.outflow_per_second).max(1);
            let first_call = ahead.unwrap_or(0) / pace;
            (wait.unwrap_or(0) / 10).min(first_call + setup.claim_ms / 2_000)
        }
        PlaceWord::Called { .. } => POLL_SECONDS_MIN,
        PlaceWord::Passed { .. } | PlaceWord::Ended(_) => POLL_SECONDS_MAX,
    };
    seconds.clamp(POLL_SECONDS_MIN, POLL_SECONDS_MAX) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_engine::room::{EndCause, LaneSetup};

    #[test]
    fn who_asks_when_told_to_misses_no_call() {
        let setup = Setup {
            pre_queue_at: Timestamp(0),
            opens_at: Timestamp(100_000),
            lanes: vec![LaneSetup { name: "all".into(), weight: 1, members_only: false }],
            claim_ms: 10_000,
            pass_ms: 150_000,
            outflow_per_second: 50,
            shopping_max: 100,
            draw_source: "".into(),
        };
        let waiting = PlaceWord::Waiting { turn: 9 };
        let rows = [
            // What is told of the wait, who is before, when to ask again.
            (waiting, None, None, 2),
            (waiting, Some(40), Some(10), 4),
            // The estimate says minutes, and the call may come at once.
            (waiting, Some(250), Some(10), 5),
            (PlaceWord::Returning { turn: 9 }, Some(250), Some(10), 5),
            // It cannot come for 20 s.
            (waiting, Some(250), Some(1_000), 25),
            (waiting, Some(9_000), Some(100_000), 30),
            (PlaceWord::Entered, None, None, 10),
            (PlaceWord::Called { claim_by: 10_000 }, None, None, 2),
            (PlaceWord::Ended(EndCause::Left), None, None, 30),
        ];
        for (state, wait, ahead, seconds) in rows {
            let told = next_poll(state, wait, ahead, &setup, Timestamp(0));
            assert_eq!(told, seconds, "{state:?}, {wait:?} s, {ahead:?} before");
        }
    }
}
