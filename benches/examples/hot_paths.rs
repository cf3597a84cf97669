//! The hot paths alone, so often as asked: what `valgrind --tool=callgrind` counts instructions of.
//! The count for twice as many less the count for once is what they cost; all else cancels out.
//!
//! `hot_paths hold 10000`, `hot_paths best50 1000`, `hot_paths best1 1000`

use std::hint::black_box;

use usher_benches::{HOUSE, NOW, hold_one, open_house, partly_sold};
use usher_engine::seats::BestQuery;
use usher_engine::{Command, Inventory};
use usher_persistence::codec::encode_record;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().expect("which path");
    let times = arguments.next().and_then(|text| text.parse().ok()).expect("how often");
    match what.as_str() {
        "hold" => hold(times),
        "best50" => best(times, 50),
        "best1" => best(times, 1),
        other => panic!("there is no path {other}"),
    }
}

/// Limits, idempotency, bitmap, wheel, record encoding: all of a hold but its way.
fn hold(times: u32) {
    let mut house = open_house(100_000);
    let mut bytes = Vec::with_capacity(4_096);
    // Requests come from outside: making them is not what a hold costs.
    let requests: Vec<_> = (0..100_000).map(hold_one).collect();
    for request in requests.iter().take(times as usize) {
        hold_once(&mut house, request, &mut bytes);
        black_box(&bytes);
    }
}

/// On its own so that a profile can look at nothing else.
#[inline(never)]
fn hold_once(house: &mut Inventory, request: &Command, bytes: &mut Vec<u8>) {
    let decision = house.execute(request, NOW);
    house.apply(&decision.events, NOW);
    bytes.clear();
    encode_record(HOUSE, NOW, &decision.events, bytes);
}

fn best(times: u32, free_percent: u32) {
    let map = partly_sold(100_000, free_percent);
    let query = BestQuery { quantity: 4, category: None, section: None, adjacent: true };
    for _ in 0..times {
        black_box(map.best_available(black_box(&query)));
    }
}
