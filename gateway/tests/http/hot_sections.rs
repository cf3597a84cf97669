//! A section that everybody wants has a limit of its own; the rest of the show goes on selling.

use serde_json::{Value, json};

use crate::office;
use crate::shop::{Shop, show};

#[actix_web::test]
async fn a_hot_section_has_a_limit_of_its_own() {
    let flags = ["--rate-limit-exempt", "", "--rate-limit-section-per-second", "2"];
    let shop = Shop::open_with(&[&flags[..], &["--rate-limit-user-per-second", "0"]].concat());
    let plan = office::plan();
    let plan_id = shop.add_plan(&plan).await;
    let show_id = shop.open_show(&show("hot", Some(&plan_id), &json!([]))).await;
    let zone = |at: usize| plan["zones"][at]["zone_id"].clone();
    let seat = |at: usize, n: usize| plan["zones"][at]["rows"][0]["seats"][n]["seat_guid"].clone();
    let best = |at: usize| json!({"bestAvailable": {"quantity": 1, "section": zone(at)}});
    let seats = |seats: &[Value]| json!({ "seatIds": seats });

    // Many more than two come at once, by the section or by its seats; some are too many.
    let ways: [&dyn Fn(usize) -> Value; 2] = [&|_| best(0), &|n| seats(&[seat(0, n)])];
    for (way, wish) in ways.into_iter().enumerate() {
        let refused = refusals(&shop, &show_id, wish).await;
        assert!(refused > 0, "way {way}");
    }
    // Another section has a bucket of its own, and who names none is not counted.
    shop.hold(&show_id, "ann", &best(1)).await.expect(201);
    shop.hold(&show_id, "ben", &json!({"bestAvailable": {"quantity": 1}})).await.expect(201);
    // Who wants seats of both is held up by either.
    assert!(refusals(&shop, &show_id, &|n| seats(&[seat(0, n), seat(1, n)])).await > 0);
}

/// How many of twenty holds, one right after the other, are refused for the section's sake.
async fn refusals(shop: &Shop, show_id: &str, wish: &dyn Fn(usize) -> Value) -> usize {
    let mut refused = 0;
    for n in 0..20 {
        let reply = shop.hold(show_id, &format!("buyer {n}"), &wish(n % 10)).await;
        if reply.status == 429 {
            reply.refused(429, "RATE_LIMITED");
            let policy = "\"address\";q=100;w=1, \"section\";q=2;w=1";
            assert_eq!(reply.header("ratelimit-policy"), policy);
            refused += 1;
        }
    }
    refused
}
