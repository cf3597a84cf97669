//! What a long journal that is read from end to end leaves in memory: no more than sled's cache may
//! have. It is alone in its process, since it looks at the memory of all of it.
#![cfg(target_os = "linux")]

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use usher_persistence::{Journal as _, Pending, SledJournal, SledOptions};

const MB: u64 = 1 << 20;
const CACHE_BYTES: u64 = MB;
const RECORD_BYTES: u64 = 6_000;
const RECORDS_PER_BATCH: usize = 10;
/// 96 MB of them.
const RECORDS: u64 = 16_000;
/// By how much a process that opens and reads all of that may grow. Some 36 MB of it sled takes
/// whatever is read.
const GROWTH_MAX: u64 = 64 * MB;
/// What a process that this program runs is to do, and where.
const PART: &str = "SLED_CACHE_PART";
const DIRECTORY: &str = "SLED_CACHE_DIRECTORY";

/// Bytes of this process in memory, see `proc_pid_status(5)`.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("what it takes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

fn open(dir: &Path) -> SledJournal {
    let options = SledOptions { dir: dir.to_owned(), cache_bytes: CACHE_BYTES };
    SledJournal::open(options).expect("a journal").0
}

fn write(dir: &Path) {
    let mut journal = open(dir);
    let payload = vec![7; RECORD_BYTES as usize];
    for first in (1..=RECORDS).step_by(RECORDS_PER_BATCH) {
        let record = |partition_seq| Pending { partition: 3, partition_seq, payload: &payload };
        let batch: Vec<_> = (first..first + RECORDS_PER_BATCH as u64).map(record).collect();
        journal.append(&batch).expect("appended");
    }
}

fn read(dir: &Path) {
    let journal = open(dir);
    let mut bytes = 0;
    let last = journal.reader().read(1, &mut |record| {
        bytes += record.payload.len() as u64;
        ControlFlow::Continue(())
    });
    assert_eq!(last.expect("read"), RECORDS);
    assert_eq!(bytes, RECORDS * RECORD_BYTES, "all of it was read");
}

/// Either part is done by a process of its own: what was let go of once is taken again.
#[test]
fn a_long_journal_that_is_read_does_not_stay_in_memory() {
    if let (Ok(part), Ok(dir)) = (env::var(PART), env::var(DIRECTORY)) {
        let before = resident();
        match &*part {
            "write" => return write(Path::new(&dir)),
            _ => read(Path::new(&dir)),
        }
        let grown = resident().saturating_sub(before);
        assert!(grown <= GROWTH_MAX, "{} MB more than before", grown / MB);
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    for part in ["write", "read"] {
        let mut again = Command::new(env::current_exe().expect("this program"));
        again.args(["--exact", "a_long_journal_that_is_read_does_not_stay_in_memory"]);
        let output = again.env(PART, part).env(DIRECTORY, dir.path()).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
