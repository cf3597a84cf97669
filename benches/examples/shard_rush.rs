//! Durable holds through shards and the sled journal, without HTTP, beside the bare journal.
//!
//! `cargo run --release -p usher-benches --example shard_rush -- [shards] [in flight] [holds]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use usher_benches::{HOUSE, SHOW, hold_one, new_show, stadium};
use usher_engine::Command;
use usher_engine::plan::{PlanId, SeatPlan};
use usher_engine::show::SaleMove;
use usher_persistence::codec::PlanSource;
use usher_persistence::{FileSnapshots, SledJournal, SledOptions};
use usher_shards::{KeeperConfig, LaneSizes, Runtime, RuntimeConfig, Storage};

struct OnePlan(Arc<SeatPlan>);

impl PlanSource for OnePlan {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (id == self.0.id()).then(|| self.0.clone())
    }
}

fn argument(place: usize, default: u32) -> u32 {
    std::env::args().nth(place).map_or(default, |text| text.parse().expect("a number"))
}

fn start(dir: &std::path::Path, shards: usize, plan: Arc<SeatPlan>) -> Runtime {
    let (journal, report) =
        SledJournal::open(SledOptions::new(dir.join("journal"))).expect("a journal");
    println!("journal opened: {} records in {:?}", report.records, report.elapsed);
    let config = RuntimeConfig {
        shards,
        lanes: LaneSizes::default(),
        call_timeout: Duration::from_secs(60),
        given_back_ms_max: 0,
        keeper: KeeperConfig {
            data_dir: dir.to_path_buf(),
            reserve_bytes: 1,
            compact_after_bytes: u64::MAX,
            generations_kept: 0,
        },
    };
    let storage = Storage {
        journal: Box::new(journal),
        snapshots: Arc::new(FileSnapshots::open(dir.join("snapshots"), 2).expect("snapshots")),
        plans: Arc::new(OnePlan(plan)),
    };
    Runtime::start(config, storage, Arc::new(|why| panic!("{why}"))).expect("recovered")
}

#[actix::main]
async fn main() {
    let (shards, in_flight, holds) = (argument(1, 1), argument(2, 256), argument(3, 400_000));
    let seats = holds.next_multiple_of(40);
    let dir = tempfile::tempdir().expect("a directory");
    let plan = stadium(seats);
    let runtime = start(dir.path(), shards as usize, plan.clone());
    let router = runtime.router();
    let create = Command::CreateShow(Box::new(new_show(plan.clone(), 0, 1)));
    router.organise(SHOW, create).await.expect("created");
    router.organise(SHOW, Command::MoveSale(SaleMove::Open)).await.expect("opened");

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
    let runtime = start(dir.path(), shards as usize, plan);
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
