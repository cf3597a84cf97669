//! The server, taken apart: cores, queues between them, a journal and snapshots that survive, and a
//! clock. Whoever drives it decides what happens next; nothing happens by itself.

mod network;
mod panics;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};
use usher_engine::inventory::Goods;
use usher_engine::plan::{PlanId, SeatPlan};
use usher_engine::{Inventory, Machine, MachineId, PartitionId, ShowKey, Timestamp};
use usher_persistence::codec::PlanSource;
use usher_persistence::{
    Fault, Journal, MemoryDisk, MemoryJournal, MemorySnapshots, Pending, Snapshots,
    removable_through,
};
use usher_shards::core::{Core, Partition, RefundOrder, Surroundings};
use usher_shards::message::{Envelope, PeerMessage, Reply, Request};
use usher_shards::recovery::State;
use usher_shards::route::Routes;
use usher_shards::view::Directory;
use usher_shards::writer::Submission;

use crate::random::Random;

pub(crate) use network::Disturbance;
use network::Network;
pub(crate) use panics::{CURSED_HOLD_MS, Died, Fell, Sprung, Traps};

/// The one show.
pub(crate) const SHOW: ShowKey = ShowKey(7);
/// The longest downtime that live holds get back, in milliseconds.
const GIVEN_BACK_MS_MAX: u64 = 5 * 60 * 1_000;

/// Plans live outside of the journal and are never lost here.
#[derive(Debug, Clone)]
pub(crate) struct Plans(pub(crate) Arc<SeatPlan>);

impl PlanSource for Plans {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (self.0.id() == id).then(|| self.0.clone())
    }
}

/// What one turn of a shard takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Turn {
    pub(crate) shard: usize,
    /// Messages of other shards.
    pub(crate) peers_max: usize,
    pub(crate) requests_max: usize,
    pub(crate) stumbles: Option<Stumbles>,
}

/// Where a shard panics though no command is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stumbles {
    /// After messages and timers.
    BeforeRequests,
    /// Before its batch is closed.
    AfterRequests,
}

/// A server that runs, and the disk below it.
pub(crate) struct World {
    /// The clock on the wall; it may jump.
    pub(crate) now: u64,
    /// The latest time that any shard was ever told: what has ended by then has ended.
    pub(crate) latest: u64,
    pub(crate) cores: Vec<Core>,
    pub(crate) around: Surroundings,
    pub(crate) refunds: mpsc::UnboundedReceiver<RefundOrder>,
    /// Requests that wait for each shard.
    inboxes: Vec<VecDeque<Envelope>>,
    pub(crate) network: Network,
    /// What makes commands panic.
    pub(crate) traps: Traps,
    /// Shards that panicked since somebody last asked.
    pub(crate) falls: Vec<Fell>,
    /// Shards that came back while tickets were on their way between segments.
    pub(crate) rebuilt_amid_loans: u64,
    /// How far the journal is durable for each shard, as far as it will hear with its next turn.
    durable: Vec<u64>,
    /// Submitted and not yet durable, oldest first.
    in_flight: VecDeque<Submission>,
    disk: MemoryDisk,
    journal: MemoryJournal,
    snapshots: MemorySnapshots,
    plans: Plans,
    /// Those that matter here, and are owned by somebody.
    partitions: Vec<PartitionId>,
    starts: u64,
    /// Records that became durable.
    flushed: u64,
}

impl World {
    /// A server on an empty disk, for a sale.
    pub(crate) fn new(shards: usize, plans: Plans, now: u64) -> Self {
        Self::with_partitions(shards, plans, now, partitions())
    }

    /// A server on an empty disk that has these partitions.
    pub(crate) fn with_partitions(
        shards: usize,
        plans: Plans,
        now: u64,
        partitions: Vec<PartitionId>,
    ) -> Self {
        let disk = MemoryDisk::new();
        let journal = disk.open().expect("an empty disk").0;
        let (around, refunds) = surroundings(shards);
        let mut world = Self {
            now,
            latest: now,
            cores: Vec::new(),
            around,
            refunds,
            inboxes: Vec::new(),
            network: Network::new(shards),
            traps: Traps::default(),
            falls: Vec::new(),
            rebuilt_amid_loans: 0,
            durable: Vec::new(),
            in_flight: VecDeque::new(),
            disk,
            journal,
            snapshots: MemorySnapshots::new(),
            plans,
            partitions,
            starts: 0,
            flushed: 0,
        };
        world.start(State::default(), shards, 0);
        world
    }

    /// Puts a request into the queue of its owner. The answer, if any, comes out of the other end.
    pub(crate) fn ask(
        &mut self,
        inventory: MachineId,
        request: Request,
    ) -> oneshot::Receiver<Reply> {
        let (reply, answer) = oneshot::channel();
        let owner = self.around.routes.owner(inventory.partition());
        self.inboxes[owner].push_back(Envelope { machine: inventory, request, reply: Some(reply) });
        answer
    }

    /// One turn of a shard, as its actor takes it: it hears what is durable, comes back if it was
    /// down and can, then works on some of what waits for it.
    pub(crate) fn turn(&mut self, turn: &Turn, random: &mut Random) -> Result<(), Died> {
        let shard = turn.shard;
        self.latest = self.latest.max(self.now);
        self.cores[shard].begin_turn(Timestamp(self.now));
        self.cores[shard].durable(self.durable[shard]);
        self.rebuild_if_down(shard)?;
        if self.cores[shard].is_down() {
            return Ok(());
        }
        let Self { cores, inboxes, network, .. } = self;
        let inbox = &mut inboxes[shard];
        let attempt = panics::attempt(&mut cores[shard], |core| {
            for _ in 0..turn.peers_max {
                let Some(message) = network.receive(shard, random) else { break };
                core.hear(message);
            }
            while core.tick() {}
            if turn.stumbles == Some(Stumbles::BeforeRequests) {
                panics::stumble();
            }
            for _ in 0..turn.requests_max {
                let Some(envelope) = inbox.pop_front() else { break };
                core.deliver(envelope);
            }
            if turn.stumbles == Some(Stumbles::AfterRequests) {
                panics::stumble();
            }
            core.close_turn()
        });
        self.end_turn(shard, attempt?)
    }

    /// Makes the oldest submissions durable in one batch. `false` where the flush failed: then the
    /// process has to end.
    pub(crate) fn flush(&mut self, submissions_max: usize, fault: Option<Fault>) -> bool {
        let count = self.in_flight.len().min(submissions_max);
        if count == 0 {
            return true;
        }
        if let Some(fault) = fault {
            self.disk.inject(1, fault);
        }
        let group: Vec<Submission> = self.in_flight.drain(..count).collect();
        let pending: Vec<Pending<'_>> = group.iter().flat_map(Submission::pending).collect();
        if self.journal.append(&pending).is_err() {
            return false;
        }
        self.flushed += pending.len() as u64;
        for submission in &group {
            let durable = &mut self.durable[submission.shard];
            *durable = (*durable).max(submission.upto);
        }
        true
    }

    /// Compacts as the keeper does: rotate, write what the journal says, drop what that covers. It
    /// may stop, as a crash would, after so many of these steps.
    pub(crate) fn compact(&mut self, steps: u64) {
        let journal = &mut self.journal;
        if steps == 0 || journal.rotate().is_err() {
            return;
        }
        let reader = journal.reader();
        if steps == 1 {
            return;
        }
        let recovered = State::recover(&self.snapshots, reader.as_ref(), &self.plans);
        let (state, _) = recovered.expect("the journal can be read");
        if steps == 2 {
            drop(self.snapshots.begin(state.covers));
            return;
        }
        state.write_snapshot(&self.snapshots).expect("memory takes it");
        if steps == 3 {
            return;
        }
        let covered = self.snapshots.covered_seq().expect("memory answers");
        if let Some(old) = removable_through(&journal.generations(), covered) {
            journal.remove_through(old).expect("it is not in use");
        }
    }

    /// Asks the owner of a partition to hand it to another shard.
    pub(crate) fn move_partition(&mut self, partition: PartitionId, to: usize) {
        let owner = self.around.routes.owner(partition);
        let (done, _) = oneshot::channel();
        self.network.send(owner, owner, PeerMessage::Release { partition, to, done });
    }

    /// The process dies, stays away for `down_ms`, and starts again, perhaps on other shards.
    /// Everything that was not on the disk is gone. It may die once more while it starts. Returns
    /// how much time live holds get back, in milliseconds.
    pub(crate) fn restart(&mut self, shards: usize, down_ms: u64, random: &mut Random) -> u64 {
        self.disk.crash(0);
        self.now += down_ms;
        let attempts = 1 + u64::from(random.once_in(4));
        let mut recovered = None;
        for _ in 0..attempts {
            self.journal = self.disk.open().expect("a crash leaves a journal that opens").0;
            let reader = self.journal.reader();
            let state = State::recover(&self.snapshots, reader.as_ref(), &self.plans);
            recovered = Some(state.expect("what was written can be read").0);
        }
        let (around, refunds) = surroundings(shards);
        (self.around, self.refunds) = (around, refunds);
        let state = recovered.expect("at least one attempt");
        let given_back_ms = self.now.saturating_sub(state.last_at.0).min(GIVEN_BACK_MS_MAX);
        self.start(state, shards, given_back_ms);
        given_back_ms
    }

    /// The newest snapshot was being written when the power went; the one before it is whole.
    pub(crate) fn damage_newest_snapshot(&mut self) {
        if self.snapshots.whole() > 1 {
            let _ = self.snapshots.damage_newest();
        }
    }

    fn start(&mut self, mut state: State, shards: usize, given_back_ms: u64) {
        self.starts += 1;
        self.now = self.now.max(state.last_at.0);
        self.latest = self.latest.max(self.now);
        state.publish(&self.around.directory);
        let now = Timestamp(self.now);
        self.cores = (0..shards)
            .map(|shard| {
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&self.starts.to_le_bytes());
                seed[8] = shard as u8;
                let mut core = Core::new(shard, self.around.clone(), now, seed);
                self.traps.watch(shard, &mut core);
                core
            })
            .collect();
        for partition in self.partitions.clone() {
            let owned = state.partitions.remove(&partition);
            let owner = self.around.routes.owner(partition);
            self.cores[owner].own(owned.unwrap_or_else(|| Partition::new(partition)));
        }
        self.inboxes = (0..shards).map(|_| VecDeque::new()).collect();
        self.network = Network::new(shards);
        self.traps.disarm();
        self.durable = vec![0; shards];
        self.in_flight.clear();
        for core in &mut self.cores {
            core.begin_turn(now);
            core.give_time(given_back_ms);
            self.in_flight.extend(core.close_turn());
        }
    }

    /// An inventory as its owner has it, durable or not; `None` while it is on its way.
    pub(crate) fn inventory(&self, id: MachineId) -> Option<&Inventory> {
        self.cores.iter().find_map(|core| core.inventory(id))
    }

    /// Every inventory of the show that exists, or `None` while one is between two shards or
    /// comes back.
    pub(crate) fn inventories(&self) -> Option<Vec<&Inventory>> {
        let all = || slots().filter_map(|slot| self.inventory(inventory_id(slot)));
        (!self.is_something_away()).then(|| all().collect())
    }

    /// Whether a machine is between two shards, or belongs to one that is down and so has nothing
    /// to show either.
    pub(crate) fn is_something_away(&self) -> bool {
        self.network.carries_a_partition() || self.cores.iter().any(Core::is_down)
    }

    /// A machine of any kind as its owner has it, durable or not.
    pub(crate) fn machine(&self, id: MachineId) -> Option<&Machine> {
        self.cores.iter().find_map(|core| core.machine(id))
    }

    /// The version of the seat map that readers see.
    pub(crate) fn shown_version(&self) -> Option<u64> {
        self.around.directory.show(SHOW).map(|view| view.version())
    }

    /// At rest, whether readers are shown what is.
    pub(crate) fn tells_what_is(&self) -> Result<(), String> {
        let Some(view) = self.around.directory.show(SHOW) else { return Err("no show".into()) };
        let house = self.inventory(MachineId::house(SHOW)).expect("nothing moves at rest");
        match house.goods() {
            Goods::Seats(map) if map.packed_statuses() != view.seats.copy().bits => {
                Err("readers are shown other seats than there are".into())
            }
            _ => Ok(()),
        }
    }

    /// The version of the house on the disk.
    pub(crate) fn house_version(&self) -> Option<u64> {
        self.inventory(MachineId::house(SHOW)).map(Inventory::version)
    }

    /// Whether nothing waits anywhere.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.in_flight.is_empty()
            && self.inboxes.iter().all(VecDeque::is_empty)
            && self.network.is_empty()
            && self.cores.iter().all(|core| core.is_settled() && !core.is_down())
    }

    /// Records that ever became durable.
    pub(crate) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Requests that wait for a shard.
    pub(crate) fn waiting(&self, shard: usize) -> usize {
        self.inboxes[shard].len()
    }

    /// Lets writes be refused for want of room, or not any more.
    pub(crate) fn set_disk_full(&self, is_full: bool) {
        self.around.disk_full.store(is_full, Ordering::Relaxed);
    }
}

/// Pools of the show: one, with so many segments.
pub(crate) const SEGMENTS: u16 = 3;

/// The slot that stands for money that names no show at all.
pub(crate) const STRAYS: u16 = MachineId::STRAYS.slot;

/// All slots: the house, the segments, and the strays.
pub(crate) fn slots() -> impl Iterator<Item = u16> {
    (0..=SEGMENTS).chain([STRAYS])
}

/// The inventory of a slot.
pub(crate) fn inventory_id(slot: u16) -> MachineId {
    if slot == STRAYS { MachineId::STRAYS } else { MachineId { show: SHOW, slot } }
}

/// The partitions that matter to a sale.
pub(crate) fn sale_partitions() -> Vec<PartitionId> {
    let mut partitions: Vec<_> = slots().map(|slot| inventory_id(slot).partition()).collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

/// All partitions that matter: those, and that of the waiting room.
pub(crate) fn partitions() -> Vec<PartitionId> {
    let mut partitions = sale_partitions();
    partitions.push(MachineId::room(SHOW).partition());
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

fn surroundings(shards: usize) -> (Surroundings, mpsc::UnboundedReceiver<RefundOrder>) {
    let (refunds, receiver) = mpsc::unbounded_channel();
    let directory = Arc::new(Directory::default());
    let routes = Arc::new(Routes::spread(shards));
    (Surroundings { directory, routes, disk_full: Arc::default(), refunds }, receiver)
}
