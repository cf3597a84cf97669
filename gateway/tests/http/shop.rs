//! A server that sells, with a client for what buyers do and an organiser who sets it up.
//!
//! It may be killed and started again on what is left on the disk; its address changes then.

use std::sync::Once;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use usher_wire::{CallbackRequest, PaymentStatus};

use crate::harness::{PATIENCE, Server};

/// A running server and everything that its callers have to know.
pub(crate) struct Shop {
    server: Option<Server>,
    flags: Vec<String>,
    dir: TempDir,
    /// Where buyers and organisers call.
    pub(crate) url: String,
    organiser_key: String,
    callback_secret: String,
    client: reqwest::Client,
}

impl Shop {
    /// Opens on an empty directory.
    pub(crate) fn open() -> Self {
        Self::open_with(&[])
    }

    /// Opens on an empty directory, with these flags.
    pub(crate) fn open_with(flags: &[&str]) -> Self {
        let mut shop = Self {
            server: None,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            dir: tempfile::tempdir().expect("a directory"),
            url: String::new(),
            organiser_key: String::new(),
            callback_secret: String::new(),
            client: client(),
        };
        shop.start();
        let keys = (shop.key("organiser_key"), shop.key("callback_secret"));
        (shop.organiser_key, shop.callback_secret) = keys;
        shop
    }

    /// Kills the server without warning, and starts it again on what is left.
    pub(crate) fn kill_and_restart(&mut self) {
        drop(self.server.take());
        self.start();
    }

    fn start(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let server = self.server.insert(Server::start(self.dir.path(), &flags));
        self.url = format!("http://{}", server.public);
    }

    /// Everything that the server keeps.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Asks something of buyers' pages.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let request = self.client.request(method, format!("{}{path}", self.url));
        Ask { request, what: path.chars().take(200).collect() }
    }

    /// Asks something of either listener.
    pub(crate) fn ask_at(&self, is_ops: bool, method: Method, path: &str) -> Ask {
        let server = self.server.as_ref().expect("it runs");
        let to = if is_ops { server.operators } else { server.public };
        let request = self.client.request(method, format!("http://{to}{path}"));
        Ask { request, what: path.chars().take(200).collect() }
    }

    /// A key that the server made.
    pub(crate) fn key(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.dir.path().join("keys").join(name));
        text.expect("made at the first start").trim().to_owned()
    }

    /// Makes a key for an integrator, as the operator.
    pub(crate) async fn make_key(&self, name: &str, scopes: &[&str]) -> String {
        let body = json!({"name": name, "scopes": scopes});
        let bearer = format!("Bearer {}", self.key("operator_key"));
        let ask = self.ask(Method::POST, "/admin/v1/keys").header("authorization", &bearer);
        text(&ask.json(&body).send().await.expect(201)["key"])
    }

    /// Asks something of organisers' pages, with their key.
    pub(crate) fn admin(&self, method: Method, path: &str) -> Ask {
        let key = format!("Bearer {}", self.organiser_key);
        self.ask(method, path).header("authorization", &key)
    }

    /// Reads a page that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path).send().await.expect(200)
    }

    /// Reads a page again and again until it is as wanted.
    pub(crate) async fn wait_for(&self, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.get(path).await;
            if is_wanted(&value) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} stays {value}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Takes a plan in and gives its id.
    pub(crate) async fn add_plan(&self, plan: &Value) -> String {
        let reply = self.admin(Method::POST, "/admin/v1/plans").json(plan).send().await;
        text(&reply.expect(201)["planId"])
    }

    /// Makes a show and opens its sale.
    pub(crate) async fn open_show(&self, show: &Value) -> String {
        let reply = self.admin(Method::POST, "/admin/v1/shows").json(show).send().await;
        let id = text(&reply.expect(201)["showId"]);
        let open = format!("/admin/v1/shows/{id}/open");
        self.admin(Method::POST, &open).send().await.expect(200);
        id
    }

    /// A seated show of 4 rows with 10 seats, open.
    pub(crate) async fn seated(&self, show_id: &str) -> String {
        let plan_id = self.add_plan(&plan("Hall", 4, 10)).await;
        self.open_show(&show(show_id, Some(&plan_id), &json!([]))).await
    }

    /// Holds, or says why not. `what` is merged into the request.
    pub(crate) async fn hold(&self, show_id: &str, user_id: &str, what: &Value) -> Reply {
        let mut body = json!({"userId": user_id});
        for (key, value) in what.as_object().expect("fields") {
            body[key] = value.clone();
        }
        let path = format!("/api/v1/shows/{show_id}/holds");
        self.ask(Method::POST, &path).json(&body).send().await
    }

    /// Orders what is held, or says why not. The key is made of the hold.
    pub(crate) async fn order(&self, hold_id: &str, user_id: &str) -> Reply {
        let contact = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
        let body = json!({"holdId": hold_id, "userId": user_id, "contact": contact});
        let key = format!("order-{hold_id:.60}");
        self.ask(Method::POST, "/api/v1/orders").key(&key).json(&body).send().await
    }

    /// Starts a payment, or says why not.
    pub(crate) async fn pay(&self, order_id: &str, key: &str) -> Reply {
        let path = format!("/api/v1/orders/{order_id}/pay");
        self.ask(Method::POST, &path).key(key).send().await
    }

    /// Tells the server what a payment provider would.
    pub(crate) async fn callback(
        &self,
        payment_id: &str,
        order_id: &str,
        status: PaymentStatus,
        amount_cents: u64,
    ) -> Reply {
        let message = self.signed(payment_id, order_id, status, amount_cents);
        self.ask(Method::POST, "/api/v1/payments/callback").json(&message).send().await
    }

    /// What a payment provider would tell.
    pub(crate) fn signed(
        &self,
        payment_id: &str,
        order_id: &str,
        status: PaymentStatus,
        amount_cents: u64,
    ) -> CallbackRequest {
        signed(&self.callback_secret, payment_id, order_id, status, amount_cents)
    }
}

/// A request that is being put together.
pub(crate) struct Ask {
    request: reqwest::RequestBuilder,
    what: String,
}

impl Ask {
    /// With a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        self.request = self.request.header(name, HeaderValue::from_str(value).expect("a value"));
        self
    }

    /// With an idempotency key.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    pub(crate) fn json(mut self, body: &impl serde::Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// With any body, said to be JSON.
    pub(crate) fn body(self, body: impl Into<reqwest::Body>) -> Self {
        let mut ask = self.header("content-type", "application/json");
        ask.request = ask.request.body(body);
        ask
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Reply {
        let what = self.what;
        let response = self.request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        Reply { what, status, headers, body }
    }

    /// Sends it and leaves the answer's body to be read piece by piece.
    pub(crate) async fn stream(self) -> reqwest::Response {
        self.request.send().await.unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }
}

/// An answer.
pub(crate) struct Reply {
    what: String,
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Its JSON, where it has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}: {text}", self.what);
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Its JSON as a type of the contract, where it has this status.
    #[track_caller]
    pub(crate) fn read<T: DeserializeOwned>(&self, status: u16) -> T {
        serde_json::from_value(self.expect(status)).expect("as the contract says")
    }

    /// Its problem, where it is one of this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{}: {problem}", self.what);
        assert_eq!(problem["status"], status, "{}: {problem}", self.what);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.what);
        assert_eq!(problem["requestId"], self.header("x-request-id"), "{}", self.what);
        problem
    }

    /// One of its headers, empty where it has none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

/// The text in a field.
#[track_caller]
pub(crate) fn text(field: &Value) -> String {
    field.as_str().expect("text").to_owned()
}

/// A callback with a signature that covers it, made without the server's code.
pub(crate) fn signed(
    secret: &str,
    payment_id: &str,
    order_id: &str,
    status: PaymentStatus,
    amount_cents: u64,
) -> CallbackRequest {
    let text = format!("{payment_id}\n{order_id}\n{}\n{amount_cents}", status.as_str());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(text.as_bytes());
    CallbackRequest {
        payment_id: payment_id.to_owned(),
        order_id: order_id.to_owned(),
        status,
        amount_cents,
        signature: data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()),
    }
}

/// A plan of one zone, with rows of seats `A-1`, `A-2`, … in the price categories `Red` (the first
/// row) and `Blue` (the others).
pub(crate) fn plan(name: &str, rows: u8, seats_per_row: usize) -> Value {
    let row = |row: u8| {
        let letter = char::from(b'A' + row);
        let seat = |seat: usize| {
            json!({
                "seat_guid": format!("{letter}-{}", seat + 1),
                "seat_number": (seat + 1).to_string(),
                "position": {"x": seat * 50, "y": 0},
                "category": if row == 0 { "Red" } else { "Blue" },
            })
        };
        json!({
            "row_number": letter.to_string(), "position": {"x": 0, "y": u32::from(row) * 50},
            "seats": (0..seats_per_row).map(seat).collect::<Vec<_>>(),
        })
    };
    json!({
        "name": name, "categories": [{"name": "Red"}, {"name": "Blue"}],
        "zones": [{
            "name": "Stalls", "zone_id": "stalls", "position": {"x": 0, "y": 0},
            "rows": (0..rows).map(row).collect::<Vec<_>>(),
        }],
    })
}

/// What an organiser says about a show with these seats and this stock, on sale for a day.
pub(crate) fn show(show_id: &str, plan_id: Option<&str>, stock: &Value) -> Value {
    let now = jiff::Timestamp::now();
    let hours = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let mut show = json!({
        "showId": show_id, "title": "Hamlet", "venue": "Großes Haus", "city": "Köln",
        "startsAt": hours(72), "saleStartsAt": hours(-1), "saleEndsAt": hours(24),
        "currency": "EUR", "stock": stock, "maxPerUser": 8, "holdSeconds": 60,
    });
    if let Some(plan_id) = plan_id {
        show["planId"] = plan_id.into();
        show["prices"] = json!({"Red": 5_000, "Blue": 3_000});
    }
    show
}

fn client() -> reqwest::Client {
    static TLS: Once = Once::new();
    // Some part of the process has to name who does TLS, even if nobody speaks it.
    TLS.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client")
}
