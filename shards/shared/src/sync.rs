//! The standard library's atomics and locks, or those of the model checker.
//!
//! `--cfg loom` exchanges them, and only then can a flaw be planted: the models must be seen to
//! fail before their success says anything.

#[cfg(not(loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{Mutex, OnceLock, atomic},
};

#[cfg(loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::{Mutex, atomic},
};
#[cfg(loom)]
pub(crate) use modelled::OnceLock;
#[cfg(loom)]
pub use modelled::with_flaw;

/// What can be done wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// What a reader copies is loaded without ordering.
    CellsUnordered,
    /// The sequence is not looked at again after copying.
    NoSecondLook,
    /// The sequence is raised only after writing, so that nobody sees that writing goes on.
    RaisedOnlyAfter,
    /// Changes are noted after the lock on them was given up.
    NotedTooLate,
    /// Who falls asleep overwrites the flag and does not hear what those before it said.
    SleepsDeaf,
    /// A waker that is not connected yet is left for good.
    ConnectsInSilence,
    /// A place is read before the figures that it is counted against.
    PlaceReadFirst,
    /// Figures are published before the places that they count.
    FiguresPublishedFirst,
}

/// Whether a flaw is planted: never, except in a model.
#[cfg(not(loom))]
#[inline]
pub(crate) const fn is_planted(_: Flaw) -> bool {
    false
}

#[cfg(loom)]
pub(crate) use modelled::is_planted;

#[cfg(loom)]
mod modelled {
    use std::cell::Cell;

    use loom::sync::atomic::{AtomicBool, Ordering};

    use super::Flaw;

    thread_local! {
        /// All threads of a model run on the thread of its test.
        static PLANTED: Cell<Option<Flaw>> = const { Cell::new(None) };
    }

    pub(crate) fn is_planted(flaw: Flaw) -> bool {
        PLANTED.get() == Some(flaw)
    }

    /// Runs something with a flaw planted, until it ends or panics.
    pub fn with_flaw<T>(flaw: Flaw, run: impl FnOnce() -> T) -> T {
        struct Mended;
        impl Drop for Mended {
            fn drop(&mut self) {
                PLANTED.set(None);
            }
        }
        PLANTED.set(Some(flaw));
        let _mended = Mended;
        run()
    }

    /// The model checker has none. Promises no more than the real one: who finds the value sees
    /// what was done before it was set.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        is_set: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            Self { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }
    }

    impl<T> OnceLock<T> {
        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.value.set(value)?;
            self.is_set.store(true, Ordering::Release);
            Ok(())
        }
    }
}
