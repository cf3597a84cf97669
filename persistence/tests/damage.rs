//! Damage to the files of a closed journal, made at random places.
//!
//! Whatever is flipped or torn off, opening gives back everything that was acknowledged or refuses
//! with a message; never less, and never a panic that leaves the crate. After a refusal `cut` gives
//! a journal that opens. A failure prints its seed.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use usher_persistence::check;
use usher_persistence::{Journal, JournalError, Pending, SledJournal, SledOptions};

/// Time that one test spends on tries, at most; a few hundred fit on a slow disk.
const PATIENCE: Duration = Duration::from_secs(8);
const TRIES: u64 = 400;

/// splitmix64: the same tries on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

fn payload(seq: u64) -> Vec<u8> {
    // Some records need several chunks, most share one with others.
    let bytes =
        if seq.is_multiple_of(17) { 9_000 } else { 40 + usize::try_from(seq % 200).unwrap() };
    (0..bytes).map(|n| u8::try_from((n as u64 * 7 + seq) % 256).unwrap()).collect()
}

/// A journal of three generations, closed in good order. Returns its last sequence.
fn build(dir: &Path) -> u64 {
    let (mut journal, _) = SledJournal::open(SledOptions::new(dir)).unwrap();
    for batch in 0..90 {
        let first = journal.last_seq() + 1;
        let payloads: Vec<_> =
            (first..first + 1 + batch % 7).map(|seq| (seq, payload(seq))).collect();
        let pending: Vec<_> = payloads
            .iter()
            .map(|(seq, payload)| Pending { partition: 1, partition_seq: *seq, payload })
            .collect();
        journal.append(&pending).unwrap();
        if batch % 40 == 39 {
            journal.rotate().unwrap();
        }
    }
    journal.last_seq()
}

/// Opens and reads all of it: what was written, without a gap. Returns the last sequence.
fn read_back(dir: &Path) -> Result<u64, JournalError> {
    let (journal, _) = SledJournal::open(SledOptions::new(dir))?;
    let mut next = 1;
    journal.reader().read(1, &mut |record| {
        assert_eq!(record.seq, next);
        assert!(record.payload == payload(next), "record {next} has another payload");
        next += 1;
        ControlFlow::Continue(())
    })
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Damages copies of one journal until patience ends.
fn try_damage(seed: u64, damage: fn(&mut Vec<u8>, &mut Random)) {
    // sled's panics become errors here, and their text would drown everything else.
    std::panic::set_hook(Box::new(|panic| {
        if panic.location().is_some_and(|at| !at.file().contains("sled-0")) {
            eprintln!("{panic}");
        }
    }));
    let root = tempfile::tempdir().unwrap();
    let whole = root.path().join("whole");
    let last_seq = build(&whole);
    assert_eq!(read_back(&whole).unwrap(), last_seq);
    // As it lies after kill -9 and after an orderly end alike: sled's state file may be there.
    let names: Vec<PathBuf> = files_below(&whole)
        .into_iter()
        .map(|path| path.strip_prefix(&whole).unwrap().to_path_buf())
        .collect();
    let databases: Vec<&PathBuf> = names.iter().filter(|name| name.ends_with("db")).collect();
    let started = Instant::now();
    let (mut tries, mut refusals, mut mended) = (0, 0, 0);
    while tries < TRIES && started.elapsed() < PATIENCE {
        let mut random = Random(seed + tries);
        // Most tries go to the data, the rest to every other file that is there.
        let name = if random.below(4) > 0 {
            databases[random.below(databases.len())]
        } else {
            &names[random.below(names.len())]
        };
        let copy = root.path().join(format!("copy-{tries}"));
        copy_dir(&whole, &copy);
        let mut bytes = fs::read(copy.join(name)).unwrap();
        damage(&mut bytes, &mut random);
        fs::write(copy.join(name), bytes).unwrap();
        let seed = seed + tries;
        // A second start must not lose what the first refused.
        let mut is_refused = false;
        for start in 1..=2 {
            match read_back(&copy) {
                Ok(read) => assert_eq!(read, last_seq, "seed {seed}, start {start}: records lost"),
                Err(error) => {
                    let message = error.to_string();
                    let names_it = message.contains(copy.to_str().unwrap());
                    assert!(names_it, "seed {seed}, start {start}: {message}");
                    is_refused = true;
                }
            }
        }
        if is_refused {
            refusals += 1;
            let cut = check::cut(&copy, None);
            let report = cut.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            mended += u64::from(report.last_seq == last_seq);
            assert_eq!(read_back(&copy).unwrap(), report.last_seq, "seed {seed}: after the cut");
        }
        fs::remove_dir_all(&copy).unwrap();
        tries += 1;
    }
    println!("{tries} tries, {refusals} refused, {mended} of them mended without loss");
    assert!(tries >= 20 && refusals > 0 && mended > 0);
}

#[test]
fn flipped_bits_refuse_or_give_back_everything() {
    try_damage(1_000, |bytes, random| {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    });
}

#[test]
fn lost_sectors_refuse_or_give_back_everything() {
    try_damage(2_000, |bytes, random| {
        let start = random.below(bytes.len()) / 512 * 512;
        let end = (start + 512 * (1 + random.below(8))).min(bytes.len());
        bytes[start..end].fill(0);
    });
}

#[test]
fn shortened_files_refuse_or_give_back_everything() {
    try_damage(3_000, |bytes, random| {
        let length = random.below(bytes.len());
        bytes.truncate(length);
    });
}
