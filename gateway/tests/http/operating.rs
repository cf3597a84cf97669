//! What an operator does while it sells.

use crate::harness::{Server, connect, request, usher};
use crate::office::{Bell, Office, new_show, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

const NOTHING: Value = Value::Null;

#[test]
fn a_pause_by_each_must_be_lifted_by_each() {
    let office = Office::open();
    office.show("hamlet");
    let seat = |label: &str| json!({"seatIds": [label]});
    let order = office.buy("hamlet", "ada", &seat("A-1"));
    assert_eq!(order["status"], "TICKETED");
    let admin =
        |what: &str| office.admin("POST", &format!("/shows/hamlet/{what}"), &NOTHING).is(200);
    let ops = |what: &str| office.ops("POST", &format!("/shows/hamlet/{what}"), &NOTHING).is(200);
    admin("pause");
    let both = ops("pause");
    assert_eq!(
        (&both["pausedByOrganiser"], &both["pausedByOperator"]),
        (&json!(true), &json!(true))
    );
    for (what, by_ops) in [("pause", false), ("resume", true)] {
        let state = if by_ops { ops(what) } else { admin(what) };
        assert_eq!(state["saleState"], "PAUSED");
        let refused = office.try_hold("hamlet", "bob", &seat("A-2"));
        assert_eq!(refused.is_problem(409, "SALE_NOT_OPEN", None)["state"], "PAUSED");
        let stock = json!({"stock": {"name": "Floor", "quantity": 1}});
        office.try_hold("hamlet", "bob", &stock).is_problem(409, "SALE_NOT_OPEN", None);
    }
    assert_eq!(admin("resume")["saleState"], "OPEN");
    office.hold("hamlet", "bob", &seat("A-2"));
    office.ops("POST", "/shows/nobody/pause", &NOTHING).is_problem(404, "UNKNOWN_SHOW", None);
}

#[test]
fn shards_and_shows_are_where_they_are_said_to_be() {
    let office = Office::open();
    office.show("hamlet");
    office.buy("hamlet", "ada", &json!({"stock": {"name": "Floor", "quantity": 2}}));
    let shards = office.ops("GET", "/shards", &NOTHING).is(200);
    let all = shards["shards"].as_array().expect("shards");
    let sum =
        |field: &str| all.iter().map(|shard| shard[field].as_u64().expect("a count")).sum::<u64>();
    assert_eq!((all.len(), sum("partitions"), sum("machines")), (2, 4_096, 5));
    assert!(sum("records") > 5 && shards["journal"]["batches"].as_u64() > Some(0), "{shards}");
    assert!(shards["journal"]["batchSeconds"]["p50"].as_f64() > Some(0.0), "{shards}");
    assert!(shards["snapshotAgeSeconds"].is_null());

    let status = office.ops("GET", "/shows/hamlet", &NOTHING).is(200);
    let inventories = status["inventories"].as_array().expect("inventories");
    let names: Vec<_> = inventories.iter().map(|one| text(&one["name"])).collect();
    assert_eq!(names, ["seats", "Floor/0", "Floor/1", "Floor/2", "Floor/3"]);
    assert_eq!(inventories[0]["counts"]["capacity"], 40);
    let sold = inventories.iter().map(|one| one["counts"]["sold"].as_u64().expect("a count"));
    assert_eq!(sold.sum::<u64>(), 2);
    for one in inventories {
        let shard = office.ops("GET", &format!("/shards/{}", one["shard"]), &NOTHING).is(200);
        let partitions = shard["partitionIds"].as_array().expect("partitions");
        assert!(partitions.contains(&one["partition"]), "{one}");
        assert_eq!(shard["showIds"], json!(["hamlet"]));
    }
    let metrics = office.server().get_ops("/metrics");
    let metrics = String::from_utf8(metrics.body).expect("text");
    for line in ["usher_shows 1", "usher_units{status=\"sold\"} 2"] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} is not in {metrics}");
    }
    assert!(metrics.contains("\nusher_units{status=\"available\"} 78\n"), "{metrics}");
    for path in ["/shards/2", "/shards/-1", "/shards/x"] {
        office.ops("GET", path, &NOTHING).is_problem(404, "UNKNOWN_SHARD", None);
    }
}

#[test]
fn a_partition_moves_while_it_sells() {
    let office = Office::open();
    office.show("hamlet");
    let status = office.ops("GET", "/shows/hamlet", &NOTHING).is(200);
    let seats = &status["inventories"][0];
    let (partition, mut at) = (seats["partition"].clone(), seats["shard"].as_u64().expect("one"));
    let path = format!("/partitions/{partition}/move");
    let bell = Bell::default();
    let held: BTreeSet<String> = std::thread::scope(|scope| {
        let buyers: Vec<_> = (0..4)
            .map(|buyer| {
                let (office, bell) = (&office, &bell);
                scope.spawn(move || hold_and_release(office, buyer, bell))
            })
            .collect();
        let over = bell.ring_after();
        for _ in 0..20 {
            let to = 1 - at;
            let moved = office.ops("POST", &path, &json!({"shard": to})).is(200);
            assert_eq!(
                (moved["fromShard"].as_u64(), moved["toShard"].as_u64()),
                (Some(at), Some(to))
            );
            let frozen = moved["frozenSeconds"].as_f64().expect("a time");
            assert!(frozen < 5.0, "{moved}");
            at = to;
        }
        drop(over);
        let mut held = BTreeSet::new();
        for buyer in buyers {
            for seat in buyer.join().expect("no buyer fails") {
                assert!(held.insert(seat.clone()), "{seat} is held twice");
            }
        }
        held
    });
    assert_eq!(office.audit("hamlet")["held"], held.len());
    let now = office.ops("GET", "/shows/hamlet", &NOTHING).is(200);
    assert_eq!(now["inventories"][0]["shard"].as_u64(), Some(at));
    let bad = office.ops("POST", &path, &json!({"shard": 2}));
    bad.is_problem(404, "UNKNOWN_SHARD", Some("/shard"));
    for unknown in ["4096", "-1", "x", "99999999"] {
        let path = format!("/partitions/{unknown}/move");
        office.ops("POST", &path, &json!({"shard": 0})).is_problem(404, "UNKNOWN_PARTITION", None);
    }
}

/// Holds seats, gives some back when there are no more, and says which it has in the end.
fn hold_and_release(office: &Office, buyer: u32, bell: &Bell) -> Vec<String> {
    let mut mine: Vec<Value> = Vec::new();
    for number in 1.. {
        let user = format!("user-{buyer}-{number}");
        let held = office.try_hold("hamlet", &user, &json!({"bestAvailable": {"quantity": 1}}));
        if bell.has_rung() {
            mine.extend((held.status == 201).then(|| held.json()));
            break;
        }
        match held.status {
            201 => mine.push(held.json()),
            // Sold out; what nobody has is another buyer's for the moment.
            409 => {
                if let Some(oldest) = (!mine.is_empty()).then(|| mine.remove(0)) {
                    let path = format!("/api/v1/holds/{}", text(&oldest["holdId"]));
                    office.buyer("DELETE", &path, &NOTHING).is(200);
                }
            }
            other => panic!("{other}: {held:?}"),
        }
    }
    mine.iter().map(|hold| text(&hold["seatIds"][0]).to_owned()).collect()
}

#[test]
fn a_snapshot_and_what_came_after_it_survive_a_kill() {
    let mut office = Office::open();
    office.show("hamlet");
    let before = office.buy("hamlet", "ada", &json!({"seatIds": ["A-1", "A-2"]}));
    let snapshot = office.ops("POST", "/snapshots", &NOTHING).is(200);
    assert!(snapshot["atSequence"].as_u64() > Some(5) && snapshot["bytes"].as_u64() > Some(0));
    let after = office.buy("hamlet", "bob", &json!({"stock": {"name": "Floor", "quantity": 2}}));
    let audit = office.audit("hamlet");
    office.kill_and_restart();
    let again = office.audit("hamlet");
    for figure in ["capacity", "available", "held", "sold", "blocked", "ticketsIssued", "live"] {
        assert_eq!(again[figure], audit[figure], "{figure}");
    }
    for order in [before, after] {
        let path = format!("/api/v1/orders/{}", text(&order["orderId"]));
        assert_eq!(office.server().get(&path).is(200)["tickets"], order["tickets"]);
    }
    let shards = office.ops("GET", "/shards", &NOTHING).is(200);
    assert_eq!(shards["snapshotSequence"], snapshot["atSequence"]);
    assert!(shards["snapshotAgeSeconds"].as_f64() < Some(600.0), "{shards}");
}

#[test]
fn a_backup_is_made_while_it_sells_and_comes_back() {
    let office = Office::open();
    office.show("hamlet");
    let order = office.buy("hamlet", "ada", &json!({"seatIds": ["A-1"]}));
    office.ops("POST", "/snapshots", &NOTHING).is(200);
    office.buy("hamlet", "bob", &json!({"seatIds": ["A-2"]}));
    let bell = Bell::default();
    let backup = std::thread::scope(|scope| {
        let selling = scope.spawn(|| {
            for number in 0.. {
                let one = json!({"bestAvailable": {"quantity": 1}});
                office.try_hold("hamlet", &format!("user-{number}"), &one);
                if bell.has_rung() {
                    break;
                }
            }
        });
        let over = bell.ring_after();
        let backup = office.ops("POST", "/backup", &NOTHING).is(200);
        drop(over);
        selling.join().expect("sold");
        backup
    });
    let directory = text(&backup["directory"]);
    let backups = office.dir().join("data/backups").canonicalize().expect("made");
    assert!(std::path::Path::new(directory).canonicalize().expect("there").starts_with(backups));
    assert!(backup["bytes"].as_u64() > Some(0) && backup["atSequence"].as_u64() > Some(0));

    let data = office.dir().join("restored");
    let args = ["restore", directory, "--data-dir"];
    let restored = usher().args(args).arg(&data).output().expect("it runs");
    assert!(restored.status.success(), "{restored:?}");
    copy_dir(&office.dir().join("data/keys"), &data.join("keys"));
    let other = Server::start(&data, &[]);
    let path = format!("/api/v1/orders/{}", text(&order["orderId"]));
    assert_eq!(other.get(&path).is(200)["tickets"], order["tickets"]);

    let named = office.ops("POST", "/backup", &json!({"directory": "monday"})).is(200);
    assert!(text(&named["directory"]).ends_with("backups/monday"), "{named}");
    for bad in ["monday", "../x", "/tmp/x", "", "a/../../x"] {
        let refused = office.ops("POST", "/backup", &json!({"directory": bad}));
        refused.is_problem(400, "INVALID_FIELD", Some("/directory"));
    }
    assert!(!office.dir().join("data/x").exists() && !office.dir().join("x").exists());
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        // Keeps who may read it.
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn history_answers_why_somebody_was_refused() {
    let office = Office::open();
    office.show("hamlet");
    let hold = office.hold("hamlet", "ada", &json!({"seatIds": ["A-1", "A-2"]}));
    let refused = office.try_hold("hamlet", "bob", &json!({"seatIds": ["A-1"]}));
    refused.is_problem(409, "SEAT_UNAVAILABLE", None);
    // Times are told to the millisecond, and are asked for below.
    std::thread::sleep(std::time::Duration::from_millis(5));
    office.ops("POST", "/shows/hamlet/pause", &NOTHING).is(200);
    let hold_id = text(&hold["holdId"]);
    let released = office.buyer("DELETE", &format!("/api/v1/holds/{hold_id}"), &NOTHING);
    assert_eq!(released.is(200)["status"], "RELEASED");
    let history = |query: &str| {
        office.ops("GET", &format!("/shows/hamlet/history?{query}"), &NOTHING).is(200)
    };
    let events = |history: &Value| -> Vec<String> {
        let entries = history["entries"].as_array().expect("entries").iter();
        entries.map(|entry| text(&entry["event"]).to_owned()).collect()
    };
    let of_show = ["SHOW_CREATED", "PUT_ON_SALE", "SALE_OPENED"];
    let of_seat = history("seatId=A-1");
    let told = [&of_show[..], &["HELD", "SALE_PAUSED", "RELEASED"]].concat();
    assert_eq!(events(&of_seat), told);
    let held = &of_seat["entries"][3];
    assert_eq!((&held["holdId"], &held["seatIds"]), (&hold["holdId"], &json!(["A-1", "A-2"])));
    assert_eq!(held["text"], "2 seats held for 6000 TWD cents");
    assert_eq!(text(&held["fields"]["endsAt"]), text(&hold["expiryTime"]));
    assert_eq!(of_seat["truncated"], false);
    assert_eq!(events(&history(&format!("holdId={hold_id}"))), told);
    assert_eq!(events(&history("userId=ada")), told);
    // Bob did nothing that was recorded; what stood in his way concerned the show.
    assert_eq!(events(&history("userId=bob")), [&of_show[..], &["SALE_PAUSED"]].concat());
    let at = text(&held["at"]);
    assert_eq!(events(&history(&format!("seatId=A-1&from={at}"))), told[3..]);
    assert_eq!(events(&history(&format!("seatId=A-1&to={at}"))), told[..4]);
    assert!(events(&history("")).iter().any(|event| event == "TERMS_SET"), "all of it");

    let refuse =
        |query: &str| office.ops("GET", &format!("/shows/hamlet/history?{query}"), &NOTHING);
    refuse("seatId=Z-1").is_problem(422, "UNKNOWN_SEAT", None);
    refuse("holdId=h_x").is_problem(404, "UNKNOWN_HOLD", None);
    refuse("from=yesterday").is_problem(400, "INVALID_PARAMETER", None);
    refuse("who=ada").is_problem(400, "INVALID_PARAMETER", None);
}

#[test]
fn holds_get_more_time_after_an_outage() {
    let office = Office::open();
    office.show("hamlet");
    let seat = office.hold("hamlet", "ada", &json!({"seatIds": ["A-1"]}));
    let stock = office.hold("hamlet", "bob", &json!({"stock": {"name": "Floor", "quantity": 2}}));
    let extend = |seconds: Value| {
        office.ops("POST", "/shows/hamlet/extend-holds", &json!({"seconds": seconds}))
    };
    assert_eq!(extend(json!(600)).is(200)["extended"], 2);
    for hold in [&seat, &stock] {
        let path = format!("/api/v1/holds/{}", text(&hold["holdId"]));
        let now = office.server().get(&path).is(200);
        let time = |value: &Value| text(value).parse::<jiff::Timestamp>().expect("a time");
        let later = time(&now["expiryTime"]).duration_since(time(&hold["expiryTime"]));
        assert_eq!(later.as_secs(), 600);
    }
    for bad in [json!(0), json!(3_601), json!(-1), json!("x")] {
        extend(bad).is_problem(400, "INVALID_FIELD", Some("/seconds"));
    }
}

#[test]
fn an_audit_is_clean_in_the_middle_of_a_rush() {
    let office = Office::open();
    office.show("hamlet");
    let bell = Bell::default();
    std::thread::scope(|scope| {
        for buyer in 0..4 {
            let (office, bell) = (&office, &bell);
            scope.spawn(move || {
                for number in 0.. {
                    let user = format!("user-{buyer}-{number}");
                    let what = match number % 2 {
                        0 => json!({"bestAvailable": {"quantity": 2}}),
                        _ => json!({"stock": {"name": "Floor", "quantity": 3}}),
                    };
                    let held = office.try_hold("hamlet", &user, &what);
                    if held.status == 201 {
                        let path = format!("/api/v1/holds/{}", text(&held.json()["holdId"]));
                        office.buyer("DELETE", &path, &NOTHING).is(200);
                    }
                    if bell.has_rung() {
                        break;
                    }
                }
            });
        }
        let _over = bell.ring_after();
        let mut last = 0;
        for _ in 0..10 {
            let audit = office.audit("hamlet");
            let at = audit["atSequence"].as_u64().expect("a sequence");
            assert!(at >= last);
            last = at;
        }
    });
    let audit = office.audit("hamlet");
    assert_eq!((&audit["capacity"], &audit["available"]), (&json!(80), &json!(80)));
    assert_eq!(audit["live"]["available"], 80);
}

#[test]
fn the_logbook_says_who_did_what() {
    let mut office = Office::open();
    office.show("hamlet");
    office.buy("hamlet", "ada", &json!({"seatIds": ["A-1"]}));
    office.ops("POST", "/shows/hamlet/pause", &NOTHING).is(200);
    office.ops("GET", "/shards", &NOTHING).is(200);
    let wrong = [("Authorization", "Bearer wrong")];
    let path = "/admin/v1/shows/hamlet/close";
    assert_eq!(request(office.server().public, "POST", path, &wrong, b"").status, 401);
    let noted = |office: &Office, query: &str| {
        let answer = office.ops("GET", &format!("/logbook{query}"), &NOTHING).is(200);
        assert_eq!(answer["intact"], true, "{answer}");
        answer["entries"].as_array().expect("entries").clone()
    };
    let calls = |entries: &[Value]| {
        let call = |entry: &Value| format!("{} {}", text(&entry["call"]), entry["status"]);
        entries.iter().map(call).collect::<Vec<_>>()
    };
    assert_eq!(calls(&noted(&office, "?actor=operator")), ["POST /ops/v1/shows/hamlet/pause 200"]);
    assert_eq!(calls(&noted(&office, "?actor=stranger")), [format!("POST {path} 401")]);
    let organised = calls(&noted(&office, "?actor=organiser"));
    assert!(organised.contains(&"POST /admin/v1/shows/hamlet/open 200".into()), "{organised:?}");
    let told = noted(&office, "?actor=provider");
    assert_eq!(told[0]["fields"]["result"], "ticketed");
    assert_eq!(told[0]["address"], "127.0.0.1");

    let before = noted(&office, "").len();
    office.kill_and_restart();
    office.ops("POST", "/shows/hamlet/resume", &NOTHING).is(200);
    let after = noted(&office, "");
    assert_eq!(after.len(), before + 1, "nothing was lost, and it goes on");
    assert_eq!(after[before]["sequence"], before + 1);
    let refused = office.ops("GET", "/logbook?form=x", &NOTHING);
    refused.is_problem(400, "INVALID_PARAMETER", None);
}

#[test]
fn who_goes_away_unanswered_is_in_the_logbook_too() {
    let office = Office::open();
    let key = std::fs::read_to_string(office.dir().join("data/keys/organiser_key")).unwrap();
    for number in 0..60 {
        let mut show = new_show(&format!("show-{number}"));
        show["planId"] = Value::Null;
        show["prices"] = json!({});
        let body = show.to_string();
        let mut stream = connect(office.server().public);
        // Gone at once, and not with a last word.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        let head = format!(
            "POST /admin/v1/shows HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            key.trim(),
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_micros(100 * number));
        drop(stream);
    }
    std::thread::sleep(Duration::from_millis(500));
    let is_made = |number: &u64| {
        let path = format!("/api/v1/shows/show-{number}");
        office.buyer("GET", &path, &NOTHING).status == 200
    };
    let made = (0..60).filter(is_made).count();
    let noted = office.ops("GET", "/logbook?text=/admin/v1/shows", &NOTHING).is(200);
    let noted = noted["entries"].as_array().expect("entries").clone();
    assert!(made > 0 && noted.len() >= made, "{made} made, {} noted", noted.len());
}
