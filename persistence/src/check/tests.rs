//! What verification, cutting, backup and restore do to real directories.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::*;
use crate::data_dir::DataDir;
use crate::frame::Chain;
use crate::journal::{Damage, Generation, Journal, JournalError, Pending};
use crate::plans::PlanStore;
use crate::sled_journal::chunk;
use crate::sled_journal::store::Store;
use crate::sled_journal::{SledJournal, SledOptions};
use crate::snapshots::{Covers, FileSnapshots, Snapshots};

fn open(journal: &Path) -> Result<SledJournal, JournalError> {
    SledJournal::open(SledOptions::new(journal)).map(|(journal, _)| journal)
}

fn payload(seq: u64) -> Vec<u8> {
    vec![u8::try_from(seq % 256).unwrap(); if seq.is_multiple_of(5) { 9_000 } else { 60 }]
}

/// Appends records up to `last_seq`, two to a batch; sequence and partition sequence are one.
fn append(journal: &mut SledJournal, last_seq: u64) {
    while journal.last_seq() < last_seq {
        let first_seq = journal.last_seq() + 1;
        let batch = [first_seq, first_seq + 1].map(|seq| (seq, payload(seq)));
        let pending = batch.each_ref().map(|(partition_seq, payload)| Pending {
            partition: 9,
            partition_seq: *partition_seq,
            payload,
        });
        journal.append(&pending).unwrap();
    }
}

/// A journal of three generations: 1 to 20, 21 to 40, 41 to 50.
fn three_generations(journal: &Path) {
    let mut writer = open(journal).unwrap();
    for last_seq in [20, 40] {
        append(&mut writer, last_seq);
        writer.rotate().unwrap();
    }
    append(&mut writer, 50);
}

/// Reads from `from_seq` on; every record is the one that was written. Returns the last sequence.
fn read(journal: &SledJournal, from_seq: u64) -> u64 {
    let reader = journal.reader();
    let last = reader.read(from_seq, &mut |record| {
        assert!(record.payload == payload(record.seq), "record {}", record.seq);
        ControlFlow::Continue(())
    });
    last.unwrap()
}

/// Flips a bit in a chunk of the batch that begins at `first_seq`, in the raw file.
fn flip_record(journal: &Path, generation: u32, first_seq: u64) {
    let path = journal.join(Generation(generation).to_string()).join("db");
    let mut bytes = fs::read(&path).unwrap();
    let is_chunk = |at: &usize| {
        bytes[*at..].starts_with(&chunk::CHUNK_MAGIC)
            && bytes[at + 16..at + 24] == first_seq.to_le_bytes()
    };
    // sled may hold copies: all of them are hurt.
    let found: Vec<usize> = (0..bytes.len() - 100).filter(is_chunk).collect();
    assert!(!found.is_empty());
    found.iter().for_each(|at| bytes[at + 60] ^= 1);
    fs::write(&path, bytes).unwrap();
}

/// Hurts what only sled knows, so that it does not open.
fn hurt_store(journal: &Path, generation: u32) {
    let path = journal.join(Generation(generation).to_string()).join("conf");
    fs::write(path, b"segment_size: 17\n").unwrap();
}

/// Names in a directory that end like this.
fn names_with(dir: &Path, end: &str) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(end)).collect();
    names.sort();
    names
}

#[test]
fn verify_says_what_is_there_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    three_generations(&journal);
    let files = |path: &Path| -> Vec<Vec<u8>> {
        let mut names: Vec<PathBuf> =
            fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        names.iter().filter(|path| path.is_file()).map(|path| fs::read(path).unwrap()).collect()
    };
    let before =
        [files(&journal), files(&journal.join("00000001")), files(&journal.join("00000003"))];
    let report = verify(&journal, None).unwrap();
    assert!(report.is_whole(), "{report:?}");
    let spans: Vec<_> =
        report.generations.iter().map(|g| (g.first_seq, g.last_seq, g.records, g.blobs)).collect();
    assert_eq!(spans, [(1, 20, 20, 0), (21, 40, 20, 0), (41, 50, 10, 0)]);
    assert_eq!((report.good_seq, report.acknowledged), (50, Some(50)));
    let scratch = dir.path().join("scratch");
    let report = verify(&journal, Some(&scratch)).unwrap();
    let stores: Vec<_> = report.generations.into_iter().map(|g| g.store).collect();
    assert_eq!(stores, [20, 40, 50].map(|last_seq| StoreVerdict::Opens { last_seq }));
    assert_eq!(fs::read_dir(scratch).unwrap().count(), 0);
    let after =
        [files(&journal), files(&journal.join("00000001")), files(&journal.join("00000003"))];
    assert!(before == after);
    assert_eq!(verify(&dir.path().join("scratch"), None).unwrap().good_seq, 0);
}

#[test]
fn verify_names_the_first_damage() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    three_generations(&journal);
    flip_record(&journal, 2, 31);
    let report = verify(&journal, None).unwrap();
    let (place, damage) = report.damage.clone().unwrap();
    assert_eq!((place.generation, place.good_seq), (Generation(2), 30));
    assert!(matches!(
        damage,
        Damage::Incomplete { first_seq: 31, .. } | Damage::AcknowledgedLost { recovered: 30, .. }
    ));
    assert!(place.offset.is_some());
    assert_eq!((report.good_seq, report.unreachable), (30, vec![Generation(3)]));
    hurt_store(&journal, 1);
    let report = verify(&journal, Some(&dir.path().join("scratch"))).unwrap();
    assert!(matches!(report.generations[0].store, StoreVerdict::Refuses { .. }));
}

#[test]
fn a_cut_ends_the_journal_before_the_damage() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    three_generations(&journal);
    flip_record(&journal, 2, 31);
    assert!(matches!(open(&journal).map(drop), Err(JournalError::Damaged { .. })));
    let report = cut(&journal, None).unwrap();
    assert_eq!((report.last_seq, report.acknowledged), (30, Some(50)));
    assert_eq!(names_with(&journal, ".damaged"), ["00000002.damaged", "00000003.damaged"]);
    let mut writer = open(&journal).unwrap();
    assert_eq!(read(&writer, 1), 30);
    append(&mut writer, 34);
    drop(writer);
    assert_eq!(read(&open(&journal).unwrap(), 1), 34);
    assert!(matches!(cut(&journal, None), Err(CutError::NothingToCut { last_seq: 34 })));
}

#[test]
fn a_cut_at_a_sequence_gives_up_what_is_later() {
    for (at_seq, damaged) in [(50, 1), (45, 1), (40, 1), (39, 2), (21, 2), (20, 2), (7, 3), (0, 3)]
    {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal");
        three_generations(&journal);
        assert_eq!(cut(&journal, Some(at_seq)).unwrap().last_seq, at_seq);
        assert_eq!(names_with(&journal, ".damaged").len(), damaged, "cut at {at_seq}");
        let mut writer = open(&journal).unwrap();
        assert_eq!(read(&writer, 1), at_seq);
        append(&mut writer, at_seq + 2);
        assert_eq!(read(&writer, 1), at_seq + 2);
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    three_generations(&journal);
    let refused = cut(&journal, Some(51));
    assert!(matches!(refused, Err(CutError::OutOfRange { first_seq: 1, last_seq: 50, .. })));
}

#[test]
fn where_only_the_store_is_hurt_nothing_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    three_generations(&journal);
    hurt_store(&journal, 1);
    hurt_store(&journal, 3);
    assert!(matches!(open(&journal).map(drop), Err(JournalError::Damaged { .. })));
    let report = cut(&journal, None).unwrap();
    assert_eq!((report.last_seq, report.acknowledged), (50, Some(50)));
    assert_eq!(names_with(&journal, ".damaged"), ["00000001.damaged", "00000003.damaged"]);
    assert_eq!(read(&open(&journal).unwrap(), 1), 50);
    // Batches that sled dropped without a word come back the same way.
    let store = Store::open(&journal.join("00000003"), 1 << 20).unwrap();
    store.remove(&chunk::key(47, 0)).unwrap();
    store.remove(&chunk::key(49, 0)).unwrap();
    store.write_out().unwrap();
    drop(store);
    assert!(matches!(open(&journal).map(drop), Err(JournalError::Damaged { .. })));
    assert_eq!(cut(&journal, None).unwrap().last_seq, 50);
    assert_eq!(read(&open(&journal).unwrap(), 1), 50);
}

#[test]
fn an_interrupted_cut_lets_no_server_start_and_is_finished_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    three_generations(&journal);
    cut(&journal, Some(30)).unwrap();
    // Back to the moment before the last rename.
    fs::rename(journal.join("00000002"), journal.join("00000002.cut")).unwrap();
    let refused = open(&journal).map(drop);
    let Err(JournalError::Damaged { damage, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(damage, Damage::UnfinishedCut);
    assert_eq!(cut(&journal, None).unwrap().last_seq, 30);
    assert_eq!(read(&open(&journal).unwrap(), 1), 30);
    // Back to the moment when nothing had been renamed yet.
    fs::rename(journal.join("00000002"), journal.join("00000002.cut")).unwrap();
    for name in ["00000002", "00000003"] {
        fs::rename(journal.join(format!("{name}.damaged")), journal.join(name)).unwrap();
    }
    assert_eq!(cut(&journal, None).unwrap().last_seq, 30);
    assert_eq!(read(&open(&journal).unwrap(), 1), 30);
    // One without a manifest had not come far enough to count.
    fs::create_dir(journal.join("00000002.cut")).unwrap();
    assert!(open(&journal).is_err());
    assert!(matches!(cut(&journal, None), Err(CutError::NothingToCut { last_seq: 30 })));
    assert_eq!(read(&open(&journal).unwrap(), 1), 30);
}

#[test]
fn a_journal_in_use_is_not_cut() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let _open = open(&journal).unwrap();
    let refused = cut(&journal, Some(0));
    assert!(matches!(refused, Err(CutError::Journal(JournalError::InUse(_)))));
}

/// A data directory with a journal of 50 records, and perhaps a snapshot.
fn selling(root: &Path, snapshot_seq: Option<u64>) -> (DataDir, SledJournal) {
    let data = DataDir::new(root.join("data"));
    three_generations(&data.journal());
    let journal = open(&data.journal()).unwrap();
    if let Some(seq) = snapshot_seq {
        let mut checksum = 0;
        let visit = &mut |record: crate::frame::Record<'_>| {
            checksum = record.checksum;
            ControlFlow::Break(())
        };
        journal.reader().read(seq, visit).unwrap();
        let snapshots = FileSnapshots::open(data.snapshots(), 2).unwrap();
        let mut writer = snapshots.begin(Covers { seq, checksum }).unwrap();
        writer.section(9, seq, b"state").unwrap();
        writer.finish().unwrap();
    }
    PlanStore::open(data.plans()).unwrap().put(b"a plan").unwrap();
    (data, journal)
}

fn back_up(data: &DataDir, journal: &SledJournal, to: &Path) -> BackupReport {
    let snapshots = FileSnapshots::open(data.snapshots(), 2).unwrap();
    let plans = PlanStore::open(data.plans()).unwrap();
    backup(&*journal.reader(), &snapshots, &plans, to).unwrap()
}

#[test]
fn what_is_backed_up_while_selling_is_restored_and_sells_on() {
    for snapshot_seq in [None, Some(33), Some(50)] {
        let root = tempfile::tempdir().unwrap();
        let (data, mut journal) = selling(root.path(), snapshot_seq);
        let (copy, restored) = (root.path().join("copy"), root.path().join("restored"));
        let report = back_up(&data, &journal, &copy);
        let covered = snapshot_seq.unwrap_or(0);
        let expected =
            BackupReport { snapshot_seq: covered, last_seq: 50, records: 50 - covered, plans: 1 };
        assert_eq!(report, expected);
        append(&mut journal, 60);
        assert_eq!(restore(&copy, &restored).unwrap(), expected);
        let restored = DataDir::new(restored);
        let mut writer = open(&restored.journal()).unwrap();
        assert_eq!(writer.reader().first_seq(), covered + 1);
        assert_eq!(read(&writer, covered + 1), 50);
        let plans = PlanStore::open(restored.plans()).unwrap();
        assert_eq!(*plans.get(&PlanStore::id_of(b"a plan")).unwrap().unwrap(), *b"a plan");
        let snapshots = FileSnapshots::open(restored.snapshots(), 2).unwrap();
        let snapshot = snapshots.newest().unwrap().snapshot;
        assert_eq!(snapshot.map(|s| s.info().covers.seq), snapshot_seq);
        // It goes on as the original did: the chain is the same.
        append(&mut writer, 60);
        assert_eq!(writer.chain(), journal.chain());
        assert!(!restored.keys().exists(), "keys are never in a backup");
    }
}

#[test]
fn nothing_is_written_over_and_nothing_damaged_is_restored() {
    let root = tempfile::tempdir().unwrap();
    let (data, journal) = selling(root.path(), Some(33));
    let (copy, restored) = (root.path().join("copy"), root.path().join("restored"));
    back_up(&data, &journal, &copy);
    fs::create_dir(&restored).unwrap();
    fs::write(restored.join("precious"), b"x").unwrap();
    assert!(matches!(restore(&copy, &restored), Err(BackupError::NotEmpty(_))));
    let plans = PlanStore::open(data.plans()).unwrap();
    let snapshots = FileSnapshots::open(data.snapshots(), 2).unwrap();
    let again = backup(&*journal.reader(), &snapshots, &plans, &copy);
    assert!(matches!(again, Err(BackupError::NotEmpty(_))));
    fs::remove_file(restored.join("precious")).unwrap();

    let records = copy.join("records.usher");
    let whole = fs::read(&records).unwrap();
    let refuses = |bytes: &[u8]| {
        fs::write(&records, bytes).unwrap();
        assert!(restore(&copy, &restored).is_err());
        assert_eq!(fs::read_dir(&restored).unwrap().count(), 0);
    };
    for at in (0..whole.len()).step_by(97).chain(whole.len() - 24..whole.len()) {
        let mut flipped = whole.clone();
        flipped[at] ^= 8;
        refuses(&flipped);
    }
    for length in [0, 10, 27, 40, whole.len() / 2, whole.len() - 1] {
        refuses(&whole[..length]);
    }
    fs::remove_file(&records).unwrap();
    assert!(matches!(restore(&copy, &restored), Err(BackupError::Damaged { .. })));
    fs::write(&records, &whole).unwrap();
    let snapshot = fs::read_dir(copy.join("snapshots")).unwrap().next().unwrap().unwrap().path();
    let snapshot_whole = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &snapshot_whole[1..]).unwrap();
    assert!(matches!(restore(&copy, &restored), Err(BackupError::Damaged { .. })));
    fs::write(&snapshot, &snapshot_whole).unwrap();
    // What an interrupted restore left is in nobody's way.
    fs::create_dir_all(root.path().join("restored.restoring").join("journal")).unwrap();
    assert_eq!(restore(&copy, &restored).unwrap().last_seq, 50);
    assert_eq!(read(&open(&DataDir::new(restored).journal()).unwrap(), 34), 50);
}

#[test]
fn partitions_that_the_snapshot_does_not_know_are_restored_too() {
    let root = tempfile::tempdir().unwrap();
    let data = DataDir::new(root.path().join("data"));
    let start = Chain::at(100, 5, [(1, 60), (2, 40)]);
    let options = SledOptions::new(data.journal());
    let (mut journal, _) = SledJournal::open_or_begin(options, &start).unwrap();
    let pending = |partition, partition_seq| Pending { partition, partition_seq, payload: b"x" };
    journal.append(&[pending(2, 41), pending(1, 61), pending(7, 1)]).unwrap();
    let snapshots = FileSnapshots::open(data.snapshots(), 2).unwrap();
    let mut writer = snapshots.begin(Covers { seq: 100, checksum: 5 }).unwrap();
    writer.section(1, 60, b"only one").unwrap();
    writer.finish().unwrap();
    let copy = root.path().join("copy");
    back_up(&data, &journal, &copy);
    let restored = root.path().join("restored");
    assert_eq!(restore(&copy, &restored).unwrap().records, 3);
    let restored = open(&DataDir::new(restored).journal()).unwrap();
    assert_eq!(restored.chain(), journal.chain());
}
