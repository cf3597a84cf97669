//! Counts: they add up on the server, and to what the client knows.

use super::known::{Known, value};
use crate::{LiveCounts, Place, Rule, ServerSide, Verdict};

/// The operators' audit is clean, and its figures add up, both recomputed and live.
pub(super) fn ops_audit(server: &ServerSide, verdict: &mut Verdict) {
    let Some(audit) = &server.ops_audit else {
        verdict.notes.push("no operator key: the server's own audit was not compared".into());
        return;
    };
    let named = audit.double_sold.len() + audit.paid_without_ticket.len() + audit.faults.len();
    if !audit.ok || named > 0 {
        let detail = "the server's own audit found something".to_owned();
        verdict.report(Rule::ServerAudit, detail, vec![value(audit)]);
    }
    let recomputed = LiveCounts {
        capacity: audit.capacity,
        available: audit.available,
        held: audit.held,
        sold: audit.sold,
        blocked: audit.blocked,
        in_transit: audit.in_transit,
        tickets_issued: audit.tickets_issued,
    };
    add_up("recomputed", &recomputed, verdict);
    if let Some(live) = &audit.live {
        add_up("live", live, verdict);
        let same = live.capacity == audit.capacity && live.sold == audit.sold;
        if !same {
            let detail = "the owners' counts are not what was recomputed".to_owned();
            verdict.report(Rule::CountsWrong, detail, vec![value(audit)]);
        }
    }
    verdict.count("server audits", 1);
}

fn add_up(which: &str, counts: &LiveCounts, verdict: &mut Verdict) {
    let parts = [counts.available, counts.held, counts.sold, counts.blocked, counts.in_transit];
    let sum: u64 = parts.iter().sum();
    let evidence = || vec![value(counts)];
    if sum != counts.capacity {
        let detail = format!(
            "{which}: available + held + sold + blocked + in transit = {sum}, and the capacity \
             is {}",
            counts.capacity
        );
        verdict.report(Rule::CountsWrong, detail, evidence());
    }
    if counts.sold > counts.capacity {
        let detail = format!("{which}: {} sold of {}", counts.sold, counts.capacity);
        verdict.report(Rule::CountsWrong, detail, evidence());
    }
    if counts.sold != counts.tickets_issued {
        let detail =
            format!("{which}: {} sold, {} tickets issued", counts.sold, counts.tickets_issued);
        verdict.report(Rule::CountsWrong, detail, evidence());
    }
}

/// What the server sold since the record began is what the known orders have tickets for.
///
/// An order whose creation was never answered has no id, so nobody could pay it; hence all tickets
/// are on orders that the record knows, whatever was lost on the way.
pub(super) fn sold(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    let Some(before) = known.sold_before else {
        verdict.notes.push("what was sold before is not known: sold counts not compared".into());
        return;
    };
    if known.orders.keys().any(|order_id| !server.orders.contains_key(*order_id)) {
        verdict.notes.push("not all orders were re-read: sold counts were not compared".into());
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
        let sold = server.seats.iter().filter(|seat| seat.status == "SOLD").count();
        compare("the seat map", sold as u64);
    }
    let of_seats = |place: &Place| matches!(place, Place::SeatId(_));
    let seats = known.valid_tickets().filter(|(_, ticket)| of_seats(ticket.place)).count();
    verdict.count("tickets for seats", seats);
}
