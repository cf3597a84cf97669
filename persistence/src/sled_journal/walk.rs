//! From sled's items back to batches.
//!
//! Recovery and readers walk the keys in order with the same code: chunks are checked, put
//! together to batches, and each complete batch is handed on as the frames it was written with.

use std::ops::ControlFlow;

use crate::frame::{self, Chain, FrameError, Record};
use crate::journal::Damage;

use super::chunk::{self, BatchId, Chunk, Key};
use super::store::{Store, StoreError};

/// Takes one complete batch and its frames.
pub(crate) type Visit<'a> = dyn FnMut(BatchId, &[u8]) -> Result<ControlFlow<()>, Damage> + 'a;

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum WalkError {
    /// The store failed.
    Store(StoreError),
    /// What it gave back is not what was written.
    Damage { key: Option<(u64, u16)>, damage: Damage },
}

impl From<StoreError> for WalkError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A batch at the end of which only some chunks are there.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) batch: BatchId,
    pub(crate) keys: Vec<Key>,
}

impl Partial {
    /// Chunks there and chunks due.
    pub(crate) fn counts(&self) -> (u32, u32) {
        let found = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        (found, u32::from(self.batch.chunk_count()))
    }
}

/// Visits the complete batches from key `from` on whose first sequence is at most `limit_seq`.
/// Returns the unfinished batch at the end, where there is one.
pub(crate) fn batches(
    store: &Store,
    salt: u64,
    from: &Key,
    limit_seq: u64,
    visit: &mut Visit<'_>,
) -> Result<Option<Partial>, WalkError> {
    let mut items = store.items(from)?;
    let mut frames = Vec::new();
    let mut partial: Option<Partial> = None;
    while let Some((key, value)) = items.next()? {
        let parsed = chunk::parse_key(&key);
        let damage = |damage| WalkError::Damage { key: parsed, damage };
        let Some((first_seq, index)) = parsed else {
            return Err(damage(Damage::Chunk("its key is not one of ours")));
        };
        if first_seq > limit_seq {
            break;
        }
        let chunk = chunk::decode(&value, salt).map_err(|reason| damage(Damage::Chunk(reason)))?;
        if (chunk.batch.first_seq, chunk.index) != (first_seq, index) {
            return Err(damage(Damage::Chunk("it is stored under another key")));
        }
        if chunk.value_bytes() != value.len() {
            return Err(damage(Damage::Chunk("it is longer than it should be")));
        }
        let set = follow(partial.take(), &chunk).map_err(damage)?;
        if set.keys.len() == 1 {
            frames.clear();
        }
        frames.extend_from_slice(chunk.payload);
        if set.keys.len() < usize::from(chunk.batch.chunk_count()) {
            partial = Some(set);
            continue;
        }
        if !chunk.batch.is_of(&frames, salt) {
            return Err(damage(Damage::Chunk("the hash of its batch does not match")));
        }
        if visit(chunk.batch, &frames).map_err(damage)?.is_break() {
            return Ok(None);
        }
    }
    Ok(partial)
}

/// Adds a chunk to the batch that it belongs to; keys come in order, so a hole shows in the hash.
fn follow(partial: Option<Partial>, chunk: &Chunk<'_>) -> Result<Partial, Damage> {
    let key = chunk::key(chunk.batch.first_seq, chunk.index);
    match partial {
        None => Ok(Partial { batch: chunk.batch, keys: vec![key] }),
        Some(mut set) if set.batch == chunk.batch => {
            set.keys.push(key);
            Ok(set)
        }
        Some(set) if set.batch.first_seq == chunk.batch.first_seq => {
            Err(Damage::Chunk("it belongs to another batch than the one before it"))
        }
        Some(set) => {
            let (found, expected) = set.counts();
            Err(Damage::Incomplete { first_seq: set.batch.first_seq, found, expected })
        }
    }
}

/// Takes a batch apart into records that follow each other and the chain.
pub(crate) fn records(
    mut frames: &[u8],
    chain: &mut Chain,
    visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, FrameError> {
    while !frames.is_empty() {
        let (record, taken) = frame::decode(frames)?;
        chain.admit(&record)?;
        if visit(record).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        frames = &frames[taken..];
    }
    Ok(ControlFlow::Continue(()))
}
