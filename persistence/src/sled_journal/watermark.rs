//! The last acknowledged sequence, noted beside the database.
//!
//! The note is written after a batch was made durable and is not flushed itself, so it may lag
//! behind after a power cut but can never run ahead. That makes it a lower bound: when the store
//! gives back less than the note says, acknowledged records are gone, even where nothing else is
//! left to show it. It costs one small write a batch.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{At, DiskError, parent_of, sync_dir};
use crate::frame::u64_at;

const NAME: &str = "acknowledged";
const MAGIC: [u8; 8] = *b"USHRACK\x01";
const BYTES: usize = 24;

/// The note, open for writing.
#[derive(Debug)]
pub(crate) struct Watermark {
    path: PathBuf,
    file: File,
}

impl Watermark {
    /// Opens the note in a journal directory, making it where it is missing.
    pub(crate) fn open(journal: &Path) -> Result<Self, DiskError> {
        let path = journal.join(NAME);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).at("open", &path)?;
        sync_dir(parent_of(&path))?;
        Ok(Self { path, file })
    }

    /// The last sequence noted in a journal directory, without touching it.
    pub(crate) fn peek(journal: &Path) -> Result<Option<u64>, DiskError> {
        let path = journal.join(NAME);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => Self { file: other.at("open", &path)?, path }.read(),
        }
    }

    /// The last sequence noted; `None` where there is no readable note.
    pub(crate) fn read(&self) -> Result<Option<u64>, DiskError> {
        let mut bytes = [0; BYTES];
        match self.file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other.at("read", &self.path)?,
        }
        let is_whole = bytes[..8] == MAGIC && xxh3_64(&bytes[..16]) == u64_at(&bytes, 16);
        Ok(is_whole.then(|| u64_at(&bytes, 8)))
    }

    /// Notes that everything up to `seq` may be acknowledged; call only once it is durable.
    pub(crate) fn note(&self, seq: u64) -> Result<(), DiskError> {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&seq.to_le_bytes());
        let checksum = xxh3_64(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_all_at(&bytes, 0).at("write", &self.path)
    }

    /// Flushes the note, where there is time: on rotation and on an orderly end.
    pub(crate) fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().at("flush", &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_rubbish_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let watermark = Watermark::open(dir.path()).unwrap();
        assert_eq!(watermark.read().unwrap(), None);
        watermark.note(41).unwrap();
        watermark.note(42).unwrap();
        watermark.sync().unwrap();
        assert_eq!(Watermark::open(dir.path()).unwrap().read().unwrap(), Some(42));
        let whole = std::fs::read(&watermark.path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&watermark.path, flipped).unwrap();
            assert_eq!(watermark.read().unwrap(), None, "bit {bit}");
        }
    }
}
