//! Rules against hoarding over HTTP: an organiser sets them, people who log in meet them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::identity::Person;
use crate::shop::{Reply, Shop, plan, show};

/// A show of 16 seats with these rules.
async fn shop_with(shop: &Shop, rules: &Value) -> String {
    let plan_id = shop.add_plan(&plan("Hall", 2, 8)).await;
    let mut body = show("winter", Some(&plan_id), &json!([]));
    body["hoarding"] = rules.clone();
    shop.open_show(&body).await
}

async fn hold(shop: &Shop, person: &Person, show_id: &str, what: (u32, u32), key: &str) -> Reply {
    let (quantity, seconds) = what;
    let path = format!("/api/v1/shows/{show_id}/holds");
    let wish = json!({"quantity": quantity, "adjacent": false});
    let body = json!({ "bestAvailable": wish, "holdSeconds": seconds });
    shop.ask_as(&person.access, Method::POST, &path).key(key).json(&body).send().await
}

async fn patch(shop: &Shop, show_id: &str, rules: &Value) -> Reply {
    let path = format!("/admin/v1/shows/{show_id}");
    shop.admin(Method::PATCH, &path).json(&json!({ "hoarding": rules })).send().await
}

#[actix_web::test]
async fn new_accounts_hold_no_more_than_their_share() {
    let mut shop = Shop::open();
    let share = json!({"newAccounts": {"youngerThanSeconds": 3600, "sharePercent": 20}});
    let show_id = shop_with(&shop, &share).await;
    let told = shop.get(&format!("/api/v1/shows/{show_id}")).await;
    assert_eq!(told["hoarding"]["newAccounts"]["sharePercent"], 20, "{told}");
    assert_eq!(told["hoarding"]["newAccounts"]["unknownAccounts"], false, "{told}");

    let ada = shop.register("ada@example.org", "correct horse").await;
    let first = hold(&shop, &ada, &show_id, (3, 60), "a").await.expect(201);
    // What is known of the share outlives a crash, and a repeat is a repeat.
    shop.kill_and_restart();
    let full = hold(&shop, &ada, &show_id, (1, 60), "b").await;
    full.refused(429, "NEW_ACCOUNTS_FULL");
    assert_eq!(full.header("retry-after"), "10");
    assert_eq!(
        hold(&shop, &ada, &show_id, (3, 60), "a").await.expect(201)["holdId"],
        first["holdId"]
    );
    // A front that names users has no accounts of them here, and the show does not mind.
    shop.hold(&show_id, "box-office", &json!({"bestAvailable": {"quantity": 4}})).await.expect(201);
    let strangers = json!({"newAccounts": {"youngerThanSeconds": 3600, "sharePercent": 20,
        "unknownAccounts": true}});
    patch(&shop, &show_id, &strangers).await.expect(200);
    let stranger = shop.hold(&show_id, "ben", &json!({"bestAvailable": {"quantity": 4}})).await;
    stranger.refused(429, "NEW_ACCOUNTS_FULL");
    let lifted = patch(&shop, &show_id, &json!({})).await.expect(200);
    assert_eq!(lifted.get("hoarding"), None, "{lifted}");
    hold(&shop, &ada, &show_id, (4, 60), "b").await.expect(201);
}

#[actix_web::test]
async fn who_lets_holds_run_out_waits() {
    let shop = Shop::open();
    let pause = json!({"afterExpired": 1, "seconds": 600, "maxSeconds": 3600});
    let rules = json!({"holdsPerUser": 1, "pause": pause});
    let show_id = shop_with(&shop, &rules).await;
    let ada = shop.register("ada@example.org", "correct horse").await;
    let first = hold(&shop, &ada, &show_id, (1, 1), "a").await.expect(201);
    hold(&shop, &ada, &show_id, (1, 1), "b").await.refused(422, "TOO_MANY_HOLDS");
    let path = format!("/api/v1/holds/{}", first["holdId"].as_str().expect("an id"));
    for _ in 0..100 {
        let now = shop.ask_as(&ada.access, Method::GET, &path).send().await.expect(200);
        if now["status"] == "EXPIRED" {
            break;
        }
        actix_web::rt::time::sleep(Duration::from_millis(100)).await;
    }
    let paused = hold(&shop, &ada, &show_id, (1, 1), "b").await;
    paused.refused(429, "HOLDS_PAUSED");
    let seconds: u32 = paused.header("retry-after").parse().expect("seconds");
    assert!((500..=600).contains(&seconds), "{seconds}");
    let ben = shop.register("ben@example.org", "correct horse").await;
    hold(&shop, &ben, &show_id, (1, 1), "a").await.expect(201);
}

#[actix_web::test]
async fn rules_against_hoarding_are_refused_at_the_field_that_is_wrong() {
    let shop = Shop::open();
    let show_id = shop_with(&shop, &json!({"holdsPerUser": 2})).await;
    for (wrong, pointer) in [
        (json!({"holdsPerUser": 17}), "/hoarding/holdsPerUser"),
        (
            json!({"pause": {"afterExpired": 0, "seconds": 1, "maxSeconds": 1}}),
            "/hoarding/pause/afterExpired",
        ),
        (
            json!({"newAccounts": {"youngerThanSeconds": 1, "sharePercent": 101}}),
            "/hoarding/newAccounts/sharePercent",
        ),
    ] {
        let refused = patch(&shop, &show_id, &wrong).await.refused(400, "INVALID_FIELD");
        assert_eq!(refused["pointer"], pointer);
    }
    let told = shop.get(&format!("/api/v1/shows/{show_id}")).await;
    assert_eq!(told["hoarding"], json!({"holdsPerUser": 2}));
}
