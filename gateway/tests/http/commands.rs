//! What an operator does beside serving: verify, cut, back up, restore.

use crate::harness::{Server, usher};
use std::path::Path;
use std::process::Output;

fn run(args: &[&str], data_dir: &Path) -> Output {
    usher().args(args).arg("--data-dir").arg(data_dir).output().expect("the binary starts")
}

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).expect("text")
}

#[test]
fn a_whole_journal_is_called_whole_and_is_not_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &[]);
    let cut = run(&["journal", "cut", "--yes"], dir.path());
    assert!(!cut.status.success(), "a journal in use is not cut: {}", words(&cut));
    server.terminate();
    server.wait();
    let verified = run(&["journal", "verify"], dir.path());
    assert!(verified.status.success(), "{}", words(&verified));
    assert!(words(&verified).contains("whole up to record"), "{}", words(&verified));
    let cut = run(&["journal", "cut", "--yes"], dir.path());
    assert!(words(&cut).contains("nothing to cut"), "{}", words(&cut));
}

#[test]
fn a_stopped_servers_backup_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::start(&data, &[]);
    server.terminate();
    server.wait();
    let copy = dir.path().join("copy");
    let to = copy.to_str().unwrap();
    let made = run(&["backup", to], &data);
    assert!(made.status.success(), "{}", words(&made));
    assert!(words(&made).contains("keys are not in it"), "{}", words(&made));
    let again = run(&["backup", to], &data);
    assert!(words(&again).contains("not empty"), "{}", words(&again));
    let restored = dir.path().join("restored");
    let brought = run(&["restore", to], &restored);
    assert!(brought.status.success(), "{}", words(&brought));
    assert_eq!(Server::start(&restored, &[]).get("/problems").status, 200);
    let nothing = run(&["backup", to], &dir.path().join("nowhere"));
    assert!(words(&nothing).contains("no data directory"), "{}", words(&nothing));
}

#[test]
fn a_running_server_is_asked_for_a_backup_that_then_lies_where_it_was_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data, &[]);
    let copy = dir.path().join("elsewhere").join("copy");
    let to = copy.to_str().unwrap();
    let operators = server.operators.to_string();
    let made = run(&["backup", to, "--ops", &operators], &data);
    assert!(made.status.success(), "{}", words(&made));
    assert_eq!(data.join("backups").read_dir().unwrap().count(), 0, "moved, not copied");
    let again = run(&["backup", to, "--ops", &operators], &data);
    assert!(words(&again).contains("not empty"), "{}", words(&again));
    let brought = run(&["restore", to], &dir.path().join("restored"));
    assert!(brought.status.success(), "{}", words(&brought));
}
