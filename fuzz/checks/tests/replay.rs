//! The corpus and small changes of it through every check, without instruments: what the fuzzer
//! once found stays found, also where there is no fuzzer. With `USHER_FUZZ_CHANGES` there are so
//! many changes of each input instead of a few, and with `USHER_FUZZ_ONLY` only one check runs.

use std::fs;
use std::path::{Path, PathBuf};
use usher_fuzz_checks::{Check, all};

/// Changed inputs for each file of a corpus, where nobody says.
const CHANGES_PER_SEED: u64 = 1_000;
/// Inputs of a corpus that are changed; all are replayed.
const SEEDS_CHANGED_MAX: usize = 40;

/// A small generator with a seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Changes, cuts, doubles or puts in a few bytes.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        const OFTEN: &[u8] = b"\0\x01\x7f\x80\xff\"\\{}[]:,-0e.\xc0\xdc\xdd\xdf\xf0";
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, OFTEN[self.below(OFTEN.len())]),
                2 if place < bytes.len() => bytes[place] = OFTEN[self.below(OFTEN.len())],
                3 if place < bytes.len() => bytes[place] ^= 1 << self.below(8),
                4 if place < bytes.len() => {
                    let end = place + self.below(bytes.len() - place).min(64);
                    let again = bytes[place..end].to_vec();
                    bytes.splice(place..place, again);
                }
                _ => bytes.insert(place, self.next() as u8),
            }
        }
    }
}

/// Says which input it was, should the check panic.
struct Told<'a>(&'a str, &'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("check {} failed on {hex}", self.0);
        }
    }
}

fn run(name: &str, check: Check, input: &[u8]) {
    let _told = Told(name, input);
    check(input);
}

fn corpus(name: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn the_corpus_and_changes_of_it_pass_every_check() {
    let asked = std::env::var("USHER_FUZZ_CHANGES").ok();
    let asked = asked.map_or(CHANGES_PER_SEED, |count| count.parse().expect("a number"));
    let only = std::env::var("USHER_FUZZ_ONLY").ok();
    for (number, (name, check)) in (1..).zip(all()) {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let files = corpus(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        run(name, check, &[]);
        let mut random = Random(number);
        for (index, file) in files.iter().enumerate() {
            let seed = fs::read(file).expect("a file");
            run(name, check, &seed);
            let changes = if index < SEEDS_CHANGED_MAX { asked } else { 0 };
            for _ in 0..changes {
                let mut changed = seed.clone();
                random.spoil(&mut changed);
                run(name, check, &changed);
            }
        }
    }
}
