//! The auditor has to see each kind of broken promise: it is shown one after the other.

use super::{Asked, Auditor, Life, Money, OrderLife, Seen, SeenGoods, SeenHold, Told, Wanted};

const LIMIT: u32 = 4;
const NOW: u64 = 1_000;

fn hold(no: u32, seats: &[u32]) -> SeenHold {
    SeenHold {
        name: (0, no),
        buyer: 1,
        seats: seats.to_vec(),
        units: seats.len() as u32,
        life: Life::Active,
        deadline: Some(NOW + 500),
        order: None,
        price: 100,
        payments: Vec::new(),
        tickets: 0,
        used: Vec::new(),
        nonces: Vec::new(),
    }
}

fn sold(no: u32, seats: &[u32]) -> SeenHold {
    SeenHold {
        life: Life::Confirmed,
        deadline: None,
        order: Some(OrderLife::Ticketed),
        payments: vec![("p1".into(), 100, Money::Captured)],
        tickets: seats.len(),
        nonces: (0..seats.len()).map(|n| [n as u8; 10]).collect(),
        ..hold(no, seats)
    }
}

fn house(holds: &[SeenHold]) -> Seen {
    let owned: Vec<u32> =
        holds.iter().filter(|h| h.owns()).flat_map(|h| h.seats.iter().copied()).collect();
    let unowned = (0..8).map(|seat| !owned.contains(&seat)).collect();
    Seen { slot: 0, holds: holds.to_vec(), goods: SeenGoods::Seats { unowned }, strays: vec![] }
}

/// An auditor who was told of these holds, one request each, and of the payment `p1`.
fn told_of(holds: &[SeenHold]) -> Auditor {
    let mut auditor = Auditor::new(LIMIT, 10);
    for (id, hold) in (1..).zip(holds) {
        ask(&mut auditor, id, Wanted::Seats(hold.seats.clone()));
        let told = Told::Done { hold: Some(hold.clone()), replayed: false };
        auditor.told(id, &told, NOW).expect("nothing wrong with it");
    }
    let reference = "p1".to_owned();
    ask(&mut auditor, 99, Wanted::Pay { hold: (0, 1), reference, amount: 100 });
    auditor
}

fn segment(slot: u16, available: u64, lent: u64, received: u64) -> Seen {
    let goods = SeenGoods::Stock {
        base: 5,
        available,
        held: 0,
        sold: 0,
        blocked: 0,
        withdrawn: 0,
        lent,
        received,
    };
    Seen { slot, holds: Vec::new(), goods, strays: Vec::new() }
}

fn ask(auditor: &mut Auditor, id: u64, wanted: Wanted) {
    auditor.asked(id, Asked { slot: 0, buyer: 1, key: None, wanted }, NOW);
}

#[track_caller]
fn finds(result: Result<(), String>, expected: &str) {
    match result {
        Err(what) => assert!(what.contains(expected), "found another thing: {what}"),
        Ok(()) => panic!("did not see: {expected}"),
    }
}

#[test]
fn what_is_sound_passes() {
    let (one, two) = (hold(1, &[0, 1]), hold(2, &[2]));
    let mut auditor = told_of(&[one.clone(), two.clone()]);
    auditor.look(&[house(&[one, two])], NOW).expect("all is well");
    let mut auditor = told_of(&[sold(1, &[3])]);
    auditor.look(&[house(&[sold(1, &[3])])], NOW).expect("all is well");
}

#[test]
fn answers_that_break_a_promise_are_seen() {
    let again = |hold: SeenHold| {
        let mut auditor = told_of(&[super::tests::hold(1, &[0, 1])]);
        ask(&mut auditor, 5, Wanted::Seats(hold.seats.clone()));
        auditor.told(5, &Told::Done { hold: Some(hold), replayed: false }, NOW)
    };
    finds(again(hold(2, &[1])), "belongs to");
    finds(again(hold(2, &[2, 3, 4])), "of buyer 1");
    finds(again(SeenHold { buyer: 2, ..hold(2, &[2]) }), "asked for");
    finds(again(SeenHold { seats: vec![5, 6], ..hold(1, &[5, 6]) }), "a hold changed");
    let ended = SeenHold { deadline: None, life: Life::Expired, ..hold(1, &[0, 1]) };
    finds(again(ended), "before its time");
    again(hold(2, &[2])).expect("another seat");
}

#[test]
fn looks_that_break_a_promise_are_seen() {
    let look =
        |promised: SeenHold, there: &[SeenHold]| told_of(&[promised]).look(&[house(there)], NOW);
    finds(look(hold(1, &[0]), &[]), "is gone");
    finds(look(hold(1, &[0]), &[hold(1, &[0]), hold(2, &[0])]), "belongs to");
    finds(look(sold(1, &[0]), &[SeenHold { tickets: 0, ..sold(1, &[0]) }]), "one ticket per unit");
    finds(look(sold(1, &[0]), &[SeenHold { payments: vec![], ..sold(1, &[0]) }]), "right payment");
    let unpaid = SeenHold { order: Some(OrderLife::Over), ..sold(1, &[0]) };
    finds(look(hold(2, &[4]), &[hold(2, &[4]), unpaid]), "paid without tickets");
    let back = SeenHold { order: Some(OrderLife::Refund), payments: vec![], ..sold(1, &[0]) };
    finds(look(sold(1, &[0]), &[back]), "tickets are gone");
    let stranger = vec![("p1".into(), 100, Money::Captured), ("p7".into(), 1, Money::Refund)];
    let stranger = SeenHold { payments: stranger, ..sold(1, &[0]) };
    finds(look(sold(1, &[0]), &[stranger]), "nobody ever paid p7");
}

#[test]
fn seats_and_stock_that_do_not_add_up_are_seen() {
    let mut seen = house(&[hold(1, &[0])]);
    seen.goods = SeenGoods::Seats { unowned: vec![true; 8] };
    finds(told_of(&[hold(1, &[0])]).look(&[seen], NOW), "is shown as owned: false");

    let look = |all: &[Seen]| Auditor::new(LIMIT, 10).look(all, NOW);
    look(&[segment(1, 3, 2, 0), segment(2, 7, 0, 2)]).expect("two moved");
    look(&[segment(1, 3, 2, 0), segment(2, 5, 0, 0)]).expect("two are on their way");
    finds(look(&[segment(1, 5, 2, 0), segment(2, 5, 0, 0)]), "does not add up");
    finds(look(&[segment(1, 5, 0, 0), segment(2, 7, 0, 2)]), "arrived");
}

#[test]
fn an_answer_comes_once_and_a_key_has_one_answer() {
    let mut auditor = told_of(&[hold(1, &[0])]);
    finds(auditor.told(1, &Told::Unavailable, NOW), "twice");

    let mut auditor = Auditor::new(LIMIT, 10);
    for (id, no, expected) in [(1, 1, None), (2, 1, None), (3, 2, Some("key 9"))] {
        let wanted = Wanted::Seats(vec![no]);
        auditor.asked(id, Asked { slot: 0, buyer: 1, key: Some((9, 4)), wanted }, NOW);
        let told = Told::Done { hold: Some(hold(no, &[no])), replayed: id == 2 };
        match expected {
            None => auditor.told(id, &told, NOW).expect("the same answer"),
            Some(expected) => finds(auditor.told(id, &told, NOW), expected),
        }
    }
}

#[test]
fn a_repeat_of_what_was_granted_is_not_refused() {
    let asked = || Asked { slot: 0, buyer: 1, key: Some((9, 4)), wanted: Wanted::AnySeats(1) };
    let mut auditor = Auditor::new(LIMIT, 10);
    for id in [1, 2] {
        auditor.asked(id, asked(), NOW);
    }
    let granted = Told::Done { hold: Some(hold(1, &[0])), replayed: false };
    let refused = Told::Refused { number: 20, seats: vec![] };
    auditor.told(1, &granted, NOW).expect("the first answer");
    auditor.told(2, &refused, NOW).expect("it may have been decided before");
    auditor.asked(3, asked(), NOW);
    finds(auditor.told(3, &refused, NOW), "granted, and now refused");
}

#[test]
fn time_that_a_restart_took_is_given_back() {
    let restart = |deadline| {
        let there = SeenHold { deadline: Some(deadline), ..hold(1, &[0]) };
        told_of(&[hold(1, &[0])]).look_after_restart(&[house(&[there])], NOW, 300)
    };
    restart(NOW + 800).expect("500 ms were promised, 300 ms were lost");
    finds(restart(NOW + 799), "not given back");
}

#[test]
fn at_rest_nothing_is_left_undone() {
    let look = |all: &[Seen], now| told_of(&[hold(1, &[0])]).look_at_rest(all, now);
    look(&[house(&[hold(1, &[0])])], NOW + 600).expect("its timer may be late");
    finds(look(&[house(&[hold(1, &[0])])], NOW + 601), "never ends");

    let kept = || house(&[hold(1, &[0])]);
    look(&[kept(), segment(1, 3, 2, 0), segment(2, 7, 0, 2)], NOW).expect("two moved");
    finds(look(&[kept(), segment(1, 3, 2, 0), segment(2, 5, 0, 0)], NOW), "never arrive");

    let payments = vec![("p1".into(), 100, Money::Refund)];
    let over = SeenHold { order: Some(OrderLife::Refund), payments, ..hold(1, &[0]) };
    let mut auditor = told_of(&[hold(1, &[0])]);
    let there = [house(&[over])];
    finds(auditor.look_at_rest(&there, NOW), "to give p1 back");
    auditor.refund_told("p1");
    auditor.look_at_rest(&there, NOW).expect("somebody knows");
}

#[test]
fn a_refusal_because_of_what_never_was_is_seen() {
    let refused = |is_there: bool| {
        let mut auditor = Auditor::new(LIMIT, 10);
        ask(&mut auditor, 1, Wanted::Seats(vec![3]));
        ask(&mut auditor, 2, Wanted::Seats(vec![3]));
        auditor.told(2, &Told::Refused { number: 20, seats: vec![3] }, NOW).expect("no doubt yet");
        auditor.lost(1);
        let there = if is_there { vec![hold(1, &[3])] } else { vec![] };
        auditor.look_after_restart(&[house(&there)], NOW, 0)
    };
    refused(true).expect("the hold is there");
    finds(refused(false), "never was");
}
