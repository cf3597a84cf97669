//! What the replica writes and copies: snapshots, and the journal for a backup.

use std::sync::Arc;

use usher_persistence::{JournalReader, SnapshotError, SnapshotInfo};

use super::Replica;

impl Replica {
    /// Reads the journal, for a backup.
    pub(crate) fn reader(&self) -> Arc<dyn JournalReader> {
        self.reader.clone()
    }

    /// Writes a snapshot of the state as it is here. The live shards do not notice.
    ///
    /// # Errors
    /// See [`SnapshotError`]; a snapshot that failed does not exist.
    pub fn write_snapshot(&self) -> Result<SnapshotInfo, SnapshotError> {
        self.state().write_snapshot(self.snapshots.as_ref())
    }
}
