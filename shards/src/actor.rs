//! The thin actor around a shard: it turns wake-ups and ticks into turns of the core.
//!
//! Nothing is decided here. One turn takes notice of what became durable, then hears other shards,
//! then works off at most [`REQUESTS_PER_TURN_MAX`] requests, and hands what they recorded to the
//! journal writer.
//!
//! Where the core panics it is rebuilt from the journal as soon as everything that it submitted is
//! durable; meanwhile what is in the lanes stays there. A panic that the core does not get over, or
//! a rebuild that fails twice, ends the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use crossbeam_channel::Receiver;
use usher_persistence::{JournalReader, Snapshots, courtesy};

use crate::clock::Clock;
use crate::core::{Core, Fall, TICK_MS};
use crate::lanes::{LaneEnds, Lanes};
use crate::message::Envelope;
use crate::recovery::{RecoveryError, SharedPlans, State};
use crate::runtime::OnFatal;
use crate::stats::ShardStats;
use crate::writer::{Submission, WriterHandle};

/// Requests that one turn works off before it lets its batch go. The journal writer takes all
/// batches that wait as one, so a turn need not be large for a flush to be; but while it lasts the
/// writer may have nothing to do, and who was answered meanwhile ends up in the same flush again.
pub const REQUESTS_PER_TURN_MAX: usize = 32;

/// Turns that may follow one another before it is the turn of timers: a few milliseconds.
const TURNS_PER_WAKE_MAX: usize = 16;

/// How many times what fits into the lane of buyers may wait for the disk: what is being flushed,
/// and what goes with the next flush. Were it once, both would share that room, and a slow disk
/// would take half of what it could with each flush.
const GROUPS_WAITING_MAX: usize = 2;

/// How often it is tried to rebuild a shard.
const REBUILDS_MAX: u32 = 2;

/// Something waits in the lanes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Wake;

/// Where a shard that panicked comes back from.
#[derive(Clone)]
pub(crate) struct ComesBackFrom {
    pub(crate) snapshots: Arc<dyn Snapshots>,
    pub(crate) reader: Arc<dyn JournalReader>,
    pub(crate) plans: SharedPlans,
    /// The most time that live holds are given back, in milliseconds.
    pub(crate) given_back_ms_max: u64,
}

/// One shard on its own thread.
pub(crate) struct ShardActor {
    pub(crate) core: Core,
    pub(crate) ends: LaneEnds,
    pub(crate) index: usize,
    pub(crate) lanes: Arc<Vec<Arc<Lanes>>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) writer: WriterHandle,
    pub(crate) stats: Arc<ShardStats>,
    pub(crate) comes_back_from: ComesBackFrom,
    /// When the shard panicked, while it is down.
    pub(crate) down_since: Option<Instant>,
    pub(crate) on_fatal: OnFatal,
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        courtesy::let_others_finish();
        self.lanes[self.index].connect(ctx.address());
        ctx.run_interval(Duration::from_millis(TICK_MS), Self::tick);
    }
}

impl Handler<Wake> for ShardActor {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        for _ in 0..TURNS_PER_WAKE_MAX {
            self.guarded(Self::turn);
            if !self.has_more() && !self.must_look_again() {
                return;
            }
        }
        // Whoever comes meanwhile finds the shard awake, which it is.
        ctx.notify(Wake);
    }
}

impl ShardActor {
    /// Falls asleep, and says whether something came before others could know of that: they did not
    /// wake the shard. Not earlier, or who comes during a turn would wake it for what that turn
    /// finds anyway.
    fn must_look_again(&self) -> bool {
        let lanes = &self.lanes[self.index];
        lanes.falls_asleep();
        self.has_more() || lanes.durable() > self.core.known_durable()
    }

    fn turn(&mut self) {
        if !self.begin_turn() {
            return;
        }
        let buyers_max = self.buyers_max();
        let (core, ends) = (&mut self.core, &self.ends);
        let mut room = REQUESTS_PER_TURN_MAX;
        let recorded = core.attempt(|core| {
            for message in ends.peers.try_iter().take(REQUESTS_PER_TURN_MAX) {
                core.hear(message);
            }
            room -= work_off(core, &ends.money, room);
            room -= work_off(core, &ends.buyers, room.min(buyers_max));
            room -= work_off(core, &ends.control, room);
            core.close_turn()
        });
        self.stats.requests.fetch_add((REQUESTS_PER_TURN_MAX - room) as u64, Ordering::Relaxed);
        self.end_turn(recorded);
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let was_down = self.core.is_down();
        let mut more = false;
        self.guarded(|actor| {
            if actor.begin_turn() {
                let recorded = actor.core.attempt(|core| {
                    more = core.tick();
                    core.close_turn()
                });
                actor.end_turn(recorded);
            }
        });
        if was_down && self.has_more() {
            // Whoever woke the shard while it was down found nobody.
            ctx.notify(Wake);
        }
        if more {
            // The rest of a mass expiry comes after whoever is waiting now.
            ctx.run_later(Duration::from_millis(1), Self::tick);
        }
    }

    /// What [`Core::attempt`] lets through is not survived: nothing may be answered from that state
    /// again.
    fn guarded(&mut self, turn: impl FnOnce(&mut Self)) {
        let on_fatal = self.on_fatal.clone();
        if catch_unwind(AssertUnwindSafe(|| turn(self))).is_err() {
            on_fatal(&format!("shard {} panicked", self.index));
        }
    }

    /// Takes notice of the time and of what became durable. Says whether there is a shard to go on
    /// with.
    fn begin_turn(&mut self) -> bool {
        self.core.begin_turn(self.clock.now());
        self.core.durable(self.lanes[self.index].durable());
        self.rebuild_if_down();
        !self.core.is_down()
    }

    fn end_turn(&mut self, recorded: Result<Option<Submission>, Fall>) {
        match recorded {
            Ok(Some(submission)) => {
                let records = submission.entries.len() as u64;
                self.stats.records.fetch_add(records, Ordering::Relaxed);
                self.writer.submit(submission);
            }
            Ok(None) => {}
            Err(fall) => {
                self.report(&fall);
                self.rebuild_if_down();
            }
        }
        while let Some((to, message)) = self.core.take_outgoing() {
            self.lanes[to].tell(message);
        }
        self.stats.turns.fetch_add(1, Ordering::Relaxed);
        self.stats.partitions.store(self.core.partition_count(), Ordering::Relaxed);
        self.stats.machines.store(self.core.machine_count(), Ordering::Relaxed);
    }

    fn has_more(&self) -> bool {
        let LaneEnds { money, buyers, control, peers } = &self.ends;
        let buyers_go_on = !buyers.is_empty() && self.buyers_max() > 0;
        let others_go_on = !peers.is_empty() || !money.is_empty() || !control.is_empty();
        // A shard that is down, or waits for the disk, is woken by the writer.
        !self.core.is_down() && (buyers_go_on || others_go_on)
    }

    /// How many more buyers may be worked on. What waits for the disk counts as waiting here, or a
    /// slow disk would let buyers queue without a bound behind a lane that is always empty; so the
    /// lane fills, and whoever comes then is refused at once. Money goes on.
    fn buyers_max(&self) -> usize {
        let lane_capacity = self.ends.buyers.capacity().expect("lanes are bounded");
        (GROUPS_WAITING_MAX * lane_capacity).saturating_sub(self.core.waiting_count())
    }

    fn report(&mut self, fall: &Fall) {
        self.down_since = Some(Instant::now());
        self.stats.panics.fetch_add(1, Ordering::Relaxed);
        let quarantined = self.core.suspects().filter(|suspect| suspect.is_quarantined());
        *self.stats.quarantined.lock().unwrap_or_else(PoisonError::into_inner) =
            quarantined.cloned().collect();
        let (shard, message) = (self.index, &fall.message);
        match &fall.blamed {
            Some(suspect) => {
                let inventory = format_args!("{:?}", suspect.inventory);
                let (command, panics) = (&suspect.command, suspect.panics);
                let quarantined = suspect.is_quarantined();
                tracing::error!(
                    shard, %inventory, %command, panics, quarantined, message,
                    "a command panicked; the shard is rebuilt from the journal"
                );
            }
            None => tracing::error!(
                shard,
                message,
                "a shard panicked with no command to blame; it is rebuilt from the journal"
            ),
        }
    }

    /// Brings the shard back, once everything that it submitted is durable. Holds this thread for
    /// as long, and no other.
    fn rebuild_if_down(&mut self) {
        if !self.core.may_rebuild() {
            return;
        }
        for attempt in 1..=REBUILDS_MAX {
            let rebuilt = catch_unwind(AssertUnwindSafe(|| self.rebuild()));
            match rebuilt {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(shard = self.index, attempt, error, "rebuild failed");
                }
                Err(_) => tracing::error!(shard = self.index, attempt, "rebuild panicked"),
            }
        }
        (self.on_fatal)(&format!("shard {} cannot be rebuilt", self.index));
    }

    fn rebuild(&mut self) -> Result<(), RecoveryError> {
        let ComesBackFrom { snapshots, reader, plans, given_back_ms_max } = &self.comes_back_from;
        let (state, figures) = State::recover_only(
            self.core.owned(),
            snapshots.as_ref(),
            reader.as_ref(),
            plans.as_ref(),
        )?;
        self.core.begin_turn(self.clock.now());
        let down_ms = self.core.rebuild(state.partitions);
        let given_back_ms = down_ms.min(*given_back_ms_max);
        let took = self.down_since.take().map_or(figures.took, |since| since.elapsed());
        self.stats.rebuild_us.store(took.as_micros() as u64, Ordering::Relaxed);
        tracing::info!(
            shard = self.index,
            machines = figures.machines,
            records = figures.records,
            took_ms = took.as_millis() as u64,
            "rebuilt"
        );
        let recorded = self.core.attempt(|core| {
            core.give_time(given_back_ms);
            core.close_turn()
        });
        self.end_turn(recorded);
        Ok(())
    }
}

fn work_off(core: &mut Core, lane: &Receiver<Envelope>, room: usize) -> usize {
    let mut count = 0;
    for envelope in lane.try_iter().take(room) {
        core.deliver(envelope);
        count += 1;
    }
    count
}
