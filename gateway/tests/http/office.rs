//! A server with an organiser, an operator and buyers: who calls what, with which key.

use crate::harness::{PATIENCE, Response, Server, request};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A server on a directory that outlives it.
pub(crate) struct Office {
    server: Option<Server>,
    flags: &'static [&'static str],
    dir: tempfile::TempDir,
}

/// Numbers calls, so that no two have the same idempotency key unless a test says so.
static KEYS: AtomicU64 = AtomicU64::new(0);

impl Office {
    pub(crate) fn open() -> Self {
        Self::open_with(&[])
    }

    /// As [`Office::open`], with these settings.
    pub(crate) fn open_with(flags: &'static [&'static str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Some(Server::start(&dir.path().join("data"), flags));
        Self { server, flags, dir }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// The data directory is `data` in it.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Kills the server without warning and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.server = None;
        self.server = Some(Server::start(&self.dir.path().join("data"), self.flags));
    }

    /// An organiser's call.
    pub(crate) fn admin(&self, method: &str, path: &str, body: &Value) -> Response {
        self.admin_with(method, path, body, &[])
    }

    pub(crate) fn admin_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Response {
        let key = self.key("organiser_key");
        let path = format!("/admin/v1{path}");
        call(self.server().public, method, &path, Some(&key), body, headers)
    }

    /// An operator's call.
    pub(crate) fn ops(&self, method: &str, path: &str, body: &Value) -> Response {
        let key = self.key("operator_key");
        call(self.server().operators, method, &format!("/ops/v1{path}"), Some(&key), body, &[])
    }

    /// A buyer's call, with an idempotency key of its own.
    pub(crate) fn buyer(&self, method: &str, path: &str, body: &Value) -> Response {
        let key = KEYS.fetch_add(1, Ordering::Relaxed).to_string();
        let headers = [("Idempotency-Key", key.as_str())];
        call(self.server().public, method, path, None, body, &headers)
    }

    /// Makes and opens a show of `plan()` and 40 standing tickets in four segments.
    pub(crate) fn show(&self, show_id: &str) {
        self.make_show(show_id);
        self.admin("POST", &format!("/shows/{show_id}/open"), &Value::Null).is(200);
    }

    /// As [`Office::show`], but nothing is on sale.
    pub(crate) fn make_show(&self, show_id: &str) -> Value {
        let made = self.admin("POST", "/plans", &plan()).is(201);
        let mut show = new_show(show_id);
        show["planId"] = made["planId"].clone();
        self.admin("POST", "/shows", &show).is(201)
    }

    /// Holds what is asked for; 201 is expected.
    pub(crate) fn hold(&self, show_id: &str, user_id: &str, what: &Value) -> Value {
        self.try_hold(show_id, user_id, what).is(201)
    }

    /// A buyer's call with headers.
    pub(crate) fn buyer_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Response {
        call(self.server().public, method, &format!("/api/v1{path}"), None, body, headers)
    }

    pub(crate) fn try_hold(&self, show_id: &str, user_id: &str, what: &Value) -> Response {
        let mut body = what.clone();
        body["userId"] = json!(user_id);
        self.buyer("POST", &format!("/api/v1/shows/{show_id}/holds"), &body)
    }

    /// From hold to tickets through the sandbox. Gives the order.
    pub(crate) fn buy(&self, show_id: &str, user_id: &str, what: &Value) -> Value {
        let hold = self.hold(show_id, user_id, what);
        let contact = json!({"name": format!("{user_id} Lovelace"), "phone": "+886 2 1234-5678"});
        let order = json!({"holdId": hold["holdId"], "userId": user_id, "contact": contact});
        let order = self.buyer("POST", "/api/v1/orders", &order).is(201);
        let path = format!("/api/v1/orders/{}", text(&order["orderId"]));
        let payment = self.buyer("POST", &format!("{path}/pay"), &json!({})).is(200);
        let payment = format!("/sandbox/payments/{}/succeed", text(&payment["paymentId"]));
        self.buyer("POST", &payment, &Value::Null).is(202);
        self.wait_for(&path, |order| order["status"] == "TICKETED")
    }

    /// Reads a buyer's page until it is as expected.
    pub(crate) fn wait_for(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.server().get(path).is(200);
            if is_so(&page) {
                return page;
            }
            assert!(Instant::now() < until, "it stays {page}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The audit, which must be clean.
    pub(crate) fn audit(&self, show_id: &str) -> Value {
        let audit = self.ops("GET", &format!("/shows/{show_id}/audit"), &Value::Null).is(200);
        assert_eq!(audit["ok"], true, "{audit}");
        audit
    }

    fn key(&self, name: &str) -> String {
        let path = self.dir.path().join("data/keys").join(name);
        std::fs::read_to_string(path).expect("made at the start").trim().to_owned()
    }
}

/// Tells the threads of a test to stop, also where the test fails: a scope waits for them.
#[derive(Default)]
pub(crate) struct Bell(AtomicBool);

impl Bell {
    pub(crate) fn has_rung(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Rings when what this gives is dropped.
    pub(crate) fn ring_after(&self) -> impl Drop + '_ {
        Ringer(self)
    }
}

struct Ringer<'a>(&'a Bell);

impl Drop for Ringer<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Response {
    /// The body, after a look at the status.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self.json()
    }

    /// A problem of this code, with its pointer where it has one.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str, pointer: Option<&str>) -> Value {
        let problem = self.is(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["pointer"].as_str(), pointer, "{problem}");
        problem
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Rows A to D of ten seats: A and B in the stalls are Red, C and D on the balcony Blue.
pub(crate) fn plan() -> Value {
    let row = |name: &str, category: &str| {
        let seat = |number: i32| {
            json!({
                "seat_guid": format!("{name}-{number}"), "seat_number": number.to_string(),
                "category": category, "position": {"x": number * 25, "y": 0},
            })
        };
        json!({"row_number": name, "seats": (1..=10).map(seat).collect::<Vec<_>>()})
    };
    let zone = |name: &str, id: &str, rows: &[(&str, &str)]| {
        let rows: Vec<_> = rows.iter().map(|(name, category)| row(name, category)).collect();
        json!({"name": name, "zone_id": id, "rows": rows})
    };
    json!({
        "name": "Small house", "categories": [{"name": "Red"}, {"name": "Blue"}],
        "zones": [
            zone("Stalls", "st", &[("A", "Red"), ("B", "Red")]),
            zone("Balcony", "ba", &[("C", "Blue"), ("D", "Blue")]),
        ],
    })
}

/// A show without its plan's id.
pub(crate) fn new_show(show_id: &str) -> Value {
    json!({
        "showId": show_id, "title": "Hamlet", "venue": "Small house", "city": "Taipei",
        "startsAt": "2040-05-01T19:30:00Z", "saleStartsAt": "2020-01-01T00:00:00Z",
        "saleEndsAt": "2040-05-01T19:00:00Z", "currency": "TWD", "maxPerUser": 8,
        "prices": {"Red": 3000, "Blue": 1000},
        "stock": [{"name": "Floor", "quantity": 40, "priceCents": 500, "segments": 4}],
    })
}

fn call(
    to: std::net::SocketAddr,
    method: &str,
    path: &str,
    bearer: Option<&str>,
    body: &Value,
    headers: &[(&str, &str)],
) -> Response {
    let authorization = bearer.map(|key| format!("Bearer {key}"));
    let mut all = headers.to_vec();
    all.extend(authorization.as_deref().map(|value| ("Authorization", value)));
    if body.is_null() {
        return request(to, method, path, &all, b"");
    }
    all.push(("Content-Type", "application/json"));
    request(to, method, path, &all, body.to_string().as_bytes())
}
