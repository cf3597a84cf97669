//! Rubbish in, clear problems out, shop unmoved.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::shop::{Shop, plan, show};

#[actix_web::test]
async fn a_hold_that_cannot_be_is_refused_with_its_fault() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let standing = json!([{"name": "Floor", "quantity": 5, "priceCents": 100}]);
    let standing = shop.open_show(&show("standing", None, &standing)).await;
    let path = format!("/api/v1/shows/{show_id}/holds");
    let long = "ü".repeat(129);
    let many: Vec<_> = (0..21).map(|n| format!("A-{n}")).collect();
    for (body, status, code, pointer) in [
        (json!({}), 400, "INVALID_FIELD", "/userId"),
        (json!([]), 400, "INVALID_FIELD", "/userId"),
        (json!({"userId": 7, "seatIds": ["A-1"]}), 400, "INVALID_FIELD", "/userId"),
        (json!({"userId": "", "seatIds": ["A-1"]}), 400, "INVALID_FIELD", "/userId"),
        (json!({"userId": long, "seatIds": ["A-1"]}), 400, "INVALID_FIELD", "/userId"),
        (json!({"userId": "a\u{0}b", "seatIds": ["A-1"]}), 400, "INVALID_FIELD", "/userId"),
        (json!({"userId": "u"}), 400, "INVALID_FIELD", ""),
        (
            json!({"userId": "u", "seatIds": ["A-1"], "bestAvailable": {"quantity": 1}}),
            400,
            "INVALID_FIELD",
            "",
        ),
        (json!({"userId": "u", "seatIds": "A-1"}), 400, "INVALID_FIELD", "/seatIds"),
        (json!({"userId": "u", "seatIds": ["A-1", null]}), 400, "INVALID_FIELD", "/seatIds/1"),
        (
            json!({"userId": "u", "seatIds": ["A-1"], "holdSeconds": 0}),
            400,
            "INVALID_FIELD",
            "/holdSeconds",
        ),
        (
            json!({"userId": "u", "seatIds": ["A-1"], "holdSeconds": -1}),
            400,
            "INVALID_FIELD",
            "/holdSeconds",
        ),
        (
            json!({"userId": "u", "seatIds": ["A-1"], "holdSeconds": 1e30}),
            400,
            "INVALID_FIELD",
            "/holdSeconds",
        ),
        (json!({"userId": "u", "seatIds": ["A-1"], "seats": 1}), 400, "INVALID_FIELD", "/seats"),
        (
            json!({"userId": "u", "bestAvailable": {"quantity": -1}}),
            400,
            "INVALID_FIELD",
            "/bestAvailable/quantity",
        ),
        (
            json!({"userId": "u", "bestAvailable": {"quantity": 18446744073709551615_u64}}),
            400,
            "INVALID_FIELD",
            "/bestAvailable/quantity",
        ),
        (
            json!({"userId": "u", "bestAvailable": {"quantity": 4294967295_u32}}),
            422,
            "TOO_MANY_SEATS",
            "/bestAvailable/quantity",
        ),
        (
            json!({"userId": "u", "bestAvailable": {"quantity": 0}}),
            422,
            "NOTHING_ASKED",
            "/bestAvailable/quantity",
        ),
        (
            json!({"userId": "u", "bestAvailable": {"quantity": 1, "category": "Green"}}),
            422,
            "UNKNOWN_SEAT",
            "/bestAvailable/category",
        ),
        (
            json!({"userId": "u", "bestAvailable": {"quantity": 1, "section": "🪑"}}),
            422,
            "UNKNOWN_SEAT",
            "/bestAvailable/section",
        ),
        (json!({"userId": "u", "seatIds": []}), 422, "NOTHING_ASKED", "/seatIds"),
        (json!({"userId": "u", "seatIds": many}), 422, "TOO_MANY_SEATS", "/seatIds"),
        (
            json!({"userId": "u", "seatIds": ["A-1", "A-11", "Ä-1"]}),
            422,
            "UNKNOWN_SEAT",
            "/seatIds/1",
        ),
        (json!({"userId": "u", "stock": {"name": "Floor", "quantity": 1}}), 422, "WRONG_KIND", ""),
    ] {
        let problem = shop.ask(Method::POST, &path).json(&body).send().await.refused(status, code);
        let told = problem["pointer"].as_str().unwrap_or("");
        assert_eq!(told, pointer, "{body}: {problem}");
    }
    let twice = shop.hold(&show_id, "u", &json!({"seatIds": ["A-1", "A-2", "A-1"]})).await;
    assert_eq!(twice.refused(422, "DUPLICATE_SEAT")["seats"], json!([{"seatId": "A-1"}]));
    let unknown = shop.hold(&show_id, "u", &json!({"seatIds": ["X", "A-1", "Y"]})).await;
    assert_eq!(
        unknown.refused(422, "UNKNOWN_SEAT")["seats"],
        json!([{"seatId": "X"}, {"seatId": "Y"}])
    );
    let elsewhere = shop.hold(&standing, "u", &json!({"seatIds": ["A-1"]})).await;
    elsewhere.refused(422, "WRONG_KIND");
    let pool = shop.hold(&standing, "u", &json!({"stock": {"name": "Flor", "quantity": 1}})).await;
    assert_eq!(pool.refused(422, "UNKNOWN_SEAT")["pointer"], "/stock/name");
    for id in ["nobody", "..", "%00", "a%20b", "%F0%9F%AA%91", &"x".repeat(500)] {
        let hold = shop.hold(id, "u", &json!({"seatIds": ["A-1"]})).await;
        assert_eq!(hold.status, 404, "{id}");
    }
    // Nothing of all this took anything.
    let page = shop.get(&format!("/api/v1/shows/{show_id}")).await;
    assert_eq!(page["categories"][0]["available"], 10);
    let taken = shop.hold(&show_id, "ünï çødé 🎭", &json!({"seatIds": ["A-1"]})).await;
    taken.expect(201);
    let collision = shop.hold(&show_id, "u", &json!({"seatIds": ["A-1", "A-2"]})).await;
    let seats = &collision.refused(409, "SEAT_UNAVAILABLE")["seats"];
    assert_eq!(*seats, json!([{"seatId": "A-1", "status": "HELD"}]));
}

#[actix_web::test]
async fn seats_of_another_show_are_unknown_here() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let small = shop.add_plan(&plan("Cellar", 1, 2)).await;
    let small = shop.open_show(&show("small", Some(&small), &json!([]))).await;
    shop.hold(&small, "u", &json!({"seatIds": ["D-1"]})).await.refused(422, "UNKNOWN_SEAT");
    shop.hold(&show_id, "u", &json!({"seatIds": ["D-1"]})).await.expect(201);
}

#[actix_web::test]
async fn ids_that_were_never_ours_or_are_of_another_kind_are_unknown() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let hold = shop.hold(&show_id, "ada", &json!({"seatIds": ["A-1"]})).await.expect(201);
    let hold_id = hold["holdId"].as_str().expect("an id");
    let order = shop.order(hold_id, "ada").await.expect(201);
    let order_id = order["orderId"].as_str().expect("an id");
    let payment = shop.pay(order_id, "p").await.expect(200);
    let payment_id = payment["paymentId"].as_str().expect("an id");
    // The last digit of the route: the order's number.
    let other = if &order_id[22..23] == "0" { "1" } else { "0" };
    let tampered = format!("{}{other}{}", &order_id[..22], &order_id[23..]);
    let swapped = hold_id.replacen('h', "o", 1);
    let ids = [
        "x",
        "0",
        "-1",
        "null",
        "%00",
        "%F0%9F%8E%AD",
        "h_",
        "o_1",
        "99999999999999999999",
        "'%20OR%201=1--",
        "a%2Fb",
        hold_id,
        payment_id,
        &tampered,
        &swapped,
        &"0".repeat(2_000),
    ];
    for id in ids {
        for path in [format!("/api/v1/orders/{id}"), format!("/api/v1/orders/{id}/stream")] {
            shop.ask(Method::GET, &path).send().await.refused(404, "UNKNOWN_ORDER");
        }
        let cancel = format!("/api/v1/orders/{id}/cancel");
        shop.ask(Method::POST, &cancel).send().await.refused(404, "UNKNOWN_ORDER");
        shop.pay(id, "k").await.refused(404, "UNKNOWN_ORDER");
        for picture in ["", "/qr.svg", "/qr.png"] {
            let path = format!("/api/v1/tickets/{id}{picture}");
            shop.ask(Method::GET, &path).send().await.refused(404, "UNKNOWN_TICKET");
        }
        shop.ask(Method::GET, &format!("/api/v1/plans/{id}"))
            .send()
            .await
            .refused(404, "UNKNOWN_PLAN");
        if id != hold_id {
            let path = format!("/api/v1/holds/{id}");
            shop.ask(Method::GET, &path).send().await.refused(404, "UNKNOWN_HOLD");
            shop.ask(Method::DELETE, &path).send().await.refused(404, "UNKNOWN_HOLD");
            shop.order(id, "ada").await.refused(404, "UNKNOWN_HOLD");
        }
    }
    for path in ["/api/v1/nothing", "/api/v1", "/api/v2/shows", "/"] {
        let status = shop.ask(Method::GET, path).send().await.status;
        assert!(status == 404 || path == "/", "{path}: {status}");
    }
    shop.ask(Method::PUT, "/api/v1/orders").send().await.refused(405, "METHOD_NOT_ALLOWED");
}

#[actix_web::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let holds = format!("/api/v1/shows/{show_id}/holds");
    let huge = format!("{{\"userId\":\"{}\"}}", "x".repeat(70_000));
    for path in [&holds[..], "/api/v1/orders", "/api/v1/checkins", "/api/v1/payments/callback"] {
        for (body, status, code) in [
            ("", 400, "NOT_JSON"),
            ("{", 400, "NOT_JSON"),
            ("nonsense", 400, "NOT_JSON"),
            ("null", 400, "INVALID_FIELD"),
            ("\"text\"", 400, "INVALID_FIELD"),
            ("{\"unknown\":1}", 400, "INVALID_FIELD"),
            (&huge, 413, "TOO_LARGE"),
        ] {
            let ask = shop.ask(Method::POST, path).key("k").body(body.to_owned());
            let words: String = body.chars().take(40).collect();
            let reply = ask.send().await;
            let problem = reply.expect(status);
            assert_eq!(problem["code"], code, "{path} {words}");
        }
        let bytes = shop.ask(Method::POST, path).key("k").body(vec![0xff, 0xfe, 0x00]);
        assert_eq!(bytes.send().await.expect(400)["code"], "NOT_JSON", "{path}");
        let deep = shop.ask(Method::POST, path).key("k").body("[".repeat(60_000));
        assert_eq!(deep.send().await.status, 400, "{path}");
        let typed = shop.ask(Method::POST, path).key("k").header("content-type", "text/plain");
        typed.send().await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let order = json!({"holdId": "h", "userId": "u", "contact": {"name": "n"}});
    let ask = shop.ask(Method::POST, "/api/v1/orders").json(&order);
    ask.send().await.refused(400, "IDEMPOTENCY_KEY_MISSING");
    for key in ["\"", "\"a", &"k".repeat(256)] {
        let ask = shop.ask(Method::POST, "/api/v1/orders").key(key).json(&order);
        let problem = ask.send().await.refused(400, "INVALID_PARAMETER");
        assert_eq!(problem["parameter"], "Idempotency-Key");
    }
}

#[actix_web::test]
async fn queries_that_mean_nothing_are_refused_by_name() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let long = "x".repeat(300);
    for (path, parameter) in [
        ("/api/v1/shows?page=0", "page"),
        ("/api/v1/shows?page=-1", "page"),
        ("/api/v1/shows?size=101", "size"),
        ("/api/v1/shows?size=9999999999999", "size"),
        ("/api/v1/shows?date=yesterday", "date"),
        ("/api/v1/shows?sort=up", "sort"),
        (&format!("/api/v1/shows?query={long}"), "query"),
        (&format!("/api/v1/shows/{show_id}/seats?since=-1"), "since"),
        (&format!("/api/v1/shows/{show_id}/seats?section=nowhere"), "section"),
        ("/api/v1/me/orders", "userId"),
        ("/api/v1/me/orders?userId=", "userId"),
        (&format!("/api/v1/me/orders?userId={long}"), "userId"),
    ] {
        let problem = shop.ask(Method::GET, path).send().await.refused(400, "INVALID_PARAMETER");
        assert_eq!(problem["parameter"], parameter, "{path}: {problem}");
    }
    let far = shop.get("/api/v1/shows?page=4294967295&size=100").await;
    assert_eq!((&far["shows"], &far["meta"]["total"]), (&json!([]), &json!(1)));
    let path = format!("/api/v1/shows?query={}", "x".repeat(9_000));
    shop.ask(Method::GET, &path).send().await.refused(414, "URI_TOO_LONG");
}

#[actix_web::test]
async fn bytes_that_are_no_request_leave_others_served() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let address = shop.url.strip_prefix("http://").expect("plain HTTP").to_owned();
    let rubbish: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        &[0; 20_000],
    ];
    for bytes in rubbish {
        let mut socket = tokio::net::TcpStream::connect(&address).await.expect("connected");
        // The shop may hang up in the middle of it, which is its good right.
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let wait = std::time::Duration::from_secs(15);
        let read = tokio::time::timeout(wait, socket.read_to_end(&mut answer)).await;
        drop(read.expect("the shop hangs up in time"));
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{bytes:?}: {text}");
    }
    let hold = shop.hold(&show_id, "ada", &json!({"seatIds": ["A-1"]})).await;
    assert_eq!(hold.expect(201)["status"], "ACTIVE");
}

#[actix_web::test]
async fn a_body_that_trickles_in_is_not_waited_for() {
    let shop = Shop::open_with(&["--client-seconds-max", "1"]);
    let address = shop.url.strip_prefix("http://").expect("plain HTTP");
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("connected");
    let head = "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 1000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.expect("sent");
    let (mut reading, mut writing) = socket.split();
    let trickle = async {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let wait = std::time::Duration::from_secs(15);
    let read = tokio::time::timeout(wait, reading.read_to_end(&mut answer));
    tokio::select! {
        read = read => drop(read.expect("the shop hangs up in time")),
        () = trickle => unreachable!("it never ends"),
    }
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("TOO_SLOW"), "{text}");
}

#[actix_web::test]
async fn a_gate_that_sends_rubbish_is_told_so() {
    let shop = Shop::open();
    let long = "x".repeat(3_000);
    for (body, pointer) in [
        (json!({"gate": "G"}), ""),
        (json!({"gate": "G", "payload": "x", "ticketCode": "t"}), ""),
        (json!({"ticketCode": "t"}), "/gate"),
        (json!({"gate": "", "ticketCode": "t"}), "/gate"),
        (json!({"gate": long, "ticketCode": "t"}), "/gate"),
        (json!({"gate": "G", "payload": long}), "/payload"),
        (json!({"gate": "G", "ticketCode": "t", "scannedAt": "soon"}), "/scannedAt"),
        (
            json!({"gate": "G", "ticketCode": "t", "scannedAt": "1969-01-01T00:00:00Z"}),
            "/scannedAt",
        ),
        (json!({"gate": "G", "ticketCode": "t", "nonce": ""}), "/nonce"),
    ] {
        let ask = shop.ask(Method::POST, "/api/v1/checkins").json(&body);
        let problem = ask.send().await.refused(400, "INVALID_FIELD");
        assert_eq!(problem["pointer"].as_str().unwrap_or(""), pointer, "{body}");
    }
    for (body, reason) in [
        (json!({"gate": "G", "payload": "AAAA"}), "BAD_SIGNATURE"),
        (json!({"gate": "G", "payload": "ünï"}), "BAD_SIGNATURE"),
        (json!({"gate": "G", "payload": "https://example.org/"}), "BAD_SIGNATURE"),
        (json!({"gate": "G", "ticketCode": "🎫"}), "UNKNOWN"),
        (json!({"gate": "G", "ticketCode": "t_0000000000"}), "UNKNOWN"),
    ] {
        let ask = shop.ask(Method::POST, "/api/v1/checkins").json(&body);
        let answer: Value = ask.send().await.expect(200);
        assert_eq!((&answer["result"], &answer["reason"]), (&json!("REJECTED"), &json!(reason)));
    }
}
