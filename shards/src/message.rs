//! What crosses the border of a shard: requests in, answers out.

use tokio::sync::oneshot;
use usher_engine::accounts::Account;
use usher_engine::inventory::{Audit, Hold};
use usher_engine::room::Place;
use usher_engine::{Command, HoldNo, MachineId, PartitionId, Refusal, Subject};

use crate::core::Partition;

/// One request on its way to the owner of a machine.
#[derive(Debug)]
pub struct Envelope {
    /// Who should answer.
    pub machine: MachineId,
    /// What is asked.
    pub request: Request,
    /// Where the answer goes; `None` where nobody waits for one.
    pub reply: Option<oneshot::Sender<Reply>>,
}

/// What an owner can be asked.
#[derive(Debug)]
pub enum Request {
    /// Change something.
    Execute(Command),
    /// Show one hold with its order.
    Read(HoldNo),
    /// Count everything, at a version.
    Count,
    /// A segment tells segment 0 that it runs dry.
    Need {
        /// The segment.
        borrower: u16,
        /// Tickets that it is short of.
        quantity: u32,
    },
    /// A segment tells segment 0 that it has what it needs, or gave up.
    Gathered {
        /// The segment.
        borrower: u16,
    },
}

/// What a shard is told by the others. Never refused and worked off first.
#[derive(Debug)]
pub enum PeerMessage {
    /// A request between inventories, or one that came to a shard that no longer owns it.
    Deliver(Envelope),
    /// Hand a partition over to another shard.
    Release {
        /// Which.
        partition: PartitionId,
        /// To whom.
        to: usize,
        /// Told when the new owner has it.
        done: oneshot::Sender<()>,
    },
    /// Take a partition over.
    Adopt(Box<Handover>),
}

/// A partition on its way between shards.
#[derive(Debug)]
pub struct Handover {
    /// Its state.
    pub partition: Partition,
    /// What arrived for it while it was frozen, oldest first.
    pub queued: Vec<Envelope>,
    /// Told when the new owner has it.
    pub done: oneshot::Sender<()>,
}

/// What an owner answers.
#[derive(Debug)]
pub enum Reply {
    /// It is done, or this is how it stands. Boxed, since most replies to a rush are refusals.
    Done(Box<Answer>),
    /// It is not done.
    Refused(Refusal),
    /// See [`Request::Count`].
    Counted(Box<Counted>),
    /// Nothing happened; the reason may pass.
    Unavailable(Unavailable),
}

/// How something stands, as of `version` of its machine.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who answers.
    pub machine: MachineId,
    /// What it is about.
    pub subject: Subject,
    /// Whether this repeats an earlier answer.
    pub replayed: bool,
    /// Version of the machine that this belongs to.
    pub version: u64,
    /// How the subject stands.
    pub found: Found,
}

/// How the subject of an answer stands.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nothing in particular.
    Nothing,
    /// A hold, with its order, payments and tickets.
    Hold(Hold),
    /// A place in a waiting room.
    Place(Place),
    /// An account.
    Account(Box<Account>),
}

impl Answer {
    /// The hold concerned, if there is one.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        match &self.found {
            Found::Hold(hold) => Some(hold),
            Found::Nothing | Found::Place(_) | Found::Account(_) => None,
        }
    }
}

/// A count of everything in one inventory, taken by its owner.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Version of the inventory that it belongs to.
    pub version: u64,
    /// The figures.
    pub audit: Audit,
}

/// Why nothing happened, though it may later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// A lane is full.
    Busy,
    /// The disk is nearly full; reads go on.
    DiskFull,
    /// The server is stopping.
    Draining,
    /// The shard panicked and comes back from the journal; others do not notice.
    Rebuilding,
    /// The same command made the shard panic before, twice; it is not tried again.
    Quarantined,
}

/// Why a call did not end in an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The engine refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing happened, though it may later.
    #[error("not now: {0:?}")]
    Unavailable(Unavailable),
    /// It may have happened or not; the same key tells.
    #[error("no answer in time")]
    OutcomeUnknown,
}
