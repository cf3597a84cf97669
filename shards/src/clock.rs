//! Time for a shard: the wall clock, guarded by the monotonic one.
//!
//! A wall clock may jump by an hour when somebody sets it or a virtual machine wakes up; holds must
//! neither end early nor live for ever because of that. So time moves on with the monotonic clock,
//! and is drawn towards the wall clock by at most one part in `SLEW_PARTS`: a jump is slewed,
//! never believed.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use usher_engine::Timestamp;

/// The clock gains or loses at most one millisecond per so many.
const SLEW_PARTS: u64 = 2_000;

/// Gives the time to whoever decides something.
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch; never less than any answer before.
    fn now(&self) -> Timestamp;
}

/// The clock of a running server. Shared by all shards, so that they agree.
#[derive(Debug)]
pub struct GuardedClock {
    last: Mutex<Reading>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    ticked: Instant,
    /// Microseconds since the epoch, so that slewing does not lose what is below a millisecond.
    time_us: u64,
}

impl GuardedClock {
    /// Starts from the wall clock, or from `not_before` where that is later: the recorded past
    /// stays the past.
    #[must_use]
    pub fn start(not_before: Timestamp) -> Self {
        let time_us = wall_us().max(not_before.0 * 1_000);
        Self { last: Mutex::new(Reading { ticked: Instant::now(), time_us }) }
    }
}

impl Clock for GuardedClock {
    fn now(&self) -> Timestamp {
        let mut last = self.last.lock().expect("no panic while reading a clock");
        let ticked = Instant::now();
        let passed_us = ticked.duration_since(last.ticked).as_micros() as u64;
        *last = Reading { ticked, time_us: slew(last.time_us, passed_us, wall_us()) };
        Timestamp(last.time_us / 1_000)
    }
}

/// The time after `passed_us`, drawn towards `wall_us`.
fn slew(last_us: u64, passed_us: u64, wall_us: u64) -> u64 {
    let steady_us = last_us + passed_us;
    let most_us = passed_us / SLEW_PARTS;
    wall_us.clamp(steady_us - most_us, steady_us + most_us)
}

fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_slewed_and_never_believed() {
        let check = |passed_us, wall_us, expected| {
            assert_eq!(slew(10_000_000, passed_us, wall_us), expected);
        };
        // In step.
        check(2_000, 10_002_000, 10_002_000);
        // An hour ahead and an hour behind: one part in two thousand.
        check(2_000_000, 3_610_000_000, 12_001_000);
        check(2_000_000, 0, 11_999_000);
        // Never backwards, not even when no time passed.
        check(0, 0, 10_000_000);
    }

    #[test]
    fn starts_no_earlier_than_the_recorded_past() {
        let future = Timestamp(wall_us() / 1_000 + 60_000);
        assert!(GuardedClock::start(future).now() >= future);
    }
}
