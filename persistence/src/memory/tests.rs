//! Faults on demand: what a journal in memory keeps, loses and refuses.

use super::*;

fn append(journal: &mut MemoryJournal, payloads: &[&[u8]]) -> Result<Appended, JournalError> {
    let next = journal.chain().heads().next().map_or(1, |(_, head)| head + 1);
    let pending: Vec<_> = (next..)
        .zip(payloads)
        .map(|(partition_seq, payload)| Pending { partition: 0, partition_seq, payload })
        .collect();
    journal.append(&pending)
}

fn read(journal: &MemoryJournal) -> Vec<u8> {
    let mut read = Vec::new();
    journal
        .reader()
        .read(1, &mut |record| {
            read.extend_from_slice(record.payload);
            ControlFlow::Continue(())
        })
        .unwrap();
    read
}

#[test]
fn each_fault_keeps_what_it_says() {
    let check = |fault, kept: &[u8], is_cut| {
        let disk = MemoryDisk::new();
        let (mut journal, _) = disk.open().unwrap();
        append(&mut journal, &[b"a", b"b"]).unwrap();
        disk.inject(2, fault);
        append(&mut journal, &[b"c"]).unwrap();
        let failed = append(&mut journal, &[b"d", b"e"]);
        assert!(matches!(failed, Err(JournalError::Injected(_))), "{fault:?}");
        assert!(matches!(append(&mut journal, &[b"f"]), Err(JournalError::Poisoned)));
        assert_eq!((journal.last_seq(), read(&journal)), (3, b"abc".to_vec()), "{fault:?}");
        let (mut journal, report) = disk.open().unwrap();
        assert_eq!((read(&journal), report.tail_cut.is_some()), (kept.to_vec(), is_cut));
        assert_eq!(report.records, kept.len() as u64, "{fault:?}");
        append(&mut journal, &[b"g"]).unwrap();
        assert_eq!(disk.open().unwrap().1.records, kept.len() as u64 + 1, "{fault:?}");
    };
    check(Fault::FailBefore, b"abc", false);
    check(Fault::FailAfter, b"abcde", false);
    check(Fault::Torn { bytes: 0 }, b"abc", true);
    check(Fault::Torn { bytes: 46 }, b"abc", true);
    check(Fault::Torn { bytes: 89 }, b"abc", true);
    check(Fault::Torn { bytes: 90 }, b"abcde", false);
}

#[test]
fn a_crash_drops_what_was_not_durable() {
    for (kept_bytes, expected) in [(0, b"a".as_slice()), (44, b"a"), (45, b"ab")] {
        let disk = MemoryDisk::new();
        let (mut journal, _) = disk.open().unwrap();
        append(&mut journal, &[b"a"]).unwrap();
        let crashing = disk.clone();
        disk.set_delay(move |last_seq| {
            assert_eq!(last_seq, 2);
            assert_eq!(JournalReader::durable_seq(&crashing), 1, "not durable during the delay");
            crashing.crash(kept_bytes);
        });
        assert!(matches!(append(&mut journal, &[b"b"]), Err(JournalError::Injected(_))));
        assert!(matches!(journal.rotate(), Err(JournalError::Poisoned)));
        let (journal, _) = disk.open().unwrap();
        assert_eq!(read(&journal), expected, "{kept_bytes} bytes kept");
    }
}

#[test]
fn opening_again_takes_the_disk_away_from_the_older_journal() {
    for crashes in [false, true] {
        let disk = MemoryDisk::new();
        let (mut older, _) = disk.open().unwrap();
        if crashes {
            disk.crash(0);
        }
        let (mut newer, _) = disk.open().unwrap();
        assert!(matches!(append(&mut older, &[b"x"]), Err(JournalError::Poisoned)));
        append(&mut newer, &[b"y"]).unwrap();
        assert_eq!(read(&newer), b"y");
    }
}

#[test]
fn an_append_says_where_it_went() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = disk.open().unwrap();
    append(&mut journal, &[b"a", b"b"]).unwrap();
    let third = append(&mut journal, &[b"ccc"]).unwrap();
    assert_eq!((third.first_seq, third.last_seq, third.chunks), (3, 3, 1));
    assert_eq!(third.bytes, FRAME_HEADER_BYTES as u64 + 3);
    let nothing = append(&mut journal, &[]).unwrap();
    assert_eq!((nothing.first_seq, nothing.last_seq, nothing.bytes), (4, 3, 0));
    let reader = journal.reader();
    assert_eq!((journal.last_seq(), reader.durable_seq()), (3, 3));
    let from_the_end = reader.read(4, &mut |record| panic!("{} is not there", record.seq));
    assert_eq!(from_the_end.unwrap(), 3, "as far as it goes");
    let bytes = 3 * FRAME_HEADER_BYTES as u64 + 5;
    assert_eq!(disk.open().unwrap().1.bytes, bytes);
}

#[test]
fn a_batch_that_is_too_large_is_refused_and_no_harm_done() {
    let (mut journal, _) = MemoryDisk::new().open().unwrap();
    let payload = vec![0; BATCH_BYTES_MAX / 8 - FRAME_HEADER_BYTES];
    let mut largest = vec![payload.as_slice(); 8];
    largest.push(b"");
    let refused = append(&mut journal, &largest);
    assert!(matches!(refused, Err(JournalError::BatchTooLarge { .. })));
    let whole = append(&mut journal, &largest[..8]).unwrap();
    assert_eq!((whole.first_seq, whole.bytes), (1, BATCH_BYTES_MAX as u64));
}

#[test]
fn damage_refuses() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = disk.open().unwrap();
    append(&mut journal, &[b"a", b"b", b"c"]).unwrap();
    append(&mut journal, &[b"d"]).unwrap();
    assert!(!disk.flip(5));
    assert!(disk.flip(3) && disk.flip(3));
    disk.open().expect("a bit that was flipped back");
    assert!(disk.flip(3));
    match disk.open().map(|_| ()) {
        Err(JournalError::Damaged { place, damage: Damage::Frame(_) }) => {
            assert_eq!(place.good_seq, 2);
        }
        other => panic!("expected damage, found {other:?}"),
    }
}

#[test]
fn generations_rotate_and_go() {
    let disk = MemoryDisk::new();
    let (mut journal, _) = disk.open().unwrap();
    assert_eq!(journal.rotate().unwrap(), Generation(1));
    append(&mut journal, &[b"a", b"b"]).unwrap();
    assert_eq!(journal.rotate().unwrap(), Generation(2));
    append(&mut journal, &[b"c"]).unwrap();
    let spans: Vec<_> = journal.generations().iter().map(|g| (g.first_seq, g.last_seq)).collect();
    assert_eq!(spans, [(1, 2), (3, 3)]);
    assert_eq!(read(&journal), b"abc");
    let in_use = journal.remove_through(Generation(2));
    assert!(matches!(in_use, Err(JournalError::GenerationInUse(_))));
    assert_eq!(journal.remove_through(Generation(1)).unwrap(), 1);
    let reader = journal.reader();
    assert_eq!(reader.first_seq(), 3);
    let removed = reader.read(2, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(removed, Err(JournalError::Removed { .. })));
    let (journal, report) = disk.open().unwrap();
    assert_eq!((report.records, report.generations, journal.last_seq()), (1, 1, 3));
}
