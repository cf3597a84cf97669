//! Waiting rooms from many seeds. `USHER_SIMULATE_SEEDS=1000` runs more of them,
//! `USHER_SIMULATE_FROM=77` others.

use usher_simulate::{Config, RoomsSummary, simulate_rooms};

const SEEDS: u64 = 40;
const STEPS: u64 = 4_000;

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

#[test]
fn no_place_is_lost_and_no_pass_is_good_twice() {
    let from = from_env("USHER_SIMULATE_FROM", 1);
    let seeds = from_env("USHER_SIMULATE_SEEDS", SEEDS);
    let mut sum = RoomsSummary::default();
    for seed in from..from + seeds {
        match simulate_rooms(&Config { seed, steps: STEPS }) {
            Ok(summary) => sum.add(&summary),
            Err(failure) => panic!("{failure}\n{}", failure.words.join("\n")),
        }
    }
    println!("{sum:?}");
    // A simulation in which nothing happens proves nothing.
    for (what, count) in sum.counts() {
        assert!(count >= seeds / 4, "only {count} {what}");
    }
}
