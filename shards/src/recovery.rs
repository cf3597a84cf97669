//! From what is on the disk to what is in memory: the newest whole snapshot, then every record
//! after it. The shards at start, one that panicked, and the replica all come to life like this.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use usher_engine::inventory::image::ImageError;
use usher_engine::plan::{PlanId, SeatPlan};
use usher_engine::planted::planted;
use usher_engine::{Inventory, Machine, MachineId, PartitionId, Timestamp};
use usher_persistence::codec::{CodecError, PlanSource, decode_image, decode_record, encode_image};
use usher_persistence::{
    Covers, JournalError, JournalReader, Record, Section, SnapshotError, SnapshotInfo,
    SnapshotReader, Snapshots,
};

use crate::core::{Partition, publish_recovered, publish_recovered_keys, publish_recovered_room};
use crate::stats::RecoveryFigures;
use crate::view::Directory;

/// Plans that can be shared between threads.
pub type SharedPlans = Arc<dyn PlanSource + Send + Sync>;

/// Everything that there is, or some partitions of it, as of one sequence.
#[derive(Debug, Default)]
pub struct State {
    /// All partitions in which anything ever happened.
    pub partitions: BTreeMap<PartitionId, Partition>,
    /// The last record that is in it.
    pub covers: Covers,
    /// The time of the last record.
    pub last_at: Timestamp,
    /// The partitions that are wanted, where not all are.
    only: Option<BTreeSet<PartitionId>>,
}

/// Why recovery did not end in a state. The process must not start.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The journal cannot be read.
    #[error("read journal")]
    Journal(#[from] JournalError),
    /// Snapshots cannot be read.
    #[error("read snapshot")]
    Snapshot(#[from] SnapshotError),
    /// A record is whole, but says what this build does not understand.
    #[error("record {seq} of partition {partition} cannot be understood")]
    Record {
        /// Its sequence.
        seq: u64,
        /// Its partition.
        partition: u16,
        /// Why.
        source: CodecError,
    },
    /// A section of a snapshot is whole, but says what this build does not understand.
    #[error("snapshot section of partition {partition} cannot be understood")]
    Section {
        /// Its partition.
        partition: u16,
        /// Why.
        source: CodecError,
    },
    /// A section of a snapshot contradicts itself.
    #[error("snapshot section of partition {partition} contradicts itself")]
    Image {
        /// Its partition.
        partition: u16,
        /// Why.
        source: ImageError,
    },
    /// A section of a snapshot ends too early.
    #[error("snapshot section of partition {partition} is cut short")]
    SectionLength {
        /// Its partition.
        partition: u16,
    },
}

impl State {
    /// Loads the newest whole snapshot and replays the journal after it.
    ///
    /// # Errors
    /// Anything that cannot be read or understood; nothing is skipped silently.
    pub fn recover(
        snapshots: &dyn Snapshots,
        reader: &dyn JournalReader,
        plans: &dyn PlanSource,
    ) -> Result<(Self, RecoveryFigures), RecoveryError> {
        Self::default().recovered(snapshots, reader, plans)
    }

    /// As [`State::recover`], for some partitions. The journal may be open for appending: what is
    /// durable by now is in the state.
    ///
    /// # Errors
    /// As [`State::recover`]; [`JournalError::Removed`] among them where two compactions went by
    /// meanwhile, and another try helps.
    pub fn recover_only(
        only: BTreeSet<PartitionId>,
        snapshots: &dyn Snapshots,
        reader: &dyn JournalReader,
        plans: &dyn PlanSource,
    ) -> Result<(Self, RecoveryFigures), RecoveryError> {
        let empty = Self { only: Some(only), ..Self::default() };
        empty.recovered(snapshots, reader, plans)
    }

    fn recovered(
        mut self,
        snapshots: &dyn Snapshots,
        reader: &dyn JournalReader,
        plans: &dyn PlanSource,
    ) -> Result<(Self, RecoveryFigures), RecoveryError> {
        let begun = Instant::now();
        let plans = Remembered::new(plans);
        let newest = snapshots.newest()?;
        let mut figures = RecoveryFigures::default();
        figures
            .snapshots_skipped
            .extend(newest.skipped.iter().map(|s| format!("{}: {}", s.path.display(), s.reason)));
        if let Some(mut snapshot) = newest.snapshot {
            self.load(snapshot.as_mut(), &plans)?;
            figures.snapshot_seq = self.covers.seq;
        }
        let (records, bytes) = self.catch_up(reader, &plans, |_, _| {})?;
        figures.records = records;
        figures.bytes = bytes;
        figures.machines = self.partitions.values().map(|p| p.machines.len()).sum();
        figures.took = begun.elapsed();
        Ok((self, figures))
    }

    fn load(
        &mut self,
        snapshot: &mut dyn SnapshotReader,
        plans: &dyn PlanSource,
    ) -> Result<(), RecoveryError> {
        let mut failed = None;
        self.covers = snapshot.info().covers;
        snapshot.for_each(&mut |section| match self.load_section(&section, plans) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn load_section(
        &mut self,
        section: &Section<'_>,
        plans: &dyn PlanSource,
    ) -> Result<(), RecoveryError> {
        let partition = section.partition;
        if !self.wants(PartitionId(partition)) {
            return Ok(());
        }
        let mut loaded = Partition::new(PartitionId(partition));
        if !planted("snapshot-forgets-partition-seq") {
            loaded.seq = section.partition_seq;
        }
        for image in images(section.payload) {
            let image = image.ok_or(RecoveryError::SectionLength { partition })?;
            let image = decode_image(image, plans)
                .map_err(|source| RecoveryError::Section { partition, source })?;
            let machine = Machine::from_image(image)
                .map_err(|source| RecoveryError::Image { partition, source })?;
            self.last_at = self.last_at.max(machine.last_at());
            loaded.machines.insert(machine.id(), machine);
        }
        self.partitions.insert(loaded.id, loaded);
        Ok(())
    }

    /// Applies every durable record after what is here. `after` sees each machine once its record
    /// was applied. Returns records and payload bytes.
    ///
    /// # Errors
    /// As [`State::recover`].
    pub fn catch_up(
        &mut self,
        reader: &dyn JournalReader,
        plans: &dyn PlanSource,
        mut after: impl FnMut(&Machine, &[usher_engine::Event]),
    ) -> Result<(u64, u64), RecoveryError> {
        let (mut records, mut bytes, mut failed) = (0, 0, None);
        let is_late = planted("replay-starts-one-late") && self.covers.seq > 0;
        let from_seq = self.covers.seq + 1 + u64::from(is_late);
        let mut visit = |record: Record<'_>| match self.apply(&record, plans, &mut after) {
            Ok(()) => {
                records += 1;
                bytes += record.payload.len() as u64;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        };
        reader.read(from_seq, &mut visit)?;
        failed.map_or(Ok((records, bytes)), Err)
    }

    fn apply(
        &mut self,
        record: &Record<'_>,
        plans: &dyn PlanSource,
        after: &mut impl FnMut(&Machine, &[usher_engine::Event]),
    ) -> Result<(), RecoveryError> {
        let partition = PartitionId(record.partition);
        if !self.wants(partition) {
            self.covers = Covers { seq: record.seq, checksum: record.checksum };
            return Ok(());
        }
        let decoded = decode_record(record.payload, plans).map_err(|source| {
            RecoveryError::Record { seq: record.seq, partition: record.partition, source }
        })?;
        let owned = self.partitions.entry(partition).or_insert_with(|| Partition::new(partition));
        let machine =
            owned.machines.entry(decoded.id).or_insert_with(|| Machine::vacant(decoded.id));
        machine.apply(&decoded.events, decoded.at);
        // Views of what was recovered are published whole.
        match machine {
            Machine::Inventory(inventory) => inventory.drain_changes(|_, _| {}),
            Machine::Room(room) => room.drain_changes(|_, _| {}),
            Machine::Accounts(_) => {}
        }
        after(machine, &decoded.events);
        owned.seq = record.partition_seq;
        self.covers = Covers { seq: record.seq, checksum: record.checksum };
        self.last_at = self.last_at.max(decoded.at);
        Ok(())
    }

    fn wants(&self, partition: PartitionId) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&partition))
    }

    /// Publishes every inventory whole, for readers that begin now.
    pub fn publish(&self, directory: &Arc<Directory>) {
        let all = || self.partitions.values().flat_map(Partition::inventories);
        // Houses first, since segments are published inside their show's view.
        for is_house in [true, false] {
            all()
                .filter(|inventory| inventory.id().is_house() == is_house)
                .for_each(|inventory| publish_recovered(directory, inventory));
        }
        publish_recovered_keys(directory, self.partitions.values());
        let machines = self.partitions.values().flat_map(|partition| partition.machines.values());
        machines
            .filter_map(Machine::as_room)
            .for_each(|room| publish_recovered_room(directory, room));
    }

    /// Writes a snapshot of this state, one section per partition.
    ///
    /// # Errors
    /// See [`SnapshotError`]; a snapshot that failed does not exist.
    pub fn write_snapshot(&self, to: &dyn Snapshots) -> Result<SnapshotInfo, SnapshotError> {
        let mut writer = to.begin(self.covers)?;
        let (mut image, mut section) = (Vec::new(), Vec::new());
        for partition in self.partitions.values() {
            section.clear();
            for machine in partition.machines.values() {
                image.clear();
                encode_image(&machine.image(), &mut image);
                add_image(&image, &mut section);
            }
            writer.section(partition.id.0, partition.seq, &section)?;
        }
        writer.finish()
    }

    /// One inventory.
    #[must_use]
    pub fn inventory(&self, id: MachineId) -> Option<&Inventory> {
        self.partitions.get(&id.partition())?.machines.get(&id)?.as_inventory()
    }
}

/// Splits a section into the images in it: each a little-endian u32 length and so many bytes.
/// `None` where it is cut short.
fn images(mut payload: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if payload.is_empty() {
            return None;
        }
        let split = payload
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
        payload = split.map_or(&[], |(_, rest)| rest);
        Some(split.map(|(image, _)| image))
    })
}

/// Adds one image to a section.
fn add_image(image: &[u8], section: &mut Vec<u8>) {
    let length = u32::try_from(image.len()).expect("an image is far below 4 GiB");
    section.extend_from_slice(&length.to_le_bytes());
    section.extend_from_slice(image);
}

/// Plans that were asked for once during a recovery: many shows share one, and loading is slow.
struct Remembered<'a> {
    source: &'a dyn PlanSource,
    known: std::cell::RefCell<HashMap<PlanId, Option<Arc<SeatPlan>>>>,
}

impl<'a> Remembered<'a> {
    fn new(source: &'a dyn PlanSource) -> Self {
        Self { source, known: std::cell::RefCell::default() }
    }
}

impl PlanSource for Remembered<'_> {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        self.known.borrow_mut().entry(id).or_insert_with(|| self.source.plan(id)).clone()
    }
}
