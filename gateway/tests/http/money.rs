//! Every late or wrong payment, as its provider would tell us: nobody's money is kept without
//! tickets, and none is given back that paid for some.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use usher_wire::PaymentStatus::{Failed, Success};

use crate::shop::{Shop, show, signed};

const PRICE: u64 = 5_000;

/// An order of one seat, or of tickets, with a payment under way.
struct Paying {
    order_id: String,
    payment_id: String,
    amount: u64,
}

impl Paying {
    async fn start(shop: &Shop, show_id: &str, user_id: &str, what: &Value) -> Self {
        let hold = shop.hold(show_id, user_id, what).await.expect(201);
        let order = shop.order(hold["holdId"].as_str().expect("an id"), user_id).await.expect(201);
        let order_id = order["orderId"].as_str().expect("an id").to_owned();
        let payment = shop.pay(&order_id, "p1").await.expect(200);
        let payment_id = payment["paymentId"].as_str().expect("an id").to_owned();
        let amount = payment["amountCents"].as_u64().expect("an amount");
        Self { order_id, payment_id, amount }
    }

    fn page(&self) -> String {
        format!("/api/v1/orders/{}", self.order_id)
    }

    /// The provider says that this payment succeeded with its amount.
    async fn succeed(&self, shop: &Shop) -> Value {
        shop.callback(&self.payment_id, &self.order_id, Success, self.amount).await.expect(200)
    }

    async fn wait_for_status(&self, shop: &Shop, status: &str) -> Value {
        shop.wait_for(&self.page(), |order| order["status"] == status).await
    }
}

fn seat(label: &str) -> Value {
    json!({"seatIds": [label]})
}

/// A shop on which orders wait one second for their money.
fn hasty() -> Shop {
    Shop::open_with(&["--pay-seconds", "1", "--pay-extension-seconds", "1"])
}

/// A show whose holds live for a second.
async fn hasty_show(shop: &Shop, stock: &Value) -> String {
    let plan_id = shop.add_plan(&crate::shop::plan("Hall", 4, 10)).await;
    let mut show = show("hasty", Some(&plan_id), stock);
    show["holdSeconds"] = 1.into();
    shop.open_show(&show).await
}

#[actix_web::test]
async fn a_failure_is_not_final_and_a_success_is() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    let told = |status, amount| shop.callback(&paying.payment_id, &paying.order_id, status, amount);
    let noted = told(Failed, PRICE).await.expect(200);
    assert_eq!((&noted["result"], &noted["recorded"]), (&json!("NOTED"), &json!(true)));
    assert_eq!(paying.succeed(&shop).await["result"], "TICKETED");
    // Again, out of order, and to the contrary: the outcome stays.
    assert_eq!(paying.succeed(&shop).await["orderStatus"], "TICKETED");
    assert_eq!(told(Failed, PRICE).await.expect(200)["orderStatus"], "TICKETED");
    let order = shop.get(&paying.page()).await;
    assert_eq!(order["tickets"].as_array().expect("tickets").len(), 1);
    assert_eq!(order["refundDueCents"], Value::Null);
}

#[actix_web::test]
async fn a_failed_payment_can_be_tried_again() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    shop.callback(&paying.payment_id, &paying.order_id, Failed, PRICE).await.expect(200);
    let second = shop.pay(&paying.order_id, "p2").await.expect(200);
    assert_ne!(second["paymentId"], paying.payment_id.as_str());
    let second = Paying {
        payment_id: second["paymentId"].as_str().expect("an id").to_owned(),
        order_id: paying.order_id.clone(),
        amount: PRICE,
    };
    assert_eq!(second.succeed(&shop).await["result"], "TICKETED");
    // Now the first one succeeds as well: that money goes back, the tickets stay.
    let surplus = paying.succeed(&shop).await;
    assert_eq!(
        (&surplus["result"], &surplus["refundDueCents"]),
        (&json!("REFUND_DUE"), &json!(PRICE))
    );
    let given_back = |order: &Value| order["refundDueCents"].is_null();
    let order = shop.wait_for(&paying.page(), given_back).await;
    assert_eq!(order["status"], "TICKETED");
    assert_eq!(paying.succeed(&shop).await["result"], "REPEATED", "given back once");
}

#[actix_web::test]
async fn money_of_another_amount_goes_back_and_the_order_waits_on() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    for (name, amount) in
        [("theirs-1", PRICE - 1), ("theirs-2", PRICE + 1), ("theirs-3", 0), ("theirs-4", u64::MAX)]
    {
        let told = shop.callback(name, &paying.order_id, Success, amount).await.expect(200);
        assert_eq!(
            (&told["result"], &told["refundDueCents"]),
            (&json!("REFUND_DUE"), &json!(amount)),
            "{name}"
        );
        assert_eq!(told["orderStatus"], "PAYING");
    }
    assert_eq!(paying.succeed(&shop).await["result"], "TICKETED");
    let order = shop.wait_for(&paying.page(), |order| order["refundDueCents"].is_null()).await;
    assert_eq!(order["status"], "TICKETED");
}

#[actix_web::test]
async fn money_for_a_cancelled_order_goes_back() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    shop.ask(Method::POST, &format!("{}/cancel", paying.page())).send().await.expect(200);
    let told = paying.succeed(&shop).await;
    assert_eq!(
        (&told["result"], &told["orderStatus"]),
        (&json!("REFUND_DUE"), &json!("REFUND_PENDING"))
    );
    paying.wait_for_status(&shop, "REFUNDED").await;
    // The seat is anybody's.
    Paying::start(&shop, &show_id, "bob", &seat("A-1")).await;
}

#[actix_web::test]
async fn late_money_takes_the_same_seats_again_or_goes_back() {
    let shop = hasty();
    let show_id = hasty_show(&shop, &json!([])).await;
    let lucky = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    let unlucky = Paying::start(&shop, &show_id, "bob", &json!({"seatIds": ["A-2", "A-3"]})).await;
    lucky.wait_for_status(&shop, "EXPIRED").await;
    unlucky.wait_for_status(&shop, "EXPIRED").await;
    shop.pay(&lucky.order_id, "p2").await.refused(410, "ORDER_EXPIRED");
    // One of two seats is somebody else's now: all or nothing.
    shop.hold(&show_id, "eve", &json!({"seatIds": ["A-3"]})).await.expect(201);
    let told = unlucky.succeed(&shop).await;
    assert_eq!(
        (&told["result"], &told["refundDueCents"]),
        (&json!("REFUND_DUE"), &json!(2 * PRICE))
    );
    unlucky.wait_for_status(&shop, "REFUNDED").await;
    // Neither limit nor pause matters to money that came.
    let pause = format!("/admin/v1/shows/{show_id}/pause");
    shop.admin(Method::POST, &pause).send().await.expect(200);
    assert_eq!(lucky.succeed(&shop).await["result"], "TICKETED");
    let order = shop.get(&lucky.page()).await;
    assert_eq!(order["tickets"][0]["seatId"], "A-1");
}

#[actix_web::test]
async fn late_money_takes_as_many_standing_tickets_or_goes_back() {
    let shop = hasty();
    let stock = json!([{"name": "Floor", "quantity": 4, "priceCents": 1_000, "segments": 2}]);
    let show_id = hasty_show(&shop, &stock).await;
    let floor = |quantity: u32| json!({"stock": {"name": "Floor", "quantity": quantity}});
    let first = Paying::start(&shop, &show_id, "ada", &floor(3)).await;
    first.wait_for_status(&shop, "EXPIRED").await;
    let second = Paying::start(&shop, &show_id, "bob", &floor(3)).await;
    second.wait_for_status(&shop, "EXPIRED").await;
    assert_eq!(first.succeed(&shop).await["result"], "TICKETED");
    assert_eq!(second.succeed(&shop).await["result"], "REFUND_DUE");
    second.wait_for_status(&shop, "REFUNDED").await;
    let page = shop.get(&format!("/api/v1/shows/{show_id}")).await;
    assert_eq!(page["stock"][0]["available"], 1);
}

#[actix_web::test]
async fn money_for_nobody_is_recorded_and_goes_back() {
    let mut shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    for order_id in ["", "o_nobody", "ünï/\u{0}", &"x".repeat(10_000)] {
        let told = shop.callback("stray", order_id, Success, 77).await.expect(200);
        assert_eq!((&told["result"], &told["refundDueCents"]), (&json!("REFUND_DUE"), &json!(77)));
        assert_eq!(told["orderStatus"], Value::Null);
    }
    let long = "p".repeat(10_000);
    shop.callback(&long, "o_nobody", Success, 1).await.expect(200);
    assert_eq!(
        shop.callback("stray-2", "o_nobody", Failed, 1).await.expect(200)["result"],
        "NOTED"
    );
    // A payment of ours pays the order that it was started for, whatever order is named with it.
    shop.kill_and_restart();
    let told = shop.callback(&paying.payment_id, "o_nobody", Success, PRICE).await.expect(200);
    assert_eq!((&told["result"], &told["orderStatus"]), (&json!("TICKETED"), &json!("TICKETED")));
}

#[actix_web::test]
async fn money_before_the_payment_was_started_pays_the_order() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let hold = shop.hold(&show_id, "ada", &seat("A-1")).await.expect(201);
    let order = shop.order(hold["holdId"].as_str().expect("an id"), "ada").await.expect(201);
    let order_id = order["orderId"].as_str().expect("an id");
    let told = shop.callback("early", order_id, Success, PRICE).await.expect(200);
    assert_eq!(told["result"], "TICKETED");
    shop.pay(order_id, "p").await.refused(409, "ILLEGAL_STATE");
}

#[actix_web::test]
async fn a_forged_message_changes_nothing() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    let good = shop.signed(&paying.payment_id, &paying.order_id, Failed, PRICE);
    let mut forged = vec![
        signed("another secret of somebody", &paying.payment_id, &paying.order_id, Success, PRICE),
        good.clone(),
        good.clone(),
        good.clone(),
        good,
    ];
    forged[1].status = Success;
    forged[2].amount_cents = 1;
    forged[3].signature.clear();
    forged[4].signature = "ü".repeat(32);
    for message in forged {
        let ask = shop.ask(Method::POST, "/api/v1/payments/callback");
        ask.json(&message).send().await.refused(401, "BAD_SIGNATURE");
    }
    assert_eq!(shop.get(&paying.page()).await["status"], "PAYING");
    assert_eq!(paying.succeed(&shop).await["result"], "TICKETED");
}

#[actix_web::test]
async fn a_refund_that_was_due_at_a_kill_is_made_afterwards() {
    // The sandbox takes longer over a refund than the shop lives.
    let mut shop = Shop::open_with(&["--sandbox-delay-ms", "1500"]);
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    shop.ask(Method::POST, &format!("{}/cancel", paying.page())).send().await.expect(200);
    paying.succeed(&shop).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(shop.get(&paying.page()).await["status"], "REFUND_PENDING");
    shop.kill_and_restart();
    paying.wait_for_status(&shop, "REFUNDED").await;
}

#[actix_web::test]
async fn the_sandbox_settles_both_ways() {
    let shop = Shop::open_with(&["--sandbox-duplicate-share", "1"]);
    let show_id = shop.seated("hamlet").await;
    let paying = Paying::start(&shop, &show_id, "ada", &seat("A-1")).await;
    let end = |how: &str| format!("/sandbox/payments/{}/{how}", paying.payment_id);
    shop.ask(Method::POST, &end("fail")).send().await.expect(202);
    // Once the failure is known, another attempt gets a payment of its own.
    let mut second = paying.payment_id.clone();
    for attempt in 2..200 {
        let payment = shop.pay(&paying.order_id, &format!("p{attempt}")).await.expect(200);
        second = payment["paymentId"].as_str().expect("an id").to_owned();
        if second != paying.payment_id {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(second, paying.payment_id);
    // The buyer may still finish the first one.
    shop.ask(Method::POST, &end("succeed")).send().await.expect(202);
    paying.wait_for_status(&shop, "TICKETED").await;
}
