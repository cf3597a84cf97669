//! Sends buyers into their journeys: at their scheduled moments, or one after the other.
//!
//! **Open loop**: a thread of its own keeps the schedule, since the timers of an async runtime
//! tick in whole milliseconds. It never waits for the server. The journeys run on the run's
//! thread; how late they began is the generator's own lag, and is reported.
//!
//! **Closed loop**: a fixed number of buyers who each wait for the end of their journey before the
//! next begins. It finds the throughput, and hides latency by its nature.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::arrivals::Schedule;
use crate::workload::{JourneyEnd, Workload, journey};
use crate::world::World;

/// The most journeys that are under way at once in the open loop. Beyond it arrivals wait, and
/// their latency, which counts from the schedule, says so.
const LIVE_MAX: usize = 100_000;
/// How far the schedule's thread may be ahead of the run's.
const SCHEDULED_MAX: usize = 4_096;
/// The longest sleep of the schedule's thread, so that it sees the end of the run.
const NAP: Duration = Duration::from_millis(50);
/// A worker that found nothing to buy waits so long before the next buyer comes.
const SOLD_OUT_REST: Duration = Duration::from_millis(100);

/// How buyers arrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// By a schedule.
    Open(Schedule),
    /// By this many at a time.
    Closed {
        /// How many buyers wait at once.
        workers: u32,
    },
}

/// When no more buyers are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Until {
    /// After this time.
    pub elapsed: Option<Duration>,
    /// After this many buyers.
    pub buyers: Option<u64>,
}

/// Sends buyers until `until`, or until the world stops, and waits for the end of all journeys.
pub async fn drive(world: &Rc<World>, workload: Workload, load: &Load, until: Until) {
    let mut journeys = JoinSet::new();
    match load {
        Load::Open(schedule) => open(world, workload, schedule, until, &mut journeys).await,
        Load::Closed { workers } => {
            let next = Rc::new(std::cell::Cell::new(0));
            for _ in 0..*workers {
                let worker = worker(Rc::clone(world), workload, Rc::clone(&next), until);
                journeys.spawn_local(worker);
            }
        }
    }
    while let Some(ended) = journeys.join_next().await {
        // A journey that panics is a fault of this program, and must not pass for a measurement.
        ended.expect("journeys do not panic");
    }
}

async fn open(
    world: &Rc<World>,
    workload: Workload,
    schedule: &Schedule,
    until: Until,
    journeys: &mut JoinSet<()>,
) {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, mut due) = mpsc::channel(SCHEDULED_MAX);
    let metronome = Metronome {
        start: world.clock.start_instant() + world.meter.elapsed(),
        schedule: schedule.clone(),
        until,
        stop: Arc::clone(&stop),
    };
    let thread = std::thread::spawn(move || metronome.run(&sender));
    let live = Arc::new(Semaphore::new(LIVE_MAX));
    while let Some((number, at)) = due.recv().await {
        if world.stopping.get() {
            break;
        }
        let permit = Arc::clone(&live).acquire_owned().await.expect("it is never closed");
        world.meter.arrival(at);
        let world = Rc::clone(world);
        journeys.spawn_local(async move {
            journey(&world, workload, number, at).await;
            drop(permit);
        });
        while journeys.try_join_next().is_some() {}
    }
    stop.store(true, Ordering::Relaxed);
    drop(due);
    thread.join().expect("the schedule's thread does not panic");
}

struct Metronome {
    start: Instant,
    schedule: Schedule,
    until: Until,
    stop: Arc<AtomicBool>,
}

impl Metronome {
    fn run(&self, due: &mpsc::Sender<(u64, Instant)>) {
        for (number, offset) in (0..).zip(self.schedule.iter()) {
            let late = self.until.elapsed.is_some_and(|elapsed| offset >= elapsed);
            if late || self.until.buyers.is_some_and(|buyers| number >= buyers) {
                return;
            }
            let at = self.start + offset;
            loop {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                let wait = at.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                std::thread::sleep(wait.min(NAP));
            }
            if due.blocking_send((number, at)).is_err() {
                return;
            }
        }
    }
}

async fn worker(
    world: Rc<World>,
    workload: Workload,
    next: Rc<std::cell::Cell<u64>>,
    until: Until,
) {
    let begun = Instant::now();
    loop {
        let number = next.get();
        let late = until.elapsed.is_some_and(|elapsed| begun.elapsed() >= elapsed);
        let enough = until.buyers.is_some_and(|buyers| number >= buyers);
        if world.stopping.get() || late || enough {
            return;
        }
        next.set(number + 1);
        let now = Instant::now();
        world.meter.arrival(now);
        let end = journey(&world, workload, number, now).await;
        if matches!(end, JourneyEnd::SoldOut | JourneyEnd::Failed) {
            tokio::time::sleep(SOLD_OUT_REST).await;
        }
    }
}
