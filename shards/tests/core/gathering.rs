//! Whose turn it is to gather stock, and who is asked to lend: what segment 0 of a pool says to the
//! others, message by message. Nothing of what is said arrives, so nothing changes but by the test.

use usher_engine::{Command, MachineId};
use usher_shards::core::Core;
use usher_shards::message::{Envelope, PeerMessage, Reply, Request};

use crate::world::{SHOW, World, hold_stock, show};

fn segment(n: u16) -> MachineId {
    MachineId::segment(SHOW, 0, n)
}

/// Segment 0 at shard 0 and three others at shard 1, with so many tickets left.
fn pool(left: [u32; 4]) -> World {
    let mut world = World::new(2);
    world.open_show(show(0, Some((20, 4))));
    for (n, left) in (0..).zip(left) {
        let (partition, to) = (segment(n).partition(), usize::from(n > 0));
        let (done, _) = tokio::sync::oneshot::channel();
        let release = PeerMessage::Release { partition, to, done };
        world.tell(world.around.routes.owner(partition), release);
        if left < 5 {
            let reply = world.run(segment(n), hold_stock(u128::from(n), 5 - left));
            assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
        }
    }
    world
}

fn tell(core: &mut Core, request: Request) {
    core.deliver(Envelope { machine: segment(0), request, reply: None });
}

/// What a shard says to others, in words.
fn said(core: &mut Core) -> String {
    let messages = std::iter::from_fn(|| core.take_outgoing());
    let words = messages.map(|(_, message)| match message {
        PeerMessage::Deliver(Envelope { machine, request: Request::Execute(command), .. }) => {
            let (_, segment) = machine.pool_and_segment().expect("a segment");
            match command {
                Command::Lend { borrower, quantity } => {
                    format!("{segment} lends {quantity} to {borrower}")
                }
                Command::Receive { donor, number, quantity } => {
                    format!("{segment} gets {quantity} of {donor} as {number}")
                }
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// What segment 0 hears.
#[derive(Clone, Copy)]
enum Heard {
    Nothing,
    Needs(u16, u32),
    HasIt(u16),
}

use Heard::{HasIt, Needs, Nothing};

fn check(left: [u32; 4], rows: &[(u64, Heard, &str)]) {
    let mut world = pool(left);
    let (core, start) = (&mut world.cores[0], world.now.plus_ms(1_000));
    for &(at_ms, heard, expected) in rows {
        core.begin_turn(start.plus_ms(at_ms));
        core.tick();
        match heard {
            Nothing => {}
            Needs(borrower, quantity) => tell(core, Request::Need { borrower, quantity }),
            HasIt(borrower) => tell(core, Request::Gathered { borrower }),
        }
        assert!(core.close_turn().is_none(), "nothing of this is recorded");
        assert_eq!(said(core), expected, "after {at_ms} ms");
    }
}

#[test]
fn those_with_most_are_asked_and_only_for_what_is_missing() {
    let left = [0, 2, 5, 0];
    check(left, &[(0, Needs(3, 1), "2 lends 1 to 3")]);
    check(left, &[(0, Needs(3, 5), "2 lends 5 to 3")]);
    check(left, &[(0, Needs(3, 6), "2 lends 5 to 3, 1 lends 1 to 3")]);
    // Neither who has nothing, nor the borrower itself.
    check(left, &[(0, Needs(3, 30), "2 lends 5 to 3, 1 lends 2 to 3")]);
    check(left, &[(0, Needs(2, 30), "1 lends 2 to 2")]);
}

#[test]
fn one_borrower_gathers_at_a_time() {
    let rows = [
        (0, Needs(1, 3), "2 lends 3 to 1"),
        (10, Needs(3, 4), ""),
        // Who has the turn may ask again, and who waits may say otherwise.
        (20, Needs(1, 2), "2 lends 2 to 1"),
        (20, Needs(3, 1), ""),
        (30, HasIt(1), "2 lends 1 to 3"),
        // It stands in the queue once.
        (40, HasIt(3), ""),
        (50, Needs(1, 1), "2 lends 1 to 1"),
    ];
    check([0, 0, 5, 0], &rows);
}

#[test]
fn who_gave_up_waiting_is_passed_over() {
    let rows = [
        (0, Needs(1, 1), "2 lends 1 to 1"),
        (10, Needs(3, 4), ""),
        (11, Needs(0, 2), ""),
        (20, HasIt(3), ""),
        (30, HasIt(1), "2 lends 2 to 0"),
    ];
    check([0, 0, 5, 0], &rows);
}

#[test]
fn a_turn_ends_after_60_ms() {
    let rows = [
        (0, Needs(1, 1), "2 lends 1 to 1"),
        (10, Needs(3, 4), ""),
        (20, Needs(1, 1), "2 lends 1 to 1"),
        (59, Nothing, ""),
        (60, Nothing, "2 lends 4 to 3"),
        // Now the other one waits, and its turn ends as well.
        (70, Needs(1, 1), ""),
        (119, Nothing, ""),
        (120, Nothing, "2 lends 1 to 1"),
    ];
    check([0, 0, 5, 0], &rows);
}

#[test]
fn a_loan_is_sent_again_every_100_ms_until_it_is_confirmed() {
    let mut world = pool([5, 0, 0, 0]);
    let (core, start) = (&mut world.cores[0], world.now.plus_ms(1_000));
    // The first tick sends again whatever there was before.
    core.begin_turn(start);
    core.tick();
    assert_eq!(said(core), "");
    tell(core, Request::Execute(Command::Lend { borrower: 2, quantity: 3 }));
    let lent = core.close_turn().expect("a loan is recorded");
    assert_eq!(said(core), "", "not before it is durable");
    core.durable(lent.upto);
    let mut at = |ms| {
        core.begin_turn(start.plus_ms(ms));
        core.tick();
        assert!(core.close_turn().is_none());
        said(core)
    };
    let loan = "2 gets 3 of 0 as 1";
    let rows = [(0, loan), (99, ""), (100, loan), (199, ""), (200, loan), (290, "")];
    assert_eq!(rows.map(|(ms, _)| at(ms)), rows.map(|(_, expected)| expected));
    tell(core, Request::Execute(Command::SettleLoan { borrower: 2, number: 1 }));
    let settled = core.close_turn().expect("recorded");
    core.durable(settled.upto);
    core.begin_turn(start.plus_ms(400));
    core.tick();
    assert_eq!(said(core), "", "it has arrived");
}
