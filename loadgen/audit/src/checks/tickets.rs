//! Tickets: each is still there and unchanged, each order has one for every piece of its hold,
//! and every signature verifies.

use std::collections::BTreeMap;

use super::known::{Known, value};
use crate::{KeySet, Place, Rule, ServerSide, Verdict};

/// Every ticket that was seen is on its order and under its code, for the same place.
pub(super) fn present(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    verdict.count("tickets", known.tickets.len());
    for (code, seen) in &known.tickets {
        if let [first, second, ..] = seen.as_slice() {
            verdict.report(
                Rule::TicketCodeReused,
                format!("ticket code {code} names two tickets"),
                vec![first.evidence.value(), second.evidence.value()],
            );
        }
        for ticket in seen {
            if let Some(Some(order)) = server.orders.get(ticket.order_id)
                && !order.tickets.iter().any(|now| now.ticket_code == *code)
            {
                verdict.report(
                    Rule::TicketMissing,
                    format!("ticket {code} is gone from order {}", ticket.order_id),
                    vec![ticket.evidence.value(), value(order)],
                );
            }
            match server.tickets.get(*code) {
                Some(None) => verdict.report(
                    Rule::TicketMissing,
                    format!("the server does not know ticket {code}"),
                    vec![ticket.evidence.value()],
                ),
                Some(Some(now)) if now.place != *ticket.place => verdict.report(
                    Rule::AnswerChanged,
                    format!("ticket {code} is for something else now"),
                    vec![ticket.evidence.value(), value(now)],
                ),
                Some(Some(_)) | None => {}
            }
        }
    }
}

/// A ticketed order has exactly the tickets of what its hold held.
pub(super) fn complete(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    for (order_id, order) in &known.orders {
        let (Some(hold), Some(Some(now))) =
            (known.holds.get(order.hold_id), server.orders.get(*order_id))
        else {
            continue;
        };
        if now.status != "TICKETED" {
            continue;
        }
        let mut missing: BTreeMap<Place, i64> = BTreeMap::new();
        for seat in hold.seat_ids {
            *missing.entry(Place::SeatId(seat.clone())).or_default() += 1;
        }
        if let Some((name, quantity)) = hold.stock {
            missing.insert(Place::Stock(name.into()), i64::from(quantity));
        }
        for ticket in &now.tickets {
            *missing.entry(ticket.place.clone()).or_default() -= 1;
        }
        if missing.values().any(|count| *count != 0) {
            verdict.report(
                Rule::TicketsNotComplete,
                format!("order {order_id} has not one ticket for each piece of hold {}", hold.id),
                vec![value(hold.entry), value(now)],
            );
        }
    }
}

/// Every payload that was seen, during the run or at its end, verifies for its ticket.
pub(super) fn signed(known: &Known<'_>, server: &ServerSide, keys: &KeySet, verdict: &mut Verdict) {
    for fault in &keys.faults {
        verdict.report(Rule::BadSignature, fault.clone(), Vec::new());
    }
    let mut count = 0;
    for (code, seen) in &known.tickets {
        for ticket in seen {
            let recorded = ticket.payload;
            let now = server.tickets.get(*code).and_then(Option::as_ref);
            let now = now.and_then(|now| now.payload.as_deref());
            for payload in [recorded, now.filter(|now| Some(*now) != recorded)] {
                let Some(payload) = payload else { continue };
                count += 1;
                if let Err(fault) = keys.verify(payload, &server.show_id, code, ticket.place) {
                    verdict.report(
                        Rule::BadSignature,
                        format!("ticket {code}: {fault}"),
                        vec![ticket.evidence.value(), payload.into()],
                    );
                }
            }
        }
    }
    verdict.count("signatures", count);
}
