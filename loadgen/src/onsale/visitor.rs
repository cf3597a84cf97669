//! One visitor, from coming to going: the queue where there is one, a hold, an order, tickets.
//!
//! What is acknowledged is written to the record at once, for the audit at the end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::Method;
use hyper::header::HeaderValue;
use usher_audit::{Entry, Place, Via};
use usher_wire::{
    Contact, Hold, HoldRequest, Order, OrderRequest, OrderStatus, PaymentStarted, SandboxAnswer,
    StockQuantity,
};

use super::browser::{Browser, No, post_json};
use super::crowd::{Kind, Visitor};
use super::room::{self, Line};
use super::tally::{SaleReport, Turn};
use crate::api::{get, post};
use crate::clock::Clock;
use crate::http::Request;
use crate::meter::Step;
use crate::recorder::{Recorder, cents, held, micros};

/// How often a bot that hammers asks.
const HAMMER_EVERY: Duration = Duration::from_millis(100);
/// How often others try again where a hold is refused for now.
const AGAIN_AFTER: Duration = Duration::from_millis(1_500);
/// How often an order is looked at after paying.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// How long tickets are waited for.
const TICKETS_WITHIN: Duration = Duration::from_secs(30);

/// What all visitors of a sale share.
pub(super) struct Sale {
    pub(super) show_id: String,
    pub(super) stock: String,
    pub(super) run_id: String,
    pub(super) has_room: bool,
    pub(super) clock: Clock,
    pub(super) begun: Instant,
    /// When the sale opens.
    pub(super) opens: Instant,
    /// When whoever still waits goes home.
    pub(super) ends: Instant,
    pub(super) recorder: Recorder,
    pub(super) report: Rc<RefCell<SaleReport>>,
    pub(super) turns: RefCell<Vec<Turn>>,
    /// The first and the last hold.
    pub(super) selling: Cell<Option<(Instant, Instant)>>,
    /// Tickets that are not sold yet, as far as visitors heard.
    pub(super) left: Cell<u64>,
}

impl Sale {
    pub(super) fn is_over(&self) -> bool {
        self.left.get() == 0 || Instant::now() >= self.ends
    }

    fn user_id(&self, visitor: &Visitor) -> String {
        format!("{}-{}", self.run_id, visitor.number)
    }

    /// Headers for the key of one thing that a visitor wants.
    fn key(&self, visitor: &Visitor, what: &str) -> String {
        format!("{}-{}-{what}", self.run_id, visitor.number)
    }
}

/// Everything that one visitor does.
pub(super) async fn visit(sale: Rc<Sale>, visitor: Visitor, browser: Browser) {
    tokio::time::sleep_until((sale.begun + visitor.comes_after).into()).await;
    let came = Instant::now().max(sale.opens);
    sale.report.borrow_mut().of(visitor.kind).heads += 1;
    browser.open_page().await;
    let gives_up = visitor.patience.map_or(sale.ends, |patience| came + patience);
    let user_id = sale.user_id(&visitor);
    let goes_past = visitor.kind == Kind::Hammer;
    let pass = if sale.has_room && !goes_past {
        let line = room::stand_in_line(&sale, &visitor, &browser, &user_id, gives_up).await;
        match line {
            Line::Pass(pass) => Some(pass),
            Line::Gone => return gone(&sale, visitor.kind, gives_up),
        }
    } else {
        None
    };
    if !sale.has_room && !goes_past {
        // Everybody knows when it opens.
        tokio::time::sleep_until(sale.opens.into()).await;
    }
    tokio::time::sleep(visitor.thinks).await;
    let Some(hold) = hold(&sale, &visitor, &browser, &user_id, pass, gives_up).await else {
        return gone(&sale, visitor.kind, gives_up);
    };
    let wait = Instant::now().saturating_duration_since(came);
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    sale.report.borrow_mut().of(visitor.kind).waits_ms.push(wait_ms);
    if let Some(order) = buy(&sale, &visitor, &browser, &user_id, &hold).await {
        let tickets = order.tickets.len() as u64;
        let mut report = sale.report.borrow_mut();
        let tally = report.of(visitor.kind);
        tally.buyers += 1;
        tally.tickets += tickets;
        sale.left.set(sale.left.get().saturating_sub(tickets));
    }
}

fn gone(sale: &Sale, kind: Kind, gives_up: Instant) {
    if Instant::now() >= gives_up && !sale.is_over() {
        sale.report.borrow_mut().of(kind).gave_up += 1;
    }
}

/// Tries to hold until it works, or there is nothing to be had.
async fn hold(
    sale: &Sale,
    visitor: &Visitor,
    browser: &Browser,
    user_id: &str,
    pass: Option<HeaderValue>,
    gives_up: Instant,
) -> Option<Hold> {
    let mut quantity = visitor.quantity;
    let key = sale.key(visitor, "h");
    loop {
        if Instant::now() >= gives_up || sale.is_over() {
            return None;
        }
        let stock = Some(StockQuantity { name: sale.stock.clone(), quantity });
        let body = HoldRequest { user_id: user_id.into(), stock, ..HoldRequest::default() };
        let path = format!("/api/v1/shows/{}/holds", sale.show_id);
        // Another quantity is another request.
        let mut request = post(path, Some(&format!("{key}{quantity}"))).json(&body);
        if let Some(pass) = &pass {
            request = request.header("x-queue-pass", pass.clone());
        }
        let no = match browser.ask::<Hold>(Step::Hold, request).await {
            Ok(hold) => {
                note_hold(sale, user_id, &format!("{key}{quantity}"), &hold);
                return Some(hold);
            }
            Err(no) => no,
        };
        // Bots that hammer never learn.
        let is_hammer = visitor.kind == Kind::Hammer;
        match no {
            _ if is_hammer => tokio::time::sleep(HAMMER_EVERY).await,
            no if no.is("SOLD_OUT") && quantity > 1 => quantity -= 1,
            no if no.is("SOLD_OUT") || no.is("SALE_NOT_OPEN") || no.is("STOCK_MOVING") => {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            No::Lost => tokio::time::sleep(AGAIN_AFTER).await,
            No::Refused(_) => return None,
        }
    }
}

fn note_hold(sale: &Sale, user_id: &str, key: &str, hold: &Hold) {
    sale.recorder.push(&held(sale.clock.now_us(), hold, user_id, key));
    let now = Instant::now();
    let first = sale.selling.get().map_or(now, |(first, _)| first);
    sale.selling.set(Some((first, now)));
    let after = now.saturating_duration_since(sale.opens);
    sale.report.borrow_mut().held_after(after);
}

/// Orders, pays, and waits for the tickets.
async fn buy(
    sale: &Sale,
    visitor: &Visitor,
    browser: &Browser,
    user_id: &str,
    hold: &Hold,
) -> Option<Order> {
    let contact = Contact { name: format!("Buyer {user_id}"), ..Contact::default() };
    let (hold_id, user_id) = (hold.hold_id.clone(), user_id.to_owned());
    let body = OrderRequest { hold_id, user_id, contact, attendees: Vec::new() };
    let key = sale.key(visitor, "o");
    let request = post("/api/v1/orders".into(), Some(&key)).json(&body);
    let order: Order = browser.ask(Step::Order, request).await.ok()?;
    sale.recorder.push(&Entry::Ordered {
        at_us: sale.clock.now_us(),
        show_id: order.show_id.clone(),
        order_id: order.order_id.clone(),
        hold_id: hold.hold_id.clone(),
        key,
        amount_cents: cents(order.amount_cents),
        pay_by_us: micros(order.pay_by),
    });
    let path = format!("/api/v1/orders/{}/pay", order.order_id);
    let request = post(path, Some(&sale.key(visitor, "p")));
    let payment: PaymentStarted = browser.ask(Step::Pay, request).await.ok()?;
    let path = format!("/sandbox/payments/{}/succeed", payment.payment_id);
    let succeed = Request::new(Method::POST, path);
    let _: SandboxAnswer = browser.ask(Step::Settle, succeed).await.ok()?;
    sale.recorder.push(&Entry::Paid {
        at_us: sale.clock.now_us(),
        show_id: order.show_id.clone(),
        order_id: order.order_id.clone(),
        payment_id: payment.payment_id.clone(),
        amount_cents: cents(payment.amount_cents),
        via: Via::Sandbox,
    });
    wait_for_tickets(sale, browser, &order.order_id).await
}

async fn wait_for_tickets(sale: &Sale, browser: &Browser, order_id: &str) -> Option<Order> {
    let until = Instant::now() + TICKETS_WITHIN;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let request = get(format!("/api/v1/orders/{order_id}"));
        let order: Result<Order, No> = browser.ask(Step::Poll, request).await;
        match order {
            Ok(order) if order.status == OrderStatus::Ticketed => {
                order.tickets.iter().for_each(|ticket| note_ticket(sale, &order, ticket));
                return Some(order);
            }
            _ if Instant::now() >= until => return None,
            _ => {}
        }
    }
}

fn note_ticket(sale: &Sale, order: &Order, ticket: &usher_wire::TicketLine) {
    let seat = ticket.seat_id.clone().map(Place::SeatId);
    let Some(place) = seat.or_else(|| ticket.stock.clone().map(Place::Stock)) else { return };
    sale.recorder.push(&Entry::Ticketed {
        at_us: sale.clock.now_us(),
        show_id: order.show_id.clone(),
        order_id: order.order_id.clone(),
        ticket_code: ticket.ticket_code.clone(),
        place,
        payload: None,
    });
}

/// A join, a look or a claim, with the place's token.
pub(super) fn with_token(request: Request, token: &HeaderValue) -> Request {
    request.header("x-queue-token", token.clone())
}

/// Joining the queue.
pub(super) fn join(sale: &Sale, user_id: &str) -> Request {
    let path = format!("/api/v1/shows/{}/queue", sale.show_id);
    post_json(path, &serde_json::json!({ "userId": user_id }))
}
