//! What happened. Events are facts: applying them cannot fail and asks nobody.
//!
//! One command's events form one record; a record has one time, and raises the inventory's version
//! by one.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::accounts::AccountsEvent;
use crate::command::{KeyUse, PassUse};
use crate::id::{BuyerId, DocumentHash, HoldNo, PaymentRef, TicketNonce};
use crate::inventory::{Claim, RefundCause};
use crate::money::Cents;
use crate::plan::SeatPlan;
use crate::room::RoomEvent;
use crate::show::{
    NewPool, OnSale, SaleMove, Scheduled, SegmentTerms, ShowChange, ShowDetails, Terms,
};
use crate::time::Timestamp;

/// What one command leads to. Mostly it is a single event, which needs no allocation of its own.
pub type Events = SmallVec<[Event; 1]>;

/// One fact about one machine: about an inventory, but for the last two. What is large and rare is
/// in boxes, since every event is moved about as if it were the largest.
#[derive(Debug, Clone)]
pub enum Event {
    /// A show came into being; everything in it is `BLOCKED`.
    ShowCreated {
        /// What buyers read.
        details: Box<ShowDetails>,
        /// How it sells.
        terms: Box<Terms>,
        /// Its seats.
        plan: Option<Arc<SeatPlan>>,
        /// Its standing tickets.
        pools: Vec<NewPool>,
    },
    /// The organiser changed something.
    ShowChanged(Box<ShowChange>),
    /// The sale was opened, paused, resumed or closed.
    SaleMoved(SaleMove),
    /// Seats or stock went on sale.
    PutOnSale(OnSale),
    /// A batch was scheduled.
    OnSaleScheduled(Scheduled),
    /// The first so many scheduled batches were taken off the schedule.
    ScheduleTaken {
        /// How many.
        count: u32,
    },
    /// Seats or tickets were held.
    Held {
        /// Number of the new hold.
        hold: HoldNo,
        /// By whom.
        buyer: BuyerId,
        /// What.
        claim: Claim,
        /// For how much in all.
        total: Cents,
        /// Until when.
        ends_at: Timestamp,
        /// Under which idempotency key.
        key: Option<KeyUse>,
    },
    /// A hold was given back.
    Released {
        /// Which.
        hold: HoldNo,
    },
    /// Holds and unpaid orders ran out.
    Expired {
        /// Which.
        holds: Vec<HoldNo>,
    },
    /// A hold became an order.
    Ordered {
        /// Which.
        order: HoldNo,
        /// Until when it may be paid.
        pay_by: Timestamp,
        /// Sealed contact data.
        contact: Box<[u8]>,
        /// Under which idempotency key.
        key: Option<KeyUse>,
    },
    /// A payment began.
    PaymentStarted {
        /// The order being paid.
        order: HoldNo,
        /// The payment.
        reference: PaymentRef,
        /// Until when the order may now be paid.
        pay_by: Timestamp,
        /// Under which idempotency key.
        key: Option<KeyUse>,
    },
    /// A key was used again to start a payment that was under way already.
    PaymentJoined {
        /// The order being paid.
        order: HoldNo,
        /// The key.
        key: KeyUse,
    },
    /// A payment attempt failed.
    PaymentFailed {
        /// The order.
        order: HoldNo,
        /// The payment.
        reference: PaymentRef,
    },
    /// The money came: the order is paid and its tickets are issued in the same step.
    Paid {
        /// The order.
        order: HoldNo,
        /// The payment; `None` for cash at the counter.
        reference: Option<PaymentRef>,
        /// How much.
        amount: Cents,
        /// The random part of each ticket.
        nonces: Vec<TicketNonce>,
    },
    /// Money came that is not owed.
    RefundDue {
        /// The order that it was meant for; 0 where there was none.
        order: HoldNo,
        /// The payment.
        reference: PaymentRef,
        /// How much.
        amount: Cents,
        /// Why.
        cause: RefundCause,
    },
    /// A payment message changed nothing. Kept as evidence.
    PaymentNoted {
        /// The order that it names.
        order: HoldNo,
        /// The payment.
        reference: PaymentRef,
        /// The amount that it names.
        amount: Cents,
        /// Whether it said success.
        success: bool,
    },
    /// The provider gave the money back.
    Refunded {
        /// The order; 0 where there was none.
        order: HoldNo,
        /// The payment.
        reference: PaymentRef,
    },
    /// The buyer gave the order up.
    Cancelled {
        /// Which.
        order: HoldNo,
    },
    /// The organiser took a sold order back.
    TakenBack {
        /// Which.
        order: HoldNo,
        /// Why.
        reason: Box<str>,
    },
    /// The bearer of a ticket was let in.
    CheckedIn {
        /// The order of the ticket.
        order: HoldNo,
        /// The ticket within it.
        index: u8,
        /// Where.
        gate: Box<str>,
        /// When, as decided here.
        at: Timestamp,
        /// Name of the scan.
        scan: Option<u64>,
    },
    /// All live holds and unpaid orders got more time.
    HoldsExtended {
        /// How much, in milliseconds.
        ms: u64,
    },
    /// A segment heard from its house.
    TermsSet(Box<SegmentTerms>),
    /// Stock left for another segment.
    Lent {
        /// To whom.
        borrower: u16,
        /// Number between the two.
        number: u32,
        /// How much.
        quantity: u32,
    },
    /// Stock arrived from another segment.
    Received {
        /// From whom.
        donor: u16,
        /// Number between the two.
        number: u32,
        /// How much.
        quantity: u32,
    },
    /// A loan is known to have arrived.
    LoanSettled {
        /// At whom.
        borrower: u16,
        /// Number between the two.
        number: u32,
    },
    /// The organiser took tickets out of the pool.
    Withdrawn {
        /// How many.
        quantity: u32,
    },
    /// The pass that the hold of the same record was made with.
    PassUsed(PassUse),
    /// What the order of the same record names, where the show wants documents.
    DocumentsGiven {
        /// The order.
        order: HoldNo,
        /// One for each unit, in the order of the claim.
        documents: Vec<DocumentHash>,
    },
    /// The hold of the same record is one of a new account.
    HeldByNew {
        /// Which.
        hold: HoldNo,
    },
    /// Something happened in a waiting room.
    Room(RoomEvent),
    /// Something happened to an account.
    Accounts(Box<AccountsEvent>),
}
