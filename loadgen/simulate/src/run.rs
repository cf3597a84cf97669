//! One run: step after step, each noted, checked, and hashed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use usher_engine::MachineId;
use usher_persistence::Fault;
use usher_shards::core::Moment;
use usher_shards::message::{Reply, Request};

use crate::auditor::{Auditor, Seen, Standing, Told, Wanted};
use crate::eyes;
use crate::history::{Event, History};
use crate::people::{People, hall, opening};
use crate::random::Random;
use crate::summary::{Failure, Summary};
use crate::trouble::Trouble;
use crate::world::{Died, Plans, SHOW, Stumbles, Turn, World, inventory_id, sale_partitions};

/// Steps between two looks at everything; a failing run is done again with a look after each.
const LOOK_EVERY: u64 = 32;
/// When it all begins, in milliseconds.
const START_MS: u64 = 1_000_000_000;
/// Requests that may wait for one shard.
const WAITING_MAX: usize = 64;
const SHARDS_MAX: u64 = 4;
/// Turns after which, with nothing asked any more, whatever has a deadline is over.
const TURNS_TO_REST: u32 = 200;

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Decides everything.
    pub seed: u64,
    /// Small things that happen.
    pub steps: u64,
}

/// Runs a sale.
///
/// # Errors
/// The first promise that was broken, after the shortest run that breaks it.
pub fn simulate(config: &Config) -> Result<Summary, Box<Failure>> {
    simulate_without(&[], config)
}

/// As [`simulate`], in a world that knows some kinds of trouble not.
///
/// # Errors
/// See there.
pub fn simulate_without(
    spared: &'static [Trouble],
    config: &Config,
) -> Result<Summary, Box<Failure>> {
    attempt(config, spared, false).map_err(|failure| {
        let shorter = Config { steps: failure.step, ..config.clone() };
        attempt(&shorter, spared, true).err().unwrap_or(failure)
    })
}

/// Runs it once; where it is `again`, with a look after each step, and in words.
fn attempt(
    config: &Config,
    spared: &'static [Trouble],
    again: bool,
) -> Result<Summary, Box<Failure>> {
    let mut run = Run::new(config.seed, spared, again);
    for step in 1..=config.steps {
        // A panic in what is simulated is a broken promise like any other.
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            run.step()?;
            if step == config.steps { run.come_to_rest() } else { Ok(()) }
        }));
        let what = match stepped {
            Ok(Ok(())) => continue,
            Ok(Err(what)) => what,
            Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
        };
        let words = run.history.into_words();
        return Err(Box::new(Failure { seed: config.seed, step, what, words }));
    }
    Ok(run.into_summary())
}

fn version_of(reply: &Reply) -> u64 {
    if let Reply::Done(answer) = reply { answer.version } else { 0 }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}

struct Run {
    random: Random,
    world: World,
    people: People,
    auditor: Auditor,
    waiting: BTreeMap<u64, oneshot::Receiver<Reply>>,
    /// Those of them that would change the sale.
    changing: BTreeMap<u64, ()>,
    next_ask: u64,
    /// How fast the clock goes, in percent.
    clock_percent: u64,
    spared: &'static [Trouble],
    look_every: u64,
    history: History,
    summary: Summary,
}

impl Run {
    fn new(seed: u64, spared: &'static [Trouble], again: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = hall();
        let shards = 1 + random.below(SHARDS_MAX) as usize;
        let (opening, commands) = opening(plan.clone(), &mut random);
        let mut run = Self {
            random,
            world: World::new(shards, Plans(plan), START_MS),
            people: People::new(spared),
            auditor: Auditor::new(&opening),
            waiting: BTreeMap::new(),
            changing: BTreeMap::new(),
            next_ask: 0,
            clock_percent: 100,
            spared,
            look_every: if again { 1 } else { LOOK_EVERY },
            history: History::new(again),
            summary: Summary::default(),
        };
        for command in commands {
            let house = MachineId::house(SHOW);
            let mut answer = run.world.ask(house, Request::Execute(command));
            while answer.try_recv().is_err() {
                run.everything_moves().expect("nothing is set to panic");
            }
        }
        while !run.world.is_at_rest() {
            run.everything_moves().expect("nothing is set to panic");
        }
        run
    }

    /// One small thing happens.
    fn step(&mut self) -> Result<(), String> {
        self.summary.steps += 1;
        match self.random.below(2_000) {
            0..720 => self.somebody_asks(),
            720..1_270 => self.a_shard_turns()?,
            1_270..1_630 => self.the_journal_flushes()?,
            1_630..1_650 => self.somebody_goes_away(),
            1_650..1_940 => self.time_passes(),
            1_940..1_950 if self.is_spared(Trouble::Compaction) => {}
            1_940..1_950 => self.the_keeper_compacts(),
            1_950..1_958 if self.is_spared(Trouble::Move) => {}
            1_950..1_958 => self.a_partition_moves(),
            1_958..1_962 => self.the_disk_fills(),
            1_962..1_982 if self.is_spared(Trouble::Network) => {}
            1_962..1_982 => self.the_network_is_disturbed(),
            1_982..1_990 if self.is_spared(Trouble::Panic) => {}
            1_982..1_990 => self.a_trap_is_set(),
            1_990..1_992 => self.everybody_sleeps()?,
            _ if self.is_spared(Trouble::Crash) => {}
            _ => self.the_process_dies()?,
        }
        self.hear()?;
        self.hear_of_refunds()?;
        if self.summary.steps.is_multiple_of(self.look_every) {
            self.look()?;
        }
        Ok(())
    }

    fn somebody_asks(&mut self) {
        let ask = self.people.next(&mut self.random, self.world.now);
        let inventory = inventory_id(ask.asked.slot);
        let owner = self.world.around.routes.owner(inventory.partition());
        if self.world.waiting(owner) >= WAITING_MAX {
            return self.history.note(&Event::IsTurnedAway);
        }
        self.next_ask += 1;
        self.history.note(&Event::Asks(self.next_ask, &ask.asked));
        let answer = self.world.ask(inventory, ask.request());
        if matches!(ask.asked.wanted, Wanted::Manage(_)) {
            self.changing.insert(self.next_ask, ());
        }
        self.auditor.asked(self.next_ask, ask.asked, self.world.latest);
        self.waiting.insert(self.next_ask, answer);
        self.summary.commands += 1;
    }

    fn a_shard_turns(&mut self) -> Result<(), String> {
        let stumbles = match self.random.below(2_000) {
            // A second one soon after ends the process.
            _ if self.is_spared(Trouble::Panic) || self.is_spared(Trouble::Crash) => None,
            0 => Some(Stumbles::BeforeRequests),
            1 => Some(Stumbles::AfterRequests),
            _ => None,
        };
        let turn = Turn {
            shard: self.random.below(self.world.cores.len() as u64) as usize,
            peers_max: self.random.below(7) as usize,
            requests_max: self.random.below(7) as usize,
            stumbles,
        };
        self.history.note(&Event::Turns(turn));
        let turned = self.world.turn(&turn, &mut self.random);
        self.hear_of_panics()?;
        if let Err(died) = turned {
            self.history.note(&Event::Dies(died));
            self.the_process_dies()?;
        }
        Ok(())
    }

    /// Takes notice of commands that panicked and of shards that went down.
    fn hear_of_panics(&mut self) -> Result<(), String> {
        for sprung in self.world.traps.take_sprung() {
            self.history.note(&Event::Panics(sprung));
            self.auditor.panicked(sprung.shard, sprung.slot, sprung.likeness)?;
        }
        for fell in std::mem::take(&mut self.world.falls) {
            self.history.note(&Event::Falls(&fell));
            self.auditor.fell(&fell.slots);
            self.summary.panics += 1;
            self.summary.panics_before_flush += u64::from(fell.had_in_flight);
        }
        Ok(())
    }

    fn the_journal_flushes(&mut self) -> Result<(), String> {
        let count = 1 + self.random.below(4) as usize;
        let fault = match self.random.below(400) {
            _ if self.is_spared(Trouble::FailedFlush) || self.is_spared(Trouble::Crash) => None,
            0 => Some(Fault::FailBefore),
            1 => Some(Fault::FailAfter),
            2 => Some(Fault::Torn { bytes: self.random.below(400) as usize }),
            _ => None,
        };
        if self.world.flush(count, fault) {
            let records = self.world.flushed();
            self.history.note(&Event::Flushes { submissions: count, records });
            return Ok(());
        }
        if fault.is_none() {
            return Err("the journal refused what it was given".into());
        }
        self.summary.failed_flushes += 1;
        self.history.note(&Event::FlushFails(fault));
        self.the_process_dies()
    }

    fn somebody_goes_away(&mut self) {
        let nth = self.random.below(self.waiting.len().max(1) as u64) as usize;
        let id = self.waiting.keys().nth(nth).copied();
        self.history.note(&Event::GoesAway(id));
        if let Some(id) = id {
            self.waiting.remove(&id);
            self.auditor.lost(id);
        }
    }

    /// Time passes, more or less of it, at the pace of a clock that is being corrected, or the
    /// clock jumps. A server's own clock is steadier; see `shards/src/clock.rs`.
    fn time_passes(&mut self) {
        let ms = match self.random.below(200) {
            0..2 => 30_000,
            2..4 => 3_600_000,
            4..6 => {
                // Time stands still for a shard until the clock has caught up.
                let ms = if self.random.once_in(8) { 3_600_000 } else { self.random.below(5_000) };
                self.world.now = self.world.now.saturating_sub(ms).max(START_MS);
                return self.history.note(&Event::ClockJumpsBack { ms });
            }
            6..8 => {
                let is_steady = self.random.once_in(2);
                self.clock_percent = if is_steady { 100 } else { 50 + self.random.below(151) };
                self.summary.slews += 1;
                let percent = self.clock_percent;
                return self.history.note(&Event::ClockGoesAt { percent });
            }
            8..40 => self.random.below(5_000),
            _ => self.random.below(60),
        };
        self.world.now += ms * self.clock_percent / 100;
        self.summary.virtual_ms += ms;
        self.history.note(&Event::TimePasses { ms });
    }

    fn the_keeper_compacts(&mut self) {
        let steps = if self.random.once_in(3) { self.random.below(4) } else { 4 };
        self.world.compact(steps);
        self.summary.compactions += 1;
        self.history.note(&Event::Compacts { steps });
    }

    fn a_partition_moves(&mut self) {
        let all = sale_partitions();
        let partition = *self.random.choose(&all).expect("there are some");
        let to = self.random.below(self.world.cores.len() as u64) as usize;
        self.world.move_partition(partition, to);
        self.summary.moves += 1;
        self.history.note(&Event::PartitionIsToMove { partition: partition.0, to });
    }

    fn the_disk_fills(&mut self) {
        let is_full = self.random.once_in(3) && !self.is_spared(Trouble::FullDisk);
        self.world.set_disk_full(is_full);
        self.history.note(&Event::DiskIsFull(is_full));
    }

    fn the_network_is_disturbed(&mut self) {
        let what = self.world.network.disturb(&mut self.random);
        self.summary.disturbed += u64::from(what.is_some());
        self.history.note(&Event::Network(what));
    }

    fn a_trap_is_set(&mut self) {
        let shard = self.random.below(self.world.cores.len() as u64) as usize;
        let commands = self.random.below(12);
        let moments = [Moment::Deciding, Moment::Applied, Moment::Answering];
        let moment = *self.random.choose(&moments).expect("there are three");
        self.world.traps.set(shard, commands, moment);
        self.history.note(&Event::TrapIsSet { shard, commands, moment });
    }

    fn the_process_dies(&mut self) -> Result<(), String> {
        let shown = self.world.shown_version();
        for (id, _) in std::mem::take(&mut self.waiting) {
            self.auditor.lost(id);
        }
        self.changing.clear();
        // Refunds that were ordered before are known to whoever carries them out.
        self.hear_of_refunds()?;
        let shards = 1 + self.random.below(SHARDS_MAX) as usize;
        let down_ms = self.random.below(20_000);
        if !self.is_spared(Trouble::DamagedSnapshot) && self.random.once_in(8) {
            self.world.damage_newest_snapshot();
        }
        let given_back_ms = self.world.restart(shards, down_ms, &mut self.random);
        self.summary.crashes += 1;
        let is_there = self.world.house_version();
        self.history.note(&Event::Restarts { down_ms, shards });
        // Giving time back is one more record.
        if shown > is_there {
            return Err(format!("version {shown:?} was shown, {is_there:?} is on the disk"));
        }
        let seen = self.see().ok_or("something moves right after a start")?;
        self.auditor.look_after_restart(&seen, self.world.latest, given_back_ms)
    }

    fn is_spared(&self, trouble: Trouble) -> bool {
        self.spared.contains(&trouble)
    }

    /// Takes the answers that are there.
    fn hear(&mut self) -> Result<(), String> {
        self.auditor.stands(self.standing());
        let mut replies = Vec::new();
        for (id, answer) in &mut self.waiting {
            match answer.try_recv() {
                Ok(reply) => replies.push((version_of(&reply), *id, reply)),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => return Err(format!("#{id} was dropped unanswered")),
            }
        }
        // What was released together is heard in the order in which it was decided.
        replies.sort_by_key(|(version, id, _)| (*version, *id));
        for (_, id, reply) in replies {
            self.waiting.remove(&id);
            let told = eyes::told(&reply);
            self.summary.answers += 1;
            self.summary.refusals += u64::from(matches!(told, Told::Refused { .. }));
            self.summary.quarantined += u64::from(told == Told::Quarantined);
            let is_change = self.changing.remove(&id).is_some();
            self.summary.changes +=
                u64::from(is_change && matches!(told, Told::Done { replayed: false, .. }));
            self.history.note(&Event::IsTold(id, &told));
            self.auditor.told(id, &told, self.world.latest)?;
            self.people.told(told);
        }
        Ok(())
    }

    fn hear_of_refunds(&mut self) -> Result<(), String> {
        while let Ok(refund) = self.world.refunds.try_recv() {
            let (slot, reference, amount) =
                (refund.inventory.slot, &*refund.reference, refund.amount.0);
            let order = refund.order.0;
            self.history.note(&Event::RefundIsDue { slot, order, reference, amount });
            self.auditor.refund_ordered(slot, eyes::number_of(reference), amount)?;
            self.summary.refunds += 1;
            self.people.refund_due(refund);
        }
        Ok(())
    }

    fn standing(&self) -> Option<Standing> {
        let view = self.world.around.directory.show(SHOW)?;
        eyes::standing(&self.world.inventories()?, view.pool(0)?)
    }

    fn see(&self) -> Option<Vec<Seen>> {
        Some(self.world.inventories()?.into_iter().map(eyes::seen).collect())
    }

    fn look(&mut self) -> Result<(), String> {
        // While something is between two shards or comes back, there is nothing to look at.
        match self.see() {
            Some(seen) => self.auditor.look(&seen, self.world.latest),
            None => Ok(()),
        }
    }

    fn everybody_sleeps(&mut self) -> Result<(), String> {
        self.history.note(&Event::EverybodySleeps);
        self.come_to_rest()
    }

    /// Lets everything that waits happen, and looks once more: now nothing may be left undone.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.world.set_disk_full(false);
        self.world.traps.disarm();
        self.world.now = self.world.latest;
        self.everything_is_answered()?;
        for _ in 0..TURNS_TO_REST {
            self.let_everything_move()?;
        }
        self.everything_is_answered()?;
        let seen = self.see().ok_or("nothing moves, and something is away")?;
        let holds = seen.iter().flat_map(|seen| &seen.holds);
        self.summary.ticketed = holds.filter(|hold| hold.tickets > 0).count() as u64;
        self.auditor.look_at_rest(&seen, self.world.latest)?;
        self.world.tells_what_is()
    }

    fn everything_is_answered(&mut self) -> Result<(), String> {
        for _ in 0..10_000 {
            if self.world.is_at_rest() && self.waiting.is_empty() {
                return Ok(());
            }
            self.let_everything_move()?;
        }
        Err(format!("{} requests are never answered", self.waiting.len()))
    }

    fn let_everything_move(&mut self) -> Result<(), String> {
        if let Err(died) = self.everything_moves() {
            self.history.note(&Event::Dies(died));
            self.the_process_dies()?;
        }
        self.hear_of_panics()?;
        self.hear()?;
        self.hear_of_refunds()
    }

    fn everything_moves(&mut self) -> Result<(), Died> {
        self.world.now += 10;
        for shard in 0..self.world.cores.len() {
            let turn = Turn { shard, peers_max: 100, requests_max: 100, stumbles: None };
            self.world.turn(&turn, &mut self.random)?;
        }
        assert!(self.world.flush(usize::MAX, None), "no fault was injected");
        Ok(())
    }

    fn into_summary(self) -> Summary {
        let (checks, history) = (self.auditor.checks(), self.history.digest());
        let panics_amid_loans = self.world.rebuilt_amid_loans;
        Summary { checks, history, panics_amid_loans, ..self.summary }
    }
}
