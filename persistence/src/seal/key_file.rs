//! The file that holds the keys: groups, each appended and flushed as one.
//!
//! ```text
//!   file    magic; groups
//!   group   magic, number of keys, xxh3-64 of number and keys; keys
//!   key     buyer (16 bytes), key (32 bytes)
//! ```
//!
//! One group is in flight at a time. So an unreadable group at the end is one that was never
//! acknowledged and is cut; one with a readable group behind it is damage.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64;
use zeroize::{Zeroize, Zeroizing};

use super::{KeyError, Keys};
use crate::disk::{
    At, DiskError, TEMPORARY_SUFFIX, create_dir_durable, parent_of, remove_temporaries,
    rename_durable, sync_dir, with_suffix,
};
use crate::frame::{u32_at, u64_at};

/// The most keys in one group; bounds what waits for one flush.
pub(super) const GROUP_KEYS_MAX: usize = 4096;

const NAME: &str = "buyers.keys";
const FILE_MAGIC: [u8; 8] = *b"USHRKEY\x01";
const GROUP_MAGIC: [u8; 8] = [0xF5, b'K', b'E', b'Y', b'G', b'R', b'P', 0x9A];
const GROUP_HEADER_BYTES: usize = 20;
const ENTRY_BYTES: usize = 48;
const OWNER_ONLY: u32 = 0o600;

/// A buyer and their key.
pub(super) type Entry = (u128, Zeroizing<[u8; 32]>);

/// The file, open for appending.
pub(super) struct KeyFile {
    path: PathBuf,
    file: File,
    length: u64,
}

/// Makes the directory of the keys, readable by the owner alone.
pub(super) fn make_private_dir(dir: &Path) -> Result<(), DiskError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = parent_of(dir);
    create_dir_durable(parent)?;
    DirBuilder::new().mode(0o700).create(dir).at("create", dir)?;
    sync_dir(parent)
}

impl KeyFile {
    /// Opens the file, making it where it is missing; returns its keys and the bytes that were
    /// cut off its end.
    pub(super) fn open(dir: &Path) -> Result<(Self, Keys, u64), KeyError> {
        remove_temporaries(dir)?;
        let path = dir.join(NAME);
        if !path.try_exists().at("look at", &path)? {
            write_all(&path, &Keys::new())?;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).at("open", &path)?;
        let bytes = Zeroizing::new(fs::read(&path).at("read", &path)?);
        let (keys, length) = parse(&path, &bytes)?;
        let cut_bytes = bytes.len() as u64 - length;
        if cut_bytes > 0 {
            tracing::warn!(path = %path.display(), cut_bytes, "unfinished group of keys cut");
            file.set_len(length).at("shorten", &path)?;
            file.sync_all().at("flush", &path)?;
        }
        Ok((Self { path, file, length }, keys, cut_bytes))
    }

    /// Appends keys durably.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), KeyError> {
        if entries.is_empty() {
            return Ok(());
        }
        let group = encode_group(entries.iter().map(|(buyer, key)| (*buyer, &**key)));
        self.file.write_all_at(&group, self.length).at("write", &self.path)?;
        self.file.sync_data().at("flush", &self.path)?;
        self.length += group.len() as u64;
        Ok(())
    }

    /// Replaces the file by one with just these keys, and overwrites the old one.
    ///
    /// The overwriting reaches the same blocks on a file system that writes in place. One that
    /// copies on write, or a disk that remaps, may keep the old ones for a while.
    pub(super) fn rewrite(&mut self, keys: &Keys) -> Result<(), KeyError> {
        let (file, length) = write_all(&self.path, keys)?;
        let old = std::mem::replace(&mut self.file, file);
        let zeroes = vec![0; 64 * 1024];
        let mut offset = 0;
        while offset < self.length {
            let bytes = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
            let bytes = bytes.min(zeroes.len());
            old.write_all_at(&zeroes[..bytes], offset).at("overwrite", &self.path)?;
            offset += bytes as u64;
        }
        old.sync_data().at("flush", &self.path)?;
        self.length = length;
        Ok(())
    }
}

/// Writes a whole new file beside `path`, then puts it in its place; returns it with its length.
fn write_all(path: &Path, keys: &Keys) -> Result<(File, u64), DiskError> {
    let temporary = with_suffix(path, TEMPORARY_SUFFIX);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(OWNER_ONLY);
    let file = options.open(&temporary).at("create", &temporary)?;
    file.write_all_at(&FILE_MAGIC, 0).at("write", &temporary)?;
    let mut length = FILE_MAGIC.len() as u64;
    let entries: Vec<_> = keys.iter().collect();
    for group in entries.chunks(GROUP_KEYS_MAX) {
        let group = encode_group(group.iter().map(|(buyer, key)| (**buyer, &***key)));
        file.write_all_at(&group, length).at("write", &temporary)?;
        length += group.len() as u64;
    }
    file.sync_all().at("flush", &temporary)?;
    rename_durable(&temporary, path)?;
    Ok((file, length))
}

fn encode_group<'a>(
    entries: impl ExactSizeIterator<Item = (u128, &'a [u8; 32])>,
) -> Zeroizing<Vec<u8>> {
    let count = u32::try_from(entries.len()).expect("bounded by GROUP_KEYS_MAX");
    // Sized at once: growing would leave copies of keys behind in freed memory.
    let bytes = GROUP_HEADER_BYTES + entries.len() * ENTRY_BYTES;
    let mut group = Zeroizing::new(Vec::with_capacity(bytes));
    group.extend_from_slice(&GROUP_MAGIC);
    group.extend_from_slice(&[0; 8]);
    group.extend_from_slice(&count.to_le_bytes());
    for (buyer, key) in entries {
        group.extend_from_slice(&buyer.to_be_bytes());
        group.extend_from_slice(key);
    }
    let checksum = xxh3_64(&group[16..]);
    group[8..16].copy_from_slice(&checksum.to_le_bytes());
    group
}

/// Reads all groups; returns their keys and the length up to which the file is good.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Keys, u64), KeyError> {
    let damaged =
        |offset: usize| KeyError::Damaged { path: path.to_path_buf(), offset: offset as u64 };
    if !bytes.starts_with(&FILE_MAGIC) {
        return Err(damaged(0));
    }
    let mut keys = Keys::new();
    let mut at = FILE_MAGIC.len();
    while at < bytes.len() {
        let Some(group) = whole_group(&bytes[at..]) else {
            let behind = memmem::find_iter(&bytes[at..], &GROUP_MAGIC);
            if behind.into_iter().any(|step| whole_group(&bytes[at + step..]).is_some()) {
                return Err(damaged(at));
            }
            break;
        };
        for entry in group[GROUP_HEADER_BYTES..].chunks_exact(ENTRY_BYTES) {
            let buyer = entry[..16].try_into().expect("16 bytes");
            let mut key: [u8; 32] = entry[16..].try_into().expect("32 bytes");
            keys.insert(u128::from_be_bytes(buyer), Zeroizing::new(key));
            key.zeroize();
        }
        at += group.len();
    }
    Ok((keys, at as u64))
}

/// The group at the start of `bytes`, when it is whole.
fn whole_group(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.len() < GROUP_HEADER_BYTES || !bytes.starts_with(&GROUP_MAGIC) {
        return None;
    }
    let count = u32_at(bytes, 16) as usize;
    if !(1..=GROUP_KEYS_MAX).contains(&count) {
        return None;
    }
    let group = bytes.get(..GROUP_HEADER_BYTES + count * ENTRY_BYTES)?;
    (xxh3_64(&group[16..]) == u64_at(group, 8)).then_some(group)
}
