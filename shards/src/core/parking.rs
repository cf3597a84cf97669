//! Commands that wait for stock from other segments.
//!
//! A parked command has happened in no way: it is decided again when stock arrives, refused when
//! there is none to be had anywhere, and given up when it takes too long.

use std::collections::VecDeque;

use usher_engine::inventory::Goods;
use usher_engine::planted::planted;
use usher_engine::stock::Segment;
use usher_engine::{Command, Inventory, MachineId, Outcome, Refusal, Timestamp};

use super::Core;
use super::execute::ReplyTo;
use super::rebuild::answer_now;
use crate::message::{Reply, Request, Unavailable};

/// How long a buyer waits for stock to be moved, in milliseconds.
const BUYER_PATIENCE_MS: u64 = 200;

/// Money that came late may look longer for its tickets before it becomes a refund.
const MONEY_PATIENCE_MS: u64 = 2_000;

/// Commands that may wait at one segment.
const PARKED_MAX: usize = 1_024;

/// How long a segment waits before it asks again, in milliseconds.
const ASK_AGAIN_MS: u64 = 20;

/// The commands that wait at one segment, oldest first.
#[derive(Debug, Default)]
pub(super) struct ParkedQueue {
    commands: VecDeque<Parked>,
    asked_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Parked {
    command: Command,
    reply: ReplyTo,
    needs: u32,
    patience_ends: Timestamp,
}

impl Drop for ParkedQueue {
    /// What still waits when its queue goes has not happened, and is told so.
    fn drop(&mut self) {
        for parked in self.commands.drain(..) {
            answer_now(parked.reply, Unavailable::Rebuilding);
        }
    }
}

/// What a segment knows about the rest of its pool.
enum Elsewhere {
    /// Enough, as far as one can see.
    Enough,
    /// Certainly not enough: so much in all, with what is here.
    TooLittle(u64),
}

impl Core {
    pub(super) fn park(&mut self, id: MachineId, command: Command, reply: ReplyTo, needs: u32) {
        if let Elsewhere::TooLittle(all) = self.look_elsewhere(id, needs) {
            self.give_up(id, command, reply, Refusal::SoldOut { available: narrow(all) });
            return;
        }
        let patience_ms = match command {
            Command::PaymentMessage(_) => MONEY_PATIENCE_MS,
            _ => BUYER_PATIENCE_MS,
        };
        let patience_ends = self.now.plus_ms(patience_ms);
        let queue = self.parked.entry(id).or_default();
        if queue.commands.len() >= PARKED_MAX {
            self.answer(reply, Reply::Unavailable(Unavailable::Busy));
            return;
        }
        queue.commands.push_back(Parked { command, reply, needs, patience_ends });
        self.ask_for_stock(id);
    }

    /// Decides parked commands again after something happened at their segment: in their order, so
    /// that who wants little does not take what is being gathered for who wants much.
    pub(super) fn retry_parked(&mut self, id: MachineId) {
        let Some(mut queue) = self.parked.remove(&id) else { return };
        while let Some(parked) = queue.commands.pop_front() {
            if self.is_short(id, &parked.command) {
                queue.commands.push_front(parked);
                break;
            }
            self.execute_again(id, parked.command, parked.reply);
        }
        if queue.commands.is_empty() {
            self.tell_gathered(id);
        } else {
            self.parked.insert(id, queue);
        }
    }

    /// Gives up what waited too long or what cannot be had any more, and asks again for the rest.
    pub(super) fn tick_parked(&mut self) {
        let ids: Vec<_> = self.parked.keys().copied().collect();
        for id in ids {
            let Some(mut queue) = self.parked.remove(&id) else { continue };
            for _ in 0..queue.commands.len() {
                let Some(parked) = queue.commands.pop_front() else { break };
                match self.why_give_up(id, &parked) {
                    None => queue.commands.push_back(parked),
                    Some(refusal) => self.give_up_parked(id, parked, refusal),
                }
            }
            self.parked.insert(id, queue);
            // Who was given up may have stood before somebody who can be served.
            self.retry_parked(id);
            let asked_at = self.parked.get(&id).map(|queue| queue.asked_at);
            let is_time = |at: Timestamp| at.plus_ms(ASK_AGAIN_MS) <= self.now;
            if asked_at.is_some_and(|at| at.is_none_or(is_time)) {
                self.ask_for_stock(id);
            }
        }
    }

    fn why_give_up(&self, id: MachineId, parked: &Parked) -> Option<Refusal> {
        if parked.patience_ends <= self.now {
            return Some(Refusal::StockMoving);
        }
        match self.look_elsewhere(id, parked.needs) {
            Elsewhere::Enough => None,
            Elsewhere::TooLittle(all) => Some(Refusal::SoldOut { available: narrow(all) }),
        }
    }

    /// What waited behind others was not looked at for a while: a repeat of what was granted
    /// meanwhile is answered like it, whatever is left.
    fn give_up_parked(&mut self, id: MachineId, parked: Parked, refusal: Refusal) {
        if self.is_short(id, &parked.command) {
            self.give_up(id, parked.command, parked.reply, refusal);
        } else {
            self.execute_again(id, parked.command, parked.reply);
        }
    }

    /// Whether a command would have to wait, or wait on, for stock.
    fn is_short(&self, id: MachineId, command: &Command) -> bool {
        let inventory = self.inventory(id);
        let decide = |inventory: &Inventory| inventory.execute(command, self.now).outcome;
        inventory.map(decide).is_none_or(|outcome| matches!(outcome, Outcome::Parked { .. }))
    }

    /// Takes the commands that wait at a segment which leaves this shard.
    pub(super) fn take_parked(&mut self, id: MachineId) -> Vec<(Command, ReplyTo)> {
        let mut queue = self.parked.remove(&id).unwrap_or_default();
        let commands = std::mem::take(&mut queue.commands);
        commands.into_iter().map(|parked| (parked.command, parked.reply)).collect()
    }

    /// A buyer is refused; money that came becomes a refund, since it must not be kept.
    fn give_up(&mut self, id: MachineId, command: Command, reply: ReplyTo, refusal: Refusal) {
        match command {
            Command::PaymentMessage(mut message) => {
                message.stock_settled = true;
                self.execute_again(id, Command::PaymentMessage(message), reply);
            }
            Command::Withdraw { .. } => {
                self.answer(reply, Reply::Refused(Refusal::CapacityInUse));
            }
            _ => self.answer(reply, Reply::Refused(refusal)),
        }
    }

    fn ask_for_stock(&mut self, id: MachineId) {
        let here = self.available_at(id);
        let now = self.now;
        let Some(queue) = self.parked.get_mut(&id) else { return };
        let Some(first) = queue.commands.front() else { return };
        let quantity = first.needs.saturating_sub(here);
        queue.asked_at = Some(now);
        if let (Some((pool, borrower)), true) = (id.pool_and_segment(), quantity > 0) {
            let coordinator = MachineId::segment(id.show, pool, 0);
            self.send(coordinator, Request::Need { borrower, quantity });
        }
    }

    fn tell_gathered(&mut self, id: MachineId) {
        if let Some((pool, borrower)) = id.pool_and_segment() {
            let coordinator = MachineId::segment(id.show, pool, 0);
            self.send(coordinator, Request::Gathered { borrower });
        }
    }

    fn look_elsewhere(&self, id: MachineId, needs: u32) -> Elsewhere {
        let (Some((pool, me)), Some(view)) =
            (id.pool_and_segment(), self.around.directory.show(id.show))
        else {
            return Elsewhere::TooLittle(0);
        };
        let Some(board) = view.pool(pool) else { return Elsewhere::TooLittle(0) };
        let Some(others) = board.obtainable_by(me) else { return Elsewhere::Enough };
        // What this segment lent is nobody's until it has arrived, and may not be taken there.
        let lent = self.stock_at(id).map_or(0, Segment::in_transit);
        let lent = if planted("own-loans-forgotten") { 0 } else { lent };
        let all = others + u64::from(self.available_at(id)) + u64::from(lent);
        if all < u64::from(needs) { Elsewhere::TooLittle(all) } else { Elsewhere::Enough }
    }

    fn available_at(&self, id: MachineId) -> u32 {
        self.stock_at(id).map_or(0, |segment| segment.available)
    }

    fn stock_at(&self, id: MachineId) -> Option<&Segment> {
        match self.inventory(id)?.goods() {
            Goods::Stock(segment) => Some(segment),
            Goods::Nothing | Goods::Seats(_) => None,
        }
    }
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
