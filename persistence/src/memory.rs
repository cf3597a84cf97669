//! A journal in memory that fails when told to, for tests and the simulator.
//!
//! ```text
//!   MemoryDisk ── what survives: outlives every journal opened on it
//!      │ open            │ inject, crash, set_delay, flip
//!      ▼                 ▼
//!   MemoryJournal ── append: frame → in flight → (delay hook) → durable
//! ```
//!
//! It promises and refuses what the journal on sled does: batches whole or not at all, a chain over
//! generations, an end that is cut or a refusal on damage, poison after an error. "Restarting" is
//! opening the disk again; an older journal on the same disk then fails as after a crash.

mod snapshots;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use usher_engine::planted::planted;

use crate::frame::{self, Chain, FRAME_HEADER_BYTES, Record};
use crate::journal::{
    Appended, BATCH_BYTES_MAX, Damage, Generation, GenerationInfo, Journal, JournalError,
    JournalReader, Pending, Place, RecoveryReport, TailCut,
};

pub use snapshots::MemorySnapshots;

/// What happens to one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing of the batch is kept.
    FailBefore,
    /// It fails although the whole batch is kept: its outcome is unknown until recovery.
    FailAfter,
    /// It fails and only the first bytes of the batch are kept.
    Torn {
        /// How many bytes; as many as the batch has, or more, keep it whole.
        bytes: usize,
    },
}

/// What survives a crash. Clones are handles on the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

/// Called in every append with the batch's last sequence, before the batch becomes durable.
type Delay = Arc<dyn Fn(u64) + Send + Sync>;

#[derive(Default)]
struct Disk {
    generations: Vec<Kept>,
    /// The batch that was written and is not durable yet.
    in_flight: Option<Batch>,
    durable_seq: u64,
    /// Grows with every opening and crash; a journal of an earlier one fails.
    epoch: u64,
    appends: u64,
    faults: BTreeMap<u64, Fault>,
    delay: Option<Delay>,
}

struct Kept {
    generation: Generation,
    start: Chain,
    batches: Vec<Batch>,
}

#[derive(Clone)]
struct Batch {
    first_seq: u64,
    last_seq: u64,
    frames: Arc<[u8]>,
    /// Bytes that it was written with; more than there are where it was torn.
    bytes: usize,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the journal on it: cuts a torn end, refuses damage. Any other journal open on this
    /// disk fails from now on.
    ///
    /// # Errors
    /// [`JournalError::Damaged`].
    pub fn open(&self) -> Result<(MemoryJournal, RecoveryReport), JournalError> {
        let mut disk = self.lock();
        disk.epoch += 1;
        disk.in_flight = None;
        if disk.generations.is_empty() {
            let start = Chain::genesis();
            disk.generations.push(Kept { generation: Generation(1), start, batches: Vec::new() });
        }
        let (chain, report) = disk.recover()?;
        disk.durable_seq = chain.seq();
        let journal =
            MemoryJournal { disk: self.clone(), epoch: disk.epoch, chain, is_poisoned: false };
        Ok((journal, report))
    }

    /// Lets the `nth` append from now on fail; the next one is the first.
    ///
    /// # Panics
    /// When `nth` is 0.
    pub fn inject(&self, nth: u64, fault: Fault) {
        assert!(nth > 0, "appends are counted from 1");
        let mut disk = self.lock();
        let at = disk.appends + nth;
        disk.faults.insert(at, fault);
    }

    /// The process dies: an append in flight fails and its batch is dropped but for the first
    /// `kept_bytes`, every open journal fails, and [`MemoryDisk::open`] is what comes next.
    pub fn crash(&self, kept_bytes: usize) {
        let mut disk = self.lock();
        disk.epoch += 1;
        if let Some(batch) = disk.in_flight.take() {
            disk.keep(batch.torn(kept_bytes));
        }
    }

    /// Calls `delay` in every append, with the batch's last sequence, between writing and
    /// becoming durable; the disk is not locked meanwhile.
    pub fn set_delay(&self, delay: impl Fn(u64) + Send + Sync + 'static) {
        self.lock().delay = Some(Arc::new(delay));
    }

    /// Flips a bit in a durable record; returns whether there is such a record.
    #[must_use]
    pub fn flip(&self, seq: u64) -> bool {
        let mut disk = self.lock();
        let batches = disk.generations.iter_mut().flat_map(|kept| &mut kept.batches);
        let Some(batch) = batches.into_iter().find(|b| (b.first_seq..=b.last_seq).contains(&seq))
        else {
            return false;
        };
        let mut frames = batch.frames.to_vec();
        let mut offset = 0;
        while let Ok((record, taken)) = frame::decode(&frames[offset..]) {
            if record.seq == seq {
                break;
            }
            offset += taken;
        }
        frames[offset + FRAME_HEADER_BYTES - 1] ^= 1;
        batch.frames = frames.into();
        true
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A journal on a [`MemoryDisk`].
pub struct MemoryJournal {
    disk: MemoryDisk,
    epoch: u64,
    chain: Chain,
    is_poisoned: bool,
}

impl MemoryJournal {
    /// Sequence, checksum and partition heads at the end: what a snapshot of now would cover.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    fn check_alive(&self) -> Result<(), JournalError> {
        let is_alive = !self.is_poisoned && self.disk.lock().epoch == self.epoch;
        if is_alive { Ok(()) } else { Err(JournalError::Poisoned) }
    }

    /// Puts a framed batch on the disk as the faults want it.
    fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let mut disk = self.disk.lock();
        disk.appends += 1;
        let appends = disk.appends;
        let fault = disk.faults.remove(&appends);
        let last_seq = batch.last_seq;
        disk.in_flight = Some(batch);
        if let Some(delay) = disk.delay.clone() {
            drop(disk);
            delay(last_seq);
            disk = self.disk.lock();
        }
        if disk.epoch != self.epoch {
            return Err(JournalError::Injected("crashed while the batch was in flight"));
        }
        let batch = disk.in_flight.take().expect("one writer has one batch in flight");
        let (kept, error) = match fault {
            None => (Some(batch), None),
            Some(Fault::FailBefore) => (None, Some("failed before anything was kept")),
            Some(Fault::FailAfter) => (Some(batch), Some("failed after everything was kept")),
            Some(Fault::Torn { bytes }) => (Some(batch.torn(bytes)), Some("torn")),
        };
        if let Some(batch) = kept {
            disk.keep(batch);
        }
        match error {
            Some(reason) if !planted("flush-error-swallowed") => {
                Err(JournalError::Injected(reason))
            }
            Some(_) | None => {
                disk.durable_seq = last_seq;
                Ok(())
            }
        }
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, records: &[Pending<'_>]) -> Result<Appended, JournalError> {
        self.check_alive()?;
        let first_seq = self.chain.seq() + 1;
        if records.is_empty() {
            return Ok(Appended { first_seq, last_seq: self.chain.seq(), ..Appended::default() });
        }
        let bytes = records.iter().map(|record| record.payload.len() + FRAME_HEADER_BYTES).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(JournalError::BatchTooLarge { bytes });
        }
        let mut frames = Vec::with_capacity(bytes);
        self.chain.frame_all(records, &mut frames).map_err(JournalError::Rejected)?;
        let last_seq = self.chain.seq();
        let written = self.write(Batch { first_seq, last_seq, frames: frames.into(), bytes });
        self.is_poisoned = written.is_err();
        written?;
        let bytes = bytes as u64;
        Ok(Appended { first_seq, last_seq, bytes, chunks: 1, ..Appended::default() })
    }

    fn last_seq(&self) -> u64 {
        self.disk.lock().durable_seq
    }

    fn rotate(&mut self) -> Result<Generation, JournalError> {
        self.check_alive()?;
        let mut disk = self.disk.lock();
        let active = disk.generations.last().expect("opening made the first generation");
        if active.batches.is_empty() {
            return Ok(active.generation);
        }
        let generation = Generation(active.generation.0 + 1);
        let is_forgotten = planted("generation-forgets-what-it-follows");
        let start = if is_forgotten { Chain::genesis() } else { self.chain.clone() };
        disk.generations.push(Kept { generation, start, batches: Vec::new() });
        Ok(generation)
    }

    fn generations(&self) -> Vec<GenerationInfo> {
        self.disk.lock().generations.iter().map(Kept::info).collect()
    }

    fn remove_through(&mut self, generation: Generation) -> Result<u32, JournalError> {
        self.check_alive()?;
        let mut disk = self.disk.lock();
        let active = disk.generations.last().expect("opening made the first generation");
        if generation >= active.generation {
            return Err(JournalError::GenerationInUse(generation));
        }
        let before = disk.generations.len();
        disk.generations.retain(|kept| kept.generation > generation);
        Ok(u32::try_from(before - disk.generations.len()).unwrap_or(u32::MAX))
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.disk.clone())
    }
}

impl JournalReader for MemoryDisk {
    fn read(
        &self,
        from_seq: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<u64, JournalError> {
        let from_seq = from_seq.max(1);
        let batches = self.lock().durable_batches(from_seq)?;
        let mut visited_seq = from_seq - 1;
        for batch in batches {
            let mut rest = &*batch.frames;
            while !rest.is_empty() {
                let (record, taken) =
                    frame::decode(rest).map_err(|error| damaged(visited_seq, error.into()))?;
                rest = &rest[taken..];
                if record.seq < from_seq {
                    continue;
                }
                visited_seq = record.seq;
                if visit(record).is_break() {
                    return Ok(visited_seq);
                }
            }
        }
        Ok(visited_seq)
    }

    fn first_seq(&self) -> u64 {
        self.lock().generations.first().map_or(1, |oldest| oldest.start.seq() + 1)
    }

    fn durable_seq(&self) -> u64 {
        self.lock().durable_seq
    }
}

impl Disk {
    fn keep(&mut self, batch: Batch) {
        let active = self.generations.last_mut().expect("opening made the first generation");
        active.batches.push(batch);
    }

    fn durable_batches(&self, from_seq: u64) -> Result<Vec<Batch>, JournalError> {
        let first_seq = self.generations.first().map_or(1, |oldest| oldest.start.seq() + 1);
        if from_seq < first_seq {
            return Err(JournalError::Removed { from_seq, first_seq });
        }
        let batches = self.generations.iter().flat_map(|kept| &kept.batches);
        let is_asked =
            |batch: &&Batch| batch.last_seq >= from_seq && batch.first_seq <= self.durable_seq;
        Ok(batches.filter(is_asked).cloned().collect())
    }

    /// Follows the chain over everything that is kept and cuts a torn end.
    fn recover(&mut self) -> Result<(Chain, RecoveryReport), JournalError> {
        let generations = u32::try_from(self.generations.len()).unwrap_or(u32::MAX);
        let mut report = RecoveryReport { generations, ..RecoveryReport::default() };
        let active = self.generations.last_mut().expect("opening made the first generation");
        let is_torn =
            |batch: &mut Batch| batch.frames.len() < batch.bytes && !planted("torn-tail-kept");
        if let Some(torn) = active.batches.pop_if(is_torn) {
            let first_seq = torn.first_seq;
            report.tail_cut = Some(TailCut { first_seq, chunks: 0, chunks_expected: 1 });
        }
        let mut chain = self.generations[0].start.clone();
        for kept in &self.generations {
            if kept.start != chain {
                let reason = "it does not follow the generation before";
                return Err(damaged(chain.seq(), Damage::Manifest(reason)));
            }
            for batch in &kept.batches {
                let mut rest = &*batch.frames;
                while !rest.is_empty() {
                    let good_seq = chain.seq();
                    let (record, taken) =
                        frame::decode(rest).map_err(|error| damaged(good_seq, error.into()))?;
                    chain.admit(&record).map_err(|error| damaged(good_seq, error.into()))?;
                    rest = &rest[taken..];
                    report.records += 1;
                }
                report.bytes += batch.frames.len() as u64;
            }
        }
        report.last_seq = chain.seq();
        Ok((chain, report))
    }
}

impl Kept {
    fn info(&self) -> GenerationInfo {
        let last_seq = self.batches.last().map_or(self.start.seq(), |batch| batch.last_seq);
        GenerationInfo {
            generation: self.generation,
            first_seq: self.start.seq() + 1,
            last_seq,
            disk_bytes: self.batches.iter().map(|batch| batch.frames.len() as u64).sum(),
            created: SystemTime::UNIX_EPOCH,
        }
    }
}

impl Batch {
    fn torn(mut self, bytes: usize) -> Self {
        self.frames = self.frames[..bytes.min(self.frames.len())].into();
        self
    }
}

fn damaged(good_seq: u64, damage: Damage) -> JournalError {
    let place = Place {
        generation: Generation(1),
        file: PathBuf::from("memory"),
        key: None,
        offset: None,
        good_seq,
    };
    JournalError::Damaged { place: Box::new(place), damage }
}

#[cfg(test)]
mod tests;
