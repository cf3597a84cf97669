//! Putting it together: recover, start writer, replica, keeper and shards, and stop them in order.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use actix::{Actor, Arbiter};
use rand::Rng as _;
use tokio::sync::mpsc;
use usher_engine::PartitionId;
use usher_engine::id::PARTITION_COUNT;
use usher_persistence::{Journal, Snapshots};

use crate::actor::{ComesBackFrom, ShardActor};
use crate::clock::{Clock, GuardedClock};
use crate::core::{Core, Partition, RefundOrder, Surroundings};
use crate::keeper::{self, Compactor, KeeperConfig};
use crate::lanes::{LaneEnds, LaneSizes, Lanes};
use crate::recovery::{RecoveryError, SharedPlans, State};
use crate::replica::{self, RESTS_AFTER};
use crate::route::Routes;
use crate::router::{Inner, Router};
use crate::stats::ShardStats;
use crate::view::Directory;
use crate::writer::{self, WriterEvents, WriterHandle, WriterMessage};

/// How the runtime runs.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Shards, at least 1. May differ at every start.
    pub shards: usize,
    /// How much may wait in front of each.
    pub lanes: LaneSizes,
    /// After so long without an answer, a caller is told that the outcome is unknown.
    pub call_timeout: Duration,
    /// The most time that a restart gives back to live holds, in milliseconds.
    pub given_back_ms_max: u64,
    /// Housekeeping.
    pub keeper: KeeperConfig,
}

/// What the runtime stands on.
pub struct Storage {
    /// The journal, opened and recovered.
    pub journal: Box<dyn Journal>,
    /// Snapshots.
    pub snapshots: Arc<dyn Snapshots>,
    /// Seating plans by id.
    pub plans: SharedPlans,
}

/// Called when the journal failed, or a shard panicked and could not be brought back: nothing can
/// be acknowledged any more. In a server it ends the process.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// A running set of shards.
pub struct Runtime {
    router: Router,
    compactor: Compactor,
    refunds: Option<mpsc::UnboundedReceiver<RefundOrder>>,
    arbiters: Vec<Arbiter>,
    writer: WriterHandle,
    writer_thread: JoinHandle<()>,
    replica_thread: JoinHandle<()>,
    keeper_thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Runtime {
    /// Recovers and starts. Must be called within an actix system.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    ///
    /// # Panics
    /// Where no shards are asked for, or no thread can be started.
    pub fn start(
        config: RuntimeConfig,
        storage: Storage,
        on_fatal: OnFatal,
    ) -> Result<Self, RecoveryError> {
        assert!(config.shards > 0, "at least one shard");
        let Storage { journal, snapshots, plans } = storage;
        let (mut state, mut recovery) =
            State::recover(snapshots.as_ref(), journal.reader().as_ref(), &*plans)?;
        let clock: Arc<dyn Clock> = Arc::new(GuardedClock::start(state.last_at));
        if state.covers.seq > 0 {
            let down_ms = clock.now().ms_since(state.last_at);
            recovery.given_back_ms = down_ms.min(config.given_back_ms_max);
        }
        let directory = Arc::new(Directory::default());
        state.publish(&directory);

        let (lanes, ends): (Vec<_>, Vec<_>) =
            (0..config.shards).map(|_| Lanes::new(config.lanes)).unzip();
        let lanes: Arc<Vec<_>> = Arc::new(lanes.into_iter().map(Arc::new).collect());
        let told = Told { lanes: lanes.clone(), on_fatal: on_fatal.clone() };
        let comes_back_from = ComesBackFrom {
            snapshots: snapshots.clone(),
            reader: journal.reader(),
            plans: plans.clone(),
            given_back_ms_max: config.given_back_ms_max,
        };
        let (replica, replica_thread) =
            replica::start(journal.reader(), snapshots.clone(), plans, RESTS_AFTER);
        let (writer, writer_thread) = writer::start(journal, Box::new(told));
        let (refund_sender, refunds) = mpsc::unbounded_channel();
        let around = Surroundings {
            directory: directory.clone(),
            routes: Arc::new(Routes::spread(config.shards)),
            disk_full: Arc::default(),
            refunds: refund_sender,
        };
        let mut cores = spread(&mut state, &around, config.shards, clock.as_ref());
        cores.iter_mut().for_each(|core| core.give_time(recovery.given_back_ms));
        let shard_stats: Vec<Arc<ShardStats>> = cores.iter().map(|_| Arc::default()).collect();
        let shared = SharedByActors {
            lanes: lanes.clone(),
            clock,
            writer: writer.clone(),
            comes_back_from,
            on_fatal,
        };
        let actors = cores.into_iter().zip(ends).zip(&shard_stats);
        let arbiters =
            actors.map(|((core, ends), stats)| shared.start(core, ends, stats.clone())).collect();

        let kept = config.keeper.generations_kept;
        let compactor = Compactor::new(writer.clone(), replica.clone(), snapshots, kept);
        let stop = Arc::new(AtomicBool::new(false));
        let disk_full = around.disk_full.clone();
        let keeper_thread = keeper::start(
            config.keeper,
            compactor.clone(),
            disk_full.clone(),
            stop.clone(),
            recovery.bytes,
        );
        let router = Router(Arc::new(Inner {
            lanes,
            routes: around.routes.clone(),
            directory,
            writer: writer.clone(),
            replica,
            shard_stats,
            recovery,
            disk_full,
            draining: AtomicBool::new(false),
            call_timeout: config.call_timeout,
        }));
        Ok(Self {
            router,
            compactor,
            refunds: Some(refunds),
            arbiters,
            writer,
            writer_thread,
            replica_thread,
            keeper_thread,
            stop,
        })
    }

    /// Reaches the shards.
    #[must_use]
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Compacts on demand.
    #[must_use]
    pub fn compactor(&self) -> Compactor {
        self.compactor.clone()
    }

    /// Refunds that fall due from now on, and all that were due at start. Given out once.
    pub fn take_refunds(&mut self) -> Option<mpsc::UnboundedReceiver<RefundOrder>> {
        self.refunds.take()
    }

    /// Stops: the shards first, then the writer after everything they submitted is durable. After
    /// that nobody has the journal open any more.
    pub fn stop(self) {
        self.router.drain();
        self.stop.store(true, Ordering::Relaxed);
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        for arbiter in self.arbiters {
            // A shard that panicked has been reported already.
            drop(arbiter.join());
        }
        // The keeper may be compacting, which takes both of the others.
        drop(self.keeper_thread.join());
        self.writer.send(WriterMessage::Stop);
        self.router.replica().stop();
        for thread in [self.writer_thread, self.replica_thread] {
            drop(thread.join());
        }
    }
}

/// What the actors of all shards share.
struct SharedByActors {
    lanes: Arc<Vec<Arc<Lanes>>>,
    clock: Arc<dyn Clock>,
    writer: WriterHandle,
    comes_back_from: ComesBackFrom,
    on_fatal: OnFatal,
}

impl SharedByActors {
    /// Starts one shard on a thread of its own.
    fn start(&self, core: Core, ends: LaneEnds, stats: Arc<ShardStats>) -> Arbiter {
        let actor = ShardActor {
            index: core.index(),
            core,
            ends,
            lanes: self.lanes.clone(),
            clock: self.clock.clone(),
            writer: self.writer.clone(),
            stats,
            comes_back_from: self.comes_back_from.clone(),
            down_since: None,
            on_fatal: self.on_fatal.clone(),
        };
        let arbiter = Arbiter::new();
        arbiter.spawn_fn(move || drop(actor.start()));
        arbiter
    }
}

/// Passes the writer's word on to the shards.
struct Told {
    lanes: Arc<Vec<Arc<Lanes>>>,
    on_fatal: OnFatal,
}

impl WriterEvents for Told {
    fn durable(&self, shard: usize, upto: u64) {
        self.lanes[shard].set_durable(upto);
    }

    fn fatal(&self, reason: &dyn Display) {
        (self.on_fatal)(&format!("journal failed: {reason}"));
    }
}

/// Gives every partition to the shard that the routes name.
fn spread(state: &mut State, around: &Surroundings, shards: usize, clock: &dyn Clock) -> Vec<Core> {
    let mut cores: Vec<Core> = (0..shards)
        .map(|index| {
            let mut seed = [0; 32];
            rand::rng().fill_bytes(&mut seed);
            Core::new(index, around.clone(), clock.now(), seed)
        })
        .collect();
    let mut partitions = std::mem::take(&mut state.partitions);
    for id in (0..PARTITION_COUNT).map(PartitionId) {
        let partition = partitions.remove(&id).unwrap_or_else(|| Partition::new(id));
        cores[around.routes.owner(id)].own(partition);
    }
    cores
}
