//! Letting people in, each ticket once.

use crate::common::check;

#[test]
fn each_ticket_lets_one_person_in() {
    check(
        "enter",
        "
        counter ann A1 A2
        @30 enter 1/0 gate north        => ticket 1/0 admitted
        @40 enter 1/0 gate south        => no: used at 30 at north
        @40 enter 1/1 gate south        => ticket 1/1 admitted
        @50 enter 1/1 gate north        => no: used at 40 at south
        s0: counter ann 2 standing
        s0: enter 1/1                   => ticket 1/1 admitted
        s0: enter 1/1                   => no: used at 50 at north
        s0: enter 1/0                   => ticket 1/0 admitted
        ",
    );
}

#[test]
fn a_gate_may_repeat_a_scan_whose_answer_was_lost() {
    check(
        "named scans",
        "
        counter ann A1 A2
        @30 enter 1/0 scan 7            => ticket 1/0 admitted
        @31 enter 1/0 scan 7            => again: ticket 1/0 admitted
        @32 enter 1/0 scan 8            => no: used at 30 at north
        @33 enter 1/0                   => no: used at 30 at north
        @34 enter 1/1                   => ticket 1/1 admitted
        # Without a name a repeat is a second person.
        @35 enter 1/1                   => no: used at 34 at north
        ",
    );
}

#[test]
fn a_gate_that_was_offline_says_when_it_was() {
    check(
        "scanned earlier, or by a clock that is ahead",
        "
        counter ann A1 A2
        @100 enter 1/0 at 60            => ticket 1/0 admitted
        @101 enter 1/0                  => no: used at 60 at north
        @102 enter 1/1 at 500           => ticket 1/1 admitted
        @103 enter 1/1                  => no: used at 102 at north
        ",
    );
}

#[test]
fn what_is_no_ticket_lets_nobody_in() {
    check(
        "unknown",
        "
        ann holds A1 A2
        enter 1/0                       => no: unknown ticket
        ann orders 1
        enter 1/0                       => no: unknown ticket
        success p1 of 1 100.00
        enter 1/0 forged                => no: unknown ticket
        enter 1/2                       => no: unknown ticket
        enter 1/255                     => no: unknown ticket
        enter 2/0                       => no: unknown ticket
        enter 0/0                       => no: unknown ticket
        enter 1/0                       => ticket 1/0 admitted
        # A forged code learns nothing about the real one.
        enter 1/0 forged                => no: unknown ticket
        ",
    );
    check(
        "taken back",
        "
        ann holds A1
        ann orders 1
        success p1 of 1 50.00
        take back 1
        enter 1/0                       => no: revoked
        enter 1/0 forged                => no: unknown ticket
        returned p1 of 1
        enter 1/0                       => no: revoked, refunded
        counter ben A1
        enter 2/0                       => ticket 2/0 admitted
        ",
    );
    check(
        "used, then taken back",
        "
        counter ann A1
        enter 1/0 scan 7
        take back 1
        enter 1/0 scan 7                => no: revoked, refunded
        ",
    );
}
