//! Seats: none sold twice, none in two live holds, and the seat map says the same.

use std::collections::BTreeMap;

use super::known::{Known, value};
use crate::spans::overlaps;
use crate::{Place, Rule, ServerSide, Verdict};

/// A seat has one valid ticket at most.
pub(super) fn sold_twice(known: &Known<'_>, verdict: &mut Verdict) {
    let mut by_seat: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (code, ticket) in known.valid_tickets() {
        if let Place::SeatId(seat) = ticket.place {
            by_seat.entry(seat).or_default().push((code, ticket));
        }
    }
    verdict.count("seats with a ticket", by_seat.len());
    for (seat, tickets) in by_seat.iter().filter(|(_, tickets)| tickets.len() > 1) {
        let codes: Vec<_> = tickets.iter().map(|(code, _)| *code).collect();
        verdict.report(
            Rule::SeatSoldTwice,
            format!("seat {seat} has {} tickets: {}", codes.len(), codes.join(", ")),
            tickets.iter().map(|(_, ticket)| ticket.evidence.value()).collect(),
        );
    }
}

/// A seat is in one live hold at most, from acknowledgement to the earliest possible end.
pub(super) fn held_twice(known: &Known<'_>, verdict: &mut Verdict) {
    let mut by_seat: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for hold in known.holds.values() {
        for seat in hold.seat_ids {
            by_seat.entry(seat).or_default().extend(known.spans(hold, 1));
        }
    }
    verdict.count("holds", known.holds.len());
    for (seat, spans) in &mut by_seat {
        for (first, second) in overlaps(spans) {
            verdict.report(
                Rule::SeatHeldTwice,
                format!(
                    "seat {seat} was in hold {} until {} at least, and in hold {} from {} on",
                    first.id, first.end_us, second.id, second.start_us
                ),
                vec![value(first.entry), value(second.entry)],
            );
        }
    }
}

/// Every ticketed seat is `SOLD` on the map, every live hold's seat is not free, and nothing is
/// sold that nobody bought.
pub(super) fn map(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    if server.seats.is_empty() {
        return;
    }
    let by_seat: BTreeMap<&str, &str> =
        server.seats.iter().map(|seat| (seat.seat_id.as_str(), seat.status.as_str())).collect();
    verdict.count("seats on the map", by_seat.len());
    let mut ticketed = BTreeMap::new();
    for (_, ticket) in known.valid_tickets() {
        if let Place::SeatId(seat) = ticket.place {
            ticketed.insert(seat.as_str(), ticket);
        }
    }
    for (seat, ticket) in &ticketed {
        let status = by_seat.get(seat).copied().unwrap_or("missing");
        if status != "SOLD" {
            verdict.report(
                Rule::SeatMapWrong,
                format!("seat {seat} has a ticket, and the map says {status}"),
                vec![ticket.evidence.value()],
            );
        }
    }
    for hold in known.holds.values().filter(|hold| hold.end_us > server.read_us) {
        for seat in hold.seat_ids {
            let status = by_seat.get(seat.as_str()).copied().unwrap_or("missing");
            if !matches!(status, "HELD" | "SOLD") {
                verdict.report(
                    Rule::SeatMapWrong,
                    format!("seat {seat} is in live hold {}, and the map says {status}", hold.id),
                    vec![value(hold.entry)],
                );
            }
        }
    }
    if known.sold_before == Some(0) {
        for (seat, _) in by_seat.iter().filter(|(_, status)| **status == "SOLD") {
            if !ticketed.contains_key(seat) {
                verdict.report(
                    Rule::SeatMapWrong,
                    format!("seat {seat} is sold on the map, and no known order has its ticket"),
                    vec![serde_json::json!({ "seatId": seat, "status": "SOLD" })],
                );
            }
        }
    }
}
