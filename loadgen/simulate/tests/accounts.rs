//! Accounts from many seeds. `USHER_SIMULATE_SEEDS=1000` runs more of them,
//! `USHER_SIMULATE_FROM=77` others.

use usher_simulate::{AccountsSummary, Config, simulate_accounts};

const SEEDS: u64 = 40;
const STEPS: u64 = 4_000;

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

#[track_caller]
fn run(seed: u64) -> AccountsSummary {
    match simulate_accounts(&Config { seed, steps: STEPS }) {
        Ok(summary) => summary,
        Err(failure) => panic!("{failure}\n{}", failure.words.join("\n")),
    }
}

#[test]
fn no_account_is_lost_and_nothing_that_is_over_comes_back() {
    let from = from_env("USHER_SIMULATE_FROM", 1);
    let seeds = from_env("USHER_SIMULATE_SEEDS", SEEDS);
    let mut sum = AccountsSummary::default();
    for seed in from..from + seeds {
        sum.add(&run(seed));
    }
    println!("{sum:?}");
    // A simulation in which nothing happens proves nothing.
    for (what, count) in sum.counts() {
        assert!(count >= seeds, "only {count} {what}");
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [3, 4] {
        let (once, again) = (run(seed), run(seed));
        assert_eq!(once, again);
        assert_ne!(once.history, run(seed + 10).history);
    }
}
