//! Is a journal whole? Answered from the raw files, which stay as they are.
//!
//! sled cannot be asked without letting it write, so it is tried on a copy, and only where a
//! scratch directory for that is given. It may run beside a server that sells: the last batch is
//! then perhaps seen as unfinished.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::disk::{At, DiskError};
use crate::frame::Chain;
use crate::journal::{Damage, Generation, JournalError, Place, TailCut};
use crate::sled_journal::RESCUE_FILE;
use crate::sled_journal::chunk;
use crate::sled_journal::manifest::{Manifest, generation_dir, list_generations};
use crate::sled_journal::raw_batches::{RawBatches, RawEnd};
use crate::sled_journal::store::{BLOB_DIR, DATA_FILE, Store};
use crate::sled_journal::walk::{self, WalkError};
use crate::sled_journal::watermark::Watermark;

/// What `verify` found in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// One entry for each generation, oldest first, up to the first that is damaged.
    pub generations: Vec<GenerationReport>,
    /// Generations behind a damaged one, whose records no longer follow anything.
    pub unreachable: Vec<Generation>,
    /// The last sequence that the server noted as acknowledged; a lower bound.
    pub acknowledged: Option<u64>,
    /// The last good record; 0 where there is none.
    pub good_seq: u64,
    /// The first damage.
    pub damage: Option<(Place, Damage)>,
}

/// What `verify` found in one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationReport {
    /// Its number.
    pub generation: Generation,
    /// Good records.
    pub records: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Sequence of the first record (of the one to come, where there is none).
    pub first_seq: u64,
    /// Sequence of the last good record; `first_seq - 1` where there is none.
    pub last_seq: u64,
    /// An unfinished batch at the end, which starting cuts off.
    pub torn: Option<TailCut>,
    /// Files that sled put aside, of which there must be none: it never flushes them.
    pub blobs: usize,
    /// What sled says.
    pub store: StoreVerdict,
}

/// What sled says to a copy of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreVerdict {
    /// It was not asked.
    NotTried,
    /// It opens and gives back records up to this sequence.
    Opens {
        /// The last of them.
        last_seq: u64,
    },
    /// It does not open, or gives back something else than was written.
    Refuses {
        /// What it said.
        reason: String,
    },
}

impl VerifyReport {
    /// Whether a server would start on this without losing anything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let stores = || self.generations.iter().map(|generation| &generation.store);
        self.damage.is_none() && !stores().any(|s| matches!(s, StoreVerdict::Refuses { .. }))
    }
}

/// Verifies a journal directory without changing it. With a scratch directory, copies each
/// generation there and lets sled open the copy.
///
/// # Errors
/// [`JournalError::Disk`] when something cannot be read at all. Damage is no error here.
pub fn verify(journal: &Path, scratch: Option<&Path>) -> Result<VerifyReport, JournalError> {
    let numbers = list_generations(journal)?;
    let mut report = VerifyReport {
        generations: Vec::new(),
        unreachable: Vec::new(),
        acknowledged: Watermark::peek(journal)?,
        good_seq: 0,
        damage: None,
    };
    let mut chain: Option<Chain> = None;
    for (index, number) in numbers.iter().enumerate() {
        let is_newest = index + 1 == numbers.len();
        let checked = check_generation(journal, *number, is_newest, chain.take(), scratch)?;
        report.damage = checked.damage;
        report.good_seq = checked.chain.seq();
        report.generations.extend(checked.report);
        chain = Some(checked.chain);
        if report.damage.is_some() {
            report.unreachable = numbers[index + 1..].to_vec();
            return Ok(report);
        }
    }
    let good_seq = report.good_seq;
    if let Some(acknowledged) = report.acknowledged.filter(|seq| *seq > good_seq) {
        let newest = numbers.last().copied().unwrap_or(Generation(1));
        let damage = Damage::AcknowledgedLost { acknowledged, recovered: good_seq };
        report.damage = Some((place(journal, newest, DATA_FILE, good_seq), damage));
    }
    Ok(report)
}

/// One generation, looked at.
struct Checked {
    report: Option<GenerationReport>,
    /// Behind its last good record.
    chain: Chain,
    damage: Option<(Place, Damage)>,
}

/// Looks at one generation; `before` is the end of the one before it.
fn check_generation(
    journal: &Path,
    number: Generation,
    is_newest: bool,
    before: Option<Chain>,
    scratch: Option<&Path>,
) -> Result<Checked, DiskError> {
    let dir = generation_dir(journal, number);
    let end = before.clone().unwrap_or_default();
    let unusable = |reason| {
        let at = place(journal, number, "manifest", end.seq());
        let damage = Some((at, Damage::Manifest(reason)));
        Checked { report: None, chain: end.clone(), damage }
    };
    let manifest = match Manifest::read(&dir)? {
        Ok(Some(manifest)) if manifest.generation == number => manifest,
        Ok(Some(_)) => return Ok(unusable("it belongs to another generation")),
        // Nothing was ever written to a newest generation without a manifest.
        Ok(None) if is_newest && before.is_some() && !has_chunks(&dir)? => {
            return Ok(Checked { report: None, chain: end, damage: None });
        }
        Ok(None) => return Ok(unusable("it is missing")),
        Err(reason) => return Ok(unusable(reason)),
    };
    if before.is_some_and(|before| before != manifest.start) {
        let due = manifest.start.seq();
        if end.seq() >= due {
            return Ok(unusable("it does not follow the generation before"));
        }
        // The place to look at is the end of the generation before, not this manifest.
        let earlier = Generation(number.0.saturating_sub(1));
        let damage = Damage::AcknowledgedLost { acknowledged: due, recovered: end.seq() };
        let damage = Some((place(journal, earlier, DATA_FILE, end.seq()), damage));
        return Ok(Checked { report: None, chain: end, damage });
    }
    check_records(journal, &dir, &manifest, is_newest, scratch)
}

fn check_records(
    journal: &Path,
    dir: &Path,
    manifest: &Manifest,
    is_newest: bool,
    scratch: Option<&Path>,
) -> Result<Checked, DiskError> {
    let mut chain = manifest.start.clone();
    let mut bytes = 0;
    let end = raw_batches(journal, manifest, is_newest)?.visit(&mut chain, &mut |frames| {
        bytes += frames.len() as u64;
        Ok(())
    })?;
    let blobs = dir.join(BLOB_DIR);
    let store = match scratch {
        None => StoreVerdict::NotTried,
        Some(scratch) => ask_store(dir, manifest, scratch)?,
    };
    let mut report = GenerationReport {
        generation: manifest.generation,
        records: chain.seq() - manifest.start.seq(),
        bytes,
        first_seq: manifest.first_seq(),
        last_seq: chain.seq(),
        torn: None,
        blobs: fs::read_dir(&blobs).at("list", &blobs)?.count(),
        store,
    };
    let damage = match end {
        RawEnd::Whole => None,
        RawEnd::Torn(torn) if is_newest => {
            report.torn = Some(torn);
            None
        }
        RawEnd::Torn(torn) => {
            let (expected, found) = (torn.chunks_expected, torn.chunks);
            let first_seq = torn.first_seq;
            Some((Damage::Incomplete { first_seq, found, expected }, None))
        }
        RawEnd::Damaged(damage, offset) => Some((damage, offset)),
    };
    let damage = damage.map(|(damage, offset)| {
        let at = place(journal, manifest.generation, DATA_FILE, chain.seq());
        (Place { offset, ..at }, damage)
    });
    Ok(Checked { report: Some(report), chain, damage })
}

/// The chunks of a generation; for the newest also those kept aside by an interrupted start.
pub(super) fn raw_batches(
    journal: &Path,
    manifest: &Manifest,
    is_newest: bool,
) -> Result<RawBatches, DiskError> {
    let mut paths = vec![generation_dir(journal, manifest.generation).join(DATA_FILE)];
    if is_newest {
        paths.push(journal.join(RESCUE_FILE));
    }
    RawBatches::find(&paths, manifest.salt)
}

/// Lets sled open a copy of a generation and walks it.
fn ask_store(dir: &Path, manifest: &Manifest, scratch: &Path) -> Result<StoreVerdict, DiskError> {
    let copy = scratch.join(format!("verify-{}-{}", std::process::id(), manifest.generation));
    copy_files(dir, &copy)?;
    let verdict = walk_copy(&copy, manifest);
    fs::remove_dir_all(&copy).at("remove", &copy)?;
    Ok(match verdict {
        Ok(last_seq) => StoreVerdict::Opens { last_seq },
        Err(WalkError::Store(error)) => StoreVerdict::Refuses { reason: error.to_string() },
        Err(WalkError::Damage { damage, .. }) => {
            StoreVerdict::Refuses { reason: damage.to_string() }
        }
    })
}

fn walk_copy(copy: &Path, manifest: &Manifest) -> Result<u64, WalkError> {
    let store = Store::open(copy, 16 * 1024 * 1024)?;
    let mut chain = manifest.start.clone();
    walk::batches(&store, manifest.salt, &chunk::key(0, 0), u64::MAX, &mut |_, frames| {
        Ok(walk::records(frames, &mut chain, &mut |_| ControlFlow::Continue(()))?)
    })?;
    Ok(chain.seq())
}

/// Copies a directory with the files and directories in it.
fn copy_files(from: &Path, to: &Path) -> Result<(), DiskError> {
    fs::create_dir_all(to).at("create", to)?;
    for entry in fs::read_dir(from).at("list", from)? {
        let entry = entry.at("list", from)?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).at("copy", &entry.path())?;
        }
    }
    Ok(())
}

fn has_chunks(dir: &Path) -> Result<bool, DiskError> {
    crate::sled_journal::raw::has_chunks(&dir.join(DATA_FILE))
}

fn place(journal: &Path, generation: Generation, file: &str, good_seq: u64) -> Place {
    let file = generation_dir(journal, generation).join(file);
    Place { generation, file, key: None, offset: None, good_seq }
}
