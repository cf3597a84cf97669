//! A panic on demand, for simulations: what a bug would do, at moments at which no command can be
//! made to panic from outside.
//!
//! A running server sets no trap. One that springs unwinds without calling the panic hook, since
//! whoever set it knows.

use std::fmt;
use std::panic::resume_unwind;

use usher_engine::{Command, MachineId};

use super::Core;

/// When a command panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before anything is decided about it.
    Deciding,
    /// What was decided is in the batch and applied, its effects are not queued.
    Applied,
    /// All is done but the answer.
    Answering,
}

/// What a trap says when it springs.
pub const SPRUNG: &str = "a trap that was set for it";

type Choose = dyn FnMut(MachineId, &Command) -> Option<Moment> + Send;

/// Which commands are to panic.
#[derive(Default)]
pub(super) struct Trap {
    choose: Option<Box<Choose>>,
    springs_at: Option<Moment>,
}

impl Trap {
    /// A command comes along.
    pub(super) fn meet(&mut self, id: MachineId, command: &Command) {
        if let Some(choose) = &mut self.choose {
            self.springs_at = choose(id, command);
        }
    }

    /// A command gets so far.
    ///
    /// # Panics
    /// Where the trap was set for this moment.
    pub(super) fn pass(&mut self, moment: Moment) {
        if self.springs_at == Some(moment) {
            self.springs_at = None;
            resume_unwind(Box::new(SPRUNG));
        }
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trap").field("springs_at", &self.springs_at).finish_non_exhaustive()
    }
}

impl Core {
    /// From now on the commands that `choose` picks panic, at the moment that it names. For
    /// simulations; a running server never calls it.
    pub fn set_trap(
        &mut self,
        choose: impl FnMut(MachineId, &Command) -> Option<Moment> + Send + 'static,
    ) {
        self.trap.choose = Some(Box::new(choose));
    }
}
