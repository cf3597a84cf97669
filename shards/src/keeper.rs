//! Housekeeping beside the sale: watching the disk, compacting the journal when it has grown, and
//! copying everything for a backup.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use usher_persistence::check::{BackupError, BackupReport, backup};
use usher_persistence::plans::PlanStore;
use usher_persistence::{JournalError, SnapshotError, SnapshotInfo, Snapshots, free_bytes};

use crate::replica::{ReplicaError, ReplicaHandle};
use crate::writer::{GROUP_BYTES_MAX, WriterHandle, WriterMessage};

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// When to compact, and what must stay free.
#[derive(Debug, Clone)]
pub struct KeeperConfig {
    /// The data directory; its file system is watched.
    pub data_dir: PathBuf,
    /// Free bytes, beside two groups of records and a snapshot, below which writes are refused.
    pub reserve_bytes: u64,
    /// Journal bytes after which a snapshot is written and the journal rotated.
    pub compact_after_bytes: u64,
    /// Closed generations that stay although snapshots cover them, for `history`.
    pub generations_kept: usize,
}

/// Why a compaction or a backup did not happen. Nothing is lost by it; the journal is just longer.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The journal could not be rotated or shortened.
    #[error("rotate journal")]
    Journal(#[from] JournalError),
    /// The replica had no state to write.
    #[error("follow journal")]
    Replica(#[from] ReplicaError),
    /// The snapshot could not be written.
    #[error("write snapshot")]
    Snapshot(#[from] SnapshotError),
    /// The copy could not be made.
    #[error("back up")]
    Backup(#[from] BackupError),
    /// The server stops.
    #[error("the journal writer has stopped")]
    Stopped,
}

/// Compacts: a new generation, a snapshot of all before it, and away with what is covered.
#[derive(Clone)]
pub struct Compactor {
    writer: WriterHandle,
    replica: ReplicaHandle,
    snapshots: Arc<dyn Snapshots>,
    generations_kept: usize,
    /// Held while generations go or are copied, so that neither pulls the other's from under it.
    steady: Arc<Mutex<()>>,
}

impl Compactor {
    pub(crate) fn new(
        writer: WriterHandle,
        replica: ReplicaHandle,
        snapshots: Arc<dyn Snapshots>,
        generations_kept: usize,
    ) -> Self {
        let steady = Arc::default();
        Self { writer, replica, snapshots, generations_kept, steady }
    }

    /// Compacts now. Blocks the calling thread, not the sale.
    ///
    /// # Errors
    /// See [`CompactError`].
    pub fn compact(&self) -> Result<SnapshotInfo, CompactError> {
        let _steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask_writer(WriterMessage::Rotate)??;
        let info = self.replica.ask_blocking(|replica| replica.write_snapshot())??;
        let covered = self.snapshots.covered_seq()?;
        let generations = self.ask_writer(WriterMessage::Generations)?;
        // The newest of the closed ones stay for history, whatever covers them.
        let spare = generations.len().saturating_sub(1 + self.generations_kept);
        let removable = usher_persistence::removable_through(&generations, covered);
        let last_spare = generations[..spare].last().map(|info| info.generation);
        if let (Some(removable), Some(last_spare)) = (removable, last_spare) {
            let through = removable.min(last_spare);
            self.ask_writer(|reply| WriterMessage::RemoveThrough(through, reply))??;
        }
        Ok(info)
    }

    /// Copies everything but keys, as of one sequence, into a directory that is empty or does not
    /// exist. Blocks the calling thread, and compaction, but not the sale.
    ///
    /// # Errors
    /// See [`CompactError`]; what is in the directory is then no backup.
    pub fn backup(&self, plans: &PlanStore, to_dir: &Path) -> Result<BackupReport, CompactError> {
        let _steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = self.replica.ask_blocking(|replica| replica.reader())?;
        Ok(backup(reader.as_ref(), self.snapshots.as_ref(), plans, to_dir)?)
    }

    /// The newest snapshot, as far as its file's ends tell. Reads the disk.
    ///
    /// # Errors
    /// See [`SnapshotError`].
    pub fn newest_snapshot(&self) -> Result<Option<SnapshotInfo>, SnapshotError> {
        Ok(self.snapshots.list()?.into_iter().next())
    }

    fn ask_writer<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> WriterMessage,
    ) -> Result<T, CompactError> {
        let (reply, answer) = oneshot::channel();
        self.writer.send(message(reply));
        answer.blocking_recv().map_err(|_| CompactError::Stopped)
    }
}

/// Starts the keeper's thread; it ends soon after `stop` is set. What the start had to replay
/// counts as growth, or a server that is restarted often would never compact.
pub(crate) fn start(
    config: KeeperConfig,
    compactor: Compactor,
    disk_full: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    replayed_bytes: u64,
) -> JoinHandle<()> {
    let thread = std::thread::Builder::new().name("usher-keeper".into());
    let snapshots = compactor.snapshots.list().unwrap_or_default();
    let snapshot_bytes = snapshots.first().map_or(0, |newest| newest.bytes);
    let mut keeper = Keeper {
        config,
        compactor,
        disk_full,
        written_at_compaction: 0,
        replayed_bytes,
        snapshot_bytes,
    };
    let run = move || {
        while !stop.load(Ordering::Relaxed) {
            keeper.look_at_disk();
            keeper.compact_if_grown();
            std::thread::sleep(LOOK_EVERY);
        }
    };
    thread.spawn(run).expect("a thread can be started")
}

struct Keeper {
    config: KeeperConfig,
    compactor: Compactor,
    disk_full: Arc<AtomicBool>,
    /// Journal bytes written since the start, as of the last compaction.
    written_at_compaction: u64,
    /// Journal bytes from before the start that no snapshot covers.
    replayed_bytes: u64,
    /// Size of the newest snapshot, as an estimate of the next.
    snapshot_bytes: u64,
}

impl Keeper {
    fn look_at_disk(&self) {
        // Two groups, a snapshot, and what is not ours to count.
        let reserve_bytes =
            self.config.reserve_bytes + 2 * GROUP_BYTES_MAX as u64 + self.snapshot_bytes;
        let is_full = match free_bytes(&self.config.data_dir) {
            Ok(free) => free < reserve_bytes,
            Err(error) => {
                tracing::warn!(%error, "cannot ask for free space");
                return;
            }
        };
        if self.disk_full.swap(is_full, Ordering::Relaxed) != is_full {
            if is_full {
                tracing::error!(reserve_bytes, "disk nearly full: writes are refused");
            } else {
                tracing::info!(reserve_bytes, "disk has room again: writes go on");
            }
        }
    }

    fn compact_if_grown(&mut self) {
        let written = self.compactor.writer.stats.figures().bytes;
        let grown = self.replayed_bytes + written - self.written_at_compaction;
        if grown < self.config.compact_after_bytes {
            return;
        }
        self.written_at_compaction = written;
        self.replayed_bytes = 0;
        match self.compactor.compact() {
            Ok(info) => {
                self.snapshot_bytes = info.bytes;
                tracing::info!(seq = info.covers.seq, bytes = info.bytes, "compacted");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "compaction failed; the journal keeps growing");
            }
        }
    }
}
