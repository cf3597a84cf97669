//! The real-name rule over HTTP: from hold to gate with a name and a document for each ticket, who
//! sees them, and that one document has one ticket through crashes, repeats and other buyers.

use reqwest::Method;
use serde_json::{Value, json};
use usher_wire::PaymentStatus;

use crate::shop::{Reply, Shop, plan, show, text};

const WANG: (&str, &str) = ("王小明", "A123456789");
const ADA: (&str, &str) = ("Ada Lovelace", "A800000014");
/// Another id with a good check digit.
const LIN: (&str, &str) = ("林美玲", "F131104093");

fn attendees(people: &[(&str, &str)]) -> Value {
    let one = |(name, document): &(&str, &str)| json!({"name": name, "document": document});
    people.iter().map(one).collect()
}

/// A show of 40 seats and 10 standing tickets that asks who comes; not yet on sale.
async fn draft(shop: &Shop, show_id: &str) -> String {
    let plan_id = shop.add_plan(&plan("Hall", 4, 10)).await;
    let stock = json!([{"name": "Floor", "quantity": 5_000, "priceCents": 1_000}]);
    let mut show = show(show_id, Some(&plan_id), &stock);
    show["identity"] = json!({"required": true, "verifier": "tw-id"});
    let made = shop.admin(Method::POST, "/admin/v1/shows").json(&show).send().await.expect(201);
    let rule = json!({"required": true, "verifier": "tw-id", "unitsPerDocument": 1});
    assert_eq!(made["identity"], rule);
    text(&made["showId"])
}

async fn open(shop: &Shop, show_id: &str) {
    let path = format!("/admin/v1/shows/{show_id}/open");
    shop.admin(Method::POST, &path).send().await.expect(200);
}

async fn order(shop: &Shop, hold_id: &str, user_id: &str, key: &str, who: &Value) -> Reply {
    let contact = json!({"name": "Whoever pays"});
    let mut body = json!({"holdId": hold_id, "userId": user_id, "contact": contact});
    if !who.is_null() {
        body["attendees"] = who.clone();
    }
    shop.ask(Method::POST, "/api/v1/orders").key(key).json(&body).send().await
}

async fn held(shop: &Shop, show_id: &str, user_id: &str, what: &Value) -> String {
    text(&shop.hold(show_id, user_id, what).await.expect(201)["holdId"])
}

/// Pays an order and gives its ticket codes.
async fn tickets(shop: &Shop, order: &Value) -> Vec<String> {
    let order_id = text(&order["orderId"]);
    let payment_id = text(&shop.pay(&order_id, "pay").await.expect(200)["paymentId"]);
    let cents = order["amountCents"].as_u64().expect("cents");
    shop.callback(&payment_id, &order_id, PaymentStatus::Success, cents).await.expect(200);
    let page = format!("/api/v1/orders/{order_id}");
    let paid = shop.wait_for(&page, |order| order["status"] == "TICKETED").await;
    let lines = paid["tickets"].as_array().expect("tickets").iter();
    lines.map(|line| text(&line["ticketCode"])).collect()
}

async fn scan(shop: &Shop, key: Option<&str>, code: &str) -> Value {
    let body = json!({"ticketCode": code, "gate": "north"});
    let ask = shop.ask(Method::POST, "/api/v1/checkins").json(&body);
    let ask = match key {
        Some(key) => ask.header("authorization", &format!("Bearer {key}")),
        None => ask,
    };
    let reply = ask.send().await;
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.expect(200)
}

#[actix_web::test]
async fn one_document_has_one_ticket_and_is_seen_at_the_gate_only() {
    let mut shop = Shop::open();
    let show_id = draft(&shop, "premiere").await;
    open(&shop, &show_id).await;
    let hold_id = held(&shop, &show_id, "ada", &json!({"seatIds": ["A-1", "A-2"]})).await;

    let wanted = order(&shop, &hold_id, "ada", "k", &Value::Null).await;
    let wanted = wanted.refused(422, "NAMES_REQUIRED");
    assert_eq!((&wanted["pointer"], &wanted["limit"]), (&json!("/attendees"), &json!(2)));
    let bad = attendees(&[WANG, ("Ada", "A123456788")]);
    let bad = order(&shop, &hold_id, "ada", "k", &bad).await.refused(422, "BAD_DOCUMENT");
    assert_eq!(bad["pointer"], "/attendees/1/document");
    assert!(!bad.to_string().contains("123456788"), "{bad}");
    let nameless = attendees(&[WANG, (" ", ADA.1)]);
    let nameless = order(&shop, &hold_id, "ada", "k", &nameless).await;
    assert_eq!(nameless.refused(400, "INVALID_FIELD")["pointer"], "/attendees/1/name");
    let twice = attendees(&[WANG, ("Somebody", "a1234-56789")]);
    let twice = order(&shop, &hold_id, "ada", "k", &twice).await.refused(409, "LIMIT_PER_DOCUMENT");
    assert_eq!(twice["pointer"], "/attendees/1/document");

    let both = attendees(&[WANG, ADA]);
    let placed = order(&shop, &hold_id, "ada", "k", &both).await.expect(201);
    let masked = attendees(&[("王**", "A*********"), ("A** ********", "A*********")]);
    assert_eq!(placed["attendees"], masked);

    // Whoever buys, and whatever crashes, the documents are taken; a repeat is not counted again.
    shop.kill_and_restart();
    let again = order(&shop, &hold_id, "ada", "k", &both).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(201)["orderId"], placed["orderId"]);
    let other = attendees(&[WANG, LIN]);
    let reused = order(&shop, &hold_id, "ada", "k", &other).await;
    reused.refused(422, "IDEMPOTENCY_KEY_REUSED");
    let by_eve = held(&shop, &show_id, "eve", &json!({"seatIds": ["A-3"]})).await;
    let taken = order(&shop, &by_eve, "eve", "k", &attendees(&[("Eve", WANG.1)])).await;
    let taken = taken.refused(409, "LIMIT_PER_DOCUMENT");
    assert_eq!((&taken["limit"], &taken["remaining"]), (&json!(1), &json!(0)));
    let counter = json!({"seatIds": ["A-4"], "attendees": attendees(&[ADA])});
    let path = format!("/admin/v1/shows/{show_id}/orders");
    let at_counter = shop.admin(Method::POST, &path).key("c").json(&counter).send().await;
    at_counter.refused(409, "LIMIT_PER_DOCUMENT");

    let codes = tickets(&shop, &placed).await;
    let page = shop.get(&format!("/api/v1/tickets/{}", codes[0])).await;
    assert_eq!(page["holder"], masked[0]);
    let listed = shop.admin(Method::GET, &path).send().await.expect(200);
    assert_eq!(listed["orders"][0]["order"]["attendees"], masked);

    let gate = shop.make_key("gate", &["checkin"]).await;
    let admitted = scan(&shop, Some(&gate), &codes[0]).await;
    assert_eq!(admitted["result"], "ADMITTED");
    assert_eq!(admitted["holder"], both[0]);
    // Identity is open here, so anybody may let people in; but nobody without a key sees papers.
    let admitted = scan(&shop, None, &codes[1]).await;
    assert_eq!((&admitted["result"], &admitted["holder"]), (&json!("ADMITTED"), &masked[1]));
    let again = scan(&shop, Some(&gate), &codes[1]).await;
    assert_eq!((&again["reason"], &again["holder"]), (&json!("ALREADY_USED"), &both[1]));

    let audit = format!("/ops/v1/shows/{show_id}/audit");
    let operator = format!("Bearer {}", shop.key("operator_key"));
    let audit = shop.ask_at(true, Method::GET, &audit).header("authorization", &operator);
    assert_eq!(audit.send().await.expect(200)["ok"], true);
    check_disk(&shop);
}

/// Nothing that names a person is in any file in the clear, the logbook and the journal among them.
fn check_disk(shop: &Shop) {
    let mut paths = vec![shop.data_dir().to_owned()];
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).expect("readable").map(|e| e.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).expect("readable");
        seen += bytes.len();
        for private in [WANG.0, WANG.1, ADA.0, ADA.1, LIN.1] {
            let has = bytes.windows(private.len()).any(|part| part == private.as_bytes());
            assert!(!has, "{private} in {}", path.display());
        }
    }
    assert!(seen > 1_000, "{seen} bytes seen");
}

#[actix_web::test]
async fn what_is_given_back_frees_its_document() {
    let shop = Shop::open();
    let show_id = draft(&shop, "premiere").await;
    open(&shop, &show_id).await;
    let who = attendees(&[LIN]);
    let stock = json!({"stock": {"name": "Floor", "quantity": 1}});
    for user_id in ["ada", "bob"] {
        let hold_id = held(&shop, &show_id, user_id, &stock).await;
        let placed = order(&shop, &hold_id, user_id, "k", &who).await.expect(201);
        let path = format!("/api/v1/orders/{}/cancel", text(&placed["orderId"]));
        shop.ask(Method::POST, &path).send().await.expect(200);
    }
    let counter = json!({"stock": {"name": "Floor", "quantity": 1}, "attendees": who});
    let path = format!("/admin/v1/shows/{show_id}/orders");
    let sold = shop.admin(Method::POST, &path).key("c").json(&counter).send().await.expect(201);
    let hold_id = held(&shop, &show_id, "eve", &stock).await;
    let taken = order(&shop, &hold_id, "eve", "k", &who).await;
    taken.refused(409, "LIMIT_PER_DOCUMENT");
    let path = format!("/admin/v1/orders/{}/refund", text(&sold["orderId"]));
    let refund = json!({"reason": "cannot come"});
    shop.admin(Method::POST, &path).json(&refund).send().await.expect(200);
    order(&shop, &hold_id, "eve", "k", &who).await.expect(201);
}

#[actix_web::test]
async fn a_show_asks_who_comes_from_before_it_is_on_sale_or_not_at_all() {
    let shop = Shop::open();
    let make = |identity: Value, segments: u16| {
        let stock =
            json!([{"name": "Floor", "quantity": 9, "priceCents": 1, "segments": segments}]);
        let mut show = show("other", None, &stock);
        show["identity"] = identity;
        shop.admin(Method::POST, "/admin/v1/shows").json(&show).send()
    };
    let split = make(json!({"required": true}), 2).await.refused(422, "BAD_SHOW");
    assert_eq!(split["pointer"], "/stock/0/segments");
    let unknown = json!({"required": true, "verifier": "library-card"});
    let unknown = make(unknown, 1).await.refused(400, "INVALID_FIELD");
    assert_eq!(unknown["pointer"], "/identity/verifier");
    for units in [0, 101] {
        let wrong = make(json!({"required": true, "unitsPerDocument": units}), 1).await;
        assert_eq!(wrong.refused(400, "INVALID_FIELD")["pointer"], "/identity/unitsPerDocument");
    }
    let off = make(json!({"required": false}), 2).await.expect(201);
    assert!(off.get("identity").is_none(), "{off}");
    let patch = |show_id: &str, identity: Value| {
        let body = json!({"identity": identity});
        shop.admin(Method::PATCH, &format!("/admin/v1/shows/{show_id}")).json(&body).send()
    };
    patch("other", json!({"required": true})).await.refused(422, "BAD_SHOW");

    let show_id = draft(&shop, "premiere").await;
    let off = patch(&show_id, json!({"required": false})).await.expect(200);
    assert!(off.get("identity").is_none(), "{off}");
    let rule = json!({"required": true, "verifier": "passport", "unitsPerDocument": 2});
    assert_eq!(patch(&show_id, rule.clone()).await.expect(200)["identity"], rule);
    open(&shop, &show_id).await;
    for other in [
        json!({"required": false}),
        json!({"required": true, "verifier": "any", "unitsPerDocument": 2}),
        json!({"required": true, "verifier": "passport"}),
    ] {
        patch(&show_id, other).await.refused(422, "BAD_SHOW");
    }
    patch(&show_id, rule).await.expect(200);

    // An ordinary show keeps no papers that somebody sends all the same.
    let plain = shop.seated("hamlet").await;
    let hold_id = held(&shop, &plain, "ada", &json!({"seatIds": ["A-1"]})).await;
    let sent = order(&shop, &hold_id, "ada", "k", &attendees(&[WANG])).await;
    sent.refused(422, "NAMES_NOT_ASKED");
    let placed = order(&shop, &hold_id, "ada", "k", &Value::Null).await.expect(201);
    assert!(placed.get("attendees").is_none(), "{placed}");
}

#[actix_web::test]
async fn a_person_exports_who_comes_in_full_and_erasing_destroys_it() {
    let shop = Shop::open();
    let show_id = draft(&shop, "premiere").await;
    open(&shop, &show_id).await;
    let ada = shop.register("ada@example.org", "correct horse").await;
    let holds = format!("/api/v1/shows/{show_id}/holds");
    let hold = shop.ask_as(&ada.access, Method::POST, &holds).json(&json!({"seatIds": ["A-1"]}));
    let who = attendees(&[ADA]);
    let body = json!({
        "holdId": hold.send().await.expect(201)["holdId"],
        "contact": {"name": "Ada"}, "attendees": who,
    });
    let ask = shop.ask_as(&ada.access, Method::POST, "/api/v1/orders").key("one").json(&body);
    let placed = ask.send().await.expect(201);
    let own = shop.ask_as(&ada.access, Method::GET, "/api/v1/me/export").send().await.expect(200);
    assert_eq!(own["orders"][0]["attendees"], who);
    let path = format!("/admin/v1/users/{}/export", ada.user_id);
    let told = shop.admin(Method::GET, &path).send().await.expect(200);
    assert_eq!(told["orders"][0]["attendees"], placed["attendees"]);
    assert!(!told.to_string().contains(ADA.1), "{told}");

    let path = format!("/admin/v1/shows/{show_id}/orders");
    let sale = json!({"seatIds": ["A-2"], "userId": "bob", "attendees": attendees(&[WANG])});
    let sold = shop.admin(Method::POST, &path).key("c").json(&sale).send().await.expect(201);
    let code = text(&sold["tickets"][0]["ticketCode"]);
    shop.admin(Method::DELETE, "/admin/v1/users/bob").send().await.expect(200);
    let gate = shop.make_key("gate", &["checkin"]).await;
    let admitted = scan(&shop, Some(&gate), &code).await;
    assert_eq!(admitted["result"], "ADMITTED", "a ticket admits its bearer");
    assert!(admitted.get("holder").is_none(), "{admitted}");
    // Forgotten or not, the document has its ticket.
    let hold_id = held(&shop, &show_id, "eve", &json!({"seatIds": ["A-3"]})).await;
    let taken = order(&shop, &hold_id, "eve", "k", &attendees(&[WANG])).await;
    taken.refused(409, "LIMIT_PER_DOCUMENT");
}
