//! The real-name rule: one document for each unit, and so many units for each document.

use std::collections::BTreeMap;

use usher_engine::inventory::image::{Image, ImageError};
use usher_engine::{HoldNo, Inventory};

use crate::common::{Setting, Stage, buyer, check, document, moment};

#[test]
fn an_order_names_one_document_for_each_unit() {
    check(
        "with the rule",
        "
        show: documents=1 stock=10/1
        ann holds A1 A2
        ann orders 1                => no: 2 names wanted
        ann orders 1 named x        => no: 2 names wanted
        ann orders 1 named x y z    => no: 2 names wanted
        ann orders 1 named x x      => no: name 1: limit 1, has 0
        ann orders 1 named x y      => order 1 PendingPay by 900
        counter cid B1              => no: 1 names wanted
        counter cid B1 named z      => order 2 Ticketed
        s0: ann holds 1 standing
        s0: ann orders 1            => no: 1 names wanted
        s0: ann orders 1 named x    => order 1 PendingPay by 900
        ",
    );
    check(
        "without it",
        "
        ann holds A1
        ann orders 1 named x        => no: no names asked
        ann orders 1                => order 1 PendingPay by 900
        counter cid B1 named x      => no: no names asked
        ",
    );
    check(
        "two units for each document, as for a child on its parent's",
        "
        show: documents=2 stock=10/1
        ann holds A1 A2 A3
        ann orders 1 named x x x    => no: name 2: limit 2, has 0
        ann orders 1 named x y x    => order 1 PendingPay by 900
        ben holds A4 A5
        ben orders 2 named y x      => no: name 1: limit 2, has 2
        ben orders 2 named y z      => order 2 PendingPay by 900
        ",
    );
}

/// Whoever buys under several user ids has one passport all the same.
#[test]
fn a_document_counts_whoever_orders_until_it_is_given_back() {
    let rows = [
        ("cancelled", "cancel 1", "900"),
        ("not paid in time", "@900 expire 1", "1800"),
        ("past its end, which nobody has noticed", "@900 ? counts", "1800; expired 1"),
        ("taken back", "success p1 of 1 50.00\ntake back 1", "900"),
    ];
    for (name, end, by) in rows {
        check(
            name,
            &format!(
                "
                show: documents=1 stock=10/1
                ann holds A1
                ann orders 1 named x
                ben holds A2
                ben orders 2 named x        => no: name 0: limit 1, has 1
                counter cid A3 named x      => no: name 0: limit 1, has 1
                {end}
                ben holds A4
                ben orders 3 named x        => order 3 PendingPay by {by}
                cid holds A5
                cid orders 4 named x        => no: name 0: limit 1, has 1
                "
            ),
        );
    }
    check(
        "the counter ends what is past its end",
        "
        show: documents=1 stock=10/1
        ann holds A1
        ann orders 1 named x
        @900 counter cid A3 named x     => order 2 Ticketed; expired 1
        ",
    );
}

#[test]
fn a_repeat_counts_once() {
    check(
        "keys",
        "
        show: documents=1 stock=10/1
        ann holds A1
        ann orders 1 key k named x  => order 1 PendingPay by 900
        ann orders 1 key k named x  => again: order 1 PendingPay by 900
        ann orders 1 key k named y  => no: key reused
        ann orders 1 named x        => no: hold Confirmed
        cancel 1
        ben holds A2
        ben orders 2 named x        => order 2 PendingPay by 900
        counter cid A3 key c named z => order 3 Ticketed
        counter cid A3 key c named z => again: order 3 Ticketed
        ",
    );
}

/// Two admissions for one document are what the rule is there to rule out.
#[test]
fn late_money_goes_back_where_its_document_has_found_other_units() {
    check(
        "the document has other units",
        "
        show: documents=1 stock=10/1
        ann holds A1
        ann orders 1 named x
        @900 expire 1
        ben holds A2
        ben orders 2 named x
        success p1 of 1 50.00
        ? order 1                   => order 1 RefundPending, p1 TooLate due 50.00
        ? order 2                   => order 2 PendingPay by 1800
        ",
    );
    check(
        "the other units are past their end",
        "
        show: documents=1 stock=10/1
        ann holds A1
        ann orders 1 named x
        @900 expire 1
        ben holds A2
        ben orders 2 named x
        @1800 success p1 of 1 50.00 => order 1 Ticketed, p1 Captured 50.00; expired 2
        cid holds A3
        cid orders 3 named x        => no: name 0: limit 1, has 1
        ",
    );
}

#[test]
fn the_rule_is_fixed_once_anything_is_on_sale() {
    check(
        "batches",
        "
        show: draft documents=1 stock=10/1
        change documents 0          => done
        change documents 101        => no: one document may have at most 100 tickets
        change documents 100        => done
        change documents 2          => done
        on sale A1
        change documents 1          => no: the real-name rule is fixed once anything was put on sale
        change documents 2          => done
        open
        change documents 0          => no: the real-name rule is fixed once anything was put on sale
        ",
    );
    check(
        "pools in one segment",
        "
        show: draft
        change documents 1          => no: with the real-name rule, a stock pool has one segment
        ",
    );
}

#[test]
fn an_image_whose_documents_are_nobodys_is_refused() {
    let mut stage = stage(1);
    for line in ["ann holds A1", "ann holds A2", "ann orders 1 named x"] {
        stage.play(line);
    }
    let image = stage.house.live.image();
    assert_eq!(image.documents, [(HoldNo(1), vec![document("x")])]);
    let bad = [
        (HoldNo(2), vec![document("x")]),
        (HoldNo(9), vec![document("x")]),
        (HoldNo(1), vec![document("x"), document("y")]),
    ];
    for (order, named) in bad {
        let image = Image { documents: vec![(order, named)], ..image.clone() };
        assert_eq!(Inventory::from_image(image).err(), Some(ImageError::BadDocuments(order)));
    }
}

/// Orders at random under few documents. The stage compares replay, image and recount after each
/// step; here it is foretold, from the orders alone, whether there is room for a document.
#[test]
fn no_document_ever_has_more_than_its_units() {
    for seed in 1..=4 {
        let mut stage = stage(2);
        let mut random = Random(seed);
        let (mut placed, mut refused) = (0, 0);
        for step in 0..600_u64 {
            let at = step * 20;
            let last = stage.house.live.holds().last().map_or(1, |(no, _)| no.0);
            let no = HoldNo(last - random.below(last.min(6)));
            let line = match random.below(10) {
                0..=2 => format!("b{} holds best 1", random.below(9)),
                3..=6 => {
                    let (foretold, line) = order(&stage, no, at, &mut random);
                    let told = stage.play(&line);
                    let is_done = told.starts_with("order");
                    assert_eq!(is_done, foretold, "seed {seed}: {line} => {told}");
                    placed += u32::from(is_done);
                    refused += u32::from(told.contains("limit 2"));
                    continue;
                }
                7 => format!("@{at} cancel {}", no.0),
                8 => format!("@{at} success p{step} of {} 50.00", no.0),
                _ => format!("@{at} take back {}", no.0),
            };
            stage.play(&line);
        }
        assert!(placed > 20 && refused > 5, "seed {seed}: {placed} placed, {refused} refused");
    }
}

/// An order of a hold, and whether it will be placed.
fn order(stage: &Stage, no: HoldNo, at: u64, random: &mut Random) -> (bool, String) {
    let live = &stage.house.live;
    let name = format!("d{}", random.below(4));
    let now = moment(at as i64);
    let mut units: BTreeMap<_, u32> = BTreeMap::new();
    for (other, hold) in live.holds() {
        let lasts = hold.deadline().map_or(hold.is_sold(), |deadline| deadline > now);
        for named in live.documents_of(other).iter().filter(|_| lasts) {
            *units.entry(*named).or_default() += 1;
        }
    }
    let whose = (0..9)
        .map(|n| format!("b{n}"))
        .find(|name| live.hold(no).is_some_and(|hold| hold.buyer == buyer(name)));
    let is_free = live.hold(no).is_some_and(|hold| {
        hold.order.is_none() && hold.deadline().is_some_and(|deadline| deadline > now)
    });
    let has = units.get(&document(&name)).copied().unwrap_or_default();
    let line = format!("@{at} {} orders {} named {name}", whose.as_deref().unwrap_or("b0"), no.0);
    (is_free && has < 2, line)
}

fn stage(units_per_document_max: u32) -> Stage {
    Stage::new(&Setting { units_per_document_max, segments: 1, ..Setting::default() })
}

/// A linear congruential generator: any will do.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(bound)) as u32
    }
}
