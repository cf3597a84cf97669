//! Writing snapshots from the replica, one partition at a time.

use std::sync::Arc;

use usher_persistence::codec::encode_image;
use usher_persistence::{JournalReader, SnapshotError, SnapshotInfo};

use super::Replica;
use crate::recovery::add_image;

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
        let state = self.state();
        let mut writer = self.snapshots.begin(state.covers)?;
        let (mut image, mut section) = (Vec::new(), Vec::new());
        for partition in state.partitions.values() {
            section.clear();
            for inventory in partition.inventories.values() {
                image.clear();
                encode_image(&inventory.image(), &mut image);
                add_image(&image, &mut section);
            }
            writer.section(partition.id.0, partition.seq, &section)?;
        }
        writer.finish()
    }
}
