//! The waiting room over HTTP: from standing in line to a hold, and what everybody can check.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{PATIENCE, Response};
use crate::office::{Office, text};

const NOTHING: Value = Value::Null;

/// A room that takes people at once, and closes its list when an operator says so.
fn settings(source: &str) -> Value {
    json!({
        "preQueueAt": "2020-01-01T00:00:00Z", "opensAt": "2040-01-01T00:00:00Z",
        "lanes": [{"name": "all"}, {"name": "club", "weight": 3, "membersOnly": true}],
        "drawSource": source,
    })
}

fn set_up(office: &Office, source: &str) -> Value {
    office.show("hamlet");
    office.admin("PUT", "/shows/hamlet/queue", &settings(source)).is(200);
    // The room looks at its times once it is set up.
    office.wait_for("/api/v1/shows/hamlet/queue", |room| room["state"] == "PRE_QUEUE")
}

fn join(office: &Office, user: &str) -> String {
    let joined = buyer(office, "POST", "/shows/hamlet/queue", &json!({"userId": user})).is(200);
    text(&joined["token"]).to_owned()
}

fn buyer(office: &Office, method: &str, path: &str, body: &Value) -> Response {
    office.buyer_with(method, path, body, &[])
}

fn place(office: &Office, token: &str) -> Value {
    office.buyer_with("GET", "/queue", &NOTHING, &[("X-Queue-Token", token)]).is(200)
}

/// Asks how a place stands until it stands like this.
fn wait_until(office: &Office, token: &str, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let place = place(office, token);
        if place["status"] == status {
            return place;
        }
        assert!(begun.elapsed() < PATIENCE, "it stays {place}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn claim(office: &Office, token: &str, body: &Value) -> Response {
    office.buyer_with("POST", "/queue/claim", body, &[("X-Queue-Token", token)])
}

fn hold(office: &Office, user: &str, seat: &str, headers: &[(&str, &str)]) -> Response {
    let body = json!({"userId": user, "seatIds": [seat]});
    office.buyer_with("POST", "/shows/hamlet/holds", &body, headers)
}

#[test]
fn from_the_line_to_a_hold() {
    let mut office = Office::open();
    let room = set_up(&office, "");
    assert_eq!((text(&room["state"]), &room["joined"]), ("PRE_QUEUE", &json!(0)));
    hold(&office, "ada", "A-1", &[]).is_problem(403, "PASS_REQUIRED", None);

    let ada = join(&office, "ada");
    assert_eq!(join(&office, "ada"), ada, "joining twice gives the same place");
    let ben = join(&office, "ben");
    let entered = place(&office, &ada);
    assert_eq!((text(&entered["status"]), text(&entered["lane"])), ("ENTERED", "all"));
    assert!(entered["position"].is_null(), "nobody is before anybody yet");
    claim(&office, &ada, &json!({})).is_problem(409, "NOT_YOUR_TURN", None);

    // No source was announced, so the server draws by itself, and lets in those whose turn it is.
    office.ops("POST", "/shows/hamlet/queue/open", &NOTHING).is(200);
    let called = wait_until(&office, &ada, "CALLED");
    assert!(called["claimBy"].is_string() && called["nextPollSeconds"].as_u64() > Some(0));
    let pass = claim(&office, &ada, &json!({})).is(200);
    assert_eq!(claim(&office, &ada, &json!({})).is(200), pass, "a repeat gives the same pass");
    assert_eq!(text(&place(&office, &ada)["status"]), "ADMITTED");
    let pass = text(&pass["pass"]).to_owned();

    let with =
        |pass: &str| [("X-Queue-Pass", pass.to_owned()), ("Idempotency-Key", "k".to_owned())];
    let hold_with = |office: &Office, user: &str, seat: &str, pass: &str| {
        let headers = with(pass);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        hold(office, user, seat, &headers)
    };
    let mut forged = pass.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    hold_with(&office, "ada", "A-1", &forged).is_problem(403, "PASS_INVALID", None);
    hold_with(&office, "ada", "A-1", &ada).is_problem(403, "PASS_INVALID", None);
    hold_with(&office, "ben", "A-1", &pass).is_problem(403, "PASS_INVALID", None);
    let floor = json!({"userId": "ada", "stock": {"name": "Floor", "quantity": 1}});
    let headers = [("X-Queue-Pass", pass.as_str())];
    office.buyer_with("POST", "/shows/hamlet/holds", &floor, &headers).is_problem(
        403,
        "PASS_INVALID",
        None,
    );

    let held = hold_with(&office, "ada", "A-1", &pass).is(201);
    let again = hold_with(&office, "ada", "A-1", &pass).is(201);
    assert_eq!(held["holdId"], again["holdId"], "a repeat under its key needs no second pass");
    let headers = [("X-Queue-Pass", pass.as_str())];
    hold(&office, "ada", "A-2", &headers).is_problem(409, "PASS_USED", None);
    let ended = wait_until(&office, &ada, "ENDED");
    assert_eq!(ended["end"], "USED");

    // Nothing of it is forgotten.
    wait_until(&office, &ben, "CALLED");
    let stock = json!({"stock": "Floor"});
    let of_ben = claim(&office, &ben, &stock).is(200);
    assert_eq!(of_ben["stock"], "Floor");
    office.kill_and_restart();
    assert_eq!(claim(&office, &ben, &json!({})).is(200), of_ben);
    hold(&office, "ada", "A-2", &headers).is_problem(409, "PASS_USED", None);
    assert_eq!(place(&office, &ada)["end"], "USED");
    let of_ben = [("X-Queue-Pass", text(&of_ben["pass"]))];
    let floor = json!({"userId": "ben", "stock": {"name": "Floor", "quantity": 2}});
    office.buyer_with("POST", "/shows/hamlet/holds", &floor, &of_ben).is(201);
    let rejoined = join(&office, "ada");
    assert_eq!(rejoined, ada, "who shopped may stand at the end");

    office.admin("DELETE", "/shows/hamlet/queue", &NOTHING).is(200);
    hold(&office, "cid", "A-3", &[]).is(201);
    let refused = buyer(&office, "POST", "/shows/hamlet/queue", &json!({"userId": "dan"}));
    assert_eq!(refused.is_problem(409, "QUEUE_NOT_OPEN", None)["state"], "DRAINED");
}

/// The draw, recomputed from what anybody can read.
#[test]
fn anybody_can_check_the_draw() {
    // All of them come from one address.
    let office = Office::open_with(&["--challenge-when", "never"]);
    let room = set_up(&office, "the lottery of that evening");
    let seed_hash = text(&room["draw"]["seedHash"]).to_owned();
    let users: Vec<String> = (0..20).map(|number| format!("user-{number}")).collect();
    let tokens: Vec<String> = users.iter().map(|user| join(&office, user)).collect();
    let entries_path = "/shows/hamlet/queue/draw/entries";
    buyer(&office, "GET", entries_path, &NOTHING).is_problem(409, "QUEUE_NOT_OPEN", None);
    office.ops("POST", "/shows/hamlet/queue/pause", &NOTHING).is(200);
    let value = json!({"publicValue": "4 8 15 16 23 42"});
    let draw = "/shows/hamlet/queue/draw";
    office.admin("POST", draw, &value).is_problem(409, "ILLEGAL_STATE", None);
    office.ops("POST", "/shows/hamlet/queue/open", &NOTHING).is(200);
    let closed = buyer(&office, "GET", draw, &NOTHING).is(200);
    let list_hash = text(&closed["listHash"]).to_owned();
    assert!(closed["seed"].is_null(), "the seed is secret until the value is known: {closed}");
    assert_eq!(closed["entries"], 20);
    office.admin("POST", draw, &value).is(200);
    office.admin("POST", draw, &json!({"publicValue": "1"})).is_problem(409, "ILLEGAL_STATE", None);
    let drawn =
        office.wait_for("/api/v1/shows/hamlet/queue/draw", |draw| draw["orderHash"].is_string());

    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex");
    let seed = hex(text(&drawn["seed"]));
    assert_eq!(Sha256::digest(&seed).to_vec(), hex(&seed_hash));
    assert_eq!(drawn["seedHash"], seed_hash.as_str());
    let list = buyer(&office, "GET", entries_path, &NOTHING);
    let list = String::from_utf8(list.body).expect("text");
    let entry_of = |user: &str| {
        let text = [b"usher-entry".as_slice(), b"hamlet\0", user.as_bytes()].concat();
        Sha256::digest(&text)[..16].to_vec()
    };
    let lines: Vec<(Vec<u8>, u8)> = list
        .lines()
        .map(|line| {
            let (entry, lane) = line.split_once(' ').expect("entry and lane");
            (hex(entry), lane.parse().expect("a lane"))
        })
        .collect();
    let expected: Vec<_> = users.iter().map(|user| (entry_of(user), 0)).collect();
    assert_eq!(lines, expected, "in order of joining");
    let bytes: Vec<u8> =
        lines.iter().flat_map(|(entry, lane)| [&entry[..], &[*lane]].concat()).collect();
    assert_eq!(Sha256::digest(&bytes).to_vec(), hex(&list_hash));
    assert_eq!(drawn["listHash"], list_hash.as_str());
    let key = [&seed[..], b"4 8 15 16 23 42"].concat();
    let rank = |entry: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(entry);
        mac.finalize().into_bytes().to_vec()
    };
    let mut order: Vec<Vec<u8>> = lines.into_iter().map(|(entry, _)| entry).collect();
    order.sort_by_key(|entry| (rank(entry), entry.clone()));
    assert_eq!(Sha256::digest(order.concat()).to_vec(), hex(text(&drawn["orderHash"])));
    for (user, token) in users.iter().zip(&tokens) {
        let turn = order.iter().position(|entry| *entry == entry_of(user)).expect("drawn");
        let place = place(&office, token);
        assert_eq!((&place["turn"], &place["ahead"]), (&json!(turn), &json!(turn)), "{user}");
        assert_eq!(place["position"], turn + 1);
        assert_eq!(place["waitBasis"], "CONFIGURED");
    }
    let rest = buyer(&office, "GET", "/shows/hamlet/queue/draw/entries?from=19", &NOTHING);
    assert_eq!(String::from_utf8(rest.body).expect("text").lines().count(), 1);
}

#[test]
fn operators_steer_a_room() {
    let office = Office::open();
    set_up(&office, "");
    let ops =
        |what: &str, body: &Value| office.ops("POST", &format!("/shows/hamlet/queue/{what}"), body);
    let tokens = ["ann", "ben", "cid", "dan"].map(|user| join(&office, user));
    assert_eq!(ops("pause", &NOTHING).is(200)["paused"], true);
    ops("open", &NOTHING).is(200);
    office.wait_for("/api/v1/shows/hamlet/queue", |room| room["state"] == "OPEN");
    let refused = ops("call", &json!({"count": 1})).is_problem(409, "QUEUE_NOT_OPEN", None);
    assert_eq!(refused["state"], "PAUSED");
    ops("expel", &json!({"userId": "ann"})).is(200);
    ops("expel", &json!({"userId": "zoe"})).is_problem(404, "UNKNOWN_PLACE", None);
    let gone = buyer(&office, "POST", "/shows/hamlet/queue", &json!({"userId": "ann"}));
    gone.is_problem(403, "PLACE_TAKEN_AWAY", None);
    claim(&office, &tokens[0], &json!({})).is_problem(403, "PLACE_TAKEN_AWAY", None);
    let leave = office.buyer_with("DELETE", "/queue", &NOTHING, &[("X-Queue-Token", &tokens[1])]);
    assert_eq!(leave.is(200)["end"], "LEFT");
    let set = ops("outflow", &json!({"outflowPerSecond": 1, "shoppingMax": 1})).is(200);
    assert_eq!((&set["outflowPerSecond"], &set["shoppingMax"]), (&json!(1), &json!(1)));
    ops("outflow", &json!({"outflowPerSecond": 0})).is_problem(422, "BAD_QUEUE", None);
    ops("resume", &NOTHING).is(200);
    // One may shop at once; the others are let in by hand.
    let begun = Instant::now();
    let figures = loop {
        let figures = office.ops("GET", "/shows/hamlet/queue", &NOTHING).is(200);
        if figures["called"] == 1 && figures["heldBackBy"] == "SHOPPING" {
            break figures;
        }
        assert!(begun.elapsed() < PATIENCE, "{figures}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&figures["joined"], &figures["listed"]), (&json!(4), &json!(4)));
    assert_eq!(figures["totals"]["expelled"], 1);
    let by_hand = ops("call", &json!({"userIds": ["cid", "dan"]})).is(200);
    assert_eq!(by_hand["called"], 2);
    for token in &tokens[2..] {
        wait_until(&office, token, "CALLED");
    }
    ops("call", &json!({})).is_problem(400, "INVALID_FIELD", Some(""));
    ops("call", &json!({"count": 0})).is_problem(400, "INVALID_FIELD", Some("/count"));
    ops("call", &json!({"userIds": []})).is_problem(400, "INVALID_FIELD", Some("/userIds"));
    assert_eq!(ops("close", &NOTHING).is(200)["state"], "DRAINED");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let office = Office::open();
    office.show("hamlet");
    let join_as = |body: Value| buyer(&office, "POST", "/shows/hamlet/queue", &body);
    join_as(json!({"userId": "ann"})).is_problem(404, "UNKNOWN_QUEUE", None);
    office.ops("GET", "/shows/hamlet/queue", &NOTHING).is_problem(404, "UNKNOWN_QUEUE", None);
    buyer(&office, "GET", "/shows/nobody/queue", &NOTHING).is_problem(404, "UNKNOWN_SHOW", None);
    let put = |change: Value| {
        let mut settings = settings("");
        for (key, value) in change.as_object().expect("fields") {
            settings[key] = value.clone();
        }
        office.admin("PUT", "/shows/hamlet/queue", &settings)
    };
    put(json!({"lanes": []})).is_problem(422, "BAD_QUEUE", None);
    put(json!({"lanes": [{"name": "a", "weight": 0}]})).is_problem(422, "BAD_QUEUE", None);
    put(json!({"lanes": [{"name": ""}]})).is_problem(400, "INVALID_FIELD", Some("/lanes/0/name"));
    put(json!({"opensAt": "2019-01-01T00:00:00Z"})).is_problem(422, "BAD_QUEUE", None);
    put(json!({"claimSeconds": 0})).is_problem(422, "BAD_QUEUE", None);
    put(json!({"colour": "red"})).is_problem(400, "INVALID_FIELD", Some("/colour"));
    put(json!({"preQueueAt": "2039-01-01T00:00:00Z"})).is(200);
    assert_eq!(
        join_as(json!({"userId": "ann"})).is_problem(409, "QUEUE_NOT_OPEN", None)["state"],
        "CLOSED"
    );
    put(json!({})).is(200);
    join_as(json!({"userId": ""})).is_problem(400, "INVALID_FIELD", Some("/userId"));
    join_as(json!({"userId": "a", "lane": "gold"})).is_problem(422, "UNKNOWN_LANE", Some("/lane"));
    join_as(json!({"userId": "a", "lane": "club"})).is_problem(401, "UNAUTHORIZED", None);
    let key = std::fs::read_to_string(office.dir().join("data/keys/organiser_key")).expect("made");
    let bearer = format!("Bearer {}", key.trim());
    let member = json!({"userId": "mia", "lane": "club"});
    let headers = [("Authorization", bearer.as_str())];
    let joined = office.buyer_with("POST", "/shows/hamlet/queue", &member, &headers).is(200);
    assert_eq!(joined["lane"], "club");
    let token = text(&joined["token"]);
    let by_query = buyer(&office, "GET", &format!("/queue?token={token}"), &NOTHING).is(200);
    assert_eq!(by_query["status"], "ENTERED");
    for (path, method) in [("/queue", "GET"), ("/queue", "DELETE"), ("/queue/stream", "GET")] {
        for bad in ["", "x", &token.replace('a', "b").replace('A', "C"), &"é".repeat(31)] {
            let given = [("X-Queue-Token", bad)];
            let refused = office.buyer_with(method, path, &NOTHING, &given);
            refused.is_problem(401, "QUEUE_TOKEN_INVALID", None);
        }
        buyer(&office, method, path, &NOTHING).is_problem(401, "QUEUE_TOKEN_INVALID", None);
    }
    claim(&office, token, &json!({"stock": "Roof"})).is_problem(
        422,
        "UNKNOWN_SEAT",
        Some("/stock"),
    );
}
