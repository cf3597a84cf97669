//! A disk that answers with errors: the kernel's calls of a real journal fail one by one.
//!
//! `strace` makes one call of a child fail with `EIO` or `ENOSPC`. The batch at hand must not be
//! acknowledged, nothing may be appended behind it, and the next start, on a disk that works, has
//! everything that was acknowledged. That a flush is not tried again matters: the kernel drops
//! what it could not write, and says so only once (Rebello et al., "Can Applications Recover from
//! fsync Failures?", ATC 2020).

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use usher_persistence::{Journal, Pending, SledJournal, SledOptions};

const DIR: &str = "USHER_FAILING_DISK_DIR";
const BATCHES: u64 = 30;

fn payload(seq: u64) -> Vec<u8> {
    vec![u8::try_from(seq % 251).unwrap(); if seq.is_multiple_of(9) { 60_000 } else { 300 }]
}

fn append(journal: &mut SledJournal) -> Result<u64, String> {
    let seq = journal.last_seq() + 1;
    let payload = payload(seq);
    let pending = [Pending { partition: 0, partition_seq: seq, payload: &payload }];
    journal.append(&pending).map(|appended| appended.last_seq).map_err(|error| error.to_string())
}

/// The process whose disk fails; not a test on its own.
#[test]
#[ignore = "run by the test that makes its disk fail"]
fn child() {
    let dir = std::env::var(DIR).expect("the directory to append in");
    let Ok((mut journal, _)) = SledJournal::open(SledOptions::new(dir)) else {
        return println!("does not start");
    };
    for batch in 1..=BATCHES {
        match append(&mut journal) {
            Ok(seq) => println!("acknowledged {seq}"),
            Err(error) => {
                println!("failed: {error}");
                append(&mut journal).expect_err("nothing goes behind a failed batch");
                return;
            }
        }
        // Whether a rotation works does not matter, as long as nothing is lost by it.
        if batch.is_multiple_of(8) && journal.rotate().is_err() {
            println!("not rotated");
        }
    }
}

/// Runs the child while its `nth` call of this kind fails; returns what it printed.
fn run(dir: &Path, call: &str, error: &str, nth: u32) -> String {
    let output = Command::new("strace")
        .args(["-f", "-q", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:error={error}:when={nth}")])
        .arg(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stderr(Stdio::null())
        .output()
        .expect("install strace: without it no disk fails");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Opens on a disk that works and returns the last sequence, having read all of it.
fn read_back(dir: &Path) -> u64 {
    let (journal, report) = SledJournal::open(SledOptions::new(dir)).expect("starts again");
    let mut next = 1;
    let last = journal.reader().read(1, &mut |record| {
        assert_eq!(record.seq, next);
        assert!(record.payload == payload(next), "record {next} has another payload");
        next += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(last.unwrap(), report.last_seq);
    report.last_seq
}

#[test]
fn a_call_that_fails_is_never_acknowledged_and_loses_nothing() {
    let mut cases = Vec::new();
    cases.extend([1, 2, 3, 5, 8, 13, 21, 28].map(|nth| ("fdatasync", "EIO", nth)));
    cases.extend([1, 2, 3, 4, 6, 9, 14, 20].map(|nth| ("fsync", "EIO", nth)));
    cases.extend([1, 2, 3, 5, 9, 15, 24].map(|nth| ("pwrite64", "EIO", nth)));
    cases.extend([1, 2, 4, 8, 16].map(|nth| ("pwrite64", "ENOSPC", nth)));
    cases.extend([1, 2, 5, 9].map(|nth| ("sync_file_range", "EIO", nth)));
    cases.extend([1, 2, 3, 5].map(|nth| ("openat", "EMFILE", 40 + nth)));
    let (mut failed, mut unharmed) = (0, 0);
    for (call, error, nth) in cases {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("journal");
        let printed = run(&dir, call, error, nth);
        let acknowledged = printed
            .lines()
            .filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse::<u64>().ok())
            .max()
            .unwrap_or(0);
        let has_failed = printed.contains("failed: ") || printed.contains("does not start");
        failed += u32::from(has_failed);
        unharmed += u32::from(acknowledged == BATCHES);
        assert!(
            has_failed || acknowledged == BATCHES,
            "{call} {nth} {error}: neither an error nor all batches\n{printed}"
        );
        let recovered = read_back(&dir);
        // The batch that failed may be there or not: nobody was told.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&recovered),
            "{call} {nth} {error}: {acknowledged} acknowledged, {recovered} there\n{printed}"
        );
    }
    println!("{failed} runs stopped with an error, {unharmed} had all batches");
    assert!(failed >= 15, "only {failed} runs noticed their failing disk");
}
