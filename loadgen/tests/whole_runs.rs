//! Whole runs of the program against a small server that keeps the contract in memory: what is
//! sold, what is written, and how the exit code tells.

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use support::sale::SECRET;
use support::{Faults, Server, start};
use usher_loadgen::meter::Step;
use usher_loadgen::result::RunResult;

/// Runs the program with a line of flags; `URL` stands for the server, `OUT` for a directory.
fn loadgen(server: &Server, out: &Path, line: &str) -> Output {
    let line = line.replace("URL", &server.url).replace("OUT", &out.display().to_string());
    Command::new(env!("CARGO_BIN_EXE_usher-loadgen"))
        .args(line.split_whitespace())
        .env("USHER_ORGANISER_KEY", "organiser")
        .env("USHER_OPERATOR_KEY", "operator")
        .env("USHER_CALLBACK_SECRET", SECRET)
        .output()
        .expect("the program starts")
}

/// Runs the program, and expects an exit code; gives what it wrote, and the result file.
fn check(server: &Server, line: &str, code: i32) -> (String, RunResult) {
    let out = tempfile::tempdir().expect("a directory");
    let line = format!("{line} --url URL --ops URL --out OUT --quiet");
    let output = loadgen(server, out.path(), &line);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}\n{text}\n{errors}");
    let json = std::fs::read_to_string(out.path().join("result.json")).expect("a result");
    let page = std::fs::read_to_string(out.path().join("report.html")).expect("a report");
    assert!(page.contains("<svg"), "the report has plots");
    (text, RunResult::parse(&json).expect("our own format"))
}

#[test]
fn a_rush_sells_every_seat_and_its_audit_is_clean() {
    for choose in ["exact", "best"] {
        let server = start(Faults::default());
        let line = format!("rush --seats 400 --choose {choose} --until-sold-out --pay direct");
        let (text, result) = check(&server, &line, 0);
        assert_eq!((result.sold, result.capacity), (400, 400), "{text}");
        assert_eq!(server.sale.lock().expect("alive").tickets.len(), 400);
        assert!(result.is_clean() && result.audits[0].checked["signatures"] == 400, "{text}");
        assert!(text.contains("audit of show s: clean"), "{text}");
        let failed: u64 = result.steps.values().map(|step| step.failed).sum();
        assert_eq!(failed, 0, "{text}");
        let collisions = result.steps[&Step::Hold].refusals.get("409 SEAT_UNAVAILABLE");
        assert_eq!(collisions.is_some(), choose == "exact", "only buyers collide: {text}");
    }
}

#[test]
fn buyers_who_leave_give_their_seats_to_others() {
    let server = start(Faults::default());
    let line = "rush --seats 150 --abandon 30% --hold-seconds 1 --until-sold-out --seed 3";
    let (text, result) = check(&server, line, 0);
    assert_eq!(result.sold, 150, "{text}");
    assert!(result.journeys["abandoned"] > 5, "{text}");
    assert!(result.steps.contains_key(&Step::Release), "some gave it back: {text}");
}

#[test]
fn stock_sells_to_the_last_ticket_and_limits_hold() {
    let server = start(Faults::default());
    let line = "stock --stock 500 --segments 4 --limit 6 --probe 30% --until-sold-out";
    let (text, result) = check(&server, line, 0);
    assert_eq!(result.sold, 500, "{text}");
    let refusals = &result.steps[&Step::Hold].refusals;
    assert!(refusals["422 LIMIT_PER_USER"] > 10, "probing was refused: {text}");
}

#[test]
fn connections_may_be_lost_and_servers_busy_and_nothing_is_sold_twice() {
    let faults = Faults { lose_every: Some(23), busy_every: Some(17), ..Faults::default() };
    let server = start(faults);
    let line = "rush --seats 200 --until-sold-out --pay direct --drop 2% --group 1-3";
    let (text, result) = check(&server, line, 0);
    assert_eq!(result.sold, 200, "{text}");
    let counts = result.counts();
    assert!(counts.retries > 20 && counts.failed == 0, "{text}");
}

#[test]
fn a_violation_is_found_shown_and_told_by_the_exit_code() {
    let server = start(Faults { sells_first_seat_again: true, ..Faults::default() });
    let line = "rush --seats 30 --choose exact --skew 9 --group 1 --buyers 25 --map-every 1ms";
    let (text, result) = check(&server, line, 3);
    assert!(!result.is_clean());
    for want in ["SEAT_SOLD_TWICE", "SEAT_HELD_TWICE", "seat s01-A-1 has", "\"ticketCode\""] {
        assert!(text.contains(want), "{want} is in\n{text}");
    }

    let server = start(Faults { forgets_an_order: true, ..Faults::default() });
    let (text, result) = check(&server, "rush --seats 20 --until-sold-out", 3);
    assert!(!result.is_clean());
    for want in ["VIOLATED", "ORDER_MISSING", "the server does not know it", "\"orderId\""] {
        assert!(text.contains(want), "{want} is in\n{text}");
    }
}

#[test]
fn a_stall_shows_in_the_open_loop() {
    let stall = Some((Duration::from_millis(1_500), Duration::from_secs(1)));
    let server = start(Faults { stall, ..Faults::default() });
    let line = "browse --seats 50 --rate 200 --duration 4s --look 1ms --connections 8";
    let (text, result) = check(&server, line, 0);
    // A quarter of all buyers arrive while nothing is answered, and wait for half a second on
    // average. Eight connections that wait for their answers would have noticed eight of them.
    let view = &result.steps[&Step::View].latency;
    assert!((780..=820).contains(&view.count()), "the schedule does not wait: {text}");
    assert!(view.quantile_us(0.99) > 900_000, "p99 has the stall in it: {text}");
    assert!(view.quantile_us(0.85) > 300_000, "and so have all who came meanwhile: {text}");
    assert!(view.quantile_us(0.50) < 200_000, "but not those before and after: {text}");
    let schedule = result.schedule.expect("open loop");
    assert!(schedule.kept, "the generator itself was in time: {text}");
}

#[test]
fn objectives_tell_by_the_exit_code() {
    let server = start(Faults::default());
    let run = |slo: &str, code: i32| {
        check(&server, &format!("browse --seats 20 --buyers 50 --look 1ms --slo {slo}"), code)
    };
    run("p99<10s,errors<0.1%,view.count>=50", 0);
    let (text, _) = run("hold.p99<10s", 2);
    assert!(text.contains("slo hold.p99<10s: MISSED, measured nothing"), "{text}");
}

#[test]
fn browsing_reads_maps_deltas_and_streams() {
    let server = start(Faults::default());
    let line = "browse --seats 60 --duration 1s --look 2ms --streams 3 --workers 4 --cold 20%";
    let (text, result) = check(&server, line, 0);
    for step in [Step::View, Step::Plan, Step::Map, Step::Delta, Step::Stream] {
        assert!(result.steps[&step].done > 0 && result.steps[&step].failed == 0, "{text}");
    }
    let plans = &result.steps[&Step::Plan].answers;
    assert!(plans[&304] > plans[&200], "most have the plan in their cache: {text}");
    assert!(result.streams.frames > 0 && result.streams.backwards == 0, "{text}");
}

#[test]
fn a_mixed_crowd_does_all_of_it() {
    let server = start(Faults::default());
    let line = "mixed --seats 300 --stock 300 --buyers 200 --look 1ms --choose exact \
                --mix browse=1,rush=1,stock=1";
    let (text, result) = check(&server, line, 0);
    for end in ["looked", "ticketed"] {
        assert!(result.journeys[end] > 20, "{text}");
    }
    let sale = server.sale.lock().expect("alive");
    let seats = sale.tickets.iter().filter(|ticket| ticket.is_seat).count();
    assert!(seats > 0 && seats < sale.tickets.len(), "both kinds are sold: {text}");
}

#[test]
fn generators_are_audited_and_merged_together() {
    let server = start(Faults::default());
    let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let flags = "--url URL --ops URL --out OUT --quiet --buyers 20 --no-audit";
    let first = loadgen(&server, one.path(), &format!("stock --stock 900 {flags} --seed 1"));
    let second = loadgen(&server, two.path(), &format!("stock --show s {flags} --seed 2"));
    assert!(first.status.success() && second.status.success());

    let file = |dir: &Path, name: &str| dir.join(name).display().to_string();
    let records = [file(one.path(), "record.jsonl"), file(two.path(), "record.jsonl")].join(" ");
    let whole = loadgen(&server, one.path(), &format!("audit --url URL --ops URL {records}"));
    let text = String::from_utf8_lossy(&whole.stdout);
    assert_eq!(whole.status.code(), Some(0), "{text}");
    // One record alone does not know of the other's tickets, and says so.
    let half = file(one.path(), "record.jsonl");
    let line = format!("audit --url URL --ops URL --json OUT/verdict.json {half}");
    let half = loadgen(&server, one.path(), &line);
    let text = String::from_utf8_lossy(&half.stdout);
    assert_eq!(half.status.code(), Some(3), "{text}");
    assert!(text.contains("COUNTS_WRONG"), "{text}");
    let json = std::fs::read_to_string(one.path().join("verdict.json")).expect("verdicts");
    assert!(json.contains("\"COUNTS_WRONG\""), "{json}");

    let results = [file(one.path(), "result.json"), file(two.path(), "result.json")].join(" ");
    let merged = loadgen(&server, one.path(), &format!("merge {results} --out OUT/merged"));
    assert!(merged.status.success());
    let text = std::fs::read_to_string(one.path().join("merged/result.json")).expect("merged");
    let merged = RunResult::parse(&text).expect("our own format");
    let sold = server.sale.lock().expect("alive").tickets.len() as u64;
    assert_eq!((merged.generators, merged.sold), (2, sold));

    let diff = loadgen(&server, one.path(), &format!("diff {results}"));
    let text = String::from_utf8_lossy(&diff.stdout);
    assert!(diff.status.success() && text.contains("p99.9"), "{text}");
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let nobody = Server { url: "http://127.0.0.1:1".into(), ..start(Faults::default()) };
    let out = tempfile::tempdir().expect("a directory");
    let line = "rush --seats 5 --url URL --out OUT --patience 200ms";
    let output = loadgen(&nobody, out.path(), line);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("POST /admin/v1/plans: connect:"), "{errors}");
}

#[test]
fn a_plan_is_written_where_it_is_wanted() {
    let server = start(Faults::default());
    let out = tempfile::tempdir().expect("a directory");
    let output = loadgen(&server, out.path(), "plan --seats 77 --output OUT/plan.json");
    assert!(output.status.success());
    let text = std::fs::read_to_string(out.path().join("plan.json")).expect("a plan");
    assert_eq!(text.matches("seat_guid").count(), 77);
    let refused = loadgen(&server, out.path(), "plan --seats 0");
    assert_eq!(refused.status.code(), Some(1));
}
