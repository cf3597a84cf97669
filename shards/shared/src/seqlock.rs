//! A value of several words with one writer, which readers copy without making it wait.
//!
//! A seqlock (Lameter 2005) over atomics (Boehm 2012): the sequence is odd while the writer writes,
//! and a reader that saw it move copies again. It is right for two reasons, and both need the order
//! that the cells keep. A reader that took anything from a write synchronised with it, and so must
//! see, at its second look, that the sequence was raised before it. A reader that saw the sequence
//! even synchronised with the end of that write, and so takes nothing older.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Flaw, is_planted, spin_loop};

/// Counts the beginnings and ends of writes.
#[derive(Debug, Default)]
pub(crate) struct Sequence(AtomicU64);

/// One word of the value.
#[derive(Debug, Default)]
pub(crate) struct Word(AtomicU64);

impl Sequence {
    /// Copies, as often as it takes to get a copy of one moment. `copy` gets at cells only.
    pub(crate) fn read<T>(&self, copy: impl Fn() -> T) -> T {
        loop {
            let before = self.0.load(Ordering::Acquire);
            if before.is_multiple_of(2) {
                let value = copy();
                if is_planted(Flaw::NoSecondLook) || self.0.load(Ordering::Acquire) == before {
                    return value;
                }
            }
            spin_loop();
        }
    }

    /// Changes cells. There is one writer at a time; that is for the caller to see to.
    pub(crate) fn write(&self, change: impl FnOnce()) {
        if is_planted(Flaw::RaisedOnlyAfter) {
            change();
            self.0.fetch_add(2, Ordering::AcqRel);
            return;
        }
        self.0.fetch_add(1, Ordering::AcqRel);
        change();
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Word {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        let unordered = is_planted(Flaw::CellsUnordered);
        self.0.load(if unordered { Ordering::Relaxed } else { Ordering::Acquire })
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
}
