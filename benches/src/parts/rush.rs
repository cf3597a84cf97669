//! Durable holds through shards and the sled journal, without HTTP; then a restart that reads them
//! back.
//!
//! Each of `in_flight` buyers holds a seat (or a standing ticket), waits until that is durable, and
//! goes on to the next; in a show that is smaller than the run they give back what they hold, and
//! both count.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use usher_benches::{SHOW, hold_by, open_show, stadium, start_runtime};
use usher_engine::command::Wish;
use usher_engine::plan::SeatIx;
use usher_engine::{Command, MachineId, ShowKey, Subject};
use usher_shards::Router;

/// What is sold, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Shards.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Buyers at a time.
    #[arg(long, default_value_t = 256)]
    in_flight: u32,
    /// Commands in all.
    #[arg(long, default_value_t = 400_000)]
    commands: u32,
    /// Shows, sold side by side.
    #[arg(long, default_value_t = 1)]
    shows: u32,
    /// Seats of each show; a multiple of 40.
    #[arg(long, default_value_t = 400_000)]
    seats: u32,
    /// Sells standing tickets from so many segments, and no seats.
    #[arg(long)]
    segments: Option<u16>,
    /// Starts once more at the end, and reads everything back.
    #[arg(long)]
    restart: bool,
}

/// One run.
pub(crate) async fn run(options: &Options) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    let plan = stadium(options.seats);
    let runtime = start_runtime(dir.path(), options.shards, plan.clone());
    let router = runtime.router();
    let (stock, segments) = options.segments.map_or((0, 1), |n| (options.commands * 2, n));
    for show in 0..options.shows {
        open_show(&runtime, nth_show(show), &plan, stock, segments).await;
    }
    let before = router.journal();
    let begun = Instant::now();
    let latency_us = rush(&router, options).await;
    let took = begun.elapsed();
    let journal = router.journal();
    let flushes = journal.flushes - before.flushes;
    let mut figures = json!({
        "perSecond": f64::from(options.commands) / took.as_secs_f64(),
        "p50Us": latency_us.value_at_quantile(0.5),
        "p99Us": latency_us.value_at_quantile(0.99),
        "flushes": flushes,
        "recordsPerFlush": (journal.records - before.records) as f64 / flushes as f64,
        "bytesPerFlush": (journal.bytes - before.bytes) as f64 / flushes as f64,
        "flushP50Us": journal.flush_us.p50,
        "flushP99Us": journal.flush_us.p99,
    });
    drop(router);
    runtime.stop();
    if options.restart {
        let begun = Instant::now();
        let runtime = start_runtime(dir.path(), options.shards, plan);
        let recovery = runtime.router().recovery().clone();
        figures["restartMs"] = json!(begun.elapsed().as_secs_f64() * 1_000.0);
        figures["replayedRecords"] = json!(recovery.records);
        figures["replayMs"] = json!(recovery.took.as_secs_f64() * 1_000.0);
        runtime.stop();
    }
    figures
}

/// All commands, and how long each waited.
async fn rush(router: &Router, options: &Options) -> Histogram<u64> {
    let latency_us = Rc::new(RefCell::new(up_to_a_minute()));
    let next = Rc::new(Cell::new(0));
    let buyers = (0..options.in_flight).map(|buyer| {
        let (router, next, latency_us) = (router.clone(), next.clone(), latency_us.clone());
        let buyer = Buyer::of(options, buyer);
        actix::spawn(async move {
            while let Some(n) = take_turn(&next, buyer.commands) {
                let hold = timed(&latency_us, buyer.hold(&router, n)).await;
                if buyer.gives_back && take_turn(&next, buyer.commands).is_some() {
                    timed(&latency_us, buyer.give_back(&router, n, hold)).await;
                }
            }
        })
    });
    for buyer in buyers.collect::<Vec<_>>() {
        buyer.await.expect("no panic");
    }
    latency_us.replace(up_to_a_minute())
}

fn up_to_a_minute() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds")
}

async fn timed<T>(latency_us: &RefCell<Histogram<u64>>, command: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = command.await;
    latency_us.borrow_mut().saturating_record(begun.elapsed().as_micros() as u64);
    answer
}

fn take_turn(next: &Cell<u32>, commands: u32) -> Option<u32> {
    let n = next.get();
    next.set(n + 1);
    (n < commands).then_some(n)
}

fn nth_show(n: u32) -> ShowKey {
    ShowKey(SHOW.0 + u64::from(n))
}

/// One of those who hold at the same time. Each has seats of its own.
#[derive(Debug, Clone, Copy)]
struct Buyer {
    number: u32,
    in_flight: u32,
    commands: u32,
    shows: u32,
    seats: u32,
    segments: Option<u16>,
    gives_back: bool,
}

impl Buyer {
    fn of(options: &Options, number: u32) -> Self {
        let is_small = options.commands / options.shows > options.seats;
        Self {
            number,
            in_flight: options.in_flight,
            commands: options.commands,
            shows: options.shows,
            seats: options.seats,
            segments: options.segments,
            gives_back: options.segments.is_none() && is_small,
        }
    }

    /// Where command number `n` goes.
    fn inventory(&self, n: u32) -> MachineId {
        let show = nth_show(n % self.shows);
        match self.segments {
            Some(segments) => MachineId::segment(show, 0, (n % u32::from(segments)) as u16),
            None => MachineId::house(show),
        }
    }

    async fn hold(&self, router: &Router, n: u32) -> Subject {
        let wish = match self.segments {
            Some(_) => Wish::Stock { quantity: 1 },
            None if self.gives_back => Wish::Seats([SeatIx(self.own_seat(n))].into()),
            None => Wish::Seats([SeatIx(n / self.shows)].into()),
        };
        router.execute(self.inventory(n), hold_by(n, wish)).await.expect("held").subject
    }

    /// A seat that nobody else wants: theirs are beside it.
    fn own_seat(&self, n: u32) -> u32 {
        let rounds = self.seats / self.in_flight;
        self.number + n % rounds.max(1) * self.in_flight
    }

    async fn give_back(&self, router: &Router, n: u32, hold: Subject) {
        let Subject::Hold(hold) = hold else { unreachable!("a hold was asked for") };
        router.execute(self.inventory(n), Command::Release { hold }).await.expect("released");
    }
}
