//! The sale of the small server: one show, its seats and one pool, in the plainest possible way.

mod read;

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;
use usher_wire::plan::PlanDocument;
use usher_wire::{
    CallbackRequest, HoldRequest, OrderRequest, SeatStatus, ShowRequest, StockQuantity, seatmap,
};

use super::Faults;

/// The secret that signs callbacks.
pub(crate) const SECRET: &str = "callback secret of the tests";

/// One request.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) accept: &'a str,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// One response.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Everything.
pub(crate) struct Sale {
    faults: Faults,
    plan: Vec<u8>,
    seats: Vec<(String, SeatStatus)>,
    stock: u32,
    stock_out: u32,
    limit: u32,
    hold_seconds: u32,
    version: u64,
    holds: HashMap<String, Hold>,
    orders: HashMap<String, Order>,
    /// Orders that were ticketed, by the order's id.
    pub(crate) tickets: Vec<Ticket>,
    answers: HashMap<String, Answer>,
    next: u64,
    key: SigningKey,
}

struct Hold {
    user: String,
    seats: Vec<usize>,
    stock: u32,
    ends: Timestamp,
    status: &'static str,
}

struct Order {
    hold: String,
    status: &'static str,
}

/// One ticket.
pub(crate) struct Ticket {
    pub(crate) code: String,
    pub(crate) order: String,
    pub(crate) place: String,
    pub(crate) is_seat: bool,
}

const PRICE_CENTS: u64 = 1_000;

impl Answer {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("json");
        Self { status, headers: vec![("content-type", "application/json".into())], body }
    }

    pub(crate) fn busy() -> Self {
        let mut answer = Self::problem(503, "BUSY");
        answer.headers.push(("retry-after", "0".into()));
        answer
    }

    fn problem(status: u16, code: &str) -> Self {
        let problem = json!({ "type": "/p", "title": code, "status": status, "code": code });
        Self::json(status, &problem)
    }
}

impl Sale {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            faults,
            plan: Vec::new(),
            seats: Vec::new(),
            stock: 0,
            stock_out: 0,
            limit: 0,
            hold_seconds: 0,
            version: 1,
            holds: HashMap::new(),
            orders: HashMap::new(),
            tickets: Vec::new(),
            answers: HashMap::new(),
            next: 0,
            key: SigningKey::from_bytes(&[5; 32]),
        }
    }

    /// Answers, and remembers acceptances by their key.
    pub(crate) fn answer(&mut self, call: &Call<'_>) -> Answer {
        self.expire();
        let scope = call.key.map(|key| format!("{} {key}", call.path));
        if let Some(answer) = scope.as_ref().and_then(|scope| self.answers.get(scope)) {
            let mut answer = answer.clone();
            answer.headers.push(("idempotent-replayed", "true".into()));
            return answer;
        }
        let answer = self.route(call);
        if let Some(scope) = scope
            && answer.status < 300
        {
            self.answers.insert(scope, answer.clone());
        }
        answer
    }

    fn route(&mut self, call: &Call<'_>) -> Answer {
        let parts: Vec<_> = call.path.trim_start_matches('/').split('/').collect();
        match (call.method, parts.as_slice()) {
            ("POST", ["admin", "v1", "plans"]) => self.take_plan(call.body),
            ("POST", ["admin", "v1", "shows"]) => self.make_show(call.body),
            ("POST", ["admin", "v1", "shows", ..]) => Answer::json(200, &json!({ "showId": "s" })),
            ("GET", ["api", "v1", "shows", "s"]) => Answer::json(200, &self.show()),
            ("GET", ["api", "v1", "plans", "p"]) => self.tagged(call, "p", self.plan.clone()),
            ("GET", ["api", "v1", "shows", "s", "seats"]) => self.map(call),
            ("GET", ["api", "v1", "shows", "s", "seats", "stream"]) => self.stream(),
            ("POST", ["api", "v1", "shows", "s", "holds"]) => self.hold(call.body),
            ("GET", ["api", "v1", "holds", id]) => self.read_hold(id),
            ("DELETE", ["api", "v1", "holds", id]) => self.release(id, "RELEASED"),
            ("POST", ["api", "v1", "orders"]) => self.order(call.body),
            ("GET", ["api", "v1", "orders", id]) => self.read_order(id),
            ("POST", ["api", "v1", "orders", id, "pay"]) => self.pay(id),
            ("POST", ["api", "v1", "orders", id, "cancel"]) => self.cancel(id),
            ("POST", ["api", "v1", "payments", "callback"]) => self.callback(call.body),
            ("POST", ["sandbox", "payments", id, "succeed"]) => self.succeed(id),
            ("GET", ["api", "v1", "tickets", code]) => self.ticket(code),
            ("GET", ["api", "v1", "keys"]) => self.keys(),
            ("GET", ["ops", "v1", "shows", "s"]) => self.status(),
            ("GET", ["ops", "v1", "shows", "s", "audit"]) => self.audit(),
            _ => Answer::problem(404, "NOT_FOUND"),
        }
    }

    fn take_plan(&mut self, body: &[u8]) -> Answer {
        let plan: PlanDocument<'_> = serde_json::from_slice(body).expect("a plan");
        let rows = plan.zones.iter().flat_map(|zone| &zone.rows);
        let seats = rows.flat_map(|row| &row.seats);
        self.seats = seats.map(|s| (s.seat_guid.to_string(), SeatStatus::Available)).collect();
        self.plan = body.to_vec();
        let categories: Vec<_> =
            plan.categories.iter().map(|c| json!({ "name": c.name, "seats": 1 })).collect();
        let (name, seats) = (&plan.name, self.seats.len());
        let made = json!({ "planId": "p", "name": name, "seats": seats, "categories": categories });
        Answer::json(201, &made)
    }

    fn make_show(&mut self, body: &[u8]) -> Answer {
        let request: ShowRequest = serde_json::from_slice(body).expect("a show");
        self.stock = request.stock.iter().map(|pool| pool.quantity).sum();
        self.limit = request.max_per_user;
        self.hold_seconds = request.hold_seconds.unwrap_or(60);
        Answer::json(201, &self.show())
    }

    fn show(&self) -> Value {
        let free = self.count(SeatStatus::Available);
        let now = Timestamp::now();
        let stock = json!([{ "name": "Standing", "priceCents": PRICE_CENTS,
            "quantity": self.stock, "available": self.stock - self.stock_out }]);
        json!({
            "showId": "s", "title": "t", "venue": "v", "city": "c", "startsAt": now,
            "saleStartsAt": now, "saleEndsAt": now, "saleState": "OPEN", "currency": "EUR",
            "planId": (!self.seats.is_empty()).then_some("p"),
            "categories": [{ "name": "x", "priceCents": PRICE_CENTS, "seats": self.seats.len(),
                "available": free }],
            "stock": if self.stock > 0 { stock } else { json!([]) },
            "maxPerUser": self.limit, "holdSeconds": self.hold_seconds, "version": self.version,
        })
    }

    fn map(&self, call: &Call<'_>) -> Answer {
        let tag = self.version.to_string();
        if call.accept == seatmap::SEAT_MAP_MEDIA_TYPE {
            let shown = |(seat, (_, status)): (usize, &(String, SeatStatus))| {
                let again = self.faults.sells_first_seat_again && seat == 0;
                if again { SeatStatus::Available } else { *status }
            };
            let statuses = self.seats.iter().enumerate().map(shown);
            return self.tagged(call, &tag, seatmap::encode(self.version, statuses));
        }
        let since = call.query.contains("since=");
        let state = |(id, status): &(String, SeatStatus)| json!({ "seatId": id, "status": status, "priceCents": PRICE_CENTS });
        // What changed is not kept; a whole map is a permitted answer.
        let seats: Vec<_> = if since { Vec::new() } else { self.seats.iter().map(state).collect() };
        Answer::json(200, &json!({ "version": self.version, "seats": seats }))
    }

    fn tagged(&self, call: &Call<'_>, tag: &str, body: Vec<u8>) -> Answer {
        let tag = format!("\"{tag}\"");
        let same = call.if_none_match == Some(tag.as_str());
        let (status, body) = if same { (304, Vec::new()) } else { (200, body) };
        Answer { status, headers: vec![("etag", tag)], body }
    }

    fn stream(&self) -> Answer {
        let body = format!("id: {}\ndata: {{}}\n\n", self.version).into_bytes();
        Answer { status: 200, headers: vec![("content-type", "text/event-stream".into())], body }
    }

    fn hold(&mut self, body: &[u8]) -> Answer {
        let request: HoldRequest = serde_json::from_slice(body).expect("a hold");
        let has: u32 = self
            .holds
            .values()
            .filter(|hold| hold.user == request.user_id && hold.is_live())
            .map(|hold| hold.stock + hold.seats.len() as u32)
            .sum();
        let (mut seats, mut stock) = (Vec::new(), 0);
        if let Some(ids) = &request.seat_ids {
            for id in ids {
                let Some(seat) = self.seats.iter().position(|(known, _)| known == id) else {
                    return Answer::problem(422, "UNKNOWN_SEAT");
                };
                let again = self.faults.sells_first_seat_again && seat == 0;
                if self.seats[seat].1 != SeatStatus::Available && !again {
                    let mut answer = json!({ "type": "/p", "title": "t", "status": 409,
                        "code": "SEAT_UNAVAILABLE" });
                    answer["seats"] = json!([{ "seatId": id, "status": self.seats[seat].1 }]);
                    return Answer::json(409, &answer);
                }
                seats.push(seat);
            }
        } else if let Some(best) = &request.best_available {
            let free = self.seats.iter().enumerate();
            let free = free.filter(|(_, (_, status))| *status == SeatStatus::Available);
            seats = free.map(|(seat, _)| seat).take(best.quantity as usize).collect();
            if seats.len() < best.quantity as usize {
                return Answer::problem(409, "SOLD_OUT");
            }
        } else if let Some(wanted) = &request.stock {
            stock = wanted.quantity;
            if self.stock_out + stock > self.stock {
                return Answer::problem(409, "SOLD_OUT");
            }
        }
        if has + stock + seats.len() as u32 > self.limit {
            return Answer::problem(422, "LIMIT_PER_USER");
        }
        for seat in &seats {
            self.seats[*seat].1 = SeatStatus::Held;
        }
        self.stock_out += stock;
        self.version += 1;
        let seconds = request.hold_seconds.unwrap_or(self.hold_seconds);
        let ends = Timestamp::now() + SignedDuration::from_secs(seconds.into());
        let id = self.id("h");
        self.holds.insert(
            id.clone(),
            Hold { user: request.user_id, seats, stock, ends, status: "ACTIVE" },
        );
        Answer::json(201, &self.hold_json(&id))
    }

    fn hold_json(&self, id: &str) -> Value {
        let hold = &self.holds[id];
        let count = hold.seats.len() as u64 + u64::from(hold.stock);
        let mut json = json!({
            "holdId": id, "showId": "s", "status": hold.status, "expiryTime": hold.ends,
            "totalPriceCents": count * PRICE_CENTS, "currency": "EUR", "version": self.version,
        });
        if hold.stock > 0 {
            let stock = StockQuantity { name: "Standing".into(), quantity: hold.stock };
            json["stock"] = json!(stock);
        } else {
            let ids = hold.seats.iter().map(|seat| self.seats[*seat].0.clone());
            json["seatIds"] = ids.collect();
        }
        json
    }

    fn read_hold(&self, id: &str) -> Answer {
        if self.holds.contains_key(id) {
            Answer::json(200, &self.hold_json(id))
        } else {
            Answer::problem(404, "NOT_FOUND")
        }
    }

    fn release(&mut self, id: &str, status: &'static str) -> Answer {
        let Some(hold) = self.holds.get_mut(id) else { return Answer::problem(404, "NOT_FOUND") };
        if hold.is_live() {
            hold.status = status;
            for seat in hold.seats.clone() {
                self.seats[seat].1 = SeatStatus::Available;
            }
            self.stock_out -= self.holds[id].stock;
            self.version += 1;
        }
        Answer { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    fn expire(&mut self) {
        let now = Timestamp::now();
        let over = self.holds.iter().filter(|(id, hold)| {
            let order = self.orders.values().find(|order| order.hold == **id);
            let paid = order.is_some_and(|order| order.status == "TICKETED");
            hold.is_live() && !paid && hold.ends <= now
        });
        let over: Vec<_> = over.map(|(id, _)| id.clone()).collect();
        for id in over {
            self.release(&id, "EXPIRED");
            for order in self.orders.values_mut().filter(|order| order.hold == id) {
                order.status = "EXPIRED";
            }
        }
    }

    fn order(&mut self, body: &[u8]) -> Answer {
        let request: OrderRequest = serde_json::from_slice(body).expect("an order");
        match self.holds.get_mut(&request.hold_id) {
            None => return Answer::problem(404, "NOT_FOUND"),
            Some(hold) if hold.status != "ACTIVE" => return Answer::problem(410, "HOLD_EXPIRED"),
            Some(hold) => hold.status = "CONFIRMED",
        }
        let id = self.id("o");
        self.orders.insert(id.clone(), Order { hold: request.hold_id, status: "PENDING_PAY" });
        Answer { status: 201, ..self.read_order(&id) }
    }

    fn read_order(&self, id: &str) -> Answer {
        let Some(order) = self.orders.get(id) else { return Answer::problem(404, "NOT_FOUND") };
        let of_order = self.tickets.iter().filter(|ticket| ticket.order == id);
        let tickets: Vec<_> = of_order
            .map(|ticket| {
                let kind = if ticket.is_seat { "seatId" } else { "stock" };
                json!({ "ticketCode": ticket.code, kind: ticket.place, "status": "VALID" })
            })
            .collect();
        let hold = self.hold_json(&order.hold);
        Answer::json(
            200,
            &json!({
                "orderId": id, "showId": "s", "holdId": order.hold, "status": order.status,
                "amountCents": hold["totalPriceCents"], "currency": "EUR",
                "payBy": hold["expiryTime"], "tickets": tickets,
            }),
        )
    }

    fn pay(&mut self, id: &str) -> Answer {
        let Some(order) = self.orders.get_mut(id) else {
            return Answer::problem(404, "NOT_FOUND");
        };
        if !matches!(order.status, "PENDING_PAY" | "PAYING") {
            return Answer::problem(409, "ILLEGAL_STATE");
        }
        order.status = "PAYING";
        let hold = self.hold_json(&self.orders[id].hold);
        Answer::json(
            200,
            &json!({
                "paymentId": format!("pay-{id}"), "orderId": id, "status": "PAYING",
                "amountCents": hold["totalPriceCents"], "currency": "EUR",
                "payBy": hold["expiryTime"], "provider": "sandbox",
            }),
        )
    }

    fn cancel(&mut self, id: &str) -> Answer {
        let hold = self.orders[id].hold.clone();
        self.release(&hold, "RELEASED");
        self.orders.get_mut(id).expect("it was read above").status = "CANCELLED";
        self.read_order(id)
    }

    fn callback(&mut self, body: &[u8]) -> Answer {
        let said: CallbackRequest = serde_json::from_slice(body).expect("a callback");
        let text = CallbackRequest::signed_text(
            &said.payment_id,
            &said.order_id,
            said.status,
            said.amount_cents,
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
        mac.update(text.as_bytes());
        if HEXLOWER.encode(&mac.finalize().into_bytes()) != said.signature {
            return Answer::problem(401, "BAD_SIGNATURE");
        }
        let result = self.paid(&said.order_id);
        Answer::json(200, &json!({ "recorded": true, "result": result }))
    }

    fn succeed(&mut self, payment: &str) -> Answer {
        let order = payment.trim_start_matches("pay-").to_owned();
        self.paid(&order);
        let answer =
            json!({ "paymentId": payment, "status": "SUCCESS", "callbacks": 1, "delayMs": 0 });
        Answer::json(200, &answer)
    }

    fn paid(&mut self, order_id: &str) -> &'static str {
        let order = &self.orders[order_id];
        match order.status {
            "TICKETED" => return "REPEATED",
            "PAYING" => {}
            _ => return "REFUND_DUE",
        }
        let hold = &self.holds[&order.hold];
        let seats = hold.seats.iter().map(|seat| (self.seats[*seat].0.clone(), true));
        let pieces = (0..hold.stock).map(|_| ("Standing".to_owned(), false));
        let places: Vec<_> = seats.chain(pieces).collect();
        for seat in hold.seats.clone() {
            self.seats[seat].1 = SeatStatus::Sold;
        }
        for (place, is_seat) in places {
            let code = self.id("T");
            self.tickets.push(Ticket { code, order: order_id.into(), place, is_seat });
        }
        self.version += 1;
        self.orders.get_mut(order_id).expect("it was read above").status = "TICKETED";
        "TICKETED"
    }

    fn count(&self, of: SeatStatus) -> usize {
        self.seats.iter().filter(|(_, status)| *status == of).count()
    }

    fn id(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }
}

impl Hold {
    fn is_live(&self) -> bool {
        matches!(self.status, "ACTIVE" | "CONFIRMED")
    }
}
