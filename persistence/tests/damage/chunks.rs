//! Chunks of batches in a raw database file, found without the code that is tested.

use std::fs;
use std::ops::Range;
use std::path::Path;

use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const MAGIC: [u8; 8] = [0xF5, b'U', b'S', b'H', b'C', b'H', b'K', 0x9A];
const HEADER_BYTES: usize = 42;
const PAYLOAD_BYTES: usize = 7 * 1024 - HEADER_BYTES;

/// One whole chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// First sequence of its batch.
    pub(crate) first_seq: u64,
    /// Which chunk of its batch it is.
    pub(crate) index: usize,
    /// Where it lies in the file.
    pub(crate) range: Range<usize>,
}

impl Chunk {
    /// All whole chunks of a file, in the order in which they lie; several may be copies of one.
    pub(crate) fn find(bytes: &[u8], salt: u64) -> Vec<Self> {
        memmem::find_iter(bytes, &MAGIC).filter_map(|at| Self::at(bytes, at, salt)).collect()
    }

    fn at(bytes: &[u8], at: usize, salt: u64) -> Option<Self> {
        let header = bytes.get(at..at + HEADER_BYTES)?;
        let number =
            |place: usize| u64::from_le_bytes(header[place..place + 8].try_into().unwrap());
        let index = usize::from(u16::from_le_bytes(header[36..38].try_into().unwrap()));
        let batch_bytes = number(32) as u32 as usize;
        let payload = batch_bytes.checked_sub(index * PAYLOAD_BYTES)?.min(PAYLOAD_BYTES);
        let range = at..at + HEADER_BYTES + payload;
        let covered = bytes.get(at + 16..range.end)?;
        let is_whole = xxh3_64_with_seed(covered, salt) == number(8);
        is_whole.then(|| Self { first_seq: number(16), index, range })
    }
}

/// The salt in the manifest of the generation that a database belongs to; 0 where there is none.
pub(crate) fn salt_of(db: &Path) -> u64 {
    let manifests = ["manifest", "manifest.copy"].map(|name| fs::read(db.with_file_name(name)));
    let manifest = manifests.into_iter().flatten().find(|manifest| manifest.len() >= 24);
    manifest.map_or(0, |bytes| u64::from_le_bytes(bytes[16..24].try_into().unwrap()))
}
