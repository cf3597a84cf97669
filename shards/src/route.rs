//! Who owns which partition, for everybody to read.

use std::sync::atomic::{AtomicU16, Ordering};

use usher_engine::PartitionId;
use usher_engine::id::PARTITION_COUNT;

/// The owner of every partition. Changed only by an owner that hands one over.
#[derive(Debug)]
pub struct Routes {
    owners: Vec<AtomicU16>,
}

impl Routes {
    /// Spreads all partitions evenly over `shards` shards.
    #[must_use]
    pub fn spread(shards: usize) -> Self {
        let owner = |partition: u16| AtomicU16::new((usize::from(partition) % shards) as u16);
        Self { owners: (0..PARTITION_COUNT).map(owner).collect() }
    }

    /// The shard that owns a partition.
    #[must_use]
    pub fn owner(&self, partition: PartitionId) -> usize {
        usize::from(self.owners[usize::from(partition.0)].load(Ordering::Acquire))
    }

    pub(crate) fn set_owner(&self, partition: PartitionId, shard: usize) {
        self.owners[usize::from(partition.0)].store(shard as u16, Ordering::Release);
    }
}
