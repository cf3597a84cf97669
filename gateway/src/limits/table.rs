//! A bounded memory of buckets, so that a flood of addresses cannot fill the memory of the server.
//!
//! A set-associative table, as in a processor's cache: a key may be in one of a few places, which
//! its hash names. Where all of them are taken, the bucket goes that is fullest, which loses least:
//! who sends one request from each of a million addresses pushes out others like it, and not
//! whoever is being held up. The hash is seeded at random: nobody can tell which keys share places.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;

/// Places that one key may take.
const WAYS: usize = 8;

/// Buckets of so many keys of one kind, and never more. For [`governor::RateLimiter`].
pub(super) struct Table<K> {
    sets: Box<[Mutex<Set>]>,
    hasher: RandomState,
    keys: PhantomData<fn(&K)>,
}

type Set = [Option<Bucket>; WAYS];

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Stands for the key. Two keys out of 2⁶⁴ may share a bucket.
    name: NonZeroU64,
    /// When it will be full again, in nanoseconds since the limiter began (the theoretical arrival
    /// time of GCRA, ITU-T I.371).
    full_at: u64,
}

impl<K: Hash> Table<K> {
    /// A table of at least `keys_max` places, 16 bytes each.
    pub(super) fn new(keys_max: usize) -> Self {
        let sets = keys_max.div_ceil(WAYS).max(1);
        let sets = (0..sets).map(|_| Mutex::new([None; WAYS])).collect();
        Self { sets, hasher: RandomState::new(), keys: PhantomData }
    }

    fn name(&self, key: &K) -> NonZeroU64 {
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

impl<K: Hash> StateStore for Table<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let name = self.name(key);
        let mut set = self.set(name).lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|bucket| bucket.is_some_and(|b| b.name == name));
        let full_at = known.and_then(|place| set[place]).map(|bucket| bucket.full_at.into());
        let (outcome, full_at) = decide(full_at)?;
        let place = known.unwrap_or_else(|| place_to_take(&set));
        set[place] = Some(Bucket { name, full_at: full_at.as_u64() });
        Ok(outcome)
    }
}

/// A free place, else the one of the bucket that was or will be full first.
fn place_to_take(set: &Set) -> usize {
    let full_at = |place: &usize| set[*place].map(|bucket| bucket.full_at);
    (0..WAYS).min_by_key(full_at).expect("there are places")
}
