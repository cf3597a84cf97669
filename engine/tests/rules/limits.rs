//! What one buyer may have at once.

use crate::common::check;

#[test]
fn units_count_from_the_hold_on_until_they_are_given_back() {
    check(
        "held, ordered and sold units count alike",
        "
        show: limit=4
        ann holds A1 A2 A3
        ann holds B1 B2             => no: limit 4, has 3
        ann holds best 2            => no: limit 4, has 3
        ann orders 1
        ann holds B1 B2             => no: limit 4, has 3
        pay 1 as p1
        success p1 of 1 150.00
        ann holds B1 B2             => no: limit 4, has 3
        ann holds B1                => hold 2 Active until 600: B1, 30.00
        ann holds B2                => no: limit 4, has 4
        ben holds B2                => hold 3 Active until 600: B2, 30.00
        ",
    );
    let rows = [
        ("released", "release 1"),
        ("expired", "@600 expire 1"),
        ("cancelled", "ann orders 1\ncancel 1"),
        ("not paid in time", "ann orders 1\n@900 expire 1"),
        ("taken back", "ann orders 1\nsuccess p1 of 1 200.00\ntake back 1"),
    ];
    for (name, end) in rows {
        check(
            name,
            &format!(
                "
                show: limit=4
                ann holds A1 A2 A3 A4
                ann holds B1            => no: limit 4, has 4
                {end}
                ann holds B1 B2 B3 B4 B5 => no: limit 4, has 0
                ann holds B1 B2 B3 B4
                "
            ),
        );
    }
}

#[test]
fn the_limit_is_exact_in_each_segment() {
    check(
        "stock",
        "
        show: limit=4 stock=40/2
        s0: ann holds 3 standing
        s0: ann holds 2 standing    => no: limit 4, has 3
        s0: ann holds 1 standing
        s0: ann holds 1 standing    => no: limit 4, has 4
        s0: ben holds 4 standing    => hold 3 Active until 600: 4 standing, 80.00
        ",
    );
    // The limit comes before stock: a segment must not borrow for who may not have it.
    check(
        "limit before stock",
        "
        show: limit=4
        s0: ann holds 4 standing
        s0: ann holds 2 standing    => no: limit 4, has 4
        s0: ben holds 4 standing    => parked: 3 short of 4
        ",
    );
}

#[test]
fn who_has_more_than_a_new_limit_keeps_it() {
    check(
        "limit lowered, then raised",
        "
        ann holds A1 A2 A3
        change limit 2
        ann orders 1                => order 1 PendingPay by 900
        ann holds B1                => no: limit 2, has 3
        change limit 4
        ann holds B1                => hold 2 Active until 600: B1, 30.00
        ann holds B2                => no: limit 4, has 4
        ",
    );
}

#[test]
fn a_counter_sale_and_late_money_may_go_beyond_it_and_count() {
    check(
        "counter",
        "
        show: limit=2
        counter ann A1 A2 A3        => order 1 Ticketed
        ann holds B1                => no: limit 2, has 3
        ",
    );
    check(
        "late money",
        "
        show: limit=2
        ann holds A1 A2
        ann orders 1
        @900 expire 1
        ann holds B1 B2
        success p1 of 1 100.00      => order 1 Ticketed, p1 Captured 100.00
        ann holds B3                => no: limit 2, has 4
        release 2
        ann holds B3                => no: limit 2, has 2
        ",
    );
}

#[test]
fn one_buyer_has_sixteen_holds_at_most() {
    let seats = ["A1", "A2", "A3", "A4", "A5", "A6", "B1", "B2", "B3", "B4", "B5", "B6"];
    let mut script = "show: limit=100\n".to_owned();
    for (no, seat) in (1..).zip(seats.into_iter().chain(["C1", "C2", "C3"])) {
        script += &format!("ann holds {seat}\nann orders {no}\n");
    }
    script += "
        ann holds C4            => hold 16 Active until 600: C4, 30.00
        ann holds A1            => no: 16 holds at most
        ben holds A1            => no: taken: A1 Held
        # A paid order is no hold any more.
        success p1 of 1 50.00
        ann holds A1            => no: taken: A1 Sold
        cancel 2
        cancel 3
        ann holds A2            => hold 17 Active until 600: A2, 50.00
        ann holds A3            => hold 18 Active until 600: A3, 50.00
        # The first order may still be paid late, and is then no hold either.
        @900 expire 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18
        success p4 of 4 50.00   => order 4 Ticketed, p4 Captured 50.00
        ann holds A5            => hold 19 Active until 1500: A5, 50.00
        ";
    check("holds per buyer", &script);
}

#[test]
fn one_hold_takes_at_most_as_many_as_the_engine_allows() {
    check(
        "the most, and one more",
        "
        show: standing limit=100 stock=80/1
        s0: ann holds 33 standing   => no: 32 at most
        s0: ann holds 32 standing   => hold 1 Active until 600: 32 standing, 640.00
        ",
    );
}
