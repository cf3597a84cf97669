//! A batch as sled keeps it: cut into chunks, because no stored value may exceed 7 KiB.
//!
//! ```text
//!  0      8          16          24           32            36      38      40        42
//!  ├──────┼──────────┼───────────┼────────────┼─────────────┼───────┼───────┼─────────┼─────────┐
//!  │magic │ checksum │ first seq │ batch hash │ batch bytes │ index │ count │ version │ payload │
//!  └──────┴──────────┴───────────┴────────────┴─────────────┴───────┴───────┴─────────┴─────────┘
//! ```
//!
//! Every chunk names its whole batch (first sequence, hash, length, count), not only the last one.
//! So a chunk found in the raw file says on its own what it belongs to, and the remains of a batch
//! that was cut can never be taken for parts of the one written in its place.
//!
//! Checksum and hash are seeded with a random salt of the generation. Nobody outside can make
//! bytes that, once stored inside a payload, would look like a chunk of ours in the raw file.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::frame::{u16_at, u32_at, u64_at};
use crate::journal::BATCH_BYTES_MAX;

/// No value above this goes into sled; larger ones could end in `blobs/`, which sled never syncs.
pub(crate) const VALUE_BYTES_MAX: usize = 7 * 1024;
/// Bytes of a chunk before its payload.
pub(crate) const CHUNK_HEADER_BYTES: usize = 42;
/// Payload bytes of every chunk but the last.
pub(crate) const CHUNK_PAYLOAD_BYTES: usize = VALUE_BYTES_MAX - CHUNK_HEADER_BYTES;
/// How a chunk begins; rare enough in other data that a raw search finds little else.
pub(crate) const CHUNK_MAGIC: [u8; 8] = [0xF5, b'U', b'S', b'H', b'C', b'H', b'K', 0x9A];

const VERSION: u16 = 1;
const CHECKSUM: usize = 8;
const COVERED: usize = 16;

/// The key of a chunk: big-endian, so that keys sort as batches were written.
pub(crate) type Key = [u8; 10];

/// The key of chunk `index` of the batch that begins at `first_seq`.
pub(crate) fn key(first_seq: u64, index: u16) -> Key {
    let mut key = [0; 10];
    key[..8].copy_from_slice(&first_seq.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// What a key says; `None` where it is not one of ours.
pub(crate) fn parse_key(key: &[u8]) -> Option<(u64, u16)> {
    let (first_seq, index) = key.split_first_chunk::<8>()?;
    let index: [u8; 2] = index.try_into().ok()?;
    Some((u64::from_be_bytes(*first_seq), u16::from_be_bytes(index)))
}

/// The batch that a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BatchId {
    pub(crate) first_seq: u64,
    pub(crate) hash: u64,
    pub(crate) bytes: u32,
}

impl BatchId {
    /// Describes a batch of frames that begins at `first_seq`.
    pub(crate) fn of(first_seq: u64, frames: &[u8], salt: u64) -> Self {
        assert!(frames.len() <= BATCH_BYTES_MAX, "the caller bounds a batch");
        let bytes = u32::try_from(frames.len()).expect("BATCH_BYTES_MAX fits");
        Self { first_seq, hash: xxh3_64_with_seed(frames, salt), bytes }
    }

    /// Chunks that the batch has when complete.
    pub(crate) fn chunk_count(self) -> u16 {
        let count = (self.bytes as usize).div_ceil(CHUNK_PAYLOAD_BYTES);
        u16::try_from(count).expect("BATCH_BYTES_MAX keeps the count small")
    }

    /// Whether these are the frames that the batch was written with.
    pub(crate) fn is_of(self, frames: &[u8], salt: u64) -> bool {
        frames.len() == self.bytes as usize && xxh3_64_with_seed(frames, salt) == self.hash
    }

    /// Payload bytes of chunk `index`.
    pub(crate) fn payload_bytes(self, index: u16) -> usize {
        let before = usize::from(index) * CHUNK_PAYLOAD_BYTES;
        (self.bytes as usize - before).min(CHUNK_PAYLOAD_BYTES)
    }
}

/// One chunk, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) batch: BatchId,
    pub(crate) index: u16,
    pub(crate) payload: &'a [u8],
}

impl Chunk<'_> {
    /// Bytes that the chunk takes as a value.
    pub(crate) fn value_bytes(&self) -> usize {
        CHUNK_HEADER_BYTES + self.payload.len()
    }

    /// Writes the chunk behind `out`.
    pub(crate) fn encode(&self, salt: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let batch = self.batch;
        out.extend_from_slice(&CHUNK_MAGIC);
        out.extend_from_slice(&[0; COVERED - CHECKSUM]);
        out.extend_from_slice(&batch.first_seq.to_le_bytes());
        out.extend_from_slice(&batch.hash.to_le_bytes());
        out.extend_from_slice(&batch.bytes.to_le_bytes());
        out.extend_from_slice(&self.index.to_le_bytes());
        out.extend_from_slice(&batch.chunk_count().to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(self.payload);
        let checksum = xxh3_64_with_seed(&out[start + COVERED..], salt);
        out[start + CHECKSUM..start + COVERED].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Writes chunk `index` of a batch into `value`, replacing what is there.
pub(crate) fn encode(batch: BatchId, frames: &[u8], index: u16, salt: u64, value: &mut Vec<u8>) {
    let start = usize::from(index) * CHUNK_PAYLOAD_BYTES;
    let payload = &frames[start..start + batch.payload_bytes(index)];
    value.clear();
    Chunk { batch, index, payload }.encode(salt, value);
    assert!(value.len() <= VALUE_BYTES_MAX, "larger values would leave the database file");
}

/// Which batch a chunk says it is of, where [`decode`] does not believe it.
pub(crate) fn claimed_first_seq(bytes: &[u8]) -> Option<u64> {
    (bytes.len() >= CHUNK_HEADER_BYTES).then(|| u64_at(bytes, 16))
}

/// Reads the chunk at the start of `bytes`, which may go on behind it.
///
/// # Errors
/// A sentence that says what is wrong.
pub(crate) fn decode(bytes: &[u8], salt: u64) -> Result<Chunk<'_>, &'static str> {
    if bytes.len() < CHUNK_HEADER_BYTES {
        return Err("it is cut short");
    }
    if bytes[..CHECKSUM] != CHUNK_MAGIC {
        return Err("it does not begin as a chunk does");
    }
    if u16_at(bytes, 40) != VERSION {
        return Err("its version is not known");
    }
    let batch =
        BatchId { first_seq: u64_at(bytes, 16), hash: u64_at(bytes, 24), bytes: u32_at(bytes, 32) };
    let (index, count) = (u16_at(bytes, 36), u16_at(bytes, 38));
    let is_possible = (1..=BATCH_BYTES_MAX).contains(&(batch.bytes as usize))
        && count == batch.chunk_count()
        && index < count;
    if !is_possible {
        return Err("its header is impossible");
    }
    let end = CHUNK_HEADER_BYTES + batch.payload_bytes(index);
    if bytes.len() < end {
        return Err("it is cut short");
    }
    if xxh3_64_with_seed(&bytes[COVERED..end], salt) != u64_at(bytes, CHECKSUM) {
        return Err("its checksum does not match");
    }
    Ok(Chunk { batch, index, payload: &bytes[CHUNK_HEADER_BYTES..end] })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 0xABCD;

    #[test]
    fn batches_of_every_size_are_cut_and_put_together() {
        for bytes in [1, 100, CHUNK_PAYLOAD_BYTES, CHUNK_PAYLOAD_BYTES + 1, 1_000_000] {
            let frames: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let batch = BatchId::of(77, &frames, SALT);
            let mut value = Vec::new();
            let mut together = Vec::new();
            for index in 0..batch.chunk_count() {
                encode(batch, &frames, index, SALT, &mut value);
                let chunk = decode(&value, SALT).unwrap();
                assert_eq!((chunk.batch, chunk.index), (batch, index));
                assert_eq!(chunk.value_bytes(), value.len());
                together.extend_from_slice(chunk.payload);
            }
            assert!(batch.is_of(&together, SALT), "{bytes} bytes");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_other_salt_is_found() {
        let frames = [5; 40];
        let batch = BatchId::of(1, &frames, SALT);
        let mut value = Vec::new();
        encode(batch, &frames, 0, SALT, &mut value);
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped, SALT).is_err(), "bit {bit}");
        }
        assert!(decode(&value, SALT + 1).is_err());
        for length in 0..value.len() {
            assert!(decode(&value[..length], SALT).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn keys_sort_as_batches_were_written() {
        let keys = [key(1, 0), key(1, 1), key(255, 0), key(256, 0), key(256, 300), key(1 << 40, 0)];
        assert!(keys.is_sorted());
        assert_eq!(parse_key(&keys[4]), Some((256, 300)));
        assert_eq!(parse_key(&keys[4][..9]), None);
        assert_eq!(parse_key(b"longer than a key"), None);
    }
}
