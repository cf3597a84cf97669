//! A shard panics: nothing that was acknowledged is lost, nothing that was not submitted happened,
//! the others sell on, and what panics again is quarantined.

use std::panic::{AssertUnwindSafe, catch_unwind};

use usher_engine::inventory::Goods;
use usher_engine::limits::EXPIRY_SLICE_MAX;
use usher_engine::seats::SeatStatus;
use usher_engine::show::{PausedBy, SaleMove};
use usher_engine::{BuyerId, Command, HoldNo, MachineId, Refusal};
use usher_shards::core::{Moment, Partition};
use usher_shards::message::{Envelope, Handover, PeerMessage, Reply, Request, Unavailable};

use crate::world::{SHOW, Waiting, World, held, hold_seats, hold_stock, show};

const HOUSE: MachineId = MachineId::house(SHOW);

/// Panics while it is decided: no timing wheel makes an expiry as large as this.
fn panics_when_decided() -> Command {
    Command::Expire { holds: vec![HoldNo(1); EXPIRY_SLICE_MAX + 1] }
}

/// Panics in the midst of being applied: the loan is noted, and its tickets do not fit.
fn panics_when_applied() -> Command {
    Command::Receive { donor: 1, number: 1, quantity: u32::MAX }
}

fn envelope(inventory: MachineId, command: Command) -> (Envelope, Waiting) {
    let (reply, waiting) = tokio::sync::oneshot::channel();
    (
        Envelope { machine: inventory, request: Request::Execute(command), reply: Some(reply) },
        waiting,
    )
}

fn owner(world: &World, id: MachineId) -> usize {
    world.around.routes.owner(id.partition())
}

fn world_with_seats(seats: u32) -> World {
    let mut world = World::new(1);
    world.open_show(show(seats, None));
    world
}

/// Sends a command in a turn of its own, and brings the shard back if it panics.
fn run_and_rebuild(world: &mut World, id: MachineId, command: Command) -> Reply {
    let (envelope, mut waiting) = envelope(id, command);
    let shard = owner(world, id);
    if world.attempt(shard, |core| core.deliver(envelope)).is_err() {
        world.settle_down(shard);
    }
    world.settle();
    waiting.try_recv().expect("answered")
}

fn seat_status(world: &World, seat: u32) -> SeatStatus {
    let view = world.around.directory.show(SHOW).expect("a published show");
    view.seats.copy().status(usher_engine::plan::SeatIx(seat))
}

fn is_rebuilding(reply: &Result<Reply, impl Sized>) -> bool {
    matches!(reply, Ok(Reply::Unavailable(Unavailable::Rebuilding)))
}

#[test]
fn what_was_submitted_stands_and_what_was_not_never_happened() {
    let mut world = world_with_seats(6);
    world.flushes = false;
    let (submitted, mut first) = envelope(HOUSE, hold_seats(1, &[0]));
    world.attempt(0, |core| core.deliver(submitted)).expect("no panic");

    let (before, mut second) = envelope(HOUSE, hold_seats(2, &[1]));
    let (bad, mut third) = envelope(HOUSE, panics_when_decided());
    let (after, mut fourth) = envelope(HOUSE, hold_seats(3, &[2]));
    let turn = |core: &mut usher_shards::core::Core| {
        core.deliver(before);
        core.deliver(bad);
    };
    let fall = world.attempt(0, turn).expect_err("a panic");
    let suspect = fall.blamed.expect("a command to blame");
    assert_eq!((suspect.inventory, &*suspect.command, suspect.panics), (HOUSE, "Expire", 1));
    assert!(is_rebuilding(&second.try_recv()) && is_rebuilding(&third.try_recv()));

    // What comes now waits; what was submitted is answered when it is durable, and not before.
    world.cores[0].deliver(after);
    assert!(!world.cores[0].may_rebuild() && first.try_recv().is_err());
    world.flush();
    assert_eq!(held(first.try_recv().expect("answered after the flush")).buyer, BuyerId(1));
    assert!(world.cores[0].may_rebuild() && fourth.try_recv().is_err());
    world.rebuild(0);
    world.settle();
    assert_eq!(held(fourth.try_recv().expect("answered")).buyer, BuyerId(3));

    let statuses: Vec<_> = (0..4).map(|seat| seat_status(&world, seat)).collect();
    use SeatStatus::{Available, Held};
    assert_eq!(statuses, [Held, Available, Held, Available]);
    let audit = world.cores[0].inventory(HOUSE).expect("rebuilt").audit();
    assert_eq!((audit.held, audit.available), (2, 4));
    assert!(audit.faults.is_empty() && audit.double_sold.is_empty(), "{audit:?}");
    assert!(matches!(world.run(HOUSE, hold_seats(2, &[1])), Reply::Done(_)), "as if never asked");
}

#[test]
fn records_go_on_where_the_journal_ends() {
    let mut world = world_with_seats(40);
    for round in 0..10 {
        world.run(HOUSE, hold_seats(round, &[2 * round as u32]));
        let (lost, _) = envelope(HOUSE, hold_seats(100 + round, &[2 * round as u32 + 1]));
        world
            .attempt(0, |core| {
                core.deliver(lost);
                panic!("of its own accord in round {round}");
            })
            .expect_err("a panic");
        world.settle_down(0);
        // Panics that nothing can be blamed for are survived when they are rare.
        world.now = world.now.plus_ms(11_000);
    }
    // The last word is the journal's: all of it, from the first record to the last.
    let house = world.cores[0].inventory(HOUSE).expect("rebuilt");
    assert_eq!(house.holds().filter(|(_, hold)| hold.keeps_units()).count(), 10);
    let version = house.version();
    world.attempt(0, |_| panic!("once more")).expect_err("a panic");
    world.settle_down(0);
    let given_back = world.cores[0].inventory(HOUSE).expect("rebuilt").version() - version;
    assert_eq!(given_back, 0, "a rebuild by itself records nothing");
}

#[test]
fn who_came_with_a_partition_is_answered_though_the_first_of_them_panics() {
    let mut world = World::new(1);
    let id = MachineId::house(usher_engine::ShowKey(8));
    let (bad, _) = envelope(id, Command::RunSchedule);
    let (good, mut waiting) = envelope(id, hold_seats(1, &[0]));
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    let partition = Partition::new(id.partition());
    let handover = Handover { partition, queued: vec![bad, good], done };
    world.cores[0]
        .set_trap(|_, command| matches!(command, Command::RunSchedule).then_some(Moment::Deciding));
    let adopt = PeerMessage::Adopt(Box::new(handover));
    world.attempt(0, |core| core.hear(adopt)).expect_err("the first one panics");
    is_done.try_recv().expect("the partition is here");
    world.settle_down(0);
    let answer = waiting.try_recv().expect("answered");
    assert!(matches!(answer, Reply::Refused(Refusal::UnknownShow)), "{answer:?}");
}

#[test]
fn a_segment_hears_what_the_house_said_while_its_shard_was_down() {
    let mut world = World::new(2);
    world.open_show(show(6, Some((40, 8))));
    let segments = (0..8).map(|n| MachineId::segment(SHOW, 0, n));
    let away = |&id: &MachineId| owner(&world, id) != owner(&world, HOUSE);
    let shard = owner(&world, segments.into_iter().find(away).expect("on two shards"));
    let mut is_first = true;
    world.cores[shard].set_trap(move |_, command| {
        let springs = is_first && matches!(command, Command::SetTerms(_));
        is_first &= !springs;
        springs.then_some(Moment::Deciding)
    });
    world.falls_are_expected = true;
    let pause = SaleMove::Pause(PausedBy::Operator);
    world.ask(HOUSE, Request::Execute(Command::MoveSale(pause)));
    world.settle_down(shard);
    let knows = |world: &World| {
        world.around.directory.show(SHOW).expect("a published show").segments_know_terms()
    };
    assert!(!knows(&world), "what was on its way is gone");
    world.pass_ms(200);
    assert!(knows(&world));
}

#[test]
fn a_command_that_panics_again_is_quarantined_and_others_are_not() {
    let mut world = world_with_seats(6);
    for (panics, answer) in [(1, Unavailable::Rebuilding), (2, Unavailable::Quarantined)] {
        let reply = run_and_rebuild(&mut world, HOUSE, panics_when_decided());
        assert!(matches!(reply, Reply::Unavailable(why) if why == answer), "{reply:?}");
        let suspects: Vec<_> = world.cores[0].suspects().collect();
        assert_eq!((suspects.len(), suspects[0].panics), (1, panics));
        assert_eq!(suspects[0].is_quarantined(), panics == 2);
    }
    // Refused by an unguarded turn: it is not executed.
    let reply = world.run(HOUSE, panics_when_decided());
    assert!(matches!(reply, Reply::Unavailable(Unavailable::Quarantined)), "{reply:?}");
    assert!(matches!(world.run(HOUSE, hold_seats(1, &[0])), Reply::Done(_)));
    let elsewhere = run_and_rebuild(&mut world, MachineId::house(usher_engine::ShowKey(8)), {
        hold_seats(1, &[0])
    });
    assert!(matches!(elsewhere, Reply::Refused(Refusal::UnknownShow)), "{elsewhere:?}");
}

#[test]
fn holds_end_as_commands_meet_them_where_expiry_is_quarantined() {
    let mut world = world_with_seats(6);
    for _ in 0..2 {
        run_and_rebuild(&mut world, HOUSE, panics_when_decided());
    }
    world.run(HOUSE, hold_seats(1, &[0]));
    world.pass_ms(70_000);
    assert_eq!(seat_status(&world, 0), SeatStatus::Held, "no timer ends it");
    assert!(matches!(world.run(HOUSE, hold_seats(2, &[0])), Reply::Done(_)));
}

#[test]
fn timers_come_back() {
    let mut world = world_with_seats(6);
    world.run(HOUSE, hold_seats(1, &[0]));
    world.attempt(0, |_| panic!("of its own accord")).expect_err("a panic");
    world.settle_down(0);
    world.pass_ms(61_000);
    assert_eq!(seat_status(&world, 0), SeatStatus::Available);
}

#[test]
fn a_tick_that_panics_without_a_command_is_survived_once_in_ten_seconds() {
    for (apart_ms, is_survived) in [(9_999, false), (10_000, true)] {
        let mut world = world_with_seats(6);
        let fall = world.attempt(0, |_| panic!("in a tick")).expect_err("survived");
        assert_eq!((&*fall.message, fall.blamed.is_none()), ("in a tick", true));
        world.settle_down(0);
        world.now = world.now.plus_ms(apart_ms);
        let again = AssertUnwindSafe(|| world.attempt(0, |_| panic!("in the next")));
        assert_eq!(catch_unwind(again).is_ok(), is_survived, "after {apart_ms} ms");
    }
}

#[test]
fn a_panic_while_the_shard_is_down_is_not_survived() {
    let mut world = world_with_seats(6);
    let (bad, _) = envelope(HOUSE, panics_when_decided());
    let fall = world.attempt(0, |core| core.deliver(bad)).expect_err("survived");
    assert!(fall.blamed.is_some());
    let again = AssertUnwindSafe(|| world.attempt(0, |_| panic!("before it came back")));
    assert!(catch_unwind(again).is_err(), "nothing is known of what it has");
}

#[test]
fn a_rebuild_says_for_how_long_the_shard_was_down() {
    let mut world = world_with_seats(6);
    world.attempt(0, |_| panic!("of its own accord")).expect_err("a panic");
    world.now = world.now.plus_ms(250);
    world.flush();
    assert_eq!(world.rebuild(0), 250);
}

#[test]
fn a_loan_that_panics_halfway_leaves_no_trace_and_stock_is_conserved() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((20, 2))));
    let borrower = MachineId::segment(SHOW, 0, 0);
    let (shard, other) = (owner(&world, borrower), MachineId::segment(SHOW, 0, 1));
    for _ in 0..2 {
        let loan = Request::Execute(panics_when_applied());
        let message = Envelope { machine: borrower, request: loan, reply: None };
        let heard = |core: &mut usher_shards::core::Core| core.hear(PeerMessage::Deliver(message));
        let fall = world.attempt(shard, heard).expect_err("a panic");
        assert_eq!(&*fall.blamed.expect("a command to blame").command, "Receive");
        // Others do not notice: neither the other segment, nor, in a moment, this one's buyers.
        if owner(&world, other) != shard {
            assert!(matches!(world.run(other, hold_stock(1, 1)), Reply::Done(_)));
        }
        world.settle_down(shard);
    }
    assert!(matches!(world.run(borrower, hold_stock(2, 1)), Reply::Done(_)));
    // A real loan still comes: the last tickets sell wherever they are.
    let mut waiting = world.ask(borrower, Request::Execute(hold_stock(3, 6)));
    world.pass_ms(50);
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
    let mut waiting = world.ask(borrower, Request::Execute(hold_stock(4, 6)));
    world.pass_ms(50);
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
    for id in [borrower, other] {
        let inventory = world.cores[owner(&world, id)].inventory(id).expect("a segment");
        let Goods::Stock(stock) = inventory.goods() else { panic!("{:?}", inventory.goods()) };
        assert!(stock.is_conserved() && stock.in_transit() == 0, "{stock:?}");
    }
}

#[test]
fn who_waits_for_stock_is_told_and_may_ask_again() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((4, 2))));
    let id = MachineId::segment(SHOW, 0, 0);
    let shard = owner(&world, id);
    world.flushes = false;
    let (parked, mut waiting) = envelope(id, hold_stock(1, 4));
    world.attempt(shard, |core| core.deliver(parked)).expect("no panic");
    world.attempt(shard, |_| panic!("of its own accord")).expect_err("a panic");
    assert!(is_rebuilding(&waiting.try_recv()));
    world.flushes = true;
    world.settle_down(shard);
    let mut again = world.ask(id, Request::Execute(hold_stock(1, 4)));
    world.pass_ms(150);
    assert!(matches!(again.try_recv(), Ok(Reply::Done(_))));
}

#[test]
fn a_move_that_was_under_way_is_off_and_its_requests_are_not_lost() {
    let mut world = World::new(2);
    world.open_show(show(10, None));
    let from = owner(&world, HOUSE);
    world.flushes = false;
    let mut hold = world.ask(HOUSE, Request::Execute(hold_seats(1, &[0])));
    let (done, mut moved) = tokio::sync::oneshot::channel();
    world.tell(from, PeerMessage::Release { partition: HOUSE.partition(), to: 1 - from, done });
    let mut queued = world.ask(HOUSE, Request::Execute(hold_seats(2, &[1])));
    world.attempt(from, |_| panic!("of its own accord")).expect_err("a panic");
    world.flushes = true;
    world.settle_down(from);
    assert_eq!(owner(&world, HOUSE), from);
    assert!(moved.try_recv().is_err(), "nobody was told that it moved");
    assert!(matches!(hold.try_recv(), Ok(Reply::Done(_))));
    assert!(matches!(queued.try_recv(), Ok(Reply::Done(_))));
}
