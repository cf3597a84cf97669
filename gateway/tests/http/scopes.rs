//! Every endpoint, called with every kind of credential: what passes is what the OpenAPI document
//! says in `x-usher-scope`, and nothing else.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, text};

/// Calls without an end: only their status is read.
const STREAMS: &[&str] = &["watchOrder", "watchSeats"];

/// A credential by its name, as it stands behind `Bearer`; `None` shows nothing.
type Credentials = BTreeMap<&'static str, Option<String>>;

/// A shop with one hold and one order of Ada's, and everybody's credentials.
struct Walk {
    shop: Shop,
    ada: String,
    credentials: Credentials,
    ids: BTreeMap<&'static str, String>,
    is_open: bool,
}

impl Walk {
    async fn prepare(is_open: bool) -> Self {
        let ways = if is_open { "open,token,key" } else { "token,key" };
        let shop = Shop::open_with(&["--identity", ways]);
        let show_id = shop.seated("hamlet").await;
        let ada = shop.register("ada@example.org", "correct horse").await;
        let eve = shop.register("eve@example.org", "correct horse").await;
        let hold = |seat: &str| {
            let path = format!("/api/v1/shows/{show_id}/holds");
            let ask = shop.ask_as(&ada.access, Method::POST, &path);
            ask.json(&json!({"seatIds": [seat]})).send()
        };
        let hold_id = text(&hold("A-1").await.expect(201)["holdId"]);
        let ordered = text(&hold("A-2").await.expect(201)["holdId"]);
        let order = json!({"holdId": ordered, "contact": {"name": "Ada"}});
        let ask = shop.ask_as(&ada.access, Method::POST, "/api/v1/orders").key("order");
        let order_id = text(&ask.json(&order).send().await.expect(201)["orderId"]);
        let mut credentials: Credentials = BTreeMap::from([
            ("nothing", None),
            ("rubbish", Some("rubbish".into())),
            ("owner", Some(ada.access.clone())),
            ("stranger", Some(eve.access)),
            ("organiser key", Some(shop.key("organiser_key"))),
            ("operator key", Some(shop.key("operator_key"))),
        ]);
        for scope in ["sell", "organise", "checkin", "operate"] {
            credentials.insert(scope, Some(shop.make_key(scope, &[scope]).await));
        }
        let ids = BTreeMap::from([("showId", show_id), ("holdId", hold_id), ("orderId", order_id)]);
        Self { shop, ada: ada.user_id, credentials, ids, is_open }
    }

    /// Whether whoever shows this may call what asks for that scope.
    fn may(&self, name: &str, scope: &str, has_owner: bool) -> bool {
        match scope {
            "public" => true,
            "user" => ["owner", "stranger"].contains(&name),
            "buyer" => match name {
                "nothing" => self.is_open,
                "owner" | "sell" | "organiser key" | "operator key" => true,
                "stranger" => !has_owner,
                _ => false,
            },
            "checkin" => match name {
                "nothing" => self.is_open,
                name => ["checkin", "organiser key", "operator key"].contains(&name),
            },
            "organise" => ["organise", "organiser key", "operator key"].contains(&name),
            "operate" => ["operate", "operator key"].contains(&name),
            other => panic!("no such scope: {other}"),
        }
    }

    /// What is sent, so that nothing but the credential is in the way.
    fn body(&self, operation: &str, name: &str) -> Value {
        let is_user = ["owner", "stranger"].contains(&name);
        let mut body = match operation {
            "placeHold" => json!({"seatIds": ["B-1"]}),
            "placeOrder" => json!({"holdId": "h_1", "contact": {"name": "Ada"}}),
            "checkIn" => json!({"ticketCode": "t_1", "gate": "north"}),
            "giveConsent" => json!({"text": "v1"}),
            "changePassword" => json!({"oldPassword": "wrong", "newPassword": "12345678"}),
            _ => return json!({}),
        };
        if ["placeHold", "placeOrder"].contains(&operation) && !is_user {
            body["userId"] = json!("bob");
        }
        body
    }

    /// Calls one endpoint with one credential; gives the code of a refusal.
    async fn call(&self, path: &str, method: &str, operation: &str, name: &str) -> Option<String> {
        let mut filled = path.to_owned();
        for (id, value) in &self.ids {
            filled = filled.replace(&format!("{{{id}}}"), value);
        }
        while let (Some(from), Some(to)) = (filled.find('{'), filled.find('}')) {
            filled.replace_range(from..=to, "99999");
        }
        if operation == "listMyOrders" && !["owner", "stranger"].contains(&name) {
            filled.push_str("?userId=bob");
        }
        let for_operators = ["/ops/", "/metrics", "/healthz", "/readyz"];
        let is_ops = for_operators.iter().any(|start| path.starts_with(start));
        let ask = self.shop.ask_at(is_ops, method.to_uppercase().parse().expect(method), &filled);
        let ask = match &self.credentials[name] {
            Some(credential) => ask.header("authorization", &format!("Bearer {credential}")),
            None => ask,
        };
        let response = ask.key(&filled).json(&self.body(operation, name)).stream().await;
        let status = response.status().as_u16();
        if STREAMS.contains(&operation) && status == 200 {
            return None;
        }
        assert!(status < 500 || status == 503, "{method} {filled} as {name}: {status}");
        let problem: Value = response.json().await.unwrap_or_default();
        problem["code"].as_str().map(str::to_owned)
    }
}

async fn walk(is_open: bool) {
    let walk = Walk::prepare(is_open).await;
    let document = walk.shop.get("/openapi.json").await;
    let mut wrong = Vec::new();
    let mut calls = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, call) in item.as_object().expect("an item") {
            let operation = call["operationId"].as_str().expect("a name");
            // A token stays good for its hour, also when its account is gone; so the order of
            // calls does not matter.
            let scope = call["x-usher-scope"].as_str().expect("said of every call");
            let has_owner = path.contains("{holdId}") || path.contains("{orderId}");
            for name in walk.credentials.keys().copied() {
                let code = walk.call(path, method, operation, name).await;
                let refused = match code.as_deref() {
                    Some("UNAUTHORIZED") => Some(401),
                    Some("FORBIDDEN") => Some(403),
                    _ => None,
                };
                let expected = match name {
                    _ if walk.may(name, scope, has_owner) => None,
                    "nothing" | "rubbish" => Some(401),
                    _ => Some(403),
                };
                calls += 1;
                if refused != expected {
                    let line = format!("{method} {path} ({scope}) as {name}");
                    wrong.push(format!("{line}: {code:?}, not {expected:?}"));
                }
            }
        }
    }
    assert!(calls > 300, "only {calls} calls");
    assert!(wrong.is_empty(), "{} as {}:\n{}", walk.ada, calls, wrong.join("\n"));
}

#[actix_web::test]
async fn every_call_asks_what_the_document_says_where_identity_is_open() {
    walk(true).await;
}

#[actix_web::test]
async fn every_call_asks_what_the_document_says_where_people_log_in() {
    walk(false).await;
}

#[actix_web::test]
async fn a_key_is_good_for_its_scopes_until_it_is_revoked() {
    let mut shop = Shop::open_with(&["--identity", "token,key"]);
    let show_id = shop.seated("hamlet").await;
    let front = shop.make_key("box office", &["sell"]).await;
    let hold = |shop: &Shop, key: &str, user: Value, seat: &str| {
        let path = format!("/api/v1/shows/{show_id}/holds");
        let mut body = json!({"seatIds": [seat]});
        body["userId"] = user;
        shop.ask_as(key, Method::POST, &path).json(&body).send()
    };
    hold(&shop, &front, json!("bob"), "A-1").await.expect(201);
    hold(&shop, &front, json!(""), "A-2").await.refused(400, "INVALID_FIELD");
    shop.kill_and_restart();
    hold(&shop, &front, json!("bob"), "A-2").await.expect(201);
    let listed = shop.admin(Method::GET, "/admin/v1/keys").send().await.expect(200);
    assert_eq!(listed["keys"][0]["name"], "box office");
    assert_eq!(listed["keys"][0]["scopes"], json!(["sell"]));
    assert!(!listed.to_string().contains(&front), "a key is told once");
    let path = format!("/admin/v1/keys/{}", listed["keys"][0]["keyId"]);
    assert_eq!(shop.admin(Method::DELETE, &path).send().await.status, 204);
    hold(&shop, &front, json!("bob"), "A-3").await.refused(401, "UNAUTHORIZED");
    shop.admin(Method::DELETE, &path).send().await.refused(404, "UNKNOWN_KEY");
    shop.kill_and_restart();
    hold(&shop, &front, json!("bob"), "A-3").await.refused(401, "UNAUTHORIZED");

    let past = json!({"name": "late", "scopes": ["sell"], "expiresAt": "2020-01-01T00:00:00Z"});
    let made = shop.admin(Method::POST, "/admin/v1/keys").json(&past).send().await.expect(201);
    hold(&shop, &text(&made["key"]), json!("bob"), "A-3").await.refused(401, "UNAUTHORIZED");
    // Nobody gives away what they have not.
    let more = json!({"name": "more", "scopes": ["sell", "operate"]});
    let ask = shop.admin(Method::POST, "/admin/v1/keys").json(&more);
    ask.send().await.refused(403, "FORBIDDEN");
}

#[actix_web::test]
async fn nobody_buys_as_somebody_who_logged_in() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let ada = shop.register("ada@example.org", "correct horse").await;
    let eve = shop.register("eve@example.org", "correct horse").await;
    let hold = |seat: &str| json!({"seatIds": [seat]});
    shop.hold(&show_id, &ada.user_id, &hold("A-1")).await.refused(401, "UNAUTHORIZED");
    shop.hold(&show_id, "bob", &hold("A-1")).await.expect(201);
    let path = format!("/api/v1/shows/{show_id}/holds");
    let as_eve = |body: Value| shop.ask_as(&eve.access, Method::POST, &path).json(&body).send();
    let mut borrowed = hold("A-2");
    borrowed["userId"] = json!(ada.user_id);
    as_eve(borrowed.clone()).await.refused(403, "FORBIDDEN");
    borrowed["userId"] = json!(eve.user_id);
    let held = as_eve(borrowed).await.expect(201);
    let page = format!("/api/v1/holds/{}", text(&held["holdId"]));
    shop.ask_as(&ada.access, Method::GET, &page).send().await.refused(403, "FORBIDDEN");
    shop.ask_as(&ada.access, Method::DELETE, &page).send().await.refused(403, "FORBIDDEN");
    let mine = shop.ask_as(&eve.access, Method::DELETE, &page).send().await.expect(200);
    assert_eq!(mine["status"], "RELEASED");
}
