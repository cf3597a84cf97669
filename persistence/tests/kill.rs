//! A process that appends, rotates and removes, killed with SIGKILL again and again.
//!
//! The child prints every sequence once it is acknowledged. Whatever moment it dies at, the next
//! opening gives back at least everything that was printed, in order and unchanged, and needs no
//! help from an operator.

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use usher_persistence::{Generation, Journal, Pending, RecoveryReport, SledJournal, SledOptions};

const DIR: &str = "USHER_KILL_TEST_DIR";
const ROUNDS: u64 = 12;

fn payload(seq: u64) -> Vec<u8> {
    let bytes = if seq.is_multiple_of(11) { 20_000 } else { 100 };
    vec![u8::try_from(seq % 256).unwrap(); bytes]
}

fn open(dir: &Path) -> (SledJournal, RecoveryReport) {
    SledJournal::open(SledOptions::new(dir)).expect("a killed process leaves a journal that opens")
}

/// The process that gets killed; not a test on its own.
#[test]
#[ignore = "run by the test that kills it"]
fn child() {
    let dir = std::env::var(DIR).expect("the directory to append in");
    let (mut journal, _) = open(Path::new(&dir));
    let mut out = std::io::stdout().lock();
    for batch in 1_u64.. {
        let first = journal.last_seq() + 1;
        let payloads: Vec<_> = (first..first + 1 + batch % 9).map(|s| (s, payload(s))).collect();
        let pending: Vec<_> = payloads
            .iter()
            .map(|(seq, payload)| Pending { partition: 0, partition_seq: *seq, payload })
            .collect();
        let appended = journal.append(&pending).expect("append");
        writeln!(out, "acknowledged {}", appended.last_seq).expect("print");
        if batch.is_multiple_of(7) {
            let Generation(active) = journal.rotate().expect("rotate");
            if active > 3 {
                journal.remove_through(Generation(active - 3)).expect("remove");
            }
        }
    }
}

/// Starts the child, kills it after a while, and returns the last sequence that it printed.
fn run_and_kill(dir: &Path, after: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start the child");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let reading = thread::spawn(move || {
        let mut acknowledged = 0;
        for line in output.lines().map_while(Result::ok) {
            let number = line.rsplit_once("acknowledged ").map(|(_, number)| number);
            // The last line may have been cut by the kill: then it is not complete, only shorter.
            if let Some(Ok(number)) = number.map(str::parse::<u64>) {
                acknowledged = acknowledged.max(number);
            }
        }
        acknowledged
    });
    thread::sleep(after);
    child.kill().expect("kill the child");
    child.wait().expect("reap the child");
    reading.join().expect("read what it printed")
}

#[test]
fn what_was_acknowledged_survives_any_number_of_kills() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("journal");
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        // Long enough to get going on a busy machine, and never at the same point.
        let printed = run_and_kill(&dir, Duration::from_millis(250 + round * 37));
        assert!(printed == 0 || printed > acknowledged, "the child goes on where it was");
        acknowledged = acknowledged.max(printed);
        let (journal, report) = open(&dir);
        assert!(report.last_seq >= acknowledged, "{acknowledged} acknowledged, {report:?}");
        let reader = journal.reader();
        let mut next = reader.first_seq();
        let last = reader.read(next, &mut |record| {
            assert_eq!(record.seq, next);
            assert!(record.payload == payload(next), "record {next} has another payload");
            next += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(last.unwrap(), report.last_seq);
        acknowledged = acknowledged.max(report.last_seq);
    }
    assert!(acknowledged > ROUNDS, "the child got somewhere");
}
