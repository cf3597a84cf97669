//! Letting people in, each ticket once.

use super::{Inventory, OrderStatus};
use crate::command::CheckIn;
use crate::decision::{Decision, Subject};
use crate::event::Event;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::time::Timestamp;

impl Inventory {
    pub(super) fn check_in(&self, check_in: &CheckIn, now: Timestamp) -> Decision {
        let (no, index) = (check_in.order, check_in.index);
        let found = self.holds.get(no);
        let order = found.as_deref().and_then(|hold| hold.order.as_deref());
        let ticket = order.and_then(|order| order.tickets.get(usize::from(index)));
        let (Some(order), Some(ticket)) = (order, ticket) else {
            return Decision::refuse(Refusal::UnknownTicket);
        };
        if ticket.nonce != check_in.nonce {
            return Decision::refuse(Refusal::UnknownTicket);
        }
        if order.status != OrderStatus::Ticketed {
            let refunded = order.status == OrderStatus::Refunded;
            return Decision::refuse(Refusal::TicketRevoked { refunded });
        }
        match ticket.scan.as_ref().filter(|_| !planted("ticket-lets-two-in")) {
            None => Decision::done(
                Event::CheckedIn {
                    order: no,
                    index,
                    gate: check_in.gate.clone(),
                    // A gate that was offline knows better when it happened, but not the future.
                    at: check_in.scanned_at.map_or(now, |at| at.min(now)),
                    scan: check_in.scan,
                },
                Subject::Ticket(no, index),
            ),
            // The same scan again: its answer was lost on the way.
            Some(scan) if scan.name.is_some() && scan.name == check_in.scan => {
                Decision::replay(Subject::Ticket(no, index))
            }
            Some(scan) => {
                Decision::refuse(Refusal::AlreadyUsed { at: scan.at, gate: scan.gate.clone() })
            }
        }
    }
}
