//! Rot: anything may change in any file of a journal and its snapshots.
//!
//! ```text
//!   child under strace ──► trace ──► disk ──► bases: closed, killed, after a power cut
//!                                               │  one stretch of one file changes
//!                                               ▼
//!                          judge in a child: recovery, reading, going on; or refusal and cut
//! ```
//!
//! Bits, bursts of bits, bytes, sectors and pages change, or the end of a file goes. Whatever it
//! is, a start gives back everything that was acknowledged, byte for byte, or refuses and names the
//! place; it never gives back less in silence, panics, hangs, or takes memory without bound. After
//! a refusal a second start loses nothing either, and `cut` leaves a journal that opens.
//!
//! One thing cannot be had: after a power cut that also took the note of what was acknowledged, a
//! last batch that rots looks like one that was never finished. The judge accepts that only where
//! each lost batch itself was struck and nothing of a later one is there, and it is counted apart.
//!
//! `USHER_DAMAGE_CASES=20000` tries more than fit into a test run, `USHER_DAMAGE_SEED` others. A
//! failure names the seed and keeps the directory.

mod base;
mod case;
mod child;
mod chunks;
#[allow(dead_code, reason = "power cuts use the rest of it")]
#[path = "../powercut/disk.rs"]
mod disk;
mod judge;
#[allow(dead_code, reason = "power cuts use the rest of it")]
#[path = "../powercut/trace.rs"]
mod trace;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use base::{Base, BaseKind, copy_dir};
use disk::Disk;
use judge::Promises;

/// Cases of an ordinary test run.
const CASES: usize = 300;
/// Cases for which a directory is struck again and again, so that building them costs little.
const CASES_PER_BASE: usize = 12;
const BASES_MAX: usize = 600;
/// Cases that one process opens: sled does not free everything when it panics.
const CASES_PER_PROCESS: u64 = 50;
/// Processes at a time.
const PROCESSES: usize = 2;
/// What one case may take before it counts as hanging; it takes some 50 ms.
const PATIENCE: Duration = Duration::from_secs(60);
/// Address space of a process, in KiB. Directories are of one megabyte.
const MEMORY_KIB_MAX: u64 = 2 * 1024 * 1024;

/// A process that is started inherits the locks of open journals until it runs its own program, so
/// nothing is started while this process has one open.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How often each outcome came, by base and file.
type Figures = BTreeMap<(String, String, String), usize>;

fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// Where directories are made: in memory where that is possible, since none needs to last.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// sled's panics become errors in the journal, and their text would drown everything else.
pub(crate) fn quiet_about_sled() {
    std::panic::set_hook(Box::new(|panic| {
        if panic.location().is_some_and(|at| !at.file().contains("sled-0")) {
            eprintln!("{panic}");
        }
    }));
}

/// Records a run and makes `count` bases of it below `dir`, each of which opens whole.
fn make_bases(dir: &Path, count: usize, seed: u64) {
    let root = scratch();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let before = Disk::load(&data);
    let trace_file = root.path().join("trace");
    trace::run("child_sells", &data, &trace_file);
    let (disk, recording) = trace::read(&trace_file, &data, before);
    std::fs::create_dir(dir).unwrap();
    Base::write_all(dir, count, seed, &disk, &recording);
    for base in Base::all(dir) {
        let copy = root.path().join("copy");
        copy_dir(&base.data, &copy);
        if let Err(broken) = judge::judge_whole(&copy, base.promises) {
            panic!("{} is broken before it is struck: {broken}", base.data.display());
        }
        std::fs::remove_dir_all(&copy).unwrap();
    }
}

/// Starts a process that opens some cases, bounded in memory.
fn start(bases: &Path, from: u64, count: u64) -> Child {
    Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY_KIB_MAX}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("this test's binary"))
        .args(["--exact", "child::child_opens", "--ignored", "--nocapture"])
        .env(child::DIR, bases)
        .env(child::FROM, from.to_string())
        .env(child::COUNT, count.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a process")
}

/// Opens some cases in a process and counts how they came out; says what must not be.
fn open_some(bases: &Path, from: u64, count: u64) -> (Figures, Vec<String>) {
    let mut process = start(bases, from, count);
    let output = BufReader::new(process.stdout.take().expect("piped"));
    let (told, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        output.lines().map_while(Result::ok).all(|line| told.send(line).is_ok())
    });
    let (mut figures, mut broken) = (Figures::new(), Vec::new());
    let mut at = from.to_string();
    let ended = loop {
        let line = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Disconnected) => break process.wait().unwrap(),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                broken.push(format!("seed {at} hangs"));
                process.kill().unwrap();
                break process.wait().unwrap();
            }
        };
        let fields: Vec<_> = line.splitn(6, '|').collect();
        match fields[..] {
            ["case", seed] => at = seed.to_owned(),
            ["case", seed, base, file, strike, outcome] => {
                if let Some(what) = outcome.strip_prefix(case::BROKEN) {
                    broken.push(format!("seed {seed}, {file}, {strike}: {what}"));
                }
                let outcome = outcome.split(';').next().unwrap_or_default();
                *figures.entry((base.into(), file.into(), outcome.into())).or_default() += 1;
            }
            _ => {}
        }
    };
    reader.join().unwrap();
    if !ended.success() && broken.is_empty() {
        broken.push(format!("seed {at} ended the process: {ended}"));
    }
    (figures, broken)
}

fn open_all(bases: &Path, count: u64, seed: u64) -> Figures {
    let next = AtomicU64::new(0);
    let all = Mutex::new((Figures::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..PROCESSES {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(CASES_PER_PROCESS, Ordering::Relaxed);
                    if from >= count {
                        break;
                    }
                    let some = (count - from).min(CASES_PER_PROCESS);
                    let (figures, broken) = open_some(bases, seed + from, some);
                    let mut all = all.lock().unwrap();
                    figures.into_iter().for_each(|(key, n)| *all.0.entry(key).or_default() += n);
                    all.1.extend(broken);
                }
            });
        }
    });
    let (figures, broken) = all.into_inner().unwrap();
    print(&figures);
    let first_few = broken[..broken.len().min(8)].join("\n");
    assert!(broken.is_empty(), "{} of {count} cases:\n{first_few}", broken.len());
    figures
}

fn print(figures: &Figures) {
    for ((base, file, outcome), count) in figures {
        println!("{base:>10} | {file:<14} | {count:>6} | {outcome}");
    }
}

#[test]
fn rot_is_refused_or_everything_is_given_back() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    quiet_about_sled();
    let seed = from_env("USHER_DAMAGE_SEED", 1) as u64;
    let cases = from_env("USHER_DAMAGE_CASES", CASES);
    let root = scratch();
    let bases = root.path().join("bases");
    make_bases(&bases, (cases / CASES_PER_BASE).clamp(6, BASES_MAX), seed);
    let figures = open_all(&bases, cases as u64, seed);
    let count = |wanted: &str| {
        let alike = figures.iter().filter(|((_, _, outcome), _)| outcome.starts_with(wanted));
        alike.map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!(figures.values().sum::<usize>(), cases);
    let (whole, refused, lost) = (count("whole"), count("refused"), count("last"));
    println!("{cases} cases: {whole} whole, {refused} refused, {lost} last batches lost");
    assert!(whole > 0 && refused > 0 && count("whole, by the snapshot before") > 0);
}

/// The judge is no good if it does not see that something is missing.
#[test]
fn less_than_was_promised_is_seen() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    quiet_about_sled();
    let root = scratch();
    let bases = root.path().join("bases");
    make_bases(&bases, 6, 1);
    // A power cut may have taken the note, and then there is nothing to strike.
    let has_note = |base: &Base| {
        base::files_below(&base.data).iter().any(|file| file.ends_with("acknowledged"))
    };
    let bases: Vec<_> = Base::all(&bases).into_iter().filter(has_note).collect();
    assert!(bases.iter().any(|base| base.kind == BaseKind::Closed), "that one has a note");
    for mut base in bases {
        let found = base.promises.acknowledged;
        // Nothing was ever written of these, so nothing excuses that they are not there.
        base.promises = Promises { acknowledged: found + 100, ..base.promises };
        let is_closed = base.kind == BaseKind::Closed;
        let copy = root.path().join("copy");
        let bases = [base];
        let note = (0..).map(|seed| case::Case::draw(&bases, seed));
        let case = note.into_iter().find(|case| case.file == case::FileKind::Note).expect("a note");
        case.write(&copy);
        let told = judge::judge(&case, &copy).expect_err("it is not there");
        assert!(told.contains("silently less"), "{told}");
        assert!(!is_closed || told.ends_with(&format!("{found} is there")), "{told}");
        std::fs::remove_dir_all(&copy).unwrap();
    }
}
