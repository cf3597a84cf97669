//! Holds come back in time, many at once as well.

use std::sync::atomic::Ordering;

use usher_engine::inventory::{Goods, HoldStatus};
use usher_engine::{Command, HoldNo, MachineId};
use usher_shards::message::Reply;

use crate::world::{SHOW, World, hold_seats, show};

const HOUSE: MachineId = MachineId::house(SHOW);

fn available(world: &World) -> u32 {
    match world.cores[0].inventory(HOUSE).expect("a house").goods() {
        Goods::Seats(map) => map.counts().available,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unpaid_holds_come_back_and_never_early() {
    let mut world = World::new(1);
    world.open_show(show(10, None));
    world.run(HOUSE, hold_seats(1, &[3]));
    world.pass_ms(59_900);
    assert_eq!(available(&world), 9);
    world.pass_ms(200);
    assert_eq!(available(&world), 10);
    let status = world.cores[0].inventory(HOUSE).and_then(|i| i.hold(HoldNo(1))).map(|h| h.status);
    assert_eq!(status, Some(HoldStatus::Expired));
}

#[test]
fn many_holds_that_end_together_are_worked_off_in_slices() {
    let mut world = World::new(1);
    world.open_show(show(5_000, None));
    for n in 0..5_000 {
        let reply = world.run(HOUSE, hold_seats(u128::from(n), &[n]));
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }
    assert_eq!(available(&world), 0);
    world.pass_ms(59_990);
    let records = world.records;
    world.pass_ms(100);
    assert_eq!(available(&world), 5_000);
    let slices = world.records - records;
    assert!((5..100).contains(&slices), "{slices} records for 5,000 holds");
}

#[test]
fn extended_holds_live_longer_although_their_timers_go_off() {
    let mut world = World::new(1);
    world.open_show(show(10, None));
    world.run(HOUSE, hold_seats(1, &[3]));
    world.run(HOUSE, Command::ExtendHolds { ms: 30_000 });
    world.pass_ms(89_900);
    assert_eq!(available(&world), 9);
    world.pass_ms(200);
    assert_eq!(available(&world), 10);
}

#[test]
fn holds_do_not_end_while_the_disk_is_full() {
    let mut world = World::new(1);
    world.open_show(show(10, None));
    world.run(HOUSE, hold_seats(1, &[3]));
    world.around.disk_full.store(true, Ordering::Relaxed);
    let records = world.records;
    world.pass_ms(65_000);
    assert_eq!((available(&world), world.records), (9, records));
    world.around.disk_full.store(false, Ordering::Relaxed);
    world.pass_ms(1_100);
    assert_eq!(available(&world), 10);
}
