//! No answer before what it rests on is durable.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake};

use usher_engine::plan::SeatIx;
use usher_engine::seats::SeatStatus;
use usher_engine::{Command, HoldNo, MachineId, Refusal};
use usher_shards::message::{Reply, Request};
use usher_shards::view::{SeatMapCopy, ShowView};

use crate::world::{SHOW, World, held, hold_seats, show};

const HOUSE: MachineId = MachineId::house(SHOW);

fn world_with_seats(seats: u32) -> World {
    let mut world = World::new(1);
    world.open_show(show(seats, None));
    world.flushes = false;
    world
}

fn seat_status(world: &World, seat: u32) -> SeatStatus {
    let view = world.around.directory.show(SHOW).expect("a published show");
    let copy: SeatMapCopy = view.seats.copy();
    copy.status(usher_engine::plan::SeatIx(seat))
}

#[test]
fn an_acceptance_waits_for_the_flush_and_the_view_comes_first() {
    let mut world = world_with_seats(4);
    let mut waiting = world.ask(HOUSE, Request::Execute(hold_seats(1, &[0, 1])));
    assert!(waiting.try_recv().is_err(), "answered before the flush");
    assert_eq!(seat_status(&world, 0), SeatStatus::Available, "published before the flush");
    world.flush();
    assert_eq!(seat_status(&world, 0), SeatStatus::Held);
    let hold = held(waiting.try_recv().expect("answered after the flush"));
    assert_eq!(hold.claim.units(), 2);
}

#[test]
fn a_refusal_waits_for_what_it_rests_on() {
    let mut world = world_with_seats(4);
    let mut first = world.ask(HOUSE, Request::Execute(hold_seats(1, &[0])));
    let mut second = world.ask(HOUSE, Request::Execute(hold_seats(2, &[0])));
    assert!(second.try_recv().is_err(), "refused for the sake of a hold that may never have been");
    world.flush();
    assert!(first.try_recv().is_ok());
    let refused = second.try_recv().expect("refused after the flush");
    assert!(matches!(refused, Reply::Refused(Refusal::SeatUnavailable(_))), "{refused:?}");
}

#[test]
fn a_refusal_with_nothing_pending_leaves_at_once_and_records_nothing() {
    let mut world = world_with_seats(4);
    let records = world.records;
    let mut waiting = world.ask(HOUSE, Request::Execute(hold_seats(1, &[9])));
    assert!(matches!(waiting.try_recv(), Ok(Reply::Refused(Refusal::UnknownSeat))));
    assert_eq!(world.records, records);
}

#[test]
fn a_read_by_the_owner_waits_as_well() {
    let mut world = world_with_seats(4);
    let mut hold = world.ask(HOUSE, Request::Execute(hold_seats(1, &[0])));
    let mut read = world.ask(HOUSE, Request::Read(HoldNo(1)));
    assert!(read.try_recv().is_err(), "shown before it was durable");
    world.flush();
    assert!(hold.try_recv().is_ok());
    assert_eq!(held(read.try_recv().expect("shown")).claim.units(), 1);
}

/// Looks at a seat in the moment in which an answer arrives.
struct Looking {
    view: Arc<ShowView>,
    seen: Mutex<Vec<SeatStatus>>,
}

impl Wake for Looking {
    fn wake(self: Arc<Self>) {
        let status = self.view.seats.copy().status(SeatIx(0));
        self.seen.lock().expect("no panic").push(status);
    }
}

#[test]
fn who_is_answered_finds_it_published() {
    let mut world = world_with_seats(4);
    let view = world.around.directory.show(SHOW).expect("a published show");
    let looking = Arc::new(Looking { view, seen: Mutex::default() });
    let mut hold = pin!(world.ask(HOUSE, Request::Execute(hold_seats(1, &[0]))));
    let waker = looking.clone().into();
    assert!(hold.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    world.flush();
    assert_eq!(*looking.seen.lock().expect("no panic"), [SeatStatus::Held]);
}

#[test]
fn an_effect_leaves_after_the_flush() {
    let mut world = World::new(1);
    world.flushes = false;
    let create = Command::CreateShow(Box::new(show(0, Some((10, 2)))));
    let mut waiting = world.ask(HOUSE, Request::Execute(create));
    let segment = MachineId::segment(SHOW, 0, 0);
    assert!(world.cores[0].inventory(segment).is_none(), "told before the house was durable");
    world.settle();
    assert!(waiting.try_recv().is_ok());
    assert!(world.cores[0].inventory(segment).is_some());
}

#[test]
fn a_full_disk_refuses_writes_and_reads_go_on() {
    let mut world = world_with_seats(4);
    world.flushes = true;
    world.run(HOUSE, hold_seats(1, &[0]));
    world.around.disk_full.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(world.run(HOUSE, hold_seats(2, &[1])), Reply::Unavailable(_)));
    let mut read = world.ask(HOUSE, Request::Read(HoldNo(1)));
    world.settle();
    assert!(matches!(read.try_recv(), Ok(Reply::Done(_))));
    world.around.disk_full.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(world.run(HOUSE, hold_seats(2, &[1])), Reply::Done(_)));
}

#[test]
fn an_unknown_inventory_is_refused_and_not_made() {
    let mut world = World::new(1);
    let reply = world.run(HOUSE, hold_seats(1, &[0]));
    assert!(matches!(reply, Reply::Refused(Refusal::UnknownShow)), "{reply:?}");
    assert!(world.cores[0].inventory(HOUSE).is_none());
}

#[test]
fn a_count_waits_like_any_answer_and_says_at_which_version() {
    let mut world = world_with_seats(4);
    let _hold = world.ask(HOUSE, Request::Execute(hold_seats(1, &[0, 1])));
    let mut count = world.ask(HOUSE, Request::Count);
    assert!(count.try_recv().is_err(), "it counts what may never have been");
    world.flush();
    let Ok(Reply::Counted(counted)) = count.try_recv() else { panic!("not counted") };
    let view = world.around.directory.show(SHOW).expect("a published show");
    assert_eq!(counted.version, view.version());
}
