//! How many are called, by tables, and how the pace is measured.

use super::*;

fn sight() -> Sight {
    Sight {
        shopping_max: 500,
        waiting: 10_000,
        inside: 0,
        stock: Stock { obtainable: 5_000, held: 0, sold: 0, blocked: 0 },
        is_behind: false,
        allowed_milli: 50_000,
    }
}

#[test]
fn the_tightest_bound_decides() {
    let stock = |obtainable, held| Stock { obtainable, held, ..Stock::default() };
    let rows = [
        ("the pace", sight(), (50, None)),
        (
            "the pace while something falls behind",
            Sight { is_behind: true, ..sight() },
            (50, Some(HeldBackBy::Load)),
        ),
        ("nobody waits", Sight { waiting: 0, ..sight() }, (0, Some(HeldBackBy::Nobody))),
        ("few wait", Sight { waiting: 3, ..sight() }, (3, Some(HeldBackBy::Nobody))),
        (
            "the last tickets",
            Sight { stock: stock(7, 0), inside: 4, ..sight() },
            (3, Some(HeldBackBy::Stock)),
        ),
        (
            "as many inside as tickets",
            Sight { stock: stock(7, 0), inside: 9, ..sight() },
            (0, Some(HeldBackBy::Stock)),
        ),
        (
            "as many shop as may",
            Sight { stock: stock(5_000, 450), inside: 40, ..sight() },
            (10, Some(HeldBackBy::Shopping)),
        ),
        (
            "one command calls so many",
            Sight { shopping_max: 9_000, allowed_milli: 4_000_000, ..sight() },
            (1_024, None),
        ),
    ];
    for (name, sight, expected) in rows {
        assert_eq!(count(&sight), expected, "{name}");
    }
}

#[test]
fn the_pace_follows_what_was_called() {
    let flow = Flow::default();
    let called = |count| {
        let mut figures = RoomFigures::default();
        figures.tally.called = count;
        figures
    };
    flow.measure(&called(0), Timestamp(1_000_000));
    for look in 1..=100_u64 {
        flow.measure(&called(look * 10), Timestamp(1_000_000 + look * 500));
    }
    let pace = flow.called_per_second_milli();
    assert!((19_000..=20_000).contains(&pace), "20 a second were called, {pace}");
    for look in 101..=200_u64 {
        flow.measure(&called(1_000), Timestamp(1_000_000 + look * 500));
    }
    assert!(flow.called_per_second_milli() < 500, "{}", flow.called_per_second_milli());
}

#[test]
fn a_room_is_over_when_nothing_can_come_back_for_a_while() {
    let flow = Flow::default();
    let sold_out = Stock { sold: 5, ..Stock::default() };
    for _ in 1..SOLD_OUT_LOOKS {
        assert!(!is_over(&flow, &sold_out));
    }
    assert!(is_over(&flow, &sold_out));
    assert!(!is_over(&flow, &Stock { held: 1, ..sold_out }), "what is held may come back");
    assert!(!is_over(&flow, &sold_out), "and the count begins anew");
    assert!(!is_over(&flow, &Stock { blocked: 1, ..sold_out }));
    assert!(!is_over(&flow, &Stock::default()), "nothing was ever on sale");
}
