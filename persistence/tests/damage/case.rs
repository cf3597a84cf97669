//! One case: a file of a base, and a stretch of it that changes.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::base::{Base, BaseKind, copy_dir, files_below};
use crate::chunks::{Chunk, salt_of};
use crate::disk::Random;

/// How the outcome of a case begins that must not be.
pub(crate) const BROKEN: &str = "BROKEN ";

const SECTOR_BYTES: usize = 512;
const PAGE_BYTES: usize = 4096;
/// Places that are drawn until a strike changes anything.
const DRAWS: usize = 64;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// The database that takes the appends.
    NewestDb,
    OlderDb,
    /// A state of its log that sled keeps.
    SledState,
    SledConf,
    Manifest,
    /// The last acknowledged sequence.
    Note,
    Snapshot,
    /// Whatever else has content.
    Other,
}

impl FileKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NewestDb => "newest db",
            Self::OlderDb => "older db",
            Self::SledState => "sled's snap.*",
            Self::SledConf => "sled's conf",
            Self::Manifest => "manifest",
            Self::Note => "acknowledged",
            Self::Snapshot => "snapshot",
            Self::Other => "other",
        }
    }

    /// How many of a hundred cases strike such a file, where there is one.
    fn weight(self) -> usize {
        match self {
            Self::NewestDb => 50,
            Self::OlderDb => 18,
            Self::SledState | Self::Snapshot => 9,
            Self::SledConf | Self::Manifest => 5,
            Self::Note => 3,
            Self::Other => 1,
        }
    }

    fn of(path: &Path, newest_db: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).expect("plain names");
        match name {
            _ if path == newest_db => Self::NewestDb,
            "db" => Self::OlderDb,
            "conf" => Self::SledConf,
            "acknowledged" => Self::Note,
            "manifest" | "manifest.copy" => Self::Manifest,
            _ if name.starts_with("snap.") => Self::SledState,
            _ if name.ends_with(".snapshot") => Self::Snapshot,
            _ => Self::Other,
        }
    }
}

/// How a stretch of a file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    Bit,
    /// 2 to 64 bits in a row, the first and the last of them for sure.
    Burst,
    Byte,
    SectorZeroed,
    SectorGarbage,
    /// Replaced by another sector of the file.
    SectorCopied,
    /// A page replaced by one from elsewhere in the directory.
    PageCopied,
    /// The end is gone. Not after a power cut: a file that was flushed keeps its length.
    Shortened,
}

impl Strike {
    const ALL: [Self; 8] = [
        Self::Bit,
        Self::Burst,
        Self::Byte,
        Self::SectorZeroed,
        Self::SectorGarbage,
        Self::SectorCopied,
        Self::PageCopied,
        Self::Shortened,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bit => "bit",
            Self::Burst => "burst",
            Self::Byte => "byte",
            Self::SectorZeroed => "sector zeroed",
            Self::SectorGarbage => "sector of garbage",
            Self::SectorCopied => "another sector",
            Self::PageCopied => "another page",
            Self::Shortened => "shortened",
        }
    }

    /// Bits come more often than the rest: they are what a disk's checksum most likely misses.
    fn draw(kind: BaseKind, random: &mut Random) -> Self {
        match random.below(12) {
            0..3 => Self::Bit,
            3..6 => Self::Burst,
            n => match Self::ALL[n - 6 + 2] {
                Self::Shortened if kind == BaseKind::PowerCut => Self::Bit,
                strike => strike,
            },
        }
    }

    /// Changes something around `at`; says which bytes.
    fn hit(
        self,
        bytes: &mut Vec<u8>,
        at: usize,
        elsewhere: &[u8],
        random: &mut Random,
    ) -> Range<usize> {
        let sector = |at: usize| at / SECTOR_BYTES * SECTOR_BYTES;
        let within = |start: usize, len: usize| start..(start + len).min(bytes.len());
        match self {
            Self::Bit => {
                bytes[at] ^= 1 << random.below(8);
                at..at + 1
            }
            Self::Burst => burst(bytes, at, random),
            Self::Byte => {
                bytes[at] ^= u8::try_from(1 + random.below(255)).unwrap();
                at..at + 1
            }
            Self::SectorZeroed => {
                let range = within(sector(at), SECTOR_BYTES);
                bytes[range.clone()].fill(0);
                range
            }
            Self::SectorGarbage => {
                let range = within(sector(at), SECTOR_BYTES);
                for byte in &mut bytes[range.clone()] {
                    *byte = u8::try_from(random.below(256)).unwrap();
                }
                range
            }
            Self::SectorCopied => {
                let from = within(sector(random.below(bytes.len())), SECTOR_BYTES);
                let range = within(sector(at), from.len());
                bytes.copy_within(from.start..from.start + range.len(), range.start);
                range
            }
            Self::PageCopied => {
                let page = |at: usize| at / PAGE_BYTES * PAGE_BYTES;
                let from = page(random.below(elsewhere.len()));
                let len = (elsewhere.len() - from).min(PAGE_BYTES);
                let range = within(page(at), len);
                bytes[range.clone()].copy_from_slice(&elsewhere[from..from + range.len()]);
                range
            }
            Self::Shortened => {
                let range = at..bytes.len();
                bytes.truncate(at);
                range
            }
        }
    }
}

fn burst(bytes: &mut [u8], at: usize, random: &mut Random) -> Range<usize> {
    let bits = 2 + random.below(63);
    let first = at * 8 + random.below(8);
    let last = (first + bits).min(bytes.len() * 8) - 1;
    for bit in first..=last {
        if bit == first || bit == last || random.below(2) == 0 {
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    first / 8..last / 8 + 1
}

/// A base, and what happens to it.
pub(crate) struct Case<'a> {
    pub(crate) seed: u64,
    pub(crate) base: &'a Base,
    pub(crate) file: FileKind,
    pub(crate) strike: Strike,
    /// The file that is struck, relative to the base's data.
    pub(crate) path: PathBuf,
    /// The bytes of it that may have changed.
    pub(crate) range: Range<usize>,
    /// What it holds then.
    struck: Vec<u8>,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, strike, path, range, .. } = self;
        let (kind, promises) = (base.kind.name(), base.promises);
        let (strike, path) = (strike.name(), path.display());
        write!(f, "{kind}, {promises:?}, {strike} at {range:?} of {path}")
    }
}

impl<'a> Case<'a> {
    /// The case of a seed.
    pub(crate) fn draw(bases: &'a [Base], seed: u64) -> Self {
        let mut random = Random::new(seed);
        let base = &bases[random.below(bases.len())];
        let files = files_below(&base.data);
        let newest_db = files.iter().filter(|file| file.ends_with("db")).max().expect("a database");
        let kinds: Vec<_> = files.iter().map(|file| FileKind::of(file, newest_db)).collect();
        let place = draw_file(&kinds, &mut random);
        let (kind, file) = (kinds[place], &files[place]);
        let elsewhere = match random.below(2) {
            0 => file,
            _ => &files[random.below(files.len())],
        };
        let elsewhere = fs::read(elsewhere).unwrap();
        let strike = Strike::draw(base.kind, &mut random);
        let whole = fs::read(file).unwrap();
        let end = end_of_log(kind, file, &whole);
        for _ in 0..DRAWS {
            let mut struck = whole.clone();
            let at = draw_place(&whole, end.clone(), &mut random);
            let range = strike.hit(&mut struck, at, &elsewhere, &mut random);
            if struck != whole {
                let path = file.strip_prefix(&base.data).unwrap().to_path_buf();
                return Self { seed, base, file: kind, strike, path, range, struck };
            }
        }
        // A file that looks the same everywhere, say: any bit will do.
        let mut struck = whole;
        struck[0] ^= 1;
        let path = file.strip_prefix(&base.data).unwrap().to_path_buf();
        Self { seed, base, file: kind, strike: Strike::Bit, path, range: 0..1, struck }
    }

    /// Writes the struck directory to a place that is not there yet.
    pub(crate) fn write(&self, to: &Path) {
        copy_dir(&self.base.data, to);
        fs::write(to.join(&self.path), &self.struck).unwrap();
    }

    /// The chunks of batches that were in the file before.
    pub(crate) fn chunks_before(&self) -> Vec<Chunk> {
        let file = self.base.data.join(&self.path);
        Chunk::find(&fs::read(&file).unwrap(), salt_of(&file))
    }
}

/// A file by the weight of its kind.
fn draw_file(kinds: &[FileKind], random: &mut Random) -> usize {
    let share = |kind: &FileKind| {
        let alike = kinds.iter().filter(|other| *other == kind).count();
        (kind.weight() * 60 / alike).max(1)
    };
    let mut left = random.below(kinds.iter().map(share).sum());
    for (place, kind) in kinds.iter().enumerate() {
        match left.checked_sub(share(kind)) {
            Some(rest) => left = rest,
            None => return place,
        }
    }
    unreachable!("less than the sum was drawn")
}

/// Where the last batches of the newest database lie, and a little beyond them.
fn end_of_log(kind: FileKind, db: &Path, bytes: &[u8]) -> Option<Range<usize>> {
    if kind != FileKind::NewestDb {
        return None;
    }
    let mut chunks = Chunk::find(bytes, salt_of(db));
    chunks.sort_by_key(|chunk| chunk.first_seq);
    let last = &chunks[chunks.len().saturating_sub(4)..];
    let start = last.iter().map(|chunk| chunk.range.start).min()?;
    let end = last.iter().map(|chunk| chunk.range.end).max()?;
    Some(start.saturating_sub(64)..(end + 256).min(bytes.len()))
}

/// A byte to strike: every third time at the end of the log, where recovery has most to decide;
/// else anywhere, but seldom in the zeros that sled leaves for later.
fn draw_place(bytes: &[u8], end: Option<Range<usize>>, random: &mut Random) -> usize {
    if let Some(end) = end.filter(|_| random.below(3) == 0) {
        return end.start + random.below(end.len());
    }
    let is_empty = |at: usize| {
        let around = at.saturating_sub(256)..(at + 256).min(bytes.len());
        bytes[around].iter().all(|byte| *byte == 0)
    };
    let mut at = random.below(bytes.len());
    for _ in 0..32 {
        if !is_empty(at) {
            break;
        }
        at = random.below(bytes.len());
    }
    at
}
