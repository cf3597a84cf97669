//! Chunks found in a raw database file, without sled.
//!
//! sled stores values as they are, so every chunk of ours lies in the file in one piece and can be
//! found by its magic and proved by its checksum. This is the second witness: it finds what sled
//! dropped silently, and it still reads when sled does not open at all. It must run before sled
//! does, since sled overwrites what it takes for a torn end.
//!
//! What always holds: the file is only read, in windows, so memory does not depend on its size.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::disk::{At, DiskError};

use super::chunk::{self, BatchId, CHUNK_MAGIC, Chunk, VALUE_BYTES_MAX};

const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Chunks that cannot be read and are remembered all the same. A cut leaves a few of them.
const REMAINS_MAX: usize = 1024;

/// Visits every whole chunk in a file with its offset, in file order. A chunk may come several
/// times, since sled copies values when it tidies up. A missing file has no chunks.
pub(crate) fn scan(
    path: &Path,
    salt: u64,
    visit: &mut dyn FnMut(u64, Chunk<'_>),
) -> Result<(), DiskError> {
    search(path, &mut |offset, bytes| {
        let chunk = chunk::decode(bytes, salt).ok()?;
        visit(offset, chunk);
        Some(chunk.value_bytes())
    })
}

/// Whether anything in the file begins as a chunk does, whatever its salt.
pub(crate) fn has_chunks(path: &Path) -> Result<bool, DiskError> {
    let mut found = false;
    search(path, &mut |_, _| {
        found = true;
        None
    })?;
    Ok(found)
}

/// Calls `visit` wherever the magic is, with what follows it; it answers how far to step on.
fn search(
    path: &Path,
    visit: &mut dyn FnMut(u64, &[u8]) -> Option<usize>,
) -> Result<(), DiskError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.at("open", path)?,
    };
    let finder = memmem::Finder::new(&CHUNK_MAGIC);
    // Windows overlap by a chunk, so each one lies whole in some window.
    let mut window = vec![0; WINDOW_BYTES + VALUE_BYTES_MAX];
    let mut base = 0;
    loop {
        let filled = fill(&file, &mut window, base).at("read", path)?;
        let is_last = filled < window.len();
        let end = if is_last { filled } else { WINDOW_BYTES };
        let bytes = &window[..filled];
        let mut at = 0;
        while let Some(next) = finder.find(&bytes[at..]) {
            at += next;
            if at >= end {
                break;
            }
            at += visit(base + at as u64, &bytes[at..]).unwrap_or(1);
        }
        if is_last {
            return Ok(());
        }
        base += at.max(WINDOW_BYTES) as u64;
    }
}

fn fill(file: &File, window: &mut [u8], base: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < window.len() {
        match file.read_at(&mut window[filled..], base + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The last batch of which anything is in the file, as far as it is there.
#[derive(Debug, Default)]
pub(crate) struct RawTail {
    /// Its first sequence; 0 where the file has no chunk.
    pub(crate) first_seq: u64,
    /// Offset of the first chunk found.
    pub(crate) offset: u64,
    /// What is there of it. Several, where a batch was cut and another written in its place.
    sets: HashMap<BatchId, Vec<Option<Vec<u8>>>>,
    /// First sequences that chunks claim which cannot be read. Good for telling, not for deciding.
    remains: BTreeSet<u64>,
}

impl RawTail {
    /// Finds it in these files together.
    pub(crate) fn find(paths: &[PathBuf], salt: u64) -> Result<Self, DiskError> {
        let mut tail = Self::default();
        for path in paths {
            search(path, &mut |offset, bytes| match chunk::decode(bytes, salt) {
                Ok(chunk) => {
                    tail.add(offset, chunk);
                    Some(chunk.value_bytes())
                }
                Err(_) => {
                    tail.add_remains(bytes);
                    None
                }
            })?;
        }
        Ok(tail)
    }

    fn add_remains(&mut self, bytes: &[u8]) {
        if self.remains.len() < REMAINS_MAX {
            self.remains.extend(chunk::claimed_first_seq(bytes));
        }
    }

    fn add(&mut self, offset: u64, chunk: Chunk<'_>) {
        if chunk.batch.first_seq < self.first_seq {
            return;
        }
        if chunk.batch.first_seq > self.first_seq {
            let first_seq = chunk.batch.first_seq;
            self.sets.clear();
            (self.first_seq, self.offset) = (first_seq, offset);
        }
        let count = usize::from(chunk.batch.chunk_count());
        let set = self.sets.entry(chunk.batch).or_insert_with(|| vec![None; count]);
        set[usize::from(chunk.index)] = Some(chunk.payload.to_vec());
    }

    /// All that is there of it, as chunks one behind the other.
    pub(crate) fn encode(&self, salt: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (batch, chunks) in &self.sets {
            for (index, payload) in (0..).zip(chunks) {
                if let Some(payload) = payload {
                    Chunk { batch: *batch, index, payload }.encode(salt, &mut bytes);
                }
            }
        }
        bytes
    }

    /// The frames of the batches that are there in full.
    pub(crate) fn complete(&self, salt: u64) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.sets.iter().filter_map(move |(batch, chunks)| {
            let chunks: Option<Vec<&Vec<u8>>> = chunks.iter().map(Option::as_ref).collect();
            let frames = chunks?.into_iter().flatten().copied().collect::<Vec<u8>>();
            batch.is_of(&frames, salt).then_some(frames)
        })
    }

    /// What is there of a batch that begins at `first_seq` and is not whole: chunks there and
    /// chunks due. None there of at least one where all that is found cannot be read.
    pub(crate) fn unfinished(&self, first_seq: u64) -> Option<(u32, u32)> {
        if self.first_seq == first_seq {
            return Some(self.largest());
        }
        self.remains.contains(&first_seq).then_some((0, 1))
    }

    /// Chunks there and chunks due, of the batch of which most is there.
    fn largest(&self) -> (u32, u32) {
        let count = |chunks: &Vec<Option<Vec<u8>>>| {
            let there = chunks.iter().flatten().count();
            (u32::try_from(there).unwrap_or(u32::MAX), u32::try_from(chunks.len()).unwrap_or(0))
        };
        self.sets.values().map(count).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 5;

    fn chunks(first_seq: u64, bytes: usize) -> Vec<Vec<u8>> {
        let frames = vec![u8::try_from(first_seq % 256).unwrap(); bytes];
        let batch = BatchId::of(first_seq, &frames, SALT);
        let encoded = (0..batch.chunk_count()).map(|index| {
            let mut value = Vec::new();
            chunk::encode(batch, &frames, index, SALT, &mut value);
            value
        });
        encoded.collect()
    }

    fn write(parts: &[&[u8]]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), parts.concat()).unwrap();
        file
    }

    #[test]
    fn chunks_are_found_wherever_they_lie_also_across_windows() {
        let one = &chunks(9, 500)[0];
        for before in [0, 1, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 300, WINDOW_BYTES * 2] {
            let file = write(&[&vec![0xF5; before], one, &chunks(10, 80)[0], &[0; 40]]);
            let mut found = Vec::new();
            let mut visit = |offset, chunk: Chunk<'_>| found.push((offset, chunk.batch.first_seq));
            scan(file.path(), SALT, &mut visit).unwrap();
            let second = (before + one.len()) as u64;
            assert_eq!(found, [(before as u64, 9), (second, 10)], "{before} bytes before");
        }
    }

    #[test]
    fn the_tail_is_the_batch_with_the_greatest_sequence() {
        let (old, torn, whole) = (chunks(5, 20_000), chunks(8, 20_000), chunks(8, 10_000));
        let file = write(&[&torn[0], &old[0], &old[1], &old[2], &torn[2], &whole[1], &whole[0]]);
        let tail = RawTail::find(&[file.path().to_path_buf()], SALT).unwrap();
        assert_eq!((tail.first_seq, tail.offset), (8, 0));
        assert_eq!(tail.complete(SALT).map(|frames| frames.len()).collect::<Vec<_>>(), [10_000]);
        let aside = write(&[&tail.encode(SALT)]);
        let again = RawTail::find(&[aside.path().to_path_buf()], SALT).unwrap();
        assert_eq!((again.first_seq, again.sets), (tail.first_seq, tail.sets));
        let file = write(&[&torn[0], &old[0]]);
        let tail = RawTail::find(&[file.path().to_path_buf()], SALT).unwrap();
        assert_eq!((tail.complete(SALT).count(), tail.unfinished(8)), (0, Some((1, 3))));
        assert_eq!((tail.unfinished(7), tail.unfinished(9)), (None, None));
    }

    #[test]
    fn a_chunk_that_cannot_be_read_leaves_a_trace() {
        let (good, mut rotten) = (chunks(5, 100), chunks(8, 100));
        rotten[0][60] ^= 4;
        let file = write(&[&rotten[0], &good[0]]);
        let tail = RawTail::find(&[file.path().to_path_buf()], SALT).unwrap();
        assert_eq!((tail.first_seq, tail.complete(SALT).count()), (5, 1));
        assert_eq!((tail.unfinished(8), tail.unfinished(6)), (Some((0, 1)), None));
    }

    #[test]
    fn another_salt_and_a_missing_file_have_no_chunks() {
        let file = write(&[&chunks(5, 100)[0]]);
        assert_eq!(RawTail::find(&[file.path().to_path_buf()], SALT + 1).unwrap().first_seq, 0);
        assert!(has_chunks(file.path()).unwrap());
        assert!(!has_chunks(Path::new("/no/such/file")).unwrap());
    }
}
