//! Mending a journal, or giving up its end, so that selling can go on at ten past ten.
//!
//! ```text
//!   00000001/          stays
//!   00000002/          is damaged: its good records go to 00000002.cut/, then
//!                        00000003/ → 00000003.damaged/     where it does not follow any more
//!                        00000002/ → 00000002.damaged/
//!                        00000002.cut/ → 00000002/         from here on it is done
//! ```
//!
//! The good records are read from the raw files, so it works even where sled does not open. Often
//! it is only sled's own structure that is hurt and all records are there: then nothing is given
//! up, and later generations stay.
//!
//! While a `.cut` directory is there no server starts; running the cut again finishes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::disk::{At, DiskError, lock_dir, rename_durable, sync_dir, with_suffix};
use crate::frame::{self, Chain};
use crate::journal::{Generation, JournalError};
use crate::sled_journal::chunk::BatchId;
use crate::sled_journal::manifest::{Manifest, generation_dir, list_generations};
use crate::sled_journal::raw_batches::RawBatches;
use crate::sled_journal::recover::store_failure;
use crate::sled_journal::store::{DATA_FILE, Store, StoreError};
use crate::sled_journal::watermark::Watermark;
use crate::sled_journal::{CUT_SUFFIX, RESCUE_FILE, insert_batch, interrupted_cuts};

use super::verify::{StoreVerdict, raw_batches, verify};

const DAMAGED_SUFFIX: &str = ".damaged";
const SCRATCH_DIR: &str = "scratch";
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// What a cut did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutReport {
    /// The journal now ends with this record.
    pub last_seq: u64,
    /// The last record that is known to have been acknowledged. Above `last_seq`, what lies
    /// between was given up; else nothing was.
    pub acknowledged: Option<u64>,
    /// The directories that were put aside. Remove them when nobody needs them any more.
    pub put_aside: Vec<PathBuf>,
}

/// Why a journal was not cut. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no damage, and no sequence was given.
    #[error("the journal is whole up to sequence {last_seq}: nothing to cut")]
    NothingToCut {
        /// The last record.
        last_seq: u64,
    },
    /// The journal cannot end at this sequence.
    #[error("cannot cut at sequence {at_seq}: good records are {first_seq} to {last_seq}")]
    OutOfRange {
        /// The sequence that was asked for.
        at_seq: u64,
        /// The first good record.
        first_seq: u64,
        /// The last good record.
        last_seq: u64,
    },
    /// The first generation's manifest is gone, and with it the way to read anything.
    #[error("the first generation cannot be read at all: restore a backup")]
    Unreadable,
}

impl From<DiskError> for CutError {
    fn from(error: DiskError) -> Self {
        Self::Journal(error.into())
    }
}

/// Ends a journal behind record `at_seq`, giving up what is later. With `None` it ends behind the
/// last good record; where all records are good but sled does not give them back, the generations
/// concerned are written again and nothing is given up. The old files are kept aside.
///
/// # Errors
/// [`CutError`]; after one that is not of the disk the journal is as it was.
pub fn cut(journal: &Path, at_seq: Option<u64>) -> Result<CutReport, CutError> {
    let Some(_lock) = lock_dir(journal)? else {
        return Err(JournalError::InUse(journal.to_path_buf()).into());
    };
    let acknowledged = Watermark::peek(journal)?;
    let mut put_aside = Vec::new();
    if !finish_interrupted(journal, &mut put_aside)? {
        for (generation, last_seq) in choose(journal, at_seq)? {
            let (cut_dir, end) = write_good_records(journal, generation, last_seq)?;
            replace(journal, generation, &cut_dir, &end, &mut put_aside)?;
        }
    }
    let last_seq = verify(journal, None)?.good_seq;
    Ok(CutReport { last_seq, acknowledged, put_aside })
}

/// The generations to write again, each with the last record that it is to keep.
fn choose(journal: &Path, at_seq: Option<u64>) -> Result<Vec<(Generation, u64)>, CutError> {
    let report = verify(journal, None)?;
    let Some(first) = report.generations.first() else { return Err(CutError::Unreadable) };
    let (first_seq, last_seq) = (first.first_seq, report.good_seq);
    match at_seq {
        Some(at_seq) if (first_seq - 1..=last_seq).contains(&at_seq) => {
            Ok(vec![(generation_of(journal, at_seq)?, at_seq)])
        }
        Some(at_seq) => Err(CutError::OutOfRange { at_seq, first_seq, last_seq }),
        None if report.damage.is_some() => Ok(vec![(generation_of(journal, last_seq)?, last_seq)]),
        None => match refused_by_store(journal)? {
            hurt if hurt.is_empty() => Err(CutError::NothingToCut { last_seq }),
            hurt => Ok(hurt),
        },
    }
}

/// The newest generation that begins at or before a record behind `last_seq`.
fn generation_of(journal: &Path, last_seq: u64) -> Result<Generation, CutError> {
    let mut found = None;
    for number in list_generations(journal)? {
        match read_manifest(journal, number)? {
            Some(manifest) if manifest.start.seq() <= last_seq => found = Some(number),
            _ => break,
        }
    }
    found.ok_or(CutError::Unreadable)
}

/// Generations whose records are all there, but not for sled.
fn refused_by_store(journal: &Path) -> Result<Vec<(Generation, u64)>, CutError> {
    let scratch = journal.join(SCRATCH_DIR);
    let report = verify(journal, Some(&scratch))?;
    fs::remove_dir_all(&scratch).at("remove", &scratch)?;
    let hurt = report.generations.iter().filter(|generation| {
        generation.store != StoreVerdict::Opens { last_seq: generation.last_seq }
    });
    Ok(hurt.map(|generation| (generation.generation, generation.last_seq)).collect())
}

/// Writes the good records of a generation to a database beside it; returns its directory and the
/// chain at its end. The manifest comes last: without it the directory does not count.
fn write_good_records(
    journal: &Path,
    generation: Generation,
    last_seq: u64,
) -> Result<(PathBuf, Chain), CutError> {
    let failed = |error| CutError::from(store_failure(error, "copy good records", generation));
    let manifest = read_manifest(journal, generation)?.ok_or(CutError::Unreadable)?;
    let cut_dir = with_suffix(&generation_dir(journal, generation), CUT_SUFFIX);
    let store = Store::create(&cut_dir, CACHE_BYTES).map_err(failed)?;
    let salt = rand::random();
    let is_newest = list_generations(journal)?.last() == Some(&generation);
    let mut all = manifest.start.clone();
    let mut end = manifest.start.clone();
    let mut value = Vec::new();
    let mut failure: Option<StoreError> = None;
    raw_batches(journal, &manifest, is_newest)?.visit(&mut all, &mut |frames| {
        let first_seq = end.seq() + 1;
        let kept = keep_up_to(frames, last_seq, &mut end);
        if !kept.is_empty() && failure.is_none() {
            let batch = BatchId::of(first_seq, kept, salt);
            failure = insert_batch(&store, batch, kept, salt, &mut value).err();
        }
        Ok(())
    })?;
    failure.map_or(Ok(()), Err).map_err(failed)?;
    store.write_out().map_err(failed)?;
    store.make_durable().map_err(failed)?;
    drop(store);
    let start = manifest.start;
    Manifest { generation, salt, created: SystemTime::now(), start }.write(&cut_dir)?;
    Ok((cut_dir, end))
}

/// The frames of the records up to `last_seq`; the chain moves behind them.
fn keep_up_to<'a>(frames: &'a [u8], last_seq: u64, end: &mut Chain) -> &'a [u8] {
    let mut kept = 0;
    while let Ok((record, taken)) = frame::decode(&frames[kept..]) {
        if record.seq > last_seq || end.admit(&record).is_err() {
            break;
        }
        kept += taken;
    }
    &frames[..kept]
}

/// Puts a generation aside and the cut one in its place; later ones go too, unless they follow.
fn replace(
    journal: &Path,
    generation: Generation,
    cut_dir: &Path,
    end: &Chain,
    put_aside: &mut Vec<PathBuf>,
) -> Result<(), CutError> {
    let next = read_manifest(journal, Generation(generation.0 + 1))?;
    let do_later_stay = next.is_some_and(|next| next.start == *end);
    for number in list_generations(journal)?.into_iter().rev() {
        if number == generation || (number > generation && !do_later_stay) {
            let dir = generation_dir(journal, number);
            let aside = free_name(&with_suffix(&dir, DAMAGED_SUFFIX))?;
            rename_durable(&dir, &aside)?;
            put_aside.push(aside);
        }
    }
    if !do_later_stay {
        let rescue = journal.join(RESCUE_FILE);
        if rescue.try_exists().at("look at", &rescue)? {
            fs::remove_file(&rescue).at("remove", &rescue)?;
        }
        let watermark = Watermark::open(journal)?;
        watermark.note(end.seq())?;
        watermark.sync()?;
    }
    Ok(rename_durable(cut_dir, &generation_dir(journal, generation))?)
}

/// Finishes a cut that was interrupted once its records were written; removes the beginnings of
/// one that had not come that far. Returns whether there was one to finish.
fn finish_interrupted(journal: &Path, put_aside: &mut Vec<PathBuf>) -> Result<bool, CutError> {
    let mut is_finished = false;
    for cut_dir in interrupted_cuts(journal)? {
        if let Ok(Some(manifest)) = Manifest::read(&cut_dir)? {
            let records = RawBatches::find(&[cut_dir.join(DATA_FILE)], manifest.salt)?;
            let mut end = manifest.start.clone();
            records.visit(&mut end, &mut |_| Ok(()))?;
            replace(journal, manifest.generation, &cut_dir, &end, put_aside)?;
            is_finished = true;
        } else {
            fs::remove_dir_all(&cut_dir).at("remove", &cut_dir)?;
            sync_dir(journal)?;
        }
    }
    Ok(is_finished)
}

/// The manifest of a generation; `None` where it cannot be used.
fn read_manifest(journal: &Path, number: Generation) -> Result<Option<Manifest>, DiskError> {
    let manifest = Manifest::read(&generation_dir(journal, number))?.ok().flatten();
    Ok(manifest.filter(|manifest| manifest.generation == number))
}

/// This name, or one with a number behind it where it is taken.
fn free_name(path: &Path) -> Result<PathBuf, DiskError> {
    let mut name = path.to_path_buf();
    let mut number = 2;
    while name.try_exists().at("look at", &name)? {
        name = with_suffix(path, &format!("-{number}"));
        number += 1;
    }
    Ok(name)
}
