//! Shards that panic, and come back as their actor brings them back.
//!
//! Two kinds of panic: a trap springs within a command, at one of three moments, once or whenever
//! the same is asked again; or the shard stumbles between two commands, where nothing can be
//! blamed. A second stumble within a short while is not survived, and ends the process.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use usher_engine::command::HoldRequest;
use usher_engine::{Command, MachineId};
use usher_persistence::Journal as _;
use usher_shards::core::{Core, Fall, Moment, Partition, SPRUNG};
use usher_shards::recovery::State;
use usher_shards::writer::Submission;

use super::{GIVEN_BACK_MS_MAX, World, inventory_id, slots};
use crate::eyes;

/// A hold that is asked for with this lifetime panics whenever it is tried, in milliseconds.
pub(crate) const CURSED_HOLD_MS: u64 = 1_313;
const STUMBLES: &str = "a shard that stumbles";

/// The process is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Died;

/// A command that panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sprung {
    pub(crate) shard: usize,
    pub(crate) slot: u16,
    /// The same for all commands that ask the same.
    pub(crate) likeness: u64,
}

/// A shard that went down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fell {
    pub(crate) shard: usize,
    /// Slots whose requests may have been undone.
    pub(crate) slots: Vec<u16>,
    /// Whether something that it had submitted was not durable yet.
    pub(crate) had_in_flight: bool,
}

/// What all traps share: when the next springs, and what sprang.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traps(Arc<Mutex<Springs>>);

#[derive(Debug, Default)]
struct Springs {
    /// So many commands of this shard from now, at this moment.
    next: Option<(usize, u64, Moment)>,
    sprung: Vec<Sprung>,
}

impl Traps {
    /// Makes one command panic, once: that of `shard` that comes after `commands` others.
    pub(crate) fn set(&self, shard: usize, commands: u64, moment: Moment) {
        self.with(|springs| springs.next = Some((shard, commands, moment)));
    }

    pub(crate) fn take_sprung(&self) -> Vec<Sprung> {
        self.with(|springs| std::mem::take(&mut springs.sprung))
    }

    /// Lets go of what is set.
    pub(crate) fn disarm(&self) {
        self.with(|springs| springs.next = None);
    }

    pub(super) fn watch(&self, shard: usize, core: &mut Core) {
        let traps = self.clone();
        core.set_trap(move |id, command| traps.with(|springs| springs.meet(shard, id, command)));
    }

    fn with<T>(&self, what: impl FnOnce(&mut Springs) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Springs {
    fn meet(&mut self, shard: usize, id: MachineId, command: &Command) -> Option<Moment> {
        let moment = match &mut self.next {
            _ if is_cursed(command) => Moment::Deciding,
            Some((at, 0, moment)) if *at == shard => {
                let moment = *moment;
                self.next = None;
                moment
            }
            Some((at, commands, _)) if *at == shard => {
                *commands -= 1;
                return None;
            }
            _ => return None,
        };
        self.sprung.push(Sprung { shard, slot: id.slot, likeness: eyes::likeness(command) });
        Some(moment)
    }
}

fn is_cursed(command: &Command) -> bool {
    matches!(command, Command::Hold(HoldRequest { hold_ms: Some(CURSED_HOLD_MS), .. }))
}

/// To be called within a turn.
pub(super) fn stumble() -> ! {
    resume_unwind(Box::new(STUMBLES))
}

/// What a step came to.
pub(super) type Outcome = Result<Option<Submission>, Fall>;

/// Takes a step of a core as its actor does.
pub(super) fn attempt(
    core: &mut Core,
    step: impl FnOnce(&mut Core) -> Option<Submission>,
) -> Result<Outcome, Died> {
    catch_unwind(AssertUnwindSafe(|| core.attempt(step))).or_else(|panic| {
        // One that is not survived although it is ours: there the actor ends the process.
        if panic.downcast_ref::<&str>() == Some(&STUMBLES) {
            return Err(Died);
        }
        resume_unwind(panic)
    })
}

impl World {
    /// Does with the outcome of a step what the actor does.
    pub(super) fn end_turn(&mut self, shard: usize, outcome: Outcome) -> Result<(), Died> {
        match outcome {
            Ok(submission) => self.in_flight.extend(submission),
            Err(fall) => {
                // A panic that nobody caused here is a fault of the shard, survived or not.
                let is_ours = [SPRUNG, STUMBLES].contains(&&*fall.message);
                assert!(is_ours, "shard {shard} panicked: {}", fall.message);
                self.note_fall(shard);
                self.rebuild_if_down(shard)?;
            }
        }
        while let Some((to, message)) = self.cores[shard].take_outgoing() {
            self.network.send(shard, to, message);
        }
        Ok(())
    }

    fn note_fall(&mut self, shard: usize) {
        let owned = self.cores[shard].owned();
        let is_owned = |slot: &u16| owned.contains(&inventory_id(*slot).partition());
        let had_in_flight = self.in_flight.iter().any(|submission| submission.shard == shard);
        self.falls.push(Fell { shard, slots: slots().filter(is_owned).collect(), had_in_flight });
    }

    /// Brings a shard back, once everything that it submitted is durable.
    pub(super) fn rebuild_if_down(&mut self, shard: usize) -> Result<(), Died> {
        if !self.cores[shard].may_rebuild() {
            return Ok(());
        }
        let owned = self.cores[shard].owned();
        let reader = self.journal.reader();
        let recovered = State::recover_only(owned, &self.snapshots, reader.as_ref(), &self.plans);
        let (state, _) = recovered.expect("the journal can be read");
        let inventories = || state.partitions.values().flat_map(Partition::inventories);
        self.rebuilt_amid_loans += u64::from(inventories().any(eyes::has_open_loans));
        let core = &mut self.cores[shard];
        let down_ms = core.rebuild(state.partitions);
        let attempt = attempt(core, |core| {
            core.give_time(down_ms.min(GIVEN_BACK_MS_MAX));
            core.close_turn()
        });
        self.end_turn(shard, attempt?)
    }
}
