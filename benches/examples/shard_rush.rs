//! Durable holds through shards and the sled journal, without HTTP, beside the bare journal.
//!
//! `cargo run --release -p usher-benches --example shard_rush -- [shards] [in flight] [holds]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use usher_benches::{HOUSE, SHOW, hold_one, open_show, stadium, start_runtime};

fn argument(place: usize, default: u32) -> u32 {
    std::env::args().nth(place).map_or(default, |text| text.parse().expect("a number"))
}

#[actix::main]
async fn main() {
    let (shards, in_flight, holds) = (argument(1, 1), argument(2, 256), argument(3, 400_000));
    let seats = holds.next_multiple_of(40);
    let dir = tempfile::tempdir().expect("a directory");
    let plan = stadium(seats);
    let runtime = start_runtime(dir.path(), shards as usize, plan.clone());
    let router = runtime.router();
    open_show(&runtime, SHOW, &plan).await;

    let next = Arc::new(AtomicU32::new(0));
    let begun = Instant::now();
    let workers = (0..in_flight).map(|_| {
        let (router, next) = (router.clone(), next.clone());
        actix::spawn(async move {
            loop {
                let seat = next.fetch_add(1, Ordering::Relaxed);
                if seat >= holds {
                    break;
                }
                router.execute(HOUSE, hold_one(seat)).await.expect("held");
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("no panic");
    }
    let took = begun.elapsed();
    let journal = router.journal();
    println!(
        "{holds} durable holds in {took:?}: {:.0} a second, {} flushes, batch p50 {} p99 {}, \
         flush p50 {} us p99 {} us",
        f64::from(holds) / took.as_secs_f64(),
        journal.flushes,
        journal.batch_records.p50,
        journal.batch_records.p99,
        journal.flush_us.p50,
        journal.flush_us.p99,
    );
    drop(router);
    runtime.stop();

    let begun = Instant::now();
    let runtime = start_runtime(dir.path(), shards as usize, plan);
    let router = runtime.router();
    let recovery = router.recovery().clone();
    // Every seat is held, so the first acknowledged hold is a repeat of one of them.
    let again = router.execute(HOUSE, hold_one(0)).await.expect("held before");
    assert!(again.replayed, "what was acknowledged is there");
    println!(
        "restart: {} records, replay {:?}, first acknowledged hold after {:?}",
        recovery.records,
        recovery.took,
        begun.elapsed()
    );
    drop(router);
    runtime.stop();
}
