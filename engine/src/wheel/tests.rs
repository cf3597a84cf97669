//! Tests of the timing wheel: its promises one by one, and long random histories against a
//! sorted map.

use std::collections::BTreeMap;

use super::{TICK_MS, TimerId, Wheel};

/// Everything that goes off in one unbounded call.
fn all_due(wheel: &mut Wheel<u64>, now_ms: u64) -> Vec<u64> {
    let mut gone_off = Vec::new();
    while wheel.advance(now_ms, usize::MAX, &mut |value| gone_off.push(value)) {}
    gone_off
}

#[test]
fn never_early_and_at_most_a_tick_late() {
    let day_ms = 24 * 60 * 60 * 1_000;
    for start_ms in [0, 1, 15, 16, 1_763_000_000_123] {
        for after_ms in [1, 15, 16, 17, 1_023, 1_024, 600_000, 40 * day_ms, 4_000 * day_ms] {
            let mut wheel = Wheel::new(start_ms);
            let at_ms = start_ms + after_ms;
            wheel.insert(at_ms, at_ms);
            assert_eq!(all_due(&mut wheel, at_ms - 1), [], "{start_ms} + {after_ms}");
            assert_eq!(all_due(&mut wheel, at_ms + TICK_MS - 1), [at_ms]);
            assert!(wheel.is_empty());
        }
    }
}

#[test]
fn a_time_that_has_passed_is_due_at_once() {
    let mut wheel = Wheel::new(1_000_000);
    wheel.insert(5, 5);
    assert_eq!(all_due(&mut wheel, 1_000_000), [5]);
}

#[test]
fn time_that_goes_back_stands_still() {
    let mut wheel = Wheel::new(0);
    assert_eq!(all_due(&mut wheel, 32_000), []);
    wheel.insert(40_000, 40_000);
    assert_eq!(all_due(&mut wheel, 0), []);
    wheel.insert(20_000, 20_000);
    assert_eq!(all_due(&mut wheel, 0), [20_000], "that time has been");
    assert_eq!(all_due(&mut wheel, 39_999), []);
    assert_eq!(all_due(&mut wheel, 40_000), [40_000]);
}

#[test]
fn the_end_of_time_is_a_time() {
    let mut wheel = Wheel::new(0);
    let last_ms = u64::MAX - TICK_MS + 1;
    wheel.insert(last_ms, 1);
    let never = wheel.insert(u64::MAX, 2);
    assert_eq!(all_due(&mut wheel, last_ms - 1), []);
    assert_eq!(all_due(&mut wheel, u64::MAX), [1]);
    assert_eq!(wheel.next_due_ms(), Some(u64::MAX));
    assert_eq!(wheel.cancel(never), Some(2));
    assert_eq!(wheel.next_due_ms(), None);
}

#[test]
fn stale_ids_cancel_nothing() {
    let mut wheel = Wheel::new(0);
    let cancelled = wheel.insert(100, 1);
    assert_eq!(wheel.cancel(cancelled), Some(1));
    let in_its_place = wheel.insert(200, 2);
    assert_eq!(wheel.cancel(cancelled), None);
    assert_eq!(all_due(&mut wheel, 1_000), [2]);
    assert_eq!(wheel.cancel(in_its_place), None);
    assert_eq!(wheel.cancel(TimerId { node: 0, generation: 0 }), None, "the head of a list");
    assert_eq!(wheel.cancel(TimerId { node: u32::MAX, generation: 0 }), None);
    assert_eq!(wheel.len(), 0);
}

#[test]
fn what_is_due_together_goes_off_in_slices() {
    let mut wheel = Wheel::new(0);
    let timers: Vec<TimerId> = (0..100_000).map(|i| wheel.insert(600_000, i)).collect();
    let mut gone_off = Vec::new();
    let mut calls = 0;
    let mut more = true;
    while more {
        let before = gone_off.len();
        more = wheel.advance(600_000, 256, &mut |value| gone_off.push(value));
        assert!(gone_off.len() - before <= 256);
        calls += 1;
        if gone_off.len() > 1_000 && wheel.len() > 98_000 {
            // What is due but has not gone off can still be cancelled.
            let last = timers[wheel.len() + gone_off.len() - 1];
            assert_eq!(wheel.cancel(last), Some(u64::from(last.node - timers[0].node)));
        }
    }
    // Each timer goes off once, after moving down at most three levels.
    assert!(calls <= 100_000 * 4 / 256 + 1, "{calls} calls");
    let expected = gone_off.len() as u64;
    assert!(expected < 100_000);
    assert_eq!(gone_off, (0..expected).collect::<Vec<_>>());
    assert!(wheel.is_empty());
}

#[test]
fn earlier_ticks_go_first() {
    let mut wheel = Wheel::new(0);
    for i in 0..5_000_u64 {
        wheel.insert(i * 7_919 % 5_000 * TICK_MS, i * 7_919 % 5_000);
    }
    assert_eq!(all_due(&mut wheel, 10_000_000), (0..5_000).collect::<Vec<_>>());
}

#[test]
fn sleeping_until_next_due_misses_nothing() {
    let mut wheel = Wheel::new(7);
    let at_ms = 3_000_000_007;
    wheel.insert(at_ms, at_ms);
    let mut wakes = 0;
    let mut now_ms = 7;
    while !wheel.is_empty() {
        let due_ms = wheel.next_due_ms().expect("a timer is there");
        assert!(due_ms < at_ms + TICK_MS && due_ms >= now_ms);
        now_ms = due_ms;
        all_due(&mut wheel, now_ms);
        wakes += 1;
    }
    assert!((at_ms..at_ms + TICK_MS).contains(&now_ms));
    assert!(wakes <= 6, "{wakes}: one for each of the levels that 3,000,000 s reach");
}

#[test]
fn agrees_with_a_sorted_map() {
    for seed in 1..=60 {
        let mut state: u64 = seed;
        let mut random = |end: u64| {
            // xorshift64*, which never leaves 0 and never gets there.
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
        };
        let mut now_ms = random(1 << 41);
        let mut wheel = Wheel::new(now_ms);
        // By value: the time and the id.
        let mut running: BTreeMap<u64, (u64, TimerId)> = BTreeMap::new();
        let mut ended: Vec<TimerId> = Vec::new();
        for value in 0..4_000 {
            let reach_ms = 1 << random(34);
            match random(10) {
                0..=5 => {
                    let at_ms = (now_ms + random(reach_ms)).saturating_sub(random(50));
                    running.insert(value, (at_ms, wheel.insert(at_ms, value)));
                }
                6 => {
                    let from = random(value + 1);
                    if let Some((&value, &(_, timer))) = running.range(from..).next() {
                        running.remove(&value);
                        assert_eq!(wheel.cancel(timer), Some(value), "seed {seed}");
                        ended.push(timer);
                    }
                }
                7 => assert!(ended.iter().all(|&timer| wheel.cancel(timer).is_none())),
                _ => {
                    now_ms += random(reach_ms) / 8;
                    let limit = 1 + random(20) as usize;
                    let mut gone_off = Vec::new();
                    let more = wheel.advance(now_ms, limit, &mut |value| gone_off.push(value));
                    assert!(gone_off.len() <= limit, "seed {seed}");
                    for value in gone_off {
                        let (at_ms, timer) = running.remove(&value).expect("goes off once");
                        assert!(at_ms <= now_ms, "seed {seed}: {at_ms} is early at {now_ms}");
                        ended.push(timer);
                    }
                    let is_overdue = |at_ms: u64| at_ms.div_ceil(TICK_MS) <= now_ms / TICK_MS;
                    let overdue = running.values().any(|&(at_ms, _)| is_overdue(at_ms));
                    assert!(more || !overdue, "seed {seed}: something is due");
                }
            }
            assert_eq!(wheel.len(), running.len(), "seed {seed}");
            let next_ms = running.values().map(|&(at_ms, _)| at_ms.div_ceil(TICK_MS)).min();
            let bound_ms = wheel.next_due_ms();
            assert_eq!(bound_ms.is_some(), next_ms.is_some(), "seed {seed}");
            if let (Some(bound_ms), Some(next_tick)) = (bound_ms, next_ms) {
                let floor_ms = (next_tick * TICK_MS).max(now_ms);
                assert!(bound_ms <= floor_ms, "seed {seed}: a timer would be missed");
            }
        }
        let mut last = all_due(&mut wheel, now_ms + (1 << 35));
        last.sort_unstable();
        assert_eq!(last, running.keys().copied().collect::<Vec<_>>(), "seed {seed}");
    }
}
