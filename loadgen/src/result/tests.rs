//! Round trips, merges, comparisons and objectives on small results.

use std::time::{Duration, Instant};

use super::*;
use crate::meter::{Ending, Meter};
use crate::slo;

/// A result of a run that began at `started_s` and had these latencies of holds, in milliseconds,
/// all in its first second.
pub(crate) fn result(started_s: u64, holds_ms: &[u64], sold: u64) -> RunResult {
    let begun = Instant::now();
    let meter = Meter::new(begun);
    for ms in holds_ms {
        let since = begun.checked_sub(Duration::from_millis(*ms)).expect("the machine is older");
        meter.step(Step::Hold, since, Ending::Done);
        meter.answer(Step::Hold, since, 201, false);
    }
    meter.step(Step::Order, Instant::now(), Ending::Failed);
    meter.answer(Step::Order, begun, 0, false);
    meter.answer(Step::Order, begun, 503, true);
    meter.refusal(Step::Hold, 409, "SOLD_OUT");
    meter.sold(sold);
    meter.arrival(begun);
    meter.journey("ticketed");
    let about = About {
        workload: "rush".into(),
        show_id: "s".into(),
        run_id: format!("r{started_s}"),
        started_us: started_s * 1_000_000,
        seconds: 2.0,
        capacity: 10,
        connections: 3,
        open_loop: true,
        ..About::default()
    };
    RunResult::new(about, meter.finish())
}

#[test]
fn a_result_survives_its_json_with_whole_histograms() {
    let result = result(100, &[1, 2, 300], 2);
    let text = serde_json::to_string(&result).expect("json");
    assert_eq!(RunResult::parse(&text).as_ref(), Ok(&result));
    let json: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(json["steps"]["hold"]["refusals"]["409 SOLD_OUT"], 1);
    assert_eq!(json["steps"]["hold"]["latency"]["count"], 3);
    let p50 = json["steps"]["hold"]["latency"]["p50Us"].as_u64().expect("a number");
    assert!((2_000..2_400).contains(&p50), "{p50}");
    let other = text.replace(FORMAT, "usher-loadgen/9");
    assert!(RunResult::parse(&other).is_err_and(|error| error.contains("usher-loadgen/9")));
}

#[test]
fn merged_quantiles_are_those_of_all_requests() {
    let slow = vec![400; 10];
    let fast = vec![1; 90];
    let parts = vec![result(103, &slow, 4), result(100, &fast, 5)];
    let prompt: u64 = parts.iter().map(|part| part.steps[&Step::Hold].prompt).sum();
    let merged = merge(parts).expect("one run");
    let hold = &merged.steps[&Step::Hold];
    assert_eq!((hold.latency.count(), hold.prompt), (100, prompt));
    assert_eq!(merged.steps[&Step::Order].turned_away.count(), 2);
    assert!(hold.latency.quantile_us(0.90) < 10_000);
    assert!(hold.latency.quantile_us(0.91) > 390_000);
    assert_eq!((merged.sold, merged.generators, merged.connections), (9, 2, 6));
    assert_eq!(hold.refusals["409 SOLD_OUT"], 2);
    assert_eq!((merged.started_us, merged.capacity), (100_000_000, 10));
    assert!((merged.seconds - 5.0).abs() < 1e-9, "from the first begin to the last end");
    let sold: Vec<_> = merged.timeline.iter().map(|second| second.sold).collect();
    assert_eq!(sold, [5, 0, 0, 4], "seconds lie where the clock has them");
    assert_eq!(merged.schedule.expect("open loop").arrivals, 2);
    assert_eq!(merged.journeys["ticketed"], 2);
}

#[test]
fn what_is_not_one_run_is_not_merged() {
    let mut other = result(1, &[1], 0);
    other.show_id = "t".into();
    assert!(merge(vec![result(1, &[1], 0), other]).is_err());
    assert!(merge(Vec::new()).is_err());
}

#[test]
fn a_difference_says_what_got_worse() {
    let (before, after) = (result(1, &[10; 50], 10), result(1, &[20; 50], 4));
    let find = |changes: &[Change], of: &str, figure: &str| {
        changes.iter().find(|c| c.of == of && c.figure == figure).cloned().expect("it is there")
    };
    let changes = diff(&before, &after);
    let p99 = find(&changes, "hold", "p99");
    assert!((p99.worse_share - 1.0).abs() < 0.1, "{p99:?}");
    assert!((find(&changes, "all", "sold/s").worse_share - 0.6).abs() < 1e-9);
    let better = diff(&after, &before);
    assert_eq!(find(&better, "hold", "p99").worse_share, 0.0);
    assert!(diff(&before, &before).iter().all(|change| change.worse_share == 0.0));
}

#[test]
fn objectives_are_measured_on_the_result() {
    let result = result(1, &[1, 2, 3, 100], 7);
    let met = |text: &str| {
        let rules = slo::parse(text).expect(text);
        rules.iter().map(|rule| rule.outcome(result.measure(rule)).met).collect::<Vec<_>>()
    };
    assert_eq!(met("hold.p50<5ms,hold.p99<5ms"), [true, false]);
    assert_eq!(met("hold.errors<=0%,errors<1%"), [true, false]);
    assert_eq!(met("sold>=7,sold>7,hold.count>=4"), [true, false, true]);
    assert_eq!(met("rate>=2.5,rate>2.5"), [true, false], "five requests in two seconds");
    assert_eq!(met("pay.p99<1s"), [false], "nothing measured is not met");
}
