//! Nothing that was acknowledged is missing: holds, orders, payments; and one key made one thing.

use super::Rules;
use super::known::{Known, value};
use crate::{Rule, ServerSide, Verdict, Via};

/// A retry with the same key ends with the same hold or order.
pub(super) fn keys_used_twice(known: &Known<'_>, verdict: &mut Verdict) {
    verdict.count("idempotency keys", known.keys.len());
    for ((what, key), made) in known.keys.iter().filter(|(_, made)| made.len() > 1) {
        let ids: Vec<_> = made.keys().copied().collect();
        verdict.report(
            Rule::KeyUsedTwice,
            format!("key {key} made {} {what}s: {}", ids.len(), ids.join(", ")),
            made.values().map(value).collect(),
        );
    }
    for (what, first, second) in &known.changed {
        verdict.report(
            Rule::AnswerChanged,
            format!("{what} was acknowledged twice, and not the same"),
            vec![value(first), value(second)],
        );
    }
}

/// A hold without an order is found until long after its end, and lives until its end.
pub(super) fn holds(known: &Known<'_>, server: &ServerSide, rules: &Rules, verdict: &mut Verdict) {
    let (mut read, mut forgotten) = (0, 0);
    for hold in known.holds.values() {
        let Some(now) = server.holds.get(hold.id) else {
            continue;
        };
        read += 1;
        let lives = hold.end_us > server.read_us;
        match now {
            None if hold.order_id.is_some() => forgotten += 1,
            None if hold.end_us.saturating_add(rules.ended_hold_memory_us) <= server.read_us => {
                forgotten += 1;
            }
            None => verdict.report(
                Rule::HoldMissing,
                format!("hold {} was acknowledged, and the server does not know it", hold.id),
                vec![value(hold.entry)],
            ),
            Some(now) if lives && matches!(now.status.as_str(), "RELEASED" | "EXPIRED") => {
                verdict.report(
                    Rule::HoldMissing,
                    format!("hold {} is {} before its time", hold.id, now.status),
                    vec![value(hold.entry), value(now)],
                );
            }
            Some(_) => {}
        }
    }
    verdict.count("holds re-read", read);
    if forgotten > 0 {
        let note = format!("the server no longer knows {forgotten} holds that are over; it may");
        verdict.notes.push(note);
    }
}

/// An order is found, costs what its hold cost, and does not go back.
pub(super) fn orders(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    let mut read = 0;
    for (order_id, order) in &known.orders {
        let hold = known.holds.get(order.hold_id);
        if let Some(hold) = hold
            && hold.total_cents != order.amount_cents
        {
            verdict.report(
                Rule::AnswerChanged,
                format!(
                    "order {order_id} asks for {} and its hold {} said {}",
                    order.amount_cents, hold.id, hold.total_cents
                ),
                vec![value(hold.entry), value(order.entry)],
            );
        }
        let Some(now) = server.orders.get(*order_id) else {
            continue;
        };
        read += 1;
        let Some(now) = now else {
            verdict.report(
                Rule::OrderMissing,
                format!("order {order_id} was acknowledged, and the server does not know it"),
                vec![value(order.entry)],
            );
            continue;
        };
        if now.amount_cents != order.amount_cents {
            verdict.report(
                Rule::AnswerChanged,
                format!("order {order_id} costs {} now", now.amount_cents),
                vec![value(order.entry), value(now)],
            );
        }
        let live = hold.is_some_and(|hold| hold.end_us > server.read_us);
        if live && matches!(now.status.as_str(), "EXPIRED" | "CANCELLED") {
            verdict.report(
                Rule::OrderMissing,
                format!("order {order_id} is {} before its time", now.status),
                vec![value(order.entry), value(now)],
            );
        }
    }
    verdict.count("orders re-read", read);
}

/// Money that the server acknowledged became tickets or a refund due.
pub(super) fn payments(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    let mut unheard = 0;
    for (order_id, via, entry) in &known.payments {
        let Some(Some(now)) = server.orders.get(*order_id) else {
            continue;
        };
        let is_owed = now.refund_due_cents.is_some_and(|cents| cents > 0);
        if is_owed || matches!(now.status.as_str(), "TICKETED" | "REFUND_PENDING" | "REFUNDED") {
            continue;
        }
        match via {
            Via::Callback => verdict.report(
                Rule::PaidWithoutTicket,
                format!("order {order_id} is paid and {}", now.status),
                vec![value(entry), value(now)],
            ),
            Via::Sandbox => unheard += 1,
        }
    }
    verdict.count("payments", known.payments.len());
    if unheard > 0 {
        verdict.notes.push(format!(
            "the sandbox took money for {unheard} orders that are not ticketed; its callback may \
             be lost or on its way"
        ));
    }
}
