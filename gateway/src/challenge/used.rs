//! Which challenges were solved already, in bounded memory, without ever taking one twice.
//!
//! Two generations of names. A generation is forgotten once all of it has expired. Where there are
//! more solutions than there is room for, it is forgotten before, and then everything that was
//! given out before the younger generation began is refused, used or not: whoever asks again gets a
//! new challenge. So a flood of solutions costs honest callers a second one at worst.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The names of solved challenges.
pub(super) struct Used {
    generations: Mutex<Generations>,
    /// Names in one generation.
    names_max: usize,
    lifetime_seconds: u64,
}

#[derive(Default)]
struct Generations {
    young: HashSet<u128>,
    /// When the young one began.
    young_since: u64,
    old: HashSet<u128>,
    /// What was given out at this time or before is refused.
    refused_until: Option<u64>,
}

/// Why a solution does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was used.
    Already,
    /// Nobody can tell any more whether it was used.
    Forgotten,
}

impl Used {
    /// Remembers `names_max` names of challenges that live so long. Times are seconds of one clock
    /// that never goes back.
    pub(super) fn new(names_max: usize, lifetime_seconds: u64) -> Self {
        let names_max = (names_max / 2).max(1);
        Self { generations: Mutex::default(), names_max, lifetime_seconds }
    }

    /// Uses a challenge that has not expired.
    pub(super) fn spend(&self, name: u128, given_out: u64, now: u64) -> Result<(), Spent> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.turn(now, self.names_max, self.lifetime_seconds);
        if generations.refused_until.is_some_and(|until| given_out <= until) {
            return Err(Spent::Forgotten);
        }
        if generations.old.contains(&name) || !generations.young.insert(name) {
            return Err(Spent::Already);
        }
        Ok(())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let generations = self.generations.lock().expect("no panic");
        generations.young.len() + generations.old.len()
    }
}

impl Generations {
    fn turn(&mut self, now: u64, names_max: usize, lifetime_seconds: u64) {
        let is_over = now >= self.young_since.saturating_add(lifetime_seconds);
        let is_full = self.young.len() >= names_max;
        if !is_over && !is_full {
            return;
        }
        // What the old one names was used before the young one began, so it was given out by then.
        if !is_over && !self.old.is_empty() {
            self.refused_until = Some(self.young_since);
        }
        std::mem::swap(&mut self.old, &mut self.young);
        self.young.clear();
        self.young_since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_used_once_for_as_long_as_it_lives() {
        let used = Used::new(1_000, 60);
        for now in 0..500_u64 {
            assert_eq!(used.spend(now.into(), now, now), Ok(()));
            for ago in [0, 1, 30, 59].into_iter().filter(|ago| *ago <= now) {
                let again = used.spend((now - ago).into(), now - ago, now);
                assert_eq!(again, Err(Spent::Already), "{ago} seconds after, at {now}");
            }
        }
        assert!(used.len() <= 122, "what has expired is forgotten");
    }

    #[test]
    fn a_flood_takes_no_more_room_and_lets_nothing_be_used_twice() {
        const ROOM: usize = 1_024;
        let used = Used::new(ROOM, 3_600);
        let per_second = 100;
        for name in 0..1_000_000_u128 {
            let now = u64::try_from(name / per_second).expect("small");
            assert_eq!(used.spend(name, now, now), Ok(()), "what is new counts");
            let before = name.saturating_sub(name % 5_000);
            let given_out = u64::try_from(before / per_second).expect("small");
            assert!(used.spend(before, given_out, now).is_err(), "{before} at {name}");
        }
        assert!(used.len() <= ROOM);
    }
}
