//! What a start reads back, and what it says of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use usher_engine::seats::SeatStatus;
use usher_engine::{Inventory, MachineId};
use usher_shards::core::Core;
use usher_shards::message::{Reply, Request};
use usher_shards::view::Directory;

use crate::world::{SHOW, World, hold_seats, hold_stock, show};

const HOUSE: MachineId = MachineId::house(SHOW);

/// Four seats, one of them held; six standing tickets, two of them held.
fn world() -> World {
    let mut world = World::new(2);
    world.open_show(show(4, Some((6, 2))));
    let floor = MachineId::segment(SHOW, 0, 1);
    for (inventory, command) in [(HOUSE, hold_seats(1, &[2])), (floor, hold_stock(2, 2))] {
        let reply = world.run(inventory, command);
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }
    world
}

#[test]
fn what_is_durable_is_published_whole() {
    let directory = Arc::new(Directory::default());
    world().recover().0.publish(&directory);
    let view = directory.show(SHOW).expect("a published show");
    let seat = |seat| view.seats.copy().status(usher_engine::plan::SeatIx(seat));
    assert_eq!([seat(1), seat(2)], [SeatStatus::Available, SeatStatus::Held]);
    let totals = view.pool(0).expect("a pool").totals();
    assert_eq!((totals.available, totals.held), (4, 2));
}

#[test]
fn a_start_says_what_it_read() {
    let world = world();
    let (state, figures) = world.recover();
    assert_eq!((figures.records, figures.bytes), (world.records, world.bytes));
    assert_eq!(figures.machines, 3, "a house and two segments");
    assert_eq!(state.covers.seq, world.records);
    let live = &world.cores[world.around.routes.owner(HOUSE.partition())];
    let version = |inventory: Option<&Inventory>| inventory.map(Inventory::version);
    assert_eq!(version(state.inventory(HOUSE)), version(live.inventory(HOUSE)));
}

#[test]
fn a_rebuild_reads_only_what_its_shard_owns() {
    let world = world();
    let owned = BTreeSet::from([HOUSE.partition()]);
    let (state, _) = world.recover_only(owned.clone());
    assert!(state.partitions.keys().eq(&owned), "{:?}", state.partitions.keys());
    assert_eq!(state.covers.seq, world.records, "the rest was passed over, not left for later");
}

#[test]
fn a_shard_says_what_it_owns_and_what_waits() {
    let mut world = world();
    assert!(world.cores.iter().map(Core::index).eq(0..2));
    let inventories: usize = world.cores.iter().map(Core::machine_count).sum();
    assert_eq!(inventories, 3);
    let partitions: usize = world.cores.iter().map(Core::partition_count).sum();
    assert_eq!(partitions, usize::from(usher_engine::id::PARTITION_COUNT));
    world.flushes = false;
    let owner = world.around.routes.owner(HOUSE.partition());
    assert!(world.cores[owner].is_settled());
    let _waiting = world.ask(HOUSE, Request::Execute(hold_seats(3, &[0])));
    let core = &world.cores[owner];
    // The seats as they are published, the show's version with them, and the answer.
    assert!(!core.is_settled() && core.waiting_count() == 2, "{}", core.waiting_count());
    world.flush();
    assert!(world.cores[owner].is_settled() && world.cores[owner].waiting_count() == 0);
}
