//! From a directory that a crash left to an open journal, or to a refusal that names the place.
//!
//! ```text
//!   raw scan of the newest generation     what is the last batch of which anything is in the file?
//!        │ kept aside in `rescue`         (sled overwrites what it takes for a torn end)
//!   open and walk all generations         every chunk, batch, frame, link, sequence
//!        │
//!   compare the two ends                  later than the next batch → acknowledged data is lost
//!        │                                the next one, complete    → salvage
//!        │                                the next one, incomplete  → torn tail
//!   compare with the acknowledged note    ahead of what is there    → acknowledged data is lost
//!        │
//!   cut, salvage                          only now is anything changed
//! ```
//!
//! The reasoning rests on one batch being in flight at a time: a batch is begun only when the one
//! before it was durable, so any chunk of a later batch proves all earlier ones.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::disk::{At, DiskError, parent_of, replace_file, sync_dir};
use crate::frame::Chain;
use crate::journal::{Damage, Generation, JournalError, Place, RecoveryReport, TailCut};

use super::chunk::{self, BatchId};
use super::manifest::{Manifest, generation_dir, list_generations};
use super::raw::{self, RawTail};
use super::store::{DATA_FILE, Store, StoreError};
use super::walk::{self, Partial, WalkError};
use super::{OpenGeneration, RESCUE_FILE, insert_batch};

/// All generations open, the chain at their end, and what was done to get there.
pub(super) struct Recovered {
    pub(super) generations: Vec<OpenGeneration>,
    pub(super) chain: Chain,
    pub(super) report: RecoveryReport,
}

/// Opens all generations of a journal that has at least one.
pub(super) fn recover(
    journal: &Path,
    manifests: Vec<Manifest>,
    acknowledged: Option<u64>,
    cache_bytes: u64,
) -> Result<Recovered, JournalError> {
    let newest = manifests.last().expect("the caller made the first generation");
    let newest_dir = generation_dir(journal, newest.generation);
    let salt = newest.salt;
    let raw_tail = RawTail::find(&[newest_dir.join(DATA_FILE), journal.join(RESCUE_FILE)], salt)?;
    keep_aside(journal, &raw_tail, salt)?;

    let mut chain = manifests[0].start.clone();
    let mut report = RecoveryReport::default();
    let mut generations = Vec::with_capacity(manifests.len());
    let mut partial = None;
    for manifest in manifests {
        let dir = generation_dir(journal, manifest.generation);
        if manifest.start != chain {
            return Err(broken_start(journal, &manifest, &chain, generations.last()));
        }
        let (generation, unfinished) =
            open_generation(dir, manifest, &mut chain, &mut report, cache_bytes)?;
        if let Some(earlier) = partial.replace(unfinished).flatten() {
            return Err(unfinished_but_followed(&generations, &chain, &earlier));
        }
        generations.push(generation);
    }
    let active = generations.last().expect("there is at least one");
    let salvage = judge_tail(active, &chain, &raw_tail)?;
    let end_seq = salvage.as_ref().map_or(chain.seq(), |(_, end)| end.seq());
    if let Some(acknowledged) = acknowledged.filter(|seq| *seq > end_seq) {
        let damage = Damage::AcknowledgedLost { acknowledged, recovered: end_seq };
        return Err(damaged(active.place(None, chain.seq()), damage));
    }
    settle_tail(active, partial.flatten().as_ref(), salvage, &mut chain, &mut report, &raw_tail)?;
    remove_if_there(&journal.join(RESCUE_FILE))?;
    report.generations = u32::try_from(generations.len()).unwrap_or(u32::MAX);
    report.last_seq = chain.seq();
    Ok(Recovered { generations, chain, report })
}

/// Reads the manifests of all generations; removes the directory of one that was never finished.
pub(crate) fn manifests(journal: &Path) -> Result<Vec<Manifest>, JournalError> {
    let generations = list_generations(journal)?;
    let mut manifests: Vec<Manifest> = Vec::with_capacity(generations.len());
    for generation in &generations {
        let dir = generation_dir(journal, *generation);
        let place = || place(&dir, *generation, "manifest");
        let reason = match Manifest::read(&dir)? {
            Ok(Some(manifest)) if manifest.generation == *generation => {
                if let Some(before) = manifests.last() {
                    let expected = Generation(before.generation.0 + 1);
                    if *generation != expected {
                        return Err(damaged(place(), Damage::MissingGeneration(expected)));
                    }
                }
                manifests.push(manifest);
                continue;
            }
            Ok(Some(_)) => "it belongs to another generation",
            Ok(None) if Some(generation) == generations.last() => {
                if raw::has_chunks(&dir.join(DATA_FILE))? {
                    "it is missing, although there are records"
                } else {
                    tracing::info!(%generation, "unfinished generation removed");
                    fs::remove_dir_all(&dir).at("remove", &dir)?;
                    sync_dir(journal)?;
                    continue;
                }
            }
            Ok(None) => "it is missing",
            Err(reason) => reason,
        };
        return Err(damaged(place(), Damage::Manifest(reason)));
    }
    Ok(manifests)
}

/// Opens one generation and walks it; the chain ends behind its last complete batch.
fn open_generation(
    dir: PathBuf,
    manifest: Manifest,
    chain: &mut Chain,
    report: &mut RecoveryReport,
    cache_bytes: u64,
) -> Result<(OpenGeneration, Option<Partial>), JournalError> {
    let start_seq = chain.seq();
    let at =
        |key| Place { key, good_seq: start_seq, ..place(&dir, manifest.generation, DATA_FILE) };
    let store = Store::open(&dir, cache_bytes).map_err(|error| store_damage(error, at(None)))?;
    let from = chunk::key(0, 0);
    let walked = walk::batches(&store, manifest.salt, &from, u64::MAX, &mut |batch, frames| {
        report.bytes += u64::from(batch.bytes);
        let mut count = 0;
        let flow = walk::records(frames, chain, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        report.records += count;
        Ok(flow)
    });
    match walked {
        Ok(partial) => Ok((OpenGeneration::new(dir, manifest, store, chain.seq()), partial)),
        Err(error) => Err(walk_damage(error, |key| Place { good_seq: chain.seq(), ..at(key) })),
    }
}

/// Compares the end that sled gave back with the end that the raw file shows. Returns the frames
/// of a batch that sled dropped although it is there in full, with the chain behind them.
fn judge_tail(
    active: &OpenGeneration,
    chain: &Chain,
    raw_tail: &RawTail,
) -> Result<Option<(Vec<u8>, Chain)>, JournalError> {
    if raw_tail.first_seq <= chain.seq() {
        return Ok(None);
    }
    let place = || active.place(Some(raw_tail.offset), chain.seq());
    if raw_tail.first_seq > chain.seq() + 1 {
        let acknowledged = raw_tail.first_seq - 1;
        let damage = Damage::AcknowledgedLost { acknowledged, recovered: chain.seq() };
        return Err(damaged(place(), damage));
    }
    let Some(frames) = raw_tail.complete(active.manifest.salt).next() else {
        return Ok(None);
    };
    let mut end = chain.clone();
    match walk::records(&frames, &mut end, &mut |_| ControlFlow::Continue(())) {
        Ok(_) => Ok(Some((frames, end))),
        Err(error) => Err(damaged(place(), Damage::Frame(error))),
    }
}

/// Makes the end of the active generation what was judged: cuts, then writes again.
fn settle_tail(
    active: &OpenGeneration,
    partial: Option<&Partial>,
    salvage: Option<(Vec<u8>, Chain)>,
    chain: &mut Chain,
    report: &mut RecoveryReport,
    raw_tail: &RawTail,
) -> Result<(), JournalError> {
    let first_seq = chain.seq() + 1;
    let generation = active.manifest.generation;
    let running = |action| move |error| store_failure(error, action, generation);
    if let Some(partial) = partial {
        for key in &partial.keys {
            active.store.remove(key).map_err(running("cut a torn batch"))?;
        }
        active.store.write_out().map_err(running("cut a torn batch"))?;
        active.store.make_durable().map_err(running("cut a torn batch"))?;
    }
    if let Some((frames, end)) = salvage {
        let batch = BatchId::of(first_seq, &frames, active.manifest.salt);
        insert_batch(&active.store, batch, &frames, active.manifest.salt, &mut Vec::new())
            .map_err(running("write a salvaged batch"))?;
        active.store.write_out().map_err(running("write a salvaged batch"))?;
        active.store.make_durable().map_err(running("write a salvaged batch"))?;
        active.set_last_seq(end.seq());
        report.salvaged = end.seq() - chain.seq();
        report.records += report.salvaged;
        report.bytes += frames.len() as u64;
        tracing::warn!(first_seq, last_seq = end.seq(), "batch salvaged from the raw file");
        *chain = end;
    } else if let Some((chunks, chunks_expected)) =
        raw_tail.unfinished(first_seq).or_else(|| partial.map(Partial::counts))
    {
        tracing::warn!(first_seq, chunks, chunks_expected, "torn batch cut off the journal");
        report.tail_cut = Some(TailCut { first_seq, chunks, chunks_expected });
    }
    Ok(())
}

/// Writes the raw tail to a file of its own, flushed before sled may touch the database: then a
/// crash or a refusal from here on loses no evidence for the next start.
fn keep_aside(journal: &Path, raw_tail: &RawTail, salt: u64) -> Result<(), DiskError> {
    let chunks = raw_tail.encode(salt);
    if chunks.is_empty() { Ok(()) } else { replace_file(&journal.join(RESCUE_FILE), &chunks) }
}

fn remove_if_there(path: &Path) -> Result<(), DiskError> {
    if path.try_exists().at("look at", path)? {
        fs::remove_file(path).at("remove", path)?;
        sync_dir(parent_of(path))?;
    }
    Ok(())
}

/// There is no generation at all, although records were acknowledged.
pub(crate) fn all_lost(journal: &Path, acknowledged: u64) -> JournalError {
    let place = place(&generation_dir(journal, Generation(1)), Generation(1), DATA_FILE);
    damaged(place, Damage::AcknowledgedLost { acknowledged, recovered: 0 })
}

/// An operator's cut was interrupted, and the journal is between two states.
pub(crate) fn unfinished_cut(cut_dir: PathBuf) -> JournalError {
    let name = cut_dir.file_stem().and_then(|name| name.to_str());
    let generation = Generation(name.and_then(|name| name.parse().ok()).unwrap_or(0));
    let place = Place { generation, file: cut_dir, key: None, offset: None, good_seq: 0 };
    damaged(place, Damage::UnfinishedCut)
}

/// A generation does not begin where the one before it ends.
fn broken_start(
    journal: &Path,
    manifest: &Manifest,
    chain: &Chain,
    before: Option<&OpenGeneration>,
) -> JournalError {
    let due = manifest.start.seq();
    match before {
        Some(before) if chain.seq() < due => {
            let damage = Damage::AcknowledgedLost { acknowledged: due, recovered: chain.seq() };
            damaged(before.place(None, chain.seq()), damage)
        }
        _ => {
            let dir = generation_dir(journal, manifest.generation);
            let place = place(&dir, manifest.generation, "manifest");
            let damage = Damage::Manifest("it does not follow the generation before");
            damaged(Place { good_seq: chain.seq(), ..place }, damage)
        }
    }
}

/// A closed generation ends in an unfinished batch.
fn unfinished_but_followed(
    generations: &[OpenGeneration],
    chain: &Chain,
    partial: &Partial,
) -> JournalError {
    let closed = generations.last().expect("the unfinished batch came from one");
    let (found, expected) = partial.counts();
    let damage = Damage::Incomplete { first_seq: partial.batch.first_seq, found, expected };
    damaged(closed.place(None, chain.seq()), damage)
}

fn place(dir: &Path, generation: Generation, file: &str) -> Place {
    Place { generation, file: dir.join(file), key: None, offset: None, good_seq: 0 }
}

pub(crate) fn damaged(place: Place, damage: Damage) -> JournalError {
    JournalError::Damaged { place: Box::new(place), damage }
}

/// A store that fails while it is opened or walked is damaged, except where the disk itself failed.
pub(crate) fn store_damage(error: StoreError, place: Place) -> JournalError {
    match error {
        StoreError::Disk(error) => error.into(),
        StoreError::Sled(reason) => damaged(place, Damage::Store(reason)),
    }
}

/// A store that fails while running.
pub(crate) fn store_failure(
    error: StoreError,
    action: &'static str,
    generation: Generation,
) -> JournalError {
    match error {
        StoreError::Disk(error) => error.into(),
        StoreError::Sled(reason) => JournalError::Store { action, generation, reason },
    }
}

pub(crate) fn walk_damage(
    error: WalkError,
    place: impl FnOnce(Option<(u64, u16)>) -> Place,
) -> JournalError {
    match error {
        WalkError::Store(error) => store_damage(error, place(None)),
        WalkError::Damage { key, damage } => damaged(place(key), damage),
    }
}
