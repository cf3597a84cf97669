//! The auditor has to see each kind of broken promise: it is shown one after the other.

use super::{
    Asked, Auditor, Change, Life, Money, Opening, OrderLife, Payment, Seen, SeenGoods, SeenHold,
    SeenSeat, Standing, Told, Wanted,
};

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
        price: 100 * seats.len() as u64,
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
        payments: vec![payment(1, 100 * seats.len() as u64, Money::Captured)],
        tickets: seats.len(),
        nonces: (0..seats.len()).map(|n| [n as u8; 10]).collect(),
        ..hold(no, seats)
    }
}

fn payment(reference: u64, amount: u64, money: Money) -> Payment {
    Payment { reference, amount, money }
}

fn house(holds: &[SeenHold]) -> Seen {
    let owned: Vec<u32> =
        holds.iter().filter(|h| h.owns()).flat_map(|h| h.seats.iter().copied()).collect();
    let seat = |seat| if owned.contains(&seat) { SeenSeat::Owned } else { SeenSeat::Free };
    let goods = SeenGoods::Seats((0..8).map(seat).collect());
    Seen { slot: 0, holds: holds.to_vec(), goods, strays: vec![], terms_version: 1 }
}

fn at_first() -> Auditor {
    let opening = Opening {
        limit: LIMIT,
        stock: 10,
        seat_price: 100,
        stock_price: 250,
        seats_on_sale: 7,
        seats: 8,
    };
    Auditor::new(&opening)
}

/// An auditor who was told of these holds, one request each, and of the payment `p1`.
fn told_of(holds: &[SeenHold]) -> Auditor {
    let mut auditor = at_first();
    for (id, hold) in (1..).zip(holds) {
        ask(&mut auditor, id, Wanted::Seats(hold.seats.clone()));
        let told = Told::Done { hold: Some(hold.clone()), replayed: false };
        auditor.told(id, &told, NOW).expect("nothing wrong with it");
    }
    ask(&mut auditor, 99, Wanted::Pay { hold: (0, 1), reference: 1, amount: 100 });
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
        open_loans: Vec::new(),
    };
    Seen { slot, holds: Vec::new(), goods, strays: Vec::new(), terms_version: 1 }
}

/// The pool as it was at first.
fn pool() -> [Seen; 2] {
    [segment(1, 5, 0, 0), segment(2, 5, 0, 0)]
}

fn asked(wanted: Wanted) -> Asked {
    Asked { slot: 0, buyer: 1, key: None, wanted, likeness: 5, is_cursed: false }
}

fn ask(auditor: &mut Auditor, id: u64, wanted: Wanted) {
    auditor.asked(id, asked(wanted), NOW);
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
    let unpaid = SeenHold { payments: vec![], ..sold(1, &[0]) };
    finds(look(hold(1, &[0]), std::slice::from_ref(&unpaid)), "right payment");
    finds(look(sold(1, &[0]), &[unpaid]), "money is not where it was");
    let unpaid = SeenHold { order: Some(OrderLife::Over), ..sold(1, &[0]) };
    finds(look(hold(2, &[4]), &[hold(2, &[4]), unpaid]), "paid without tickets");
    let back = SeenHold { order: Some(OrderLife::Refund), payments: vec![], ..sold(1, &[0]) };
    finds(look(sold(1, &[0]), &[back]), "tickets are gone");
    let stranger = vec![payment(1, 100, Money::Captured), payment(7, 1, Money::Due)];
    let stranger = SeenHold { payments: stranger, ..sold(1, &[0]) };
    finds(look(sold(1, &[0]), &[stranger]), "nobody ever paid 7");
}

#[test]
fn seats_and_stock_that_do_not_add_up_are_seen() {
    let mut seen = house(&[hold(1, &[0])]);
    seen.goods = SeenGoods::Seats(vec![SeenSeat::Free; 8]);
    finds(told_of(&[hold(1, &[0])]).look(&[seen], NOW), "seat 0 is shown as Free");
    let mut seen = house(&[]);
    seen.goods = SeenGoods::Seats(vec![SeenSeat::Blocked; 8]);
    finds(at_first().look(&[seen], NOW), "was put on sale and is blocked");

    let look = |all: &[Seen]| at_first().look(all, NOW);
    look(&[segment(1, 3, 2, 0), segment(2, 7, 0, 2)]).expect("two moved");
    look(&[segment(1, 3, 2, 0), segment(2, 5, 0, 0)]).expect("two are on their way");
    finds(look(&[segment(1, 5, 2, 0), segment(2, 5, 0, 0)]), "does not add up");
    finds(look(&[segment(1, 5, 0, 0), segment(2, 7, 0, 2)]), "arrived");
}

#[test]
fn an_answer_comes_once_and_a_key_has_one_answer() {
    let mut auditor = told_of(&[hold(1, &[0])]);
    finds(auditor.told(1, &Told::NotNow, NOW), "twice");

    let mut auditor = at_first();
    for (id, no, expected) in [(1, 1, None), (2, 1, None), (3, 2, Some("key 9"))] {
        let wanted = Wanted::Seats(vec![no]);
        auditor.asked(id, Asked { key: Some((9, 4)), ..asked(wanted) }, NOW);
        let told = Told::Done { hold: Some(hold(no, &[no])), replayed: id == 2 };
        match expected {
            None => auditor.told(id, &told, NOW).expect("the same answer"),
            Some(expected) => finds(auditor.told(id, &told, NOW), expected),
        }
    }
}

#[test]
fn a_refusal_because_of_what_never_was_is_seen() {
    let refused = |is_there: bool| {
        let mut auditor = at_first();
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

#[test]
fn a_refusal_though_tickets_were_there_is_seen() {
    let refused = |seen: &[Option<(u64, u64)>]| {
        let mut auditor = at_first();
        let stands = |(free, returns)| Standing { free, returns };
        auditor.stands(Some(stands((2, 0))));
        ask(&mut auditor, 1, Wanted::Stock(2));
        seen.iter().for_each(|seen| auditor.stands(seen.map(stands)));
        auditor.told(1, &Told::Refused { number: 21, seats: vec![] }, NOW)
    };
    finds(refused(&[]), "2 were free all the while");
    refused(&[Some((1, 0)), Some((2, 0))]).expect("one was too few");
    refused(&[Some((2, 1))]).expect("some may have gone and come back");
    refused(&[None, Some((2, 0))]).expect("nobody could see it for a while");
}

#[test]
fn what_is_sold_on_terms_of_the_past_is_seen() {
    let grant = |changes: &[Change], granted: SeenHold| {
        let mut auditor = at_first();
        for (id, change) in (1..).zip(changes) {
            ask(&mut auditor, id, Wanted::Manage(change.clone()));
            auditor.told(id, &Told::Done { hold: None, replayed: false }, NOW).expect("changed");
        }
        ask(&mut auditor, 9, Wanted::Seats(granted.seats.clone()));
        auditor.told(9, &Told::Done { hold: Some(granted), replayed: false }, NOW)
    };
    grant(&[], hold(1, &[0])).expect("as it was opened");
    for change in [Change::Pause(true), Change::OperatorPause(true), Change::Close(true)] {
        finds(grant(std::slice::from_ref(&change), hold(1, &[0])), "paused or closed");
    }
    grant(&[Change::Pause(true), Change::Pause(false)], hold(1, &[0])).expect("it goes on");
    finds(grant(&[Change::SeatPrice(120)], hold(1, &[0])), "a price that nobody asked for");
    finds(grant(&[Change::Limit(1)], hold(1, &[0, 1])), "of buyer 1");
    finds(grant(&[], hold(1, &[7])), "were not on sale");
    let later = Change::SeatsOnSale { first: 7, count: 1, at: Some(NOW + 1) };
    finds(grant(&[later], hold(1, &[7])), "were not on sale");
    let now = Change::SeatsOnSale { first: 7, count: 1, at: None };
    grant(&[now], hold(1, &[7])).expect("on sale by now");
}

#[test]
fn money_that_goes_astray_is_seen() {
    let paid = || {
        let mut auditor = at_first();
        ask(&mut auditor, 1, Wanted::Pay { hold: (0, 9), reference: 3, amount: 50 });
        auditor.told(1, &Told::Done { hold: None, replayed: false }, NOW).expect("heard");
        auditor
    };
    let strays = |strays: &[Payment]| [Seen { strays: strays.to_vec(), ..house(&[]) }];
    let due = payment(3, 50, Money::Due);
    finds(paid().look(&strays(&[]), NOW), "is recorded 0 times");
    finds(paid().look(&strays(&[due, due]), NOW), "is recorded 2 times");
    finds(paid().look(&strays(&[payment(3, 51, Money::Due)]), NOW), "nobody ever paid 3");
    finds(paid().refund_ordered(0, 3, 51), "which nobody ever paid");
    finds(paid().look_at_rest(&strays(&[due]), NOW), "and nobody was told");
    let mut auditor = paid();
    auditor.refund_ordered(0, 3, 50).expect("it is owed");
    let [one, two] = pool();
    let [house] = strays(&[due]);
    auditor.look_at_rest(&[house, one, two], NOW).expect("all is well");
    ask(&mut auditor, 2, Wanted::GaveBack { hold: (0, 0), reference: 3 });
    auditor.told(2, &Told::Done { hold: None, replayed: false }, NOW).expect("heard");
    finds(auditor.look(&strays(&[due]), NOW), "and nobody knows");
    let back = strays(&[payment(3, 50, Money::Back)]);
    auditor.look_after_restart(&back, NOW, 0).expect("it is back");
    finds(auditor.refund_ordered(0, 3, 50), "long after it went");
}

#[test]
fn a_panic_that_reaches_the_wrong_ones_is_seen() {
    let told = |prepare: &dyn Fn(&mut Auditor), what: Told| {
        let mut auditor = at_first();
        ask(&mut auditor, 1, Wanted::Stock(1));
        prepare(&mut auditor);
        auditor.told(1, &what, NOW)
    };
    let panics = |times: u32| {
        move |auditor: &mut Auditor| {
            (0..times).for_each(|_| auditor.panicked(2, 0, 5).expect("not too often"));
        }
    };
    told(&|auditor| auditor.fell(&[0]), Told::Rebuilding).expect("its shard fell");
    finds(told(&|auditor| auditor.fell(&[1]), Told::Rebuilding), "in a shard that had none");
    told(&panics(2), Told::Quarantined).expect("twice is enough");
    finds(told(&panics(1), Told::Quarantined), "without two panics");
    let mut auditor = at_first();
    panics(2)(&mut auditor);
    finds(auditor.panicked(2, 0, 5), "had panicked 2 times");
    auditor.asked(1, Asked { is_cursed: true, ..asked(Wanted::Stock(1)) }, NOW);
    let refused = Told::Refused { number: 1, seats: Vec::new() };
    finds(auditor.told(1, &refused, NOW), "although it panics each time");
}

#[test]
fn a_repeat_of_what_was_granted_is_not_refused() {
    let repeat = || Asked { key: Some((9, 4)), ..asked(Wanted::AnySeats(1)) };
    let mut auditor = at_first();
    for id in [1, 2] {
        auditor.asked(id, repeat(), NOW);
    }
    let granted = Told::Done { hold: Some(hold(1, &[0])), replayed: false };
    let refused = Told::Refused { number: 20, seats: vec![] };
    auditor.told(1, &granted, NOW).expect("the first answer");
    auditor.told(2, &refused, NOW).expect("it may have been decided before");
    auditor.asked(3, repeat(), NOW);
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

/// Two tickets are on their way to slot 2; in this slot, something panicked twice.
fn lent_to_a_slot_that_panics(slot: u16) -> Result<(), String> {
    let mut auditor = told_of(&[]);
    (0..2).for_each(|_| auditor.panicked(2, slot, 5).expect("not too often"));
    let mut donor = segment(1, 3, 2, 0);
    if let SeenGoods::Stock { open_loans, .. } = &mut donor.goods {
        open_loans.push((2, 2));
    }
    auditor.look_at_rest(&[house(&[]), donor, segment(2, 5, 0, 0)], NOW)
}

#[test]
fn at_rest_nothing_is_left_undone() {
    let kept = house(&[hold(1, &[0])]);
    let look =
        |one, two, now| told_of(&[hold(1, &[0])]).look_at_rest(&[kept.clone(), one, two], now);
    let [one, two] = pool();
    look(one.clone(), two.clone(), NOW + 1_600).expect("its timer may be late");
    finds(look(one.clone(), two.clone(), NOW + 1_601), "never ends");
    look(segment(1, 3, 2, 0), segment(2, 7, 0, 2), NOW).expect("two moved");
    finds(look(segment(1, 3, 2, 0), two.clone(), NOW), "never arrive");
    finds(lent_to_a_slot_that_panics(1), "never arrive");
    lent_to_a_slot_that_panics(2).expect("it arrives after the next start");
    finds(look(Seen { terms_version: 0, ..one }, two, NOW), "sells on terms 0, the house on 1");
    let lonely = told_of(&[hold(1, &[0])]).look_at_rest(std::slice::from_ref(&kept), NOW);
    finds(lonely, "0 of 10 standing tickets are there");
}
