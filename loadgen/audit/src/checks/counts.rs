//! Counts: they add up on the server, and to what the client knows.

use super::known::{Known, value};
use crate::{Place, Rule, ServerSide, Verdict};

/// The operators' audit is clean, and its figures add up.
pub(super) fn ops_audit(server: &ServerSide, verdict: &mut Verdict) {
    let Some(audit) = &server.ops_audit else {
        verdict
            .notes
            .push("no operator key: the server's own audit was not compared".into());
        return;
    };
    let evidence = || vec![value(audit)];
    if !audit.ok || !audit.double_sold.is_empty() || !audit.paid_without_ticket.is_empty() {
        let detail = "the server's own audit found something".to_owned();
        verdict.report(Rule::ServerAudit, detail, evidence());
    }
    let parts = [
        audit.available,
        audit.held,
        audit.sold,
        audit.blocked,
        audit.in_transit,
    ];
    let sum: u64 = parts.iter().sum();
    if sum != audit.capacity {
        let detail = format!(
            "available + held + sold + blocked + in transit = {sum}, and the capacity is {}",
            audit.capacity
        );
        verdict.report(Rule::CountsWrong, detail, evidence());
    }
    if audit.sold > audit.capacity {
        let detail = format!("{} sold of {}", audit.sold, audit.capacity);
        verdict.report(Rule::CountsWrong, detail, evidence());
    }
    if audit.sold != audit.tickets_issued {
        let detail = format!(
            "{} sold, {} tickets issued",
            audit.sold, audit.tickets_issued
        );
        verdict.report(Rule::CountsWrong, detail, evidence());
    }
    verdict.count("server audits", 1);
}

/// What the server sold since the record began is what the known orders have tickets for.
///
/// An order whose creation was never answered has no id, so nobody could pay it; hence all tickets
/// are on orders that the record knows, whatever was lost on the way.
pub(super) fn sold(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    let Some(before) = known.sold_before else {
        verdict
            .notes
            .push("what was sold before is not known: sold counts not compared".into());
        return;
    };
    if known
        .orders
        .keys()
        .any(|order_id| !server.orders.contains_key(*order_id))
    {
        verdict
            .notes
            .push("not all orders were re-read: sold counts were not compared".into());
        return;
    }
    let tickets = known.valid_tickets().count() as u64;
    let mut compare = |whose: &str, sold: u64| {
        if sold != before + tickets {
            verdict.report(
                Rule::CountsWrong,
                format!(
                    "{whose} says {sold} sold; {before} were before, and the known orders have \
                     {tickets} tickets"
                ),
                server.ops_audit.iter().map(value).collect(),
            );
        }
    };
    if let Some(audit) = &server.ops_audit {
        compare("the server's audit", audit.sold);
    }
    if !server.seats.is_empty() && server.stock.is_empty() {
        let sold = server
            .seats
            .iter()
            .filter(|seat| seat.status == "SOLD")
            .count();
        compare("the seat map", sold as u64);
    }
    let of_seats = |place: &Place| matches!(place, Place::SeatId(_));
    let seats = known
        .valid_tickets()
        .filter(|(_, ticket)| of_seats(ticket.place))
        .count();
    verdict.count("tickets for seats", seats);
}
