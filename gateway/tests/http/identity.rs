//! Accounts over HTTP: registering, staying logged in, logging out; and that forged, altered, ended
//! and reused tokens are refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Ask, Reply, Shop, text};

/// Logged-in people, as a client keeps them.
pub(crate) struct Person {
    pub(crate) user_id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Person {
    pub(crate) fn of(tokens: &Value) -> Self {
        assert_eq!(tokens["tokenType"], "Bearer");
        Self {
            user_id: text(&tokens["userId"]),
            access: text(&tokens["accessToken"]),
            refresh: text(&tokens["refreshToken"]),
        }
    }
}

impl Shop {
    /// Makes an account.
    pub(crate) async fn register(&self, email: &str, password: &str) -> Person {
        let body = json!({"email": email, "password": password});
        let reply = self.ask(Method::POST, "/api/v1/auth/register").json(&body).send().await;
        Person::of(&reply.expect(201))
    }

    /// Asks something as somebody who logged in.
    pub(crate) fn ask_as(&self, access: &str, method: Method, path: &str) -> Ask {
        self.ask(method, path).header("authorization", &format!("Bearer {access}"))
    }

    async fn log_in(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.ask(Method::POST, "/api/v1/auth/login").json(&body).send().await
    }

    async fn refresh(&self, token: &str) -> Reply {
        let body = json!({"refreshToken": token});
        self.ask(Method::POST, "/api/v1/auth/refresh").json(&body).send().await
    }

    async fn me(&self, access: &str) -> Reply {
        self.ask_as(access, Method::GET, "/api/v1/me").send().await
    }
}

#[actix_web::test]
async fn people_register_log_in_and_out() {
    let mut shop = Shop::open();
    let body = json!({"email": "Ada@Example.org", "password": "correct horse", "consent": "v1"});
    let made = shop.ask(Method::POST, "/api/v1/auth/register").json(&body).send().await;
    let made = made.expect(201);
    assert_eq!(made["expiresIn"], 3_600);
    let ada = Person::of(&made);
    assert!(ada.user_id.starts_with("u_"), "{}", ada.user_id);
    let again = shop.ask(Method::POST, "/api/v1/auth/register").json(&body).send().await;
    again.refused(409, "LOGIN_TAKEN");

    shop.kill_and_restart();
    let me = shop.me(&ada.access).await.expect(200);
    assert_eq!(me["userId"], ada.user_id.as_str());
    assert_eq!(me["email"], "Ada@Example.org");
    assert_eq!(me["consents"][0]["text"], "v1");
    assert_eq!(me["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(me["sessions"][0]["current"], true);

    let phone = Person::of(&shop.log_in(" ada@example.org", "correct horse").await.expect(200));
    assert_eq!(phone.user_id, ada.user_id);
    assert_eq!(shop.me(&phone.access).await.expect(200)["sessions"].as_array().unwrap().len(), 2);
    shop.log_in("ada@example.org", "correct horsf").await.refused(401, "WRONG_LOGIN");
    shop.log_in("eve@example.org", "correct horse").await.refused(401, "WRONG_LOGIN");

    let body = json!({"refreshToken": phone.refresh});
    for _ in 0..2 {
        let out = shop.ask(Method::POST, "/api/v1/auth/logout").json(&body).send().await;
        assert_eq!(out.status, 204);
    }
    shop.refresh(&phone.refresh).await.refused(401, "SESSION_OVER");
    let next = Person::of(&shop.refresh(&ada.refresh).await.expect(200));
    let out = shop.ask_as(&next.access, Method::POST, "/api/v1/auth/logout-everywhere");
    assert_eq!(out.send().await.status, 204);
    shop.refresh(&next.refresh).await.refused(401, "SESSION_OVER");
}

#[actix_web::test]
async fn a_refresh_token_is_good_once_and_its_theft_ends_the_session() {
    let mut shop = Shop::open();
    let ada = shop.register("ada@example.org", "correct horse").await;
    let second = Person::of(&shop.refresh(&ada.refresh).await.expect(200));
    assert_ne!(second.refresh, ada.refresh);
    // An answer that was lost is given once more, also after a crash.
    shop.kill_and_restart();
    let repeated = Person::of(&shop.refresh(&ada.refresh).await.expect(200));
    assert_eq!(repeated.refresh, second.refresh);
    let third = Person::of(&shop.refresh(&second.refresh).await.expect(200));
    shop.refresh(&ada.refresh).await.refused(401, "TOKEN_REUSED");
    shop.kill_and_restart();
    shop.refresh(&third.refresh).await.refused(401, "SESSION_OVER");
    shop.log_in("ada@example.org", "correct horse").await.expect(200);
}

#[actix_web::test]
async fn forged_and_altered_tokens_are_refused() {
    let shop = Shop::open();
    let elsewhere = Shop::open();
    let ada = shop.register("ada@example.org", "correct horse").await;
    let foreign = elsewhere.register("ada@example.org", "correct horse").await;
    shop.me(&foreign.access).await.refused(401, "UNAUTHORIZED");
    shop.refresh(&foreign.refresh).await.refused(401, "SESSION_OVER");
    for (token, words) in [("", "nothing"), ("x.y.z", "rubbish"), (ada.refresh.as_str(), "refresh")]
    {
        let refused = shop.me(token).await;
        assert_eq!(refused.status, 401, "{words}");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
    }
    let (head, rest) = ada.access.split_once('.').expect("a header");
    let (_, signature) = rest.split_once('.').expect("claims");
    let claims = json!({"iss": "usher", "aud": "usher", "sub": "u_eve", "sid": 1,
        "iat": 1, "exp": 9_999_999_999_u64});
    let claims = data_encoding::BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    shop.me(&format!("{head}.{claims}.{signature}")).await.refused(401, "UNAUTHORIZED");
    shop.refresh(&ada.access).await.refused(401, "SESSION_OVER");
    let mut altered = ada.refresh.clone();
    altered.replace_range(10..11, if altered.as_bytes()[10] == b'0' { "1" } else { "0" });
    shop.refresh(&altered).await.refused(401, "SESSION_OVER");
    // None of that ended anything.
    shop.me(&ada.access).await.expect(200);
    shop.refresh(&ada.refresh).await.expect(200);
}

#[actix_web::test]
async fn an_access_token_verifies_by_the_published_keys() {
    let shop = Shop::open();
    let ada = shop.register("ada@example.org", "correct horse").await;
    let keys = shop.get("/api/v1/auth/keys").await;
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).expect("ours");
    let parts: Vec<&str> = ada.access.split('.').collect();
    let header: Value = serde_json::from_slice(&decode(parts[0])).expect("JSON");
    assert_eq!(header["kid"], key["kid"]);
    let public: [u8; 32] = decode(key["x"].as_str().expect("x")).try_into().expect("32 bytes");
    let public = ed25519_dalek::VerifyingKey::from_bytes(&public).expect("a key");
    let signature = ed25519_dalek::Signature::from_slice(&decode(parts[2])).expect("64 bytes");
    let signed = format!("{}.{}", parts[0], parts[1]);
    public.verify_strict(signed.as_bytes(), &signature).expect("it verifies");
    let claims: Value = serde_json::from_slice(&decode(parts[1])).expect("JSON");
    assert_eq!(claims["sub"], ada.user_id.as_str());
}

#[actix_web::test]
async fn a_password_is_changed_and_all_other_sessions_end() {
    let shop = Shop::open();
    let ada = shop.register("ada@example.org", "correct horse").await;
    let phone = Person::of(&shop.log_in("ada@example.org", "correct horse").await.expect(200));
    let change = |old: &str, new: &str| {
        let body = json!({"oldPassword": old, "newPassword": new});
        shop.ask_as(&ada.access, Method::POST, "/api/v1/auth/password").json(&body).send()
    };
    change("wrong horse!", "battery staple").await.refused(401, "WRONG_LOGIN");
    let problem = change("correct horse", "short").await.refused(400, "INVALID_FIELD");
    assert_eq!(problem["pointer"], "/newPassword");
    assert_eq!(change("correct horse", "battery staple").await.status, 204);
    shop.refresh(&phone.refresh).await.refused(401, "SESSION_OVER");
    shop.refresh(&ada.refresh).await.expect(200);
    shop.log_in("ada@example.org", "correct horse").await.refused(401, "WRONG_LOGIN");
    shop.log_in("ada@example.org", "battery staple").await.expect(200);
}

#[actix_web::test]
async fn a_forgotten_password_is_reset_once() {
    let mut shop = Shop::open();
    let ada = shop.register("ada@example.org", "correct horse").await;
    let address = json!({"email": "ada@example.org"});
    let forgotten = shop.ask(Method::POST, "/api/v1/auth/password/forgotten").json(&address);
    forgotten.send().await.refused(409, "RESET_UNAVAILABLE");
    let offer = |shop: &Shop, address: Value| {
        shop.admin(Method::POST, "/admin/v1/accounts/reset").json(&address).send()
    };
    let stranger = json!({"email": "eve@example.org"});
    offer(&shop, stranger).await.refused(404, "UNKNOWN_ACCOUNT");
    let first = text(&offer(&shop, address.clone()).await.expect(201)["resetToken"]);
    let second = text(&offer(&shop, address).await.expect(201)["resetToken"]);
    shop.kill_and_restart();
    let reset = |token: &str| {
        let body = json!({"resetToken": token, "newPassword": "battery staple"});
        shop.ask(Method::POST, "/api/v1/auth/password/reset").json(&body).send()
    };
    for bad in [first.as_str(), "pr_0", &ada.refresh, &second.replacen("pr_", "rt_", 1)] {
        reset(bad).await.refused(410, "RESET_EXPIRED");
    }
    assert_eq!(reset(&second).await.status, 204);
    reset(&second).await.refused(410, "RESET_EXPIRED");
    shop.refresh(&ada.refresh).await.refused(401, "SESSION_OVER");
    shop.log_in("ada@example.org", "correct horse").await.refused(401, "WRONG_LOGIN");
    shop.log_in("ada@example.org", "battery staple").await.expect(200);
}

#[actix_web::test]
async fn a_person_is_told_everything_and_forgotten_for_good() {
    let mut shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let ada = shop.register("ada@example.org", "correct horse").await;
    let path = format!("/api/v1/shows/{show_id}/holds");
    let held = shop.ask_as(&ada.access, Method::POST, &path).json(&json!({"seatIds": ["A-1"]}));
    let hold_id = text(&held.send().await.expect(201)["holdId"]);
    let body = json!({"holdId": hold_id, "contact": {"name": "Ada Lovelace"}});
    let ask = shop.ask_as(&ada.access, Method::POST, "/api/v1/orders").key("one").json(&body);
    let order_id = text(&ask.send().await.expect(201)["orderId"]);
    let agree = |text: &str| {
        let body = json!({"text": text});
        shop.ask_as(&ada.access, Method::POST, "/api/v1/me/consents").json(&body).send()
    };
    assert_eq!(agree("privacy-2").await.status, 204);
    agree("").await.refused(400, "INVALID_FIELD");

    let export = |shop: &Shop| shop.ask_as(&ada.access, Method::GET, "/api/v1/me/export").send();
    let told = export(&shop).await.expect(200);
    assert_eq!(told["account"]["email"], "ada@example.org");
    assert_eq!(told["account"]["consents"][0]["text"], "privacy-2");
    assert_eq!(told["orders"][0]["orderId"], order_id.as_str());
    assert_eq!(told["orders"][0]["contact"]["name"], "Ada Lovelace");

    let erase = |shop: &Shop| shop.ask_as(&ada.access, Method::DELETE, "/api/v1/me").send();
    assert_eq!(erase(&shop).await.expect(200), json!({"account": true, "contacts": true}));
    shop.kill_and_restart();
    assert_eq!(erase(&shop).await.expect(200), json!({"account": false, "contacts": false}));
    export(&shop).await.refused(404, "UNKNOWN_ACCOUNT");
    shop.refresh(&ada.refresh).await.refused(401, "SESSION_OVER");
    shop.log_in("ada@example.org", "correct horse").await.refused(401, "WRONG_LOGIN");
    let user = format!("/admin/v1/users/{}", ada.user_id);
    let gone = shop.admin(Method::GET, &format!("{user}/export")).send().await;
    gone.refused(404, "UNKNOWN_ACCOUNT");
    // The order is there, and whose it was is not.
    let path = format!("/admin/v1/shows/{show_id}/orders");
    let listed = shop.admin(Method::GET, &path).send().await.expect(200);
    assert_eq!(listed["meta"]["total"], 1);
    assert!(!listed.to_string().contains("Lovelace"), "{listed}");
    // Somebody else may have the address now.
    let again = shop.register("ada@example.org", "battery staple").await;
    assert_ne!(again.user_id, ada.user_id);
}

#[actix_web::test]
async fn no_secret_of_a_person_is_on_the_disk_in_the_clear() {
    let shop = Shop::open();
    let ada = shop.register("ada.lovelace@example.org", "correct horse battery").await;
    let person = Person::of(&shop.refresh(&ada.refresh).await.expect(200));
    let mut files = vec![shop.data_dir().to_owned()];
    let mut seen = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).expect("read").map(|entry| entry.unwrap().path()));
            continue;
        }
        let bytes = std::fs::read(&path).expect("read");
        seen += bytes.len();
        for secret in ["lovelace", "correct horse", &ada.refresh, &person.refresh, &person.access] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret:.20} in {}", path.display());
        }
    }
    assert!(seen > 1_000, "{seen} bytes seen");
}
