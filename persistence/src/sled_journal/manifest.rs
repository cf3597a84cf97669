//! What a generation says about itself, apart from sled.
//!
//! A generation is a directory `journal/00000007/` with a sled database and a manifest in two
//! copies. The manifest says where the generation begins in the chain, so each one can be judged
//! without its predecessor, and it holds the salt of the chunks. It is written last when a
//! generation is made: a directory without one was never used.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{At, DiskError, replace_file};
use crate::frame::{Chain, u16_at, u32_at, u64_at};
use crate::journal::Generation;

const MAGIC: [u8; 8] = *b"USHRGEN\x01";
const NAME: &str = "manifest";
const COPY_NAME: &str = "manifest.copy";
const HEADER_BYTES: usize = 48;
const HEAD_BYTES: usize = 10;

/// Where a generation begins, and its salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) generation: Generation,
    pub(crate) salt: u64,
    pub(crate) created: SystemTime,
    /// The end of the generation before.
    pub(crate) start: Chain,
}

impl Manifest {
    pub(crate) fn first_seq(&self) -> u64 {
        self.start.seq() + 1
    }

    /// Makes both copies durable; the generation counts from then on.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), DiskError> {
        let bytes = self.encode();
        replace_file(&dir.join(COPY_NAME), &bytes)?;
        replace_file(&dir.join(NAME), &bytes)
    }

    /// Reads whichever copy is whole and of the generation that the directory is named after.
    /// `Ok(None)` where the generation was never finished.
    pub(crate) fn read(dir: &Path) -> Result<Result<Option<Self>, &'static str>, DiskError> {
        let number = dir.file_name().and_then(|name| name.to_str()?.parse().ok()).map(Generation);
        let is_other = |found: &Self| number.is_some_and(|number| number != found.generation);
        let mut answer = Ok(None);
        for name in [NAME, COPY_NAME] {
            let path = dir.join(name);
            if !path.try_exists().at("look at", &path)? {
                continue;
            }
            match Self::decode(&fs::read(&path).at("read", &path)?) {
                Ok(manifest) if is_other(&manifest) => {
                    answer = Err("it belongs to another generation");
                }
                Ok(manifest) => return Ok(Ok(Some(manifest))),
                Err(reason) => answer = Err(reason),
            }
        }
        Ok(answer)
    }

    fn encode(&self) -> Vec<u8> {
        let since = self.created.duration_since(UNIX_EPOCH).unwrap_or_default();
        let created_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let heads: Vec<_> = self.start.heads().collect();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + heads.len() * HEAD_BYTES + 8);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.generation.0.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(heads.len()).expect("u16 keys").to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&created_ms.to_le_bytes());
        bytes.extend_from_slice(&self.start.seq().to_le_bytes());
        bytes.extend_from_slice(&self.start.checksum().to_le_bytes());
        for (partition, partition_seq) in heads {
            bytes.extend_from_slice(&partition.to_le_bytes());
            bytes.extend_from_slice(&partition_seq.to_le_bytes());
        }
        let checksum = xxh3_64(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < HEADER_BYTES + 8 {
            return Err("it is cut short");
        }
        if bytes[..8] != MAGIC {
            return Err("it does not begin as a manifest of a known version does");
        }
        let heads_bytes = (u32_at(bytes, 12) as usize).saturating_mul(HEAD_BYTES);
        if bytes.len() - HEADER_BYTES - 8 != heads_bytes {
            return Err("its length does not match");
        }
        let (covered, _) = bytes.split_at(bytes.len() - 8);
        if xxh3_64(covered) != u64_at(bytes, covered.len()) {
            return Err("its checksum does not match");
        }
        let heads = covered[HEADER_BYTES..].chunks_exact(HEAD_BYTES);
        let heads = heads.map(|head| (u16_at(head, 0), u64_at(head, 2)));
        Ok(Self {
            generation: Generation(u32_at(bytes, 8)),
            salt: u64_at(bytes, 16),
            created: UNIX_EPOCH + Duration::from_millis(u64_at(bytes, 24)),
            start: Chain::at(u64_at(bytes, 32), u64_at(bytes, 40), heads),
        })
    }
}

/// The directory of a generation.
pub(crate) fn generation_dir(journal: &Path, generation: Generation) -> PathBuf {
    journal.join(generation.to_string())
}

/// The generations that have a directory, oldest first.
pub(crate) fn list_generations(journal: &Path) -> Result<Vec<Generation>, DiskError> {
    let mut generations = Vec::new();
    for entry in fs::read_dir(journal).at("list", journal)? {
        let name = entry.at("list", journal)?.file_name();
        let number = name.to_str().filter(|name| name.len() == 8).and_then(|n| n.parse().ok());
        generations.extend(number.map(Generation));
    }
    generations.sort_unstable();
    Ok(generations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            generation: Generation(7),
            salt: 99,
            created: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            start: Chain::at(41, 5, [(3, 4), (4095, 6)]),
        }
    }

    #[test]
    fn either_copy_is_enough() {
        let dir = tempfile::tempdir().unwrap();
        let read = || Manifest::read(dir.path()).unwrap();
        assert_eq!(read(), Ok(None));
        manifest().write(dir.path()).unwrap();
        assert_eq!(read(), Ok(Some(manifest())));
        fs::write(dir.path().join(NAME), b"rubbish").unwrap();
        assert_eq!(read(), Ok(Some(manifest())));
        fs::write(dir.path().join(COPY_NAME), b"rubbish").unwrap();
        assert_eq!(read(), Err("it is cut short"));
        fs::remove_file(dir.path().join(COPY_NAME)).unwrap();
        assert_eq!(read(), Err("it is cut short"));
    }

    #[test]
    fn a_copy_of_another_generation_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        let dir = generation_dir(root.path(), Generation(7));
        fs::create_dir(&dir).unwrap();
        manifest().write(&dir).unwrap();
        let other = Manifest { generation: Generation(6), ..manifest() }.encode();
        fs::write(dir.join(NAME), &other).unwrap();
        assert_eq!(Manifest::read(&dir).unwrap(), Ok(Some(manifest())));
        fs::write(dir.join(COPY_NAME), &other).unwrap();
        assert_eq!(Manifest::read(&dir).unwrap(), Err("it belongs to another generation"));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let whole = manifest().encode();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn only_directories_with_a_generation_number_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["00000012", "00000002", "00000003.damaged", "2", "lock", "0000000x"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        assert_eq!(list_generations(dir.path()).unwrap(), [Generation(2), Generation(12)]);
    }
}
