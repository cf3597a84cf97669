//! Payments: on time, late, twice, for the wrong amount, for nobody.
//!
//! Whatever an authentic message says, it is recorded, and no money stays without tickets: it pays
//! the order, or it is due back. SUCCESS is final, FAILED is not.

use super::hold::expiry_first;
use super::{
    Claim, Goods, Hold, Inventory, Order, OrderStatus, Payment, PaymentStatus, RefundCause,
};
use crate::command::{PaymentMessage, PaymentStart, PaymentVerdict};
use crate::decision::{Decision, Effect, Subject};
use crate::event::{Event, Events};
use crate::id::{HoldNo, PaymentRef};
use crate::limits::PAYMENTS_PER_ORDER_MAX;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::seats::SeatStatus;
use crate::time::Timestamp;

/// Whether the units of an order can be had for money that just came.
enum Units {
    /// They are kept for it, or are free again.
    There,
    /// They are gone for good.
    Gone,
    /// This segment is short by so many.
    Short(u32),
}

impl Inventory {
    pub(super) fn start_payment(&self, start: &PaymentStart, now: Timestamp) -> Decision {
        let no = start.order;
        let found = self.holds.get(no);
        let found = found.as_deref().and_then(|hold| Some((hold, hold.order.as_deref()?)));
        let Some((hold, order)) = found else {
            return Decision::refuse(Refusal::UnknownOrder);
        };
        if let Some(used) = start.key {
            let entry = self.buyers.get(&hold.buyer).and_then(|buyer| buyer.find_key(used, now));
            match entry {
                // The order is part of the request, even if its digest does not say so.
                Some(entry) if entry.used.digest != used.digest || entry.hold != no => {
                    return Decision::refuse(Refusal::KeyReused);
                }
                Some(entry) => {
                    let place = usize::from(entry.payment.unwrap_or(0));
                    return Decision::replay(Subject::Payment(entry.hold, place));
                }
                None => {}
            }
        }
        match order.status {
            OrderStatus::PendingPay | OrderStatus::Paying if self.is_overdue(no, now) => {
                self.refuse_expired(no, Refusal::OrderExpired)
            }
            OrderStatus::PendingPay | OrderStatus::Paying => self.begin(start, order, now),
            OrderStatus::Expired => Decision::refuse(Refusal::OrderExpired),
            OrderStatus::Ticketed
            | OrderStatus::Cancelled
            | OrderStatus::RefundPending
            | OrderStatus::Refunded => Decision::refuse(Refusal::IllegalState(order.status)),
        }
    }

    /// Starts a payment, or joins the one under way: a buyer who presses twice pays once.
    fn begin(&self, start: &PaymentStart, order: &Order, now: Timestamp) -> Decision {
        if let Some(place) = order.payment_under_way() {
            let subject = Subject::Payment(start.order, place);
            return match start.key {
                Some(key) => {
                    Decision::done(Event::PaymentJoined { order: start.order, key }, subject)
                }
                None => Decision::replay(subject),
            };
        }
        if order.payments.len() >= PAYMENTS_PER_ORDER_MAX {
            return Decision::refuse(Refusal::TooManyPayments);
        }
        let extended = order.pay_by.max(now.plus_ms(start.extension_ms));
        let event = Event::PaymentStarted {
            order: start.order,
            reference: start.reference.clone(),
            pay_by: if order.extended { order.pay_by } else { extended },
            key: start.key,
        };
        Decision::done(event, Subject::Payment(start.order, order.payments.len()))
    }

    pub(super) fn payment_message(&self, message: &PaymentMessage, now: Timestamp) -> Decision {
        let found = self.holds.get(message.order);
        let found = found.as_deref().and_then(|hold| Some((hold, hold.order.as_deref()?)));
        match (found, message.verdict) {
            (Some((_, order)), PaymentVerdict::Failed) => self.failed(message, order),
            (Some((hold, order)), PaymentVerdict::Success) => {
                self.succeeded(message, hold, order, now)
            }
            (None, PaymentVerdict::Failed) => noted(message),
            (None, PaymentVerdict::Success) => self.stray(message),
        }
    }

    fn failed(&self, message: &PaymentMessage, order: &Order) -> Decision {
        match order.payment(&message.reference).map(|payment| payment.status) {
            Some(PaymentStatus::Started) => Decision::done(
                Event::PaymentFailed { order: message.order, reference: message.reference.clone() },
                Subject::Order(message.order),
            ),
            _ => noted(message),
        }
    }

    fn succeeded(
        &self,
        message: &PaymentMessage,
        hold: &Hold,
        order: &Order,
        now: Timestamp,
    ) -> Decision {
        let status = order.payment(&message.reference).map(|payment| payment.status);
        // Money that came before its order is on its way back already, and pays nothing.
        let is_known = status.is_some_and(has_money) && !planted("repeated-callback-is-surplus");
        if is_known || self.stray_payment(&message.reference).is_some() {
            return noted(message);
        }
        if message.amount != hold.total && !planted("wrong-amount-accepted") {
            return refund(message, RefundCause::WrongAmount);
        }
        match order.status {
            OrderStatus::PendingPay | OrderStatus::Paying | OrderStatus::Expired => {
                match self.units_for(message.order, hold, now) {
                    Units::There => self.pay(message, hold, now),
                    Units::Short(short) if !message.stock_settled => {
                        super::hold::parked(short, hold.claim.units())
                    }
                    Units::Gone if planted("refund-not-due-for-late-money") => noted(message),
                    Units::Short(_) | Units::Gone => refund(message, RefundCause::TooLate),
                }
            }
            OrderStatus::Cancelled => refund(message, RefundCause::Cancelled),
            OrderStatus::Ticketed if planted("second-payment-accepted") => noted(message),
            OrderStatus::Ticketed | OrderStatus::RefundPending | OrderStatus::Refunded => {
                refund(message, RefundCause::Surplus)
            }
        }
    }

    /// Late money takes the same seats again, or as many standing tickets: all or nothing, whatever
    /// limit or pause says.
    ///
    /// Not whatever the limit per document says: that somebody has two admissions to one show is
    /// what the rule is there to rule out.
    fn units_for(&self, no: HoldNo, hold: &Hold, now: Timestamp) -> Units {
        if hold.keeps_units() {
            return Units::There;
        }
        if self.room_for_late(no, now).is_err() {
            return Units::Gone;
        }
        match (&hold.claim, &self.goods) {
            (Claim::Seats(seats), Goods::Seats(map)) => {
                let gone = |status| status != SeatStatus::Available;
                let overdue =
                    |seat| map.owner(seat).is_some_and(|owner| self.is_overdue(HoldNo(owner), now));
                let gone = seats.iter().any(|&s| gone(map.status(s)) && !overdue(s));
                if gone { Units::Gone } else { Units::There }
            }
            (Claim::Stock(quantity), Goods::Stock(segment)) => {
                match quantity.checked_sub(segment.available) {
                    None | Some(0) => Units::There,
                    Some(short) => Units::Short(short),
                }
            }
            _ => unreachable!("a claim is of the kind of its inventory"),
        }
    }

    fn pay(&self, message: &PaymentMessage, hold: &Hold, now: Timestamp) -> Decision {
        let mut events = if hold.keeps_units() {
            Events::new()
        } else {
            expiry_first(self.in_the_way(message.order, hold, now))
        };
        events.push(Event::Paid {
            order: message.order,
            reference: Some(message.reference.clone()),
            amount: message.amount,
            nonces: message.nonces.0[..hold.claim.units() as usize].to_vec(),
        });
        Decision::all(events, Subject::Order(message.order))
    }

    /// Holds and orders past their end that have what late money takes again.
    fn in_the_way(&self, no: HoldNo, hold: &Hold, now: Timestamp) -> Vec<HoldNo> {
        let mut owners = self.room_for_late(no, now).unwrap_or_default();
        if let (Claim::Seats(seats), Goods::Seats(map)) = (&hold.claim, &self.goods) {
            owners.extend(seats.iter().filter_map(|&seat| map.owner(seat)).map(HoldNo));
        }
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Money for an order that is not ours: kept in the books, and due back.
    fn stray(&self, message: &PaymentMessage) -> Decision {
        if self.stray_payment(&message.reference).is_some() {
            return noted(message);
        }
        refund(&PaymentMessage { order: HoldNo(0), ..message.clone() }, RefundCause::NoOrder)
    }

    pub(super) fn refund_made(&self, order: HoldNo, reference: &PaymentRef) -> Decision {
        let found = self.holds.get(order);
        let of_order = found.as_deref().and_then(|hold| hold.order.as_deref());
        let due = |payment: &Payment| matches!(payment.status, PaymentStatus::RefundDue(_));
        // Money without an order is found by its name alone, whatever order the provider names.
        let no = if of_order.and_then(|order| order.payment(reference)).is_some_and(due) {
            order
        } else if self.stray_payment(reference).is_some_and(due) {
            HoldNo(0)
        } else {
            return Decision::replay(Subject::Order(order));
        };
        let event = Event::Refunded { order: no, reference: reference.clone() };
        Decision::done(event, Subject::Order(no))
    }

    fn stray_payment(&self, reference: &PaymentRef) -> Option<&Payment> {
        self.strays.iter().find(|payment| payment.reference == *reference)
    }
}

/// Whether money of this payment was accounted for already.
fn has_money(status: PaymentStatus) -> bool {
    match status {
        PaymentStatus::Started | PaymentStatus::Failed => false,
        PaymentStatus::Captured | PaymentStatus::RefundDue(_) | PaymentStatus::Refunded(_) => true,
    }
}

fn noted(message: &PaymentMessage) -> Decision {
    let event = Event::PaymentNoted {
        order: message.order,
        reference: message.reference.clone(),
        amount: message.amount,
        success: message.verdict == PaymentVerdict::Success,
    };
    Decision::done(event, Subject::Order(message.order))
}

fn refund(message: &PaymentMessage, cause: RefundCause) -> Decision {
    let (order, amount) = (message.order, message.amount);
    let reference = message.reference.clone();
    let event = Event::RefundDue { order, reference: reference.clone(), amount, cause };
    Decision::done(event, Subject::Order(order)).with(Effect::Refund { order, reference, amount })
}
