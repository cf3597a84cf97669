//! From a seating plan to an admitted buyer, and that a kill in between loses nothing.

use ed25519_dalek::{Signature, VerifyingKey};
use reqwest::Method;
use serde_json::{Value, json};
use usher_wire::{Order, PaymentStatus};

use crate::shop::{Shop, plan, show};

/// One purchase from hold to ticket through the sandbox. Gives the order as it then is.
async fn buy(shop: &Shop, show_id: &str, user_id: &str, what: &Value) -> Order {
    let hold = shop.hold(show_id, user_id, what).await.expect(201);
    let hold_id = hold["holdId"].as_str().expect("an id");
    let order = shop.order(hold_id, user_id).await.expect(201);
    assert_eq!(order["status"], "PENDING_PAY");
    let order_id = order["orderId"].as_str().expect("an id");
    let payment = shop.pay(order_id, &format!("pay-{order_id}")).await.expect(200);
    assert_eq!(payment["status"], "PAYING");
    let actions = payment["actions"].as_array().expect("actions");
    let succeed = actions.iter().find(|action| action["name"] == "succeed").expect("an action");
    let path = succeed["url"].as_str().expect("a URL").strip_prefix(&shop.url).expect("ours");
    shop.ask(Method::POST, path).send().await.expect(202);
    let page = format!("/api/v1/orders/{order_id}");
    let order = shop.wait_for(&page, |order| order["status"] == "TICKETED").await;
    serde_json::from_value(order).expect("an order")
}

#[actix_web::test]
async fn a_seat_is_sold_from_plan_to_gate() {
    let mut shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let found = shop.get("/api/v1/shows?query=hamlet&city=köln").await;
    assert_eq!(found["meta"]["total"], 1);
    assert_eq!(found["shows"][0]["available"], 40);
    let page = format!("/api/v1/shows/{show_id}");
    let before = shop.get(&page).await;
    assert_eq!(before["saleState"], "OPEN");
    assert_eq!(before["categories"][0]["available"], 10);

    let order = buy(&shop, &show_id, "ada", &json!({"seatIds": ["A-1", "B-2"]})).await;
    assert_eq!(order.amount_cents, 8_000);
    assert_eq!(order.seat_ids, Some(vec!["A-1".into(), "B-2".into()]));
    let after = shop.get(&page).await;
    assert_eq!(after["categories"][0]["available"], 9);
    assert!(after["version"].as_u64() > before["version"].as_u64());

    shop.kill_and_restart();
    let order_path = format!("/api/v1/orders/{}", order.order_id);
    let again: Order = shop.ask(Method::GET, &order_path).send().await.read(200);
    assert_eq!(again, order, "what was acknowledged is there after a kill");

    let tickets: Vec<_> = order.tickets.iter().map(|ticket| ticket.ticket_code.clone()).collect();
    let ticket = check_ticket(&shop, &tickets[0], "A-1").await;
    check_gate(&shop, &show_id, &tickets, &ticket).await;

    let mine = shop.get("/api/v1/me/orders?userId=ada").await;
    assert_eq!(mine["orders"][0]["orderId"], order.order_id.as_str());
    assert_eq!(mine["meta"]["total"], 1);
    assert_eq!(shop.get("/api/v1/me/orders?userId=bob").await["meta"]["total"], 0);
}

/// Verifies a ticket as a stranger would: by its documented bytes and the published key.
async fn check_ticket(shop: &Shop, code: &str, seat_id: &str) -> Value {
    let ticket = shop.get(&format!("/api/v1/tickets/{code}")).await;
    assert_eq!((&ticket["seatId"], &ticket["status"]), (&json!(seat_id), &json!("VALID")));
    let decode = |text: &Value| {
        let text = text.as_str().expect("text");
        data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url")
    };
    let payload = decode(&ticket["payload"]);
    let keys = shop.get("/api/v1/keys").await;
    let key: [u8; 32] = decode(&keys["keys"][0]["x"]).try_into().expect("32 bytes");
    let key = VerifyingKey::from_bytes(&key).expect("a key");
    let (body, signature) = payload.split_last_chunk::<64>().expect("a signature");
    key.verify_strict(body, &Signature::from_bytes(signature)).expect("signed by that key");
    assert!(String::from_utf8_lossy(body).contains(code));

    for (picture, kind, start) in
        [("svg", "image/svg+xml", &b"<?xml"[..]), ("png", "image/png", b"\x89PNG")]
    {
        let path = format!("/api/v1/tickets/{code}/qr.{picture}");
        let first = shop.ask(Method::GET, &path).send().await;
        first.expect(200);
        assert_eq!(first.header("content-type"), kind);
        assert!(first.body.starts_with(start), "{picture}");
        let second = shop.ask(Method::GET, &path).send().await;
        assert_eq!(first.body, second.body, "a ticket has one QR code for ever");
    }
    ticket
}

async fn check_gate(shop: &Shop, show_id: &str, tickets: &[String], ticket: &Value) {
    let scan = |body: Value| async move {
        shop.ask(Method::POST, "/api/v1/checkins").json(&body).send().await.expect(200)
    };
    let by_payload = json!({"payload": ticket["payload"], "gate": "North", "nonce": "scan-1"});
    let other_show = json!({"payload": ticket["payload"], "gate": "North", "showId": "macbeth"});
    assert_eq!(scan(other_show).await["reason"], "WRONG_SHOW");
    let admitted = scan(by_payload.clone()).await;
    assert_eq!((&admitted["result"], &admitted["seatId"]), (&json!("ADMITTED"), &json!("A-1")));
    // The same scan again: its answer was lost.
    assert_eq!(scan(by_payload).await, admitted);
    // Another scan of the same ticket, by its code.
    let second = scan(json!({"ticketCode": tickets[0], "gate": "South", "showId": show_id})).await;
    assert_eq!(
        (&second["result"], &second["reason"]),
        (&json!("REJECTED"), &json!("ALREADY_USED"))
    );
    assert_eq!(
        (&second["admittedAt"], &second["gate"]),
        (&admitted["admittedAt"], &json!("North"))
    );
    assert_eq!(second["seatId"], "A-1");
    let used = shop.get(&format!("/api/v1/tickets/{}", tickets[0])).await;
    assert_eq!((&used["status"], &used["gate"]), (&json!("USED"), &json!("North")));
    assert_eq!(used["payload"], ticket["payload"]);

    let typed = tickets[1].to_uppercase();
    assert_eq!(scan(json!({"ticketCode": typed, "gate": "G"})).await["result"], "ADMITTED");
    let mut forged = ticket["payload"].as_str().expect("text").to_owned();
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    let rejected = scan(json!({"payload": forged, "gate": "G"})).await;
    assert_eq!(rejected["reason"], "BAD_SIGNATURE");
    assert_eq!(scan(json!({"ticketCode": "t_nobody", "gate": "G"})).await["reason"], "UNKNOWN");
}

#[actix_web::test]
async fn standing_tickets_and_the_best_seats_are_sold() {
    let shop = Shop::open();
    let plan_id = shop.add_plan(&plan("Hall", 4, 10)).await;
    let stock = json!([{"name": "Floor ü", "quantity": 10, "priceCents": 2_500, "segments": 3}]);
    let show_id = shop.open_show(&show("mixed", Some(&plan_id), &stock)).await;

    let floor = json!({"stock": {"name": "Floor ü", "quantity": 4}});
    let order = buy(&shop, &show_id, "ada", &floor).await;
    assert_eq!(order.amount_cents, 10_000);
    assert_eq!(order.tickets.len(), 4);
    assert!(order.tickets.iter().all(|ticket| ticket.stock.as_deref() == Some("Floor ü")));
    let page = shop.get(&format!("/api/v1/shows/{show_id}")).await;
    assert_eq!(page["stock"][0]["available"], 6);
    // More than the buyer's own segment has: stock moves.
    let rest = json!({"stock": {"name": "Floor ü", "quantity": 6}});
    assert_eq!(buy(&shop, &show_id, "bob", &rest).await.tickets.len(), 6);
    shop.hold(&show_id, "eve", &floor).await.refused(409, "SOLD_OUT");

    let best = json!({"bestAvailable": {"quantity": 3, "category": "Blue", "section": "stalls"}});
    let hold = shop.hold(&show_id, "eve", &best).await.expect(201);
    let seats: Vec<_> = hold["seatIds"].as_array().expect("seats").iter().collect();
    assert_eq!(seats.len(), 3);
    assert!(seats.iter().all(|seat| seat.as_str().expect("a label").starts_with('B')), "{seats:?}");
    // Each pool has its own limit, and so have the seats.
    shop.hold(&show_id, "eve", &json!({"bestAvailable": {"quantity": 8}}))
        .await
        .refused(422, "LIMIT_PER_USER");
}

#[actix_web::test]
async fn a_repeat_with_the_same_key_is_harmless() {
    let mut shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let path = format!("/api/v1/shows/{show_id}/holds");
    let body = json!({"userId": "ada", "seatIds": ["A-1"]});
    let post = |shop: &Shop, key: &str, body: &Value| {
        shop.ask(Method::POST, &path).key(key).json(body).send()
    };
    let first = post(&shop, "\"k 1\"", &body).await;
    let hold = first.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(
        first.header("location"),
        format!("/api/v1/holds/{}", hold["holdId"].as_str().expect("an id"))
    );
    shop.kill_and_restart();
    let second = post(&shop, "k 1", &body).await;
    assert_eq!(second.expect(201)["holdId"], hold["holdId"]);
    assert_eq!(second.header("idempotent-replayed"), "true");
    let other = json!({"userId": "ada", "seatIds": ["A-2"]});
    post(&shop, "k 1", &other).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    post(&shop, "k 2", &body).await.refused(409, "SEAT_UNAVAILABLE");
    // Keys of different buyers never meet.
    let bobs = json!({"userId": "bob", "seatIds": ["A-2"]});
    post(&shop, "k 1", &bobs).await.expect(201);

    let hold_id = hold["holdId"].as_str().expect("an id");
    let first = shop.order(hold_id, "ada").await;
    let second = shop.order(hold_id, "ada").await;
    assert_eq!(first.expect(201)["orderId"], second.expect(201)["orderId"]);
    assert_eq!(second.header("idempotent-replayed"), "true");
    let order = first.expect(201);
    let order_id = order["orderId"].as_str().expect("an id");
    let [first, second, third] = [
        shop.pay(order_id, "p1").await,
        shop.pay(order_id, "p1").await,
        shop.pay(order_id, "p2").await,
    ];
    assert_eq!(second.header("idempotent-replayed"), "true");
    let payment_id = first.expect(200)["paymentId"].clone();
    assert_eq!(second.expect(200)["paymentId"], payment_id);
    assert_eq!(third.expect(200)["paymentId"], payment_id, "who presses twice pays once");
}

#[actix_web::test]
async fn holds_and_orders_go_through_their_states() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let hold = shop.hold(&show_id, "ada", &json!({"seatIds": ["A-1"]})).await.expect(201);
    let hold_id = hold["holdId"].as_str().expect("an id").to_owned();
    let page = format!("/api/v1/holds/{hold_id}");
    assert_eq!(shop.get(&page).await, hold);
    shop.order(&hold_id, "bob").await.refused(403, "FORBIDDEN");
    shop.ask(Method::DELETE, &page).send().await.expect(200);
    let released = shop.ask(Method::DELETE, &page).send().await.expect(200);
    assert_eq!(released["status"], "RELEASED");
    let refused = shop.order(&hold_id, "ada").await.refused(409, "HOLD_NOT_ACTIVE");
    assert_eq!(refused["state"], "RELEASED");

    let brief = json!({"seatIds": ["A-1"], "holdSeconds": 1});
    let hold = shop.hold(&show_id, "ada", &brief).await.expect(201);
    let hold_id = hold["holdId"].as_str().expect("an id").to_owned();
    let page = format!("/api/v1/holds/{hold_id}");
    shop.wait_for(&page, |hold| hold["status"] == "EXPIRED").await;
    shop.order(&hold_id, "ada").await.refused(410, "HOLD_EXPIRED");
    shop.ask(Method::DELETE, &page).send().await.refused(410, "HOLD_EXPIRED");

    let hold = shop.hold(&show_id, "ada", &json!({"seatIds": ["A-1"]})).await.expect(201);
    let hold_id = hold["holdId"].as_str().expect("an id").to_owned();
    let order = shop.order(&hold_id, "ada").await.expect(201);
    let order_id = order["orderId"].as_str().expect("an id");
    let held = shop.ask(Method::DELETE, &format!("/api/v1/holds/{hold_id}")).send().await;
    assert_eq!(held.refused(409, "HOLD_NOT_ACTIVE")["state"], "CONFIRMED");
    let cancel = format!("/api/v1/orders/{order_id}/cancel");
    for _ in 0..2 {
        let order = shop.ask(Method::POST, &cancel).send().await.expect(200);
        assert_eq!(order["status"], "CANCELLED");
    }
    let refused = shop.pay(order_id, "p").await.refused(409, "ILLEGAL_STATE");
    assert_eq!(refused["state"], "CANCELLED");
    // Everything came back.
    let page = shop.get(&format!("/api/v1/shows/{show_id}")).await;
    assert_eq!(page["categories"][0]["available"], 10);
}

#[actix_web::test]
async fn the_states_of_an_order_are_streamed_until_the_last() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let hold = shop.hold(&show_id, "ada", &json!({"seatIds": ["A-1"]})).await.expect(201);
    let order = shop.order(hold["holdId"].as_str().expect("an id"), "ada").await.expect(201);
    let order_id = order["orderId"].as_str().expect("an id");
    let path = format!("/api/v1/orders/{order_id}/stream");
    let stream = shop.ask(Method::GET, &path).stream().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let whole = actix_web::rt::spawn(stream.text());
    let payment = shop.pay(order_id, "p").await.expect(200);
    // Long enough for the stream to see that somebody pays.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let payment_id = payment["paymentId"].as_str().expect("an id");
    let paid = shop.callback(payment_id, order_id, PaymentStatus::Success, 5_000).await;
    assert_eq!(paid.expect(200)["result"], "TICKETED");
    let text = whole.await.expect("read").expect("it ends by itself");
    let states: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Order>(data).expect("an order").status)
        .collect();
    use usher_wire::OrderStatus::{Paying, PendingPay, Ticketed};
    assert_eq!(states, [PendingPay, Paying, Ticketed]);
}

#[actix_web::test]
async fn a_ticket_that_was_taken_back_does_not_admit() {
    let shop = Shop::open_with(&["--sandbox-delay-ms", "1000"]);
    let show_id = shop.seated("hamlet").await;
    let order = buy(&shop, &show_id, "ada", &json!({"seatIds": ["A-1"]})).await;
    let refund = format!("/admin/v1/orders/{}/refund", order.order_id);
    let reason = json!({"reason": "the star is ill"});
    let refund = shop.admin(Method::POST, &refund).key("refund").json(&reason).send().await;
    assert!(refund.status < 300, "{}", refund.status);
    let code = &order.tickets[0].ticket_code;
    let page = format!("/api/v1/tickets/{code}");
    let scan = json!({"ticketCode": code, "gate": "North"});
    let scan = || shop.ask(Method::POST, "/api/v1/checkins").json(&scan).send();
    // The provider takes a second to give the money back.
    assert_eq!(shop.get(&page).await["status"], "REVOKED");
    let rejected = scan().await.expect(200);
    assert_eq!((&rejected["result"], &rejected["reason"]), (&json!("REJECTED"), &json!("REVOKED")));
    shop.wait_for(&page, |ticket| ticket["status"] == "REFUNDED").await;
    assert_eq!(scan().await.expect(200)["reason"], "REFUNDED");
    // The seat is free again, and its next ticket is another one.
    let next = buy(&shop, &show_id, "bob", &json!({"seatIds": ["A-1"]})).await;
    assert_ne!(next.tickets[0].ticket_code, *code);
}

#[actix_web::test]
async fn what_names_a_person_is_nowhere_on_the_disk_in_the_clear() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    buy(&shop, &show_id, "somebody@example.net", &json!({"seatIds": ["A-1"]})).await;
    let mut files = 0;
    let mut has_show = false;
    let mut dirs = vec![shop.data_dir().to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).expect("readable");
            let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            // What is public may be read, so that this test would see what is not.
            has_show |= has("Großes Haus");
            for private in ["Ada Lovelace", "ada@example.org", "somebody@example.net"] {
                assert!(!has(private), "{} has {private}", path.display());
            }
        }
    }
    assert!(files > 3 && has_show);
}

/// Where a client goes away.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    /// In the middle of its request.
    Sending,
    /// With its request sent.
    Sent,
    /// A moment later, with a reset.
    Reset,
    /// When the answer begins to come.
    Reading,
}

#[actix_web::test]
async fn a_client_that_goes_away_and_comes_back_has_one_hold() {
    const CLIENTS: usize = 1_000;
    let shop = Shop::open();
    let plan_id = shop.add_plan(&plan("Hall", 26, 40)).await;
    let show_id = shop.open_show(&show("rush", Some(&plan_id), &json!([]))).await;
    let leavings = [Leaving::Sending, Leaving::Sent, Leaving::Reset, Leaving::Reading];
    let mut holds = std::collections::BTreeSet::new();
    for group in (0..CLIENTS).collect::<Vec<_>>().chunks(50) {
        let gone = group.iter().map(|&n| go_away(&shop, &show_id, n, leavings[n % leavings.len()]));
        futures_util::future::join_all(gone).await;
        for &n in group {
            let path = format!("/api/v1/shows/{show_id}/holds");
            let ask = shop.ask(Method::POST, &path).key(&format!("key-{n}"));
            let hold = ask.json(&one_seat(n)).send().await.expect(201);
            assert!(holds.insert(hold["holdId"].to_string()), "{n} shares a hold");
        }
    }
    // What was sent and never asked for again would be one hold too many.
    let map = shop.get(&format!("/api/v1/shows/{show_id}/seats")).await;
    let seats = map["seats"].as_array().expect("seats");
    let held = seats.iter().filter(|seat| seat["status"] == "HELD").count();
    assert_eq!((held, holds.len()), (CLIENTS, CLIENTS));
}

fn one_seat(client: usize) -> Value {
    json!({"userId": format!("user-{client}"), "bestAvailable": {"quantity": 1}})
}

/// Asks for a hold and does not stay for the answer.
async fn go_away(shop: &Shop, show_id: &str, client: usize, leaving: Leaving) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = shop.url.strip_prefix("http://").expect("plain HTTP");
    let body = one_seat(client).to_string();
    let request = format!(
        "POST /api/v1/shows/{show_id}/holds HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nIdempotency-Key: key-{client}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("connected");
    let sent = match leaving {
        Leaving::Sending => &request[..request.len() - 5],
        Leaving::Sent | Leaving::Reset | Leaving::Reading => &request[..],
    };
    socket.write_all(sent.as_bytes()).await.expect("written");
    match leaving {
        Leaving::Sending | Leaving::Sent => {}
        Leaving::Reset => {
            let wait = std::time::Duration::from_micros(100 * (client as u64 % 20));
            tokio::time::sleep(wait).await;
            socket.set_zero_linger().expect("a socket");
        }
        Leaving::Reading => {
            socket.read_u8().await.expect("an answer begins");
        }
    }
}
