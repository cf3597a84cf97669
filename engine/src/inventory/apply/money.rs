//! The part of carrying out that is about money: payments, tickets for them, and what goes back.

use super::Move;
use crate::command::KeyUse;
use crate::id::{HoldNo, PaymentRef, TicketNonce};
use crate::inventory::{
    Inventory, KeyEntry, Order, OrderStatus, Payment, PaymentStatus, RefundCause, Ticket,
};
use crate::limits::ORDER_KEY_MEMORY_MS;
use crate::money::Cents;
use crate::planted::planted;
use crate::time::Timestamp;

impl Inventory {
    pub(super) fn apply_payment_started(
        &mut self,
        no: HoldNo,
        reference: &PaymentRef,
        pay_by: Timestamp,
        key: Option<KeyUse>,
        at: Timestamp,
    ) {
        let amount = self.hold_mut(no).total;
        let order = self.order_mut(no);
        order.status = OrderStatus::Paying;
        order.pay_by = pay_by;
        order.extended = true;
        let place = order.payments.len();
        let status = PaymentStatus::Started;
        order.payments.push(Payment { reference: reference.clone(), amount, status });
        self.remember_payment_key(no, key, place, at);
    }

    pub(super) fn remember_payment_key(
        &mut self,
        no: HoldNo,
        key: Option<KeyUse>,
        place: usize,
        at: Timestamp,
    ) {
        let Some(used) = key else { return };
        let id = self.hold_mut(no).buyer;
        let entry = KeyEntry {
            used,
            hold: no,
            payment: Some(place as u8),
            expires_at: at.plus_ms(ORDER_KEY_MEMORY_MS),
        };
        self.buyer_mut(id).remember_key(entry, at);
    }

    pub(super) fn apply_paid(
        &mut self,
        no: HoldNo,
        reference: Option<&PaymentRef>,
        amount: Cents,
        nonces: &[TicketNonce],
        at: Timestamp,
    ) {
        let hold = self.hold_mut(no);
        let (id, claim, kept) = (hold.buyer, hold.claim.clone(), hold.keeps_units());
        assert_eq!(claim.units() as usize, nonces.len(), "one ticket per unit");
        if !kept {
            // The money came late: the same units are taken once more.
            self.move_units(no, &claim, Move::Hold);
            self.buyers.get_or_default(id).units += claim.units();
            if let Some(documents) = &mut self.documents {
                documents.count(no);
            }
        }
        self.move_units(no, &claim, Move::Sell);
        if let Some(hoarders) = &mut self.hoarders {
            hoarders.bought(id, no, claim.units());
        }
        let buyer = self.buyer_mut(id);
        buyer.holds -= u32::from(kept);
        let order = self.order_mut(no);
        order.status = OrderStatus::Ticketed;
        order.ticketed_at = Some(at);
        order.tickets = nonces.iter().map(|&nonce| Ticket { nonce, scan: None }).collect();
        if let Some(reference) = reference {
            set_payment(order, reference, Some(amount), PaymentStatus::Captured);
        }
    }

    pub(super) fn apply_refund_due(
        &mut self,
        no: HoldNo,
        reference: &PaymentRef,
        amount: Cents,
        cause: RefundCause,
    ) {
        let status = PaymentStatus::RefundDue(cause);
        if no == HoldNo(0) {
            if planted("stray-money-forgotten") {
                return;
            }
            self.strays.push(Payment { reference: reference.clone(), amount, status });
            return;
        }
        let order = self.order_mut(no);
        set_payment(order, reference, Some(amount), status);
        let over = [OrderStatus::Cancelled, OrderStatus::Expired, OrderStatus::Refunded];
        if over.contains(&order.status) {
            order.status = OrderStatus::RefundPending;
        }
    }

    pub(super) fn apply_refunded(&mut self, no: HoldNo, reference: &PaymentRef) {
        if no == HoldNo(0) {
            for payment in &mut self.strays {
                if payment.reference == *reference {
                    payment.status = PaymentStatus::Refunded(RefundCause::NoOrder);
                }
            }
            return;
        }
        let order = self.order_mut(no);
        for payment in &mut order.payments {
            if let PaymentStatus::RefundDue(cause) = payment.status
                && payment.reference == *reference
            {
                payment.status = PaymentStatus::Refunded(cause);
            }
        }
        if order.status == OrderStatus::RefundPending && !order.payments.iter().any(is_due) {
            order.status = OrderStatus::Refunded;
        }
    }

    pub(super) fn apply_taken_back(&mut self, no: HoldNo, reason: &str) {
        let hold = self.hold_mut(no);
        let (id, claim) = (hold.buyer, hold.claim.clone());
        if !planted("seats-stay-sold-after-refund") {
            self.move_units(no, &claim, Move::Unsell);
        }
        self.buyer_mut(id).units -= claim.units();
        if let Some(documents) = &mut self.documents {
            documents.give_back(no);
        }
        let order = self.order_mut(no);
        order.taken_back = Some(reason.into());
        for payment in &mut order.payments {
            if payment.status == PaymentStatus::Captured {
                payment.status = PaymentStatus::RefundDue(RefundCause::TakenBack);
            }
        }
        // Cash goes back over the counter; only money at a provider is still due.
        order.status = if order.payments.iter().any(is_due) {
            OrderStatus::RefundPending
        } else {
            OrderStatus::Refunded
        };
    }
}

/// Sets what is known of a payment, and brings an order that nobody is paying any more back to
/// waiting.
pub(super) fn set_payment(
    order: &mut Order,
    reference: &PaymentRef,
    amount: Option<Cents>,
    status: PaymentStatus,
) {
    match order.payments.iter_mut().find(|payment| payment.reference == *reference) {
        Some(payment) => {
            payment.status = status;
            payment.amount = amount.unwrap_or(payment.amount);
        }
        None => order.payments.push(Payment {
            reference: reference.clone(),
            amount: amount.unwrap_or_default(),
            status,
        }),
    }
    if order.status == OrderStatus::Paying && order.payment_under_way().is_none() {
        order.status = OrderStatus::PendingPay;
    }
}

fn is_due(payment: &Payment) -> bool {
    matches!(payment.status, PaymentStatus::RefundDue(_))
}
