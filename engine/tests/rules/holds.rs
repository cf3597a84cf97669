//! Taking seats and tickets, and giving them back.

use crate::common::check;

#[test]
fn exact_seats_are_held_all_or_none() {
    check(
        "exact seats",
        "
        ann holds A1 A2         => hold 1 Active until 600: A1 A2, 100.00
        ben holds A2 A3         => no: taken: A2 Held
        ? seat A3               => Available
        ben holds A3 B1         => hold 2 Active until 600: A3 B1, 80.00
        cid holds C1 B1 A1      => no: taken: B1 Held, A1 Held
        ? counts                => 12 free, 4 held, 0 sold, 0 blocked
        ",
    );
    check(
        "each way in which a seat is not free is named",
        "
        show: draft
        on sale A1 A2 A3
        open
        ann holds A1
        counter ben A2
        cid holds A1 A2 A3 B1   => no: taken: A1 Held, A2 Sold, B1 Blocked
        ? seat A3               => Available
        ",
    );
}

#[test]
fn what_makes_no_request_is_refused() {
    check(
        "form",
        "
        ann holds                       => no: nothing asked
        ann holds best 0                => no: nothing asked
        s0: ann holds 0 standing        => no: nothing asked
        ann holds best 33               => no: 32 at most
        s0: ann holds 4294967295 standing => no: 32 at most
        ann holds A1 A2 A1              => no: A1 twice
        ann holds A1 Z9                 => no: unknown seat
        ann holds best 1 in gold        => no: unknown seat
        ann holds best 1 section pit    => no: unknown seat
        ann holds 1 standing            => no: wrong kind
        s0: ann holds A1                => no: wrong kind
        s0: ann holds best 1            => no: wrong kind
        ? counts                        => 16 free, 0 held, 0 sold, 0 blocked
        ",
    );
}

#[test]
fn the_best_seats_are_found() {
    // A ppp ppp, B ssssss, C ssss: two in row A would leave a seat alone, so row B is better.
    check("no orphans", "ann holds best 2 => hold 1 Active until 600: B3 B4, 60.00");
    check(
        "an orphan is better than nothing",
        "ann holds best 2 in premium => hold 1 Active until 600: A2 A3, 100.00",
    );
    check("best row first", "ann holds best 3 => hold 1 Active until 600: A1 A2 A3, 150.00");
    check("section", "ann holds best 2 section balcony => hold 1 Active until 600: C1 C2, 60.00");
    check(
        "side by side, or not at all",
        "
        ann holds best 4 in premium adjacent => no: sold out, 6 free
        ann holds best 4 in premium          => hold 1 Active until 600: A2 A3 A4 A5, 200.00
        ann holds best 3 in premium          => no: limit 6, has 4
        ben holds best 3 in premium          => no: sold out, 2 free
        ben holds best 2 in premium          => hold 2 Active until 600: A1 A6, 100.00
        ",
    );
    check(
        "until the last seat",
        "
        ann holds best 6   => hold 1 Active until 600: B1 B2 B3 B4 B5 B6, 180.00
        ben holds best 6   => hold 2 Active until 600: A1 A2 A3 A4 A5 A6, 300.00
        cid holds best 5   => no: sold out, 4 free
        cid holds best 4   => hold 3 Active until 600: C1 C2 C3 C4, 120.00
        dan holds best 1   => no: sold out, 0 free
        ",
    );
}

#[test]
fn a_hold_lives_as_long_as_the_show_says_or_less() {
    check(
        "hold time",
        "
        @5 ann holds A1             => hold 1 Active until 605: A1, 50.00
        @5 ann holds A2 for 60      => hold 2 Active until 65: A2, 50.00
        @5 ann holds A3 for 9000    => hold 3 Active until 605: A3, 50.00
        ",
    );
}

#[test]
fn a_hold_is_given_back_once() {
    check(
        "release",
        "
        ann holds A1 A2
        @9 release 1        => hold 1 Released until 9: A1 A2, 100.00
        ? seat A1           => Available
        @10 release 1       => again: hold 1 Released until 9: A1 A2, 100.00
        ben holds A1        => hold 2 Active until 610: A1, 50.00
        release 1           => again: hold 1 Released until 9: A1 A2, 100.00
        ? seat A1           => Held
        release 0           => no: unknown hold
        release 3           => no: unknown hold
        ben orders 2
        release 2           => no: hold Confirmed
        ? seat A1           => Held
        ",
    );
}

#[test]
fn standing_tickets_are_held_from_their_segment() {
    check(
        "stock",
        "
        s0: ann holds 2 standing    => hold 1 Active until 600: 2 standing, 40.00
        s0: ben holds 4 standing    => parked: 1 short of 4
        s0: ? counts                => 3 free, 2 held, 0 sold, 0 blocked, 0 lent, 0 received
        s0: ben holds 3 standing    => hold 2 Active until 600: 3 standing, 60.00
        s0: cid holds 1 standing    => parked: 1 short of 1
        s0: release 1               => hold 1 Released until 0: 2 standing, 40.00
        s0: cid holds 1 standing    => hold 3 Active until 600: 1 standing, 20.00
        s1: ? counts                => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
}
