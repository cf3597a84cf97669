//! 100,000 holds that end in the same millisecond, and what everybody else notices of it.
//!
//! `cargo run --release -p usher-benches --example mass_expiry -- [holds]`
//!
//! Buyers of a second show hold one seat each at a steady pace, before, during and after. Their
//! latency is taken from the moment at which they were due (no coordinated omission).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use usher_benches::{HOUSE, SHOW, hold_one, open_show, stadium, start_runtime};
use usher_engine::command::HoldRequest;
use usher_engine::{Command, InventoryId, ShowKey};
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
async fn probe(router: &Router, other: InventoryId, count: u32) -> Vec<(u64, Duration)> {
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

fn report(name: &str, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    println!(
        "{name}: {} others, p50 {:?}, p99 {:?}, max {:?}",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

#[actix::main]
async fn main() {
    let holds: u32 = std::env::args().nth(1).map_or(100_000, |n| n.parse().expect("a number"));
    let plan = stadium(holds.next_multiple_of(40));
    let dir = tempfile::tempdir().expect("a directory");
    // One shard, so that the others cannot escape to another thread.
    let runtime = start_runtime(dir.path(), 1, plan.clone());
    let router = runtime.router();
    let other = ShowKey(SHOW.0 + 1);
    open_show(&runtime, SHOW, &plan).await;
    open_show(&runtime, other, &plan).await;

    let end_ms = now_ms() + 12_000;
    hold_until(&router, holds, end_ms).await;
    let held = router.count(HOUSE).await.expect("a house").audit.held;
    let left_ms = end_ms.saturating_sub(now_ms());
    println!("{held} holds end together in {left_ms} ms");
    assert_eq!(held, u64::from(holds));
    tokio::time::sleep(Duration::from_millis(left_ms.saturating_sub(4_000))).await;

    let probing = {
        let router = router.clone();
        actix::spawn(async move { probe(&router, InventoryId::house(other), 16_000).await })
    };
    // Watched through the published view, which costs the shard nothing.
    let view = router.directory().show(SHOW).expect("published");
    let mut ended_ms = 0;
    while view.seats.figures().counts.held > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        ended_ms = now_ms();
    }
    let latencies = probing.await.expect("no panic");
    println!("all back {} ms after their end", ended_ms - end_ms);
    let is_during = |at: u64| at >= end_ms && at <= ended_ms + 5;
    let (during, around): (Vec<_>, Vec<_>) =
        latencies.into_iter().partition(|(at, _)| is_during(*at));
    report("before and after", around.into_iter().map(|(_, latency)| latency).collect());
    report("during", during.into_iter().map(|(_, latency)| latency).collect());
    drop(router);
    runtime.stop();
}
