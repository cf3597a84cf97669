//! A hold takes one of two ways through the server, in front of actix-web or through it, and what
//! it is answered does not say which.

use crate::harness::{Response, request};
use crate::office::Office;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/shows/hamlet/holds";
/// Limits count for this machine too.
const COUNTED: [&str; 2] = ["--rate-limit-exempt", ""];
/// Pages of others may call, which only actix-web knows to answer.
const LONG_WAY: &[&str] = &[COUNTED[0], COUNTED[1], "--cors-origins", "https://tickets.example"];

/// What an answer says, without what is different each time.
fn told(response: &Response) -> Value {
    let mut body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        for name in ["holdId", "expiryTime", "requestId"] {
            body.remove(name);
        }
    }
    let names = ["content-type", "idempotent-replayed", "retry-after", "ratelimit-policy", "allow"];
    let headers = names.map(|name| response.header(name));
    let location = response.header("location").map(|at| at.starts_with("/api/v1/holds/h_"));
    assert_eq!(response.header("x-request-id"), Some("named"));
    json!([response.status, headers, location, body])
}

/// Asks both servers the same; gives what both say.
#[track_caller]
fn check(both: &[Office; 2], path: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let headers = [headers, &[("X-Request-Id", "named")]].concat();
    let [short, long] = both.each_ref().map(|office| {
        let to = office.server().public;
        told(&request(to, "POST", path, &headers, body))
    });
    assert_eq!(short, long, "{path} {headers:?} {}", String::from_utf8_lossy(body));
    short
}

#[test]
fn both_ways_answer_the_same() {
    let both = [Office::open_with(&COUNTED), Office::open_with(LONG_WAY)];
    both.iter().for_each(|office| office.show("hamlet"));
    let json_type = ("Content-Type", "application/json");
    let ask = |headers: &[(&str, &str)], body: &Value| {
        let headers = [&[json_type][..], headers].concat();
        check(&both, PATH, &headers, body.to_string().as_bytes())[0].clone()
    };
    let seat = |user: &str| json!({"userId": user, "seatIds": ["A-1"]});
    let key = ("Idempotency-Key", "k");
    let rows = [
        (201, &[key][..], seat("ada")),
        (201, &[key], seat("ada")),
        (409, &[], seat("bob")),
        (422, &[key], json!({"userId": "ada", "seatIds": ["A-2"]})),
        (201, &[], json!({"userId": "cyd", "bestAvailable": {"quantity": 2, "category": "Red"}})),
        (201, &[], json!({"userId": "dan", "stock": {"name": "Floor", "quantity": 2}})),
        (400, &[("Idempotency-Key", "")], seat("eve")),
        (401, &[("Authorization", "Bearer nobody")], seat("eve")),
        (403, &[("X-Queue-Pass", "forged")], seat("eve")),
        (400, &[], json!({"userId": "eve", "seatIds": ["A-3"], "holdSeconds": 0})),
        (400, &[], json!({"userId": "eve", "seatIds": 7})),
        (400, &[], json!({"userId": "eve"})),
        (422, &[], json!({"userId": "fay", "seatIds": ["A-3", "Z-99"]})),
        (415, &[("Content-Encoding", "br")], seat("eve")),
    ];
    for (status, headers, body) in rows {
        assert_eq!(ask(headers, &body), status, "{headers:?} {body}");
    }
    let plain = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        check(&both, path, headers, body)[0].clone()
    };
    let gus = seat("gus").to_string();
    assert_eq!(plain(PATH, &[json_type], b"{"), 400);
    assert_eq!(plain(PATH, &[json_type], &[b' '; 100_000]), 413);
    assert_eq!(plain(PATH, &[], gus.as_bytes()), 415);
    assert_eq!(plain("/api/v1/shows/macbeth/holds", &[json_type], gus.as_bytes()), 404);
    assert_eq!(plain("/api/v1/shows/ham%6Cet/holds?x=1", &[json_type], gus.as_bytes()), 409);
    assert_eq!(plain(&format!("{PATH}/"), &[json_type], gus.as_bytes()), 404);
    for odd in ["", "..", "a~b", "a/b", &"x".repeat(65)] {
        let path = format!("/api/v1/shows/{odd}/holds");
        assert_eq!(plain(&path, &[json_type], gus.as_bytes()), 404);
    }
    // The default lets a user hold five times a second.
    let too_many = (0..50).find(|_| ask(&[], &seat("eager")) == 429);
    assert!(too_many.is_some(), "limits count either way");
}

/// Or the test above would compare one way with itself. Only actix-web's packs what it answers.
#[test]
fn there_are_two_ways() {
    let body = json!({"userId": "ada", "seatIds": vec!["Z".repeat(60); 20]}).to_string();
    let headers = [("Content-Type", "application/json"), ("Accept-Encoding", "gzip")];
    for (flags, packed) in [(&COUNTED[..], None), (LONG_WAY, Some("gzip"))] {
        let office = Office::open_with(flags);
        office.show("hamlet");
        let answer = request(office.server().public, "POST", PATH, &headers, body.as_bytes());
        assert_eq!(answer.header("content-encoding"), packed, "{answer:?}");
    }
}
