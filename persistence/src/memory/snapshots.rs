//! Snapshots in memory, for tests and the simulator: they outlive a restart and can be damaged.
//!
//! They promise what the files do: a snapshot exists once it is finished, the newest whole one is
//! found, and a damaged one is passed over.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use usher_engine::planted::planted;

use crate::snapshots::{
    Covers, KEEP_MIN, Newest, Section, Skipped, SnapshotError, SnapshotInfo, SnapshotReader,
    SnapshotWriter, Snapshots,
};

/// Snapshots that survive a crash. Clones are handles on the same ones.
#[derive(Clone, Debug, Default)]
pub struct MemorySnapshots(Arc<Mutex<Vec<Kept>>>);

#[derive(Clone, Debug)]
struct Kept {
    covers: Covers,
    sections: Vec<KeptSection>,
    is_damaged: bool,
}

#[derive(Clone, Debug)]
struct KeptSection {
    partition: u16,
    partition_seq: u64,
    payload: Arc<[u8]>,
}

impl MemorySnapshots {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Damages the newest snapshot; returns whether there is one that was whole.
    #[must_use]
    pub fn damage_newest(&self) -> bool {
        let mut kept = self.lock();
        let newest = kept.last_mut().filter(|newest| !newest.is_damaged);
        newest.map(|newest| newest.is_damaged = true).is_some()
    }

    /// Snapshots that are whole.
    #[must_use]
    pub fn whole(&self) -> usize {
        self.lock().iter().filter(|kept| !kept.is_damaged).count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots for MemorySnapshots {
    fn begin(&self, covers: Covers) -> Result<Box<dyn SnapshotWriter>, SnapshotError> {
        let kept = Kept { covers, sections: Vec::new(), is_damaged: false };
        if planted("unfinished-snapshot-counts") {
            self.lock().push(kept.clone());
        }
        Ok(Box::new(Writer { store: self.clone(), kept }))
    }

    fn newest(&self) -> Result<Newest, SnapshotError> {
        let mut skipped = Vec::new();
        let all = self.lock();
        for kept in all.iter().rev() {
            if kept.is_damaged {
                skipped.push(Skipped { path: kept.info().path, reason: "damaged".into() });
                continue;
            }
            let mut info = kept.info();
            if planted("replay-from-the-damaged-snapshot") {
                info.covers = all.last().map_or(info.covers, |newest| newest.covers);
            }
            let reader = Reader { info, sections: kept.sections.clone() };
            return Ok(Newest { snapshot: Some(Box::new(reader)), skipped });
        }
        Ok(Newest { snapshot: None, skipped })
    }

    fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        Ok(self.lock().iter().rev().map(Kept::info).collect())
    }

    fn covered_seq(&self) -> Result<u64, SnapshotError> {
        let kept = self.lock();
        let is_newest = planted("journal-cut-behind-newest-snapshot");
        let oldest = if is_newest { kept.last() } else { kept.first() };
        let oldest = oldest.filter(|_| kept.len() >= KEEP_MIN);
        Ok(oldest.map_or(0, |oldest| oldest.covers.seq))
    }
}

struct Writer {
    store: MemorySnapshots,
    kept: Kept,
}

impl SnapshotWriter for Writer {
    fn section(
        &mut self,
        partition: u16,
        partition_seq: u64,
        payload: &[u8],
    ) -> Result<(), SnapshotError> {
        let payload = payload.into();
        self.kept.sections.push(KeptSection { partition, partition_seq, payload });
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<SnapshotInfo, SnapshotError> {
        let info = self.kept.info();
        let mut kept = self.store.lock();
        // As with files, a snapshot of the same position takes the place of the one before.
        kept.retain(|earlier| earlier.covers.seq != self.kept.covers.seq);
        kept.push(self.kept);
        let surplus = kept.len().saturating_sub(KEEP_MIN);
        kept.drain(..surplus);
        Ok(info)
    }
}

struct Reader {
    info: SnapshotInfo,
    sections: Vec<KeptSection>,
}

impl SnapshotReader for Reader {
    fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    fn for_each(
        &mut self,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError> {
        for kept in &self.sections {
            if visit(kept.section()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn for_partition(
        &mut self,
        partition: u16,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError> {
        for kept in self.sections.iter().filter(|kept| kept.partition == partition) {
            if visit(kept.section()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn heads(&self) -> Vec<(u16, u64)> {
        self.sections.iter().map(|kept| (kept.partition, kept.partition_seq)).collect()
    }
}

impl Kept {
    fn info(&self) -> SnapshotInfo {
        SnapshotInfo {
            covers: self.covers,
            sections: self.sections.len() as u64,
            bytes: self.sections.iter().map(|kept| kept.payload.len() as u64).sum(),
            written: SystemTime::UNIX_EPOCH,
            path: PathBuf::from(format!("memory/{}", self.covers.seq)),
        }
    }
}

impl KeptSection {
    fn section(&self) -> Section<'_> {
        let Self { partition, partition_seq, payload } = self;
        Section { partition: *partition, partition_seq: *partition_seq, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(store: &MemorySnapshots, seq: u64) {
        let mut writer = store.begin(Covers { seq, checksum: 0 }).unwrap();
        writer.section(3, seq, &[seq as u8]).unwrap();
        writer.finish().unwrap();
    }

    fn newest(store: &MemorySnapshots) -> Option<(u64, Vec<u8>)> {
        let mut reader = store.newest().unwrap().snapshot?;
        let mut payload = Vec::new();
        let mut take = |section: Section<'_>| {
            payload.extend_from_slice(section.payload);
            ControlFlow::Continue(())
        };
        reader.for_each(&mut take).unwrap();
        Some((reader.info().covers.seq, payload))
    }

    #[test]
    fn the_newest_whole_one_is_found_and_two_are_kept() {
        let store = MemorySnapshots::new();
        assert_eq!(newest(&store), None);
        drop(store.begin(Covers { seq: 4, checksum: 0 }).unwrap());
        assert_eq!((newest(&store), store.whole()), (None, 0), "it was never finished");
        write(&store, 5);
        assert_eq!(store.covered_seq().unwrap(), 0, "one alone covers nothing");
        write(&store, 7);
        write(&store, 9);
        assert_eq!((newest(&store), store.covered_seq().unwrap()), (Some((9, vec![9])), 7));
        let listed: Vec<u64> = store.list().unwrap().iter().map(|info| info.covers.seq).collect();
        assert_eq!((listed, store.whole()), (vec![9, 7], 2));
        assert!(store.damage_newest() && !store.damage_newest());
        assert_eq!((newest(&store), store.whole()), (Some((7, vec![7])), 1));
        assert_eq!(store.newest().unwrap().skipped.len(), 1);
        write(&store, 9);
        assert_eq!(newest(&store), Some((9, vec![9])), "written anew");
    }

    #[test]
    fn a_partition_is_found_by_itself() {
        let store = MemorySnapshots::new();
        let mut writer = store.begin(Covers { seq: 30, checksum: 0 }).unwrap();
        for (partition, partition_seq, payload) in [(3, 20, b"c"), (5, 10, b"e")] {
            writer.section(partition, partition_seq, payload).unwrap();
        }
        let info = writer.finish().unwrap();
        assert_eq!((info.covers.seq, info.sections, info.bytes), (30, 2, 2));
        let mut reader = store.newest().unwrap().snapshot.expect("a whole one");
        assert_eq!(reader.heads(), [(3, 20), (5, 10)]);
        for (partition, expected) in [(3, b"c".as_slice()), (5, b"e"), (7, b"")] {
            let mut payload = Vec::new();
            let mut take = |section: Section<'_>| {
                payload.extend_from_slice(section.payload);
                ControlFlow::Continue(())
            };
            reader.for_partition(partition, &mut take).unwrap();
            assert_eq!(payload, expected, "partition {partition}");
        }
    }
}
