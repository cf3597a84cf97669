//! The state machine of one inventory: everything that must change together, in one value.
//!
//! [`Inventory::execute`] is the only place that decides and [`Inventory::apply`] the only one that
//! changes; both are exhaustive matches that hand over to the files beside this one:
//!
//! | file | decides about |
//! |---|---|
//! | `organise.rs` | shows, sale state, putting on sale |
//! | `hold.rs` | taking and giving back seats and tickets |
//! | `hoarders.rs` | who may hold more, where the show has rules against hoarding |
//! | `order.rs` | orders, counter sales, cancelling, taking back |
//! | `pay.rs` | payments on time, late, wrong, twice |
//! | `checkin.rs` | letting people in |
//! | `documents.rs` | how many units a document may have |
//! | `lend.rs` | stock that moves between segments |
//! | `apply.rs`, `apply/` | (nothing: they carry out what was decided) |
//!
//! Always true between two records: every unit is in exactly one state, a unit that is held or sold
//! belongs to exactly one hold, and what a buyer has is the sum of the buyer's live holds.

mod apply;
pub mod audit;
mod buyer;
mod buyers;
mod checkin;
mod documents;
mod hoarders;
mod hold;
mod holds;
pub mod image;
mod lend;
mod order;
mod organise;
mod pay;
mod records;
mod settled;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use crate::command::Command;
use crate::decision::{Decision, Effect, Subject};
use crate::event::Event;
use crate::id::{HoldNo, MachineId};
use crate::limits::EXPIRY_SLICE_MAX;
use crate::plan::SeatIx;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::room::PassNo;
use crate::seats::{SeatMap, SeatStatus};
use crate::show::{ShowRecord, Terms};
use crate::stock::Segment;
use crate::time::Timestamp;

use buyers::Buyers;
use documents::Documents;
use hoarders::Hoarders;
use holds::Holds;

pub use audit::Audit;
pub use buyer::{Buyer, KeyEntry, Keys};
pub use documents::DocumentRefusal;
pub use hoarders::Lapses;
pub use records::{
    Claim, Hold, HoldStatus, Order, OrderStatus, Payment, PaymentStatus, Payments, RefundCause,
    Scan, Ticket, Tickets,
};

/// Changed seats for which there is room at all times: those of some hundred commands.
const CHANGES_ROOM: usize = 1_024;

/// What an inventory sells.
#[derive(Debug, Clone)]
pub enum Goods {
    /// Nothing: a show of standing tickets only, or no show at all.
    Nothing,
    /// The seats of a plan.
    Seats(SeatMap),
    /// A share of a stock pool.
    Stock(Segment),
}

/// One inventory. See the module for what always holds.
#[derive(Debug, Clone)]
pub struct Inventory {
    id: MachineId,
    /// Records applied so far; the version that answers and views carry.
    version: u64,
    /// The time of the last record. Decisions never use an earlier one.
    last_at: Timestamp,
    /// `None` until a show was created here or, in a segment, the house was heard from.
    terms: Option<Terms>,
    /// Only in a house.
    show: Option<Box<ShowRecord>>,
    goods: Goods,
    holds: Holds,
    /// The number of the next hold.
    next_hold: HoldNo,
    buyers: Buyers,
    /// Ended holds in the order in which they ended, to be forgotten in time.
    ended: VecDeque<(Timestamp, HoldNo)>,
    /// Money that names no order of ours.
    strays: Vec<Payment>,
    /// Passes that were used and have not run out yet, by their end.
    used_passes: BTreeSet<(Timestamp, PassNo)>,
    /// What orders named; only where the show wants documents.
    documents: Option<Box<Documents>>,
    /// Only where the show has rules against hoarding.
    hoarders: Option<Box<Hoarders>>,
    /// Units held, as counted from holds; the goods count on their own and both must agree.
    units_held: u32,
    /// Units sold, as counted from orders.
    units_sold: u32,
    /// Seats whose status changed since [`Inventory::drain_changes`] was last called.
    changes: Vec<SeatIx>,
}

impl Inventory {
    /// An inventory in which nothing happened yet. Every inventory begins like this.
    #[must_use]
    pub fn vacant(id: MachineId) -> Self {
        Self {
            id,
            version: 0,
            last_at: Timestamp::default(),
            terms: None,
            show: None,
            goods: Goods::Nothing,
            holds: Holds::default(),
            next_hold: HoldNo(1),
            buyers: Buyers::default(),
            ended: VecDeque::new(),
            strays: Vec::new(),
            used_passes: BTreeSet::new(),
            documents: None,
            hoarders: None,
            units_held: 0,
            units_sold: 0,
            changes: Vec::new(),
        }
    }

    /// Decides about a command at `now` without changing anything. The caller records the events,
    /// applies them with [`Inventory::apply`] at the same moment, and answers when they are
    /// durable.
    #[must_use]
    pub fn execute(&self, command: &Command, now: Timestamp) -> Decision {
        let now = now.max(self.last_at);
        match (command, &self.terms) {
            // A rush is holds, which need not go through both lists.
            (Command::Hold(request), Some(terms)) => self.place_hold(request, terms, now),
            (Command::CreateShow(show), _) => self.create_show(show, now),
            // Money is recorded wherever it turns up.
            (Command::PaymentMessage(message), _) => self.payment_message(message, now),
            (Command::RefundMade { order, reference }, _) => self.refund_made(*order, reference),
            (Command::SetTerms(terms), _) => self.set_terms(terms),
            (Command::Room(_) | Command::Accounts(_), _) => Decision::refuse(Refusal::WrongKind),
            (_, Some(terms)) => self.execute_known(command, terms, now),
            (_, None) => Decision::refuse(Refusal::UnknownShow),
        }
    }

    fn execute_known(&self, command: &Command, terms: &Terms, now: Timestamp) -> Decision {
        match command {
            Command::Release { hold } => self.release(*hold, now),
            Command::Order(request) => self.place_order(request, terms, now),
            Command::StartPayment(start) => self.start_payment(start, now),
            Command::Cancel { order } => self.cancel(*order, now),
            Command::CheckIn(check_in) => self.check_in(check_in, now),
            Command::ChangeShow(change) => self.change_show(change),
            Command::MoveSale(to) => self.move_sale(*to),
            Command::PutOnSale { what, at } => self.put_on_sale(what, *at, now),
            Command::CounterSale(sale) => self.counter_sale(sale, terms, now),
            Command::Refund { order, reason } => self.take_back(*order, reason),
            Command::Withdraw { quantity } => self.withdraw(*quantity),
            Command::ExtendHolds { ms } => {
                Decision::done(Event::HoldsExtended { ms: *ms }, Subject::Show)
            }
            Command::Expire { holds } => self.expire(holds, now),
            Command::RunSchedule => self.run_schedule(now),
            Command::Lend { borrower, quantity } => self.lend(*borrower, *quantity),
            Command::Receive { donor, number, quantity } => {
                self.receive(*donor, *number, *quantity)
            }
            Command::SettleLoan { borrower, number } => self.settle_loan(*borrower, *number),
            Command::Hold(_)
            | Command::CreateShow(_)
            | Command::PaymentMessage(_)
            | Command::RefundMade { .. }
            | Command::SetTerms(_)
            | Command::Room(_)
            | Command::Accounts(_) => unreachable!("handled before"),
        }
    }

    /// Ends what has run out among `holds`; whatever does not apply any more is left out.
    fn expire(&self, holds: &[HoldNo], now: Timestamp) -> Decision {
        assert!(holds.len() <= EXPIRY_SLICE_MAX, "{} holds in one expiry", holds.len());
        let mut holds = holds.to_vec();
        holds.sort_unstable();
        // A hold that got more time may have two timers; it ends once.
        holds.dedup();
        let trusts_timer = |no| planted("expiry-trusts-timers") && self.deadline(no).is_some();
        holds.retain(|&no| self.is_overdue(no, now) || trusts_timer(no));
        if holds.is_empty() {
            return Decision::replay(Subject::Show);
        }
        Decision::done(Event::Expired { holds }, Subject::Show)
    }

    /// Which inventory this is.
    #[must_use]
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// Records applied so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Time of the last record.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// How this inventory sells; `None` where there is no show.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    /// What only a house knows.
    #[must_use]
    pub fn show(&self) -> Option<&ShowRecord> {
        self.show.as_deref()
    }

    /// What is sold here.
    #[must_use]
    pub fn goods(&self) -> &Goods {
        &self.goods
    }

    /// A hold, with its order if it has one. Ended holds are forgotten after
    /// [`crate::limits::ENDED_HOLD_MEMORY_MS`], orders never.
    #[must_use]
    pub fn hold(&self, no: HoldNo) -> Option<Cow<'_, Hold>> {
        self.holds.get(no)
    }

    /// All holds and orders, by number. Those that are over have to be unpacked, which takes some
    /// hundred nanoseconds each.
    pub fn holds(&self) -> impl Iterator<Item = (HoldNo, Cow<'_, Hold>)> {
        self.holds.iter()
    }

    /// Until when units are kept, for all holds and orders that keep some, by number.
    pub fn deadlines(&self) -> impl Iterator<Item = (HoldNo, Timestamp)> {
        self.holds.iter_live().filter_map(|(no, hold)| Some((no, hold.deadline()?)))
    }

    /// Money recorded here that names no order.
    #[must_use]
    pub fn strays(&self) -> &[Payment] {
        &self.strays
    }

    /// Until when the units of a hold are kept for it; `None` once they are not, or are sold.
    #[must_use]
    pub fn deadline(&self, no: HoldNo) -> Option<Timestamp> {
        self.holds.live(no)?.deadline()
    }

    /// How many seats [`Inventory::drain_changes`] would visit.
    #[must_use]
    pub fn change_count(&self) -> usize {
        self.changes.len()
    }

    /// Seats whose status changed since the last call, each with its status now. A seat may come
    /// up twice.
    pub fn drain_changes(&mut self, mut visit: impl FnMut(SeatIx, SeatStatus)) {
        if let Goods::Seats(map) = &self.goods {
            for seat in self.changes.drain(..) {
                visit(seat, map.status(seat));
            }
            // A show that was put on sale does not keep room for as much again.
            self.changes.shrink_to(CHANGES_ROOM);
        }
    }

    /// What must be done again after a restart, since it may not have been done before: refunds
    /// that are due, loans on their way, terms that segments may not have heard, the schedule.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.show.as_ref().is_some_and(|show| !show.pools.is_empty()) {
            effects.push(Effect::TellSegments);
        }
        let of_orders = self.holds.iter_live().flat_map(|(no, hold)| {
            hold.order.iter().flat_map(|order| &order.payments).map(move |payment| (no, payment))
        });
        let of_strays = self.strays.iter().map(|payment| (HoldNo(0), payment));
        let is_due = |payment: &Payment| {
            matches!(payment.status, PaymentStatus::RefundDue(_))
                && !planted("refund-forgotten-by-restart")
        };
        let due = of_orders.chain(of_strays).filter(|(_, payment)| is_due(payment));
        effects.extend(due.map(|(order, payment)| Effect::Refund {
            order,
            reference: payment.reference.clone(),
            amount: payment.amount,
        }));
        if let Goods::Stock(segment) = &self.goods {
            effects.extend(segment.open_loans.iter().map(|(&(borrower, number), &quantity)| {
                Effect::SendLoan { borrower, number, quantity }
            }));
        }
        if let Some(next) = self.show.as_ref().and_then(|show| show.schedule.first()) {
            effects.push(Effect::WakeAt(next.at));
        }
        effects
    }

    /// Whether the hold's time is over and this was not recorded yet.
    fn is_overdue(&self, no: HoldNo, now: Timestamp) -> bool {
        if planted("expiry-ignores-order") {
            return self.holds.live(no).is_some_and(|h| h.keeps_units() && h.ends_at <= now);
        }
        let now = if planted("expiry-in-whole-seconds") { now.plus_ms(999) } else { now };
        self.deadline(no).is_some_and(|deadline| deadline <= now)
    }

    /// Stops the process where units appeared or vanished: selling on would be worse.
    pub fn assert_conserved(&self) {
        let (held, sold) = match &self.goods {
            Goods::Nothing => return,
            Goods::Seats(map) => {
                let counts = map.counts();
                let all = counts.available + counts.held + counts.sold + counts.blocked;
                assert_eq!(all, map.plan().seat_count(), "seats of {:?}", self.id);
                (counts.held, counts.sold)
            }
            Goods::Stock(segment) => {
                assert!(segment.is_conserved(), "stock of {:?}: {segment:?}", self.id);
                (segment.held, segment.sold)
            }
        };
        assert_eq!((held, sold), (self.units_held, self.units_sold), "owners in {:?}", self.id);
    }
}
