//! What an inventory remembers of each hold: the claim, and the order, payments and tickets that
//! came of it.

use smallvec::SmallVec;

use crate::id::{BuyerId, PaymentRef, TicketNonce};
use crate::money::Cents;
use crate::seats::Seats;
use crate::time::Timestamp;

/// Payments of one order. Most orders are paid at once, which needs no allocation of its own.
pub type Payments = SmallVec<[Payment; 1]>;

/// Tickets of one order.
pub type Tickets = SmallVec<[Ticket; 1]>;

/// What a hold takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// These seats.
    Seats(Seats),
    /// So many standing tickets.
    Stock(u32),
}

impl Claim {
    /// Seats or tickets in it.
    #[must_use]
    #[inline]
    pub fn units(&self) -> u32 {
        match self {
            Self::Seats(seats) => seats.len() as u32,
            Self::Stock(quantity) => *quantity,
        }
    }
}

/// The life of a hold: active, then one of the others for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStatus {
    /// Keeps its units until its end.
    Active,
    /// Became an order.
    Confirmed,
    /// Given back by its buyer.
    Released,
    /// Ran out.
    Expired,
}

/// The life of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// Waits to be paid.
    PendingPay,
    /// A payment is under way.
    Paying,
    /// Paid; the tickets are issued.
    Ticketed,
    /// Given up by its buyer.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// Money is due back.
    RefundPending,
    /// The money was given back.
    Refunded,
}

/// A hold and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whose it is.
    pub buyer: BuyerId,
    /// What it takes; kept after its end, since late money may bring it back.
    pub claim: Claim,
    /// Price of all of it, as of the moment it was placed.
    pub total: Cents,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it ends, or ended.
    pub ends_at: Timestamp,
    /// How far it is.
    pub status: HoldStatus,
    /// The order that it became.
    pub order: Option<Box<Order>>,
}

/// An order; see [`Hold`] for its units, buyer and amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How far it is.
    pub status: OrderStatus,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Until when it may be paid.
    pub pay_by: Timestamp,
    /// Whether starting a payment has extended `pay_by` already.
    pub extended: bool,
    /// Sealed contact data.
    pub contact: Box<[u8]>,
    /// Everything heard about money for it, oldest first.
    pub payments: Payments,
    /// One per unit, in the order of the claim; empty unless it was ever ticketed.
    pub tickets: Tickets,
    /// When the tickets were issued.
    pub ticketed_at: Option<Timestamp>,
    /// Why the organiser took it back.
    pub taken_back: Option<Box<str>>,
}

/// One payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its name at the provider.
    pub reference: PaymentRef,
    /// What is expected, and once money came, what came.
    pub amount: Cents,
    /// How far it is.
    pub status: PaymentStatus,
}

/// The life of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Under way.
    Started,
    /// Failed so far; a success may still follow.
    Failed,
    /// The money is there and pays the order.
    Captured,
    /// The money is there and must go back.
    RefundDue(RefundCause),
    /// The money went back.
    Refunded(RefundCause),
}

/// Why money must go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundCause {
    /// It is not the amount of the order.
    WrongAmount,
    /// The order was paid already.
    Surplus,
    /// The order was cancelled.
    Cancelled,
    /// It came late and the units are gone.
    TooLate,
    /// The organiser took the order back.
    TakenBack,
    /// There is no such order.
    NoOrder,
}

/// One admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The random part of its code.
    pub nonce: TicketNonce,
    /// Its use, if it was used.
    pub scan: Option<Box<Scan>>,
}

/// The use of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub gate: Box<str>,
    /// Name of the scan, so that the gate may repeat it.
    pub name: Option<u64>,
}

impl Hold {
    /// Until when the units are kept; `None` once they are not, or are sold.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match (&self.order, self.status) {
            (None, HoldStatus::Active) => Some(self.ends_at),
            (Some(order), _) if order.is_payable() => Some(order.pay_by),
            _ => None,
        }
    }

    /// Whether its units are held for it now.
    #[must_use]
    pub fn keeps_units(&self) -> bool {
        self.deadline().is_some()
    }

    /// Whether its units are sold to it now.
    #[must_use]
    pub fn is_sold(&self) -> bool {
        self.order.as_ref().is_some_and(|order| order.status == OrderStatus::Ticketed)
    }
}

impl Order {
    /// Whether it waits for money.
    #[must_use]
    pub fn is_payable(&self) -> bool {
        matches!(self.status, OrderStatus::PendingPay | OrderStatus::Paying)
    }

    /// A payment by its name.
    #[must_use]
    pub fn payment(&self, reference: &str) -> Option<&Payment> {
        self.payments.iter().find(|payment| &*payment.reference == reference)
    }

    /// The place of the payment that is under way.
    #[must_use]
    pub fn payment_under_way(&self) -> Option<usize> {
        self.payments.iter().position(|payment| payment.status == PaymentStatus::Started)
    }
}
