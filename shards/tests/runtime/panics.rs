//! Shards that panic, with their threads and a real journal: nothing acknowledged is lost, nobody
//! else waits, and what cannot be got over ends the process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use usher_engine::limits::EXPIRY_SLICE_MAX;
use usher_engine::{HoldNo, Subject};
use usher_shards::{Router, Unavailable};

use super::*;

/// Panics while it is decided: no timing wheel makes an expiry as large as this.
fn panics() -> Command {
    Command::Expire { holds: vec![HoldNo(1); EXPIRY_SLICE_MAX + 1] }
}

/// A show whose house lives on another shard than that of [`SHOW`].
fn elsewhere(runtime: &Runtime) -> ShowKey {
    let owner = |show| runtime.router().owner(MachineId::house(show).partition());
    (43..).map(ShowKey).find(|&show| owner(show) != owner(SHOW)).expect("two shards")
}

/// Asks until there is an answer, as a client does that is told to try again.
async fn persist(router: &Router, command: impl Fn() -> Command) -> Result<(), CallError> {
    loop {
        match router.execute(HOUSE, command()).await {
            Err(CallError::Unavailable(Unavailable::Rebuilding)) => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            other => return other.map(drop),
        }
    }
}

/// Sells to one buyer after another until told to stop; returns how many, and the longest wait.
async fn sell_quietly(router: Router, show: ShowKey, stop: Arc<AtomicBool>) -> (u32, Duration) {
    let (mut sold, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) && sold < SEATS {
        let asked = Instant::now();
        let wish = Wish::Seats([SeatIx(sold)].into());
        let answer = router.execute(MachineId::house(show), hold(u128::from(sold), wish)).await;
        answer.expect("another shard's panic is nobody's business here");
        longest = longest.max(asked.elapsed());
        sold += 1;
    }
    (sold, longest)
}

#[actix::test]
async fn nothing_acknowledged_is_lost_and_others_sell_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 2);
    let other = elsewhere(&runtime);
    open_show(&runtime).await;
    open(&runtime, other).await;
    let stop = Arc::new(AtomicBool::new(false));
    let quiet = actix::spawn(sell_quietly(runtime.router(), other, stop.clone()));

    let rush = (0..1_000_u32).map(|buyer| {
        let router = runtime.router();
        actix::spawn(async move {
            let wish = || Wish::Seats([SeatIx(buyer)].into());
            persist(&router, || hold(u128::from(buyer), wish())).await.expect("a seat");
            if buyer % 500 == 250 {
                let panicked = router.execute(HOUSE, panics()).await;
                assert!(matches!(panicked, Err(CallError::Unavailable(_))), "{panicked:?}");
            }
        })
    });
    for buyer in rush.collect::<Vec<_>>() {
        buyer.await.expect("no panic");
    }
    stop.store(true, Ordering::Relaxed);
    let (sold, longest) = quiet.await.expect("no panic");
    assert!(sold > 0);
    // Who panicked is answered before the panic is counted; what comes after waits for both.
    let counted = runtime.router().count(HOUSE).await.expect("a house");
    let shards = runtime.router().shards();
    let fallen = &shards[runtime.router().owner(HOUSE.partition())];
    assert_eq!((fallen.panics, fallen.quarantined.len()), (2, 1));
    println!("down for {:?}, others waited {longest:?} at most", fallen.last_rebuild);

    assert_eq!(counted.audit.held, 1_000);
    assert!(counted.audit.double_sold.is_empty() && counted.audit.faults.is_empty());
    let view = runtime.router().directory().show(SHOW).expect("published").seats.copy();
    let is_held = |seat| view.status(SeatIx(seat)) == usher_engine::seats::SeatStatus::Held;
    assert_eq!((0..SEATS).filter(|&seat| is_held(seat)).count(), 1_000);
    runtime.stop();

    let runtime = start(dir.path(), 1);
    let counted = runtime.router().count(HOUSE).await.expect("a house");
    assert_eq!(counted.audit.held, 1_000);
    let counted = runtime.router().count(MachineId::house(other)).await.expect("a house");
    assert_eq!(counted.audit.held, u64::from(sold));
    runtime.stop();
}

#[actix::test]
async fn a_command_that_panics_again_is_refused_from_then_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 1);
    open_show(&runtime).await;
    let answers = [Unavailable::Rebuilding, Unavailable::Quarantined, Unavailable::Quarantined];
    for (asked, expected) in (1..).zip(answers) {
        let answer = runtime.router().execute(HOUSE, panics()).await;
        let Err(CallError::Unavailable(why)) = answer else { panic!("{answer:?}") };
        assert_eq!(why, expected);
        // The shard answers before it is back; who comes now waits.
        let counted = runtime.router().count(HOUSE).await.expect("a house");
        assert_eq!(counted.audit.held, 0);
        assert_eq!(runtime.router().shards()[0].panics, u64::min(asked, 2));
    }
    let quarantined = &runtime.router().shards()[0].quarantined;
    assert_eq!((quarantined[0].inventory, &*quarantined[0].command), (HOUSE, "Expire"));
    let wish = Wish::Seats([SeatIx(5)].into());
    runtime.router().execute(HOUSE, hold(1, wish)).await.expect("others are served");
    runtime.stop();
}

#[actix::test]
async fn a_shard_comes_back_from_a_snapshot_and_through_rotations() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = start(dir.path(), 2);
    open_show(&runtime).await;
    let mut sold = rush(&runtime, 300).await.len() as u64;
    for round in 0..3 {
        let compactor = runtime.compactor();
        let compacted = tokio::task::spawn_blocking(move || compactor.compact().map(drop));
        let panicked = runtime.router().execute(HOUSE, panics()).await;
        assert!(matches!(panicked, Err(CallError::Unavailable(_))), "{panicked:?}");
        compacted.await.expect("no panic").expect("compacted");
        let wish =
            Wish::BestAvailable { quantity: 2, category: None, section: None, adjacent: false };
        persist(&runtime.router(), || hold(10_000 + round, wish.clone())).await.expect("held");
        sold += 2;
    }
    let counted = runtime.router().count(HOUSE).await.expect("a house");
    assert_eq!(counted.audit.held, sold);
    runtime.stop();
}

/// Has a plan until it is taken away.
struct FickleOnePlan(OnePlan, AtomicBool);

impl PlanSource for FickleOnePlan {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (!self.1.load(Ordering::Relaxed)).then(|| self.0.plan(id))?
    }
}

#[actix::test]
async fn a_shard_that_cannot_come_back_ends_the_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let plans = Arc::new(FickleOnePlan(OnePlan(plan()), AtomicBool::new(false)));
    let ended = Arc::new(Mutex::new(None));
    let end = ended.clone();
    let on_fatal: OnFatal = Arc::new(move |why| {
        end.lock().expect("no panic").get_or_insert_with(|| why.to_owned());
    });
    let runtime = start_with(dir.path(), 1, plans.clone(), on_fatal);
    open_show(&runtime).await;
    plans.1.store(true, Ordering::Relaxed);
    let panicked = runtime.router().execute(HOUSE, panics()).await;
    assert!(matches!(panicked, Err(CallError::Unavailable(Unavailable::Rebuilding))));
    let begun = Instant::now();
    while ended.lock().expect("no panic").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "goes on without its inventories");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let why = ended.lock().expect("no panic").clone();
    assert_eq!(why.as_deref(), Some("shard 0 cannot be rebuilt"));
    runtime.stop();
}

/// By hand, in release: `cargo test --release -p usher-shards --test runtime -- --ignored
/// --nocapture how_long`.
#[actix::test]
#[ignore = "a measurement, not a check"]
async fn how_long_a_rebuild_takes() {
    for holds in [1_000_u32, 20_000, 100_000] {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = start(dir.path(), 2);
        open_show(&runtime).await;
        for group in (0..holds).collect::<Vec<_>>().chunks(1_000) {
            let buyers = group.iter().map(|&buyer| {
                let router = runtime.router();
                actix::spawn(async move {
                    let wish = Wish::Seats([SeatIx(buyer % SEATS)].into());
                    let held = router.execute(HOUSE, hold(u128::from(buyer), wish)).await;
                    let Subject::Hold(hold) = held.expect("a free seat").subject else {
                        panic!("not a hold")
                    };
                    let release = Command::Release { hold };
                    router.execute(HOUSE, release).await.expect("released");
                })
            });
            for buyer in buyers.collect::<Vec<_>>() {
                buyer.await.expect("no panic");
            }
        }
        let panicked = runtime.router().execute(HOUSE, panics()).await;
        assert!(matches!(panicked, Err(CallError::Unavailable(_))), "{panicked:?}");
        runtime.router().count(HOUSE).await.expect("a house");
        let took =
            runtime.router().shards()[runtime.router().owner(HOUSE.partition())].last_rebuild;
        println!("{} records: {took:?}", 2 * holds);
        runtime.stop();
    }
}
