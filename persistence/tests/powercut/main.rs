//! Power cuts: every disk that a cut could leave is opened.
//!
//! ```text
//!   child under strace ──► trace ──► disk: what was issued, what was durable, at each moment
//!                                      │  cut here, lose this much of what was not durable
//!                                      ▼
//!                                    image ──► judge: opens it with the real recovery
//! ```
//!
//! A real process appends (100 bytes to 1 MB), rotates, takes snapshots, drops what they cover and
//! starts again, on a real journal. Its file operations are written down, and from them the images
//! are made: what was flushed is there, and of the rest anything may be there or not, whole or
//! torn. Then the same again for a cut while recovery itself is at work on such an image.
//!
//! `USHER_POWERCUT_IMAGES=20000` makes more images than the few hundred that fit into a test run,
//! `USHER_POWERCUT_SEED` others. A failure names the seed and keeps the image.

mod child;
mod disk;
mod judge;
mod trace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use disk::{Disk, Loss, Moment, Random};
use trace::Recording;

/// Images of an ordinary test run.
const IMAGES: usize = 600;
/// The least number of rotations that the recorded run must go through.
const ROTATIONS_MIN: u64 = 5;
/// Recoveries that are recorded and cut themselves.
const RECOVERIES: usize = 8;
/// Images are opened by so many threads.
const THREADS: usize = 2;

/// A process that is started inherits the locks of open journals until it runs its own program, so
/// nothing is started while images are open.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// Where images are made: in memory where that is possible, since none needs to last.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// One image to be opened: where the cut falls and what it takes with it.
struct Case {
    seed: u64,
    cut: Moment,
    loss: Loss,
}

/// Cuts spread over the whole recording, and each kind of loss in turn.
fn cases(recording: &Recording, count: usize, seed: u64) -> Vec<Case> {
    let case = |n: usize| {
        let mut random = Random::new(seed + n as u64);
        let at = random.below(recording.moments.len());
        Case {
            seed: seed + n as u64,
            cut: recording.moments[at],
            loss: Loss::ALL[n % Loss::ALL.len()],
        }
    };
    (0..count).map(case).collect()
}

/// Opens the image of every case; returns how many there were of each kind of loss.
fn judge_all(disk: &Disk, recording: &Recording, cases: &[Case]) -> BTreeMap<&'static str, usize> {
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(what) = judge_case(disk, recording, case) {
                        broken.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    let first_few = broken[..broken.len().min(5)].join("\n");
    assert!(broken.is_empty(), "{} of {} images:\n{first_few}", broken.len(), cases.len());
    let mut kinds = BTreeMap::new();
    for case in cases {
        *kinds.entry(case.loss.name()).or_default() += 1;
    }
    kinds
}

fn judge_case(disk: &Disk, recording: &Recording, case: &Case) -> Result<(), String> {
    let root = scratch();
    let image = root.path().join("image");
    disk.write_image(&image, case.cut, case.loss, &mut Random::new(case.seed));
    let promises = recording.promises_at(case.cut);
    judge::judge(&image, &promises).map_err(|broken| {
        // Made anew: recovery has changed the other, which would hide the cause.
        let kept = root.keep().join("again");
        disk.write_image(&kept, case.cut, case.loss, &mut Random::new(case.seed));
        format!(
            "seed {}, cut at {:?}, {}, {promises:?}: {broken}\nthe image is kept at {}",
            case.seed,
            case.cut,
            case.loss.name(),
            kept.display()
        )
    })
}

/// Runs a child in `dir` under the recorder; what is in `dir` by then is on the disk for good.
fn record(task: &str, dir: &Path) -> (Disk, Recording) {
    let trace_file = dir.with_extension("trace");
    let before = Disk::load(dir);
    trace::run(task, dir, &trace_file);
    trace::read(&trace_file, dir, before)
}

#[test]
fn every_cut_leaves_what_was_acknowledged() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    quiet_about_sled();
    let seed = from_env("USHER_POWERCUT_SEED", 1) as u64;
    let images = from_env("USHER_POWERCUT_IMAGES", IMAGES);
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    std::fs::create_dir(&dir).unwrap();
    let (disk, recording) = record("child_sells", &dir);
    assert!(recording.rotations >= ROTATIONS_MIN, "{} rotations", recording.rotations);
    assert!(recording.starts > 1 && recording.snapshots > 1, "{recording:?}");
    judge::judge(&dir, &recording.promises_at(Moment::END)).expect("nothing was cut");
    let kinds = judge_all(&disk, &recording, &cases(&recording, images, seed));
    println!(
        "{images} images of {} operations, {} flushes, {} acknowledgements, {} rotations, \
         {} snapshots, {} starts: {kinds:?}",
        disk.operations(),
        disk.flushes(),
        recording.acknowledgements(),
        recording.rotations,
        recording.snapshots,
        recording.starts,
    );
}

#[test]
fn recovery_may_be_cut_as_well() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    quiet_about_sled();
    let seed = from_env("USHER_POWERCUT_SEED", 1) as u64 + 1_000_000;
    let images = from_env("USHER_POWERCUT_IMAGES", IMAGES) / 4;
    let recoveries = RECOVERIES.max(images / 100);
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    std::fs::create_dir(&dir).unwrap();
    let (disk, recording) = record("child_sells", &dir);
    let mut operations = 0;
    for (n, case) in cases(&recording, recoveries, seed).iter().enumerate() {
        let again: PathBuf = root.path().join(format!("again-{n}"));
        disk.write_image(&again, case.cut, case.loss, &mut Random::new(case.seed));
        let (second_disk, mut second) = record("child_recovers", &again);
        second.inherit(&recording.promises_at(case.cut));
        operations += second_disk.operations();
        let cases = cases(&second, images / recoveries, seed + 10_000 * n as u64);
        judge_all(&second_disk, &second, &cases);
        std::fs::remove_dir_all(&again).unwrap();
    }
    println!("{recoveries} recoveries of {operations} operations cut: {images} images");
}

/// The judge is no good if it does not see a disk that lies.
#[test]
fn a_disk_that_ignores_flushes_is_caught() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    quiet_about_sled();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    std::fs::create_dir(&dir).unwrap();
    let (mut disk, recording) = record("child_sells", &dir);
    disk.forget_flushes();
    let mut caught = 0;
    let cases = cases(&recording, 24, 1);
    for case in &cases {
        let image = scratch();
        let image = image.path().join("image");
        disk.write_image(&image, case.cut, Loss::Everything, &mut Random::new(case.seed));
        caught += usize::from(judge::judge(&image, &recording.promises_at(case.cut)).is_err());
    }
    assert!(caught > cases.len() / 2, "{caught} of {} disks that lie were caught", cases.len());
}

/// sled's panics become errors in the journal, and their text would drown everything else.
fn quiet_about_sled() {
    std::panic::set_hook(Box::new(|panic| {
        if panic.location().is_some_and(|at| !at.file().contains("sled-0")) {
            eprintln!("{panic}");
        }
    }));
}
