//! Whole sales from many seeds. `USHER_SIMULATE_SEEDS=1000` runs more of them,
//! `USHER_SIMULATE_FROM=77` others; `usher-loadgen simulate` does the same from the command line.

use usher_simulate::{Config, Summary, simulate};

const SEEDS: u64 = 24;
const STEPS: u64 = 6_000;

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

#[track_caller]
fn run(seed: u64, steps: u64) -> Summary {
    match simulate(&Config { seed, steps }) {
        Ok(summary) => summary,
        Err(failure) => panic!("{failure}\n{}", failure.words.join("\n")),
    }
}

#[test]
fn every_promise_holds_whatever_fails() {
    let from = from_env("USHER_SIMULATE_FROM", 1);
    let mut sum = Summary::default();
    let seeds = from_env("USHER_SIMULATE_SEEDS", SEEDS);
    for seed in from..from + seeds {
        let summary = run(seed, STEPS);
        sum.add(&summary);
    }
    println!("{sum}");
    // A simulation in which nothing happens proves nothing. The rarest, that somebody hears of a
    // quarantine, comes up in every other run.
    for (what, count) in sum.counts() {
        assert!(count >= (seeds / 8).max(1), "only {count} {what}");
    }
}

#[test]
fn the_same_seed_is_the_same_run_to_the_byte() {
    for seed in [3, 4] {
        let (once, again) = (run(seed, 3_000), run(seed, 3_000));
        assert_eq!(once, again);
        assert_ne!(once.history, run(seed + 10, 3_000).history);
    }
}
