//! The journal writer: one thread that makes the batches of all shards durable.
//!
//! A group forms from what is waiting, never from a timer: while one group is being flushed the
//! next one collects in the channel. One flush serves all shards. A failed flush is fatal: nobody
//! is told anything any more, and the process must end and recover from the disk.

use std::fmt::Display;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;
use usher_persistence::courtesy;
use usher_persistence::{Generation, GenerationInfo, Journal, JournalError, Pending};

use crate::stats::JournalStats;

/// Submissions that may wait. Shards take at most this many turns ahead of the disk.
const SUBMISSIONS_MAX: usize = 1_024;

/// The most room that is made before a turn, in records and in bytes of payload.
const ROOM_RECORDS_MAX: usize = 256;
const ROOM_BYTES_MAX: usize = 64 * 1024;

/// A group stops growing here, in bytes.
pub(crate) const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One record within a submission.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its partition.
    pub partition: u16,
    /// Its position within the partition.
    pub partition_seq: u64,
    /// Where its payload begins in the submission's bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What one turn of one shard recorded.
#[derive(Debug)]
pub struct Submission {
    /// The shard.
    pub shard: usize,
    /// Records of this shard up to and including this submission.
    pub upto: u64,
    /// The records, in order.
    pub entries: Vec<Entry>,
    /// Their payloads, one after the other.
    pub bytes: Vec<u8>,
}

impl Submission {
    pub(crate) fn new(shard: usize) -> Self {
        Self { shard, upto: 0, entries: Vec::new(), bytes: Vec::new() }
    }

    /// An empty one of the same shard, with room for what a turn like this one records: all of it
    /// is there before the turn begins, and does not grow step by step.
    pub(crate) fn with_room_for_as_much(&self) -> Self {
        Self {
            shard: self.shard,
            upto: 0,
            entries: Vec::with_capacity(self.entries.len().min(ROOM_RECORDS_MAX)),
            bytes: Vec::with_capacity(self.bytes.len().min(ROOM_BYTES_MAX)),
        }
    }

    /// Adds a record; `write` appends its payload.
    pub(crate) fn record(
        &mut self,
        partition: u16,
        partition_seq: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        self.entries.push(Entry { partition, partition_seq, start, end });
    }

    /// The records in the form that a journal takes.
    pub fn pending(&self) -> impl Iterator<Item = Pending<'_>> {
        self.entries.iter().map(|entry| Pending {
            partition: entry.partition,
            partition_seq: entry.partition_seq,
            payload: &self.bytes[Range { start: entry.start, end: entry.end }],
        })
    }
}

/// What the writer can be asked.
pub(crate) enum WriterMessage {
    /// Make this durable.
    Write(Submission),
    /// Begin a new generation; where that fails, the old one goes on.
    Rotate(oneshot::Sender<Result<Generation, JournalError>>),
    /// Remove closed generations.
    RemoveThrough(Generation, oneshot::Sender<Result<u32, JournalError>>),
    /// List generations.
    Generations(oneshot::Sender<Vec<GenerationInfo>>),
    /// End, after everything before this.
    Stop,
}

/// Told by the writer.
pub(crate) trait WriterEvents: Send {
    /// The first `upto` records of a shard are durable.
    fn durable(&self, shard: usize, upto: u64);
    /// The journal failed. Does not return in a server.
    fn fatal(&self, reason: &dyn Display);
}

/// A handle on the writer thread.
#[derive(Clone)]
pub(crate) struct WriterHandle {
    sender: Sender<WriterMessage>,
    pub(crate) stats: Arc<JournalStats>,
}

impl WriterHandle {
    /// Waits where the writer is far behind, which in turn fills the lanes.
    pub(crate) fn submit(&self, submission: Submission) {
        // The writer is gone only after a failed flush or at the very end; nothing is acknowledged.
        drop(self.sender.send(WriterMessage::Write(submission)));
    }

    pub(crate) fn send(&self, message: WriterMessage) {
        drop(self.sender.send(message));
    }
}

/// Starts the writer thread.
pub(crate) fn start(
    journal: Box<dyn Journal>,
    events: Box<dyn WriterEvents>,
) -> (WriterHandle, JoinHandle<()>) {
    let (sender, receiver) = bounded(SUBMISSIONS_MAX);
    let stats = Arc::new(JournalStats::new(journal.last_seq()));
    let handle = WriterHandle { sender, stats: stats.clone() };
    let mut writer = Writer { journal, events, receiver, stats };
    let thread = std::thread::Builder::new().name("usher-journal".into());
    let run = move || {
        courtesy::let_others_finish();
        // A store that panics has failed as much as one that says so; if its thread just ended,
        // everybody would wait for it and nobody would know.
        if catch_unwind(AssertUnwindSafe(|| writer.run())).is_err() {
            writer.events.fatal(&"the store panicked");
        }
    };
    let thread = thread.spawn(run).expect("a thread can be started");
    (handle, thread)
}

struct Writer {
    journal: Box<dyn Journal>,
    events: Box<dyn WriterEvents>,
    receiver: Receiver<WriterMessage>,
    stats: Arc<JournalStats>,
}

impl Writer {
    fn run(&mut self) {
        let mut group = Vec::new();
        while let Ok(first) = self.receiver.recv() {
            let mut next = Some(first);
            let mut bytes = 0;
            while let Some(message) = next.take() {
                match message {
                    WriterMessage::Write(submission) => {
                        bytes += submission.bytes.len();
                        group.push(submission);
                        if bytes < GROUP_BYTES_MAX {
                            next = self.receiver.try_recv().ok();
                        }
                    }
                    other => {
                        if !self.write(&mut group) || !self.obey(other) {
                            return;
                        }
                    }
                }
            }
            if !self.write(&mut group) {
                return;
            }
        }
    }

    /// Makes a group durable and tells the shards. Says whether to go on.
    fn write(&mut self, group: &mut Vec<Submission>) -> bool {
        if group.is_empty() {
            return true;
        }
        let pending: Vec<Pending<'_>> = group.iter().flat_map(Submission::pending).collect();
        match self.journal.append(&pending) {
            Ok(appended) => self.stats.note(pending.len() as u64, &appended),
            Err(error) => {
                self.events.fatal(&error);
                return false;
            }
        }
        // Each shard once: whatever it submitted last is durable with all that was before.
        group.sort_by_key(|submission| submission.shard);
        for of_shard in group.chunk_by(|a, b| a.shard == b.shard) {
            let last = of_shard.last().expect("chunks are not empty");
            self.events.durable(last.shard, last.upto);
        }
        group.clear();
        true
    }

    fn obey(&mut self, message: WriterMessage) -> bool {
        match message {
            WriterMessage::Write(_) => unreachable!("written by the caller"),
            // Without room or descriptors for a new generation the old one goes on. Where it is
            // left open which of them counts, the journal refuses the next append, and that is
            // fatal.
            WriterMessage::Rotate(reply) => drop(reply.send(self.journal.rotate())),
            WriterMessage::RemoveThrough(generation, reply) => {
                drop(reply.send(self.journal.remove_through(generation)));
            }
            WriterMessage::Generations(reply) => drop(reply.send(self.journal.generations())),
            WriterMessage::Stop => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use usher_persistence::{Appended, Fault, JournalReader, MemoryDisk, MemoryJournal};

    use super::*;

    const SHARDS: usize = 3;
    const TURNS: u64 = 200;

    /// Sees what the writer tells, and what is durable at that moment.
    struct Heard {
        reader: Arc<dyn JournalReader>,
        upto: Arc<Mutex<[u64; SHARDS]>>,
        failed: Arc<Mutex<bool>>,
    }

    impl WriterEvents for Heard {
        fn durable(&self, shard: usize, upto: u64) {
            assert!(!*self.failed.lock().expect("no panic"), "told after a failed flush");
            let mut heard = self.upto.lock().expect("no panic");
            assert!(upto > heard[shard], "no turn is told twice, and none before an earlier one");
            heard[shard] = upto;
            let told: u64 = heard.iter().sum();
            assert!(self.reader.durable_seq() >= told, "told before it was durable");
        }

        fn fatal(&self, _: &dyn Display) {
            *self.failed.lock().expect("no panic") = true;
        }
    }

    fn submission(shard: usize, turn: u64) -> Submission {
        let partition = shard as u16;
        let entry = Entry { partition, partition_seq: turn, start: 0, end: 8 };
        let bytes = turn.to_be_bytes().to_vec();
        Submission { shard, upto: turn, entries: vec![entry], bytes }
    }

    /// Shards submit at once while the journal rotates. Returns what each heard of.
    fn submit_all(disk: &MemoryDisk) -> ([u64; SHARDS], bool) {
        let (journal, _) = disk.open().expect("an empty disk");
        let (upto, failed) = (Arc::new(Mutex::new([0; SHARDS])), Arc::new(Mutex::new(false)));
        let heard = Heard { reader: journal.reader(), upto: upto.clone(), failed: failed.clone() };
        let (writer, thread) = start(Box::new(journal), Box::new(heard));
        std::thread::scope(|scope| {
            for shard in 0..SHARDS {
                let writer = &writer;
                scope.spawn(move || {
                    (1..=TURNS).for_each(|turn| writer.submit(submission(shard, turn)));
                });
            }
            let (reply, _) = oneshot::channel();
            writer.send(WriterMessage::Rotate(reply));
        });
        writer.send(WriterMessage::Stop);
        assert!(thread.join().is_ok(), "the writer saw nothing wrong");
        let heard = *upto.lock().expect("no panic");
        (heard, *failed.lock().expect("no panic"))
    }

    #[test]
    fn every_turn_is_told_once_in_order_when_it_is_durable() {
        for _ in 0..50 {
            assert_eq!(submit_all(&MemoryDisk::new()), ([TURNS; SHARDS], false));
        }
    }

    /// A journal that cannot begin another generation.
    struct Stuck {
        journal: MemoryJournal,
        rotate: fn() -> JournalError,
    }

    impl Journal for Stuck {
        fn append(&mut self, records: &[Pending<'_>]) -> Result<Appended, JournalError> {
            self.journal.append(records)
        }
        fn last_seq(&self) -> u64 {
            self.journal.last_seq()
        }
        fn rotate(&mut self) -> Result<Generation, JournalError> {
            Err((self.rotate)())
        }
        fn generations(&self) -> Vec<GenerationInfo> {
            self.journal.generations()
        }
        fn remove_through(&mut self, generation: Generation) -> Result<u32, JournalError> {
            self.journal.remove_through(generation)
        }
        fn reader(&self) -> Arc<dyn JournalReader> {
            self.journal.reader()
        }
    }

    /// Submits, rotates, submits; returns how many turns were told, and whether it was fatal.
    fn submit_around_a_rotation(rotate: fn() -> JournalError) -> (u64, bool) {
        let (journal, _) = MemoryDisk::new().open().expect("an empty disk");
        let (upto, failed) = (Arc::new(Mutex::new([0; SHARDS])), Arc::new(Mutex::new(false)));
        let heard = Heard { reader: journal.reader(), upto: upto.clone(), failed: failed.clone() };
        let (writer, thread) = start(Box::new(Stuck { journal, rotate }), Box::new(heard));
        writer.submit(submission(0, 1));
        let (reply, rotated) = oneshot::channel();
        writer.send(WriterMessage::Rotate(reply));
        assert!(!matches!(rotated.blocking_recv(), Ok(Ok(_))), "there is no new generation");
        writer.submit(submission(0, 2));
        writer.send(WriterMessage::Stop);
        assert!(thread.join().is_ok(), "the writer saw nothing wrong");
        let told = upto.lock().expect("no panic")[0];
        (told, *failed.lock().expect("no panic"))
    }

    #[test]
    fn a_rotation_that_fails_stops_nobody() {
        let no_room = || JournalError::Injected("no room");
        assert_eq!(submit_around_a_rotation(no_room), (2, false));
    }

    #[test]
    fn a_store_that_panics_is_told_as_fatal() {
        assert_eq!(submit_around_a_rotation(|| panic!("as sled does")), (1, true));
    }

    #[test]
    fn nobody_is_told_anything_after_a_failed_flush() {
        for nth in 1..=20 {
            let disk = MemoryDisk::new();
            disk.inject(nth, Fault::FailAfter);
            let (heard, failed) = submit_all(&disk);
            // Where all of it fitted into fewer groups, the fault was never met.
            assert!(failed || heard == [TURNS; SHARDS], "{heard:?}");
        }
        let disk = MemoryDisk::new();
        disk.inject(1, Fault::FailAfter);
        assert_eq!(submit_all(&disk), ([0; SHARDS], true));
    }
}
