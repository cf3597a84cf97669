//! The runtime on a real sled journal, with its threads: it sells, stops, recovers, compacts.

mod panics;
mod slow_disk;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use usher_engine::command::{HoldRequest, KeyUse, Wish};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::show::{NewPool, NewShow, SaleMove, ShowDetails, Stage, Terms};
use usher_engine::{
    BuyerId, Cents, Command, Currency, MachineId, PartitionId, Refusal, ShowKey, Timestamp,
};
use usher_persistence::codec::PlanSource;
use usher_persistence::sled_journal::{SledJournal, SledOptions};
use usher_persistence::{Chain, FileSnapshots, Snapshots};
use usher_shards::{CallError, KeeperConfig, LaneSizes, OnFatal, Runtime, RuntimeConfig, Storage};

const SHOW: ShowKey = ShowKey(42);
const HOUSE: MachineId = MachineId::house(SHOW);
const SEATS: u32 = 2_000;

struct OnePlan(Arc<SeatPlan>);

impl PlanSource for OnePlan {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (id == self.0.id()).then(|| self.0.clone())
    }
}

fn plan() -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([9; 16]), "rows of fifty");
    let category = builder.category("all").expect("a new category");
    builder.section("stalls", "stalls").expect("a new section");
    for n in 0..SEATS {
        if n % 50 == 0 {
            builder.row(&format!("row {}", n / 50)).expect("a new row");
        }
        let (label, x) = (n.to_string(), f64::from(n % 50));
        let spec = SeatSpec { label: &label, number: &label, category, x, y: 0.0 };
        builder.seat(spec).expect("a new seat");
    }
    Arc::new(builder.build().expect("a plan"))
}

fn start(dir: &Path, shards: usize) -> Runtime {
    start_with(dir, shards, Arc::new(OnePlan(plan())), Arc::new(|why| panic!("fatal: {why}")))
}

fn start_with(
    dir: &Path,
    shards: usize,
    plans: Arc<dyn PlanSource + Send + Sync>,
    on_fatal: OnFatal,
) -> Runtime {
    let options = SledOptions::new(dir.join("journal"));
    let (journal, _) =
        SledJournal::open_or_begin(options, &Chain::genesis()).expect("open the journal");
    let snapshots: Arc<dyn Snapshots> =
        Arc::new(FileSnapshots::open(dir.join("snapshots"), 2).expect("open snapshots"));
    let storage = Storage { journal: Box::new(journal), snapshots, plans };
    Runtime::start(config(dir, shards), storage, on_fatal).expect("recover")
}

fn config(dir: &Path, shards: usize) -> RuntimeConfig {
    RuntimeConfig {
        shards,
        lanes: LaneSizes::default(),
        call_timeout: Duration::from_secs(30),
        given_back_ms_max: 60_000,
        keeper: KeeperConfig {
            data_dir: dir.to_path_buf(),
            reserve_bytes: 1,
            compact_after_bytes: u64::MAX,
            generations_kept: 0,
        },
    }
}

fn new_show() -> NewShow {
    let details = ShowDetails {
        public_id: "show".into(),
        title: "A show".into(),
        description: String::new(),
        venue: "A hall".into(),
        city: "Tainan".into(),
        category: String::new(),
        performers: Vec::new(),
        starts_at: Timestamp(u64::MAX),
        document_verifier: String::new(),
    };
    let terms = Terms {
        stage: Stage::Draft,
        paused_by_organiser: false,
        paused_by_operator: false,
        pass_required: false,
        hoarding: None,
        sale_starts_at: Timestamp(0),
        sale_ends_at: Timestamp(u64::MAX),
        currency: Currency::new("TWD").expect("a code"),
        units_per_buyer_max: 4,
        units_per_document_max: 0,
        hold_ms: 600_000,
        prices: vec![Cents(100)],
    };
    let pool = NewPool { name: "standing".into(), quantity: 1_000, price: Cents(50), segments: 8 };
    NewShow { details, terms, plan: Some(plan()), pools: vec![pool] }
}

fn hold(buyer: u128, wish: Wish) -> Command {
    let key = Some(KeyUse { key: buyer as u64, digest: 1 });
    Command::Hold(HoldRequest {
        buyer: BuyerId(buyer),
        wish,
        hold_ms: None,
        key,
        pass: None,
        account_made_at: None,
    })
}

async fn open_show(runtime: &Runtime) {
    open(runtime, SHOW).await;
}

async fn open(runtime: &Runtime, show: ShowKey) {
    let router = runtime.router();
    let create = Command::CreateShow(Box::new(new_show()));
    router.organise(show, create).await.expect("create");
    router.organise(show, Command::MoveSale(SaleMove::Open)).await.expect("open");
}

/// Many buyers at once, each after two seats that others want, too. Returns the seats that were
/// acknowledged.
async fn rush(runtime: &Runtime, buyers: u32) -> HashSet<u32> {
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    let tasks = (0..buyers).map(|buyer| {
        let (router, acknowledged) = (runtime.router(), acknowledged.clone());
        async move {
            let first = buyer * 7 % SEATS;
            let wish = Wish::Seats([SeatIx(first), SeatIx((first + 1) % SEATS)].into());
            match router.execute(HOUSE, hold(u128::from(buyer), wish)).await {
                Ok(_) => {
                    let mut acknowledged = acknowledged.lock().expect("no panic");
                    assert!(acknowledged.insert(first), "seat {first} twice");
                    assert!(acknowledged.insert((first + 1) % SEATS), "seat {first} + 1 twice");
                }
                Err(CallError::Refused(Refusal::SeatUnavailable(_))) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
    let tasks: Vec<_> = tasks.map(actix::spawn).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    Arc::try_unwrap(acknowledged).expect("all done").into_inner().expect("no panic")
}

#[actix::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 2);
    open_show(&runtime).await;
    let sold = rush(&runtime, 3_000).await;
    assert!(sold.len() > 1_000, "{} seats", sold.len());
    runtime.stop();

    let runtime = start(dir.path(), 3);
    assert!(runtime.router().recovery().records > 500);
    let counted = runtime.router().count(HOUSE).await.expect("a house");
    assert_eq!(counted.audit.held, sold.len() as u64);
    let board = runtime.router().directory().show(SHOW).expect("published").seats.copy();
    for seat in 0..SEATS {
        let is_held = board.status(SeatIx(seat)) == usher_engine::seats::SeatStatus::Held;
        assert_eq!(is_held, sold.contains(&seat), "seat {seat}");
    }
    runtime.stop();
}

#[actix::test]
async fn a_repeat_with_the_same_key_is_one_hold_across_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 1);
    open_show(&runtime).await;
    let wish = || hold(1, Wish::Seats([SeatIx(5)].into()));
    let first = runtime.router().execute(HOUSE, wish()).await.expect("held");
    runtime.stop();
    let runtime = start(dir.path(), 1);
    let again = runtime.router().execute(HOUSE, wish()).await.expect("held before");
    assert!(!first.replayed && again.replayed);
    assert_eq!(first.subject, again.subject);
    runtime.stop();
}

#[actix::test]
async fn a_snapshot_and_the_journal_after_it_make_the_same_state() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 2);
    open_show(&runtime).await;
    let before = rush(&runtime, 500).await;
    for _ in 0..3 {
        let compactor = runtime.compactor();
        let compacted = actix::spawn(async move {
            tokio::task::spawn_blocking(move || compactor.compact().map(|info| info.covers.seq))
                .await
        });
        let seq = compacted.await.expect("no panic").expect("no panic").expect("compacted");
        assert!(seq > 0);
    }
    let pool = hold(9_999, Wish::Stock { quantity: 3 });
    runtime.router().execute(MachineId::segment(SHOW, 0, 3), pool).await.expect("held");
    runtime.stop();

    let runtime = start(dir.path(), 2);
    let recovery = runtime.router().recovery().clone();
    assert!(recovery.snapshot_seq > 0 && recovery.records < 30, "{recovery:?}");
    let counted = runtime.router().count(HOUSE).await.expect("a house");
    assert_eq!(counted.audit.held, before.len() as u64);
    let audit = runtime
        .router()
        .replica()
        .ask(|replica| {
            let inventories = replica.inventories_of(SHOW);
            inventories.iter().map(|inventory| inventory.audit()).collect::<Vec<_>>()
        })
        .await
        .expect("a replica");
    assert_eq!(audit.len(), 9);
    assert!(audit.iter().all(|audit| audit.faults.is_empty() && audit.double_sold.is_empty()));
    assert_eq!(audit.iter().map(|audit| audit.held).sum::<u64>(), before.len() as u64 + 3);
    runtime.stop();
}

#[actix::test]
async fn partitions_move_under_load() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 2);
    open_show(&runtime).await;
    let router = runtime.router();
    let moves = actix::spawn(async move {
        let partition: PartitionId = HOUSE.partition();
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let to = 1 - router.owner(partition);
            longest = longest.max(router.move_partition(partition, to).await.expect("moved"));
        }
        longest
    });
    let sold = rush(&runtime, 3_000).await;
    let longest = moves.await.expect("no panic");
    assert!(longest < Duration::from_secs(5), "a move took {longest:?}");
    let counted = runtime.router().count(HOUSE).await.expect("a house");
    assert_eq!(counted.audit.held, sold.len() as u64);
    runtime.stop();
}
