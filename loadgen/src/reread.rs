//! Reads everything back from the server at the end of a run, for the audit.
//!
//! Every order of the record, every ticket of those orders, and every hold that no order took over
//! (what became of the others, their order says); then the seat map, the stock, the keys, and the
//! operators' audit. Nothing of it is measured.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use usher_audit::{
    Entry, HoldNow, Jwk, LiveCounts, OpsAudit, OrderNow, Place, Record, SeatNow, ServerSide,
    StockNow, TicketNow, TicketRef, Via,
};
use usher_wire::{AuditAnswer, Counts, Hold, JwkSet, Order, SeatMap, Show, Ticket};

use crate::api::get;
use crate::clock::Clock;
use crate::http::{Client, Outcome, Request};
use crate::meter::Step;

/// How long callbacks of the sandbox, and the server's own recomputation, may take to catch up.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);
/// The wait between two looks at what has not caught up.
const CATCH_UP_EVERY: Duration = Duration::from_millis(300);

/// Where and with what key the operators' pages are read.
#[derive(Clone)]
pub struct Ops {
    /// A client of the operators' port.
    pub client: Client,
    /// The operator key.
    pub key: String,
}

/// A word of the contract as it is written.
#[must_use]
pub fn word(status: &impl Serialize) -> String {
    match serde_json::to_value(status) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "UNKNOWN".into(),
    }
}

/// Reads the server's side of one show of the record.
///
/// # Errors
///
/// When something cannot be read; a 404 is an answer, not an error.
pub async fn server_side(
    client: &Client,
    ops: Option<&Ops>,
    record: &Record,
    show_id: &str,
    workers: usize,
) -> Result<ServerSide, String> {
    let clock = Clock::start();
    let asked = Asked::of(record, show_id);
    let show: Show = must(client, get(format!("/api/v1/shows/{show_id}"))).await?;
    let keys: JwkSet = must(client, get("/api/v1/keys".into())).await?;

    let paths = |kind: &str, ids: &BTreeSet<String>| -> Vec<(String, String)> {
        ids.iter().map(|id| (id.clone(), format!("/api/v1/{kind}/{id}"))).collect()
    };
    let holds: BTreeMap<String, Option<Hold>> =
        read_all(client, workers, paths("holds", &asked.holds)).await?;
    let mut orders: BTreeMap<String, Option<Order>> =
        read_all(client, workers, paths("orders", &asked.orders)).await?;
    wait_for_sandbox(client, workers, &asked, &mut orders).await?;

    let mut codes = asked.tickets.clone();
    let of_orders = orders.values().flatten().flat_map(|order| &order.tickets);
    codes.extend(of_orders.map(|ticket| ticket.ticket_code.clone()));
    let tickets: BTreeMap<String, Option<Ticket>> =
        read_all(client, workers, paths("tickets", &codes)).await?;
    let seats = match &show.plan_id {
        Some(_) => {
            let map: SeatMap = must(client, get(format!("/api/v1/shows/{show_id}/seats"))).await?;
            map.seats
        }
        None => Vec::new(),
    };
    let read_us = clock.now_us();
    let ops_audit = match ops {
        Some(ops) => Some(ops_audit(ops, show_id, codes.len() as u64).await?),
        None => None,
    };
    Ok(ServerSide {
        show_id: show_id.into(),
        read_us,
        ops_audit,
        seats: seats
            .into_iter()
            .map(|seat| SeatNow { status: word(&seat.status), seat_id: seat.seat_id })
            .collect(),
        stock: show
            .stock
            .into_iter()
            .map(|pool| StockNow {
                name: pool.name,
                quantity: pool.quantity.into(),
                available: Some(pool.available.into()),
            })
            .collect(),
        holds: convert(holds, |hold| Some(HoldNow { status: word(&hold.status) })),
        orders: convert(orders, |order| Some(order_now(order))),
        tickets: convert(tickets, |ticket| {
            let place = place(ticket.seat_id, ticket.stock)?;
            Some(TicketNow { place, payload: Some(ticket.payload) })
        }),
        keys: keys
            .keys
            .into_iter()
            .map(|jwk| Jwk { kty: jwk.kty, crv: jwk.crv, x: jwk.x, kid: jwk.kid })
            .collect(),
    })
}

/// What the record asks the server about.
#[derive(Default)]
struct Asked {
    holds: BTreeSet<String>,
    orders: BTreeSet<String>,
    tickets: BTreeSet<String>,
    /// Orders that the sandbox took money for.
    sandbox: BTreeSet<String>,
}

impl Asked {
    fn of(record: &Record, show: &str) -> Self {
        let mut asked = Self::default();
        for entry in record.entries().iter().filter(|entry| entry.show_id() == Some(show)) {
            match entry {
                Entry::Held { hold_id, .. } => {
                    asked.holds.insert(hold_id.clone());
                }
                Entry::Ordered { order_id, .. } => {
                    asked.orders.insert(order_id.clone());
                }
                Entry::Ticketed { ticket_code, .. } => {
                    asked.tickets.insert(ticket_code.clone());
                }
                Entry::Paid { order_id, via: Via::Sandbox, .. } => {
                    asked.sandbox.insert(order_id.clone());
                }
                Entry::Show { .. }
                | Entry::Releasing { .. }
                | Entry::Paid { .. }
                | Entry::Ended { .. }
                | Entry::Refusals { .. } => {}
            }
        }
        for entry in record.entries() {
            if let Entry::Ordered { hold_id, .. } = entry {
                asked.holds.remove(hold_id);
            }
        }
        asked
    }
}

/// The sandbox calls back when it likes; orders that it took money for are read again until the
/// server has heard, or patience ends.
async fn wait_for_sandbox(
    client: &Client,
    workers: usize,
    asked: &Asked,
    orders: &mut BTreeMap<String, Option<Order>>,
) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let open = |order_id: &&String| {
            let status = orders.get(*order_id).and_then(|now| now.as_ref()).map(|now| now.status);
            status.is_some_and(|status| matches!(word(&status).as_str(), "PENDING_PAY" | "PAYING"))
        };
        let open: Vec<_> = asked
            .sandbox
            .iter()
            .filter(open)
            .map(|id| (id.clone(), format!("/api/v1/orders/{id}")))
            .collect();
        if open.is_empty() || begun.elapsed() > CATCH_UP_MAX {
            return Ok(());
        }
        tokio::time::sleep(CATCH_UP_EVERY).await;
        orders.extend(read_all::<Order>(client, workers, open).await?);
    }
}

/// The operators' audit. What it recomputes may lag behind for a moment, so it is asked again
/// while it counts other tickets than are known; if it never agrees, that is for the audit to say.
async fn ops_audit(ops: &Ops, show_id: &str, tickets: u64) -> Result<OpsAudit, String> {
    let begun = Instant::now();
    loop {
        let request = authorized(get(format!("/ops/v1/shows/{show_id}/audit")), &ops.key)?;
        let answer: AuditAnswer = must(&ops.client, request).await?;
        let agrees = answer.sold == answer.live.sold && answer.sold >= tickets;
        if agrees || begun.elapsed() > CATCH_UP_MAX {
            return Ok(audit_now(answer));
        }
        tokio::time::sleep(CATCH_UP_EVERY).await;
    }
}

/// Adds a bearer key to a request.
///
/// # Errors
///
/// When the key has bytes that no header may have.
pub fn authorized(request: Request, key: &str) -> Result<Request, String> {
    let value = hyper::header::HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| "the key cannot be in a header".to_owned())?;
    Ok(request.header("authorization", value))
}

/// Asks for a document that must be there.
///
/// # Errors
///
/// When it is not, with the server's words.
pub async fn must<T: DeserializeOwned>(client: &Client, request: Request) -> Result<T, String> {
    let label = format!("{} {}", request.method, request.path);
    may(client, request).await?.ok_or_else(|| format!("{label}: 404 not found"))
}

async fn may<T: DeserializeOwned>(client: &Client, request: Request) -> Result<Option<T>, String> {
    let label = || format!("{} {}", request.method, request.path);
    match client.send(Step::Poll, &request).await {
        Outcome::Lost(reason) => Err(format!("{}: {reason}", label())),
        Outcome::Answered(reply) if reply.status == 404 => Ok(None),
        Outcome::Answered(reply) if (200..300).contains(&reply.status) => {
            let body = if reply.body.is_empty() { b"null" } else { &reply.body[..] };
            serde_json::from_slice(body).map(Some).map_err(|error| format!("{}: {error}", label()))
        }
        Outcome::Answered(reply) => {
            let text = String::from_utf8_lossy(&reply.body);
            Err(format!("{}: {} {text}", label(), reply.status))
        }
    }
}

/// Reads many documents with several requests at once.
async fn read_all<T: DeserializeOwned + 'static>(
    client: &Client,
    workers: usize,
    paths: Vec<(String, String)>,
) -> Result<BTreeMap<String, Option<T>>, String> {
    let left = Rc::new(RefCell::new(paths));
    let mut tasks = JoinSet::new();
    for _ in 0..workers.max(1) {
        let (client, left) = (client.clone(), Rc::clone(&left));
        tasks.spawn_local(async move {
            let mut read = Vec::new();
            loop {
                let Some((id, path)) = left.borrow_mut().pop() else { return Ok(read) };
                read.push((id, may(&client, get(path)).await?));
            }
        });
    }
    let mut all = BTreeMap::new();
    while let Some(read) = tasks.join_next().await {
        let read: Result<Vec<_>, String> = read.expect("reading does not panic");
        all.extend(read?);
    }
    Ok(all)
}

fn convert<A, B>(
    from: BTreeMap<String, Option<A>>,
    with: impl Fn(A) -> Option<B>,
) -> BTreeMap<String, Option<B>> {
    from.into_iter().map(|(id, now)| (id, now.and_then(&with))).collect()
}

fn order_now(order: Order) -> OrderNow {
    let line = |line: usher_wire::TicketLine| {
        let place = place(line.seat_id, line.stock)?;
        Some(TicketRef { place, status: word(&line.status), ticket_code: line.ticket_code })
    };
    OrderNow {
        status: word(&order.status),
        amount_cents: crate::recorder::cents(order.amount_cents),
        refund_due_cents: order.refund_due_cents,
        tickets: order.tickets.into_iter().filter_map(line).collect(),
    }
}

fn place(seat_id: Option<String>, stock: Option<String>) -> Option<Place> {
    seat_id.map(Place::SeatId).or(stock.map(Place::Stock))
}

fn audit_now(answer: AuditAnswer) -> OpsAudit {
    let live = |counts: Counts| LiveCounts {
        capacity: counts.capacity,
        available: counts.available,
        held: counts.held,
        sold: counts.sold,
        blocked: counts.blocked,
        in_transit: counts.in_transit,
        tickets_issued: counts.tickets_issued,
    };
    OpsAudit {
        ok: answer.ok,
        capacity: answer.capacity,
        available: answer.available,
        held: answer.held,
        sold: answer.sold,
        blocked: answer.blocked,
        in_transit: answer.in_transit,
        tickets_issued: answer.tickets_issued,
        at_sequence: answer.at_sequence,
        double_sold: answer.double_sold.into_iter().map(Into::into).collect(),
        paid_without_ticket: answer.paid_without_ticket.into_iter().map(Into::into).collect(),
        live: Some(live(answer.live)),
        faults: answer.faults,
    }
}
