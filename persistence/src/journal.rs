//! What the runtime asks of a journal, whatever is below.
//!
//! ```text
//!   journal writer thread ──append──► Journal ──┐
//!                                               ├─ generation 1 ─ generation 2 ─ … (active)
//!   replica, history, backup ──read──► Reader ──┘
//! ```
//!
//! One thread writes, any number of threads read. [`Journal::append`] takes one group-commit batch
//! and returns when it is durable, so there is never more than one batch in flight; recovery leans
//! on that. A journal is a row of *generations*: the newest takes appends, older ones only wait
//! until the snapshots that cover them are durable.
//!
//! Nothing here says that the journal is local: a replicated log fits behind the same trait.
//!
//! What always holds: sequences start at 1 and have no gaps; a batch is kept whole or not at all;
//! a reader never sees a record that is not durable; after a failed append nothing is appended any
//! more (the process has to exit and recover from what is on the disk).

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::disk::DiskError;
use crate::frame::{FrameError, Record};

/// The largest batch that one append takes, in bytes of frames.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A record that waits to be written; sequence and chain are assigned by the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    /// The partition whose inventory committed.
    pub partition: u16,
    /// Position within the partition: one more than the partition's last record.
    pub partition_seq: u64,
    /// What was committed; opaque here.
    pub payload: &'a [u8],
}

/// What an append did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Sequence of the batch's first record.
    pub first_seq: u64,
    /// Sequence of the batch's last record; everything up to it is durable.
    pub last_seq: u64,
    /// Bytes of frames in the batch.
    pub bytes: u64,
    /// Keys that the batch took.
    pub chunks: u32,
    /// Time to hand the batch to the store, in microseconds.
    pub write_us: u64,
    /// Time until the device had flushed it, in microseconds.
    pub sync_us: u64,
}

/// Number of a generation; starts at 1 and only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

/// One generation as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationInfo {
    /// Its number.
    pub generation: Generation,
    /// Sequence of its first record (of the one to come, where it has none yet).
    pub first_seq: u64,
    /// Sequence of its last record; `first_seq - 1` where it has none.
    pub last_seq: u64,
    /// Bytes that it takes on the disk.
    pub disk_bytes: u64,
    /// When it was begun.
    pub created: SystemTime,
}

/// Append-only, chained, durable. One owner; see [`JournalReader`] for everybody else.
pub trait Journal: Send {
    /// Frames the records in order, writes them and makes the whole batch durable; returns only
    /// then. An empty batch does nothing.
    ///
    /// # Errors
    /// [`JournalError::Rejected`] and [`JournalError::BatchTooLarge`] are the caller's fault and
    /// leave the journal as it was. Every other error poisons: whether the batch survived is
    /// known only after recovery, and each later append fails with [`JournalError::Poisoned`].
    fn append(&mut self, records: &[Pending<'_>]) -> Result<Appended, JournalError>;

    /// Sequence of the last durable record; 0 where there is none.
    fn last_seq(&self) -> u64;

    /// Begins a new generation and returns its number; the closed one stays readable. Where the
    /// active one has no record yet, it stays and its number is returned.
    ///
    /// # Errors
    /// Those of the store. A failure that leaves it open whether the new generation counts
    /// poisons as a failed append does; any other (no room, say) leaves the journal as it was.
    fn rotate(&mut self) -> Result<Generation, JournalError>;

    /// All generations, oldest first; the last one takes the appends.
    fn generations(&self) -> Vec<GenerationInfo>;

    /// Removes all generations up to and including this one, and returns how many went.
    ///
    /// Only for generations that the oldest kept snapshot covers: see [`removable_through`].
    ///
    /// # Errors
    /// [`JournalError::GenerationInUse`] for the active one; those of the store.
    fn remove_through(&mut self, generation: Generation) -> Result<u32, JournalError>;

    /// A handle that reads while this one writes. Cheap; clone the `Arc` for every thread.
    fn reader(&self) -> Arc<dyn JournalReader>;
}

/// Reads what is durable, from any thread, while the writer appends.
pub trait JournalReader: Send + Sync {
    /// Visits the records from `from_seq` on, in order, over all generations, up to what is
    /// durable now or until the visitor breaks. Returns the last sequence visited, or
    /// `from_seq - 1` where there was none.
    ///
    /// # Errors
    /// [`JournalError::Removed`] when `from_seq` lies before the oldest generation;
    /// [`JournalError::Damaged`] when what was good at the start is no longer.
    fn read(
        &self,
        from_seq: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<u64, JournalError>;

    /// Sequence of the oldest record that can still be read (of the one to come, if none can).
    fn first_seq(&self) -> u64;

    /// Sequence of the last durable record; 0 where there is none.
    fn durable_seq(&self) -> u64;
}

/// The newest generation that may go, given the sequence that the *oldest kept* snapshot covers.
///
/// The active generation never goes. With fewer snapshots than are to be kept the answer is still
/// safe, since any kept snapshot can then be loaded and replayed from.
#[must_use]
pub fn removable_through(
    generations: &[GenerationInfo],
    oldest_snapshot_seq: u64,
) -> Option<Generation> {
    let closed = generations.split_last()?.1;
    closed
        .iter()
        .take_while(|info| info.last_seq <= oldest_snapshot_seq)
        .last()
        .map(|info| info.generation)
}

/// Where in a journal something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The generation.
    pub generation: Generation,
    /// The file or directory to look at.
    pub file: PathBuf,
    /// The key in the generation's tree, where one is known: first sequence of the batch and
    /// index of the chunk.
    pub key: Option<(u64, u16)>,
    /// Byte offset in the file, where one is known.
    pub offset: Option<u64>,
    /// The last sequence that is good before this place.
    pub good_seq: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {}, {}", self.generation, self.file.display())?;
        if let Some((first_seq, index)) = self.key {
            write!(f, ", batch at sequence {first_seq}, chunk {index}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        write!(f, " (good up to sequence {})", self.good_seq)
    }
}

/// What is wrong at a [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A record is not what it should be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A stored chunk is not what it should be.
    #[error("chunk is damaged: {0}")]
    Chunk(&'static str),
    /// A batch is not complete although others follow it.
    #[error("batch at sequence {first_seq} has {found} of {expected} chunks, and more follows")]
    Incomplete {
        /// First sequence of the batch.
        first_seq: u64,
        /// Chunks that are there.
        found: u32,
        /// Chunks that the batch was written with.
        expected: u32,
    },
    /// Records that were acknowledged are gone.
    #[error(
        "sequence {acknowledged} was written and acknowledged, the store gave back {recovered}"
    )]
    AcknowledgedLost {
        /// The last sequence that is known to have been acknowledged.
        acknowledged: u64,
        /// The last sequence that the store gave back.
        recovered: u64,
    },
    /// A generation's manifest cannot be used.
    #[error("manifest is damaged: {0}")]
    Manifest(&'static str),
    /// A generation is missing.
    #[error("generation {0} is missing")]
    MissingGeneration(Generation),
    /// `usher journal cut` was interrupted.
    #[error("a cut was interrupted: run `usher journal cut` again to finish it")]
    UnfinishedCut,
    /// sled could not open or read the database.
    #[error("sled gave up: {0}")]
    Store(String),
}

/// Everything that a journal can answer besides success.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The records as given cannot follow what is there; nothing was written.
    #[error("records rejected: {0}")]
    Rejected(#[source] FrameError),
    /// The batch is above [`BATCH_BYTES_MAX`]; nothing was written.
    #[error("batch of {bytes} bytes is above the limit of {BATCH_BYTES_MAX}")]
    BatchTooLarge {
        /// Bytes of frames that the batch would take.
        bytes: usize,
    },
    /// An earlier write or flush failed: exit and recover from the disk.
    #[error("an earlier write to the journal failed; restart to recover from the disk")]
    Poisoned,
    /// A file-system step failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The store failed while running.
    #[error("cannot {action} in generation {generation}: {reason}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// Where.
        generation: Generation,
        /// What the store said.
        reason: String,
    },
    /// The journal is not whole. It is left untouched.
    #[error(
        "journal is damaged: {place}: {damage}. Not starting on it. Keep a copy of the data \
         directory, look with `usher journal verify`, then restore a backup, or go on from the \
         last good record with `usher journal cut`"
    )]
    Damaged {
        /// Where.
        place: Box<Place>,
        /// What.
        damage: Damage,
    },
    /// Another process has the journal open.
    #[error("journal {path} is in use by another process", path = .0.display())]
    InUse(PathBuf),
    /// The records asked for were removed with their generation.
    #[error("sequence {from_seq} was removed, the journal begins at {first_seq}")]
    Removed {
        /// The sequence that was asked for.
        from_seq: u64,
        /// The oldest that is there.
        first_seq: u64,
    },
    /// The generation still takes appends or does not exist.
    #[error("generation {0} is not a closed one")]
    GenerationInUse(Generation),
    /// A fault that a test asked for.
    #[error("injected fault: {0}")]
    Injected(&'static str),
}

/// What opening a journal found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Records that are there.
    pub records: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Sequence of the last one.
    pub last_seq: u64,
    /// Generations that were opened.
    pub generations: u32,
    /// An unfinished batch that was cut off the end. It was never acknowledged, unless the power
    /// failed behind it and the disk has changed it since: that looks the same.
    pub tail_cut: Option<TailCut>,
    /// Records that the store had dropped and that came back from the raw file; they may have
    /// been acknowledged.
    pub salvaged: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// An unfinished batch at the end of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailCut {
    /// First sequence of the batch; the journal ends before it.
    pub first_seq: u64,
    /// Chunks of it that were there and could be read.
    pub chunks: u32,
    /// Chunks that it would have had, as far as is known.
    pub chunks_expected: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(generation: u32, first_seq: u64, last_seq: u64) -> GenerationInfo {
        GenerationInfo {
            generation: Generation(generation),
            first_seq,
            last_seq,
            disk_bytes: 0,
            created: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_closed_generations_that_the_oldest_snapshot_covers_may_go() {
        let three = [info(1, 1, 10), info(2, 11, 20), info(3, 21, 30)];
        let check = |snapshot_seq, expected: Option<u32>| {
            assert_eq!(removable_through(&three, snapshot_seq), expected.map(Generation));
        };
        check(0, None);
        check(9, None);
        check(10, Some(1));
        check(19, Some(1));
        check(20, Some(2));
        check(1_000, Some(2));
        assert_eq!(removable_through(&[], 5), None);
        assert_eq!(removable_through(&three[2..], 1_000), None);
    }
}
