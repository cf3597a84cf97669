//! A consistent copy while the server sells, and the way back.
//!
//! ```text
//!   backup/
//!     snapshots/…        the newest whole snapshot
//!     plans/…            every plan that a record may name
//!     records.usher      where the chain begins, the records behind the snapshot, a hash of all
//! ```
//!
//! Live database files are never copied: the records come through a reader, up to one durable
//! sequence, as plain frames. `records.usher` gets its name last, so a directory that has it is
//! complete. Plans are copied after the records, since a plan is stored before any record names it.
//!
//! Keys are not in a backup, for a destroyed key would live on in it. They are copied apart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::data_dir::DataDir;
use crate::disk::{
    At, DiskError, TEMPORARY_SUFFIX, create_dir_durable, rename_durable, sync_dir, with_suffix,
};
use crate::frame::{self, Chain, FRAME_HEADER_BYTES, FrameError, u16_at, u32_at, u64_at};
use crate::journal::{Journal, JournalError, JournalReader, Pending};
use crate::plans::{PlanError, PlanStore};
use crate::sled_journal::{SledJournal, SledOptions};
use crate::snapshots::{Covers, FileSnapshots, KEEP_MIN, SnapshotError, SnapshotReader, Snapshots};

const RECORDS_FILE: &str = "records.usher";
const MAGIC: [u8; 8] = *b"USHRBAK\x01";
const HEADER_BYTES: usize = 28;
const HEAD_BYTES: usize = 10;
const TRAILER_BYTES: usize = 24;
const BUFFER_BYTES: usize = 256 * 1024;
/// Records are restored in batches of about this many bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// What a backup or a restore copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The sequence that its snapshot covers; 0 where it has none.
    pub snapshot_seq: u64,
    /// The last record that it holds: the state is the one after this sequence.
    pub last_seq: u64,
    /// Records behind the snapshot.
    pub records: u64,
    /// Plans.
    pub plans: u64,
}

/// Why a backup could not be made or brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file-system step failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshot could not be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A plan could not be read or written.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target holds something already.
    #[error("{path} is not empty: nothing was changed", path = .0.display())]
    NotEmpty(PathBuf),
    /// The directory is not a complete backup.
    #[error("{path} is not a complete backup: {reason}", path = .path.display())]
    Damaged {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A record in the backup is not what it should be.
    #[error("record in {path} is damaged: {source}", path = .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FrameError,
    },
}

/// Copies a consistent state into a directory that is empty or does not exist yet. Selling goes
/// on meanwhile; what becomes durable after the start may or may not be in it.
///
/// # Errors
/// [`BackupError`]; then the directory lacks `records.usher` and is no backup.
pub fn backup(
    reader: &dyn JournalReader,
    snapshots: &dyn Snapshots,
    plans: &PlanStore,
    to_dir: &Path,
) -> Result<BackupReport, BackupError> {
    refuse_if_filled(to_dir)?;
    let target = DataDir::new(to_dir);
    create_dir_durable(to_dir)?;
    let copy = FileSnapshots::open(target.snapshots(), KEEP_MIN)?;
    let newest = snapshots.newest()?.snapshot;
    let (covers, heads) = match newest {
        Some(mut snapshot) => (copy_snapshot(&mut *snapshot, &copy)?, snapshot.heads()),
        None => (Covers::default(), Vec::new()),
    };
    let path = to_dir.join(RECORDS_FILE);
    let temporary = with_suffix(&path, TEMPORARY_SUFFIX);
    let (records, last_seq) = write_records(reader, covers, heads, &temporary)?;
    let plans = copy_plans(plans, &PlanStore::open(target.plans())?)?;
    rename_durable(&temporary, &path)?;
    Ok(BackupReport { snapshot_seq: covers.seq, last_seq, records, plans })
}

/// Brings a backup back as a data directory that a server can start on. The target must be empty
/// or not exist; it appears in one step, so an interrupted restore can simply be run again.
///
/// # Errors
/// [`BackupError`]; then the target is as it was.
pub fn restore(from_dir: &Path, to_dir: &Path) -> Result<BackupReport, BackupError> {
    refuse_if_filled(to_dir)?;
    let building = with_suffix(to_dir, ".restoring");
    if building.try_exists().at("look at", &building)? {
        fs::remove_dir_all(&building).at("remove", &building)?;
    }
    create_dir_durable(&building)?;
    let (source, target) = (DataDir::new(from_dir), DataDir::new(&building));
    let records_path = from_dir.join(RECORDS_FILE);
    let mut records = RecordsFile::verify(&records_path)?;
    let covers = Covers { seq: records.start.seq(), checksum: records.start.checksum() };
    if covers.seq > 0 {
        let newest = FileSnapshots::open(source.snapshots(), KEEP_MIN)?.newest()?.snapshot;
        let fitting = newest.filter(|snapshot| snapshot.info().covers == covers);
        let Some(mut snapshot) = fitting else {
            let reason = "there is no whole snapshot that the records follow";
            return Err(BackupError::Damaged { path: source.snapshots(), reason });
        };
        copy_snapshot(&mut *snapshot, &FileSnapshots::open(target.snapshots(), KEEP_MIN)?)?;
    }
    let plans = copy_plans(&PlanStore::open(source.plans())?, &PlanStore::open(target.plans())?)?;
    let options = SledOptions::new(target.journal());
    let (mut journal, _) = SledJournal::open_or_begin(options, &records.start)?;
    records.copy_to(&mut journal)?;
    let last_seq = journal.last_seq();
    drop(journal);
    sync_dir(&building)?;
    rename_durable(&building, to_dir)?;
    let records = records.count;
    Ok(BackupReport { snapshot_seq: covers.seq, last_seq, records, plans })
}

fn refuse_if_filled(dir: &Path) -> Result<(), BackupError> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => match other.at("list", dir)?.next() {
            None => Ok(()),
            Some(_) => Err(BackupError::NotEmpty(dir.to_path_buf())),
        },
    }
}

fn copy_snapshot(from: &mut dyn SnapshotReader, to: &FileSnapshots) -> Result<Covers, BackupError> {
    let covers = from.info().covers;
    let mut writer = to.begin(covers)?;
    let mut failure = None;
    from.for_each(&mut |section| match writer.section(
        section.partition,
        section.partition_seq,
        section.payload,
    ) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failure.map_or(Ok(()), Err)?;
    writer.finish()?;
    Ok(covers)
}

fn copy_plans(from: &PlanStore, to: &PlanStore) -> Result<u64, BackupError> {
    let mut count = 0;
    for plan in from.list()? {
        // A plan that is gone by now was never named by a record; a damaged one is an error.
        if let Some(content) = from.get(&plan.id)? {
            to.put(&content)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Writes the records behind a snapshot to a file and flushes it; returns how many there are and
/// the sequence of the last.
fn write_records(
    reader: &dyn JournalReader,
    covers: Covers,
    heads: Vec<(u16, u64)>,
    path: &Path,
) -> Result<(u64, u64), BackupError> {
    let last_seq = reader.durable_seq();
    // Partitions that the snapshot does not know begin where their first record says.
    let mut heads: BTreeMap<u16, u64> = heads.into_iter().collect();
    read_up_to(reader, covers.seq + 1, last_seq, &mut |record| {
        heads.entry(record.partition).or_insert(record.partition_seq.saturating_sub(1));
        Ok(())
    })?;
    let file = File::create(path).at("create", path)?;
    let out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut out = Hashing { inner: out, hash: Xxh3::new() };
    out.write_all(&header(covers, &heads)).at("write", path)?;
    let mut chain = Chain::at(covers.seq, covers.checksum, heads);
    let mut frames = Vec::new();
    let mut count = 0_u64;
    read_up_to(reader, covers.seq + 1, last_seq, &mut |record| {
        frames.clear();
        // Framing again gives the same bytes, and proves that the records follow the snapshot.
        let framed =
            chain.frame(record.partition, record.partition_seq, record.payload, &mut frames);
        let followed = framed.and_then(|()| match chain.checksum() == record.checksum {
            true => Ok(()),
            false => Err(FrameError::Checksum { seq: record.seq }),
        });
        followed.map_err(|source| BackupError::Record { path: path.to_path_buf(), source })?;
        count += 1;
        Ok(out.write_all(&frames).at("write", path)?)
    })?;
    out.write_all(&count.to_le_bytes()).at("write", path)?;
    out.write_all(&chain.checksum().to_le_bytes()).at("write", path)?;
    let hash = out.hash.digest();
    out.write_all(&hash.to_le_bytes()).at("write", path)?;
    out.inner.flush().at("write", path)?;
    out.inner.get_ref().sync_all().at("flush", path)?;
    Ok((count, chain.seq()))
}

/// Visits the records from `from_seq` to `last_seq`, until the first error.
fn read_up_to(
    reader: &dyn JournalReader,
    from_seq: u64,
    last_seq: u64,
    visit: &mut dyn FnMut(frame::Record<'_>) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut failure = None;
    reader.read(from_seq, &mut |record| {
        if record.seq > last_seq {
            return ControlFlow::Break(());
        }
        match visit(record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failure.map_or(Ok(()), Err)
}

/// A verified file of records.
struct RecordsFile {
    path: PathBuf,
    start: Chain,
    count: u64,
    end_checksum: u64,
    /// Where the frames lie.
    frames_at: u64,
    frames_bytes: u64,
}

impl RecordsFile {
    /// Reads the whole file once: only one whose every byte is right is brought back.
    fn verify(path: &Path) -> Result<Self, BackupError> {
        let damaged = |reason| BackupError::Damaged { path: path.to_path_buf(), reason };
        if !path.try_exists().at("look at", path)? {
            return Err(damaged("it is missing"));
        }
        let file = File::open(path).at("open", path)?;
        let bytes = file.metadata().at("look at", path)?.len();
        let mut input =
            Hashing { inner: BufReader::with_capacity(BUFFER_BYTES, file), hash: Xxh3::new() };
        if bytes < (HEADER_BYTES + TRAILER_BYTES) as u64 {
            return Err(damaged("it is cut short"));
        }
        let mut header = [0; HEADER_BYTES];
        input.read_exact(&mut header).at("read", path)?;
        if header[..8] != MAGIC {
            return Err(damaged("it does not begin as a backup of a known version does"));
        }
        let heads_bytes = u64::from(u32_at(&header, 24)) * HEAD_BYTES as u64;
        let frames_at = HEADER_BYTES as u64 + heads_bytes;
        if bytes < frames_at + TRAILER_BYTES as u64 {
            return Err(damaged("it is cut short"));
        }
        let mut heads = vec![0; usize::try_from(heads_bytes).expect("not above the file")];
        input.read_exact(&mut heads).at("read", path)?;
        let frames_bytes = bytes - frames_at - TRAILER_BYTES as u64;
        io::copy(&mut input.by_ref().take(frames_bytes), &mut io::sink()).at("read", path)?;
        let mut trailer = [0; TRAILER_BYTES - 8];
        input.read_exact(&mut trailer).at("read", path)?;
        let expected = input.hash.digest();
        let mut hash = [0; 8];
        input.read_exact(&mut hash).at("read", path)?;
        if expected != u64::from_le_bytes(hash) {
            return Err(damaged("its hash does not match"));
        }
        let heads = heads.chunks_exact(HEAD_BYTES).map(|head| (u16_at(head, 0), u64_at(head, 2)));
        Ok(Self {
            path: path.to_path_buf(),
            start: Chain::at(u64_at(&header, 8), u64_at(&header, 16), heads),
            count: u64_at(&trailer, 0),
            end_checksum: u64_at(&trailer, 8),
            frames_at,
            frames_bytes,
        })
    }

    /// Appends all records to a journal that begins where they do.
    fn copy_to(&mut self, journal: &mut SledJournal) -> Result<(), BackupError> {
        let path = &self.path;
        let mut input = BufReader::with_capacity(BUFFER_BYTES, File::open(path).at("open", path)?);
        io::copy(&mut input.by_ref().take(self.frames_at), &mut io::sink()).at("read", path)?;
        let mut rest = self.frames_bytes;
        let mut frames = Vec::with_capacity(BATCH_BYTES);
        while rest > 0 {
            let start = frames.len();
            let header_bytes = rest.min(FRAME_HEADER_BYTES as u64);
            input.by_ref().take(header_bytes).read_to_end(&mut frames).at("read", path)?;
            let payload_bytes = match frames[start..].len() {
                FRAME_HEADER_BYTES => u64::from(u32_at(&frames, start + 16)),
                _ => 0,
            };
            let payload_bytes = payload_bytes.min(rest - header_bytes);
            input.by_ref().take(payload_bytes).read_to_end(&mut frames).at("read", path)?;
            rest -= header_bytes + payload_bytes;
            if frames.len() >= BATCH_BYTES || rest == 0 {
                append(path, &frames, journal)?;
                frames.clear();
            }
        }
        if journal.chain().checksum() != self.end_checksum {
            let reason = "its records do not end as they should";
            return Err(BackupError::Damaged { path: path.clone(), reason });
        }
        Ok(())
    }
}

fn append(path: &Path, frames: &[u8], journal: &mut SledJournal) -> Result<(), BackupError> {
    let mut pending = Vec::new();
    let mut rest = frames;
    while !rest.is_empty() {
        let (record, taken) = frame::decode(rest)
            .map_err(|source| BackupError::Record { path: path.to_path_buf(), source })?;
        let frame::Record { partition, partition_seq, payload, .. } = record;
        pending.push(Pending { partition, partition_seq, payload });
        rest = &rest[taken..];
    }
    journal.append(&pending)?;
    Ok(())
}

fn header(covers: Covers, heads: &BTreeMap<u16, u64>) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES + heads.len() * HEAD_BYTES);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&covers.seq.to_le_bytes());
    header.extend_from_slice(&covers.checksum.to_le_bytes());
    header.extend_from_slice(&u32::try_from(heads.len()).expect("u16 keys").to_le_bytes());
    for (partition, partition_seq) in heads {
        header.extend_from_slice(&partition.to_le_bytes());
        header.extend_from_slice(&partition_seq.to_le_bytes());
    }
    header
}

/// Hashes what passes through, in either direction.
struct Hashing<T> {
    inner: T,
    hash: Xxh3,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
