//! Gathering stock for a segment that runs dry, at segment 0 of its pool.
//!
//! One borrower at a time: if two gathered at once, each could end up with half of what it needs
//! while together they hold all there is. Nothing of this is recorded; what moves is.

use std::collections::VecDeque;

use usher_engine::inventory::Goods;
use usher_engine::planted::planted;
use usher_engine::{Command, Effect, Inventory, MachineId, Timestamp};

use super::Core;
use crate::message::Request;

/// How long one borrower may keep the others waiting, in milliseconds.
const TURN_MS: u64 = 60;

/// How long a loan, or what a house says, may be on its way before it is sent again, in
/// milliseconds.
const RESEND_MS: u64 = 100;

/// The gathering of one pool.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    active: Option<Active>,
    /// Who comes next, with what they need; each borrower at most once.
    queue: VecDeque<(u16, u32)>,
}

#[derive(Debug)]
struct Active {
    borrower: u16,
    until: Timestamp,
}

impl Core {
    /// A segment needs `quantity` more. `id` is segment 0.
    pub(super) fn gather(&mut self, id: MachineId, borrower: u16, quantity: u32) {
        let until = self.now.plus_ms(TURN_MS);
        let gatherer = self.gatherers.entry(id).or_default();
        match &gatherer.active {
            Some(active) if active.borrower == borrower => {}
            None => gatherer.active = Some(Active { borrower, until }),
            Some(_) => {
                match gatherer.queue.iter_mut().find(|(waiting, _)| *waiting == borrower) {
                    Some((_, needs)) => *needs = quantity,
                    None => gatherer.queue.push_back((borrower, quantity)),
                }
                return;
            }
        }
        self.ask_donors(id, borrower, quantity);
    }

    /// A segment has what it needs, or gave up.
    pub(super) fn gathered(&mut self, id: MachineId, borrower: u16) {
        let Some(gatherer) = self.gatherers.get_mut(&id) else { return };
        gatherer.queue.retain(|(waiting, _)| *waiting != borrower);
        if gatherer.active.as_ref().is_some_and(|active| active.borrower == borrower) {
            gatherer.active = None;
            self.next_borrower(id);
        }
    }

    /// Takes the turn from borrowers that had it for too long.
    pub(super) fn tick_gatherers(&mut self) {
        let now = self.now;
        let over = |gatherer: &Gatherer| {
            gatherer.active.as_ref().is_some_and(|active| active.until <= now)
        };
        let late: Vec<_> =
            self.gatherers.iter().filter(|(_, g)| over(g)).map(|(id, _)| *id).collect();
        for id in late {
            if let Some(gatherer) = self.gatherers.get_mut(&id) {
                gatherer.active = None;
            }
            self.next_borrower(id);
        }
        self.gatherers.retain(|_, gatherer| gatherer.active.is_some());
    }

    fn next_borrower(&mut self, id: MachineId) {
        let Some(gatherer) = self.gatherers.get_mut(&id) else { return };
        if let Some((borrower, quantity)) = gatherer.queue.pop_front() {
            self.gather(id, borrower, quantity);
        }
    }

    /// Asks the segments with most to give, until the sum is enough.
    fn ask_donors(&mut self, id: MachineId, borrower: u16, quantity: u32) {
        let (Some((pool, _)), Some(view)) =
            (id.pool_and_segment(), self.around.directory.show(id.show))
        else {
            return;
        };
        let Some(board) = view.pool(pool) else { return };
        let figures = board.segments().iter().map(|segment| segment.figures().available);
        let mut donors: Vec<(u64, u16)> = figures
            .enumerate()
            .map(|(segment, available)| (available, segment as u16))
            .filter(|(available, segment)| *available > 0 && *segment != borrower)
            .collect();
        donors.sort_unstable_by(|a, b| b.cmp(a));
        let mut missing = u64::from(quantity);
        for (available, donor) in donors {
            if missing == 0 {
                break;
            }
            let share = available.min(missing);
            missing -= share;
            let donor = MachineId::segment(id.show, pool, donor);
            let command = Command::Lend { borrower, quantity: share as u32 };
            self.send(donor, Request::Execute(command));
        }
    }

    /// Sends again what should have been confirmed by now: loans, of which their borrower takes
    /// each once, and what a house said last, where a segment does not know it. A shard that
    /// panicked has lost what it had heard of the house and not submitted.
    pub(super) fn tick_unconfirmed(&mut self) {
        if self.now < self.resent_at.plus_ms(RESEND_MS) {
            return;
        }
        self.resent_at = self.now;
        let inventories = self.partitions.values().flat_map(super::Partition::inventories);
        let unconfirmed: Vec<_> = inventories
            .filter(|inventory| !self.leaving.contains_key(&inventory.id().partition()))
            .filter_map(|inventory| Some((inventory.id(), self.unconfirmed(inventory)?)))
            .collect();
        for (id, effects) in unconfirmed {
            self.queue_effects(id, effects);
        }
    }

    fn unconfirmed(&self, inventory: &Inventory) -> Option<Vec<Effect>> {
        match inventory.goods() {
            Goods::Stock(segment) => {
                let loans = segment.open_loans.iter();
                let send = |(&(borrower, number), &quantity)| Effect::SendLoan {
                    borrower,
                    number,
                    quantity,
                };
                let is_open = !segment.open_loans.is_empty() && !planted("loan-not-sent-again");
                is_open.then(|| loans.map(send).collect())
            }
            Goods::Nothing | Goods::Seats(_) => {
                inventory.show().filter(|show| !show.pools.is_empty())?;
                let view = self.around.directory.show(inventory.id().show)?;
                let know = view.segments_know_terms() || planted("terms-told-once");
                (!know).then(|| vec![Effect::TellSegments])
            }
        }
    }
}
