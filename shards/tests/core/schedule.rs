//! What was announced for a time goes on sale at that time, whatever happens to the shard before.

use usher_engine::plan::SeatIx;
use usher_engine::show::{OnSale, SaleMove, SeatRange};
use usher_engine::{Command, MachineId};
use usher_shards::message::{PeerMessage, Reply};

use crate::world::{SHOW, START, World, show};

const HOUSE: MachineId = MachineId::house(SHOW);

fn on_sale(world: &World) -> u64 {
    let owner = world.around.routes.owner(HOUSE.partition());
    world.cores[owner].inventory(HOUSE).expect("a house").audit().available
}

/// Two seats at once, three after a second, four after two.
fn announced() -> World {
    let mut world = World::new(2);
    world.make_show(show(10, None));
    for (first, count, at_ms) in [(0, 2, 0), (2, 3, 1_000), (5, 4, 2_000)] {
        let what = OnSale::Seats(vec![SeatRange { first: SeatIx(first), count }]);
        let at = Some(START.plus_ms(at_ms));
        let reply = world.run(HOUSE, Command::PutOnSale { what, at });
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }
    let reply = world.run(HOUSE, Command::MoveSale(SaleMove::Open));
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    world
}

fn check(what: &str, happens: impl FnOnce(&mut World)) {
    let mut world = announced();
    happens(&mut world);
    let mut after = |ms| {
        world.pass_ms(ms);
        on_sale(&world)
    };
    let seen = [after(0), after(990), after(20), after(980), after(20)];
    assert_eq!(seen, [2, 2, 5, 5, 9], "{what}");
}

#[test]
fn batches_go_on_sale_in_time() {
    check("nothing happens", |_| ());
    check("a panic", |world| {
        let owner = world.around.routes.owner(HOUSE.partition());
        world.attempt(owner, |_| panic!("of its own accord")).expect_err("a panic");
        world.settle_down(owner);
    });
    check("a move", |world| {
        let (partition, (done, _)) = (HOUSE.partition(), tokio::sync::oneshot::channel());
        let owner = world.around.routes.owner(partition);
        world.tell(owner, PeerMessage::Release { partition, to: 1 - owner, done });
        world.settle();
        assert_eq!(world.around.routes.owner(partition), 1 - owner);
    });
}
