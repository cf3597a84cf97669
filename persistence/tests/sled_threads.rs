//! How sled's threads are scheduled. It is alone in its process, since they are begun once, by
//! whoever uses sled first.
#![cfg(target_os = "linux")]

use std::fs;

use usher_persistence::{Journal as _, Pending, SledJournal, SledOptions};

/// `SCHED_BATCH`, see `sched(7)`.
const BATCH: &str = "3";

/// The field of `/proc/<pid>/stat` that has the policy, counted from the one behind the name, see
/// `proc_pid_stat(5)`.
const POLICY_FIELD: usize = 41 - 3;

/// The name and the policy of each thread of this process.
fn threads() -> Vec<(String, String)> {
    let tasks = fs::read_dir("/proc/self/task").expect("a list of threads");
    let stats =
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    let of_stat = |stat: String| {
        let (begin, rest) = stat.rsplit_once(')').expect("a name in brackets");
        let (_, name) = begin.split_once('(').expect("a name in brackets");
        let policy = rest.split_whitespace().nth(POLICY_FIELD).expect("a policy");
        (name.to_owned(), policy.to_owned())
    };
    stats.map(of_stat).collect()
}

#[test]
fn threads_of_sled_let_others_finish() {
    if rustix::process::getpriority_process(None) != Ok(0) {
        return; // A process with a niceness of its own is left as it is.
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (mut journal, _) = SledJournal::open(SledOptions::new(dir.path())).expect("a journal");
    let record = Pending { partition: 0, partition_seq: 1, payload: b"a record" };
    journal.append(&[record]).expect("appended");
    let of_sled: Vec<_> =
        threads().into_iter().filter(|(name, _)| name.starts_with("sled-io")).collect();
    assert!(!of_sled.is_empty(), "sled writes with threads of its own");
    assert!(of_sled.iter().all(|(_, policy)| policy == BATCH), "{of_sled:?}");
}
