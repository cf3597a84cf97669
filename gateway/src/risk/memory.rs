//! What was counted of each address, device and user, in memory with a bound.
//!
//! A set-associative table, as for limits (`limits/table`): a key may be in one of a few places,
//! and where all are taken the one goes that says least. So a flood of keys that are seen once
//! pushes out others like it, and not what stands out. How many different users there were is
//! estimated from a bitmap (linear counting, Whang, Vander-Zanden and Taylor 1990): exact enough to
//! tell 3 from 30, and it can never grow.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

/// Places that one key may take.
const WAYS: usize = 8;
const BITS: u32 = u128::BITS;

/// Counts of keys of one kind. Times are seconds of one clock that never goes back.
pub(super) struct Memory {
    sets: Box<[Mutex<Set>]>,
    hasher: RandomState,
}

type Set = [Option<Entry>; WAYS];

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Stands for the key.
    name: NonZeroU64,
    since: u32,
    counts: Counts,
}

/// What was counted of one key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// A bit for each different user.
    users: u128,
    /// Devices that were given out.
    pub(super) devices: u16,
    pub(super) failures: u16,
    pub(super) holds: u16,
    pub(super) orders: u16,
}

impl Memory {
    /// A table of at least `keys_max` places, of 48 bytes each.
    pub(super) fn new(keys_max: usize) -> Self {
        let sets = keys_max.div_ceil(WAYS).max(1);
        let sets = (0..sets).map(|_| Mutex::new([None; WAYS])).collect();
        Self { sets, hasher: RandomState::new() }
    }

    /// What is known of a key.
    pub(super) fn look(&self, key: &impl Hash, now: u32, window: u32) -> Counts {
        let name = self.name(key);
        let set = self.set(name).lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().flatten().find(|entry| entry.name == name);
        let alive = known.filter(|entry| !entry.is_over(now, window));
        alive.map(|entry| entry.counts).unwrap_or_default()
    }

    /// Counts something of a key; gives what is known with it.
    pub(super) fn count(
        &self,
        key: &impl Hash,
        now: u32,
        window: u32,
        count: impl FnOnce(&mut Counts),
    ) -> Counts {
        let name = self.name(key);
        let mut set = self.set(name).lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|entry| entry.is_some_and(|entry| entry.name == name));
        let place = known.unwrap_or_else(|| place_to_take(&set, now, window));
        let alive = known.and_then(|place| set[place]).filter(|entry| !entry.is_over(now, window));
        let mut entry = alive.unwrap_or(Entry { name, since: now, counts: Counts::default() });
        count(&mut entry.counts);
        set[place] = Some(entry);
        entry.counts
    }

    /// The bit that stands for a user.
    pub(super) fn bit_of(&self, user: &impl Hash) -> u128 {
        1 << (self.hasher.hash_one(user) % u64::from(BITS))
    }

    fn name(&self, key: &impl Hash) -> NonZeroU64 {
        NonZeroU64::new(self.hasher.hash_one(key)).unwrap_or(NonZeroU64::MIN)
    }

    fn set(&self, name: NonZeroU64) -> &Mutex<Set> {
        // The upper half of the product spreads evenly over any number of sets (Lemire 2016).
        let spread = (u128::from(name.get()) * self.sets.len() as u128) >> 64;
        &self.sets[spread as usize]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let taken = |set: &Mutex<Set>| set.lock().expect("no panic").iter().flatten().count();
        self.sets.iter().map(taken).sum()
    }
}

impl Entry {
    fn is_over(&self, now: u32, window: u32) -> bool {
        now.saturating_sub(self.since) >= window
    }
}

impl Counts {
    pub(super) fn add_user(&mut self, bit: u128) {
        self.users |= bit;
    }

    /// About how many different users there were.
    pub(super) fn users(&self) -> u32 {
        let empty = self.users.count_zeros().max(1);
        (-f64::from(BITS) * (f64::from(empty) / f64::from(BITS)).ln()).round() as u32
    }

    /// How much is lost where this is forgotten.
    fn weight(&self) -> u32 {
        self.users.count_ones()
            + u32::from(self.devices)
            + u32::from(self.failures)
            + u32::from(self.holds)
    }
}

/// A free place, else one that is over, else the one that says least, the oldest of them.
fn place_to_take(set: &Set, now: u32, window: u32) -> usize {
    let worth = |place: &usize| match set[*place] {
        None => (0, 0, 0),
        Some(entry) if entry.is_over(now, window) => (1, 0, 0),
        Some(entry) => (2, entry.counts.weight(), entry.since),
    };
    (0..WAYS).min_by_key(worth).expect("there are places")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3_600;

    #[test]
    fn what_is_counted_is_forgotten_after_its_window() {
        let memory = Memory::new(64);
        let fail = |now| memory.count(&"ada", now, HOUR, |counts| counts.failures += 1).failures;
        assert_eq!((fail(0), fail(1), fail(HOUR - 1)), (1, 2, 3));
        assert_eq!(memory.look(&"ada", HOUR - 1, HOUR).failures, 3);
        assert_eq!(memory.look(&"ada", HOUR, HOUR).failures, 0);
        assert_eq!(memory.look(&"bob", 1, HOUR).failures, 0);
        assert_eq!(fail(HOUR), 1);
    }

    #[test]
    fn different_users_are_estimated() {
        let memory = Memory::new(64);
        let mut counts = Counts::default();
        for (users, least, most) in [(1, 1, 1), (4, 2, 4), (30, 20, 40), (300, 180, 480)] {
            for user in 0..users {
                counts.add_user(memory.bit_of(&user));
                counts.add_user(memory.bit_of(&user));
            }
            let estimate = counts.users();
            assert!((least..=most).contains(&estimate), "{users} users seem {estimate}");
        }
        (0..100_000).for_each(|user| counts.add_user(memory.bit_of(&user)));
        assert_eq!(counts.users(), 621, "full is full");
    }

    #[test]
    fn a_flood_of_keys_takes_no_more_room_and_hides_nobody() {
        const PLACES: usize = 4_096;
        let memory = Memory::new(PLACES);
        for _ in 0..20 {
            memory.count(&u64::MAX, 0, HOUR, |counts| counts.failures += 1);
        }
        for stranger in 0..1_000_000_u64 {
            memory.count(&stranger, 1, HOUR, |counts| counts.add_user(1));
        }
        assert_eq!(memory.look(&u64::MAX, 1, HOUR).failures, 20, "who stands out is remembered");
        assert!(memory.len() <= PLACES);
        assert!(size_of::<Option<Entry>>() <= 48, "{}", size_of::<Option<Entry>>());
    }
}
