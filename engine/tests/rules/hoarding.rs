//! Rules against people who take seats and do not buy them, where a show has them.

use crate::common::check;

#[test]
fn a_show_may_bound_the_holds_of_one_buyer() {
    check(
        "holds at once",
        "
        ann holds A1
        ann holds A2
        ann holds A3
        change hoarding holds 2         => done
        ann holds A4                    => no: 2 holds at most
        release 3
        ann holds A4                    => no: 2 holds at most
        release 2
        ann holds A4 key k              => hold 4 Active until 600: A4, 50.00
        # A repeat is a repeat, whatever the rules say.
        ann holds A4 key k              => again: hold 4 Active until 600: A4, 50.00
        # An unpaid order counts, a paid one does not.
        ann orders 1
        ann holds A5                    => no: 2 holds at most
        pay 1 as p1
        success p1 of 1 50.00
        ann holds A5                    => hold 5 Active until 600: A5, 50.00
        ben holds B1                    => hold 6 Active until 600: B1, 30.00
        change hoarding                 => done
        ann holds A6                    => hold 7 Active until 600: A6, 50.00
        ",
    );
}

#[test]
fn who_lets_holds_run_out_has_to_wait_ever_longer() {
    check(
        "pauses double",
        "
        change hoarding pause 2 30 100
        ann holds A1 for 10
        @10 expire 1
        ann holds A1 for 10             => hold 2 Active until 20: A1, 50.00
        @20 expire 2
        ann holds A1 for 10             => no: pause until 50
        ben holds A2 for 10             => hold 3 Active until 30: A2, 50.00
        @49 ann holds A1 for 10         => no: pause until 50
        @50 ann holds A1 for 10         => hold 4 Active until 60: A1, 50.00
        @60 expire 4
        ann holds A1 for 10             => no: pause until 120
        @120 ann holds A1 for 10        => hold 5 Active until 130: A1, 50.00
        @130 expire 5
        ann holds A1                    => no: pause until 230
        # What the organiser says now goes for pauses that are under way.
        change hoarding pause 2 10 20
        ann holds A1                    => no: pause until 150
        change hoarding pause 9 10 20
        ann holds A1 for 10             => hold 6 Active until 140: A1, 50.00
        ",
    );
    check(
        "giving back is no lapse, an unpaid order is one, and buying makes good",
        "
        change hoarding pause 1 1000 1000
        ann holds A1
        release 1
        ann holds A1 for 10
        ann orders 2 within 60
        @60 expire 2
        ann holds A2                    => no: pause until 1060
        ben holds B1
        ben orders 3
        ben holds B2 for 10
        @70 expire 4
        ben holds B3                    => no: pause until 1070
        pay 3 as p1
        success p1 of 3 30.00
        ben holds B3                    => hold 5 Active until 670: B3, 30.00
        ann holds A2                    => no: pause until 1060
        ",
    );
    check(
        "lapses are forgotten after a day, or with the rule",
        "
        change hoarding pause 2 30 100
        ann holds A1 for 10
        @10 expire 1
        @86410 ann holds A1 for 10
        @86420 expire 2
        ann holds A1 for 10             => hold 3 Active until 86430: A1, 50.00
        @86430 expire 3
        ann holds A1                    => no: pause until 86460
        change hoarding
        change hoarding pause 1 30 100
        ann holds A1                    => hold 4 Active until 87030: A1, 50.00
        ",
    );
}

#[test]
fn new_accounts_share_a_part_of_the_show() {
    // The hall has 16 seats, so 20 percent are 3.
    check(
        "a share",
        "
        change hoarding new 600 20
        ann holds A1 A2 account -10     => hold 1 Active until 600: A1 A2, 100.00
        ben holds A3 A4 account -10     => no: new accounts have 3 at most
        ben holds A3 account -10        => hold 2 Active until 600: A3, 50.00
        cid holds A4 account -590 key k => no: new accounts have 3 at most
        # Old enough, or nobody knows.
        cid holds A4 account -600 key k => hold 3 Active until 600: A4, 50.00
        dan holds A5                    => hold 4 Active until 600: A5, 50.00
        # An unpaid order still counts, a paid one does not; nor does what was given back.
        ann orders 1
        eve holds A6 account 0          => no: new accounts have 3 at most
        pay 1 as p1
        success p1 of 1 100.00
        eve holds A6 B1 account 0 key e => hold 5 Active until 600: A6 B1, 80.00
        eve holds A6 B1 account 0 key e => again: hold 5 Active until 600: A6 B1, 80.00
        release 2
        fay holds A3 account 0          => hold 6 Active until 600: A3, 50.00
        gus holds B2 account 0          => no: new accounts have 3 at most
        @600 expire 5 6
        gus holds B2 account 1          => hold 7 Active until 1200: B2, 30.00
        ",
    );
    check(
        "strangers",
        "
        change hoarding new 600 1 strangers
        ann holds A1                    => hold 1 Active until 600: A1, 50.00
        ben holds A2                    => no: new accounts have 1 at most
        ben holds A2 account -600       => hold 2 Active until 600: A2, 50.00
        counter office A3               => order 3 Ticketed
        ",
    );
    check(
        "a segment has a share of its own",
        "
        change hoarding new 600 40
        s0: ann holds 2 standing account 0  => hold 1 Active until 600: 2 standing, 40.00
        s0: ben holds 1 standing account 0  => no: new accounts have 2 at most
        s1: ben holds 2 standing account 0  => hold 1 Active until 600: 2 standing, 40.00
        ",
    );
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    check(
        "bounds",
        "
        change hoarding holds 17        => no: a buyer may have 1 to 16 holds at once
        change hoarding pause 0 1 1     => no: a pause follows a lapse, and takes at most 24 hours
        change hoarding new 1 101       => no: new accounts are of an age, and have 1 to 100 percent
        ",
    );
}
