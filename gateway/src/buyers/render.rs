//! What an owner knows of a hold, its order and its tickets, as callers read it.
//!
//! The one place that does so, for buyers and organisers, answers and lists, so that one order
//! never looks different in two places.

use crate::attendees;
use crate::http::refusals::{hold_status, order_status};
use crate::ids::{HoldRoute, IdCodec, TicketRoute};
use usher_engine::inventory::{Claim, Hold, Order, OrderStatus, PaymentStatus};
use usher_engine::plan::SeatIx;
use usher_engine::{HoldNo, MachineId, Subject};
use usher_persistence::seal::Keyring;
use usher_shards::view::FaceGuard;
use usher_shards::{Answer, ShowView};
use usher_wire::{Attendee, StockQuantity, TicketLine, TicketStatus};

use super::lookup;

/// A hold with all that is needed to tell a caller about it.
pub struct Holding<'a> {
    ids: &'a IdCodec,
    view: &'a ShowView,
    face: FaceGuard,
    route: HoldRoute,
    hold: &'a Hold,
    version: u64,
}

impl<'a> Holding<'a> {
    /// The hold that an answer is about; `None` where it is about none.
    pub fn of(ids: &'a IdCodec, view: &'a ShowView, answer: &'a Answer) -> Option<Self> {
        let number = match answer.subject {
            Subject::Hold(no)
            | Subject::Order(no)
            | Subject::Payment(no, _)
            | Subject::Ticket(no, _) => no,
            Subject::Place(_) | Subject::Account(_) | Subject::ApiKey(_) | Subject::Show => {
                return None;
            }
        };
        let hold = answer.hold()?;
        Some(Self::new(ids, view, answer.machine, number, hold, answer.version))
    }

    /// A hold of an inventory as of its version.
    pub fn new(
        ids: &'a IdCodec,
        view: &'a ShowView,
        inventory: MachineId,
        number: HoldNo,
        hold: &'a Hold,
        inventory_version: u64,
    ) -> Self {
        let version = lookup::version_told(view, inventory, inventory_version);
        let route = HoldRoute { inventory, number };
        Self { ids, view, face: view.face(), route, hold, version }
    }

    /// The show's public id.
    pub fn show_id(&self) -> &str {
        &self.face.details.public_id
    }

    /// The currency of its price.
    pub fn currency(&self) -> String {
        self.face.terms.currency.code().to_owned()
    }

    /// The hold itself.
    pub fn hold(&self) -> usher_wire::Hold {
        let (seat_ids, stock) = self.claim();
        usher_wire::Hold {
            hold_id: self.ids.hold(self.route),
            show_id: self.show_id().to_owned(),
            status: hold_status(self.hold.status),
            seat_ids,
            stock,
            expiry_time: lookup::time(self.hold.ends_at),
            total_price_cents: self.hold.total.0,
            currency: self.currency(),
            version: self.version,
        }
    }

    /// The order that it became, with who comes masked; `None` where it became none.
    pub fn order(&self, keyring: &Keyring) -> Option<usher_wire::Order> {
        let order = self.hold.order.as_deref()?;
        let (seat_ids, stock) = self.claim();
        // A sale at the counter never was a hold: it ended as it began.
        let was_held = self.hold.ends_at > self.hold.placed_at;
        let due = order.payments.iter().filter(|p| matches!(p.status, PaymentStatus::RefundDue(_)));
        // A provider may name any amount, so their sum is not bounded as prices are.
        let due_cents = due.fold(0_u64, |sum, payment| sum.saturating_add(payment.amount.0));
        Some(usher_wire::Order {
            order_id: self.ids.order(self.route),
            show_id: self.show_id().to_owned(),
            hold_id: was_held.then(|| self.ids.hold(self.route)),
            status: order_status(order.status),
            amount_cents: self.hold.total.0,
            currency: self.currency(),
            pay_by: lookup::time(order.pay_by),
            seat_ids,
            stock,
            attendees: self.attendees(keyring).iter().map(Attendee::masked).collect(),
            tickets: (0..order.tickets.len()).map(|index| self.ticket_line(order, index)).collect(),
            refund_due_cents: (due_cents > 0).then_some(due_cents),
            created_at: Some(lookup::time(order.placed_at)),
            version: self.version,
        })
    }

    /// Who comes, in full: see [`attendees::of`].
    pub fn attendees(&self, keyring: &Keyring) -> Vec<Attendee> {
        attendees::of(keyring, &self.face, self.hold)
    }

    /// The code of a ticket; `None` where the order has no ticket of this index.
    pub fn ticket_code(&self, index: u8) -> Option<String> {
        let ticket = self.hold.order.as_deref()?.tickets.get(usize::from(index))?;
        let route = TicketRoute { order: self.route, index, nonce: ticket.nonce };
        Some(self.ids.ticket(&route))
    }

    /// What the ticket at a place admits to: a seat, or a pool's tickets.
    pub fn admission(&self, index: usize) -> (Option<String>, Option<String>) {
        match &self.hold.claim {
            Claim::Seats(seats) => (seats.get(index).map(|&seat| self.label(seat)), None),
            Claim::Stock(_) => (None, Some(self.pool_name())),
        }
    }

    fn ticket_line(&self, order: &Order, index: usize) -> TicketLine {
        let number = u8::try_from(index).expect("an order has at most 32 tickets");
        let (seat_id, stock) = self.admission(index);
        TicketLine {
            ticket_code: self.ticket_code(number).expect("the index is of a ticket"),
            seat_id,
            stock,
            status: ticket_status(order, index),
        }
    }

    fn claim(&self) -> (Option<Vec<String>>, Option<StockQuantity>) {
        match &self.hold.claim {
            Claim::Seats(seats) => (Some(seats.iter().map(|&s| self.label(s)).collect()), None),
            Claim::Stock(quantity) => {
                (None, Some(StockQuantity { name: self.pool_name(), quantity: *quantity }))
            }
        }
    }

    fn label(&self, seat: SeatIx) -> String {
        let plan = self.view.plan.as_deref().filter(|plan| plan.contains(seat));
        plan.map_or_else(String::new, |plan| plan.label(seat).to_owned())
    }

    fn pool_name(&self) -> String {
        let pool = self.route.inventory.pool_and_segment().map(|(pool, _)| usize::from(pool));
        let pool = pool.and_then(|pool| self.face.pools.get(pool));
        pool.map_or_else(String::new, |pool| pool.name.clone())
    }
}

/// Whether a ticket of an order admits. `index` must be of a ticket.
pub fn ticket_status(order: &Order, index: usize) -> TicketStatus {
    match order.status {
        OrderStatus::Refunded => TicketStatus::Refunded,
        OrderStatus::Ticketed if order.tickets[index].scan.is_some() => TicketStatus::Used,
        OrderStatus::Ticketed => TicketStatus::Valid,
        // Only an order that was ticketed has tickets, so it was taken back since.
        OrderStatus::RefundPending
        | OrderStatus::PendingPay
        | OrderStatus::Paying
        | OrderStatus::Cancelled
        | OrderStatus::Expired => TicketStatus::Revoked,
    }
}
