//! The processes that the test starts: one sells and is recorded, the others open what was struck.
//!
//! Opening happens in processes of their own, so that an abort, a hang or a runaway for memory is
//! seen and belongs to a case, whatever it does to the process.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use usher_persistence::{
    Covers, FileSnapshots, Journal, Pending, SledJournal, SledOptions, Snapshots, removable_through,
};

use crate::base::Base;
use crate::case::{self, Case};
use crate::judge;

/// Names the directory to sell in, or the one that holds the bases.
pub(crate) const DIR: &str = "USHER_DAMAGE_DIR";
/// Seed of the first case to open.
pub(crate) const FROM: &str = "USHER_DAMAGE_FROM";
/// Cases to open, one after the other.
pub(crate) const COUNT: &str = "USHER_DAMAGE_COUNT";

/// Batches that are sold.
const BATCHES: u64 = 66;
const ROTATE_EVERY: u64 = 15;
const SNAPSHOT_EVERY: u64 = 12;
const START_EVERY: u64 = 28;
const SNAPSHOTS_KEPT: usize = 2;

/// The payload of a record follows from its sequence, so nobody has to remember what was written.
/// Most records share a chunk with others, some need several.
pub(crate) fn payload(seq: u64) -> Vec<u8> {
    let bytes = match seq {
        n if n.is_multiple_of(40) => 50_000,
        n if n.is_multiple_of(17) => 9_000,
        n => 40 + usize::try_from(n % 200).unwrap(),
    };
    (0..bytes).map(|at| u8::try_from((at as u64 * 31 + seq * 7) % 251).unwrap()).collect()
}

/// What the one section of the snapshot at `seq` holds.
pub(crate) fn section(seq: u64) -> Vec<u8> {
    payload(seq % 39).repeat(9)
}

pub(crate) fn journal_dir(data: &Path) -> PathBuf {
    data.join("journal")
}

pub(crate) fn snapshots(data: &Path) -> FileSnapshots {
    FileSnapshots::open(data.join("snapshots"), SNAPSHOTS_KEPT).expect("open the snapshots")
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

fn dir() -> PathBuf {
    PathBuf::from(std::env::var(DIR).expect("the directory to work in"))
}

fn number(name: &str) -> u64 {
    std::env::var(name).expect(name).parse().expect(name)
}

/// One write, so that the recorder sees it as one operation.
fn say(what: &str) {
    std::io::stdout().lock().write_all(format!("{what}\n").as_bytes()).expect("print");
}

#[test]
#[ignore = "run by the test that records it"]
fn child_sells() {
    let dir = dir();
    let snapshots = snapshots(&dir);
    let open = || SledJournal::open(SledOptions::new(journal_dir(&dir))).expect("open").0;
    let mut journal = open();
    for batch in 1..=BATCHES {
        let last = append(&mut journal, 1 + batch % 5);
        say(&format!("acknowledged {last}"));
        if batch.is_multiple_of(ROTATE_EVERY) {
            journal.rotate().expect("rotate");
        }
        if batch.is_multiple_of(SNAPSHOT_EVERY) {
            let covers = Covers { seq: last, checksum: journal.chain().checksum() };
            let mut writer = snapshots.begin(covers).expect("begin");
            writer.section(0, last, &section(last)).expect("section");
            writer.finish().expect("finish");
            say(&format!("snapshot {last}"));
            let covered = snapshots.covered_seq().expect("covered");
            if let Some(old) = removable_through(&journal.generations(), covered) {
                journal.remove_through(old).expect("remove");
            }
        }
        if batch.is_multiple_of(START_EVERY) {
            drop(journal);
            journal = open();
        }
    }
}

#[test]
#[ignore = "run by the test that counts what it says"]
fn child_opens() {
    crate::quiet_about_sled();
    let bases = Base::all(&dir());
    let from = number(FROM);
    for seed in from..from + number(COUNT) {
        say(&format!("\ncase|{seed}"));
        let case = Case::draw(&bases, seed);
        let scratch = crate::scratch();
        let data = scratch.path().join("data");
        case.write(&data);
        let judged = catch_unwind(AssertUnwindSafe(|| judge::judge(&case, &data)))
            .unwrap_or_else(|_| Err("panicked".to_owned()));
        let outcome = judged.unwrap_or_else(|broken| {
            let kept = scratch.keep().join("again");
            case.write(&kept);
            format!("{}{broken}; {case}; kept at {}", case::BROKEN, kept.display())
        });
        let Case { base, file, strike, .. } = &case;
        say(&format!(
            "case|{seed}|{}|{}|{}|{outcome}",
            base.kind.name(),
            file.name(),
            strike.name()
        ));
    }
}
