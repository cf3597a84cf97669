//! The files: what is written comes back, and what was altered is seen.

use std::path::Path;

use jiff::Timestamp;

use super::book::{Book, files};
use super::{Job, Note, Wanted, search};

fn job(call: &str) -> Job {
    let note = Note {
        actor: "operator",
        address: Some([192, 0, 2, 1].into()),
        call: call.to_owned(),
        status: Some(200),
        request_id: None,
        fields: Default::default(),
    };
    Job { at: Timestamp::UNIX_EPOCH, note: Some(note), written: None }
}

/// Writes these calls, one group after the other, and a new file after each.
fn written(dir: &Path, groups: &[&[&str]], files_max: usize) {
    for calls in groups {
        let mut book = Book::open(dir, files_max).unwrap();
        let jobs: Vec<Job> = calls.iter().map(|call| job(call)).collect();
        book.write(&jobs, true).unwrap();
        assert!(book.is_synced());
        book.turn_over().unwrap();
    }
}

/// The calls that are found, and the first fault.
fn found(dir: &Path) -> (Vec<String>, Option<String>) {
    let found = search(dir, &Wanted { count_max: 100, ..Wanted::default() }).unwrap();
    (found.entries.into_iter().map(|entry| entry.call).collect(), found.fault)
}

/// Alters the first file.
fn alter(dir: &Path, change: impl FnOnce(String) -> String) {
    let path = &files(dir).unwrap()[0];
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, change(text)).unwrap();
}

#[test]
fn what_is_written_comes_back_over_starts_and_files() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[&["a", "b"], &["c"]], 9);
    assert_eq!(found(dir.path()), (vec!["a".into(), "b".into(), "c".into()], None));
    let wanted = |text: &str, count_max| {
        let wanted = Wanted { text: Some(text.into()), count_max, ..Wanted::default() };
        let found = search(dir.path(), &wanted).unwrap();
        (found.entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), found.truncated)
    };
    assert_eq!(wanted("b", 9), (vec![2], false));
    assert_eq!(wanted("192.0.2", 2), (vec![2, 3], true));
    assert_eq!(wanted("z", 9), (vec![], false));
}

#[test]
fn what_nobody_waits_for_is_on_the_disk_after_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = Book::open(dir.path(), 9).unwrap();
    book.write(&[job("a")], false).unwrap();
    assert!(!book.is_synced());
    std::thread::sleep(super::SYNC_AFTER);
    book.write(&[job("b")], false).unwrap();
    assert!(book.is_synced(), "although more and more comes");
}

#[test]
fn only_the_oldest_files_go() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), &[&["a"], &["b"], &["c"], &["d"]], 3);
    assert_eq!(files(dir.path()).unwrap().len(), 3, "the newest is empty yet");
    assert_eq!(found(dir.path()), (vec!["c".into(), "d".into()], None));
}

#[test]
fn a_line_that_was_not_finished_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = Book::open(dir.path(), 9).unwrap();
    book.write(&[job("a"), job("b")], false).unwrap();
    assert!(!book.is_synced());
    alter(dir.path(), |text| text[..text.len() - 5].to_owned());
    let mut book = Book::open(dir.path(), 9).unwrap();
    book.write(&[job("c")], true).unwrap();
    assert_eq!(found(dir.path()), (vec!["a".into(), "c".into()], None));
    // Cut within the first line of all.
    alter(dir.path(), |text| text[..20].to_owned());
    Book::open(dir.path(), 9).unwrap().write(&[job("d")], true).unwrap();
    assert_eq!(found(dir.path()), (vec!["d".into()], None));
}

#[test]
fn a_start_keeps_what_was_altered() {
    let dir = tempfile::tempdir().unwrap();
    Book::open(dir.path(), 9).unwrap().write(&[job("a"), job("b")], true).unwrap();
    alter(dir.path(), |text| text.replacen("usher", "rubbish", 1));
    Book::open(dir.path(), 9).unwrap().write(&[job("c")], true).unwrap();
    let (calls, fault) = found(dir.path());
    assert_eq!(calls, ["a", "b", "c"]);
    assert!(fault.is_some_and(|fault| fault.ends_with("does not follow what comes before it")));
}

fn without_line(text: &str, gone: usize) -> String {
    let lines = text.lines().enumerate().filter(|(place, _)| *place != gone);
    lines.map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn what_was_altered_is_seen() {
    let faults = |change: fn(String) -> String| {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), &[&["a", "b", "c"], &["d"]], 9);
        alter(dir.path(), change);
        found(dir.path()).1.expect("a fault")
    };
    let is = |fault: String, expected: &str| assert!(fault.starts_with(expected), "{fault}");
    is(faults(|text| text.replace("\"b\"", "\"x\"")), "entry 2 in");
    is(faults(|text| text.replacen("200", "403", 1)), "entry 1 in");
    is(faults(|text| without_line(&text, 2)), "entry 2 in");
    is(faults(|text| without_line(&text, 3)), "00000000000000000004.log does not follow");
    is(faults(|text| without_line(&text, 0)), "00000000000000000001.log does not follow");
    is(faults(|text| text.replacen("0000", "1111", 1)), "entry 1 in");
    is(faults(|_| String::new()), "00000000000000000001.log does not follow");
}
