//! Holds of a show whose waiting room is on: each needs a pass, and each pass is good for one.

use crate::common::check;

#[test]
fn a_pass_is_good_for_one_hold_until_its_end() {
    check(
        "passes",
        "
        ann holds A1                    => hold 1 Active until 600: A1, 50.00
        require passes                  => done
        require passes                  => again: done
        ann holds A2                    => no: PassRequired
        ann holds A1 pass 1/150         => no: taken: A1 Held
        ann holds A2 pass 1/150         => hold 2 Active until 600: A2, 50.00
        ann holds A3 pass 1/150         => no: PassUsed
        release 2
        ann holds A2 pass 1/150         => no: PassUsed
        @149 ben holds A2 pass 2/150    => hold 3 Active until 749: A2, 50.00
        @150 cid holds A3 pass 3/150    => no: PassExpired
        @150 ben holds A3 pass 2/150    => no: PassExpired
        @160 cid holds A3 pass 4/300    => hold 4 Active until 760: A3, 50.00
        waive passes                    => done
        dan holds A4                    => hold 5 Active until 760: A4, 50.00
        dan holds A5 pass 5/900         => hold 6 Active until 760: A5, 50.00
        require passes
        dan holds A6 pass 5/900         => hold 7 Active until 760: A6, 50.00
        ",
    );
}

#[test]
fn a_repeat_under_its_key_needs_no_second_pass() {
    check(
        "replay",
        "
        require passes
        ann holds A1 key k pass 1/150   => hold 1 Active until 600: A1, 50.00
        ann holds A1 key k pass 1/150   => again: hold 1 Active until 600: A1, 50.00
        @200 ann holds A1 key k pass 1/150 => again: hold 1 Active until 600: A1, 50.00
        ann holds A2 key l pass 1/150   => no: PassExpired
        ",
    );
}

#[test]
fn segments_hear_that_passes_are_required() {
    check(
        "stock",
        "
        require passes
        s0: ann holds 1 standing            => no: PassRequired
        s0: ann holds 1 standing pass 1/150 => hold 1 Active until 600: 1 standing, 20.00
        s0: ann holds 1 standing pass 1/150 => no: PassUsed
        s0: ben holds 5 standing pass 2/150 => parked: 1 short of 5
        s0: ben holds 4 standing pass 2/150 => hold 2 Active until 600: 4 standing, 80.00
        waive passes
        s1: cid holds 1 standing            => hold 1 Active until 600: 1 standing, 20.00
        ",
    );
}

#[test]
fn a_pass_is_checked_after_the_sale_and_before_limits() {
    check(
        "precedence",
        "
        require passes
        ann holds best 6 pass 1/150     => hold 1 Active until 600: B1 B2 B3 B4 B5 B6, 180.00
        ann holds A1                    => no: PassRequired
        ann holds A1 pass 2/150         => no: limit 6, has 6
        pause
        ann holds A1                    => no: sale Paused
        ",
    );
}
