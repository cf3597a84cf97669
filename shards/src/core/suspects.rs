//! Commands that made the shard panic. One that did so twice is quarantined: from then on it is
//! refused without being looked at.
//!
//! A command is recognised by its inventory and by what is asked, whoever sends it again: keys,
//! names of new payments, sealed contacts and random parts of tickets are drawn afresh for every
//! request, so they do not count. Expiry is recognised by its inventory alone, since which holds
//! run out together is chance; the inventory then goes on selling, and ends holds as commands meet
//! them.
//!
//! The table is bounded and lives in memory: a restart, which may bring a mended build, forgets it.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use usher_engine::command::TicketNonces;
use usher_engine::id::TicketNonce;
use usher_engine::limits::UNITS_PER_HOLD_MAX;
use usher_engine::{Command, MachineId, Timestamp};

use crate::message::Unavailable;

/// Commands that are remembered; the oldest is forgotten first.
pub(super) const SUSPECTS_MAX: usize = 256;

/// A command that panicked so often is not tried again.
const PANICS_MAX: u32 = 2;

/// A command that made its shard panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Who should have carried it out.
    pub inventory: MachineId,
    /// What kind of command it is.
    pub command: Box<str>,
    /// Hash of what it asked.
    pub fingerprint: u64,
    /// How often it panicked.
    pub panics: u32,
    /// When it did so last.
    pub last_at: Timestamp,
}

impl Suspect {
    /// Whether it is refused from now on.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        self.panics >= PANICS_MAX
    }

    /// What whoever sent it is told.
    pub(super) fn unavailable(&self) -> Unavailable {
        if self.is_quarantined() { Unavailable::Quarantined } else { Unavailable::Rebuilding }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Suspects(VecDeque<Suspect>);

impl Suspects {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Suspect> {
        self.0.iter()
    }

    /// Whether a command must not be tried. Costs next to nothing where nothing ever panicked.
    pub(super) fn is_quarantined(&self, inventory: MachineId, command: &Command) -> bool {
        let mut here = self.iter().filter(|s| s.inventory == inventory && s.is_quarantined());
        let Some(first) = here.next() else { return false };
        let (_, fingerprint) = recognise(command);
        first.fingerprint == fingerprint || here.any(|s| s.fingerprint == fingerprint)
    }

    /// Notes that a command panicked.
    pub(super) fn blame(
        &mut self,
        inventory: MachineId,
        command: &Command,
        now: Timestamp,
    ) -> Suspect {
        let (command, fingerprint) = recognise(command);
        let is_known = |s: &Suspect| s.inventory == inventory && s.fingerprint == fingerprint;
        let known = self.0.iter().position(is_known).and_then(|place| self.0.remove(place));
        let panics = known.map_or(0, |suspect| suspect.panics) + 1;
        let suspect = Suspect { inventory, command, fingerprint, panics, last_at: now };
        if self.0.len() >= SUSPECTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(suspect.clone());
        suspect
    }
}

/// The kind of a command, and a hash of what it asks.
fn recognise(command: &Command) -> (Box<str>, u64) {
    let text = format!("{:?}", without_chance(command.clone()));
    let kind = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    (kind.into(), hasher.finish())
}

/// The command without what is drawn afresh whenever it is sent.
fn without_chance(mut command: Command) -> Command {
    let no_nonces = || TicketNonces(Box::new([TicketNonce([0; 10]); UNITS_PER_HOLD_MAX as usize]));
    match &mut command {
        Command::Hold(hold) => {
            hold.key = None;
            hold.pass = None;
        }
        Command::Order(order) => {
            order.key = None;
            order.contact = Box::default();
        }
        Command::StartPayment(start) => {
            start.key = None;
            start.reference = "".into();
        }
        Command::PaymentMessage(message) => {
            message.nonces = no_nonces();
            message.stock_settled = false;
        }
        Command::CounterSale(sale) => {
            sale.key = None;
            sale.contact = Box::default();
            sale.nonces = no_nonces();
        }
        Command::Expire { holds } => holds.clear(),
        Command::Release { .. }
        | Command::Cancel { .. }
        | Command::CheckIn(_)
        | Command::RefundMade { .. }
        | Command::CreateShow(_)
        | Command::ChangeShow(_)
        | Command::MoveSale(_)
        | Command::PutOnSale { .. }
        | Command::Refund { .. }
        | Command::Withdraw { .. }
        | Command::ExtendHolds { .. }
        | Command::RunSchedule
        | Command::SetTerms(_)
        | Command::Lend { .. }
        | Command::Receive { .. }
        | Command::SettleLoan { .. }
        | Command::Room(_)
        | Command::Accounts(_) => {}
    }
    command
}

#[cfg(test)]
mod tests;
