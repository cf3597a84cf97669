//! Reading while the writer appends.
//!
//! Readers share the database handles, which are thread-safe, and stop at the sequence that was
//! durable when they began. A batch that is being inserted lies behind it and is never looked at.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use crate::frame::{Chain, Record};
use crate::journal::{Damage, JournalError, JournalReader, Place};

use super::chunk::{self, Key};
use super::recover::{damaged, store_damage, walk_damage};
use super::{OpenGeneration, Shared, walk};

impl JournalReader for Shared {
    fn read(
        &self,
        from_seq: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<u64, JournalError> {
        let from_seq = from_seq.max(1);
        // The sequence is read before the list: every record up to it is in a generation listed.
        let durable_seq = self.durable_seq();
        let generations = self.list();
        let first_seq = generations.first().map_or(1, |oldest| oldest.manifest.first_seq());
        if from_seq < first_seq {
            return Err(JournalError::Removed { from_seq, first_seq });
        }
        let mut cursor = Cursor { from_seq, visited_seq: from_seq - 1, chain: None, visit };
        for generation in &generations {
            if generation.last_seq() < from_seq {
                continue;
            }
            if cursor.read(generation, durable_seq)?.is_break() {
                return Ok(cursor.visited_seq);
            }
        }
        let recovered = cursor.visited_seq;
        match generations.last() {
            Some(active) if recovered < durable_seq => {
                let damage = Damage::AcknowledgedLost { acknowledged: durable_seq, recovered };
                Err(damaged(active.place(None, recovered), damage))
            }
            _ => Ok(recovered),
        }
    }

    fn first_seq(&self) -> u64 {
        self.list().first().map_or(1, |oldest| oldest.manifest.first_seq())
    }

    fn durable_seq(&self) -> u64 {
        self.durable_seq.load(Ordering::Acquire)
    }
}

/// One pass over the records from `from_seq` on.
struct Cursor<'a> {
    from_seq: u64,
    visited_seq: u64,
    /// Set by the first batch: what came before was verified when the journal was opened.
    chain: Option<Chain>,
    visit: &'a mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
}

impl Cursor<'_> {
    fn read(
        &mut self,
        generation: &OpenGeneration,
        durable_seq: u64,
    ) -> Result<ControlFlow<()>, JournalError> {
        let from = start_key(generation, self.from_seq)?;
        let salt = generation.manifest.salt;
        let mut flow = ControlFlow::Continue(());
        let walked =
            walk::batches(&generation.store, salt, &from, durable_seq, &mut |_, frames| {
                flow = self.batch(frames)?;
                Ok(flow)
            });
        let place = |key| Place { key, ..generation.place(None, self.visited_seq) };
        match walked {
            Err(error) => Err(walk_damage(error, place)),
            Ok(_) => Ok(flow),
        }
    }

    fn batch(&mut self, frames: &[u8]) -> Result<ControlFlow<()>, Damage> {
        let chain = match &mut self.chain {
            Some(chain) => chain,
            unset => {
                let (first, _) = crate::frame::decode(frames)?;
                unset.insert(Chain::resume(first.seq - 1, first.previous))
            }
        };
        let flow = walk::records(frames, chain, &mut |record| {
            if record.seq < self.from_seq {
                return ControlFlow::Continue(());
            }
            self.visited_seq = record.seq;
            (self.visit)(record)
        })?;
        Ok(flow)
    }
}

/// The key of the first chunk of the batch that holds `from_seq`, or would.
fn start_key(generation: &OpenGeneration, from_seq: u64) -> Result<Key, JournalError> {
    let found = generation.store.key_at_or_before(&chunk::key(from_seq, u16::MAX));
    let key = found.map_err(|error| store_damage(error, generation.place(None, from_seq - 1)))?;
    let first_seq =
        key.and_then(|key| chunk::parse_key(&key)).map_or(0, |(first_seq, _)| first_seq);
    Ok(chunk::key(first_seq, 0))
}
