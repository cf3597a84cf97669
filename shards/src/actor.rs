//! The thin actor around a shard: it turns wake-ups and ticks into turns of the core.
//!
//! Nothing is decided here. One turn takes notice of what became durable, then hears other shards,
//! then works off at most [`REQUESTS_PER_TURN_MAX`] requests, and hands what they recorded to the
//! journal writer. A panic in the core ends the process: its state may be half changed, and the
//! journal knows better.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use crossbeam_channel::Receiver;

use crate::clock::Clock;
use crate::core::{Core, TICK_MS};
use crate::lanes::{LaneEnds, Lanes};
use crate::message::Envelope;
use crate::runtime::OnFatal;
use crate::stats::ShardStats;
use crate::writer::WriterHandle;

/// Requests that one turn works off before it lets its batch go.
pub const REQUESTS_PER_TURN_MAX: usize = 256;

/// Something waits in the lanes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Wake;

/// One shard on its own thread.
pub(crate) struct ShardActor {
    pub(crate) core: Core,
    pub(crate) ends: LaneEnds,
    pub(crate) index: usize,
    pub(crate) lanes: Arc<Vec<Arc<Lanes>>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) writer: WriterHandle,
    pub(crate) stats: Arc<ShardStats>,
    pub(crate) on_fatal: OnFatal,
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.lanes[self.index].connect(ctx.address());
        ctx.run_interval(Duration::from_millis(TICK_MS), Self::tick);
    }
}

impl Handler<Wake> for ShardActor {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        self.guarded(Self::turn);
        if self.has_more() {
            ctx.notify(Wake);
        }
    }
}

impl ShardActor {
    fn turn(&mut self) {
        self.lanes[self.index].falls_asleep();
        self.core.begin_turn(self.clock.now());
        self.core.durable(self.lanes[self.index].durable());
        for message in self.ends.peers.try_iter().take(REQUESTS_PER_TURN_MAX) {
            self.core.hear(message);
        }
        let mut room = REQUESTS_PER_TURN_MAX;
        for lane in [&self.ends.money, &self.ends.buyers, &self.ends.control] {
            room -= work_off(&mut self.core, lane, room);
        }
        self.stats.requests.fetch_add((REQUESTS_PER_TURN_MAX - room) as u64, Ordering::Relaxed);
        self.end_turn();
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let mut more = false;
        self.guarded(|actor| {
            actor.core.begin_turn(actor.clock.now());
            actor.core.durable(actor.lanes[actor.index].durable());
            more = actor.core.tick();
            actor.end_turn();
        });
        if more {
            // The rest of a mass expiry comes after whoever is waiting now.
            ctx.run_later(Duration::from_millis(1), Self::tick);
        }
    }

    /// A panic leaves state that may be half changed, so nothing may be answered from it again.
    fn guarded(&mut self, turn: impl FnOnce(&mut Self)) {
        let on_fatal = self.on_fatal.clone();
        if catch_unwind(AssertUnwindSafe(|| turn(self))).is_err() {
            on_fatal(&format!("shard {} panicked", self.index));
        }
    }

    fn end_turn(&mut self) {
        if let Some(submission) = self.core.close_turn() {
            let records = submission.entries.len() as u64;
            self.stats.records.fetch_add(records, Ordering::Relaxed);
            self.writer.submit(submission);
        }
        while let Some((to, message)) = self.core.take_outgoing() {
            self.lanes[to].tell(message);
        }
        self.stats.turns.fetch_add(1, Ordering::Relaxed);
        self.stats.partitions.store(self.core.partition_count(), Ordering::Relaxed);
        self.stats.inventories.store(self.core.inventory_count(), Ordering::Relaxed);
    }

    fn has_more(&self) -> bool {
        let LaneEnds { money, buyers, control, peers } = &self.ends;
        let requests = [money, buyers, control];
        !peers.is_empty() || requests.iter().any(|lane| !lane.is_empty())
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
