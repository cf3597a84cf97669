//! Stock that moves between segments: the last ticket always sells, nothing is lost or made.

use usher_engine::command::{OrderRequest, PaymentMessage, PaymentVerdict, TicketNonces};
use usher_engine::id::TicketNonce;
use usher_engine::inventory::{Goods, OrderStatus};
use usher_engine::limits::UNITS_PER_HOLD_MAX;
use usher_engine::stock::Segment;
use usher_engine::{Command, HoldNo, MachineId, Refusal};
use usher_shards::message::{Envelope, PeerMessage, Reply, Request};

use crate::world::{SHOW, Waiting, World, held, hold_stock, hold_stock_with_key, show};

fn segment(n: u16) -> MachineId {
    MachineId::segment(SHOW, 0, n)
}

fn stock(world: &World, n: u16) -> Segment {
    let owner = world.around.routes.owner(segment(n).partition());
    match world.cores[owner].inventory(segment(n)).expect("a segment").goods() {
        Goods::Stock(stock) => stock.clone(),
        other => panic!("{other:?}"),
    }
}

fn ask(world: &mut World, home: u16, buyer: u128, quantity: u32) -> Waiting {
    world.ask(segment(home), Request::Execute(hold_stock(buyer, quantity)))
}

/// Sells from `segments` segments until everybody was answered, all buyers at home in the first.
fn sell_all_in_one_segment(shards: usize, segments: u16, quantity: u32, group: u32) -> u32 {
    let mut world = World::new(shards);
    world.open_show(show(0, Some((quantity, segments))));
    let mut sold = 0;
    for buyer in 0..u128::from(quantity) {
        let mut waiting = ask(&mut world, 0, buyer, group);
        world.settle();
        world.pass_ms(20);
        match waiting.try_recv() {
            Ok(Reply::Done(_)) => sold += group,
            Ok(Reply::Refused(Refusal::SoldOut { .. })) => {}
            other => panic!("buyer {buyer}: {other:?}"),
        }
    }
    let all: Vec<_> = (0..segments).map(|n| stock(&world, n)).collect();
    let held: u32 = all.iter().map(|s| s.held).sum();
    assert_eq!(held, sold);
    assert_eq!(held + all.iter().map(|s| s.available).sum::<u32>(), quantity);
    assert!(all.iter().all(|s| s.is_conserved() && s.in_transit() == 0), "{all:?}");
    sold
}

#[test]
fn the_last_ticket_sells_wherever_it_is() {
    for (shards, segments, quantity, group) in
        [(1, 1, 10, 1), (1, 2, 10, 1), (2, 8, 50, 1), (3, 8, 51, 1), (2, 8, 50, 5), (2, 4, 50, 6)]
    {
        let sold = sell_all_in_one_segment(shards, segments, quantity, group);
        assert_eq!(sold, quantity / group * group, "{shards} {segments} {quantity} {group}");
    }
}

#[test]
fn two_large_groups_never_hold_half_each() {
    for is_slow in [false, true] {
        let mut world = World::new(2);
        world.open_show(show(0, Some((6, 2))));
        // Three tickets each; both want all six. On a slow disk both ask before anything moves.
        world.flushes = !is_slow;
        let mut first = ask(&mut world, 0, 1, 6);
        let mut second = ask(&mut world, 1, 2, 6);
        world.flushes = true;
        world.pass_ms(400);
        let answers = [first.try_recv().expect("answered"), second.try_recv().expect("answered")];
        let done = answers.iter().filter(|answer| matches!(answer, Reply::Done(_))).count();
        assert_eq!(done, 1, "{answers:?}");
    }
}

#[test]
fn who_was_served_leaves_the_turn_to_the_next() {
    for first_home in [0, 1] {
        let mut world = with_sold(&[0, 1]);
        world.flushes = false;
        let mut first = ask(&mut world, first_home, 1, 1);
        let mut second = ask(&mut world, 1 - first_home, 2, 1);
        world.flushes = true;
        // Sooner than a turn that nobody gives up would end.
        world.pass_ms(30);
        let answers = [first.try_recv(), second.try_recv()];
        let is_done = |answer: &_| matches!(answer, Ok(Reply::Done(_)));
        assert!(answers.iter().all(is_done), "{answers:?}");
    }
}

/// Three segments of three tickets, those of the first ones sold.
fn with_sold(sold: &[u16]) -> World {
    let mut world = World::new(2);
    world.open_show(show(0, Some((9, 3))));
    for &home in sold {
        assert!(matches!(world.run(segment(home), hold_stock(9, 3)), Reply::Done(_)));
    }
    world
}

#[test]
fn a_turn_that_nobody_gives_up_ends() {
    let mut world = with_sold(&[0, 1]);
    // As of a segment whose shard falls while it gathers.
    drop(world.ask(segment(0), Request::Need { borrower: 1, quantity: 1 }));
    let mut waiting = ask(&mut world, 0, 1, 2);
    world.pass_ms(40);
    assert!(waiting.try_recv().is_err(), "it is not its turn");
    world.pass_ms(100);
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
}

#[test]
fn no_more_segments_are_asked_than_are_needed() {
    let mut world = with_sold(&[0]);
    assert!(matches!(world.run(segment(0), hold_stock(1, 1)), Reply::Done(_)));
    let mut left = [1, 2].map(|n| stock(&world, n).available);
    left.sort_unstable();
    assert_eq!(left, [2, 3]);
}

#[test]
fn who_waits_asks_again_every_20_ms() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((16, 8))));
    let owner = |n| world.around.routes.owner(segment(n).partition());
    let home = (1..8).find(|&n| owner(n) != owner(0)).expect("on two shards");
    let (shard, now) = (owner(home), world.now);
    let core = &mut world.cores[shard];
    let request = Request::Execute(hold_stock(1, 6));
    core.deliver(Envelope { machine: segment(home), request, reply: None });
    // Nothing of what it asks arrives.
    let asked_at = |ms| {
        core.begin_turn(now.plus_ms(ms));
        assert!(!core.tick());
        assert!(core.close_turn().is_none(), "nothing happened");
        let messages = std::iter::from_fn(|| core.take_outgoing()).map(|(_, message)| message);
        messages.filter(needs_stock).count()
    };
    assert_eq!([0, 10, 19, 20, 30, 39, 40].map(asked_at), [1, 0, 0, 1, 0, 0, 1]);
}

fn needs_stock(message: &PeerMessage) -> bool {
    let PeerMessage::Deliver(Envelope { request, .. }) = message else { return false };
    matches!(request, Request::Need { .. })
}

#[test]
fn a_ticket_that_comes_back_in_time_is_found() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((2, 2))));
    let reply = world.run(segment(1), hold_stock(1, 1));
    assert!(matches!(reply, Reply::Done(_)));
    let reply = world.run(segment(0), hold_stock(2, 1));
    assert!(matches!(reply, Reply::Done(_)));
    let reply = world.run(segment(0), hold_stock(3, 1));
    assert!(matches!(reply, Reply::Refused(Refusal::SoldOut { available: 0 })), "{reply:?}");
    let release = Command::Release { hold: HoldNo(1) };
    assert!(matches!(world.run(segment(1), release), Reply::Done(_)));
    let mut waiting = ask(&mut world, 0, 3, 1);
    world.pass_ms(50);
    assert!(matches!(waiting.try_recv(), Ok(Reply::Done(_))));
}

#[test]
fn a_ticket_on_its_way_is_not_sold_out_for_who_lent_it() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((2, 2))));
    assert!(matches!(world.run(segment(1), hold_stock(1, 1)), Reply::Done(_)));
    // The only ticket leaves, and nobody waits for it where it goes.
    world.flushes = false;
    let lend = Command::Lend { borrower: 1, quantity: 1 };
    let _lent = world.ask(segment(0), Request::Execute(lend));
    let mut waiting = ask(&mut world, 0, 2, 1);
    assert!(waiting.try_recv().is_err(), "it waits for the ticket, or at least for the flush");
    world.flushes = true;
    world.pass_ms(100);
    let answer = waiting.try_recv().expect("answered");
    assert!(matches!(answer, Reply::Done(_)), "{answer:?}");
}

#[test]
fn nothing_happened_when_stock_does_not_come_in_time() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((2, 2))));
    // The donor's loan never becomes durable.
    world.flushes = false;
    let mut waiting = ask(&mut world, 0, 1, 2);
    world.pass_ms(300);
    assert!(waiting.try_recv().is_err(), "a refusal rests on what is pending, too");
    world.flushes = true;
    world.settle();
    assert!(matches!(waiting.try_recv(), Ok(Reply::Refused(Refusal::StockMoving))));
    world.pass_ms(300);
    let mut again = ask(&mut world, 0, 1, 2);
    world.pass_ms(100);
    assert!(matches!(again.try_recv(), Ok(Reply::Done(_))));
}

#[test]
fn a_repeat_that_waits_behind_others_is_not_refused() {
    let mut world = World::new(2);
    world.open_show(show(0, Some((2, 2))));
    assert!(matches!(world.run(segment(0), hold_stock(9, 1)), Reply::Done(_)));
    // The ticket that is left is at the other segment, and stays there for now.
    world.flushes = false;
    let repeat = hold_stock_with_key(1, 1, 7);
    // Its first try, whose buyer goes away, somebody else, and its repeat: all wait for the ticket.
    drop(world.ask(segment(0), Request::Execute(repeat.clone())));
    let mut other = ask(&mut world, 0, 2, 1);
    let mut repeated = world.ask(segment(0), Request::Execute(repeat));
    world.flushes = true;
    world.pass_ms(100);
    let answer = other.try_recv().expect("answered");
    assert!(matches!(answer, Reply::Refused(Refusal::SoldOut { available: 0 })), "{answer:?}");
    match repeated.try_recv().expect("answered") {
        Reply::Done(answer) => assert!(answer.replayed, "{answer:?}"),
        other => panic!("{other:?}"),
    }
}

/// A buyer pays after the time for it: somebody else has the ticket meanwhile, and the only one
/// that is left, at another segment, does not come, since nothing gets durable.
fn late_money() -> (World, Waiting) {
    let mut world = World::new(2);
    world.open_show(show(0, Some((2, 2))));
    let hold = held(world.run(segment(0), hold_stock(1, 1)));
    let order = OrderRequest {
        hold: HoldNo(1),
        buyer: hold.buyer,
        pay_ms: 1_000,
        contact: Box::default(),
        documents: Vec::new(),
        key: None,
    };
    assert!(matches!(world.run(segment(0), Command::Order(order)), Reply::Done(_)));
    world.now = world.now.plus_ms(60_000);
    world.pass_ms(20);
    assert!(matches!(world.run(segment(0), hold_stock(2, 1)), Reply::Done(_)));
    world.flushes = false;
    let message = PaymentMessage {
        order: HoldNo(1),
        reference: "p1".into(),
        verdict: PaymentVerdict::Success,
        amount: hold.total,
        nonces: TicketNonces(Box::new([TicketNonce([7; 10]); UNITS_PER_HOLD_MAX as usize])),
        stock_settled: false,
    };
    let paid = Request::Execute(Command::PaymentMessage(message));
    let waiting = world.ask(segment(0), paid);
    (world, waiting)
}

#[test]
fn money_that_came_late_looks_longer_for_its_tickets_than_a_buyer_would() {
    for (patience_ms, expected) in
        [(600, OrderStatus::Ticketed), (2_100, OrderStatus::RefundPending)]
    {
        let (mut world, mut waiting) = late_money();
        world.pass_ms(patience_ms);
        world.flushes = true;
        world.pass_ms(100);
        let paid = held(waiting.try_recv().expect("answered"));
        assert_eq!(paid.order.expect("an order").status, expected, "after {patience_ms} ms");
    }
}

#[test]
fn what_is_taken_cannot_be_withdrawn() {
    let mut world = with_sold(&[0, 1, 2]);
    let reply = world.run(segment(0), Command::Withdraw { quantity: 1 });
    assert!(matches!(reply, Reply::Refused(Refusal::CapacityInUse)), "{reply:?}");
}

#[test]
fn a_refusal_says_how_many_are_left() {
    let mut world = with_sold(&[0, 1]);
    let reply = world.run(segment(0), hold_stock(1, 5));
    assert!(matches!(reply, Reply::Refused(Refusal::SoldOut { available: 3 })), "{reply:?}");
}
