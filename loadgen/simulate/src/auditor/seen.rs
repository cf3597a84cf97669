//! The auditor's own words for what is asked, told and seen: plain numbers.

use super::HoldName;

/// Who sells for cash at the counter. Limits and pauses are not for them.
pub(crate) const BOX_OFFICE: u64 = 1_000;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    /// The slot of the show that it goes to.
    pub(crate) slot: u16,
    /// Who asks.
    pub(crate) buyer: u64,
    /// Its idempotency key and a digest of its body.
    pub(crate) key: Option<(u64, u64)>,
    /// What for.
    pub(crate) wanted: Wanted,
    /// The same for all requests that ask the same, whoever repeats them.
    pub(crate) likeness: u64,
    /// Whether it makes its shard panic each time that it is tried.
    pub(crate) is_cursed: bool,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    /// These seats.
    Seats(Vec<u32>),
    /// So many seats, whichever.
    AnySeats(u32),
    /// So many standing tickets.
    Stock(u32),
    /// How a hold stands.
    Look { hold: HoldName },
    /// Turn a hold into an order.
    Order { hold: HoldName },
    /// Start to pay.
    Start { hold: HoldName },
    /// A provider says that money is there.
    Pay { hold: HoldName, reference: u64, amount: u64 },
    /// A provider says that a payment failed.
    Note { hold: HoldName },
    /// A provider says that money went back.
    GaveBack { hold: HoldName, reference: u64 },
    /// Release, cancel, or take back.
    End { hold: HoldName },
    /// Let a ticket in.
    Enter { hold: HoldName, index: u8 },
    /// Something that an organiser or operator changes.
    Manage(Change),
}

/// What organisers and operators change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// The organiser pauses the sale, or lifts that.
    Pause(bool),
    /// The operator does.
    OperatorPause(bool),
    /// The sale is closed, or opened again.
    Close(bool),
    /// What one buyer may have.
    Limit(u32),
    /// What one seat costs from now on, in cents.
    SeatPrice(u64),
    /// What one standing ticket costs from now on, in cents.
    StockPrice(u64),
    /// So many more standing tickets.
    AddStock(u32),
    /// So many standing tickets less.
    Withdraw(u32),
    /// These seats go on sale, at once or then.
    SeatsOnSale { first: u32, count: u32, at: Option<u64> },
    /// More of the standing tickets go on sale.
    StockOnSale,
    /// Anything that breaks no promise whenever it happens.
    Other,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    /// It is done, and this is how the hold stands.
    Done { hold: Option<SeenHold>, replayed: bool },
    /// It is not done: the stable number of the reason, and the seats that are named.
    Refused { number: u16, seats: Vec<u32> },
    /// Not now: too busy, or no room on the disk.
    NotNow,
    /// Not now: the shard panicked and comes back.
    Rebuilding,
    /// Never again: it made its shard panic twice.
    Quarantined,
}

/// How far a hold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Money {
    /// Under way, or failed so far.
    Open,
    /// Pays the order.
    Captured,
    /// Due back.
    Due,
    /// Went back.
    Back,
}

/// A hold with its order, as an answer or an inventory shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    pub(crate) payments: Vec<Payment>,
    pub(crate) tickets: usize,
    /// Tickets that were let in.
    pub(crate) used: Vec<u8>,
    pub(crate) nonces: Vec<[u8; 10]>,
}

/// One payment, of an order or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Payment {
    pub(crate) reference: u64,
    pub(crate) amount: u64,
    pub(crate) money: Money,
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
    /// Money that names no order.
    pub(crate) strays: Vec<Payment>,
    /// Which state of the house it sells by.
    pub(crate) terms_version: u32,
}

/// What an inventory says of its units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeenGoods {
    /// Seats by number.
    Seats(Vec<SeenSeat>),
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
        /// Loans that nobody confirmed yet, each with the slot that it goes to.
        open_loans: Vec<(u16, u64)>,
    },
}

/// How a seat is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeenSeat {
    Free,
    Blocked,
    Owned,
}

/// The standing tickets as they are at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Nobody has them, wherever they are.
    pub(crate) free: u64,
    /// How often some came back, or came on sale, published or not.
    pub(crate) returns: u64,
}
