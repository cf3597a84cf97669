//! A partition moves while it sells.

use tokio::sync::oneshot;
use usher_engine::MachineId;
use usher_shards::core::Core;
use usher_shards::message::{Envelope, PeerMessage, Reply, Request};

use crate::world::{SHOW, World, hold_seats, hold_stock, show};

const HOUSE: MachineId = MachineId::house(SHOW);

fn start_move(world: &mut World, to: usize) -> oneshot::Receiver<()> {
    let (done, moved) = oneshot::channel();
    let partition = HOUSE.partition();
    let from = world.around.routes.owner(partition);
    world.tell(from, PeerMessage::Release { partition, to, done });
    moved
}

#[test]
fn nothing_is_lost_on_the_way() {
    let mut world = World::new(3);
    world.open_show(show(100, None));
    let mut sold = Vec::new();
    for n in 0..60_u32 {
        let mut waiting = world.ask(HOUSE, Request::Execute(hold_seats(u128::from(n), &[n])));
        let to = n as usize % 3;
        let _moved = start_move(&mut world, to);
        world.settle();
        assert_eq!(world.around.routes.owner(HOUSE.partition()), to);
        assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))), "hold {n}");
        sold.push(n);
    }
    let owner = world.around.routes.owner(HOUSE.partition());
    let audit = world.cores[owner].inventory(HOUSE).expect("moved along").audit();
    assert_eq!(audit.held, sold.len() as u64);
    assert!(audit.double_sold.is_empty() && audit.faults.is_empty(), "{audit:?}");
    let kept = world.cores.iter().map(Core::machine_count).sum::<usize>();
    assert_eq!(kept, 1, "who handed it over keeps nothing of it");
}

#[test]
fn a_move_to_where_it_is_is_done_at_once() {
    let mut world = World::new(2);
    world.open_show(show(4, None));
    let owner = world.around.routes.owner(HOUSE.partition());
    assert_eq!(start_move(&mut world, owner).try_recv(), Ok(()));
    // And whoever does not have it cannot say that it was moved.
    let (done, mut moved) = oneshot::channel();
    let (partition, other) = (HOUSE.partition(), 1 - owner);
    world.tell(other, PeerMessage::Release { partition, to: other, done });
    assert!(moved.try_recv().is_err(), "nobody moved it");
}

#[test]
fn what_is_not_durable_is_not_handed_over() {
    let mut world = World::new(2);
    world.open_show(show(10, None));
    world.flushes = false;
    let from = world.around.routes.owner(HOUSE.partition());
    let mut hold = world.ask(HOUSE, Request::Execute(hold_seats(1, &[0])));
    let mut moved = start_move(&mut world, 1 - from);
    let mut later = world.ask(HOUSE, Request::Execute(hold_seats(2, &[1])));
    assert_eq!(world.around.routes.owner(HOUSE.partition()), from, "moved too early");
    assert!(moved.try_recv().is_err());
    world.settle();
    assert_eq!(world.around.routes.owner(HOUSE.partition()), 1 - from);
    assert!(moved.try_recv().is_ok());
    assert!(matches!(hold.try_recv(), Ok(Reply::Done(_))));
    assert!(matches!(later.try_recv(), Ok(Reply::Done(_))), "waited through the move");
}

#[test]
fn a_request_for_the_old_owner_is_forwarded() {
    let mut world = World::new(2);
    world.open_show(show(10, None));
    let from = world.around.routes.owner(HOUSE.partition());
    let _moved = start_move(&mut world, 1 - from);
    world.settle();
    let (reply, mut waiting) = oneshot::channel();
    let request = Request::Execute(hold_seats(1, &[0]));
    world.ask_shard(from, Envelope { machine: HOUSE, request, reply: Some(reply) });
    world.settle();
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
}

#[test]
fn a_request_that_overtakes_its_partition_waits_for_it() {
    let mut world = World::new(2);
    world.open_show(show(10, None));
    let from = world.around.routes.owner(HOUSE.partition());
    let (done, mut moved) = oneshot::channel();
    let release = PeerMessage::Release { partition: HOUSE.partition(), to: 1 - from, done };
    world.cores[from].hear(release);
    assert!(world.cores[from].close_turn().is_none());
    // The route has changed, and the partition is on its way.
    assert_eq!(world.around.routes.owner(HOUSE.partition()), 1 - from);
    let (reply, mut waiting) = oneshot::channel();
    let request = Request::Execute(hold_seats(1, &[0]));
    world.cores[1 - from].deliver(Envelope { machine: HOUSE, request, reply: Some(reply) });
    assert!(world.cores[1 - from].take_outgoing().is_none(), "nobody else can help");
    assert!(moved.try_recv().is_err() && waiting.try_recv().is_err());
    world.settle();
    assert!(moved.try_recv().is_ok());
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
}

#[test]
fn timers_move_along() {
    let mut world = World::new(2);
    world.open_show(show(10, None));
    world.run(HOUSE, hold_seats(1, &[0]));
    let from = world.around.routes.owner(HOUSE.partition());
    let _moved = start_move(&mut world, 1 - from);
    world.pass_ms(61_000);
    let house = world.cores[1 - from].inventory(HOUSE).expect("moved along");
    assert_eq!(house.audit().available, 10);
}

#[test]
fn what_runs_out_during_a_move_ends_at_the_new_owner() {
    let mut world = World::new(2);
    world.open_show(show(10, None));
    world.run(HOUSE, hold_seats(1, &[0]));
    let from = world.around.routes.owner(HOUSE.partition());
    world.pass_ms(59_900);
    // The partition waits for a flush, and the first hold runs out meanwhile.
    world.flushes = false;
    let _hold = world.ask(HOUSE, Request::Execute(hold_seats(2, &[1])));
    let _moved = start_move(&mut world, 1 - from);
    let records = world.records;
    world.pass_ms(500);
    assert_eq!(world.records, records, "what is about to leave does not change");
    world.flushes = true;
    world.pass_ms(20);
    let house = world.cores[1 - from].inventory(HOUSE).expect("moved");
    assert_eq!((house.audit().available, house.audit().held), (9, 1));
}

#[test]
fn buyers_who_wait_for_stock_move_along() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((4, 2))));
    let id = MachineId::segment(SHOW, 0, 0);
    let from = world.around.routes.owner(id.partition());
    world.flushes = false;
    let mut waiting = world.ask(id, Request::Execute(hold_stock(1, 4)));
    let (done, _moved) = oneshot::channel();
    let partition = id.partition();
    world.tell(from, PeerMessage::Release { partition, to: 1 - from, done });
    world.flushes = true;
    world.settle();
    world.pass_ms(150);
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
}
