//! A disk that takes its time: what may wait is bounded, who is too many hears it at once, and
//! everybody else gets an answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use usher_persistence::MemoryDisk;
use usher_shards::Unavailable;

use super::*;

/// How many buyers may wait at the shard.
const WAITING_MAX: usize = 16;
const BUYERS: u32 = 200;

fn start_on(disk: &MemoryDisk, dir: &Path) -> Runtime {
    let (journal, _) = disk.open().expect("an empty disk");
    let snapshots: Arc<dyn Snapshots> =
        Arc::new(FileSnapshots::open(dir.join("snapshots"), 2).expect("open snapshots"));
    let plans = Arc::new(OnePlan(plan()));
    let storage = Storage { journal: Box::new(journal), snapshots, plans };
    let lanes = LaneSizes { buyers: WAITING_MAX, ..LaneSizes::default() };
    let config = RuntimeConfig { lanes, ..config(dir, 1) };
    Runtime::start(config, storage, Arc::new(|why| panic!("fatal: {why}"))).expect("recover")
}

#[actix::test]
async fn only_so_many_wait_for_the_disk_and_the_rest_hear_it_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = MemoryDisk::new();
    let is_stuck = Arc::new(AtomicBool::new(false));
    let stuck = is_stuck.clone();
    disk.set_delay(move |_| {
        while stuck.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let runtime = start_on(&disk, dir.path());
    open_show(&runtime).await;
    is_stuck.store(true, Ordering::Relaxed);
    let (mut waiting, mut refused) = (Vec::new(), 0);
    for buyer in 0..BUYERS {
        let wish = Wish::Seats([SeatIx(buyer)].into());
        let (router, command) = (runtime.router(), hold(u128::from(buyer), wish));
        let mut asked = actix::spawn(async move { router.execute(HOUSE, command).await });
        // Refusals come while the disk is stuck; the shard's thread gets its time meanwhile.
        match tokio::time::timeout(Duration::from_millis(5), &mut asked).await {
            Ok(answer) => {
                let answer = answer.expect("no panic");
                let error = answer.expect_err("nothing is durable yet");
                assert!(matches!(error, CallError::Unavailable(Unavailable::Busy)), "{error}");
                refused += 1;
            }
            Err(_) => waiting.push(asked),
        }
    }
    // As many as the lane takes, and as many behind it for the disk: two groups' worth waits there,
    // and these buyers have a turn each, so that a view waits beside every answer.
    assert!(waiting.len() <= 2 * WAITING_MAX, "{} wait", waiting.len());
    assert_eq!(refused + waiting.len(), BUYERS as usize);
    is_stuck.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    for asked in waiting {
        asked.await.expect("no panic").expect("whoever waited has seats");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody was forgotten");
    let wish = Wish::Seats([SeatIx(SEATS - 1)].into());
    runtime.router().execute(HOUSE, hold(9_999, wish)).await.expect("buyers go on");
    runtime.stop();
}
