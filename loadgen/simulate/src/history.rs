//! Everything that happened, as one number, and the end of it in words.
//!
//! Each event goes into the hash as it is, without being put into words: words cost more than all
//! the rest of a step. Only a run that is told again because it failed keeps them.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher as _};

use usher_persistence::Fault;
use usher_shards::core::Moment;
use xxhash_rust::xxh3::Xxh3;

use crate::auditor::{Asked, Told};
use crate::world::{Died, Disturbance, Fell, Sprung, Turn};

/// Events that a failure tells of.
const WORDS_MAX: usize = 50;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Asks(u64, &'a Asked),
    IsTurnedAway,
    GoesAway(Option<u64>),
    IsTold(u64, &'a Told),
    RefundIsDue { slot: u16, order: u32, reference: &'a str, amount: u64 },
    Turns(Turn),
    Dies(Died),
    Falls(&'a Fell),
    Panics(Sprung),
    TrapIsSet { shard: usize, commands: u64, moment: Moment },
    Flushes { submissions: usize, records: u64 },
    FlushFails(Option<Fault>),
    TimePasses { ms: u64 },
    ClockJumpsBack { ms: u64 },
    ClockGoesAt { percent: u64 },
    Compacts { steps: u64 },
    PartitionIsToMove { partition: u16, to: usize },
    DiskIsFull(bool),
    Network(Option<Disturbance>),
    EverybodySleeps,
    Restarts { down_ms: u64, shards: usize },
}

/// The hash of all events so far, and the words of the last if they are wanted.
pub(crate) struct History {
    hash: Xxh3,
    words: Option<VecDeque<String>>,
}

impl History {
    pub(crate) fn new(in_words: bool) -> Self {
        Self { hash: Xxh3::new(), words: in_words.then(VecDeque::new) }
    }

    pub(crate) fn note(&mut self, event: &Event<'_>) {
        event.hash(&mut self.hash);
        if let Some(words) = &mut self.words {
            if words.len() == WORDS_MAX {
                words.pop_front();
            }
            words.push_back(event.to_string());
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn into_words(self) -> Vec<String> {
        self.words.unwrap_or_default().into()
    }
}

impl Hash for Event<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match *self {
            Self::Asks(id, asked) => (id, asked).hash(state),
            Self::IsTurnedAway | Self::Dies(Died) | Self::EverybodySleeps => {}
            Self::GoesAway(id) => id.hash(state),
            Self::IsTold(id, told) => (id, told).hash(state),
            Self::RefundIsDue { slot, order, reference, amount } => {
                (slot, order, reference, amount).hash(state);
            }
            Self::Turns(turn) => turn.hash(state),
            Self::Falls(fell) => fell.hash(state),
            Self::Panics(sprung) => sprung.hash(state),
            Self::TrapIsSet { shard, commands, moment } => (shard, commands, moment).hash(state),
            Self::Flushes { submissions, records } => (submissions, records).hash(state),
            Self::FlushFails(fault) => match fault {
                None => 0.hash(state),
                Some(Fault::FailBefore) => 1.hash(state),
                Some(Fault::FailAfter) => 2.hash(state),
                Some(Fault::Torn { bytes }) => (3, bytes).hash(state),
            },
            Self::TimePasses { ms } | Self::ClockJumpsBack { ms } => ms.hash(state),
            Self::ClockGoesAt { percent } => percent.hash(state),
            Self::Compacts { steps } => steps.hash(state),
            Self::PartitionIsToMove { partition, to } => (partition, to).hash(state),
            Self::DiskIsFull(is_full) => is_full.hash(state),
            Self::Network(what) => what.hash(state),
            Self::Restarts { down_ms, shards } => (down_ms, shards).hash(state),
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asks(id, asked) => write!(f, "#{id} asks {asked:?}"),
            Self::IsTurnedAway => write!(f, "somebody is turned away"),
            Self::EverybodySleeps => write!(f, "everybody sleeps"),
            Self::GoesAway(None) => write!(f, "nobody goes away"),
            Self::GoesAway(Some(id)) => write!(f, "#{id} goes away"),
            Self::IsTold(id, told) => write!(f, "#{id} is told {told:?}"),
            Self::RefundIsDue { slot, order, reference, amount } => {
                write!(f, "{amount} is to go back as {reference}, of order {order} in slot {slot}")
            }
            Self::Turns(Turn { shard, peers_max, requests_max, stumbles }) => {
                write!(f, "shard {shard} turns, up to {peers_max} messages and ")?;
                write!(f, "{requests_max} requests")?;
                stumbles.map_or(Ok(()), |place| write!(f, ", and stumbles: {place:?}"))
            }
            Self::Dies(Died) => write!(f, "a panic too many ends the process"),
            Self::Falls(fell) => write!(f, "a shard falls: {fell:?}"),
            Self::Panics(sprung) => write!(f, "a command panics: {sprung:?}"),
            Self::TrapIsSet { shard, commands, moment } => {
                write!(f, "shard {shard} is to panic {commands} commands from now, {moment:?}")
            }
            Self::Flushes { submissions, records } => {
                write!(f, "{submissions} submissions are flushed, {records} records in all")
            }
            Self::FlushFails(fault) => write!(f, "a flush fails: {fault:?}"),
            Self::TimePasses { ms } => write!(f, "{ms} ms pass"),
            Self::ClockJumpsBack { ms } => write!(f, "the clock jumps back by {ms} ms"),
            Self::ClockGoesAt { percent } => write!(f, "the clock goes at {percent}%"),
            Self::Compacts { steps } => write!(f, "the keeper compacts, {steps} of 4 steps"),
            Self::PartitionIsToMove { partition, to } => {
                write!(f, "partition {partition} is to move to shard {to}")
            }
            Self::DiskIsFull(is_full) => write!(f, "the disk is full: {is_full}"),
            Self::Network(None) => write!(f, "the network is quiet"),
            Self::Network(Some(what)) => write!(f, "a message between shards is {what:?}"),
            Self::Restarts { down_ms, shards } => {
                write!(f, "the process is dead, and back after {down_ms} ms on {shards} shards")
            }
        }
    }
}
