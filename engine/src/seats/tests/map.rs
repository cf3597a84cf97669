//! The seat map: which transitions are legal, and long random histories against plain arrays.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{Bitmap, SeatCounts, SeatMap, SeatStatus};
use super::{Random, hall, random_hall, random_seats};
use crate::plan::{CategoryIx, SeatIx};

type Transition = fn(&mut SeatMap, &[SeatIx]);

const TRANSITIONS: [(&str, SeatStatus, SeatStatus, Transition); 5] = [
    ("put_on_sale", SeatStatus::Blocked, SeatStatus::Available, SeatMap::put_on_sale),
    ("hold", SeatStatus::Available, SeatStatus::Held, |map, seats| map.hold(seats, 9)),
    ("release", SeatStatus::Held, SeatStatus::Available, SeatMap::release),
    ("sell", SeatStatus::Held, SeatStatus::Sold, SeatMap::sell),
    ("unsell", SeatStatus::Sold, SeatStatus::Available, SeatMap::unsell),
];

/// A hall whose seats 0 to 3 have the statuses 0 to 3.
fn one_of_each() -> SeatMap {
    let mut map = SeatMap::new(hall(&["...."]).plan().clone());
    map.put_on_sale(&[SeatIx(0), SeatIx(1), SeatIx(2)]);
    map.hold(&[SeatIx(1), SeatIx(2)], 5);
    map.sell(&[SeatIx(2)]);
    map
}

#[test]
fn each_transition_is_legal_from_one_status_only() {
    for (name, from, to, transition) in TRANSITIONS {
        for (seat, status) in (0..).map(SeatIx).zip(SeatStatus::ALL) {
            let mut map = one_of_each();
            assert_eq!(map.status(seat), status);
            let result = catch_unwind(AssertUnwindSafe(|| transition(&mut map, &[seat])));
            assert_eq!(result.is_ok(), status == from, "{name} of a seat that is {status:?}");
            if status == from {
                assert_eq!(map.status(seat), to, "{name}");
                assert_eq!(map.counts(), map.recount(), "{name}");
            }
        }
    }
}

#[test]
fn what_is_never_legal_panics() {
    let illegal: [(&str, Transition); 4] = [
        ("a seat twice", |map, _| map.hold(&[SeatIx(0), SeatIx(0)], 5)),
        ("the owner nobody", |map, _| map.hold(&[SeatIx(0)], 0)),
        ("a seat beyond the plan", |map, _| map.hold(&[SeatIx(4)], 5)),
        ("the owner of a seat beyond the plan", |map, _| assert_eq!(map.owner(SeatIx(4)), None)),
    ];
    for (name, call) in illegal {
        let mut map = one_of_each();
        assert!(catch_unwind(AssertUnwindSafe(|| call(&mut map, &[]))).is_err(), "{name}");
    }
}

#[test]
fn an_owner_stays_until_the_seat_is_given_back() {
    let mut map = one_of_each();
    let owners = |map: &SeatMap| (0..4).map(|seat| map.owner(SeatIx(seat))).collect::<Vec<_>>();
    assert_eq!(owners(&map), [None, Some(5), Some(5), None]);
    map.sell(&[SeatIx(1)]);
    assert_eq!(owners(&map), [None, Some(5), Some(5), None]);
    map.unsell(&[SeatIx(2)]);
    assert_eq!(owners(&map), [None, Some(5), None, None]);
    map.hold(&[SeatIx(2)], 6);
    assert_eq!(owners(&map), [None, Some(5), Some(6), None]);
    map.release(&[SeatIx(2)]);
    assert_eq!(owners(&map), [None, Some(5), None, None]);
}

#[test]
fn a_map_that_is_back_where_it_was_equals_one_that_never_left() {
    let fresh = hall(&["..."]);
    let mut used = fresh.clone();
    used.hold(&[SeatIx(1)], 3);
    assert_ne!(used, fresh);
    let mut other = fresh.clone();
    other.hold(&[SeatIx(1)], 4);
    assert_ne!(used, other, "another owner");
    used.release(&[SeatIx(1)]);
    assert_eq!(used, fresh);
}

#[test]
fn packed_statuses_are_two_bits_a_seat_low_bits_first() {
    assert_eq!(one_of_each().packed_statuses(), [0b1110_0100]);
    let mut map = SeatMap::new(hall(&["....."]).plan().clone());
    assert_eq!(map.packed_statuses(), [0b1111_1111, 0b0000_0011]);
    map.put_on_sale(&[SeatIx(0), SeatIx(4)]);
    assert_eq!(map.packed_statuses(), [0b1111_1100, 0b0000_0000]);
}

#[test]
fn agrees_with_plain_arrays() {
    for seed in 0..100 {
        let mut random = Random(seed);
        let drawing = random_hall(&mut random);
        let drawing: Vec<&str> = drawing.iter().map(String::as_str).collect();
        let mut map = SeatMap::new(hall(&drawing).plan().clone());
        let mut plain = vec![(SeatStatus::Blocked, None); map.plan().seat_count() as usize];
        for step in 0..60 {
            let (_, from, to, _) = TRANSITIONS[random.below(5) as usize];
            let seats = random_seats(&mut random, &map, from);
            let owner = 1 + random.below(9);
            match (from, to) {
                (SeatStatus::Blocked, _) => map.put_on_sale(&seats),
                (SeatStatus::Available, _) => map.hold(&seats, owner),
                (SeatStatus::Held, SeatStatus::Sold) => map.sell(&seats),
                (SeatStatus::Held, _) => map.release(&seats),
                (SeatStatus::Sold, _) => map.unsell(&seats),
            }
            for seat in seats {
                let (status, owned_by) = &mut plain[seat.index()];
                *status = to;
                match (from, to) {
                    (SeatStatus::Available, _) => *owned_by = Some(owner),
                    (_, SeatStatus::Available) => *owned_by = None,
                    _ => {}
                }
            }
            compare(&map, &plain, &format!("seed {seed}, step {step}"));
        }
    }
}

fn compare(map: &SeatMap, plain: &[(SeatStatus, Option<u32>)], when: &str) {
    let lived: Vec<_> = map.statuses().zip(map.plan().seats().map(|s| map.owner(s))).collect();
    assert_eq!(lived, plain, "{when}");
    let seats_with =
        |status: SeatStatus| map.plan().seats().filter(move |seat| plain[seat.index()].0 == status);
    for status in SeatStatus::ALL {
        assert!(map.seats_with(status).eq(seats_with(status)), "{status:?}, {when}");
        assert_eq!(
            map.all_available(&seats_with(status).collect::<Vec<_>>()),
            status == SeatStatus::Available || seats_with(status).next().is_none(),
            "{when}"
        );
    }
    let count = |status| u32::try_from(seats_with(status).count()).unwrap();
    let expected = SeatCounts {
        available: count(SeatStatus::Available),
        held: count(SeatStatus::Held),
        sold: count(SeatStatus::Sold),
        blocked: count(SeatStatus::Blocked),
    };
    assert_eq!(map.counts(), expected, "{when}");
    assert_eq!(map.recount(), expected, "{when}");
    for category in [CategoryIx(0), CategoryIx(1)] {
        let free = seats_with(SeatStatus::Available)
            .filter(|&seat| map.plan().category_of(seat) == category)
            .count();
        assert_eq!(map.free_in_category(category) as usize, free, "{when}");
    }
    let packed = map.packed_statuses();
    assert_eq!(packed.len(), plain.len().div_ceil(4), "{when}");
    for (seat, (status, _)) in plain.iter().enumerate() {
        assert_eq!(packed[seat / 4] >> (seat % 4 * 2) & 3, *status as u8, "{when}");
    }
}

#[test]
fn bits_are_found_where_they_were_set() {
    for len in [1, 63, 64, 65, 200] {
        let mut bits = Bitmap::new(len);
        let chosen: Vec<u32> = (0..len).filter(|i| i % 3 != 1).collect();
        chosen.iter().for_each(|&i| bits.set(i));
        bits.set(0);
        assert_eq!(bits.iter_ones().collect::<Vec<_>>(), chosen, "{len} bits");
        assert_eq!(bits.count_ones() as usize, chosen.len(), "{len} bits");
        let taken: Vec<u32> = (0..len).step_by(2).filter(|&i| bits.take(i)).collect();
        assert!(taken.iter().eq(chosen.iter().filter(|&i| i % 2 == 0)), "{len} bits");
        assert!((0..len).all(|i| bits.get(i) == (i % 2 == 1 && i % 3 != 1)), "{len} bits");
        let beyond = catch_unwind(AssertUnwindSafe(|| bits.set(len)));
        assert!(beyond.is_err(), "bit {len} of {len}");
    }
}
