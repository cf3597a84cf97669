//! The calls of the HTTP contract that a journey makes, typed by `usher-wire`.
//!
//! Every call is measured for its step from the moment it was wanted, and ends in one of three
//! ways: an answer as wanted, a refusal that says why, or nothing usable.

use std::rc::Rc;
use std::time::Instant;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use usher_wire::{
    BestAvailable, CallbackAnswer, CallbackRequest, Contact, Hold, HoldRequest, Order,
    OrderRequest, PaymentStarted, PaymentStatus, Problem, ProblemSeat, SandboxAnswer, SeatMap,
    Show, StockQuantity, Ticket,
};

use crate::http::{Client, Outcome, Reply, Request};
use crate::meter::{Ending, Meter, Step};

/// How a call ended.
#[derive(Debug)]
pub enum Answer<T> {
    /// As wanted.
    Done(T),
    /// The server answered, and no.
    Refused(Refusal),
    /// Lost, a fault of the server, or an answer that the contract does not know.
    Failed,
}

/// Why the server said no.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable word.
    pub code: String,
    /// The seats that were in the way.
    pub seats: Vec<ProblemSeat>,
}

/// A body as it came, or the news that nothing changed.
#[derive(Debug)]
pub enum Fresh {
    /// The whole.
    Body(Reply),
    /// 304: what the caller has is still true.
    Same,
}

/// The calls that buyers make.
#[derive(Clone)]
pub struct Api {
    client: Client,
    meter: Rc<Meter>,
}

/// What a buyer asks to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// These seats.
    Seats(Vec<String>),
    /// The best seats, side by side or not.
    Best {
        /// How many.
        quantity: u32,
        /// Side by side in one row.
        adjacent: bool,
    },
    /// Tickets of a pool.
    Stock {
        /// The pool.
        name: String,
        /// How many.
        quantity: u32,
    },
}

impl Api {
    /// Calls through `client`, measured by `meter`.
    #[must_use]
    pub fn new(client: Client, meter: Rc<Meter>) -> Self {
        Self { client, meter }
    }

    /// The driver below.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The show's page.
    pub async fn show(&self, since: Instant, show_id: &str) -> Answer<Show> {
        self.ask(Step::View, since, get(format!("/api/v1/shows/{show_id}"))).await
    }

    /// The plan's geometry.
    pub async fn plan(
        &self,
        since: Instant,
        plan_id: &str,
        etag: Option<&HeaderValue>,
    ) -> Answer<Fresh> {
        let request = get(format!("/api/v1/plans/{plan_id}"));
        self.ask_fresh(Step::Plan, since, request, etag).await
    }

    /// The whole seat map in its compact form.
    pub async fn map(
        &self,
        since: Instant,
        show_id: &str,
        etag: Option<&HeaderValue>,
    ) -> Answer<Fresh> {
        let accept = HeaderValue::from_static(usher_wire::seatmap::SEAT_MAP_MEDIA_TYPE);
        let request = get(format!("/api/v1/shows/{show_id}/seats")).header("accept", accept);
        self.ask_fresh(Step::Map, since, request, etag).await
    }

    /// What changed in the seat map after `version`.
    pub async fn delta(&self, since: Instant, show_id: &str, version: u64) -> Answer<SeatMap> {
        let path = format!("/api/v1/shows/{show_id}/seats?since={version}");
        self.ask(Step::Delta, since, get(path)).await
    }

    /// A hold.
    pub async fn hold(
        &self,
        since: Instant,
        show_id: &str,
        user_id: &str,
        key: &str,
        hold_seconds: Option<u32>,
        want: Want,
    ) -> Answer<Hold> {
        let mut body =
            HoldRequest { user_id: user_id.into(), hold_seconds, ..HoldRequest::default() };
        match want {
            Want::Seats(seat_ids) => body.seat_ids = Some(seat_ids),
            Want::Best { quantity, adjacent } => {
                let (category, section) = (None, None);
                body.best_available = Some(BestAvailable { quantity, category, section, adjacent });
            }
            Want::Stock { name, quantity } => body.stock = Some(StockQuantity { name, quantity }),
        }
        let request = post(format!("/api/v1/shows/{show_id}/holds"), Some(key)).json(&body);
        self.ask(Step::Hold, since, request).await
    }

    /// Gives a hold back.
    pub async fn release(&self, since: Instant, hold_id: &str) -> Answer<()> {
        let request = Request::new(Method::DELETE, format!("/api/v1/holds/{hold_id}"));
        self.ask_blind(Step::Release, since, request).await
    }

    /// An order of a hold.
    pub async fn order(
        &self,
        since: Instant,
        hold_id: &str,
        user_id: &str,
        key: &str,
    ) -> Answer<Order> {
        let body = OrderRequest {
            hold_id: hold_id.into(),
            user_id: user_id.into(),
            contact: Contact { name: format!("Buyer {user_id}"), ..Contact::default() },
            attendees: Vec::new(),
        };
        self.ask(Step::Order, since, post("/api/v1/orders".into(), Some(key)).json(&body)).await
    }

    /// Cancels an order.
    pub async fn cancel(&self, since: Instant, order_id: &str, key: &str) -> Answer<()> {
        let request = post(format!("/api/v1/orders/{order_id}/cancel"), Some(key));
        self.ask_blind(Step::Release, since, request).await
    }

    /// Starts the payment of an order.
    pub async fn pay(&self, since: Instant, order_id: &str, key: &str) -> Answer<PaymentStarted> {
        let request = post(format!("/api/v1/orders/{order_id}/pay"), Some(key));
        self.ask(Step::Pay, since, request).await
    }

    /// Lets the sandbox say that the buyer paid.
    pub async fn sandbox_succeed(&self, since: Instant, payment_id: &str) -> Answer<SandboxAnswer> {
        let request = post(format!("/sandbox/payments/{payment_id}/succeed"), None);
        self.ask(Step::Settle, since, request).await
    }

    /// Says, as the provider would, that the buyer paid.
    pub async fn callback(
        &self,
        since: Instant,
        payment: &PaymentStarted,
        secret: &[u8],
    ) -> Answer<CallbackAnswer> {
        self.ask(Step::Settle, since, success_of(payment, secret)).await
    }

    /// An order with its tickets.
    pub async fn read_order(&self, since: Instant, order_id: &str) -> Answer<Order> {
        self.ask(Step::Poll, since, get(format!("/api/v1/orders/{order_id}"))).await
    }

    /// A ticket with its signed payload.
    pub async fn ticket(&self, since: Instant, code: &str) -> Answer<Ticket> {
        self.ask(Step::Ticket, since, get(format!("/api/v1/tickets/{code}"))).await
    }

    /// A call whose answer is a JSON document.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        step: Step,
        since: Instant,
        request: Request,
    ) -> Answer<T> {
        let answer = match self.reply(step, &request).await {
            Answer::Done(reply) => match serde_json::from_slice(&reply.body) {
                Ok(value) => Answer::Done(value),
                Err(error) => {
                    self.meter.sample(|| format!("{} {}: {error}", request.method, request.path));
                    Answer::Failed
                }
            },
            Answer::Refused(refusal) => Answer::Refused(refusal),
            Answer::Failed => Answer::Failed,
        };
        self.measure(step, since, &answer);
        answer
    }

    async fn ask_blind(&self, step: Step, since: Instant, request: Request) -> Answer<()> {
        let answer = match self.reply(step, &request).await {
            Answer::Done(_) => Answer::Done(()),
            Answer::Refused(refusal) => Answer::Refused(refusal),
            Answer::Failed => Answer::Failed,
        };
        self.measure(step, since, &answer);
        answer
    }

    async fn ask_fresh(
        &self,
        step: Step,
        since: Instant,
        mut request: Request,
        etag: Option<&HeaderValue>,
    ) -> Answer<Fresh> {
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag.clone());
        }
        let answer = match self.reply(step, &request).await {
            Answer::Done(reply) if reply.status == 304 => Answer::Done(Fresh::Same),
            Answer::Done(reply) => Answer::Done(Fresh::Body(reply)),
            Answer::Refused(refusal) => Answer::Refused(refusal),
            Answer::Failed => Answer::Failed,
        };
        self.measure(step, since, &answer);
        answer
    }

    async fn reply(&self, step: Step, request: &Request) -> Answer<Reply> {
        let label = || format!("{} {}", request.method, request.path);
        match self.client.send(step, request).await {
            Outcome::Lost(reason) => {
                self.meter.sample(|| format!("{}: {reason}", label()));
                Answer::Failed
            }
            Outcome::Answered(reply) if matches!(reply.status, 200..300 | 304) => {
                Answer::Done(reply)
            }
            Outcome::Answered(reply) => {
                let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
                self.meter.refusal(step, reply.status, &problem.code);
                if !is_of_the_sale(reply.status) {
                    let text = String::from_utf8_lossy(&reply.body);
                    let text: String = text.chars().take(300).collect();
                    self.meter.sample(|| format!("{}: {} {text}", label(), reply.status));
                }
                if reply.status >= 500 {
                    return Answer::Failed;
                }
                Answer::Refused(Refusal {
                    status: reply.status,
                    code: problem.code,
                    seats: problem.seats.unwrap_or_default(),
                })
            }
        }
    }

    fn measure<T>(&self, step: Step, since: Instant, answer: &Answer<T>) {
        let ending = match answer {
            Answer::Done(_) => Ending::Done,
            Answer::Refused(refusal) if is_of_the_sale(refusal.status) => Ending::Refused,
            Answer::Refused(_) | Answer::Failed => Ending::Failed,
        };
        self.meter.step(step, since, ending);
    }
}

/// A GET of a path.
#[must_use]
pub fn get(path: String) -> Request {
    Request::new(Method::GET, path)
}

/// A PUT to a path.
#[must_use]
pub fn put(path: String) -> Request {
    Request::new(Method::PUT, path)
}

/// A POST to a path, with an idempotency key where the call has one.
///
/// # Panics
///
/// When the key cannot be in a header; keys are made of the run's id and numbers.
#[must_use]
pub fn post(path: String, key: Option<&str>) -> Request {
    let request = Request::new(Method::POST, path);
    match key {
        Some(key) => {
            let key = HeaderValue::from_str(key).expect("run ids are checked to fit a header");
            request.header("idempotency-key", key)
        }
        None => request,
    }
}

/// The provider's signed word that a payment succeeded.
#[must_use]
pub fn success_of(payment: &PaymentStarted, secret: &[u8]) -> Request {
    let (payment_id, order_id) = (payment.payment_id.clone(), payment.order_id.clone());
    let (status, amount_cents) = (PaymentStatus::Success, payment.amount_cents);
    let text = CallbackRequest::signed_text(&payment_id, &order_id, status, amount_cents);
    let signature = sign(secret, text.as_bytes());
    let body = CallbackRequest { payment_id, order_id, status, amount_cents, signature };
    post("/api/v1/payments/callback".into(), None).json(&body)
}

/// The ETag of an answer.
#[must_use]
pub fn etag(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(hyper::header::ETAG).cloned()
}

/// Refusals that a sale makes by its nature; anything else a client should never see.
fn is_of_the_sale(status: u16) -> bool {
    matches!(status, 402 | 409 | 410 | 422 | 429)
}

/// HMAC-SHA-256 in lower-case hex.
fn sign(secret: &[u8], text: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(text);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_are_signed_as_rfc_4231_says() {
        let want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign(b"Jefe", b"what do ya want for nothing?"), want);
    }
}
