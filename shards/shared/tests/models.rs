//! What threads share, in every order of steps and with every value that a load may return.
//!
//! Run by `scripts/concurrency`, which has this crate compiled for the model checker. Each model
//! has a bound on preemptions (how often a thread is stopped where it could go on), below which it
//! is explored exhaustively. Each is run with flaws planted as well, and must then fail: a model
//! that accepts everything proves nothing.
#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::AtomicU64 as Counter;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Mutex, mpsc};
use loom::thread;
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::room::{EntryId, Place, PlaceNo, PlaceState};
use usher_engine::seats::{SeatCounts, SeatStatus};
use usher_shared::pool::{SegmentBoard, SegmentFigures, obtainable};
use usher_shared::room::{LaneFigures, PlaceWord, RoomBoard, RoomFigures};
use usher_shared::seats::SeatBoard;
use usher_shared::sync::{Flaw, with_flaw};
use usher_shared::{DurableMark, Waker};

/// Executions of one model in the short form. The long form has no such bound.
const EXECUTIONS_MAX: usize = 20_000;

/// Whether somebody said how far to go, and so has time.
fn is_long() -> bool {
    std::env::var_os("LOOM_MAX_PREEMPTIONS").is_some()
}

/// How often the one who writes does so. Each cell may be seen as any write left it, so the number
/// of executions grows with the power of the number of cells.
fn writes() -> u64 {
    if is_long() { 2 } else { 1 }
}

/// Explores a model, up to so many preemptions or `LOOM_MAX_PREEMPTIONS`, and says how far it went.
fn explore(name: &str, preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    let bound = *builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = builder.max_branches.max(100_000);
    if !is_long() {
        builder.max_permutations = Some(EXECUTIONS_MAX);
    }
    let executions = Arc::new(Counter::new(0));
    let counted = executions.clone();
    builder.check(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let executions = executions.load(std::sync::atomic::Ordering::Relaxed);
    let how = if executions + 1 < EXECUTIONS_MAX as u64 || is_long() { "all" } else { "the first" };
    println!("{name}: {how} {executions} executions with at most {bound} preemptions");
}

// ---- A segment's figures.

/// Figures that belong together are all the same number here.
fn figures(n: u64) -> SegmentFigures {
    SegmentFigures {
        available: n,
        held: n,
        sold: n,
        blocked: n,
        in_transit: n,
        gains: n,
        terms_version: n,
        version: n,
        withdrawn: n,
    }
}

fn figures_belong_together() {
    let board = Arc::new(SegmentBoard::default());
    let written = board.clone();
    let writer = thread::spawn(move || {
        (1..=writes()).for_each(|n| written.publish(&figures(n)));
    });
    let mut last = 0;
    for _ in 0..writes() {
        let read = board.figures();
        assert_eq!(read, figures(read.version), "torn");
        assert!(read.version >= last, "went back");
        last = read.version;
    }
    writer.join().expect("no panic");
    assert_eq!(board.figures(), figures(writes()), "lost");
}

#[test]
fn figures_are_those_of_one_moment() {
    explore("figures", 2, figures_belong_together);
}

#[test]
#[should_panic(expected = "torn")]
fn figures_copied_without_order_are_torn() {
    with_flaw(Flaw::CellsUnordered, || explore("figures", 2, figures_belong_together));
}

#[test]
#[should_panic(expected = "torn")]
fn figures_copied_without_a_second_look_are_torn() {
    with_flaw(Flaw::NoSecondLook, || explore("figures", 2, figures_belong_together));
}

#[test]
#[should_panic(expected = "torn")]
fn figures_written_in_secret_are_torn() {
    with_flaw(Flaw::RaisedOnlyAfter, || explore("figures", 2, figures_belong_together));
}

// ---- Seats.

/// Seats that do not share a word.
const SEATS: [SeatIx; 2] = [SeatIx(0), SeatIx(33)];

fn plan() -> SeatPlan {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "one row");
    let category = builder.category("all").expect("a new category");
    builder.section("stalls", "stalls").expect("a new section");
    builder.row("A").expect("a new row");
    for n in 0..34 {
        let label = n.to_string();
        let spec = SeatSpec { label: &label, number: "", category, x: f64::from(n), y: 0.0 };
        builder.seat(spec).expect("a new seat");
    }
    builder.build().expect("a plan")
}

/// Both seats, at each version of the house.
fn status_at(version: u64) -> SeatStatus {
    [SeatStatus::Blocked, SeatStatus::Available, SeatStatus::Held][version as usize]
}

fn counts_at(version: u64) -> SeatCounts {
    let mut counts = SeatCounts { available: 0, held: 0, sold: 0, blocked: 34 };
    match status_at(version) {
        SeatStatus::Available => (counts.available, counts.blocked) = (2, 32),
        SeatStatus::Held => (counts.held, counts.blocked) = (2, 32),
        SeatStatus::Sold | SeatStatus::Blocked => {}
    }
    counts
}

/// Publishes new versions while something is read.
fn while_seats_change(read: impl Fn(&SeatBoard)) {
    let board = Arc::new(SeatBoard::new(Some(&plan())));
    let written = board.clone();
    let writer = thread::spawn(move || {
        for version in 1..=writes() {
            let changes = SEATS.map(|seat| (seat, status_at(version)));
            let free = counts_at(version).available;
            written.publish(&changes, &[free], counts_at(version), version);
        }
    });
    read(&board);
    writer.join().expect("no panic");
    assert_eq!(board.copy().version, writes(), "lost");
}

fn a_copy_is_whole() {
    while_seats_change(|board| {
        let copy = board.copy();
        let seats = SEATS.map(|seat| copy.status(seat));
        assert_eq!(seats, [status_at(copy.version); 2], "torn");
    });
}

fn counts_add_up() {
    while_seats_change(|board| {
        let figures = board.figures();
        assert_eq!(figures.counts, counts_at(figures.version), "torn");
    });
}

/// A reader who goes on from a copy with changes misses nothing.
fn changes_lead_on() {
    while_seats_change(|board| {
        let copy = board.copy();
        let changes = board.changes_since(copy.version).expect("remembered");
        assert!(changes.version >= copy.version, "went back");
        let mut seats = SEATS.map(|seat| copy.status(seat));
        for (changed, status) in changes.seats {
            let place = SEATS.iter().position(|seat| *seat == changed).expect("one of the two");
            seats[place] = status;
        }
        assert_eq!(seats, [status_at(changes.version); 2], "missed a change");
    });
}

#[test]
fn a_copy_of_seats_is_of_one_version() {
    explore("seats, copied", 2, a_copy_is_whole);
}

#[test]
#[should_panic(expected = "torn")]
fn seats_copied_without_order_are_torn() {
    with_flaw(Flaw::CellsUnordered, || explore("seats, copied", 2, a_copy_is_whole));
}

#[test]
fn counts_of_seats_are_of_one_version() {
    explore("seats, counted", 2, counts_add_up);
}

#[test]
fn changes_of_seats_lead_on_from_a_copy() {
    explore("seats, followed", 2, changes_lead_on);
}

#[test]
#[should_panic(expected = "missed a change")]
fn changes_noted_too_late_are_missed() {
    with_flaw(Flaw::NotedTooLate, || explore("seats, followed", 2, changes_lead_on));
}

fn figures_say_what_came_before() {
    let board = Arc::new(SegmentBoard::default());
    let elsewhere = Arc::new(AtomicU64::new(0));
    let (published, written) = (board.clone(), elsewhere.clone());
    let writer = thread::spawn(move || {
        for n in 1..=writes() {
            written.store(n, Ordering::Relaxed);
            published.publish(&figures(n));
        }
    });
    let seen = board.figures().version;
    assert!(elsewhere.load(Ordering::Relaxed) >= seen, "saw the figures and not what led to them");
    writer.join().expect("no panic");
}

#[test]
fn who_sees_figures_sees_what_came_before_them() {
    explore("figures, and what led to them", 2, figures_say_what_came_before);
}

// ---- A pool from which a ticket is lent while somebody asks whether there is any.
//
// With the real boards, of eleven words each, this is too much to explore. So each segment is one
// word here, which promises what the models above have shown of a board: figures of one moment,
// none older than those seen before, and who sees them sees what came before. That leaves what is
// asked here, the two readings, and that is explored in full up to three preemptions.

/// Figures of a segment in one word.
#[derive(Default)]
struct SmallBoard(AtomicU64);

/// What is published of a small segment: free, lent, gains.
fn small(available: u64, in_transit: u64, gains: u64) -> u64 {
    available | in_transit << 8 | gains << 16
}

impl SmallBoard {
    fn figures(&self, order: Ordering) -> SegmentFigures {
        let word = self.0.load(order);
        let [available, in_transit, gains, ..] = word.to_le_bytes().map(u64::from);
        SegmentFigures { available, in_transit, gains, ..figures(0) }
    }
}

/// How somebody asks.
#[derive(Clone, Copy, PartialEq)]
enum Asker {
    /// As the pool does.
    Twice,
    /// Believes the first reading.
    Once,
    /// Takes figures without what came before them.
    Unordered,
}

/// A ticket is lent to another segment and comes back, while a third asks. Nobody buys it, so it is
/// somewhere all the time. It comes back against the order in which segments are read: that is how
/// it gets past one reading.
fn a_ticket_on_its_way_is_seen(asker: Asker) {
    let pool: Arc<[SmallBoard; 2]> = Arc::default();
    pool[0].0.store(small(1, 0, 0), Ordering::Release);
    let (lend, lent) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let borrowing = pool.clone();
    let borrower = thread::spawn(move || {
        let publish = |word| borrowing[1].0.store(word, Ordering::Release);
        lent.recv().expect("a loan");
        publish(small(1, 0, 1));
        answer.send("received").expect("a donor");
        publish(small(0, 1, 1));
        answer.send("lent back").expect("a donor");
        lent.recv().expect("a confirmation");
        publish(small(0, 0, 1));
    });
    let lending = pool.clone();
    let donor = thread::spawn(move || {
        let publish = |word| lending[0].0.store(word, Ordering::Release);
        publish(small(0, 1, 0));
        lend.send("lent").expect("a borrower");
        answered.recv().expect("a confirmation");
        publish(small(0, 0, 0));
        answered.recv().expect("the ticket");
        publish(small(1, 0, 1));
        lend.send("received").expect("a borrower");
    });
    let order = if asker == Asker::Unordered { Ordering::Relaxed } else { Ordering::Acquire };
    let collect = || pool.iter().map(|board| board.figures(order)).collect();
    let obtainable = match asker {
        Asker::Once => {
            let once: Vec<SegmentFigures> = collect();
            obtainable(2, || once.clone())
        }
        Asker::Twice | Asker::Unordered => obtainable(2, collect),
    };
    assert!(obtainable.is_none_or(|tickets| tickets > 0), "a ticket slipped through");
    donor.join().expect("no panic");
    borrower.join().expect("no panic");
}

#[test]
fn a_loan_cannot_slip_through_two_readings() {
    explore("pool, asked twice", 3, || a_ticket_on_its_way_is_seen(Asker::Twice));
}

#[test]
#[should_panic(expected = "slipped through")]
fn a_loan_slips_through_one_reading() {
    explore("pool, asked once", 3, || a_ticket_on_its_way_is_seen(Asker::Once));
}

#[test]
#[should_panic(expected = "slipped through")]
fn a_loan_slips_through_readings_without_order() {
    explore("pool, asked carelessly", 3, || a_ticket_on_its_way_is_seen(Asker::Unordered));
}

// ---- A waiting room, in which somebody misses a call while they ask where they stand.

const ENTRY: EntryId = EntryId((7 << 64) | 9);

/// The one place there is and the figures with it: three people are before it; then it was called,
/// missed its call, and four people are before it.
fn standing_at(version: u64) -> (Place, RoomFigures) {
    let (turn, state, next_turn) =
        [(3, PlaceState::Waiting, 0), (9, PlaceState::Returning, 5)][version as usize];
    let mut figures = RoomFigures { version, places: 1, ..RoomFigures::default() };
    figures.lanes[0] = LaneFigures { next_turn, end_turn: 10, returning: 0, weight: 1 };
    (Place { entry: ENTRY, lane: 0, misses: version as u8, turn, state }, figures)
}

fn positions_are_upper_bounds() {
    let publish = |board: &RoomBoard, version| {
        let (place, figures) = standing_at(version);
        board.publish(&[(PlaceNo(0), place)], &figures);
    };
    let board = Arc::new(RoomBoard::new());
    publish(&board, 0);
    let asked = board.clone();
    let asker = thread::spawn(move || {
        let (_, place, figures) = asked.standing(PlaceNo(0)).expect("it is there");
        let (PlaceWord::Waiting { turn } | PlaceWord::Returning { turn }) = place.state else {
            panic!("it is in the queue all the time")
        };
        assert!(figures.ahead(place.lane, turn) >= 3, "told too low");
    });
    publish(&board, 1);
    asker.join().expect("no panic");
    assert_eq!(board.figures(), standing_at(1).1, "lost");
}

#[test]
fn a_position_is_never_told_too_low() {
    explore("room, position", 2, positions_are_upper_bounds);
}

#[test]
#[should_panic(expected = "told too low")]
fn a_position_is_too_low_if_the_place_is_read_first() {
    let model = || explore("room, position", 2, positions_are_upper_bounds);
    with_flaw(Flaw::PlaceReadFirst, model);
}

#[test]
#[should_panic(expected = "told too low")]
fn a_position_is_too_low_if_figures_are_published_first() {
    let model = || explore("room, position", 2, positions_are_upper_bounds);
    with_flaw(Flaw::FiguresPublishedFirst, model);
}

/// Somebody joins while a place is looked up: who finds it finds whose it is.
fn a_place_has_its_owner() {
    let board = Arc::new(RoomBoard::new());
    let (place, figures) = standing_at(0);
    board.publish(&[(PlaceNo(1), place)], &figures);
    let written = board.clone();
    let writer = thread::spawn(move || written.publish(&[(PlaceNo(0), place)], &figures));
    if let Some((entry, place)) = board.place(PlaceNo(0)) {
        assert_eq!(entry, ENTRY, "somebody else's");
        assert_eq!(place.state, PlaceWord::Waiting { turn: 3 }, "torn");
    }
    writer.join().expect("no panic");
}

#[test]
fn who_finds_a_place_finds_whose_it_is() {
    explore("room, joining", 3, a_place_has_its_owner);
}

#[test]
#[should_panic(expected = "somebody else's")]
fn a_place_read_without_order_is_somebody_elses() {
    with_flaw(Flaw::CellsUnordered, || explore("room, joining", 3, a_place_has_its_owner));
}

// ---- Waking.

/// What a shard does before it looks.
#[derive(Clone, Copy, PartialEq)]
enum Sleeper {
    FallsAsleepThenLooks,
    LooksThenFallsAsleep,
}

/// A shard with its places to look at, and how many wake-ups are in its mailbox.
struct Shard {
    durable: DurableMark,
    lane: DurableMark,
    mailbox: Arc<Mutex<u32>>,
    waker: Waker<Arc<Mutex<u32>>>,
}

impl Shard {
    fn wake(&self) {
        if let Some(mailbox) = self.waker.wake() {
            *mailbox.lock().expect("no panic") += 1;
        }
    }

    /// Takes one wake-up, if there is one, and looks. Says whether everything is there.
    fn turn(&self, sleeper: Sleeper) -> Option<bool> {
        let mut mailbox = self.mailbox.lock().expect("no panic");
        *mailbox = mailbox.checked_sub(1)?;
        drop(mailbox);
        if sleeper == Sleeper::FallsAsleepThenLooks {
            self.waker.falls_asleep();
        }
        let is_all = (self.durable.get(), self.lane.get()) == (1, 1);
        if sleeper == Sleeper::LooksThenFallsAsleep {
            self.waker.falls_asleep();
        }
        Some(is_all)
    }
}

/// The journal writer and a buyer have something for a shard that is just starting. When nothing
/// is in its mailbox any more it has seen both, or it never will.
fn nobody_is_left_waiting(sleeper: Sleeper) {
    let shard = Arc::new(Shard {
        durable: DurableMark::default(),
        lane: DurableMark::default(),
        mailbox: Arc::new(Mutex::new(0)),
        waker: Waker::default(),
    });
    let writer = shard.clone();
    let writer = thread::spawn(move || {
        writer.durable.raise(1);
        writer.wake();
    });
    let buyer = shard.clone();
    let buyer = thread::spawn(move || {
        buyer.lane.raise(1);
        buyer.wake();
    });
    if let Some(mailbox) = shard.waker.connect(shard.mailbox.clone()) {
        *mailbox.lock().expect("no panic") += 1;
    }
    let mut has_seen_all = false;
    for _ in 0..2 {
        has_seen_all |= shard.turn(sleeper) == Some(true);
    }
    writer.join().expect("no panic");
    buyer.join().expect("no panic");
    while let Some(is_all) = shard.turn(sleeper) {
        has_seen_all |= is_all;
    }
    assert!(has_seen_all, "left asleep");
}

#[test]
fn no_wake_up_is_lost() {
    explore("waking", 3, || nobody_is_left_waiting(Sleeper::FallsAsleepThenLooks));
}

#[test]
#[should_panic(expected = "left asleep")]
fn a_deaf_sleeper_is_left_asleep() {
    with_flaw(Flaw::SleepsDeaf, || {
        explore("waking", 3, || nobody_is_left_waiting(Sleeper::FallsAsleepThenLooks));
    });
}

#[test]
#[should_panic(expected = "left asleep")]
fn a_sleeper_that_connects_in_silence_is_left_asleep() {
    with_flaw(Flaw::ConnectsInSilence, || {
        explore("waking", 3, || nobody_is_left_waiting(Sleeper::FallsAsleepThenLooks));
    });
}

#[test]
#[should_panic(expected = "left asleep")]
fn a_shard_that_looks_before_it_falls_asleep_is_left_asleep() {
    explore("waking", 3, || nobody_is_left_waiting(Sleeper::LooksThenFallsAsleep));
}
