//! One run: step after step, each written down, checked, and hashed.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use usher_engine::InventoryId;
use usher_persistence::Fault;
use usher_shards::message::{Reply, Request};
use xxhash_rust::xxh3::Xxh3;

use crate::auditor::{Auditor, Seen, Told};
use crate::eyes;
use crate::people::{People, STOCK, UNITS_PER_BUYER_MAX, hall, opening};
use crate::random::Random;
use crate::trouble::Trouble;
use crate::world::{Plans, SHOW, World, partitions};

/// Steps that a failure tells of.
const WORDS_MAX: usize = 50;
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

/// What a run that held all promises was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps taken.
    pub steps: u64,
    /// Requests sent.
    pub commands: u64,
    /// Answers heard.
    pub answers: u64,
    /// Refusals among them.
    pub refusals: u64,
    /// Times that the process died.
    pub crashes: u64,
    /// Flushes that failed or tore, among those.
    pub failed_flushes: u64,
    /// Compactions begun.
    pub compactions: u64,
    /// Partitions that were told to move.
    pub moves: u64,
    /// Orders that got their tickets.
    pub ticketed: u64,
    /// Checks of the auditor.
    pub checks: u64,
    /// Time that passed in the simulation, in milliseconds.
    pub virtual_ms: u64,
    /// Hash of everything that happened.
    pub history: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} steps, {} commands, {} answers ({} refusals), {} crashes ({} failed flushes), \
             {} compactions, {} moves, {} orders ticketed, {} checks, {} s of virtual time, \
             history {:016x}",
            self.steps,
            self.commands,
            self.answers,
            self.refusals,
            self.crashes,
            self.failed_flushes,
            self.compactions,
            self.moves,
            self.ticketed,
            self.checks,
            self.virtual_ms / 1_000,
            self.history
        )
    }
}

/// A promise was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, step {step}: {what}")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The first step after which it shows: so many steps are the shortest run that fails.
    pub step: u64,
    /// What is wrong.
    pub what: String,
    /// The last steps in words, oldest first.
    pub words: Vec<String>,
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
    attempt(config, spared, LOOK_EVERY).map_err(|failure| {
        let shorter = Config { steps: failure.step, ..config.clone() };
        attempt(&shorter, spared, 1).err().unwrap_or(failure)
    })
}

fn attempt(
    config: &Config,
    spared: &'static [Trouble],
    look_every: u64,
) -> Result<Summary, Box<Failure>> {
    let mut run = Run::new(config.seed, spared, look_every);
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
        let words = run.words.into_iter().collect();
        return Err(Box::new(Failure { seed: config.seed, step, what, words }));
    }
    Ok(run.into_summary())
}

fn version_of(reply: &Reply) -> u64 {
    if let Reply::Done(answer) = reply { answer.version } else { 0 }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word").to_owned()
}

struct Run {
    random: Random,
    world: World,
    people: People,
    auditor: Auditor,
    waiting: BTreeMap<u64, oneshot::Receiver<Reply>>,
    next_ask: u64,
    spared: &'static [Trouble],
    look_every: u64,
    words: VecDeque<String>,
    history: Xxh3,
    summary: Summary,
}

impl Run {
    fn new(seed: u64, spared: &'static [Trouble], look_every: u64) -> Self {
        let mut random = Random::new(seed);
        let plan = hall();
        let shards = 1 + random.below(SHARDS_MAX) as usize;
        let mut run = Self {
            random,
            world: World::new(shards, Plans(plan.clone()), START_MS),
            people: People::new(spared),
            auditor: Auditor::new(UNITS_PER_BUYER_MAX, STOCK),
            waiting: BTreeMap::new(),
            next_ask: 0,
            spared,
            look_every,
            words: VecDeque::new(),
            history: Xxh3::new(),
            summary: Summary::default(),
        };
        for command in opening(plan) {
            let house = InventoryId::house(SHOW);
            let mut answer = run.world.ask(house, Request::Execute(command));
            while answer.try_recv().is_err() {
                run.everything_moves();
            }
        }
        while !run.world.is_at_rest() {
            run.everything_moves();
        }
        run
    }

    /// One small thing happens.
    fn step(&mut self) -> Result<(), String> {
        self.summary.steps += 1;
        let what = match self.random.below(1_000) {
            0..360 => self.somebody_asks(),
            360..640 => self.a_shard_turns(),
            640..820 => self.the_journal_flushes()?,
            820..830 => self.somebody_goes_away(),
            830..985 => self.time_passes(),
            985..990 => self.the_keeper_compacts(),
            990..994 => self.a_partition_moves(),
            994..996 => self.the_disk_fills(),
            _ if self.is_spared(Trouble::Crash) => "the process lives on".into(),
            _ => self.the_process_dies()?,
        };
        self.note(what);
        self.hear()?;
        if self.summary.steps.is_multiple_of(self.look_every) {
            self.look()?;
        }
        Ok(())
    }

    fn somebody_asks(&mut self) -> String {
        let ask = self.people.next(&mut self.random);
        let inventory = InventoryId { show: SHOW, slot: ask.asked.slot };
        let owner = self.world.around.routes.owner(inventory.partition());
        if self.world.waiting(owner) >= WAITING_MAX {
            return "somebody is turned away".into();
        }
        self.next_ask += 1;
        let words = format!("#{} asks {:?}", self.next_ask, ask.asked);
        self.auditor.asked(self.next_ask, ask.asked, self.world.latest);
        let answer = self.world.ask(inventory, Request::Execute(ask.command));
        self.waiting.insert(self.next_ask, answer);
        self.summary.commands += 1;
        words
    }

    fn a_shard_turns(&mut self) -> String {
        let shard = self.random.below(self.world.cores.len() as u64) as usize;
        let messages_max = 1 + self.random.below(6) as usize;
        self.world.turn(shard, messages_max);
        format!("shard {shard} turns, up to {messages_max} messages")
    }

    fn the_journal_flushes(&mut self) -> Result<String, String> {
        let count = 1 + self.random.below(4) as usize;
        let fault = match self.random.below(400) {
            _ if self.is_spared(Trouble::FailedFlush) || self.is_spared(Trouble::Crash) => None,
            0 => Some(Fault::FailBefore),
            1 => Some(Fault::FailAfter),
            2 => Some(Fault::Torn { bytes: self.random.below(400) as usize }),
            _ => None,
        };
        if self.world.flush(count, fault) {
            return Ok(format!("up to {count} submissions become durable"));
        }
        if fault.is_none() {
            return Err("the journal refused what it was given".into());
        }
        self.summary.failed_flushes += 1;
        self.note(format!("a flush fails: {fault:?}"));
        self.the_process_dies()
    }

    fn somebody_goes_away(&mut self) -> String {
        let ids: Vec<u64> = self.waiting.keys().copied().collect();
        let Some(&id) = self.random.choose(&ids) else { return "nobody goes away".into() };
        self.waiting.remove(&id);
        self.auditor.lost(id);
        format!("#{id} goes away")
    }

    fn time_passes(&mut self) -> String {
        let ms = match self.random.below(100) {
            0 => 30_000,
            1 => 3_600_000,
            2 => {
                // Time stands still for a shard until the clock has caught up.
                let ms = if self.random.once_in(8) { 3_600_000 } else { self.random.below(5_000) };
                self.world.now = self.world.now.saturating_sub(ms).max(START_MS);
                return format!("the clock jumps back by {ms} ms");
            }
            3..20 => self.random.below(5_000),
            _ => self.random.below(60),
        };
        self.world.now += ms;
        self.summary.virtual_ms += ms;
        format!("{ms} ms pass")
    }

    fn the_keeper_compacts(&mut self) -> String {
        if self.is_spared(Trouble::Compaction) {
            return "nothing is compacted".into();
        }
        let steps = if self.random.once_in(3) { self.random.below(4) } else { 4 };
        self.world.compact(steps);
        self.summary.compactions += 1;
        format!("the keeper compacts, {steps} of 4 steps")
    }

    fn a_partition_moves(&mut self) -> String {
        if self.is_spared(Trouble::Move) {
            return "nothing moves".into();
        }
        let all = partitions();
        let partition = *self.random.choose(&all).expect("there are some");
        let to = self.random.below(self.world.cores.len() as u64) as usize;
        self.world.move_partition(partition, to);
        self.summary.moves += 1;
        format!("partition {} is to move to shard {to}", partition.0)
    }

    fn the_disk_fills(&mut self) -> String {
        let is_full = self.random.once_in(3) && !self.is_spared(Trouble::FullDisk);
        self.world.set_disk_full(is_full);
        format!("the disk is full: {is_full}")
    }

    fn the_process_dies(&mut self) -> Result<String, String> {
        let shown = self.world.shown_version();
        for (id, _) in std::mem::take(&mut self.waiting) {
            self.auditor.lost(id);
        }
        let shards = 1 + self.random.below(SHARDS_MAX) as usize;
        let down_ms = self.random.below(20_000);
        if !self.is_spared(Trouble::DamagedSnapshot) && self.random.once_in(8) {
            self.world.damage_newest_snapshot();
        }
        let given_back_ms = self.world.restart(shards, down_ms, &mut self.random);
        self.summary.crashes += 1;
        let is_there = self.world.house_version();
        self.note(format!("the process dies and starts after {down_ms} ms on {shards} shards"));
        // Giving time back is one more record.
        if shown > is_there {
            return Err(format!("version {shown:?} was shown, {is_there:?} is on the disk"));
        }
        let seen = self.see().expect("nothing moves right after a start");
        self.auditor.look_after_restart(&seen, self.world.latest, given_back_ms)?;
        Ok("it is back".into())
    }

    fn is_spared(&self, trouble: Trouble) -> bool {
        self.spared.contains(&trouble)
    }

    /// Takes the answers that are there, and what is to be paid back.
    fn hear(&mut self) -> Result<(), String> {
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
            self.note(format!("#{id} is told {told:?}"));
            self.auditor.told(id, &told, self.world.latest)?;
            self.people.told(&told);
        }
        while let Ok(refund) = self.world.refunds.try_recv() {
            self.auditor.refund_told(&refund.reference);
            self.people.refund_due(refund);
        }
        Ok(())
    }

    fn see(&self) -> Option<Vec<Seen>> {
        Some(self.world.inventories()?.into_iter().map(eyes::seen).collect())
    }

    fn look(&mut self) -> Result<(), String> {
        // While a partition is between two shards, there is nothing to look at.
        match self.see() {
            Some(seen) => self.auditor.look(&seen, self.world.latest),
            None => Ok(()),
        }
    }

    /// Lets everything that waits happen, and looks once more: now nothing may be left undone.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.world.set_disk_full(false);
        self.world.now = self.world.latest;
        self.everything_is_answered()?;
        for _ in 0..TURNS_TO_REST {
            self.everything_moves();
            self.hear()?;
        }
        self.everything_is_answered()?;
        self.summary.ticketed = self.ticketed();
        let seen = self.see().expect("nothing moves at rest");
        self.auditor.look_at_rest(&seen, self.world.latest)?;
        self.world.tells_what_is()
    }

    fn everything_is_answered(&mut self) -> Result<(), String> {
        for _ in 0..10_000 {
            if self.world.is_at_rest() && self.waiting.is_empty() {
                return Ok(());
            }
            self.everything_moves();
            self.hear()?;
        }
        Err(format!("{} requests are never answered", self.waiting.len()))
    }

    fn ticketed(&self) -> u64 {
        let seen = self.see().unwrap_or_default();
        let holds = seen.iter().flat_map(|seen| &seen.holds);
        holds.filter(|hold| hold.tickets > 0).count() as u64
    }

    fn everything_moves(&mut self) {
        self.world.now += 10;
        for shard in 0..self.world.cores.len() {
            self.world.turn(shard, 100);
        }
        assert!(self.world.flush(usize::MAX, None), "no fault was injected");
    }

    fn note(&mut self, words: String) {
        self.history.update(words.as_bytes());
        if self.words.len() == WORDS_MAX {
            self.words.pop_front();
        }
        self.words.push_back(words);
    }

    fn into_summary(self) -> Summary {
        let checks = self.auditor.checks();
        Summary { checks, history: self.history.digest(), ..self.summary }
    }
}
