//! Getting over a panic: forget what may be half changed, and come back from the journal.
//!
//! ```text
//!   attempt(step) ── panic ──► fall: what was not submitted never happened, its askers hear so
//!                                │ durable(upto), until all that was submitted is durable
//!                                ▼
//!                           may_rebuild ──► rebuild(partitions as the journal has them)
//! ```
//!
//! Everything that the shard kept in memory goes, not just the inventory that was being changed:
//! timers, parked commands and the open batch are shared by all of them, and a panic may have
//! stopped in the midst of any. Which partitions the shard owns is the one thing that stays, since
//! it changes in a single step.
//!
//! Always true: what was submitted is answered only once durable, as ever; what was not submitted
//! is answered with [`Unavailable::Rebuilding`], and has not happened. A panic while views are
//! being published is not survived, since what others may be reading cannot be taken back.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use usher_engine::wheel::Wheel;
use usher_engine::{Command, Machine, MachineId, PartitionId, Timestamp};

use super::execute::ReplyTo;
use super::publish::{publish_recovered, publish_recovered_keys};
use super::release::Release;
use super::rooms::publish_recovered_room;
use super::suspects::Suspect;
use super::{Core, Partition};
use crate::message::{PeerMessage, Reply, Unavailable};
use crate::writer::Submission;

/// A second panic that no command can be blamed for is not survived within this time, in
/// milliseconds: what made it may be in the journal, and coming back would never end.
const UNEXPLAINED_APART_MS: u64 = 10_000;

/// The command that is being decided and applied, and who waits for it. It stands here, and not on
/// the stack, so that a panic leaves it behind.
#[derive(Debug)]
pub(super) struct AtWork {
    pub(super) inventory: MachineId,
    pub(super) command: Command,
    pub(super) reply: ReplyTo,
}

/// A panic that the shard got over, for the log.
#[derive(Debug, Clone)]
pub struct Fall {
    /// What the panic said.
    pub message: String,
    /// The command that was being worked on, if it was one; how often it panicked is in it.
    pub blamed: Option<Suspect>,
}

/// Why a shard that fell does not work.
#[derive(Debug)]
pub(super) struct Down {
    since: Timestamp,
}

impl Core {
    /// Takes a step, and survives where it panics: then the shard is down until
    /// [`Core::rebuild`].
    ///
    /// # Errors
    /// What happened, where the step panicked.
    ///
    /// # Panics
    /// Where the step did so while views were being published, while the shard was down, or without
    /// a command to blame for the second time in a short while.
    pub fn attempt<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> Result<T, Fall> {
        catch_unwind(AssertUnwindSafe(|| step(self))).map_err(|panic| {
            if self.is_releasing || self.is_down() || self.is_unexplained_again() {
                resume_unwind(panic);
            }
            self.fall(message_of(panic.as_ref()))
        })
    }

    /// Whether the shard panicked and is not yet rebuilt. What it is given meanwhile waits.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Whether the shard is down, and the journal has everything that it ever submitted.
    #[must_use]
    pub fn may_rebuild(&self) -> bool {
        self.is_down() && self.durable >= self.submitted
    }

    /// The partitions that this shard owns, down or not.
    #[must_use]
    pub fn owned(&self) -> BTreeSet<PartitionId> {
        self.partitions.keys().copied().collect()
    }

    /// Comes back with its partitions as the journal has them; those that are missing there are
    /// empty. Returns for how many milliseconds the shard was down. May be called again where it
    /// panicked.
    ///
    /// # Panics
    /// Unless [`Core::may_rebuild`].
    pub fn rebuild(&mut self, mut recovered: BTreeMap<PartitionId, Partition>) -> u64 {
        assert!(self.may_rebuild(), "shard {} cannot be rebuilt now", self.index);
        self.forget();
        recovered.retain(|id, _| self.partitions.contains_key(id));
        let inventories = || recovered.values().flat_map(Partition::inventories);
        // Houses first, since segments are published inside their show's view.
        for is_house in [true, false] {
            inventories()
                .filter(|inventory| inventory.id().is_house() == is_house)
                .for_each(|inventory| publish_recovered(&self.around.directory, inventory));
        }
        publish_recovered_keys(&self.around.directory, recovered.values());
        let rooms = recovered.values().flat_map(|partition| partition.machines.values());
        rooms
            .filter_map(Machine::as_room)
            .for_each(|room| publish_recovered_room(&self.around.directory, room));
        for id in self.owned() {
            self.own(recovered.remove(&id).unwrap_or_else(|| Partition::new(id)));
        }
        self.down.take().map_or(0, |down| self.now.ms_since(down.since))
    }

    /// Commands that panicked, oldest first.
    pub fn suspects(&self) -> impl Iterator<Item = &Suspect> {
        self.suspects.iter()
    }

    /// Hears what came while the shard was down.
    pub(super) fn hear_held_back(&mut self) {
        while !self.is_down()
            && let Some(message) = self.held_back.pop_front()
        {
            self.hear(message);
        }
    }

    fn fall(&mut self, message: String) -> Fall {
        self.down = Some(Down { since: self.now });
        let blamed = self.at_work.take().map(|AtWork { inventory, command, reply }| {
            let suspect = self.suspects.blame(inventory, &command, self.now);
            answer_now(reply, suspect.unavailable());
            suspect
        });
        if blamed.is_none() {
            self.unexplained_at = Some(self.now);
        }
        self.batch = Submission::new(self.index);
        self.recorded = self.submitted;
        while let Some(never) = self.waiting.take_unsubmitted(self.submitted) {
            never.into_all().for_each(undo);
        }
        self.forget();
        Fall { message, blamed }
    }

    /// Forgets all that can be made again from the journal, or asked again.
    fn forget(&mut self) {
        std::mem::take(&mut self.turn_releases).into_all().for_each(undo);
        self.partitions.values_mut().for_each(|partition| partition.machines.clear());
        self.handles.clear();
        self.wheel = Wheel::new(self.now.0);
        self.touched.clear();
        // Those who wait there are told as the queues go.
        self.parked.clear();
        self.gatherers.clear();
        // A move that was under way is off; whoever asked for it hears nothing and may ask again.
        for leaving in std::mem::take(&mut self.leaving).into_values() {
            self.held_back.extend(leaving.queued.into_iter().map(PeerMessage::Deliver));
        }
    }

    fn is_unexplained_again(&self) -> bool {
        let lately = |at: Timestamp| self.now < at.plus_ms(UNEXPLAINED_APART_MS);
        self.at_work.is_none() && self.unexplained_at.is_some_and(lately)
    }
}

/// Tells somebody at once that nothing happened, which rests on nothing.
pub(super) fn answer_now(reply: ReplyTo, why: Unavailable) {
    if let Some(reply) = reply {
        drop(reply.send(Reply::Unavailable(why)));
    }
}

/// What was to be released never happened. Effects come again from what is in the journal.
fn undo(release: Release) {
    if let Release::Answer { reply, .. } = release {
        answer_now(Some(reply), Unavailable::Rebuilding);
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
