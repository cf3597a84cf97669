//! What is asked of who looks like a machine, and what organisers hear of it.

use crate::harness::{Response, request};
use crate::office::{Office, text};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Nobody is exempt, holds are looked at, and a proof of work is quick.
const WATCHED: &[&str] =
    &["--rate-limit-exempt", "", "--risk-holds", "true", "--challenge-difficulty", "300"];

/// As the ALTCHA widget solves it.
fn solve(challenge: &Value) -> String {
    let hash = |number: u64| {
        let salted = format!("{}{number}", text(&challenge["salt"]));
        HEXLOWER.encode(&Sha256::digest(salted))
    };
    let most = challenge["maxnumber"].as_u64().expect("a bound");
    let number =
        (0..=most).find(|&n| hash(n) == text(&challenge["challenge"])).expect("it is there");
    let solution = json!({
        "algorithm": challenge["algorithm"], "challenge": challenge["challenge"],
        "number": number, "salt": challenge["salt"], "signature": challenge["signature"],
        "took": 12,
    });
    BASE64.encode(solution.to_string().as_bytes())
}

fn hold(office: &Office, user: &str, headers: &[(&str, &str)]) -> Response {
    let body = json!({"userId": user, "stock": {"name": "Floor", "quantity": 1}}).to_string();
    let mut all = vec![("Content-Type", "application/json")];
    all.extend(headers);
    let path = "/api/v1/shows/hamlet/holds";
    request(office.server().public, "POST", path, &all, body.as_bytes())
}

/// The newest entries of the logbook about risks, newest last.
fn noted(office: &Office) -> Vec<Value> {
    let logbook = office.ops("GET", "/logbook?actor=risk", &Value::Null).is(200);
    assert_eq!(logbook["intact"], true);
    logbook["entries"].as_array().expect("entries").clone()
}

#[test]
fn a_challenge_is_asked_for_solved_and_counts_once() {
    let office = Office::open_with(WATCHED);
    office.show("hamlet");
    let mut rules = office.admin("GET", "/risk", &Value::Null).is(200);
    rules["rules"] = json!([{"signal": "noDevice", "atLeast": 1, "score": 25}]);
    office.admin("PUT", "/risk", &rules).is(200);

    let asked = hold(&office, "ada", &[]).is_problem(403, "CHALLENGE_REQUIRED", None);
    let place = "/api/v1/challenge?purpose=hold&level=1";
    assert_eq!(asked["challenge"], place);
    let given = office.server().get(place);
    assert_eq!(given.header("cache-control"), Some("no-store"));
    let cookie = given.header("set-cookie").expect("a device").to_owned();
    let challenge = given.is(200);
    assert_eq!((&challenge["method"], &challenge["maxnumber"]), (&json!("altcha"), &json!(1_200)));

    let solution = solve(&challenge);
    let solved = [("X-Challenge-Solution", solution.as_str())];
    hold(&office, "ada", &solved).is(201);
    let again = hold(&office, "ada", &solved).is_problem(403, "CHALLENGE_FAILED", None);
    assert_eq!(again["detail"], "it was used before");

    let easy = office.server().get("/api/v1/challenge?purpose=hold").is(200);
    let easy = hold(&office, "ada", &[("X-Challenge-Solution", &solve(&easy))]);
    assert_eq!(
        easy.is_problem(403, "CHALLENGE_FAILED", None)["detail"],
        "a harder one is asked for"
    );
    let join = office.server().get("/api/v1/challenge?purpose=join&level=2").is(200);
    let join = hold(&office, "ada", &[("X-Challenge-Solution", &solve(&join))]);
    join.is_problem(403, "CHALLENGE_FAILED", None);

    let device = cookie.split(';').next().expect("a pair");
    hold(&office, "bob", &[("Cookie", device)]).is(201);
    let decisions: Vec<_> = noted(&office).iter().map(|e| e["fields"].clone()).collect();
    let words: Vec<_> = decisions.iter().map(|fields| text(&fields["decision"])).collect();
    assert_eq!(words, ["asked", "failed", "failed", "failed"]);
    assert_eq!(decisions[0]["reasons"], "noDevice=1 (+25)");
    assert_eq!(decisions[0]["points"], "25");
}

#[test]
fn who_is_blocked_is_refused_and_told_nothing_but_the_organiser_is() {
    let mut office = Office::open_with(WATCHED);
    office.show("hamlet");
    hold(&office, "mallory", &[]).is(201);
    let mut rules = office.admin("GET", "/risk", &Value::Null).is(200);
    rules["blockUsers"] = json!(["mallory"]);
    office.admin("PUT", "/risk", &rules).is(200);

    let refused = hold(&office, "mallory", &[]).is_problem(403, "RISK_REFUSED", None);
    assert_eq!(refused["detail"], Value::Null, "how it was found out is not told");
    hold(&office, "ada", &[]).is(201);
    let entry = noted(&office).pop().expect("it is noted");
    assert_eq!(entry["requestId"], refused["requestId"]);
    assert_eq!(entry["fields"]["reasons"], "blockUsers=1 (+0)");
    assert_eq!(entry["address"], "127.0.0.1");

    office.kill_and_restart();
    hold(&office, "mallory", &[]).is_problem(403, "RISK_REFUSED", None);
    let asked = "/risk/explain?address=127.0.0.1&userId=";
    let about = |user: &str| office.admin("GET", &format!("{asked}{user}"), &Value::Null).is(200);
    assert_eq!(about("mallory")["decision"], "REFUSE");
    assert_eq!(about("ada")["decision"], "PASS");
}

#[test]
fn rules_that_are_none_are_refused_and_change_nothing() {
    let office = Office::open_with(WATCHED);
    let before = office.admin("GET", "/risk", &Value::Null).is(200);
    let put = |change: fn(&mut Value)| {
        let mut rules = before.clone();
        change(&mut rules);
        office.admin("PUT", "/risk", &rules)
    };
    let bad = |change, pointer| {
        put(change).is_problem(400, "INVALID_FIELD", Some(pointer));
    };
    bad(|rules| rules["block"] = json!(["10.0.0.0/33"]), "/block/0");
    bad(|rules| rules["refuseAt"] = json!(1), "/refuseAt");
    bad(|rules| rules["rules"][0]["signal"] = json!("shoeSize"), "/rules/0/signal");
    bad(|rules| rules["blockUsers"] = json!([""]), "/blockUsers/0");
    bad(|rules| rules["surprise"] = json!(1), "/surprise");
    assert_eq!(office.admin("GET", "/risk", &Value::Null).is(200), before);

    let ask = |query: &str| office.server().get(&format!("/api/v1/challenge{query}"));
    for query in ["", "?purpose=dance", "?purpose=join&level=3", "?purpose=join&x=1"] {
        ask(query).is(400);
    }
}

#[test]
fn who_is_exempt_is_asked_for_nothing() {
    let office = Office::open_with(&["--risk-holds", "true", "--challenge-when", "always"]);
    office.show("hamlet");
    hold(&office, "ada", &[]).is(201);
}
