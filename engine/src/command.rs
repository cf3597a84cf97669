//! Everything that can be asked of a machine. Exhaustive: there is no other way to change one.

use crate::accounts::AccountsCommand;
use crate::id::{BuyerId, DocumentHash, HoldNo, PaymentRef, PlaceNo, TicketNonce};
use crate::limits::UNITS_PER_HOLD_MAX;
use crate::plan::{CategoryIx, SectionIx};
use crate::room::{PassNo, RoomCommand};
use crate::seats::Seats;
use crate::show::{NewShow, OnSale, SaleMove, SegmentTerms, ShowChange};
use crate::time::Timestamp;

/// One request to one machine: to an inventory, but for the last two.
#[derive(Debug, Clone)]
pub enum Command {
    // Buyers, and box offices for them.
    /// Take seats or tickets for a while. All or nothing.
    Hold(HoldRequest),
    /// Give a hold back before its time.
    Release {
        /// Which.
        hold: HoldNo,
    },
    /// Turn a hold into an order.
    Order(OrderRequest),
    /// Begin to pay an order.
    StartPayment(PaymentStart),
    /// Give an unpaid order up.
    Cancel {
        /// Which.
        order: HoldNo,
    },
    /// Let the bearer of a ticket in.
    CheckIn(CheckIn),

    // Payment providers. These always record.
    /// An authentic message about a payment.
    PaymentMessage(PaymentMessage),
    /// The provider gave money back.
    RefundMade {
        /// The order that was paid, or 0 where there was none.
        order: HoldNo,
        /// The payment that was undone.
        reference: PaymentRef,
    },

    // Organisers.
    /// Make a show.
    CreateShow(Box<NewShow>),
    /// Change what may still change.
    ChangeShow(Box<ShowChange>),
    /// Open, pause, resume, close.
    MoveSale(SaleMove),
    /// Put seats or stock on sale, now or later.
    PutOnSale {
        /// What.
        what: OnSale,
        /// When; now where it is not later than now.
        at: Option<Timestamp>,
    },
    /// Sell at the counter for cash: tickets at once.
    CounterSale(CounterSale),
    /// Take a sold order back and owe its money.
    Refund {
        /// Which.
        order: HoldNo,
        /// Why, for the record.
        reason: Box<str>,
    },
    /// Take tickets out of a pool for good.
    Withdraw {
        /// How many.
        quantity: u32,
    },

    // Operators.
    /// Give every live hold and unpaid order more time.
    ExtendHolds {
        /// How much, in milliseconds.
        ms: u64,
    },

    // Time, sent by the shard's timing wheel.
    /// End what has run out among these holds.
    Expire {
        /// At most [`crate::limits::EXPIRY_SLICE_MAX`] of them.
        holds: Vec<HoldNo>,
    },
    /// Put on sale what was scheduled for now or before.
    RunSchedule,

    // Between the inventories of one show.
    /// The house tells a segment how things stand.
    SetTerms(Box<SegmentTerms>),
    /// Segment 0 asks a donor to help a borrower.
    Lend {
        /// The segment that runs dry.
        borrower: u16,
        /// Tickets it needs.
        quantity: u32,
    },
    /// A loan arrives.
    Receive {
        /// The segment that it comes from.
        donor: u16,
        /// Its number between these two.
        number: u32,
        /// Tickets in it.
        quantity: u32,
    },
    /// The borrower confirms a loan.
    SettleLoan {
        /// The segment that has it.
        borrower: u16,
        /// Its number between these two.
        number: u32,
    },

    // Other machines.
    /// Something about who waits.
    Room(RoomCommand),
    /// Something about who people are.
    Accounts(Box<AccountsCommand>),
}

/// What a buyer wants to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Exactly these seats.
    Seats(Seats),
    /// The best that are free.
    BestAvailable {
        /// How many.
        quantity: u32,
        /// Only of this price category.
        category: Option<CategoryIx>,
        /// Only in this section.
        section: Option<SectionIx>,
        /// Side by side or not at all; otherwise side by side if possible.
        adjacent: bool,
    },
    /// Standing tickets of the addressed segment's pool.
    Stock {
        /// How many.
        quantity: u32,
    },
}

/// An idempotency key within its scope (buyer and operation), and what it was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Hash of operation and key text.
    pub key: u64,
    /// Hash of the request body; the same key with another body is refused.
    pub digest: u64,
}

/// See [`Command::Hold`].
#[derive(Debug, Clone)]
pub struct HoldRequest {
    /// Who asks.
    pub buyer: BuyerId,
    /// What for.
    pub wish: Wish,
    /// Shorter than the show's hold time, if the buyer asks so; in milliseconds.
    pub hold_ms: Option<u64>,
    /// Makes a repeat harmless.
    pub key: Option<KeyUse>,
    /// What the waiting room gave; the caller has checked that it is the buyer's and for this.
    pub pass: Option<PassUse>,
    /// When the buyer's account was made, where one is known.
    pub account_made_at: Option<Timestamp>,
}

/// A pass of a waiting room, used for a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassUse {
    /// Its number.
    pub pass: PassNo,
    /// Whose place it was given to.
    pub place: PlaceNo,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// See [`Command::Order`].
#[derive(Debug, Clone)]
pub struct OrderRequest {
    /// The hold to turn into an order.
    pub hold: HoldNo,
    /// Who asks; must be the buyer of the hold.
    pub buyer: BuyerId,
    /// Time to pay, in milliseconds.
    pub pay_ms: u64,
    /// Sealed contact data; the engine never looks inside.
    pub contact: Box<[u8]>,
    /// Where the show wants documents: one for each unit, in the order of the claim.
    pub documents: Vec<DocumentHash>,
    /// Makes a repeat harmless.
    pub key: Option<KeyUse>,
}

/// See [`Command::StartPayment`].
#[derive(Debug, Clone)]
pub struct PaymentStart {
    /// The order to pay.
    pub order: HoldNo,
    /// Name of the new payment, should one be started.
    pub reference: PaymentRef,
    /// The least time that the first start leaves for paying, in milliseconds.
    pub extension_ms: u64,
    /// Makes a repeat harmless.
    pub key: Option<KeyUse>,
}

/// What a provider says of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentVerdict {
    /// The money is there. Final.
    Success,
    /// The attempt failed. Not final: a success may still follow.
    Failed,
}

/// See [`Command::PaymentMessage`].
#[derive(Debug, Clone)]
pub struct PaymentMessage {
    /// The order that it names.
    pub order: HoldNo,
    /// The payment that it names.
    pub reference: PaymentRef,
    /// What happened.
    pub verdict: PaymentVerdict,
    /// How much, in cents of the show's currency.
    pub amount: crate::money::Cents,
    /// Random parts for the tickets, should they be issued now.
    pub nonces: TicketNonces,
    /// Set once stock was looked for elsewhere in vain: then missing stock means a refund.
    pub stock_settled: bool,
}

/// See [`Command::CounterSale`].
#[derive(Debug, Clone)]
pub struct CounterSale {
    /// The scope of the key and of `history`; limits per buyer do not apply at the counter.
    pub buyer: BuyerId,
    /// What is sold.
    pub wish: Wish,
    /// Sealed contact data.
    pub contact: Box<[u8]>,
    /// As those of an order: the limit per document applies at the counter as well.
    pub documents: Vec<DocumentHash>,
    /// Random parts for the tickets.
    pub nonces: TicketNonces,
    /// Makes a repeat harmless.
    pub key: Option<KeyUse>,
}

/// See [`Command::CheckIn`].
#[derive(Debug, Clone)]
pub struct CheckIn {
    /// The order that the ticket belongs to.
    pub order: HoldNo,
    /// The ticket within it, counted from 0.
    pub index: u8,
    /// Its random part; must match.
    pub nonce: TicketNonce,
    /// Where it was scanned.
    pub gate: Box<str>,
    /// When the gate says it was scanned, for gates that were offline.
    pub scanned_at: Option<Timestamp>,
    /// Names the scan, so that a gate may repeat it.
    pub scan: Option<u64>,
}

/// Random parts for as many tickets as one order can have.
#[derive(Debug, Clone)]
pub struct TicketNonces(pub Box<[TicketNonce; UNITS_PER_HOLD_MAX as usize]>);
