//! The auditor's own words for what is asked, told and seen: plain numbers and text.

use super::HoldName;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The slot of the show that it goes to.
    pub(crate) slot: u16,
    /// Who asks.
    pub(crate) buyer: u64,
    /// Its idempotency key and a digest of its body.
    pub(crate) key: Option<(u64, u64)>,
    /// What for.
    pub(crate) wanted: Wanted,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// These seats.
    Seats(Vec<u32>),
    /// So many seats, whichever.
    AnySeats(u32),
    /// So many standing tickets.
    Stock(u32),
    /// Turn a hold into an order.
    Order { hold: HoldName },
    /// Start to pay.
    Start { hold: HoldName },
    /// A provider says that money is there.
    Pay { hold: HoldName, reference: String, amount: u64 },
    /// A provider says that a payment failed, or that money went back.
    Note { hold: HoldName },
    /// Release, cancel, or take back.
    End { hold: HoldName },
    /// Let a ticket in.
    Enter { hold: HoldName, index: u8 },
    /// Anything of an organiser or operator.
    Manage,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is done, and this is how the hold stands.
    Done { hold: Option<SeenHold>, replayed: bool },
    /// It is not done: the stable number of the reason, and the seats that are named.
    Refused { number: u16, seats: Vec<u32> },
    /// Not now.
    Unavailable,
}

/// How far a hold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Kept.
    Active,
    /// Became an order.
    Confirmed,
    /// Given back.
    Released,
    /// Ran out.
    Expired,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderLife {
    /// Waits for money.
    Payable,
    /// Has its tickets.
    Ticketed,
    /// Given up, or ran out.
    Over,
    /// Its money is due back, or went back.
    Refund,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Money {
    /// Under way, or failed so far.
    Open,
    /// Pays the order.
    Captured,
    /// Due back, or back.
    Refund,
}

/// A hold with its order, as an answer or an inventory shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenHold {
    pub(crate) name: HoldName,
    pub(crate) buyer: u64,
    pub(crate) seats: Vec<u32>,
    pub(crate) units: u32,
    pub(crate) life: Life,
    /// Until when its units are kept, where they are kept and not sold.
    pub(crate) deadline: Option<u64>,
    pub(crate) order: Option<OrderLife>,
    pub(crate) price: u64,
    pub(crate) payments: Vec<(String, u64, Money)>,
    pub(crate) tickets: usize,
    /// Tickets that were let in.
    pub(crate) used: Vec<u8>,
    pub(crate) nonces: Vec<[u8; 10]>,
}

impl SeenHold {
    /// Whether its units are held or sold now.
    pub(crate) fn owns(&self) -> bool {
        self.deadline.is_some() || self.order == Some(OrderLife::Ticketed)
    }
}

/// One inventory, laid open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) slot: u16,
    pub(crate) holds: Vec<SeenHold>,
    pub(crate) goods: SeenGoods,
    /// Money that names no order: reference and amount.
    pub(crate) strays: Vec<(String, u64)>,
}

/// What an inventory says of its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeenGoods {
    /// Seats by number: `true` where a seat is free or blocked.
    Seats { unowned: Vec<bool> },
    /// Counters of a segment.
    Stock {
        base: u64,
        available: u64,
        held: u64,
        sold: u64,
        blocked: u64,
        withdrawn: u64,
        lent: u64,
        received: u64,
    },
}
