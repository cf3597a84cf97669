//! Carrying out what was decided. The same code runs live and in replay; it cannot fail, and what
//! it asserts can only be broken by a bug or by a journal that is not ours.

mod money;

use super::{
    Buyer, Claim, Goods, Hold, HoldStatus, Inventory, KeyEntry, Keys, Order, OrderStatus,
    PaymentStatus, Payments, Scan, Tickets,
};
use crate::command::{KeyUse, PassUse};
use crate::event::Event;
use crate::id::{BuyerId, HoldNo};
use crate::limits::{ENDED_HOLD_MEMORY_MS, ORDER_KEY_MEMORY_MS};
use crate::plan::SeatIx;
use crate::planted::planted;
use crate::seats::SeatMap;
use crate::show::{
    NewPool, OnSale, PausedBy, Pool, SaleMove, SegmentTerms, ShowChange, ShowRecord, Stage, Terms,
};
use crate::stock::Segment;
use crate::time::Timestamp;

/// Where the units of a hold go.
#[derive(Clone, Copy)]
enum Move {
    Hold,
    Release,
    Sell,
    Unsell,
}

impl Inventory {
    /// Applies one record: the events of one command, at the time it was decided.
    pub fn apply(&mut self, events: &[Event], at: Timestamp) {
        self.last_at = self.last_at.max(at);
        self.version += 1;
        let at = self.last_at;
        for event in events {
            match event {
                // A rush is holds, which need not go through the whole list.
                Event::Held { hold: no, buyer, claim, total, ends_at, key } => {
                    self.note_held(*no, *buyer, claim, *key, at);
                    let (buyer, claim, total) = (*buyer, claim.clone(), *total);
                    let (status, placed_at, ends_at) = (HoldStatus::Active, at, *ends_at);
                    let new = Hold { buyer, claim, total, placed_at, ends_at, status, order: None };
                    self.holds.insert(*no, new);
                }
                _ => {
                    self.apply_event(event, at);
                    self.settle_after(event);
                }
            }
        }
        self.forget_ended(at);
    }

    fn apply_event(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::ShowCreated { details, terms, plan, pools } => {
                self.terms = Some((**terms).clone());
                self.show = Some(Box::new(new_record((**details).clone(), pools)));
                self.follow_hoarding_rules();
                if let Some(plan) = plan {
                    self.goods = Goods::Seats(SeatMap::new(plan.clone()));
                }
            }
            Event::ShowChanged(change) => self.apply_change(change),
            Event::SaleMoved(to) => self.apply_sale_move(*to),
            Event::PutOnSale(what) => self.apply_on_sale(what),
            Event::OnSaleScheduled(batch) => {
                let show = self.show_mut();
                show.batched = true;
                let place = show.schedule.partition_point(|other| other.at <= batch.at);
                show.schedule.insert(place, batch.clone());
            }
            Event::ScheduleTaken { count } => {
                self.show_mut().schedule.drain(..*count as usize);
            }
            Event::Released { hold } => self.apply_released(*hold, at),
            Event::Expired { holds } => self.apply_expired(holds, at),
            Event::Ordered { order, pay_by, contact, key } => {
                self.apply_ordered(*order, *pay_by, contact, *key, at);
            }
            Event::PaymentStarted { order: no, reference, pay_by, key } => {
                self.apply_payment_started(*no, reference, *pay_by, *key, at);
            }
            Event::PaymentJoined { order: no, key } => {
                let place = self.order_mut(*no).payment_under_way();
                self.remember_payment_key(*no, Some(*key), place.unwrap_or(0), at);
            }
            Event::PaymentFailed { order: no, reference } => {
                let order = self.order_mut(*no);
                money::set_payment(order, reference, None, PaymentStatus::Failed);
            }
            Event::Paid { order, reference, amount, nonces } => {
                self.apply_paid(*order, reference.as_ref(), *amount, nonces, at);
            }
            Event::RefundDue { order, reference, amount, cause } => {
                self.apply_refund_due(*order, reference, *amount, *cause);
            }
            Event::PaymentNoted { .. } => {}
            Event::Refunded { order, reference } => self.apply_refunded(*order, reference),
            Event::Cancelled { order } => self.apply_cancelled(*order),
            Event::TakenBack { order, reason } => self.apply_taken_back(*order, reason),
            Event::CheckedIn { order, index, gate, at, scan } => {
                let ticket = &mut self.order_mut(*order).tickets[usize::from(*index)];
                ticket.scan = Some(Box::new(Scan { at: *at, gate: gate.clone(), name: *scan }));
            }
            Event::HoldsExtended { ms } => self.apply_extended(*ms),
            Event::TermsSet(terms) => self.apply_terms(terms),
            Event::Lent { borrower, number, quantity } => {
                self.segment_mut().lend(*borrower, *number, *quantity);
            }
            Event::Received { donor, number, quantity } => {
                self.segment_mut().receive(*donor, *number, *quantity);
            }
            Event::LoanSettled { borrower, number } => {
                self.segment_mut().settle(*borrower, *number);
            }
            Event::Withdrawn { quantity } => self.segment_mut().withdraw(*quantity),
            Event::PassUsed(used) => self.apply_pass_used(*used, at),
            Event::DocumentsGiven { order, documents } => {
                self.documents.get_or_insert_default().give(*order, documents);
            }
            Event::HeldByNew { hold } => self.apply_held_by_new(*hold),
            Event::Held { .. } => unreachable!("applied before"),
            Event::Room(_) | Event::Accounts(_) => unreachable!("other machines' events"),
        }
    }

    /// Packs the orders that may be over by now: those that the event was about.
    fn settle_after(&mut self, event: &Event) {
        match event {
            Event::PaymentStarted { order, .. }
            | Event::PaymentJoined { order, .. }
            | Event::PaymentFailed { order, .. }
            | Event::Paid { order, .. }
            | Event::RefundDue { order, .. }
            | Event::Refunded { order, .. }
            | Event::Cancelled { order }
            | Event::TakenBack { order, .. }
            | Event::CheckedIn { order, .. } => self.holds.settle(*order),
            Event::Expired { holds } => holds.iter().for_each(|&no| self.holds.settle(no)),
            _ => {}
        }
    }

    fn apply_change(&mut self, change: &ShowChange) {
        if let Some(terms) = &mut self.terms {
            change_terms(terms, change);
        }
        self.follow_hoarding_rules();
        let show = self.show_mut();
        if let Some(details) = &change.details {
            show.details = details.clone();
        }
        for change in &change.pools {
            let pool = &mut show.pools[usize::from(change.pool)];
            // A pool that is all on sale stays so when it grows.
            if pool.on_sale == pool.quantity {
                pool.on_sale += change.add;
            }
            pool.quantity += change.add;
            pool.price = change.price.unwrap_or(pool.price);
        }
        show.terms_version += 1;
    }

    fn apply_sale_move(&mut self, to: SaleMove) {
        let terms = self.terms.as_mut().expect("a show has terms");
        match to {
            SaleMove::Open => terms.stage = Stage::Open,
            SaleMove::Close => terms.stage = Stage::Closed,
            SaleMove::RequirePasses => terms.pass_required = true,
            SaleMove::WaivePasses => terms.pass_required = false,
            SaleMove::Pause(PausedBy::Organiser) => terms.paused_by_organiser = true,
            SaleMove::Pause(PausedBy::Operator) => terms.paused_by_operator = true,
            SaleMove::Resume(PausedBy::Organiser) => terms.paused_by_organiser = false,
            SaleMove::Resume(PausedBy::Operator) => terms.paused_by_operator = false,
        }
        self.show_mut().terms_version += 1;
    }

    fn apply_on_sale(&mut self, what: &OnSale) {
        let show = self.show_mut();
        show.batched = true;
        show.terms_version += 1;
        match what {
            OnSale::Everything => {
                for pool in &mut show.pools {
                    pool.on_sale = pool.quantity;
                }
                self.unblock(|map| (0..map.plan().seat_count()).map(SeatIx).collect());
            }
            OnSale::Seats(ranges) => {
                self.unblock(|_| ranges.iter().flat_map(|range| range.seats()).collect());
            }
            OnSale::Stock { pool, quantity } => {
                let pool = &mut show.pools[usize::from(*pool)];
                pool.on_sale = pool.on_sale.saturating_add(*quantity).min(pool.quantity);
            }
        }
    }

    /// Puts those of the seats on sale that are not yet.
    fn unblock(&mut self, seats: impl FnOnce(&SeatMap) -> Vec<SeatIx>) {
        if let Goods::Seats(map) = &mut self.goods {
            let mut seats = seats(map);
            seats.retain(|&seat| map.status(seat) == crate::seats::SeatStatus::Blocked);
            seats.sort_unstable();
            seats.dedup();
            map.put_on_sale(&seats);
            match self.changes.is_empty() {
                // All seats of a large show, mostly, and so nothing is copied.
                true => self.changes = seats,
                false => self.changes.extend(seats),
            }
        }
    }

    /// Brings up to date what is known beside a new hold.
    #[inline(always)]
    fn note_held(
        &mut self,
        no: HoldNo,
        buyer: BuyerId,
        claim: &Claim,
        key: Option<KeyUse>,
        at: Timestamp,
    ) {
        assert_eq!(no, self.next_hold, "holds are numbered without gaps");
        self.next_hold = HoldNo(no.0 + 1);
        self.move_units(no, claim, Move::Hold);
        let expires_at = Timestamp(u64::MAX);
        let key = key.map(|used| KeyEntry { used, hold: no, payment: None, expires_at });
        let units = claim.units();
        let change = |buyer: &mut Buyer, key: Option<KeyEntry>| {
            buyer.units += units;
            buyer.holds += 1;
            if let Some(key) = key {
                buyer.remember_key(key, at);
            }
        };
        // Most buyers are new here, and made whole sooner than made and then changed.
        let make = |key: Option<KeyEntry>| {
            let keys = key.map_or_else(Keys::new, |key| Keys::from_buf([key]));
            Buyer { units, holds: 1, keys }
        };
        self.buyers.change_or_insert(buyer, key, change, make);
    }

    fn apply_released(&mut self, no: HoldNo, at: Timestamp) {
        let hold = self.hold_mut(no);
        end_hold(hold, HoldStatus::Released, at);
        let claim = hold.claim.clone();
        self.move_units(no, &claim, Move::Release);
        self.note_end(no, at);
    }

    fn apply_cancelled(&mut self, no: HoldNo) {
        let hold = self.hold_mut(no);
        end_order(hold, OrderStatus::Cancelled);
        let claim = hold.claim.clone();
        self.move_units(no, &claim, Move::Release);
        self.note_end(no, self.last_at);
    }

    /// Many may end in one event. Their units go back together, in the order of the seats, so that
    /// each row is summed up once; and their buyers, who are anywhere in memory, are looked up one
    /// right after the other, so that the processor fetches several at a time.
    fn apply_expired(&mut self, holds: &[HoldNo], at: Timestamp) {
        let (mut seats, mut quantity) = (Vec::with_capacity(holds.len()), 0);
        let forgets = planted("forgotten-release-on-expiry");
        for &no in holds {
            let hold = self.hold_mut(no);
            match hold.order {
                None => end_hold(hold, HoldStatus::Expired, at),
                Some(_) => end_order(hold, OrderStatus::Expired),
            }
            match &hold.claim {
                _ if forgets && hold.order.is_none() => {}
                Claim::Seats(claimed) => seats.extend_from_slice(claimed),
                Claim::Stock(claimed) => quantity += claimed,
            }
        }
        seats.sort_unstable();
        if !seats.is_empty() {
            self.move_seats(HoldNo(0), &seats, Move::Release);
        }
        if quantity > 0 {
            self.move_stock(quantity, Move::Release);
        }
        for &no in holds {
            if !(forgets && self.hold_mut(no).order.is_none()) {
                self.note_end(no, at);
            }
            self.note_lapse(no, at);
        }
    }

    /// Brings up to date what is known beside a hold or an unpaid order that ended.
    fn note_end(&mut self, no: HoldNo, at: Timestamp) {
        let hold = self.holds.live(no).expect("it ended just now");
        let buyer = self.buyers.get_mut(&hold.buyer).expect("events name buyers that exist");
        buyer.units -= hold.claim.units();
        buyer.holds -= 1;
        if let Some(documents) = &mut self.documents {
            documents.give_back(no);
        }
        if let Some(hoarders) = &mut self.hoarders {
            hoarders.remove_of_new(no, hold.claim.units());
        }
        if hold.order.is_none() {
            buyer.expire_hold_key(no, at.plus_ms(ENDED_HOLD_MEMORY_MS));
            self.ended.push_back((at, no));
        }
    }

    fn apply_ordered(
        &mut self,
        no: HoldNo,
        pay_by: Timestamp,
        contact: &[u8],
        key: Option<KeyUse>,
        at: Timestamp,
    ) {
        let hold = self.hold_mut(no);
        assert_eq!(hold.status, HoldStatus::Active, "only active holds are ordered");
        hold.status = HoldStatus::Confirmed;
        hold.order = Some(Box::new(Order {
            status: OrderStatus::PendingPay,
            placed_at: at,
            pay_by,
            extended: false,
            contact: contact.into(),
            payments: Payments::new(),
            tickets: Tickets::new(),
            ticketed_at: None,
            taken_back: None,
        }));
        let id = hold.buyer;
        let buyer = self.buyer_mut(id);
        buyer.expire_hold_key(no, at.plus_ms(ENDED_HOLD_MEMORY_MS));
        if let Some(used) = key {
            let expires_at = at.plus_ms(ORDER_KEY_MEMORY_MS);
            buyer.remember_key(KeyEntry { used, hold: no, payment: None, expires_at }, at);
        }
    }

    fn apply_extended(&mut self, ms: u64) {
        for hold in self.holds.live_mut() {
            if !hold.keeps_units() {
                continue;
            }
            match &mut hold.order {
                Some(_) if planted("extension-skips-orders") => {}
                Some(order) => order.pay_by = order.pay_by.plus_ms(ms),
                None => hold.ends_at = hold.ends_at.plus_ms(ms),
            }
        }
    }

    fn apply_terms(&mut self, told: &SegmentTerms) {
        if let Goods::Nothing = self.goods {
            self.goods = Goods::Stock(Segment::new(told.pool, told.segment, told.segments));
        }
        self.terms = Some(told.terms.clone());
        self.follow_hoarding_rules();
        let segment = self.segment_mut();
        segment.terms_version = told.version;
        segment.raise_base(told.base, told.on_sale);
    }

    fn move_units(&mut self, no: HoldNo, claim: &Claim, to: Move) {
        match claim {
            Claim::Seats(seats) => self.move_seats(no, seats, to),
            Claim::Stock(quantity) => self.move_stock(*quantity, to),
        }
    }

    /// Here and in `move_stock`, and nowhere else, units change hands, so that goods and owners are
    /// always counted alike.
    fn move_seats(&mut self, no: HoldNo, seats: &[SeatIx], to: Move) {
        let Goods::Seats(map) = &mut self.goods else { panic!("seats are of a house with seats") };
        match to {
            Move::Hold => map.hold(seats, no.0),
            Move::Release => map.release(seats),
            Move::Sell => map.sell(seats),
            Move::Unsell => map.unsell(seats),
        }
        if !planted("changed-seats-not-shown") {
            // One by one, since mostly it is one: `extend_from_slice` would call `memcpy` for it.
            for &seat in seats {
                self.changes.push(seat);
            }
        }
        self.count_owned(seats.len() as u32, to);
    }

    /// See `move_seats`.
    fn move_stock(&mut self, quantity: u32, to: Move) {
        let segment = self.segment_mut();
        match to {
            Move::Hold => segment.hold(quantity),
            Move::Release => segment.release(quantity),
            Move::Sell => segment.sell(quantity),
            Move::Unsell => segment.unsell(quantity),
        }
        self.count_owned(quantity, to);
    }

    fn count_owned(&mut self, units: u32, to: Move) {
        match to {
            Move::Hold => self.units_held += units,
            Move::Release => self.units_held -= units,
            Move::Sell => {
                self.units_held -= units;
                self.units_sold += units;
            }
            Move::Unsell => self.units_sold -= units,
        }
    }

    /// What ran out is refused for that, so nobody needs to know that it was used.
    fn apply_pass_used(&mut self, used: PassUse, at: Timestamp) {
        while self.used_passes.first().is_some_and(|&(expires_at, _)| expires_at <= at) {
            self.used_passes.pop_first();
        }
        self.used_passes.insert((used.expires_at, used.pass));
    }

    /// Forgets holds that ended long ago. Time comes from the record, so a replay forgets the same.
    fn forget_ended(&mut self, at: Timestamp) {
        while let Some(&(ended_at, no)) = self.ended.front() {
            if at < ended_at.plus_ms(ENDED_HOLD_MEMORY_MS) {
                break;
            }
            self.ended.pop_front();
            let Some(hold) = self.holds.remove(no) else { continue };
            if let Some(buyer) = self.buyers.get_mut(&hold.buyer) {
                buyer.forget_keys(at);
                if buyer.is_blank() {
                    self.buyers.remove(&hold.buyer);
                }
            }
        }
    }

    fn hold_mut(&mut self, no: HoldNo) -> &mut Hold {
        self.holds.get_mut(no).expect("events name holds that exist")
    }

    fn order_mut(&mut self, no: HoldNo) -> &mut Order {
        self.hold_mut(no).order.as_mut().expect("events name orders that exist")
    }

    fn buyer_mut(&mut self, id: BuyerId) -> &mut Buyer {
        self.buyers.get_mut(&id).expect("events name buyers that exist")
    }

    fn show_mut(&mut self) -> &mut ShowRecord {
        self.show.as_mut().expect("only houses organise")
    }

    fn segment_mut(&mut self) -> &mut Segment {
        match &mut self.goods {
            Goods::Stock(segment) => segment,
            Goods::Nothing | Goods::Seats(_) => panic!("only segments move stock"),
        }
    }
}

fn new_record(details: crate::show::ShowDetails, pools: &[NewPool]) -> ShowRecord {
    let pool = |new: &NewPool| Pool {
        name: new.name.clone(),
        price: new.price,
        quantity: new.quantity,
        on_sale: 0,
        segments: new.segments,
    };
    ShowRecord {
        details,
        pools: pools.iter().map(pool).collect(),
        terms_version: 1,
        schedule: Vec::new(),
        batched: false,
    }
}

fn end_hold(hold: &mut Hold, status: HoldStatus, at: Timestamp) {
    assert_eq!(hold.status, HoldStatus::Active, "only active holds end");
    hold.status = status;
    hold.ends_at = hold.ends_at.min(at);
}

fn end_order(hold: &mut Hold, status: OrderStatus) {
    assert!(hold.keeps_units(), "only unpaid orders end");
    hold.order.as_mut().expect("it has an order").status = status;
}

/// Shared with the check of a change, so that what is checked is what will be.
pub(super) fn change_terms(terms: &mut Terms, change: &ShowChange) {
    terms.sale_starts_at = change.sale_starts_at.unwrap_or(terms.sale_starts_at);
    terms.sale_ends_at = change.sale_ends_at.unwrap_or(terms.sale_ends_at);
    terms.units_per_buyer_max = change.units_per_buyer_max.unwrap_or(terms.units_per_buyer_max);
    terms.units_per_document_max =
        change.units_per_document_max.unwrap_or(terms.units_per_document_max);
    terms.hold_ms = change.hold_ms.unwrap_or(terms.hold_ms);
    if let Some(prices) = &change.prices {
        terms.prices.clone_from(prices);
    }
    if let Some(rules) = &change.hoarding {
        terms.hoarding = (!rules.is_empty()).then(|| Box::new(rules.clone()));
    }
}
