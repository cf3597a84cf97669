//! What an organiser does, from the plan to the last refund.

use crate::harness::request;
use crate::office::{Office, new_show, plan, text};
use serde_json::{Value, json};
use std::time::Duration;

const NOTHING: Value = Value::Null;

fn show(office: &Office, show_id: &str) -> Value {
    office.server().get(&format!("/api/v1/shows/{show_id}")).is(200)
}

fn line<'a>(report: &'a Value, part: &str, name: &str) -> &'a Value {
    let lines = report[part].as_array().expect("lines");
    lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name} in {part}"))
}

#[test]
fn only_the_organisers_key_opens_the_door() {
    let office = Office::open();
    let public = office.server().public;
    for bearer in ["", "Bearer ", "Bearer wrong-wrong-wrong-wrong", "Basic x"] {
        let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
        let refused = request(public, "POST", "/admin/v1/plans", &headers, b"{}");
        refused.is_problem(401, "UNAUTHORIZED", None);
    }
    let operator = std::fs::read_to_string(office.dir().join("data/keys/operator_key")).unwrap();
    let headers = [("Authorization", &*format!("Bearer {}", operator.trim()))];
    // Who runs the server can read its keys, so the operator's opens everything.
    request(public, "GET", "/admin/v1/shows/x/report", &headers, b"").is(404);
    let organiser = std::fs::read_to_string(office.dir().join("data/keys/organiser_key")).unwrap();
    let headers = [("Authorization", &*format!("Bearer {}", organiser.trim()))];
    request(office.server().operators, "GET", "/ops/v1/shards", &headers, b"").is(403);
    request(office.server().operators, "GET", "/ops/v1/shards", &[], b"").is(401);
}

#[test]
fn a_plan_is_one_plan_however_often_it_comes() {
    let office = Office::open();
    let first = office.admin("POST", "/plans", &plan());
    let made = first.is(201);
    let counts = json!([{"name": "Red", "seats": 20}, {"name": "Blue", "seats": 20}]);
    assert_eq!((&made["seats"], &made["categories"]), (&json!(40), &counts));
    assert_eq!(office.admin("POST", "/plans", &plan()).is(201), made);
    let path = first.header("location").expect("said").to_owned();
    let document = office.server().get(&path);
    assert_eq!(document.json(), plan());
    let mut twice = plan();
    twice["zones"][1]["rows"][0]["seats"][3]["seat_guid"] = json!("A-1");
    let pointer = "/zones/1/rows/0/seats/3/seat_guid";
    office.admin("POST", "/plans", &twice).is_problem(422, "BAD_PLAN", Some(pointer));
}

#[test]
fn what_makes_no_show_is_refused_at_its_field() {
    let office = Office::open();
    let plan_id = office.admin("POST", "/plans", &plan()).is(201)["planId"].clone();
    let check = |change: &dyn Fn(&mut Value), status, code, pointer| {
        let mut show = new_show("macbeth");
        show["planId"] = plan_id.clone();
        change(&mut show);
        office.admin("POST", "/shows", &show).is_problem(status, code, pointer);
    };
    check(&|s| s["titel"] = json!("x"), 400, "INVALID_FIELD", Some("/titel"));
    check(&|s| s["prices"] = json!({"Red": 1}), 400, "INVALID_FIELD", Some("/prices/Blue"));
    check(&|s| s["prices"]["Red"] = json!(-1), 400, "INVALID_FIELD", Some("/prices/Red"));
    check(
        &|s| s["stock"][0]["quantity"] = json!(0),
        400,
        "INVALID_FIELD",
        Some("/stock/0/quantity"),
    );
    check(&|s| s["planId"] = json!("pl_x"), 404, "UNKNOWN_PLAN", Some("/planId"));
    check(&|s| s["saleEndsAt"] = json!("soon"), 400, "INVALID_FIELD", Some("/saleEndsAt"));
    assert_eq!(office.make_show("macbeth")["saleState"], "DRAFT");
    check(&|_| {}, 409, "SHOW_EXISTS", None);
    office.admin("PATCH", "/shows/nobody", &json!({})).is_problem(404, "UNKNOWN_SHOW", None);
    let closed = office.admin("POST", "/shows/macbeth/close", &NOTHING);
    assert_eq!(closed.is_problem(409, "ILLEGAL_STATE", None)["state"], "DRAFT");
}

#[test]
fn batches_go_on_sale_one_after_the_other() {
    let office = Office::open();
    office.make_show("hamlet");
    let put = |body: Value| office.admin("POST", "/shows/hamlet/put-on-sale", &body);
    assert_eq!(put(json!({"seatIds": ["A-1", "A-2", "A-1"]})).is(200)["quantity"], 2);
    assert_eq!(put(json!({"seatIds": ["A-1"]})).is(200)["quantity"], 0, "it is on sale already");
    assert_eq!(put(json!({"section": "st", "quantity": 3})).is(200)["quantity"], 3);
    let stock = put(json!({"stock": "Floor", "quantity": 10})).is(200);
    assert_eq!(stock["quantity"], 10);
    office.admin("POST", "/shows/hamlet/open", &NOTHING).is(200);
    let open = show(&office, "hamlet");
    assert_eq!(open["categories"][0]["available"], 5);
    assert_eq!(
        (&open["categories"][1]["available"], &open["stock"][0]["available"]),
        (&json!(0), &json!(10))
    );
    // What was not put on sale is not opened with the rest.
    let blocked = office.try_hold("hamlet", "ada", &json!({"seatIds": ["A-5", "C-1"]}));
    let problem = blocked.is_problem(409, "SEAT_UNAVAILABLE", None);
    assert_eq!(problem["seats"], json!([{"seatId": "C-1", "status": "BLOCKED"}]));

    let at = (jiff::Timestamp::now() + Duration::from_millis(1_500)).to_string();
    let later = put(json!({"section": "ba", "quantity": 4, "at": at})).is(200);
    assert_eq!((&later["quantity"], later["at"].is_string()), (&json!(4), true));
    // The next four are not the four that are scheduled.
    assert_eq!(put(json!({"section": "ba", "quantity": 4})).is(200)["quantity"], 4);
    let seats = office.server().get("/api/v1/shows/hamlet/seats?section=ba").is(200);
    let on_sale = |seats: &Value| -> Vec<String> {
        let seats = seats["seats"].as_array().expect("seats").iter();
        let free = seats.filter(|seat| seat["status"] == "AVAILABLE");
        free.map(|seat| text(&seat["seatId"]).to_owned()).collect()
    };
    assert_eq!(on_sale(&seats), ["C-5", "C-6", "C-7", "C-8"]);
    let all = office.wait_for("/api/v1/shows/hamlet/seats?section=ba", |s| on_sale(s).len() == 8);
    assert_eq!(on_sale(&all)[..4], ["C-1", "C-2", "C-3", "C-4"]);
    let rest = put(json!({})).is(200);
    assert_eq!(rest["quantity"], 40 - 13 + 30);
    assert_eq!(show(&office, "hamlet")["stock"][0]["available"], 40);

    put(json!({"section": "roof"})).is_problem(422, "UNKNOWN_SEAT", Some("/section"));
    put(json!({"seatIds": ["A-1", "Z-1"]})).is_problem(422, "UNKNOWN_SEAT", Some("/seatIds/1"));
    put(json!({"stock": "Roof"})).is_problem(422, "UNKNOWN_SEAT", Some("/stock"));
    put(json!({"seatIds": []})).is_problem(400, "INVALID_FIELD", Some("/seatIds"));
    put(json!({"quantity": 3})).is_problem(400, "INVALID_FIELD", Some("/quantity"));
    put(json!({"section": "st", "stock": "Floor"})).is_problem(400, "INVALID_FIELD", Some(""));
    office.audit("hamlet");
}

#[test]
fn the_counter_sells_at_once_and_once() {
    let office = Office::open();
    office.show("hamlet");
    let sell = |key: &str, body: Value| {
        office.admin_with("POST", "/shows/hamlet/orders", &body, &[("Idempotency-Key", key)])
    };
    let seats = json!({"seatIds": ["A-1", "A-2"], "contact": {"name": "Grace", "phone": "0911"}});
    let sold = sell("k1", seats.clone());
    let order = sold.is(201);
    assert_eq!((&order["status"], &order["amountCents"]), (&json!("TICKETED"), &json!(6_000)));
    assert_eq!(order["tickets"].as_array().map(Vec::len), Some(2));
    assert!(order["holdId"].is_null(), "nobody held it");
    let again = sell("k1", seats);
    assert_eq!(again.is(201), order);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    sell("k1", json!({"seatIds": ["A-3"]})).is_problem(422, "IDEMPOTENCY_KEY_REUSED", None);
    sell("k2", json!({"seatIds": ["A-2"]})).is_problem(409, "SEAT_UNAVAILABLE", None);
    // More than a buyer may have, and more than any one segment holds.
    let stock = sell("k3", json!({"stock": {"name": "Floor", "quantity": 25}})).is(201);
    assert_eq!(stock["tickets"].as_array().map(Vec::len), Some(25));
    let missing = office.admin("POST", "/shows/hamlet/orders", &json!({"seatIds": ["A-4"]}));
    missing.is_problem(400, "IDEMPOTENCY_KEY_MISSING", None);
    sell("k4", json!({})).is_problem(400, "INVALID_FIELD", Some(""));
    let code = text(&order["tickets"][0]["ticketCode"]);
    let scan = json!({"ticketCode": code, "gate": "north"});
    assert_eq!(office.buyer("POST", "/api/v1/checkins", &scan).is(200)["result"], "ADMITTED");
    office.audit("hamlet");
}

#[test]
fn orders_are_found_and_reported_and_refunded() {
    let office = Office::open();
    office.show("hamlet");
    let ada = office.buy("hamlet", "ada", &json!({"seatIds": ["A-1", "C-1"]}));
    let bob = office.buy("hamlet", "bob", &json!({"stock": {"name": "Floor", "quantity": 3}}));
    office.hold("hamlet", "eve", &json!({"seatIds": ["B-1"]}));
    let find = |query: &str| -> Vec<String> {
        let page = office.admin("GET", &format!("/shows/hamlet/orders?{query}"), &NOTHING).is(200);
        let orders = page["orders"].as_array().expect("orders").iter();
        orders.map(|found| text(&found["order"]["orderId"]).to_owned()).collect()
    };
    let (ada_id, bob_id) = (text(&ada["orderId"]), text(&bob["orderId"]));
    assert_eq!(find(""), [bob_id, ada_id], "newest first");
    assert_eq!(find("size=1&page=2"), [ada_id]);
    assert_eq!(find(&format!("query={ada_id}")), [ada_id]);
    assert_eq!(find(&format!("query={}", text(&bob["tickets"][2]["ticketCode"]))), [bob_id]);
    assert_eq!(find("query=ADA%20love"), [ada_id]);
    assert_eq!(find("query=21234").len(), 2, "by phone");
    assert_eq!(find("query=nobody"), [] as [&str; 0]);
    assert_eq!(find("status=REFUNDED"), [] as [&str; 0]);
    let page = office.admin("GET", "/shows/hamlet/orders?query=bob", &NOTHING).is(200);
    assert_eq!(page["orders"][0]["contact"]["name"], "bob Lovelace");
    let bad = office.admin("GET", "/shows/hamlet/orders?status=SOLD", &NOTHING);
    assert_eq!(bad.is_problem(400, "INVALID_PARAMETER", None)["parameter"], "status");

    let code = text(&ada["tickets"][1]["ticketCode"]);
    let scan = json!({"ticketCode": code, "gate": "north"});
    office.buyer("POST", "/api/v1/checkins", &scan).is(200);
    let report = || office.admin("GET", "/shows/hamlet/report", &NOTHING).is(200);
    let before = report();
    assert_eq!(line(&before, "byCategory", "Red")["revenueCents"], 3_000);
    let blue = line(&before, "byCategory", "Blue");
    assert_eq!((&blue["revenueCents"], &blue["admitted"]), (&json!(1_000), &json!(1)));
    let stalls = line(&before, "bySection", "Stalls (st)");
    assert_eq!(
        (&stalls["sold"], &stalls["held"], &stalls["available"]),
        (&json!(1), &json!(1), &json!(18))
    );
    assert_eq!(line(&before, "byStock", "Floor")["revenueCents"], 1_500);
    assert_eq!(
        (&before["total"]["capacity"], &before["total"]["revenueCents"]),
        (&json!(80), &json!(5_500))
    );
    assert_eq!(before["ordersByStatus"]["TICKETED"], 2);

    let path = format!("/orders/{bob_id}/refund");
    office.admin("POST", &path, &json!({})).is_problem(400, "INVALID_FIELD", Some("/reason"));
    let refund = office.admin("POST", &path, &json!({"reason": "the singer is ill"})).is(200);
    assert_eq!((&refund["refundDueCents"], &refund["currency"]), (&json!(1_500), &json!("TWD")));
    office.admin("POST", &path, &json!({"reason": "again"})).is(200);
    // The sandbox gives money back by itself.
    office.wait_for(&format!("/api/v1/orders/{bob_id}"), |order| order["status"] == "REFUNDED");
    let after = report();
    assert_eq!(after["ordersByStatus"]["REFUNDED"], 1);
    let floor = line(&after, "byStock", "Floor");
    assert_eq!((&floor["sold"], &floor["revenueCents"]), (&json!(0), &json!(0)));
    assert_eq!(after["refundsDueCents"], 0);
    let nobody = "/orders/o_nobody/refund";
    office.admin("POST", nobody, &json!({"reason": "x"})).is_problem(404, "UNKNOWN_ORDER", None);
    assert_eq!(office.audit("hamlet")["sold"], 2);
}

#[test]
fn a_show_changes_but_never_below_what_is_sold() {
    let office = Office::open();
    office.show("hamlet");
    let patch = |body: Value| office.admin("PATCH", "/shows/hamlet", &body);
    let hold = office.hold("hamlet", "ada", &json!({"seatIds": ["C-1"]}));
    let changed = patch(json!({"title": "Macbeth", "prices": {"Blue": 1200}, "maxPerUser": 2}));
    let changed = changed.is(200);
    assert_eq!((&changed["title"], &changed["city"]), (&json!("Macbeth"), &json!("Taipei")));
    assert_eq!(changed["categories"][1]["priceCents"], 1_200);
    assert_eq!(hold["totalPriceCents"], 1_000, "a hold keeps its price");
    let too_many = office.try_hold("hamlet", "ada", &json!({"seatIds": ["C-2", "C-3"]}));
    assert_eq!(too_many.is_problem(422, "LIMIT_PER_USER", None)["remaining"], 1);

    office.hold("hamlet", "bob", &json!({"stock": {"name": "Floor", "quantity": 2}}));
    let stock = |quantity: u32| json!({"stock": [{"name": "Floor", "quantity": quantity}]});
    let grown = patch(stock(50)).is(200);
    assert_eq!(
        (&grown["stock"][0]["quantity"], &grown["stock"][0]["available"]),
        (&json!(50), &json!(48))
    );
    let refused = patch(stock(1)).is_problem(409, "CAPACITY_IN_USE", Some("/stock/0/quantity"));
    assert_eq!(refused["detail"], "2 tickets are sold or held");
    // Down to exactly what is held, from all four segments.
    let shrunk = patch(stock(2)).is(200);
    assert_eq!(
        (&shrunk["stock"][0]["quantity"], &shrunk["stock"][0]["available"]),
        (&json!(2), &json!(0))
    );
    let sold_out =
        office.try_hold("hamlet", "eve", &json!({"stock": {"name": "Floor", "quantity": 1}}));
    sold_out.is_problem(409, "SOLD_OUT", None);
    assert_eq!(office.audit("hamlet")["capacity"], 42);
    // And up again: what grows is on sale, as all of it was.
    assert_eq!(patch(stock(12)).is(200)["stock"][0]["available"], 10);
    let audit = office.audit("hamlet");
    assert_eq!((&audit["capacity"], &audit["held"]), (&json!(52), &json!(3)));
    patch(json!({"saleEndsAt": "2019-01-01T00:00:00Z"})).is_problem(
        400,
        "INVALID_FIELD",
        Some("/saleEndsAt"),
    );
    patch(json!({"currency": "EUR"})).is_problem(400, "INVALID_FIELD", Some("/currency"));
}

#[test]
fn a_pool_that_is_not_on_sale_shrinks_too() {
    let office = Office::open();
    office.make_show("hamlet");
    let stock = json!({"stock": [{"name": "Floor", "quantity": 7}]});
    let shrunk = office.admin("PATCH", "/shows/hamlet", &stock).is(200);
    assert_eq!(shrunk["stock"][0]["quantity"], 7);
    office.admin("POST", "/shows/hamlet/open", &NOTHING).is(200);
    assert_eq!(show(&office, "hamlet")["stock"][0]["available"], 7);
    assert_eq!(office.audit("hamlet")["capacity"], 47);
}
