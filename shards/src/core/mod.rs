//! The synchronous heart of a shard: it owns partitions, decides, and holds answers back until what
//! they rest on is durable.
//!
//! ```text
//!   deliver(envelope) ─► execute ─► apply ─► record into the open batch
//!                           │                        │ close_turn()
//!                           ▼                        ▼
//!                     answer waits ◄──────── Submission to the journal writer
//!                           │ durable(upto)
//!                           ▼
//!        views published → answers released → effects sent
//! ```
//!
//! No threads, no sockets, no clock: whoever drives it hands in requests, the time, and how far the
//! journal is durable, and takes out submissions and messages for other shards. The actor drives it
//! live; a simulator can drive it as well.
//!
//! Always true: a record is applied exactly when it is in the batch; nothing leaves (answer, view,
//! effect, stock for another segment) before the records it rests on are durable; every answer is
//! sent or dropped exactly once.
//!
//! Whoever wants to get over panics takes every step through [`Core::attempt`]; see `rebuild`.

mod execute;
mod gather;
mod handover;
mod parking;
mod publish;
mod rebuild;
mod release;
mod rooms;
mod suspects;
mod timers;
mod trap;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};
use tokio::sync::mpsc;
use usher_engine::command::TicketNonces;
use usher_engine::hash::FixedHashMap;
use usher_engine::id::TicketNonce;
use usher_engine::limits::UNITS_PER_HOLD_MAX;
use usher_engine::planted::planted;
use usher_engine::wheel::Wheel;
use usher_engine::{Cents, HoldNo, Inventory, Machine, MachineId, PartitionId, Timestamp};

use crate::message::{Envelope, PeerMessage, Request};
use crate::route::Routes;
use crate::view::{Directory, RoomFace, RoomView, ShowView};
use crate::writer::Submission;

use gather::Gatherer;
use handover::Leaving;
use parking::ParkedQueue;
use rebuild::{AtWork, Down};
use release::{TurnReleases, Waiting};
use suspects::Suspects;
use timers::{TimerKey, Timers};
use trap::Trap;

pub(crate) use publish::{publish_recovered, publish_recovered_keys};
pub use rebuild::Fall;
pub(crate) use rooms::publish_recovered_room;
pub use suspects::Suspect;
pub use timers::TICK_MS;
pub use trap::{Moment, SPRUNG};

/// One partition as its owner keeps it, and as it travels between owners.
#[derive(Debug)]
pub struct Partition {
    /// Which.
    pub id: PartitionId,
    /// Position of its last record.
    pub seq: u64,
    /// Its machines.
    pub machines: BTreeMap<MachineId, Machine>,
}

impl Partition {
    /// A partition in which nothing happened yet.
    #[must_use]
    pub fn new(id: PartitionId) -> Self {
        Self { id, seq: 0, machines: BTreeMap::new() }
    }

    /// Its inventories.
    pub fn inventories(&self) -> impl Iterator<Item = &Inventory> {
        self.machines.values().filter_map(Machine::as_inventory)
    }
}

/// Money to give back: for whoever talks to the payment provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// Where the payment is recorded.
    pub inventory: MachineId,
    /// Its order there; 0 where there is none.
    pub order: HoldNo,
    /// The payment.
    pub reference: Box<str>,
    /// How much.
    pub amount: Cents,
}

/// What a shard shares with the rest of the process.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Views are published here.
    pub directory: Arc<Directory>,
    /// Who owns which partition.
    pub routes: Arc<Routes>,
    /// Set while the disk is nearly full.
    pub disk_full: Arc<AtomicBool>,
    /// Refunds that are due.
    pub refunds: mpsc::UnboundedSender<RefundOrder>,
}

/// One shard. See the module.
#[derive(Debug)]
pub struct Core {
    index: usize,
    around: Surroundings,
    partitions: FixedHashMap<PartitionId, Partition>,
    handles: FixedHashMap<MachineId, Handle>,
    wheel: Wheel<TimerKey>,
    now: Timestamp,
    /// Records written into batches so far, how many of them went to the journal writer, and how
    /// many are durable.
    recorded: u64,
    submitted: u64,
    durable: u64,
    batch: Submission,
    waiting: Waiting,
    /// Inventories that this turn changed.
    touched: Vec<MachineId>,
    turn_releases: TurnReleases,
    parked: BTreeMap<MachineId, ParkedQueue>,
    gatherers: BTreeMap<MachineId, Gatherer>,
    leaving: BTreeMap<PartitionId, Leaving>,
    /// Requests that arrived here before their partition did.
    early: Vec<Envelope>,
    /// Messages for other shards, by shard.
    outgoing: VecDeque<(usize, PeerMessage)>,
    /// Requests to inventories that live here, made by inventories that live here.
    inner: VecDeque<Envelope>,
    /// When what is not confirmed was last sent again.
    resent_at: Timestamp,
    rng: StdRng,
    at_work: Option<AtWork>,
    /// Set while what is durable is let go.
    is_releasing: bool,
    down: Option<Down>,
    /// What came while the shard was down.
    held_back: VecDeque<PeerMessage>,
    suspects: Suspects,
    /// When the last panic was that no command could be blamed for.
    unexplained_at: Option<Timestamp>,
    trap: Trap,
}

/// What a shard keeps beside each machine: nothing that could not be made again from it.
#[derive(Debug, Default)]
struct Handle {
    timers: Timers,
    view: Option<Arc<ShowView>>,
    room: Option<Arc<RoomView>>,
    /// What was last given out to be published of a room.
    room_face: Option<RoomFace>,
}

impl Core {
    /// A shard that owns nothing yet. `seed` feeds ticket codes and must be unpredictable outside
    /// of simulations.
    #[must_use]
    pub fn new(index: usize, around: Surroundings, now: Timestamp, seed: [u8; 32]) -> Self {
        Self {
            index,
            around,
            partitions: FixedHashMap::default(),
            handles: FixedHashMap::default(),
            wheel: Wheel::new(now.0),
            now,
            recorded: 0,
            submitted: 0,
            durable: 0,
            batch: Submission::new(index),
            waiting: Waiting::default(),
            touched: Vec::new(),
            turn_releases: TurnReleases::default(),
            parked: BTreeMap::new(),
            gatherers: BTreeMap::new(),
            leaving: BTreeMap::new(),
            early: Vec::new(),
            outgoing: VecDeque::new(),
            inner: VecDeque::new(),
            resent_at: now,
            rng: StdRng::from_seed(seed),
            at_work: None,
            is_releasing: false,
            down: None,
            held_back: VecDeque::new(),
            suspects: Suspects::default(),
            unexplained_at: None,
            trap: Trap::default(),
        }
    }

    /// Sets the time of the turn that begins.
    pub fn begin_turn(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Takes one message from another shard.
    pub fn hear(&mut self, message: PeerMessage) {
        if self.is_down() {
            self.held_back.push_back(message);
            return;
        }
        match message {
            PeerMessage::Deliver(envelope) => self.deliver(envelope),
            PeerMessage::Release { partition, to, done } => self.start_leaving(partition, to, done),
            PeerMessage::Adopt(handover) => self.adopt(*handover),
        }
    }

    /// Works on one request, or passes it on where its partition is elsewhere.
    pub fn deliver(&mut self, envelope: Envelope) {
        if self.is_down() {
            self.held_back.push_back(PeerMessage::Deliver(envelope));
            return;
        }
        let partition = envelope.machine.partition();
        if let Some(leaving) = self.leaving.get_mut(&partition) {
            leaving.queued.push(envelope);
            return;
        }
        if !self.partitions.contains_key(&partition) {
            let owner = self.around.routes.owner(partition);
            if owner == self.index {
                // The route says here, the partition is still on its way.
                self.early.push(envelope);
            } else {
                self.outgoing.push_back((owner, PeerMessage::Deliver(envelope)));
            }
            return;
        }
        match envelope.request {
            Request::Execute(command) => self.execute(envelope.machine, command, envelope.reply),
            Request::Read(hold) => self.read(envelope.machine, hold, envelope.reply),
            Request::Count => self.count(envelope.machine, envelope.reply),
            Request::Need { borrower, quantity } => {
                self.gather(envelope.machine, borrower, quantity);
            }
            Request::Gathered { borrower } => self.gathered(envelope.machine, borrower),
        }
    }

    /// Sends a request to the owner of another machine, here or elsewhere.
    fn send(&mut self, machine: MachineId, request: Request) {
        let envelope = Envelope { machine, request, reply: None };
        let owner = self.around.routes.owner(machine.partition());
        if owner == self.index {
            self.inner.push_back(envelope);
        } else {
            self.outgoing.push_back((owner, PeerMessage::Deliver(envelope)));
        }
    }

    /// Ends the turn: what it recorded goes to the journal, what needs no record is answered.
    /// `None` where nothing was recorded.
    pub fn close_turn(&mut self) -> Option<Submission> {
        self.hear_held_back();
        loop {
            while let Some(envelope) = self.inner.pop_front() {
                self.deliver(envelope);
            }
            self.publish_touched();
            self.queue_releases();
            self.release_durable();
            // What was released may have asked something of an inventory that lives here.
            if self.inner.is_empty() {
                break;
            }
        }
        self.finish_leaving();
        if self.batch.entries.is_empty() {
            return None;
        }
        if planted("records-swapped") {
            self.batch.entries.reverse();
        }
        self.batch.upto = self.recorded;
        self.submitted = self.recorded;
        let next = self.batch.with_room_for_as_much();
        Some(std::mem::replace(&mut self.batch, next))
    }

    /// Takes notice that the first `upto` records of this shard are durable, and releases what
    /// waited for them. Called at the beginning of a turn.
    pub fn durable(&mut self, upto: u64) {
        self.durable = self.durable.max(upto);
        self.release_durable();
        self.finish_leaving();
    }

    /// The next message for another shard, with the shard's number.
    pub fn take_outgoing(&mut self) -> Option<(usize, PeerMessage)> {
        self.outgoing.pop_front()
    }

    /// Whether nothing waits to become durable.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.recorded == self.durable
    }

    /// How many records of this shard are durable, as far as it took notice.
    #[must_use]
    pub fn known_durable(&self) -> u64 {
        self.durable
    }

    /// How much waits to become durable: answers, and what leaves with them.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Which shard this is.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Partitions owned now.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// Machines owned now.
    #[must_use]
    pub fn machine_count(&self) -> usize {
        self.handles.len()
    }

    /// A machine that is owned here.
    #[must_use]
    pub fn machine(&self, id: MachineId) -> Option<&Machine> {
        self.partitions.get(&id.partition())?.machines.get(&id)
    }

    /// An inventory that is owned here.
    #[must_use]
    pub fn inventory(&self, id: MachineId) -> Option<&Inventory> {
        self.machine(id)?.as_inventory()
    }

    fn is_disk_full(&self) -> bool {
        self.around.disk_full.load(Ordering::Relaxed)
    }

    fn nonces(&mut self) -> TicketNonces {
        let mut nonces = Box::new([TicketNonce([0; 10]); UNITS_PER_HOLD_MAX as usize]);
        for nonce in nonces.iter_mut() {
            self.rng.fill_bytes(&mut nonce.0);
        }
        TicketNonces(nonces)
    }
}
