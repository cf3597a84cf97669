//! A witness from outside: the kernel's view of when a batch was flushed.
//!
//! A child appends and prints each acknowledgement while `strace` writes down its calls. Between
//! the last write to the database file and the acknowledgement there must be an `fdatasync` of
//! that file that returned 0, by the thread that acknowledges: another one flushes that file too,
//! when it has made it longer. Take the `fdatasync` out of the journal and this test fails.
//!
//! Needs `strace`, which `scripts/test` installs: a witness that is not there proves nothing.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use usher_persistence::{Journal, Pending, SledJournal, SledOptions};

const DIR: &str = "USHER_WITNESS_TEST_DIR";
const SIZES: [usize; 6] = [100, 1_000, 7_000, 50_000, 200_000, 1_000_000];

/// The process that is watched; not a test on its own.
#[test]
#[ignore = "run by the test that watches it"]
fn child() {
    let dir = std::env::var(DIR).expect("the directory to append in");
    let (mut journal, _) = SledJournal::open(SledOptions::new(dir)).expect("open");
    let mut out = std::io::stdout().lock();
    for (partition_seq, bytes) in (1..).zip(SIZES.repeat(4)) {
        let payload = vec![42; bytes];
        let pending = Pending { partition: 0, partition_seq, payload: &payload };
        let appended = journal.append(&[pending]).expect("append");
        writeln!(out, "acknowledged {}", appended.last_seq).expect("print");
        if partition_seq.is_multiple_of(9) {
            journal.rotate().expect("rotate");
        }
    }
}

/// What matters of one line of a trace, and the thread that it is of.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    WriteData,
    BeginFlush(&'a str),
    EndFlush(&'a str),
    Acknowledge(&'a str),
}

/// Reads a line of `strace -f -y`: `7 fdatasync(5</…/db>) = 0`. A call that another thread
/// interrupts in the trace has a second line, which does not name the file.
fn parse(line: &str) -> Vec<Line<'_>> {
    let Some((thread, call)) = line.split_once(' ') else { return Vec::new() };
    let is_data = line.contains("/db>");
    let has_worked = line.trim_end().ends_with("= 0");
    if call.contains("write(1<") && call.contains("acknowledged") {
        vec![Line::Acknowledge(thread)]
    } else if call.contains("pwrite64(") && is_data {
        vec![Line::WriteData]
    } else if call.contains("fdatasync(") && is_data {
        let end = has_worked.then_some(Line::EndFlush(thread));
        std::iter::once(Line::BeginFlush(thread)).chain(end).collect()
    } else if call.contains("<... fdatasync resumed>") && has_worked {
        vec![Line::EndFlush(thread)]
    } else {
        Vec::new()
    }
}

#[test]
fn nothing_is_acknowledged_before_its_flush_returned() {
    let version = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    assert!(version.is_ok(), "install strace: without it there is no witness");
    let root = tempfile::tempdir().unwrap();
    let (dir, trace) = (root.path().join("journal"), root.path().join("trace"));
    let status = Command::new("strace")
        .args(["-f", "-y", "-e", "trace=write,pwrite64,fdatasync", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(DIR, &dir)
        .stdout(Stdio::null())
        .status()
        .expect("run under strace");
    assert!(status.success());
    let trace = fs::read_to_string(&trace).unwrap();
    // Of a batch the state is: nothing yet, written, and who has flushed it or is about to.
    let (mut is_written, mut acknowledged) = (false, 0);
    let (mut flushing, mut flushed) = (HashSet::new(), HashSet::new());
    for line in trace.lines().flat_map(parse) {
        match line {
            Line::WriteData => {
                is_written = true;
                flushing.clear();
                flushed.clear();
            }
            Line::BeginFlush(thread) => {
                flushing.insert(thread);
            }
            Line::EndFlush(thread) if flushing.remove(thread) => {
                flushed.insert(thread);
            }
            // It began before the last write.
            Line::EndFlush(_) => {}
            Line::Acknowledge(thread) => {
                acknowledged += 1;
                let is_flushed = is_written && flushed.contains(thread);
                assert!(is_flushed, "acknowledgement {acknowledged} came too early");
                is_written = false;
                flushed.clear();
            }
        }
    }
    assert_eq!(acknowledged, SIZES.len() * 4);
    for generation in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()) {
        if generation.is_dir() {
            let blobs = fs::read_dir(generation.join("blobs")).unwrap().count();
            assert_eq!(blobs, 0, "{}", generation.display());
        }
    }
}
