//! What the walk believes: who has which seat or how many tickets, until when, and whose money is
//! where. Lists and sums, nothing clever, and nothing taken from the engine but its events.

use std::collections::{BTreeMap, BTreeSet};

use usher_engine::command::{PaymentVerdict, Wish};
use usher_engine::inventory::{Claim, Goods, PaymentStatus};
use usher_engine::plan::SeatIx;
use usher_engine::seats::SeatStatus;
use usher_engine::show::{PausedBy, SaleMove};
use usher_engine::{
    BuyerId, Command, Decision, Effect, Event, HoldNo, Inventory, Outcome, Timestamp,
};

/// What a decision comes to, coarsely: done, parked, or the number of the refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Done,
    Parked,
    Refused(u16),
}

pub(super) fn kind(decision: &Decision) -> Kind {
    match &decision.outcome {
        Outcome::Done { .. } => Kind::Done,
        Outcome::Parked { .. } => Kind::Parked,
        Outcome::Refused(refusal) => Kind::Refused(refusal.number()),
    }
}

/// Something that somebody has at this moment.
struct Possession {
    buyer: BuyerId,
    claim: Claim,
    until: Timestamp,
    is_sold: bool,
}

/// One inventory.
pub(super) struct Model {
    /// Seats, or 0 for a segment.
    seats: u32,
    /// Standing tickets that came here less those that went.
    stock: u32,
    /// Tickets that the house gave so far.
    base: u32,
    owned: BTreeMap<HoldNo, Possession>,
    /// All claims ever, since late money may bring one back.
    claims: BTreeMap<HoldNo, (BuyerId, Claim)>,
    limit: u32,
    pauses: BTreeSet<bool>,
    last_at: Timestamp,
}

impl Model {
    pub(super) fn seats(seats: u32) -> Self {
        Self {
            seats,
            stock: 0,
            base: 0,
            owned: BTreeMap::new(),
            claims: BTreeMap::new(),
            limit: 8,
            pauses: BTreeSet::new(),
            last_at: Timestamp(0),
        }
    }

    pub(super) fn stock(stock: u32) -> Self {
        Self { stock, base: stock, ..Self::seats(0) }
    }

    pub(super) fn holds_made(&self) -> u32 {
        self.claims.last_key_value().map_or(0, |(no, _)| no.0)
    }

    pub(super) fn sold(&self) -> u32 {
        self.owned.values().filter(|owned| owned.is_sold).map(|owned| owned.claim.units()).sum()
    }

    pub(super) fn unpaid(&self) -> Vec<HoldNo> {
        self.owned.iter().filter(|(_, owned)| !owned.is_sold).map(|(no, _)| *no).collect()
    }

    fn units_of(&self, buyer: BuyerId) -> u32 {
        let of_buyer = self.owned.values().filter(|owned| owned.buyer == buyer);
        of_buyer.map(|owned| owned.claim.units()).sum()
    }

    fn free(&self) -> u32 {
        let taken: u32 = self.owned.values().map(|owned| owned.claim.units()).sum();
        self.seats + self.stock - taken
    }

    fn owner(&self, seat: SeatIx) -> Option<&Possession> {
        let has = |owned: &&Possession| match &owned.claim {
            Claim::Seats(seats) => seats.contains(&seat),
            Claim::Stock(_) => false,
        };
        self.owned.values().find(has)
    }

    /// What the answer to a hold must be; `None` where the model has no opinion.
    pub(super) fn predict(&self, command: &Command, now: Timestamp) -> Option<Kind> {
        let Command::Hold(request) = command else { return None };
        let now = now.max(self.last_at);
        let units = match &request.wish {
            Wish::Seats(seats) => u32::try_from(seats.len()).ok()?,
            Wish::BestAvailable { quantity, .. } | Wish::Stock { quantity } => *quantity,
        };
        let unpaid = |owned: &&Possession| owned.buyer == request.buyer && !owned.is_sold;
        if !self.pauses.is_empty() {
            return Some(Kind::Refused(12));
        }
        if self.units_of(request.buyer) + units > self.limit {
            return Some(Kind::Refused(18));
        }
        if self.owned.values().filter(unpaid).count() >= 16 {
            return Some(Kind::Refused(19));
        }
        match &request.wish {
            Wish::Seats(seats) => {
                let is_taken = |seat: &SeatIx| {
                    self.owner(*seat).is_some_and(|owned| owned.is_sold || now < owned.until)
                };
                let taken = seats.iter().any(is_taken);
                Some(if taken { Kind::Refused(20) } else { Kind::Done })
            }
            Wish::BestAvailable { adjacent: true, .. } => None,
            Wish::BestAvailable { quantity, .. } => {
                Some(if *quantity > self.free() { Kind::Refused(21) } else { Kind::Done })
            }
            Wish::Stock { quantity } => {
                Some(if *quantity > self.free() { Kind::Parked } else { Kind::Done })
            }
        }
    }

    pub(super) fn follow(&mut self, decision: &Decision, now: Timestamp) {
        if !decision.events.is_empty() {
            self.last_at = self.last_at.max(now);
        }
        for event in &decision.events {
            self.follow_event(event);
        }
    }

    fn follow_event(&mut self, event: &Event) {
        match event {
            Event::Held { hold, buyer, claim, ends_at, .. } => {
                self.claims.insert(*hold, (*buyer, claim.clone()));
                self.take(*hold, *ends_at);
            }
            Event::Ordered { order, pay_by, .. } | Event::PaymentStarted { order, pay_by, .. } => {
                let owned = self.owned.get_mut(order).expect("a live hold");
                assert!(owned.until <= *pay_by, "time was taken away from {order:?}");
                owned.until = *pay_by;
            }
            Event::Released { hold } => self.give_back(*hold, false),
            Event::Expired { holds } => {
                for hold in holds {
                    assert!(self.owned[hold].until <= self.last_at, "{hold:?} ended too early");
                    self.give_back(*hold, false);
                }
            }
            Event::Cancelled { order } => self.give_back(*order, false),
            Event::TakenBack { order, .. } => self.give_back(*order, true),
            Event::Paid { order, nonces, .. } => {
                if !self.owned.contains_key(order) {
                    self.take(*order, Timestamp(0));
                }
                let owned = self.owned.get_mut(order).expect("taken above at the latest");
                assert_eq!(owned.claim.units() as usize, nonces.len());
                assert!(!owned.is_sold, "{order:?} was paid twice");
                owned.is_sold = true;
            }
            Event::HoldsExtended { ms } => {
                for owned in self.owned.values_mut().filter(|owned| !owned.is_sold) {
                    owned.until = owned.until.plus_ms(*ms);
                }
            }
            Event::SaleMoved(SaleMove::Pause(by)) => {
                self.pauses.insert(*by == PausedBy::Operator);
            }
            Event::SaleMoved(SaleMove::Resume(by)) => {
                self.pauses.remove(&(*by == PausedBy::Operator));
            }
            Event::ShowChanged(change) => {
                self.limit = change.units_per_buyer_max.unwrap_or(self.limit);
            }
            Event::TermsSet(told) => {
                self.stock += told.base - self.base;
                self.base = told.base;
                self.limit = told.terms.units_per_buyer_max;
                self.pauses.clear();
                self.pauses.extend(told.terms.paused_by_operator.then_some(true));
                self.pauses.extend(told.terms.paused_by_organiser.then_some(false));
            }
            Event::Lent { quantity, .. } => self.stock -= quantity,
            Event::Received { quantity, .. } => self.stock += quantity,
            _ => {}
        }
    }

    fn take(&mut self, no: HoldNo, until: Timestamp) {
        let (buyer, claim) = self.claims[&no].clone();
        match &claim {
            Claim::Seats(seats) => {
                for &seat in seats {
                    assert!(self.owner(seat).is_none(), "seat {} has an owner already", seat.0);
                }
            }
            Claim::Stock(quantity) => assert!(*quantity <= self.free(), "more than there is"),
        }
        let new = Possession { buyer, claim, until, is_sold: false };
        assert!(self.owned.insert(no, new).is_none(), "{no:?} took its units twice");
    }

    fn give_back(&mut self, no: HoldNo, sold: bool) {
        let owned = self.owned.remove(&no).expect("only who has something gives it back");
        assert_eq!(owned.is_sold, sold, "{no:?}");
    }

    /// Compares seat by seat, or count by count.
    pub(super) fn assert_agrees(&self, inventory: &Inventory) {
        let count = |sold: bool| -> u32 {
            let of_kind = self.owned.values().filter(|owned| owned.is_sold == sold);
            of_kind.map(|owned| owned.claim.units()).sum()
        };
        match inventory.goods() {
            Goods::Seats(map) => {
                let expected = |seat: SeatIx| match self.owner(seat) {
                    None => SeatStatus::Available,
                    Some(owned) if owned.is_sold => SeatStatus::Sold,
                    Some(_) => SeatStatus::Held,
                };
                let expected: Vec<_> = (0..self.seats).map(SeatIx).map(expected).collect();
                let got: Vec<_> = map.statuses().collect();
                assert_eq!(got, expected, "seats of the model");
            }
            Goods::Stock(segment) => {
                let got = (segment.available, segment.held, segment.sold);
                assert_eq!(got, (self.free(), count(false), count(true)), "stock of the model");
            }
            Goods::Nothing => panic!("each inventory of the walk sells something"),
        }
        for (no, owned) in &self.owned {
            let until = (!owned.is_sold).then_some(owned.until);
            assert_eq!(inventory.deadline(*no), until, "end of {no:?}");
        }
    }
}

/// Money by inventory and name of the payment: each is in exactly one place.
#[derive(Default)]
pub(super) struct Books {
    /// All that ever came.
    came: BTreeSet<(usize, Box<str>)>,
    /// What was said to be given back, and is not yet.
    due: BTreeSet<(usize, Box<str>)>,
    returned: BTreeSet<(usize, Box<str>)>,
}

impl Books {
    pub(super) fn follow(&mut self, at: usize, command: &Command, decision: &Decision) {
        match command {
            Command::PaymentMessage(message)
                if message.verdict == PaymentVerdict::Success && kind(decision) == Kind::Done =>
            {
                self.came.insert((at, message.reference.clone()));
            }
            Command::RefundMade { reference, .. } if !decision.events.is_empty() => {
                let payment = (at, reference.clone());
                assert!(self.due.remove(&payment), "returned, but not due: {payment:?}");
                assert!(self.returned.insert(payment), "returned twice");
            }
            _ => {}
        }
        for effect in &decision.effects {
            if let Effect::Refund { reference, .. } = effect {
                let payment = (at, reference.clone());
                assert!(self.came.contains(&payment), "money that never came: {payment:?}");
                assert!(!self.returned.contains(&payment), "to be returned again: {payment:?}");
                assert!(self.due.insert(payment), "to be returned twice: {reference}");
            }
        }
    }

    pub(super) fn assert_nothing_due(&self) {
        assert!(self.due.is_empty(), "money is kept: {:?}", self.due);
    }

    /// Each payment that came is captured by a ticketed order, or due, or returned.
    pub(super) fn assert_agree(&self, at: usize, inventory: &Inventory) {
        let holds: Vec<_> = inventory.holds().map(|(_, hold)| hold).collect();
        let orders = holds.iter().filter_map(|hold| Some((hold, hold.order.as_ref()?)));
        let mut payments: Vec<_> = inventory.strays().iter().collect();
        let mut captured = BTreeSet::new();
        for (hold, order) in orders {
            for payment in &order.payments {
                if payment.status == PaymentStatus::Captured {
                    assert!(hold.is_sold() && payment.amount == hold.total, "{hold:?}");
                    captured.insert((at, payment.reference.clone()));
                }
                payments.push(payment);
            }
        }
        let with = |is: fn(PaymentStatus) -> bool| -> BTreeSet<_> {
            let found = payments.iter().filter(|payment| is(payment.status));
            found.map(|payment| (at, payment.reference.clone())).collect()
        };
        let here = |all: &BTreeSet<(usize, Box<str>)>| -> BTreeSet<_> {
            all.iter().filter(|(place, _)| *place == at).cloned().collect()
        };
        let due = with(|status| matches!(status, PaymentStatus::RefundDue(_)));
        let returned = with(|status| matches!(status, PaymentStatus::Refunded(_)));
        assert_eq!(due, here(&self.due), "money that is due");
        assert_eq!(returned, here(&self.returned), "money that was returned");
        let accounted: BTreeSet<_> = captured.into_iter().chain(due).chain(returned).collect();
        assert_eq!(accounted, here(&self.came), "all money that came");
    }
}
