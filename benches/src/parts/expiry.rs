//! 100,000 holds that end in the same millisecond, and what everybody else notices of it.
//!
//! Buyers of a second show hold one seat each at a steady pace, before, during and after. Their
//! latency is taken from the moment at which they were due (no coordinated omission).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use usher_benches::{HOUSE, SHOW, hold_one, open_show, stadium, start_runtime};
use usher_engine::command::HoldRequest;
use usher_engine::{Command, MachineId, ShowKey};
use usher_shards::Router;

/// One other buyer this often.
const PACE: Duration = Duration::from_micros(500);

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

/// Holds all seats so that all holds end at `end_ms`.
async fn hold_until(router: &Router, holds: u32, end_ms: u64) {
    let workers = (0..256).map(|worker| {
        let router = router.clone();
        actix::spawn(async move {
            for seat in (worker..holds).step_by(256) {
                let Command::Hold(request) = hold_one(seat) else { unreachable!("a hold") };
                let hold_ms = Some(end_ms - now_ms());
                let hold = Command::Hold(HoldRequest { hold_ms, ..request });
                router.execute(HOUSE, hold).await.expect("held");
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("no panic");
    }
}

/// Latencies of other buyers from now on, each with the moment at which it was due.
async fn probe(router: &Router, other: MachineId, count: u32) -> Vec<(u64, Duration)> {
    let begun = Instant::now();
    let buyers = (0..count).map(|n| {
        let (router, due) = (router.clone(), begun + PACE * n);
        actix::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            let at_ms = now_ms();
            router.execute(other, hold_one(n)).await.expect("held");
            (at_ms, due.elapsed())
        })
    });
    let mut latencies = Vec::new();
    for buyer in buyers.collect::<Vec<_>>() {
        latencies.push(buyer.await.expect("no panic"));
    }
    latencies
}

/// The 99th percentile, in milliseconds.
fn p99_ms(mut latencies: Vec<Duration>) -> f64 {
    latencies.sort_unstable();
    latencies[(latencies.len() - 1) * 99 / 100].as_secs_f64() * 1_000.0
}

/// One run.
pub(crate) async fn run(holds: u32) -> Value {
    let plan = stadium(holds.next_multiple_of(40));
    let dir = tempfile::tempdir().expect("a directory");
    // One shard, so that the others cannot escape to another thread.
    let runtime = start_runtime(dir.path(), 1, plan.clone());
    let router = runtime.router();
    let other = ShowKey(SHOW.0 + 1);
    open_show(&runtime, SHOW, &plan, 0, 1).await;
    open_show(&runtime, other, &plan, 0, 1).await;

    let end_ms = now_ms() + 12_000;
    hold_until(&router, holds, end_ms).await;
    let held = router.count(HOUSE).await.expect("a house").audit.held;
    let left_ms = end_ms.saturating_sub(now_ms());
    assert_eq!(held, u64::from(holds));
    tokio::time::sleep(Duration::from_millis(left_ms.saturating_sub(4_000))).await;

    let probing = {
        let router = router.clone();
        actix::spawn(async move { probe(&router, MachineId::house(other), 16_000).await })
    };
    // Watched through the published view, which costs the shard nothing.
    let view = router.directory().show(SHOW).expect("published");
    let mut ended_ms = 0;
    while view.seats.figures().counts.held > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        ended_ms = now_ms();
    }
    let latencies = probing.await.expect("no panic");
    let is_during = |at: u64| at >= end_ms && at <= ended_ms + 5;
    let of = |wanted: bool| {
        let them = latencies.iter().filter(|(at, _)| is_during(*at) == wanted);
        p99_ms(them.map(|(_, latency)| *latency).collect())
    };
    let (during, around) = (of(true), of(false));
    drop(router);
    runtime.stop();
    json!({
        "allBackMs": ended_ms - end_ms,
        "othersP99Ms": { "during": during, "beforeAndAfter": around },
        "moreMs": during - around,
    })
}
