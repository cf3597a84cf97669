//! Snapshots on disk: whole ones, torn ones, and which is used.

use super::*;

fn write(store: &FileSnapshots, seq: u64, sections: &[(u16, u64, &[u8])]) -> SnapshotInfo {
    let mut writer = store.begin(Covers { seq, checksum: seq * 7 }).unwrap();
    for (partition, partition_seq, payload) in sections {
        writer.section(*partition, *partition_seq, payload).unwrap();
    }
    writer.finish().unwrap()
}

/// A section that owns its payload.
type Owned = (u16, u64, Vec<u8>);

/// The sequence and sections of the newest whole snapshot, and how many were skipped.
fn read(store: &FileSnapshots) -> (u64, Vec<Owned>, usize) {
    let newest = store.newest().unwrap();
    let mut snapshot = newest.snapshot.expect("a whole snapshot");
    let mut sections = Vec::new();
    snapshot
        .for_each(&mut |section| {
            sections.push((section.partition, section.partition_seq, section.payload.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    (snapshot.info().covers.seq, sections, newest.skipped.len())
}

#[test]
fn what_is_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    assert!(store.newest().unwrap().snapshot.is_none());
    let large = vec![9; 700_000];
    let info = write(&store, 5, &[(3, 2, b"three"), (4000, 3, &large), (3, 1, b""), (7, 9, b"x")]);
    assert_eq!((info.sections, info.covers.checksum), (4, 35));
    let (seq, sections, skipped) = read(&store);
    assert_eq!((seq, skipped, sections.len()), (5, 0, 4));
    assert_eq!(sections[1], (4000, 3, large));
    let mut snapshot = store.newest().unwrap().snapshot.unwrap();
    assert_eq!(snapshot.heads(), [(3, 2), (7, 9), (4000, 3)]);
    let mut of_three = Vec::new();
    snapshot
        .for_partition(3, &mut |section| {
            of_three.push(section.payload.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(of_three, [b"three".to_vec(), Vec::new()]);
    assert_eq!(store.list().unwrap(), [info]);
}

#[test]
fn an_empty_snapshot_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    write(&store, 0, &[]);
    assert_eq!(read(&store), (0, Vec::new(), 0));
}

#[test]
fn the_newest_are_kept_and_bound_what_the_journal_may_drop() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 0).unwrap();
    let mut covered = Vec::new();
    for seq in [10, 20, 30] {
        write(&store, seq, &[(1, 1, b"s")]);
        covered.push(store.covered_seq().unwrap());
    }
    assert_eq!(covered, [0, 10, 20]);
    let listed: Vec<u64> = store.list().unwrap().iter().map(|info| info.covers.seq).collect();
    assert_eq!(listed, [30, 20]);
}

#[test]
fn any_torn_or_flipped_newest_falls_back_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    write(&store, 10, &[(1, 1, b"older")]);
    let newest = write(&store, 20, &[(1, 2, b"newer"), (2, 1, b"other")]);
    let whole = fs::read(&newest.path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&newest.path, &flipped).unwrap();
        assert_eq!(read(&store), (10, vec![(1, 1, b"older".to_vec())], 1), "bit {bit}");
    }
    for length in 0..whole.len() {
        fs::write(&newest.path, &whole[..length]).unwrap();
        assert_eq!(read(&store).0, 10, "torn at {length}");
    }
    fs::write(&newest.path, &whole).unwrap();
    assert_eq!(read(&store).0, 20);
}

/// Two snapshots rot one after the other, with a whole one written in between: each time there is
/// one before it, and the journal behind that.
#[test]
fn a_damaged_snapshot_does_not_push_out_a_whole_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    let rot = |info: &SnapshotInfo| fs::write(&info.path, b"rubbish").unwrap();
    write(&store, 10, &[(1, 1, b"s")]);
    write(&store, 20, &[(1, 2, b"s")]);
    let rotten = write(&store, 30, &[(1, 3, b"s")]);
    rot(&rotten);
    assert_eq!(read(&store).0, 20);
    let next = write(&store, 40, &[(1, 4, b"s")]);
    assert_eq!(store.covered_seq().unwrap(), 20, "the journal behind 20 is needed");
    assert!(rotten.path.exists(), "evidence stays for a while");
    rot(&next);
    assert_eq!(read(&store).0, 20);
    // Taken once more at the same place it is whole again, and with the next one all is as before.
    write(&store, 40, &[(1, 4, b"s")]);
    write(&store, 50, &[(1, 5, b"s")]);
    assert_eq!((read(&store).0, store.covered_seq().unwrap()), (50, 40));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_snapshot_under_the_name_of_another_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    let older = write(&store, 10, &[(1, 1, b"s")]);
    let newer = write(&store, 20, &[(1, 2, b"s")]);
    fs::copy(&older.path, &newer.path).unwrap();
    assert_eq!(read(&store), (10, vec![(1, 1, b"s".to_vec())], 1));
    assert_eq!(store.covered_seq().unwrap(), 0, "there is one to fall back on, not two");
    assert_eq!(store.list().unwrap(), [older]);
}

#[test]
fn an_abandoned_or_interrupted_snapshot_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    let mut writer = store.begin(Covers { seq: 1, checksum: 1 }).unwrap();
    writer.section(1, 1, b"half").unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    fs::write(dir.path().join("00000000000000000009.snapshot.tmp"), b"half").unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(store.newest().unwrap().snapshot.is_none());
}

#[test]
fn a_newer_version_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileSnapshots::open(dir.path(), 2).unwrap();
    let info = write(&store, 1, &[]);
    let mut bytes = fs::read(&info.path).unwrap();
    bytes[8] = 2;
    fs::write(&info.path, bytes).unwrap();
    let newest = store.newest().unwrap();
    assert!(newest.snapshot.is_none());
    assert!(newest.skipped[0].reason.contains("version 2"), "{}", newest.skipped[0].reason);
}
