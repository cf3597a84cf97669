//! A witness from outside: no answer that buyers rely on leaves before what it rests on is flushed.
//!
//! `strace` watches the real server while it sells, and `trace.rs` reads what arrived, what was
//! flushed and what left. That the witness can tell is shown on a second run, in which the kernel
//! executes no `fdatasync`: then every answer has come too early. Needs `strace`, which
//! `scripts/test` installs.

mod shop;
mod trace;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::shop::{Watched, blobs};
use crate::trace::{Promise, promises};

const HOLDS: usize = 30;
/// Of the holds, every tenth is paid.
const PAID: usize = 3;

#[test]
fn no_answer_leaves_before_its_flush_returned() {
    let promises = sell(&[]);
    let early: Vec<_> = promises.iter().filter(|promise| !promise.is_backed).collect();
    assert!(early.is_empty(), "these left too early: {early:#?}");
}

#[test]
fn without_the_flush_every_answer_is_reported() {
    let promises = sell(&["-e", "inject=fdatasync:retval=0"]);
    let backed: Vec<_> = promises.iter().filter(|promise| promise.is_backed).collect();
    assert!(backed.is_empty(), "nothing backs these: {backed:#?}");
}

/// Sells on a watched server and gives every promise that it made; checks that all are seen.
fn sell(strace_options: &[&str]) -> Vec<Promise> {
    let mut server = Watched::start(strace_options);
    open_show(&mut server);
    let hold = |server: &mut Watched, seat: usize, user: usize, status| {
        let body = json!({"userId": format!("user-{user}"), "seatIds": [format!("A-{seat}")]});
        server.post("/api/v1/shows/hamlet/holds", "", &body, status)
    };
    for seat in 0..HOLDS {
        let held = hold(&mut server, seat, seat, 201);
        if seat % (HOLDS / PAID) == 0 {
            buy(&mut server, &held["holdId"], seat);
        }
        // A refusal promises nothing.
        if seat == HOLDS / 2 {
            hold(&mut server, seat, seat + 1, 409);
        }
    }
    let promises = promises(&server.stop(), &server.journal());
    let seen = |status: u16, end: &str| {
        let is_it = |promise: &&Promise| promise.status == status && promise.request.ends_with(end);
        promises.iter().filter(is_it).count()
    };
    let found = [(201, "/holds"), (201, "/orders"), (200, "/pay"), (200, "/callback")]
        .map(|(status, end)| seen(status, end));
    assert_eq!(found, [HOLDS, PAID, PAID, PAID], "{promises:#?}");
    assert_eq!(promises.len(), found.iter().sum::<usize>(), "{promises:#?}");
    let blobs = blobs(&server.journal());
    assert!(!blobs.is_empty() && blobs.iter().all(|count| *count == 0), "{blobs:?}");
    promises
}

/// Opens the sale of one row of seats.
fn open_show(server: &mut Watched) {
    let key = format!("Authorization: Bearer {}\r\n", server.key("organiser_key"));
    let seat = |seat: usize| {
        json!({
            "seat_guid": format!("A-{seat}"), "seat_number": seat.to_string(),
            "position": {"x": seat * 50, "y": 0}, "category": "Red",
        })
    };
    let row = json!({
        "row_number": "A", "position": {"x": 0, "y": 0},
        "seats": (0..HOLDS).map(seat).collect::<Vec<_>>(),
    });
    let zone = json!({
        "name": "Stalls", "zone_id": "stalls", "position": {"x": 0, "y": 0}, "rows": [row],
    });
    let plan = json!({"name": "Hall", "categories": [{"name": "Red"}], "zones": [zone]});
    let plan = server.post("/admin/v1/plans", &key, &plan, 201);
    let now = jiff::Timestamp::now();
    let hours = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let show = json!({
        "showId": "hamlet", "title": "Hamlet", "venue": "Globe", "city": "London",
        "startsAt": hours(72), "saleStartsAt": hours(-1), "saleEndsAt": hours(24),
        "currency": "EUR", "maxPerUser": 8, "holdSeconds": 600,
        "planId": plan["planId"], "prices": {"Red": 5_000},
    });
    server.post("/admin/v1/shows", &key, &show, 201);
    server.post("/admin/v1/shows/hamlet/open", &key, &Value::Null, 200);
}

/// Orders what is held and pays for it, as a payment provider would report.
fn buy(server: &mut Watched, hold_id: &Value, user: usize) {
    let contact = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
    let order = json!({"holdId": hold_id, "userId": format!("user-{user}"), "contact": contact});
    let key = format!("Idempotency-Key: order-{user}\r\n");
    let order = server.post("/api/v1/orders", &key, &order, 201);
    let order_id = order["orderId"].as_str().expect("an id");
    let key = format!("Idempotency-Key: pay-{user}\r\n");
    let payment = server.post(&format!("/api/v1/orders/{order_id}/pay"), &key, &json!({}), 200);
    let payment_id = payment["paymentId"].as_str().expect("an id");
    let amount = &payment["amountCents"];
    let secret = server.key("callback_secret");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("{payment_id}\n{order_id}\nSUCCESS\n{amount}").as_bytes());
    let callback = json!({
        "paymentId": payment_id, "orderId": order_id, "status": "SUCCESS", "amountCents": amount,
        "signature": data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()),
    });
    let told = server.post("/api/v1/payments/callback", "", &callback, 200);
    assert_eq!(told["result"], "TICKETED");
}
