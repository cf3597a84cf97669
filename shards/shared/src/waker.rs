//! How a shard is woken: at most one wake-up on its way at a time, and none that is needed missing.
//!
//! Whoever has something for the shard puts it where the shard looks, and then calls
//! [`Waker::wake`]. The shard calls [`Waker::falls_asleep`] and then looks. Both exchange the flag,
//! so one of them comes first: either the caller finds the shard asleep and must wake it, or the
//! shard hears of the caller and sees what it brought. For the second a plain store would not do:
//! who only overwrites the flag does not synchronise with those who set it before.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Flaw, OnceLock, is_planted};

/// Knows whether somebody must be woken, and whom.
#[derive(Debug)]
pub struct Waker<S> {
    is_awake: AtomicBool,
    sleeper: OnceLock<S>,
}

/// How far a shard's records are durable.
#[derive(Debug)]
pub struct DurableMark(AtomicU64);

impl<S> Default for Waker<S> {
    fn default() -> Self {
        Self { is_awake: AtomicBool::new(false), sleeper: OnceLock::default() }
    }
}

impl<S> Waker<S> {
    /// Says who sleeps. The caller must wake it, whatever the flag says, since whoever came before
    /// could not.
    ///
    /// # Panics
    /// When somebody is connected already.
    #[must_use = "it must be woken"]
    pub fn connect(&self, sleeper: S) -> Option<&S> {
        assert!(self.sleeper.set(sleeper).is_ok(), "one sleeper per waker");
        if is_planted(Flaw::ConnectsInSilence) { None } else { self.sleeper.get() }
    }

    /// Something is there to be found. The sleeper is returned where the caller must wake it.
    #[must_use = "it must be woken"]
    pub fn wake(&self) -> Option<&S> {
        if self.is_awake.swap(true, Ordering::AcqRel) { None } else { self.sleeper.get() }
    }

    /// Called by the sleeper before it looks: who comes from now on must wake it again.
    pub fn falls_asleep(&self) {
        if is_planted(Flaw::SleepsDeaf) {
            self.is_awake.store(false, Ordering::SeqCst);
            return;
        }
        self.is_awake.swap(false, Ordering::AcqRel);
    }
}

impl Default for DurableMark {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl DurableMark {
    /// The first `upto` records are durable. Never goes back.
    pub fn raise(&self, upto: u64) {
        self.0.fetch_max(upto, Ordering::AcqRel);
    }

    /// How many records are durable.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
