//! Orders before and after the money: placing, cancelling, selling at the counter, taking back.

use super::hold::{Choice, expiry_first, find_repeat, parked, wish_units};
use super::{Goods, HoldStatus, Inventory, OrderStatus, PaymentStatus};
use crate::command::{CounterSale, OrderRequest};
use crate::decision::{Decision, Effect, Subject};
use crate::event::Event;
use crate::id::{DocumentHash, HoldNo};
use crate::refusal::Refusal;
use crate::show::Terms;
use crate::time::Timestamp;

impl Inventory {
    pub(super) fn place_order(
        &self,
        request: &OrderRequest,
        terms: &Terms,
        now: Timestamp,
    ) -> Decision {
        let no = request.hold;
        let Some(hold) = self.holds.get(no) else {
            return Decision::refuse(self.missing_hold(no));
        };
        match find_repeat(self.buyers.get(&request.buyer), request.key, now) {
            Ok(Some(order)) if order == no => return Decision::replay(Subject::Order(order)),
            // The hold is part of the request, even if its digest does not say so.
            Ok(Some(_)) => return Decision::refuse(Refusal::KeyReused),
            Ok(None) => {}
            Err(refusal) => return Decision::refuse(refusal),
        }
        if hold.buyer != request.buyer {
            return Decision::refuse(Refusal::NotYours);
        }
        let units = hold.claim.units();
        if let Err(refusal) = Self::check_documents(&request.documents, units, terms) {
            return Decision::refuse(refusal);
        }
        match hold.status {
            HoldStatus::Active if self.is_overdue(no, now) => {
                self.refuse_expired(no, Refusal::HoldExpired)
            }
            HoldStatus::Active => {
                let ordered = Event::Ordered {
                    order: no,
                    pay_by: now.plus_ms(request.pay_ms).max(hold.ends_at),
                    contact: request.contact.clone(),
                    key: request.key,
                };
                match self.room_for_documents(&request.documents, terms, now) {
                    Ok(in_the_way) => {
                        let mut events = expiry_first(in_the_way);
                        events.push(ordered);
                        events.extend(documents_given(no, &request.documents));
                        Decision::all(events, Subject::Order(no))
                    }
                    Err(refusal) => Decision::refuse(refusal),
                }
            }
            HoldStatus::Expired => Decision::refuse(Refusal::HoldExpired),
            HoldStatus::Confirmed | HoldStatus::Released => {
                Decision::refuse(Refusal::HoldNotActive(hold.status))
            }
        }
    }

    pub(super) fn cancel(&self, no: HoldNo, now: Timestamp) -> Decision {
        let found = self.holds.get(no);
        let Some(order) = found.as_deref().and_then(|hold| hold.order.as_deref()) else {
            return Decision::refuse(Refusal::UnknownOrder);
        };
        match order.status {
            OrderStatus::PendingPay | OrderStatus::Paying if self.is_overdue(no, now) => {
                self.refuse_expired(no, Refusal::OrderExpired)
            }
            OrderStatus::PendingPay | OrderStatus::Paying => {
                Decision::done(Event::Cancelled { order: no }, Subject::Order(no))
            }
            OrderStatus::Cancelled => Decision::replay(Subject::Order(no)),
            OrderStatus::Expired => Decision::refuse(Refusal::OrderExpired),
            OrderStatus::Ticketed | OrderStatus::RefundPending | OrderStatus::Refunded => {
                Decision::refuse(Refusal::IllegalState(order.status))
            }
        }
    }

    /// Cash and tickets change hands at once, so hold, order and payment are one record. The
    /// counter sells before, during and after the public sale, and to anybody, but only what is
    /// on sale at all.
    pub(super) fn counter_sale(
        &self,
        sale: &CounterSale,
        terms: &Terms,
        now: Timestamp,
    ) -> Decision {
        match find_repeat(self.buyers.get(&sale.buyer), sale.key, now) {
            Ok(Some(order)) => return Decision::replay(Subject::Order(order)),
            Ok(None) => {}
            Err(refusal) => return Decision::refuse(refusal),
        }
        let units = wish_units(&sale.wish);
        let form = self
            .check_form(&sale.wish)
            .and_then(|_| Self::check_documents(&sale.documents, units, terms));
        let room = form.and_then(|()| self.room_for_documents(&sale.documents, terms, now));
        let in_the_way = match room {
            Ok(in_the_way) => in_the_way,
            Err(refusal) => return Decision::refuse(refusal),
        };
        let (claim, mut overdue) = match self.choose(&sale.wish, now) {
            Ok(Choice::Found { claim, overdue }) => (claim, overdue),
            Ok(Choice::Short(short)) => return parked(short, units),
            Err(refusal) => return Decision::refuse(refusal),
        };
        overdue.extend(in_the_way);
        overdue.sort_unstable();
        overdue.dedup();
        let order = self.next_hold;
        let total = self.price(&claim, terms);
        let nonces = sale.nonces.0[..claim.units() as usize].to_vec();
        let (buyer, contact, key) = (sale.buyer, sale.contact.clone(), sale.key);
        let mut events = expiry_first(overdue);
        events.extend([
            Event::Held { hold: order, buyer, claim, total, ends_at: now, key: None },
            Event::Ordered { order, pay_by: now, contact, key },
        ]);
        events.extend(documents_given(order, &sale.documents));
        events.push(Event::Paid { order, reference: None, amount: total, nonces });
        Decision::all(events, Subject::Order(order))
    }

    pub(super) fn take_back(&self, no: HoldNo, reason: &str) -> Decision {
        let found = self.holds.get(no);
        let Some(order) = found.as_deref().and_then(|hold| hold.order.as_deref()) else {
            return Decision::refuse(Refusal::UnknownOrder);
        };
        match order.status {
            OrderStatus::Ticketed => {
                let event = Event::TakenBack { order: no, reason: reason.into() };
                let captured = |status| status == PaymentStatus::Captured;
                let due = order.payments.iter().filter(|payment| captured(payment.status));
                let mut decision = Decision::done(event, Subject::Order(no));
                decision.effects.extend(due.map(|payment| Effect::Refund {
                    order: no,
                    reference: payment.reference.clone(),
                    amount: payment.amount,
                }));
                decision
            }
            OrderStatus::RefundPending | OrderStatus::Refunded => {
                Decision::replay(Subject::Order(no))
            }
            OrderStatus::PendingPay
            | OrderStatus::Paying
            | OrderStatus::Cancelled
            | OrderStatus::Expired => Decision::refuse(Refusal::IllegalState(order.status)),
        }
    }

    /// Takes tickets out of the pool: those not on sale first, then free ones.
    pub(super) fn withdraw(&self, quantity: u32) -> Decision {
        let Goods::Stock(segment) = &self.goods else {
            return Decision::refuse(Refusal::WrongKind);
        };
        if quantity == 0 {
            return Decision::refuse(Refusal::NothingAsked);
        }
        let here = segment.blocked.saturating_add(segment.available);
        if here < quantity {
            return parked(quantity - here, quantity);
        }
        Decision::done(Event::Withdrawn { quantity }, Subject::Show)
    }
}

/// What an order names, where it names anybody.
fn documents_given(order: HoldNo, documents: &[DocumentHash]) -> Option<Event> {
    let given = || Event::DocumentsGiven { order, documents: documents.to_vec() };
    (!documents.is_empty()).then(given)
}
