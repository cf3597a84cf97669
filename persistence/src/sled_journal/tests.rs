//! The sled journal over restarts: torn tails, rotation, what recovery gives back.

use std::ops::ControlFlow;

use super::*;
use crate::journal::{Damage, TailCut};

/// A journal directory, and the payloads that were acknowledged.
struct Bench {
    dir: tempfile::TempDir,
    kept: Vec<Vec<u8>>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), kept: Vec::new() }
    }

    fn options(&self) -> SledOptions {
        SledOptions::new(self.dir.path().join("journal"))
    }

    fn try_open(&self) -> Result<(SledJournal, RecoveryReport), JournalError> {
        SledJournal::open(self.options())
    }

    fn open(&self) -> (SledJournal, RecoveryReport) {
        self.try_open().unwrap()
    }

    /// Appends one batch of records with payloads of these sizes, all of partition 3.
    fn append(&mut self, journal: &mut SledJournal, sizes: &[usize]) -> Appended {
        let before = self.kept.len();
        for size in sizes {
            let fill = u8::try_from(self.kept.len() % 256).unwrap();
            self.kept.push(vec![fill; *size]);
        }
        let pending: Vec<_> = (before as u64 + 1..)
            .zip(&self.kept[before..])
            .map(|(partition_seq, payload)| Pending { partition: 3, partition_seq, payload })
            .collect();
        journal.append(&pending).unwrap()
    }

    /// Everything that was acknowledged is there, and nothing else.
    fn check(&self, journal: &SledJournal) {
        let mut read = Vec::new();
        let last = journal.reader().read(1, &mut |record| {
            assert_eq!(record.seq, read.len() as u64 + 1);
            read.push(record.payload.to_vec());
            ControlFlow::Continue(())
        });
        assert_eq!(last.unwrap(), self.kept.len() as u64);
        assert!(read == self.kept, "the journal gives back what was appended");
    }

    fn generation_dir(&self, generation: u32) -> PathBuf {
        generation_dir(&self.options().dir, Generation(generation))
    }

    /// Opens the database of a closed journal behind its back.
    fn tamper(&self, generation: u32, change: impl FnOnce(&Store)) {
        let store = Store::open(&self.generation_dir(generation), 1 << 20).unwrap();
        change(&store);
        store.write_out().unwrap();
        store.make_durable().unwrap();
    }

    fn damage(&self) -> (Place, Damage) {
        match self.try_open().map(drop) {
            Err(JournalError::Damaged { place, damage }) => (*place, damage),
            other => panic!("expected damage, found {other:?}"),
        }
    }
}

#[test]
fn batches_of_every_size_are_there_after_reopening_and_no_blob_is() {
    let mut bench = Bench::new();
    let (mut journal, report) = bench.open();
    assert_eq!((report.records, report.generations, report.last_seq), (0, 1, 0));
    for size in [100, 1_000, 7_126, 7_127, 20_000, 128 * 1024, 200_000, 1_000_000] {
        let appended = bench.append(&mut journal, &[size]);
        assert_eq!(appended.last_seq, journal.last_seq());
        assert_eq!(appended.chunks as usize, (size + 44).div_ceil(7 * 1024 - 42));
        bench.append(&mut journal, &vec![100; size / 144 + 1]);
    }
    bench.check(&journal);
    drop(journal);
    let (journal, report) = bench.open();
    bench.check(&journal);
    assert_eq!(report.records, bench.kept.len() as u64);
    assert_eq!((report.tail_cut, report.salvaged), (None, 0));
    let blobs = bench.generation_dir(1).join("blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 0);
}

#[test]
fn appends_go_on_where_the_journal_ended() {
    let mut bench = Bench::new();
    for round in 0..4 {
        let (mut journal, _) = bench.open();
        assert_eq!(journal.last_seq(), round * 3);
        bench.append(&mut journal, &[10, 0]);
        let appended = bench.append(&mut journal, &[30]);
        assert_eq!((appended.first_seq, appended.last_seq), (round * 3 + 3, round * 3 + 3));
        bench.check(&journal);
    }
}

#[test]
fn what_cannot_follow_is_rejected_and_does_no_harm() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    bench.append(&mut journal, &[10]);
    let gap = [Pending { partition: 3, partition_seq: 3, payload: b"" }];
    assert!(matches!(journal.append(&gap), Err(JournalError::Rejected(_))));
    let large = vec![0; 16 * 1024 * 1024];
    let large: Vec<_> =
        (2..7).map(|n| Pending { partition: 3, partition_seq: n, payload: &large }).collect();
    assert!(matches!(journal.append(&large), Err(JournalError::BatchTooLarge { .. })));
    assert_eq!(journal.append(&[]).unwrap().chunks, 0);
    bench.append(&mut journal, &[10]);
    bench.check(&journal);
}

#[test]
fn a_torn_tail_is_cut_and_reported() {
    for lost in [0, 1, 2] {
        let mut bench = Bench::new();
        let (mut journal, _) = bench.open();
        bench.append(&mut journal, &[50, 60]);
        drop(journal);
        // A batch of three chunks of which one did not reach the disk.
        let manifest = Manifest::read(&bench.generation_dir(1)).unwrap().unwrap().unwrap();
        let (mut frames, mut chain) = (Vec::new(), bench.open().0.chain().clone());
        chain.frame(3, 3, &[9; 20_000], &mut frames).unwrap();
        bench.tamper(1, |store| {
            let batch = BatchId::of(3, &frames, manifest.salt);
            let mut value = Vec::new();
            for index in (0..3).filter(|index| *index != lost) {
                chunk::encode(batch, &frames, index, manifest.salt, &mut value);
                store.insert(&chunk::key(3, index), &value).unwrap();
            }
        });
        let (mut journal, report) = bench.open();
        let cut = TailCut { first_seq: 3, chunks: 2, chunks_expected: 3 };
        assert_eq!((report.tail_cut, report.records), (Some(cut), 2), "without chunk {lost}");
        bench.check(&journal);
        // Another batch takes its place, and the remains in the file do not disturb it.
        bench.append(&mut journal, &[20_000]);
        drop(journal);
        let (journal, report) = bench.open();
        assert_eq!((report.tail_cut, report.salvaged, report.records), (None, 0, 3));
        bench.check(&journal);
    }
}

#[test]
fn a_last_batch_that_sled_dropped_is_salvaged_from_the_raw_file() {
    for removed in [&[0_u16, 1, 2][..], &[2], &[0]] {
        let mut bench = Bench::new();
        let (mut journal, _) = bench.open();
        bench.append(&mut journal, &[50]);
        bench.append(&mut journal, &[20_000]);
        drop(journal);
        bench.tamper(1, |store| {
            removed.iter().for_each(|index| store.remove(&chunk::key(2, *index)).unwrap());
        });
        let (journal, report) = bench.open();
        assert_eq!((report.salvaged, report.tail_cut, report.records), (1, None, 2));
        bench.check(&journal);
        drop(journal);
        let (journal, report) = bench.open();
        assert_eq!((report.salvaged, report.records), (0, 2), "it was written again");
        bench.check(&journal);
    }
}

#[test]
fn acknowledged_batches_that_sled_dropped_are_never_lost_silently() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    for _ in 0..3 {
        bench.append(&mut journal, &[500]);
    }
    drop(journal);
    bench.tamper(1, |store| {
        store.remove(&chunk::key(2, 0)).unwrap();
        store.remove(&chunk::key(3, 0)).unwrap();
    });
    let lost = Damage::AcknowledgedLost { acknowledged: 2, recovered: 1 };
    let (place, damage) = bench.damage();
    assert_eq!(damage, lost);
    assert_eq!((place.generation, place.good_seq), (Generation(1), 1));
    assert!(place.offset.is_some() && place.file.ends_with("00000001/db"), "{place}");
    // Refusing once does not destroy the evidence, even if sled overwrites the file's end.
    let data = bench.generation_dir(1).join("db");
    let raw = fs::read(&data).unwrap();
    let cleaned: Vec<u8> = raw.iter().map(|b| if *b == 0xF5 { 0 } else { *b }).collect();
    assert_ne!(raw, cleaned);
    let rescue = bench.options().dir.join("rescue");
    let salt = Manifest::read(&bench.generation_dir(1)).unwrap().unwrap().unwrap().salt;
    assert_eq!(raw::RawTail::find(&[rescue], salt).unwrap().first_seq, 3);
    assert_eq!(bench.damage().1, lost);
}

#[test]
fn the_acknowledged_note_finds_a_loss_that_left_no_other_trace() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    bench.append(&mut journal, &[500]);
    drop(journal);
    let watermark = Watermark::open(&bench.options().dir).unwrap();
    watermark.note(5).unwrap();
    let lost = Damage::AcknowledgedLost { acknowledged: 5, recovered: 1 };
    assert_eq!(bench.damage().1, lost);
    watermark.note(1).unwrap();
    bench.check(&bench.open().0);
    fs::remove_dir_all(bench.generation_dir(1)).unwrap();
    let lost = Damage::AcknowledgedLost { acknowledged: 1, recovered: 0 };
    assert_eq!(bench.damage().1, lost);
}

#[test]
fn damage_before_valid_records_refuses_and_names_the_place() {
    let check = |change: &dyn Fn(&Store, u64), expected: Damage, key: Option<(u64, u16)>| {
        let mut bench = Bench::new();
        let (mut journal, _) = bench.open();
        for _ in 0..4 {
            bench.append(&mut journal, &[20_000]);
        }
        drop(journal);
        let salt = Manifest::read(&bench.generation_dir(1)).unwrap().unwrap().unwrap().salt;
        bench.tamper(1, |store| change(store, salt));
        for _ in 0..2 {
            let (place, damage) = bench.damage();
            assert_eq!((damage, place.key), (expected.clone(), key));
        }
    };
    let incomplete = Damage::Incomplete { first_seq: 2, found: 2, expected: 3 };
    check(&|store, _| store.remove(&chunk::key(2, 1)).unwrap(), incomplete.clone(), Some((3, 0)));
    check(&|store, _| store.remove(&chunk::key(2, 2)).unwrap(), incomplete, Some((3, 0)));
    let gap = crate::frame::FrameError::SequenceGap { expected: 2, found: 3 };
    let without_two = |store: &Store, _| {
        (0..3).for_each(|index| store.remove(&chunk::key(2, index)).unwrap());
    };
    check(&without_two, Damage::Frame(gap), Some((3, 2)));
    let rubbish = |store: &Store, _| store.insert(&chunk::key(2, 1), &[7; 900]).unwrap();
    let expected = Damage::Chunk("it does not begin as a chunk does");
    check(&rubbish, expected, Some((2, 1)));
    let misdirected = |store: &Store, salt| {
        let frames = [1; 300];
        let mut value = Vec::new();
        chunk::encode(BatchId::of(1, &frames, salt), &frames, 0, salt, &mut value);
        store.insert(&chunk::key(3, 0), &value).unwrap();
    };
    check(&misdirected, Damage::Chunk("it is stored under another key"), Some((3, 0)));
}

#[test]
fn generations_follow_each_other_and_go_when_told() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    assert_eq!(journal.rotate().unwrap(), Generation(1), "an empty generation stays");
    for generation in 2..=4 {
        bench.append(&mut journal, &[100; 5]);
        bench.append(&mut journal, &[100; 5]);
        assert_eq!(journal.rotate().unwrap(), Generation(generation));
    }
    bench.append(&mut journal, &[100]);
    bench.check(&journal);
    let spans = |journal: &SledJournal| -> Vec<_> {
        journal.generations().iter().map(|g| (g.generation.0, g.first_seq, g.last_seq)).collect()
    };
    assert_eq!(spans(&journal), [(1, 1, 10), (2, 11, 20), (3, 21, 30), (4, 31, 31)]);
    drop(journal);
    let (mut journal, report) = bench.open();
    assert_eq!((report.generations, report.records), (4, 31));
    bench.check(&journal);
    let reader = journal.reader();
    let in_use = journal.remove_through(Generation(4));
    assert!(matches!(in_use, Err(JournalError::GenerationInUse(Generation(4)))));
    assert_eq!(journal.remove_through(Generation(2)).unwrap(), 2);
    assert_eq!(journal.remove_through(Generation(2)).unwrap(), 0);
    let removed = reader.read(20, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(removed, Err(JournalError::Removed { from_seq: 20, first_seq: 21 })));
    assert_eq!(reader.first_seq(), 21);
    drop((journal, reader));
    let (journal, report) = bench.open();
    assert_eq!((report.generations, report.records, report.last_seq), (2, 11, 31));
    assert_eq!(spans(&journal), [(3, 21, 30), (4, 31, 31)]);
}

#[test]
fn a_rotation_or_removal_that_was_interrupted_is_finished() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    bench.append(&mut journal, &[100]);
    journal.rotate().unwrap();
    bench.append(&mut journal, &[100]);
    drop(journal);
    // A generation without a manifest never took a record.
    drop(Store::create(&bench.generation_dir(3), 1 << 20).unwrap());
    bench.check(&bench.open().0);
    assert!(!bench.generation_dir(3).exists());
    // One with records does not go.
    for name in ["manifest", "manifest.copy"] {
        fs::rename(bench.generation_dir(2).join(name), bench.dir.path().join(name)).unwrap();
    }
    assert!(matches!(bench.damage().1, Damage::Manifest(_)));
    for name in ["manifest", "manifest.copy"] {
        fs::rename(bench.dir.path().join(name), bench.generation_dir(2).join(name)).unwrap();
    }
    bench.check(&bench.open().0);
    let removing = with_suffix(&bench.generation_dir(1), REMOVING_SUFFIX);
    fs::rename(bench.generation_dir(1), &removing).unwrap();
    assert_eq!(bench.open().1.records, 1);
    assert!(!removing.exists());
}

#[test]
fn a_missing_or_shortened_generation_is_found() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    for _ in 0..3 {
        bench.append(&mut journal, &[100]);
        bench.append(&mut journal, &[100]);
        journal.rotate().unwrap();
    }
    drop(journal);
    let aside = bench.dir.path().join("aside");
    fs::rename(bench.generation_dir(2), &aside).unwrap();
    assert_eq!(bench.damage().1, Damage::MissingGeneration(Generation(2)));
    fs::rename(&aside, bench.generation_dir(2)).unwrap();
    bench.tamper(2, |store| store.remove(&chunk::key(4, 0)).unwrap());
    let (place, damage) = bench.damage();
    assert_eq!(damage, Damage::AcknowledgedLost { acknowledged: 4, recovered: 3 });
    assert_eq!((place.generation, place.good_seq), (Generation(2), 3));
}

#[test]
fn two_handles_on_one_directory_exclude_each_other() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    let reader = journal.reader();
    drop(journal);
    assert!(matches!(bench.try_open(), Err(JournalError::InUse(_))));
    drop(reader);
    bench.open();
}

#[test]
fn readers_follow_the_writer_from_other_threads() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    bench.append(&mut journal, &[10]);
    let reader = journal.reader();
    let total = 301;
    let follower = std::thread::spawn(move || {
        let mut next = 1;
        while next <= total {
            let durable_before = reader.durable_seq();
            let last = reader.read(next, &mut |record| {
                assert_eq!(record.seq, next);
                next += 1;
                ControlFlow::Continue(())
            });
            assert!(last.unwrap() >= durable_before);
        }
        let from_the_middle = reader.read(total / 2, &mut |record| {
            assert_eq!(record.seq, total / 2);
            ControlFlow::Break(())
        });
        assert_eq!(from_the_middle.unwrap(), total / 2);
    });
    for batch in 0..60 {
        bench.append(&mut journal, &[200, 3_000, 9_000, 20, 0]);
        if batch % 20 == 19 {
            journal.rotate().unwrap();
        }
    }
    follower.join().unwrap();
    bench.check(&journal);
}

#[test]
fn a_journal_can_begin_behind_a_snapshot() {
    let bench = Bench::new();
    let start = Chain::at(1_000, 77, [(3, 12)]);
    let (mut journal, _) = SledJournal::open_or_begin(bench.options(), &start).unwrap();
    assert_eq!((journal.last_seq(), journal.reader().first_seq()), (1_000, 1_001));
    let next = [Pending { partition: 3, partition_seq: 13, payload: b"next" }];
    assert_eq!(journal.append(&next).unwrap().first_seq, 1_001);
    drop(journal);
    let (journal, report) = bench.open();
    assert_eq!((report.records, report.last_seq), (1, 1_001));
    journal
        .reader()
        .read(1_001, &mut |record| {
            assert_eq!((record.previous, record.payload), (77, b"next".as_slice()));
            ControlFlow::Continue(())
        })
        .unwrap();
}

/// Zeros are there ahead of sled while it is appended to, in the newest generation, and no record
/// is missing when they are cut off.
#[test]
fn appends_find_room_ahead_and_a_start_cuts_it_off() {
    let mut bench = Bench::new();
    let (mut journal, _) = bench.open();
    let ends_with_zeros = |bench: &Bench, generation| {
        let bytes = std::fs::read(bench.generation_dir(generation).join(store::DATA_FILE)).unwrap();
        bytes.iter().rev().take_while(|byte| **byte == 0).count() as u64 >= headroom::SEGMENT_BYTES
    };
    for generation in [1, 2] {
        for _ in 0..16 {
            bench.append(&mut journal, &[64 * 1024]);
        }
        if generation == 1 {
            journal.rotate().unwrap();
            // A thread has ended with its generation.
            assert!(ends_with_zeros(&bench, 1));
        }
    }
    drop(journal);
    assert!(ends_with_zeros(&bench, 2));
    let (journal, _) = bench.open();
    bench.check(&journal);
    assert!(!ends_with_zeros(&bench, 1) && !ends_with_zeros(&bench, 2));
}
