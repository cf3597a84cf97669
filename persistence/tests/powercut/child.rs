//! The process that is recorded: it sells, takes snapshots, lets the journal go that they cover,
//! and starts again in between. It prints every promise the moment it makes it.

use std::io::Write;
use std::path::{Path, PathBuf};

use usher_persistence::{
    Covers, FileSnapshots, Journal, Pending, SledJournal, SledOptions, Snapshots, removable_through,
};

/// Names the directory to work in.
pub(crate) const DIR: &str = "USHER_POWERCUT_DIR";
/// Batches of one run.
const BATCHES: u64 = 96;
const ROTATE_EVERY: u64 = 11;
const SNAPSHOT_EVERY: u64 = 8;
const START_EVERY: u64 = 29;
/// Snapshots that are kept, so older ones are removed while the run goes on.
const SNAPSHOTS_KEPT: usize = 2;

/// The payload of a record follows from its sequence, so nobody has to remember what was written.
pub(crate) fn payload(seq: u64) -> Vec<u8> {
    let bytes = match seq % 150 {
        140 => 1_000_000,
        60 | 130 => 200_000,
        n if n % 37 == 0 => 50_000,
        n if n % 7 == 0 => 7_000,
        n => 100 + usize::try_from(n * 13).unwrap(),
    };
    (0..bytes).map(|at| u8::try_from((at as u64 * 31 + seq * 7) % 251).unwrap()).collect()
}

/// What a section of the snapshot at `seq` holds.
pub(crate) fn section(seq: u64) -> Vec<u8> {
    payload(seq % 59).repeat(3)
}

pub(crate) fn journal_dir(dir: &Path) -> PathBuf {
    dir.join("journal")
}

pub(crate) fn snapshots(dir: &Path) -> FileSnapshots {
    FileSnapshots::open(dir.join("snapshots"), SNAPSHOTS_KEPT).expect("open the snapshots")
}

/// Appends `count` records as one batch; returns the last sequence.
pub(crate) fn append(journal: &mut SledJournal, count: u64) -> u64 {
    let first = journal.last_seq() + 1;
    let payloads: Vec<_> = (first..first + count).map(|seq| (seq, payload(seq))).collect();
    let pending: Vec<_> = payloads
        .iter()
        .map(|(seq, payload)| Pending { partition: 0, partition_seq: *seq, payload })
        .collect();
    journal.append(&pending).expect("append").last_seq
}

fn open(dir: &Path) -> SledJournal {
    let (journal, report) = SledJournal::open(SledOptions::new(journal_dir(dir))).expect("open");
    say("started", report.last_seq);
    journal
}

/// One write, so that the recorder sees the promise as one operation.
fn say(what: &str, seq: u64) {
    std::io::stdout().lock().write_all(format!("{what} {seq}\n").as_bytes()).expect("print");
}

fn dir() -> PathBuf {
    PathBuf::from(std::env::var(DIR).expect("the directory to work in"))
}

#[test]
#[ignore = "run by the test that records it"]
fn child_sells() {
    let dir = dir();
    let snapshots = snapshots(&dir);
    let mut journal = open(&dir);
    for batch in 1..=BATCHES {
        let last = append(&mut journal, 1 + batch % 5);
        say("acknowledged", last);
        if batch.is_multiple_of(ROTATE_EVERY) {
            journal.rotate().expect("rotate");
            say("rotated", last);
        }
        if batch.is_multiple_of(SNAPSHOT_EVERY) {
            let covers = Covers { seq: last, checksum: journal.chain().checksum() };
            let mut writer = snapshots.begin(covers).expect("begin");
            writer.section(0, last, &section(last)).expect("section");
            writer.finish().expect("finish");
            say("snapshot", last);
            let covered = snapshots.covered_seq().expect("covered");
            if let Some(old) = removable_through(&journal.generations(), covered) {
                journal.remove_through(old).expect("remove");
            }
        }
        if batch.is_multiple_of(START_EVERY) {
            drop(journal);
            journal = open(&dir);
        }
    }
}

#[test]
#[ignore = "run by the test that records it"]
fn child_recovers() {
    let dir = dir();
    drop(snapshots(&dir));
    let mut journal = open(&dir);
    say("acknowledged", append(&mut journal, 2));
}
