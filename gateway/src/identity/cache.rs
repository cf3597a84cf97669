//! A bounded memory of tokens that were found to be good.
//!
//! Verifying an Ed25519 signature takes as long as several requests, and a buyer shows the same
//! token with each. Entries are in two halves: once the young half is full it becomes the old one
//! and what was old is forgotten, so whatever is used stays and a flood of tokens takes no more
//! room. A token is known by a 128-bit hash under a key drawn at each start: nobody can make two
//! that are taken for each other.

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::sync::{Mutex, PoisonError};

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::config::secrets::random_bytes;

/// Parts with a lock each, so that threads rarely meet.
const PARTS: usize = 16;

/// Remembers at most so many values by token.
pub(super) struct TokenCache<T> {
    key: [u8; 16],
    parts: Vec<Mutex<Part<T>>>,
    young_max: usize,
}

struct Part<T> {
    young: HashMap<u128, T>,
    old: HashMap<u128, T>,
}

impl<T: Clone> TokenCache<T> {
    /// Remembers at most `entries_max`, rounded up to a multiple of 32.
    pub(super) fn new(entries_max: usize) -> Self {
        let part = || Mutex::new(Part { young: HashMap::new(), old: HashMap::new() });
        Self {
            key: random_bytes(),
            parts: (0..PARTS).map(|_| part()).collect(),
            young_max: entries_max.div_ceil(2 * PARTS).max(1),
        }
    }

    /// What is remembered of a token.
    pub(super) fn get(&self, token: &str) -> Option<T> {
        let name = self.name(token);
        let mut part = self.part(name);
        if let Some(known) = part.young.get(&name) {
            return Some(known.clone());
        }
        let known = part.old.remove(&name)?;
        self.keep(&mut part, name, known.clone());
        Some(known)
    }

    /// Remembers something of a token.
    pub(super) fn put(&self, token: &str, value: T) {
        let name = self.name(token);
        let mut part = self.part(name);
        part.old.remove(&name);
        self.keep(&mut part, name, value);
    }

    fn keep(&self, part: &mut Part<T>, name: u128, value: T) {
        if part.young.len() >= self.young_max {
            part.old = std::mem::take(&mut part.young);
        }
        part.young.insert(name, value);
    }

    fn name(&self, token: &str) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(token.as_bytes());
        hasher.finish128().as_u128()
    }

    fn part(&self, name: u128) -> std::sync::MutexGuard<'_, Part<T>> {
        let part = &self.parts[(name % PARTS as u128) as usize];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let count = |part: &Mutex<Part<T>>| {
            let part = part.lock().expect("no panic");
            part.young.len() + part.old.len()
        };
        self.parts.iter().map(count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_tokens_takes_no_more_room_and_what_is_used_stays() {
        const ENTRIES_MAX: usize = 4_096;
        let cache = TokenCache::new(ENTRIES_MAX);
        cache.put("ann's", 1);
        for stranger in 0..1_000_000_u32 {
            cache.put(&stranger.to_string(), stranger);
            if stranger % 512 == 0 {
                assert_eq!(cache.get("ann's"), Some(1), "after {stranger}");
            }
        }
        assert!(cache.len() <= ENTRIES_MAX, "{}", cache.len());
        assert_eq!(cache.get("0"), None);
        assert_eq!(cache.get("999999"), Some(999_999));
        assert_eq!(cache.get("ben's"), None);
    }
}
