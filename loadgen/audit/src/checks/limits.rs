//! Limits: what one buyer may have, and what one pool has to give, at every moment.

use std::collections::BTreeMap;

use super::known::{Hold, Known, value};
use crate::spans::{Span, peak};
use crate::{Place, Rule, ServerSide, Verdict};

/// No buyer ever had more than the limit in seats, or in one pool.
///
/// Tickets of a payment that came after the hold had expired are left out: the contract gives
/// them whatever the limit says.
pub(super) fn per_buyer(known: &Known<'_>, verdict: &mut Verdict) {
    let Some(limit) = known.limit_per_user else {
        verdict.notes.push("the limit per buyer is not known and was not checked".into());
        return;
    };
    let mut by_buyer: BTreeMap<(&str, &str), Vec<_>> = BTreeMap::new();
    for hold in known.holds.values() {
        let (pool, weight) = inventory(hold);
        let spans = known.spans(hold, weight).into_iter().take(1);
        by_buyer.entry((hold.user_id, pool)).or_default().extend(spans);
    }
    verdict.count("buyers", by_buyer.len());
    for ((user_id, pool), spans) in &mut by_buyer {
        let (most, holds) = peak(spans);
        if most > u64::from(limit) {
            let of = if pool.is_empty() { "seats".to_owned() } else { format!("of `{pool}`") };
            verdict.report(
                Rule::LimitExceeded,
                format!("buyer {user_id} had {most} {of} at once; the limit is {limit}"),
                holds.iter().map(|hold| value(hold.entry)).collect(),
            );
        }
    }
}

/// No pool ever had more out than it has.
pub(super) fn pools(known: &Known<'_>, server: &ServerSide, verdict: &mut Verdict) {
    for pool in &server.stock {
        let mut spans: Vec<Span<&Hold<'_>>> = Vec::new();
        for hold in known.holds.values() {
            if let Some((name, quantity)) = hold.stock
                && name == pool.name
            {
                spans.extend(known.spans(hold, u64::from(quantity)));
            }
        }
        let (most, holds) = peak(&mut spans);
        if most > pool.quantity {
            let evidence = holds.iter().rev().take(10).map(|hold| value(hold.entry)).collect();
            let detail = format!(
                "{most} of `{}` were out at once, it has {}; the last ten holds follow",
                pool.name, pool.quantity
            );
            verdict.report(Rule::StockOversold, detail, evidence);
        }
        let of_pool = |place: &Place| matches!(place, Place::Stock(name) if *name == pool.name);
        let sold = known.valid_tickets().filter(|(_, ticket)| of_pool(ticket.place)).count();
        verdict.count("tickets of stock", sold);
        if sold as u64 > pool.quantity {
            let detail = format!("`{}` sold {sold} tickets, it has {}", pool.name, pool.quantity);
            verdict.report(Rule::StockOversold, detail, vec![value(pool)]);
        }
    }
}

/// What the hold takes from: a pool, or seats (an empty name), and how much.
fn inventory<'a>(hold: &Hold<'a>) -> (&'a str, u64) {
    hold.stock
        .map_or(("", hold.seat_ids.len() as u64), |(name, quantity)| (name, u64::from(quantity)))
}
