//! A generation read from its raw file alone: what an operator's tools rest on.
//!
//! Everything that sled holds lies in the file as chunks of ours, so the records can be checked,
//! counted and copied without opening sled, which would write to the directory and may not open at
//! all. Only an index of the chunks is held in memory; frames are read as they are needed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::disk::{At, DiskError};
use crate::frame::{Chain, Record};
use crate::journal::{Damage, TailCut};

use super::chunk::{BatchId, CHUNK_HEADER_BYTES};
use super::{raw, walk};

/// Where a batch's chunks lie: file and offset of each, as far as they were found.
type Chunks = Vec<Option<(usize, u64)>>;

/// The chunks of a generation.
pub(crate) struct RawBatches {
    /// `None` for a file that does not exist.
    files: Vec<(PathBuf, Option<File>)>,
    salt: u64,
    /// By first sequence. Several where a batch was cut and another written in its place.
    index: BTreeMap<u64, HashMap<BatchId, Chunks>>,
}

/// How the records of a generation end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RawEnd {
    /// With a whole batch, and nothing behind it.
    Whole,
    /// With an unfinished batch that was never acknowledged.
    Torn(TailCut),
    /// Before something that cannot be read, although more follows; the offset where one is known.
    Damaged(Damage, Option<u64>),
}

impl RawBatches {
    /// Searches these files together.
    pub(crate) fn find(paths: &[PathBuf], salt: u64) -> Result<Self, DiskError> {
        let mut index: BTreeMap<u64, HashMap<BatchId, Chunks>> = BTreeMap::new();
        for (file, path) in paths.iter().enumerate() {
            raw::scan(path, salt, &mut |offset, chunk| {
                let sets = index.entry(chunk.batch.first_seq).or_default();
                let count = usize::from(chunk.batch.chunk_count());
                let chunks = sets.entry(chunk.batch).or_insert_with(|| vec![None; count]);
                chunks[usize::from(chunk.index)].get_or_insert((file, offset));
            })?;
        }
        let open = |path: &PathBuf| match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path.clone(), None)),
            other => Ok((path.clone(), Some(other.at("open", path)?))),
        };
        let files = paths.iter().map(open).collect::<Result<_, DiskError>>()?;
        Ok(Self { files, salt, index })
    }

    /// Visits the batches that follow the chain, with the frames of each, up to the first that
    /// does not; the chain is then behind the last good record.
    pub(crate) fn visit(
        &self,
        chain: &mut Chain,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), DiskError>,
    ) -> Result<RawEnd, DiskError> {
        loop {
            let first_seq = chain.seq() + 1;
            let Some(sets) = self.index.get(&first_seq) else { return Ok(self.end(first_seq)) };
            let mut complete = None;
            for (batch, chunks) in sets {
                if let Some(frames) = self.frames(*batch, chunks)? {
                    complete = Some((frames, chunks[0]));
                }
            }
            let Some((frames, place)) = complete else { return Ok(self.end(first_seq)) };
            let before = chain.clone();
            let flow =
                walk::records(&frames, chain, &mut |_: Record<'_>| ControlFlow::Continue(()));
            if let Err(error) = flow {
                *chain = before;
                return Ok(RawEnd::Damaged(error.into(), place.map(|(_, offset)| offset)));
            }
            visit(&frames)?;
        }
    }

    /// What it means that no whole batch begins at `first_seq`.
    fn end(&self, first_seq: u64) -> RawEnd {
        let behind = self.index.range(first_seq + 1..).next();
        let here = self.index.get(&first_seq).map(|sets| {
            let counts =
                sets.values().map(|chunks| (chunks.iter().flatten().count(), chunks.len()));
            counts.max().unwrap_or_default()
        });
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        match (here, behind) {
            (None, None) => RawEnd::Whole,
            (Some((chunks, expected)), None) => RawEnd::Torn(TailCut {
                first_seq,
                chunks: number(chunks),
                chunks_expected: number(expected),
            }),
            (here, Some((next_seq, sets))) => {
                let offset = sets.values().flatten().flatten().map(|(_, offset)| *offset).min();
                let damage = match here {
                    Some((found, expected)) => Damage::Incomplete {
                        first_seq,
                        found: number(found),
                        expected: number(expected),
                    },
                    None => Damage::AcknowledgedLost {
                        acknowledged: next_seq - 1,
                        recovered: first_seq - 1,
                    },
                };
                RawEnd::Damaged(damage, offset)
            }
        }
    }

    /// The frames of a batch, when all of it is there.
    fn frames(&self, batch: BatchId, chunks: &Chunks) -> Result<Option<Vec<u8>>, DiskError> {
        let bytes = batch.bytes as usize;
        let mut frames = Vec::with_capacity(bytes);
        for (index, place) in (0..).zip(chunks) {
            let Some((file, offset)) = place else { return Ok(None) };
            let (path, Some(file)) = &self.files[*file] else { return Ok(None) };
            let start = frames.len();
            frames.resize(start + batch.payload_bytes(index), 0);
            file.read_exact_at(&mut frames[start..], offset + CHUNK_HEADER_BYTES as u64)
                .at("read", path)?;
        }
        Ok(batch.is_of(&frames, self.salt).then_some(frames))
    }
}
