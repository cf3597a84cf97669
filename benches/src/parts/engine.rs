//! The hot paths alone, without disk and threads. `valgrind --tool=callgrind` counts their
//! instructions: the count for twice as many less the count for once is what they cost, and all
//! else cancels out.

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use usher_benches::{HOUSE, NOW, hold_one, open_house, partly_sold};
use usher_engine::limits::EXPIRY_SLICE_MAX;
use usher_engine::seats::BestQuery;
use usher_engine::wheel::Wheel;
use usher_engine::{Command, HoldNo, Inventory};
use usher_persistence::codec::encode_record;

/// Seats of the house, and the most holds of one run.
const SEATS: u32 = 100_000;

/// How long holds of the benches live, in milliseconds.
const HOLD_MS: u64 = 300_000;

/// All of a hold but its way. Requests come from outside: making them is not what a hold costs, so
/// as many are made whatever `times` is, and cancel out where instructions are counted. Nor is what
/// it costs to forget a whole house.
pub(crate) fn hold(times: u32) -> Value {
    let mut house = open_house(SEATS);
    let mut wheel = Wheel::new(NOW.0);
    let mut bytes = Vec::with_capacity(4_096);
    let requests: Vec<_> = (0..SEATS).map(hold_one).collect();
    let begun = Instant::now();
    for (request, no) in requests.iter().take(times as usize).zip(1..) {
        hold_once(&mut house, request, &mut bytes);
        wheel.insert(NOW.0 + HOLD_MS, HoldNo(no));
        black_box(&bytes);
    }
    let took = begun.elapsed();
    std::mem::forget((house, wheel));
    json!({ "ns": took.as_nanos() as f64 / f64::from(times) })
}

/// On its own so that a profile can look at nothing else.
#[inline(never)]
fn hold_once(house: &mut Inventory, request: &Command, bytes: &mut Vec<u8>) {
    let decision = house.execute(request, NOW);
    house.apply(&decision.events, NOW);
    bytes.clear();
    encode_record(HOUSE, NOW, &decision.events, bytes);
}

/// Searches, with nothing taken in between.
pub(crate) fn best(times: u32, free_percent: u32) -> Value {
    let map = partly_sold(100_000, free_percent);
    let query = BestQuery { quantity: 4, category: None, section: None, adjacent: true };
    let begun = Instant::now();
    for _ in 0..times {
        black_box(map.best_available(black_box(&query)));
    }
    json!({ "ns": begun.elapsed().as_nanos() as f64 / f64::from(times) })
}

/// The wheel comes round, and holds end slice by slice, as in a shard.
pub(crate) fn expire(holds: u32) -> Value {
    let mut house = open_house(holds.next_multiple_of(40));
    let mut wheel = Wheel::new(NOW.0);
    let mut bytes = Vec::with_capacity(65_536);
    for (seat, no) in (0..holds).zip(1..) {
        hold_once(&mut house, &hold_one(seat), &mut bytes);
        wheel.insert(NOW.0 + HOLD_MS, HoldNo(no));
    }
    let end = NOW.plus_ms(HOLD_MS + 100);
    let begun = Instant::now();
    loop {
        let mut due = Vec::with_capacity(EXPIRY_SLICE_MAX);
        let is_more = wheel.advance(end.0, EXPIRY_SLICE_MAX, &mut |no| due.push(no));
        match due.is_empty() {
            true if is_more => continue,
            true => break,
            false => {}
        }
        let decision = house.execute(&Command::Expire { holds: due }, end);
        house.apply(&decision.events, end);
        bytes.clear();
        encode_record(HOUSE, end, &decision.events, &mut bytes);
    }
    let took = begun.elapsed();
    assert_eq!(house.audit().held, 0, "all have ended");
    json!({ "ns": took.as_nanos() as f64 / f64::from(holds) })
}
