//! Payment providers, whose messages are authentic and nothing else: on time or late, once or
//! twice, of the right amount or not, for an order, for another one, or for none.
//!
//! What is forged or of another currency ends before it gets here: the gateway checks signatures,
//! and a message names no currency. A payment that the server named goes to the order that it was
//! named for, whatever order the message names; one that the provider named goes where the message
//! says, and to the strays where it says nothing that can be read.

use usher_engine::command::{PaymentMessage, PaymentVerdict, TicketNonces};
use usher_engine::id::TicketNonce;
use usher_engine::limits::UNITS_PER_HOLD_MAX;
use usher_engine::{Cents, Command, HoldNo};

use super::{Ask, People, What, about};
use crate::auditor::{Asked, HoldName, OrderLife, Payment, SeenHold, Wanted};
use crate::random::Random;
use crate::world::{SEGMENTS, STRAYS};

/// Payments that providers named themselves, remembered to be used again.
const FOREIGN_MAX: usize = 16;

impl People {
    /// A provider has something to say.
    pub(super) fn pay(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order == Some(OrderLife::Payable));
        let is_success = !random.once_in(8);
        let amount = if random.once_in(10) { hold.price + 1 } else { hold.price };
        let started = random.choose(&hold.payments).map(|payment: &Payment| payment.reference);
        match started {
            Some(reference) if !random.once_in(8) => {
                message(&hold, hold.name, reference, amount, is_success)
            }
            _ => {
                let reference = self.foreign(random);
                let name = somebodys(&hold, random);
                message(&hold, name, reference, amount, is_success)
            }
        }
    }

    /// A name that the server never gave: new, or of an earlier payment for any order.
    fn foreign(&mut self, random: &mut Random) -> u64 {
        let earlier = random.choose(&self.foreign).copied();
        if let Some(earlier) = earlier.filter(|_| random.once_in(3)) {
            return earlier;
        }
        let new = self.new_reference();
        if self.foreign.len() == FOREIGN_MAX {
            self.foreign.remove(0);
        }
        self.foreign.push(new);
        new
    }

    /// A provider says that it gave money back, as asked; sometimes twice.
    pub(super) fn refund_made(&mut self, random: &mut Random) -> Option<Ask> {
        let at = random.below(self.refunds.len().max(1) as u64) as usize;
        let (slot, refund) = self.refunds.get(at).cloned()?;
        if !random.once_in(4) {
            self.refunds.swap_remove(at);
        }
        let name = (slot, refund.order.0);
        let reference = crate::eyes::number_of(&refund.reference);
        let command = Command::RefundMade { order: refund.order, reference: refund.reference };
        let wanted = Wanted::GaveBack { hold: name, reference };
        let asked = Asked { slot, buyer: 0, key: None, wanted, likeness: 0, is_cursed: false };
        Some(Ask { asked, what: What::Do(command) })
    }
}

/// Whose order a provider names for a payment that only it knows.
fn somebodys(hold: &SeenHold, random: &mut Random) -> HoldName {
    match random.below(8) {
        // An order that is nowhere.
        0 => (hold.name.0, 100_000 + random.below(3) as u32),
        // The number is right, the show is not.
        1 => (random.below(u64::from(SEGMENTS) + 1) as u16, hold.name.1),
        2 => (STRAYS, 0),
        _ => hold.name,
    }
}

fn message(hold: &SeenHold, to: HoldName, reference: u64, amount: u64, is_success: bool) -> Ask {
    let message = PaymentMessage {
        order: HoldNo(to.1),
        reference: format!("p{reference}").into(),
        verdict: if is_success { PaymentVerdict::Success } else { PaymentVerdict::Failed },
        amount: Cents(amount),
        // Drawn by the owner.
        nonces: TicketNonces(Box::new([TicketNonce([0; 10]); UNITS_PER_HOLD_MAX as usize])),
        stock_settled: false,
    };
    let wanted = match is_success {
        true => Wanted::Pay { hold: to, reference, amount },
        false => Wanted::Note { hold: to },
    };
    let mut ask = about(hold, wanted, Command::PaymentMessage(message));
    ask.asked.slot = to.0;
    ask
}
