//! The journal on sled 0.34, with what sled leaves out done here.
//!
//! ```text
//!   journal/
//!     lock                     held while open
//!     acknowledged             the last acknowledged sequence, a lower bound
//!     rescue                   the end of the newest database, while sled opens it
//!     00000001/  manifest      where this generation begins, its salt (two copies)
//!                db            sled's data: chunks of at most 7 KiB under big-endian keys
//!                conf, snap.*  sled's
//!                blobs/        stays empty
//!     00000002/  …             the newest generation takes the appends
//! ```
//!
//! An append frames its batch, inserts the chunks, calls `flush()` once, then `fdatasync` on a
//! second descriptor of `db`, and only then returns. Each of these is there for a measured reason,
//! see ARCHITECTURE.md; the modules `store` and `recover` say which. A thread keeps zeros ahead of
//! what sled writes to `db`, see `headroom`.
//!
//! What always holds: what `append` returned is found by the next [`SledJournal::open`], or that
//! refuses and names the place; after an error nothing is appended any more.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use crate::courtesy;
use crate::disk::{
    At, DiskError, create_dir_durable, lock_dir, rename_durable, sync_dir, with_suffix,
};
use crate::frame::Chain;
use crate::journal::{
    Appended, BATCH_BYTES_MAX, Generation, GenerationInfo, Journal, JournalError, JournalReader,
    Pending, Place, RecoveryReport,
};

pub(crate) mod chunk;
mod headroom;
pub(crate) mod manifest;
pub(crate) mod raw;
pub(crate) mod raw_batches;
mod reader;
pub(crate) mod recover;
pub(crate) mod store;
pub(crate) mod walk;
pub(crate) mod watermark;

use chunk::BatchId;
use headroom::Headroom;
use manifest::{Manifest, generation_dir};
use recover::store_failure;
use store::{Store, StoreError};
use watermark::Watermark;

/// What a generation is called while it is being removed.
const REMOVING_SUFFIX: &str = ".removing";

/// What a generation is called that a cut has written and not yet put in its place.
pub(crate) const CUT_SUFFIX: &str = ".cut";
/// The file that keeps the end of the newest database while sled opens it.
pub(crate) const RESCUE_FILE: &str = "rescue";

/// Bytes of chunks that may lie between two flushes of the device.
///
/// sled writes segments of 512 KiB and holds what it wrote for safe. After a power cut that took
/// one of several unflushed segments and left a later one, it gives up whole segments before them
/// too, acknowledged batches included. Chunks take up to about three times their size in its log,
/// so within this bound at most one border between segments is open at a time, which sled survives.
const UNFLUSHED_BYTES_MAX: usize = 64 * 1024;

/// How to open a journal.
#[derive(Clone, Debug)]
pub struct SledOptions {
    /// The journal's own directory.
    pub dir: PathBuf,
    /// Memory for sled's page cache, per generation, in bytes.
    pub cache_bytes: u64,
}

impl SledOptions {
    /// A journal in this directory, with a cache that suits one that is mostly written.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), cache_bytes: 16 * 1024 * 1024 }
    }
}

/// A journal in a directory. Dropping it and its readers lets another process open it.
pub struct SledJournal {
    /// Of the newest generation. First, so that its thread has ended before the lock is let go.
    headroom: Headroom,
    options: SledOptions,
    shared: Arc<Shared>,
    chain: Chain,
    watermark: Watermark,
    is_poisoned: bool,
    /// Frames of the batch at hand, kept to spare allocations.
    frames: Vec<u8>,
    /// The chunk at hand, kept likewise.
    value: Vec<u8>,
}

/// What the writer shares with readers.
struct Shared {
    generations: RwLock<Vec<Arc<OpenGeneration>>>,
    durable_seq: AtomicU64,
    /// Locked while any handle is alive; the system unlocks it when the process dies.
    _lock: File,
}

/// A generation with its database open.
struct OpenGeneration {
    dir: PathBuf,
    manifest: Manifest,
    store: Store,
    last_seq: AtomicU64,
}

impl SledJournal {
    /// Opens the journal in a directory, recovering what a crash left; an empty or missing
    /// directory becomes an empty journal.
    ///
    /// # Errors
    /// [`JournalError::InUse`] when another process has it; [`JournalError::Damaged`] when
    /// acknowledged records are not all there; those of the store and the disk.
    pub fn open(options: SledOptions) -> Result<(Self, RecoveryReport), JournalError> {
        Self::open_or_begin(options, &Chain::genesis())
    }

    /// As [`SledJournal::open`]; where there is no journal yet, it begins behind `start` and not
    /// at sequence 1. For restoring a backup, whose snapshot covers all that came before.
    ///
    /// # Errors
    /// As [`SledJournal::open`].
    pub fn open_or_begin(
        options: SledOptions,
        start: &Chain,
    ) -> Result<(Self, RecoveryReport), JournalError> {
        // sled has seven threads, all of which wake whenever one has something to write. They are
        // of this process, and begin where sled is used first.
        courtesy::on_a_thread(|| Self::open_here(options, start))
    }

    fn open_here(
        options: SledOptions,
        start: &Chain,
    ) -> Result<(Self, RecoveryReport), JournalError> {
        let started = Instant::now();
        create_dir_durable(&options.dir)?;
        let Some(lock) = lock_dir(&options.dir)? else {
            return Err(JournalError::InUse(options.dir));
        };
        finish_removals(&options.dir)?;
        if let Some(cut_dir) = interrupted_cuts(&options.dir)?.pop() {
            return Err(recover::unfinished_cut(cut_dir));
        }
        let watermark = Watermark::open(&options.dir)?;
        let acknowledged = watermark.read()?;
        let mut manifests = recover::manifests(&options.dir)?;
        if manifests.is_empty() {
            if let Some(acknowledged) = acknowledged {
                return Err(recover::all_lost(&options.dir, acknowledged));
            }
            let (dir, store) = create_store(&options, Generation(1))?;
            manifests.push(begin_generation(dir, store, Generation(1), start)?.manifest);
        }
        let recovered =
            recover::recover(&options.dir, manifests, acknowledged, options.cache_bytes)?;
        let recover::Recovered { generations, chain, mut report } = recovered;
        report.elapsed = started.elapsed();
        let newest = generations.last().expect("recovery opens at least one");
        let headroom = Headroom::keep(newest.store.data_path())?;
        let shared = Shared {
            generations: RwLock::new(generations.into_iter().map(Arc::new).collect()),
            durable_seq: AtomicU64::new(chain.seq()),
            _lock: lock,
        };
        let journal = Self {
            headroom,
            options,
            shared: Arc::new(shared),
            chain,
            watermark,
            is_poisoned: false,
            frames: Vec::new(),
            value: Vec::new(),
        };
        Ok((journal, report))
    }

    /// Sequence, checksum and partition heads at the end: what a snapshot of now would cover.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    fn active(&self) -> Arc<OpenGeneration> {
        self.shared.list().pop().expect("a journal has at least one generation")
    }

    /// Frames the batch into `self.frames`; the chain is then behind it.
    fn frame(&mut self, records: &[Pending<'_>]) -> Result<(), JournalError> {
        let payloads = records.iter().map(|r| r.payload.len() + crate::frame::FRAME_HEADER_BYTES);
        let bytes = payloads.sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(JournalError::BatchTooLarge { bytes });
        }
        self.frames.clear();
        self.chain.frame_all(records, &mut self.frames).map_err(JournalError::Rejected)
    }

    /// Writes the framed batch and makes it durable.
    fn write(&mut self, first_seq: u64) -> Result<Appended, JournalError> {
        let active = self.active();
        let generation = active.manifest.generation;
        let failed = |action| move |error| store_failure(error, action, generation);
        let started = Instant::now();
        let batch = BatchId::of(first_seq, &self.frames, active.manifest.salt);
        insert_batch(&active.store, batch, &self.frames, active.manifest.salt, &mut self.value)
            .map_err(failed("insert"))?;
        active.store.write_out().map_err(failed("write"))?;
        let written = Instant::now();
        active.store.make_durable().map_err(failed("flush"))?;
        let sync_us = micros(written);
        let last_seq = self.chain.seq();
        self.watermark.note(last_seq)?;
        self.headroom.note(self.frames.len());
        active.set_last_seq(last_seq);
        self.shared.durable_seq.store(last_seq, Ordering::Release);
        Ok(Appended {
            first_seq,
            last_seq,
            bytes: self.frames.len() as u64,
            chunks: u32::from(batch.chunk_count()),
            write_us: u64::try_from((written - started).as_micros()).unwrap_or(u64::MAX),
            sync_us,
        })
    }

    /// Runs a step that must not be tried again when it fails.
    fn or_poison<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let result = step(self);
        self.is_poisoned |= result.is_err();
        result
    }
}

impl Journal for SledJournal {
    fn append(&mut self, records: &[Pending<'_>]) -> Result<Appended, JournalError> {
        if self.is_poisoned {
            return Err(JournalError::Poisoned);
        }
        let first_seq = self.chain.seq() + 1;
        if records.is_empty() {
            return Ok(Appended { first_seq, last_seq: self.chain.seq(), ..Appended::default() });
        }
        self.frame(records)?;
        self.or_poison(|journal| journal.write(first_seq))
    }

    fn last_seq(&self) -> u64 {
        self.shared.durable_seq.load(Ordering::Acquire)
    }

    fn rotate(&mut self) -> Result<Generation, JournalError> {
        if self.is_poisoned {
            return Err(JournalError::Poisoned);
        }
        let active = self.active();
        if active.last_seq() < active.manifest.first_seq() {
            return Ok(active.manifest.generation);
        }
        let next = Generation(active.manifest.generation.0 + 1);
        // Until the manifest is begun a failure changes nothing, and selling can go on.
        self.watermark.sync()?;
        let (dir, store) = create_store(&self.options, next)?;
        let headroom = Headroom::keep(store.data_path())?;
        self.or_poison(|journal| {
            let created = begin_generation(dir, store, next, &journal.chain)?;
            journal.headroom = headroom;
            journal.shared.write_list().push(Arc::new(created));
            Ok(next)
        })
    }

    fn generations(&self) -> Vec<GenerationInfo> {
        self.shared.list().iter().map(|generation| generation.info()).collect()
    }

    fn remove_through(&mut self, generation: Generation) -> Result<u32, JournalError> {
        let active = self.active().manifest.generation;
        let mut removed = 0;
        if generation >= active {
            return Err(JournalError::GenerationInUse(generation));
        }
        // Oldest first: whenever this is interrupted, what is left has no hole.
        loop {
            let oldest = self.shared.list().swap_remove(0);
            if oldest.manifest.generation > generation {
                return Ok(removed);
            }
            let removing = with_suffix(&oldest.dir, REMOVING_SUFFIX);
            rename_durable(&oldest.dir, &removing)?;
            self.shared.write_list().remove(0);
            fs::remove_dir_all(&removing).at("remove", &removing)?;
            removed += 1;
        }
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.shared.clone()
    }
}

impl Drop for SledJournal {
    fn drop(&mut self) {
        // An orderly end leaves an exact note; without it the note is only a lower bound.
        if let Err(error) = self.watermark.sync() {
            tracing::warn!(%error, "acknowledged note not flushed");
        }
    }
}

impl Shared {
    fn list(&self) -> Vec<Arc<OpenGeneration>> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write_list(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Arc<OpenGeneration>>> {
        self.generations.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenGeneration {
    fn new(dir: PathBuf, manifest: Manifest, store: Store, last_seq: u64) -> Self {
        Self { dir, manifest, store, last_seq: AtomicU64::new(last_seq) }
    }

    fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Acquire)
    }

    fn set_last_seq(&self, seq: u64) {
        self.last_seq.store(seq, Ordering::Release);
    }

    fn place(&self, offset: Option<u64>, good_seq: u64) -> Place {
        let file = self.store.data_path().to_path_buf();
        Place { generation: self.manifest.generation, file, key: None, offset, good_seq }
    }

    fn info(&self) -> GenerationInfo {
        GenerationInfo {
            generation: self.manifest.generation,
            first_seq: self.manifest.first_seq(),
            last_seq: self.last_seq(),
            disk_bytes: self.store.disk_bytes(),
            created: self.manifest.created,
        }
    }
}

/// Makes the database of a generation, which does not count yet.
fn create_store(
    options: &SledOptions,
    generation: Generation,
) -> Result<(PathBuf, Store), JournalError> {
    let dir = generation_dir(&options.dir, generation);
    if dir.try_exists().at("look at", &dir)? {
        fs::remove_dir_all(&dir).at("remove", &dir)?;
    }
    let store = Store::create(&dir, options.cache_bytes)
        .map_err(|error| store_failure(error, "create", generation))?;
    Ok((dir, store))
}

/// Makes a generation count, by its manifest: until then the next opening removes it.
fn begin_generation(
    dir: PathBuf,
    store: Store,
    generation: Generation,
    start: &Chain,
) -> Result<OpenGeneration, JournalError> {
    let manifest = Manifest {
        generation,
        salt: rand::random(),
        created: SystemTime::now(),
        start: start.clone(),
    };
    manifest.write(&dir)?;
    Ok(OpenGeneration::new(dir, manifest, store, start.seq()))
}

/// Directories that an interrupted cut left.
pub(crate) fn interrupted_cuts(journal: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(journal).at("list", journal)? {
        let path = entry.at("list", journal)?.path();
        if path.to_string_lossy().ends_with(CUT_SUFFIX) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Stores all chunks of a batch. The end of it is durable after [`Store::make_durable`]; of a large
/// one the beginning is so already, see [`UNFLUSHED_BYTES_MAX`].
pub(crate) fn insert_batch(
    store: &Store,
    batch: BatchId,
    frames: &[u8],
    salt: u64,
    value: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let mut unflushed_bytes = 0;
    for index in 0..batch.chunk_count() {
        if unflushed_bytes > UNFLUSHED_BYTES_MAX {
            store.write_out()?;
            store.make_durable()?;
            unflushed_bytes = 0;
        }
        chunk::encode(batch, frames, index, salt, value);
        store.insert(&chunk::key(batch.first_seq, index), value)?;
        unflushed_bytes += value.len();
    }
    Ok(())
}

/// Removes the rest of generations whose removal was interrupted.
fn finish_removals(journal: &Path) -> Result<(), JournalError> {
    for entry in fs::read_dir(journal).at("list", journal)? {
        let path = entry.at("list", journal)?.path();
        if path.to_string_lossy().ends_with(REMOVING_SUFFIX) {
            fs::remove_dir_all(&path).at("remove", &path)?;
        }
    }
    Ok(sync_dir(journal)?)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
