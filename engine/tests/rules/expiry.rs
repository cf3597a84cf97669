//! Time that runs out: by the timer, by a command that meets it, late, and in the same instant.

use crate::common::check;

#[test]
fn a_command_that_meets_a_hold_past_its_end_first_ends_it() {
    let rows = [
        ("hold", "@600 ben holds A1 => hold 2 Active until 1200: A1, 50.00; expired 1"),
        (
            "hold of several",
            "@600 ben holds A1 A2 B1 => hold 2 Active until 1200: A1 A2 B1, 130.00; expired 1",
        ),
        ("counter", "@600 counter ben A2 => order 2 Ticketed; expired 1"),
        (
            "order",
            "@600 ann orders 1 => no: hold expired; expired 1\nann orders 1 => no: hold expired",
        ),
        ("release", "@600 release 1 => no: hold expired; expired 1\nrelease 1 => no: hold expired"),
        ("key", "@600 ann orders 1 key k => no: hold expired; expired 1"),
        ("who is not its buyer", "@600 ben orders 1 => no: not yours"),
        (
            "just in time",
            "@599 ben holds A1 => no: taken: A1 Held\nann orders 1 => order 1 PendingPay by 1499",
        ),
    ];
    for (name, row) in rows {
        check(name, &format!("ann holds A1 A2\n{row}"));
    }
    let rows = [
        ("hold", "@900 ben holds A1 => hold 2 Active until 1500: A1, 50.00; expired 1"),
        (
            "pay",
            "@900 pay 1 as p1 => no: order expired; expired 1\npay 1 as p1 => no: order expired",
        ),
        ("cancel", "@900 cancel 1 => no: order expired; expired 1\ncancel 1 => no: order expired"),
        ("just in time", "@899 pay 1 as p1 => p1 Started for order 1 Paying by 1199"),
        (
            "the order keeps what the hold would have lost",
            "@600 expire 1 => again: done\n? seat A1 => Held",
        ),
    ];
    for (name, row) in rows {
        check(name, &format!("ann holds A1 A2\nann orders 1\n{row}"));
    }
    check(
        "several overdue holds at once, a free seat and a taken one",
        "
        ann holds A1 A2
        ann holds A3
        @1 cid holds B1
        @600 ben holds A1 A3 B1 => no: taken: B1 Held
        # It was refused for the seat of another: nothing was ended for it.
        ? hold 1                => hold 1 Active until 600: A1 A2, 100.00
        @601 ben holds A1 A3 B1 => hold 4 Active until 1201: A1 A3 B1, 130.00; expired 1 2 3
        ? seat A2               => Available
        ",
    );
}

#[test]
fn expiry_and_confirmation_in_the_same_instant_have_one_winner() {
    check(
        "the order was first",
        "
        ann holds A1
        @599 ann orders 1
        @600 expire 1           => again: done
        ? order 1               => order 1 PendingPay by 1499
        ? seat A1               => Held
        ",
    );
    check(
        "the expiry was first",
        "
        ann holds A1
        @600 expire 1           => done; expired 1
        @600 ann orders 1       => no: hold expired
        ? seat A1               => Available
        ",
    );
    check(
        "an order in the instant of the end comes too late",
        "
        ann holds A1
        @600 ann orders 1       => no: hold expired; expired 1
        @600 expire 1           => again: done
        ",
    );
    check(
        "a clock that goes back does not bring a hold back",
        "
        ann holds A1
        @600 expire 1
        @10 ann orders 1        => no: hold expired
        @20 ben holds A1        => hold 2 Active until 1200: A1, 50.00
        @0 expire 2             => again: done
        ",
    );
}

#[test]
fn a_timer_may_come_late_early_or_twice() {
    check(
        "timers",
        "
        ann holds A1
        ann holds A2
        ann holds A3
        ann holds A4
        ann holds A5
        ann orders 2
        release 3
        ann orders 4
        success p1 of 4 50.00
        @599 expire 1 2 3 4 5 99 0  => again: done
        # Named twice by two timers, it ends once.
        @600 expire 1 2 1 3 4 5 1   => done; expired 1 5
        expire 1 5                  => again: done
        @900 expire 5 2 2 4         => done; expired 2
        ? counts                    => 15 free, 0 held, 1 sold, 0 blocked
        ? hold 1                    => hold 1 Expired until 600: A1, 50.00
        ? order 2                   => order 2 Expired
        ",
    );
    check(
        "stock",
        "
        s0: ann holds 3 standing
        s0: ben holds 2 standing
        s0: ben orders 2
        @900 s0: expire 1 2         => done; expired 1 2
        s0: ? counts                => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
}

#[test]
fn ended_holds_are_forgotten_after_fifteen_minutes() {
    check(
        "expired",
        "
        ann holds A1
        ann holds A2
        @600 expire 1
        release 2               => no: hold expired; expired 2
        @1499 ben holds B1
        ? hold 1                => hold 1 Expired until 600: A1, 50.00
        ann orders 1            => no: hold expired
        @1500 ben holds B2
        ? hold 1                => no hold 1
        # What was given out once is gone; what never was is unknown.
        ann orders 1            => no: hold expired
        release 1               => no: hold expired
        ann orders 77           => no: unknown hold
        release 77              => no: unknown hold
        ",
    );
    check(
        "released, and an order never",
        "
        ann holds A1
        ann holds A2
        ann orders 2
        @100 release 1
        @1000 ben holds B1
        ? hold 1                => no hold 1
        release 1               => no: hold expired
        ? order 2               => order 2 PendingPay by 900
        expire 2
        @90000 ben holds B2
        ? order 2               => order 2 Expired
        ",
    );
}

#[test]
fn an_operator_may_give_more_time() {
    check(
        "holds and unpaid orders",
        "
        ann holds A1
        ben holds A2
        ben orders 2
        cid holds A3
        cid orders 3
        pay 3 as p1
        dan holds A4
        release 4
        eve holds A5
        eve orders 5
        cancel 5
        extend 60               => done
        ? hold 1                => hold 1 Active until 660: A1, 50.00
        ? order 2               => order 2 PendingPay by 960
        ? order 3               => order 3 Paying by 960, p1 Started
        ? hold 4                => hold 4 Released until 0: A4, 50.00
        ? order 5               => order 5 Cancelled
        @659 expire 1 2 3       => again: done
        @660 expire 1 2 3       => done; expired 1
        @960 expire 1 2 3       => done; expired 2 3
        ",
    );
    check(
        "one that ran out while nobody could act lives on; one that was ended does not",
        "
        ann holds A1
        ben holds A2
        @700 release 2          => no: hold expired; expired 2
        @700 extend 600
        ann orders 1            => order 1 PendingPay by 1600
        ben orders 2            => no: hold expired
        ",
    );
    check(
        "for ever is not longer than time",
        "
        ann holds A1
        extend 18446744073709551
        extend 18446744073709551
        @900000 ann orders 1
        ? seat A1               => Held
        ",
    );
}
