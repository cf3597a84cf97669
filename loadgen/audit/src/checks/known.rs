//! The record of one show put in order: holds, orders, payments and tickets by id, and for each
//! hold the time in which it certainly was live.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Rules;
use crate::spans::{FOREVER_US, Span};
use crate::{Entry, Place, Record, ServerSide, TicketRef, Via};

/// A hold and what became of it.
pub(super) struct Hold<'a> {
    pub(super) id: &'a str,
    pub(super) user_id: &'a str,
    pub(super) seat_ids: &'a [String],
    pub(super) stock: Option<(&'a str, u32)>,
    pub(super) total_cents: i64,
    pub(super) order_id: Option<&'a str>,
    /// The acknowledgement itself.
    pub(super) entry: &'a Entry,
    pub(super) start_us: u64,
    /// The earliest moment at which it can have ended; a ticketed hold that was paid in time
    /// never ends.
    pub(super) end_us: u64,
    /// Ticketed, and perhaps only after it had expired: it counts again from its ticket on.
    pub(super) late: bool,
    expires_us: u64,
}

/// An order and what is known of it.
pub(super) struct Order<'a> {
    pub(super) hold_id: &'a str,
    pub(super) amount_cents: i64,
    pub(super) entry: &'a Entry,
    pub(super) ended: Option<&'a Entry>,
    pay_by_us: u64,
}

/// A ticket, from the record or from the server's answer about its order.
pub(super) struct Ticket<'a> {
    pub(super) order_id: &'a str,
    pub(super) place: &'a Place,
    /// When it was known first.
    pub(super) at_us: u64,
    /// Whether the server counts it still.
    pub(super) valid: bool,
    /// The signed payload, where it was fetched during the run.
    pub(super) payload: Option<&'a str>,
    /// Where it was seen first.
    pub(super) evidence: Source<'a>,
}

/// Where something is known from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Entry(&'a Entry),
    Server(&'a TicketRef),
}

impl Source<'_> {
    pub(super) fn value(self) -> Value {
        match self {
            Self::Entry(entry) => value(entry),
            Self::Server(ticket) => value(ticket),
        }
    }
}

/// Evidence, as it was recorded.
pub(super) fn value(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

/// Everything that the record says about one show.
#[derive(Default)]
pub(super) struct Known<'a> {
    pub(super) holds: BTreeMap<&'a str, Hold<'a>>,
    pub(super) orders: BTreeMap<&'a str, Order<'a>>,
    pub(super) payments: Vec<(&'a str, Via, &'a Entry)>,
    /// By code; a code that was seen for two things has two.
    pub(super) tickets: BTreeMap<&'a str, Vec<Ticket<'a>>>,
    /// What was seen twice under one id and not the same.
    pub(super) changed: Vec<(String, &'a Entry, &'a Entry)>,
    /// The keys of holds and orders, with the ids that they made.
    pub(super) keys: BTreeMap<(&'static str, &'a str), BTreeMap<&'a str, &'a Entry>>,
    /// When the client began to give a hold back.
    releasing_us: BTreeMap<&'a str, u64>,
    paid_us: BTreeMap<&'a str, u64>,
    /// When an order's first valid ticket was known.
    ticketed_us: BTreeMap<&'a str, u64>,
    /// What was sold before the record began; none where no generator looked.
    pub(super) sold_before: Option<u64>,
    /// The most tickets for one buyer.
    pub(super) limit_per_user: Option<u32>,
    first_us: u64,
}

impl<'a> Known<'a> {
    pub(super) fn new(record: &'a Record, server: &'a ServerSide, rules: &Rules) -> Self {
        let mut known = Known { first_us: FOREVER_US, ..Known::default() };
        let of_show = |entry: &&Entry| entry.show_id() == Some(&server.show_id);
        for entry in record.entries().iter().filter(of_show) {
            known.add(entry);
        }
        for (order_id, order) in &server.orders {
            for ticket in order.iter().flat_map(|order| &order.tickets) {
                known.add_ticket(
                    &ticket.ticket_code,
                    Ticket {
                        order_id,
                        place: &ticket.place,
                        at_us: server.read_us,
                        valid: ticket.is_valid(),
                        payload: None,
                        evidence: Source::Server(ticket),
                    },
                );
            }
        }
        known.settle_orders();
        known.settle_ends(rules);
        known
    }

    fn add(&mut self, entry: &'a Entry) {
        match entry {
            Entry::Show { at_us, sold_before, limit_per_user, .. } => {
                // The client that came first saw what none of them had sold.
                if *at_us < self.first_us {
                    (self.first_us, self.sold_before) = (*at_us, *sold_before);
                }
                self.limit_per_user = self.limit_per_user.or(*limit_per_user);
            }
            Entry::Held { .. } => self.add_hold(entry),
            Entry::Releasing { at_us, hold_id, .. } => {
                let first = self.releasing_us.entry(hold_id).or_insert(*at_us);
                *first = (*first).min(*at_us);
            }
            Entry::Ordered { order_id, hold_id, key, amount_cents, pay_by_us, .. } => {
                self.keys.entry(("order", key)).or_default().insert(order_id, entry);
                let order = Order {
                    hold_id,
                    amount_cents: *amount_cents,
                    entry,
                    ended: None,
                    pay_by_us: *pay_by_us,
                };
                let first = self.orders.entry(order_id).or_insert(order);
                if first.hold_id != hold_id || first.amount_cents != *amount_cents {
                    self.changed.push((format!("order {order_id}"), first.entry, entry));
                }
            }
            Entry::Paid { at_us, order_id, via, .. } => {
                self.payments.push((order_id, *via, entry));
                if *via == Via::Callback {
                    let first = self.paid_us.entry(order_id).or_insert(*at_us);
                    *first = (*first).min(*at_us);
                }
            }
            Entry::Ticketed { at_us, order_id, ticket_code, place, payload, .. } => {
                self.add_ticket(
                    ticket_code,
                    Ticket {
                        order_id,
                        place,
                        at_us: *at_us,
                        valid: true,
                        payload: payload.as_deref(),
                        evidence: Source::Entry(entry),
                    },
                );
            }
            Entry::Ended { order_id, .. } => {
                if let Some(order) = self.orders.get_mut(order_id.as_str()) {
                    order.ended = Some(entry);
                }
            }
            Entry::Refusals { .. } => {}
        }
    }

    fn add_hold(&mut self, entry: &'a Entry) {
        let Entry::Held {
            at_us,
            hold_id,
            user_id,
            key,
            seat_ids,
            stock,
            expires_us,
            total_cents,
            ..
        } = entry
        else {
            return;
        };
        if let Some(key) = key {
            self.keys.entry(("hold", key)).or_default().insert(hold_id, entry);
        }
        let hold = Hold {
            id: hold_id,
            user_id,
            seat_ids,
            stock: stock.as_ref().map(|(name, quantity)| (name.as_str(), *quantity)),
            total_cents: *total_cents,
            order_id: None,
            entry,
            start_us: *at_us,
            end_us: 0,
            late: false,
            expires_us: *expires_us,
        };
        let first = self.holds.entry(hold_id).or_insert(hold);
        first.start_us = first.start_us.min(*at_us);
        first.expires_us = first.expires_us.max(*expires_us);
        let seats: BTreeSet<_> = seat_ids.iter().collect();
        if first.seat_ids.iter().collect::<BTreeSet<_>>() != seats || first.user_id != user_id {
            self.changed.push((format!("hold {hold_id}"), first.entry, entry));
        }
    }

    /// Sightings of one ticket are one ticket: the first moment counts, and the server's word on
    /// whether it is valid.
    fn add_ticket(&mut self, code: &'a str, ticket: Ticket<'a>) {
        let seen = self.tickets.entry(code).or_default();
        let same = |known: &&mut Ticket<'_>| {
            known.order_id == ticket.order_id && known.place == ticket.place
        };
        match seen.iter_mut().find(same) {
            None => seen.push(ticket),
            Some(known) => {
                known.at_us = known.at_us.min(ticket.at_us);
                known.valid &= ticket.valid;
                known.payload = known.payload.or(ticket.payload);
            }
        }
    }

    fn settle_orders(&mut self) {
        for (order_id, order) in &self.orders {
            if let Some(hold) = self.holds.get_mut(order.hold_id) {
                hold.order_id = Some(order_id);
            }
        }
    }

    fn settle_ends(&mut self, rules: &Rules) {
        let mut revoked = BTreeSet::new();
        for ticket in self.tickets.values().flatten() {
            if ticket.valid {
                let first = self.ticketed_us.entry(ticket.order_id).or_insert(ticket.at_us);
                *first = ticket.at_us.min(*first);
            } else {
                revoked.insert(ticket.order_id);
            }
        }
        for hold in self.holds.values_mut() {
            let order_id = hold.order_id.unwrap_or_default();
            let order = self.orders.get(order_id);
            let end_us = order.map_or(0, |order| order.pay_by_us).max(hold.expires_us);
            let end_us = end_us.saturating_sub(rules.clock_tolerance_us);
            hold.end_us = if let Some(&ticketed_us) = self.ticketed_us.get(order_id) {
                let paid_us = self.paid_us.get(order_id).copied().unwrap_or(ticketed_us);
                hold.late = paid_us.min(ticketed_us) >= end_us;
                if hold.late { end_us } else { FOREVER_US }
            } else if let Some(&at_us) = self.releasing_us.get(hold.id) {
                end_us.min(at_us)
            } else if revoked.contains(order_id) || order.is_some_and(|o| o.ended.is_some()) {
                // Somebody else ended it, at a moment that this client does not know.
                hold.start_us
            } else {
                end_us
            };
        }
    }

    /// When the pieces of a hold were certainly taken: while it was live, and again from its
    /// ticket on when that came late.
    pub(super) fn spans(&self, hold: &'a Hold<'a>, weight: u64) -> Vec<Span<&'a Hold<'a>>> {
        let mut spans =
            vec![Span { start_us: hold.start_us, end_us: hold.end_us, weight, owner: hold }];
        let ticketed_us = self.ticketed_us.get(hold.order_id.unwrap_or_default());
        if let (true, Some(&start_us)) = (hold.late, ticketed_us) {
            spans.push(Span { start_us, end_us: FOREVER_US, weight, owner: hold });
        }
        spans
    }

    /// Tickets that are counted as sold.
    pub(super) fn valid_tickets(&self) -> impl Iterator<Item = (&'a str, &Ticket<'a>)> {
        let all = self.tickets.iter().flat_map(|(code, seen)| seen.iter().map(|t| (*code, t)));
        all.filter(|(_, ticket)| ticket.valid)
    }
}

impl PartialEq for Hold<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
