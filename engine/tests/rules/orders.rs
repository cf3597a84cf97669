//! Orders before and after the money: placing, paying, cancelling, the counter, taking back.

use crate::common::check;

#[test]
fn a_hold_becomes_an_order_of_its_buyer() {
    check(
        "order",
        "
        ann holds A1 A2
        ben orders 1            => no: not yours
        ann orders 7            => no: unknown hold
        @30 ann orders 1        => order 1 PendingPay by 930
        ? hold 1                => hold 1 Confirmed until 600: A1 A2, 100.00
        ann orders 1            => no: hold Confirmed
        ? seat A1               => Held
        ann holds A3
        release 2
        ann orders 2            => no: hold Released
        ",
    );
    check(
        "an order never ends before the hold would have",
        "
        ann holds A1
        ann orders 1 within 60  => order 1 PendingPay by 600
        ",
    );
}

#[test]
fn paying_extends_the_time_to_pay_once() {
    check(
        "late start",
        "
        ann holds A1
        ann orders 1
        @800 pay 1 as p1        => p1 Started for order 1 Paying by 1100
        failed p1 of 1 50.00    => order 1 PendingPay by 1100, p1 Failed
        @1000 pay 1 as p2       => p2 Started for order 1 Paying by 1100
        @1100 pay 1 as p3       => no: order expired; expired 1
        ",
    );
    check(
        "an early start uses the extension up",
        "
        ann holds A1
        ann orders 1
        @10 pay 1 as p1         => p1 Started for order 1 Paying by 900
        failed p1 of 1 50.00
        @890 pay 1 as p2        => p2 Started for order 1 Paying by 900
        ",
    );
}

#[test]
fn attempts_to_pay_are_bounded() {
    let mut script = "ann holds A1\nann orders 1\n".to_owned();
    for no in 1..=16 {
        script += &format!("pay 1 as p{no}\nfailed p{no} of 1 50.00\n");
    }
    script += "
        pay 1 as p17            => no: too many payments
        # Money is another matter: it is taken whatever came before.
        failed p17 of 1 50.00
        ";
    // The last line notes a payment that was never started; nothing changes.
    check("attempts", &script);
    let paid = script + "success p18 of 1 50.00\n? seat A1 => Sold\n";
    check("money still counts", &paid);
}

#[test]
fn an_unpaid_order_is_cancelled_once() {
    check(
        "cancel",
        "
        ann holds A1
        cancel 1                => no: unknown order
        ann orders 1
        cancel 1                => order 1 Cancelled
        ? seat A1               => Available
        cancel 1                => again: order 1 Cancelled
        cancel 9                => no: unknown order
        ",
    );
    check(
        "while paying",
        "
        ann holds A1
        ann orders 1
        pay 1 as p1
        cancel 1                => order 1 Cancelled, p1 Started
        ? counts                => 16 free, 0 held, 0 sold, 0 blocked
        ",
    );
}

/// Each state of an order against each command: an illegal move is refused and changes nothing.
#[test]
fn illegal_moves_are_refused() {
    const ORDERED: &str = "ann holds A1\nann orders 1\n";
    let states = [
        ("PendingPay", "", ["ok", "ok", "no: order PendingPay", "no: unknown ticket"]),
        ("Paying", "pay 1 as p1", ["again", "ok", "no: order Paying", "no: unknown ticket"]),
        (
            "Ticketed",
            "success p1 of 1 50.00",
            ["no: order Ticketed", "no: order Ticketed", "ok", "ok"],
        ),
        (
            "Cancelled",
            "cancel 1",
            ["no: order Cancelled", "again", "no: order Cancelled", "no: unknown ticket"],
        ),
        (
            "Expired",
            "@900 expire 1",
            ["no: order expired", "no: order expired", "no: order Expired", "no: unknown ticket"],
        ),
        (
            "RefundPending",
            "success p1 of 1 50.00\ntake back 1",
            ["no: order RefundPending", "no: order RefundPending", "again", "no: revoked"],
        ),
        (
            "Refunded",
            "success p1 of 1 50.00\ntake back 1\nreturned p1 of 1",
            ["no: order Refunded", "no: order Refunded", "again", "no: revoked, refunded"],
        ),
    ];
    for (state, setup, expected) in states {
        for (command, expected) in
            ["pay 1 as p2", "cancel 1", "take back 1", "enter 1/0"].into_iter().zip(expected)
        {
            let mut stage = crate::common::Stage::new(&crate::common::Setting::default());
            for line in ORDERED.lines().chain(setup.lines()) {
                stage.play(line);
            }
            let before = stage.play("? order 1");
            assert!(before.starts_with(&format!("order 1 {state}")), "{state}: {before}");
            let got = stage.play(command);
            let fits = match expected {
                "ok" => !got.starts_with("no:") && !got.starts_with("again:"),
                "again" => got.starts_with("again:"),
                refusal => got == refusal,
            };
            assert!(fits, "{command} when {state}: expected {expected}, got {got}");
            if expected != "ok" {
                assert_eq!(stage.play("? order 1"), before, "{command} when {state}");
            }
            // In no state can it be held, ordered or released again.
            assert_eq!(stage.play("ann orders 1"), "no: hold Confirmed");
            assert_eq!(stage.play("release 1"), "no: hold Confirmed");
        }
    }
}

#[test]
fn the_counter_sells_at_once() {
    check(
        "counter",
        "
        counter ann A1 A2           => order 1 Ticketed
        ? hold 1                    => hold 1 Confirmed until 0: A1 A2, 100.00
        ? seat A1                   => Sold
        enter 1/1                   => ticket 1/1 admitted
        counter ben A2 A3           => no: taken: A2 Sold
        counter ben A3 A3           => no: A3 twice
        counter ben                 => no: nothing asked
        counter ben best 3          => order 2 Ticketed
        s0: counter ann 6 standing  => parked: 1 short of 6
        s0: counter ann 5 standing  => order 1 Ticketed
        s0: ? counts                => 0 free, 0 held, 5 sold, 0 blocked, 0 lent, 0 received
        ",
    );
    check(
        "before, during and after the public sale, but only what is on sale",
        "
        show: draft ends=100
        on sale A1 A2 A3
        counter ann A1              => order 1 Ticketed
        counter ann B1              => no: taken: B1 Blocked
        open
        pause
        counter ann A2              => order 2 Ticketed
        @200 counter ann A3         => order 3 Ticketed
        ",
    );
}

#[test]
fn a_sold_order_is_taken_back_once_and_its_money_is_due() {
    check(
        "paid at a provider",
        "
        ann holds A1 A2
        ann orders 1
        pay 1 as p1
        success p1 of 1 100.00
        take back 1     => order 1 RefundPending, p1 TakenBack due 100.00; give back p1 of 1 100.00
        ? seat A1       => Available
        ? unfinished    => give back p1 of 1 100.00
        take back 1     => again: order 1 RefundPending, p1 TakenBack due 100.00
        ben holds A1    => hold 2 Active until 600: A1, 50.00
        returned p1 of 1 => order 1 Refunded, p1 TakenBack returned 100.00
        ? unfinished    =>
        take back 1     => again: order 1 Refunded, p1 TakenBack returned 100.00
        take back 7     => no: unknown order
        take back 2     => no: unknown order
        ",
    );
    check(
        "cash goes back over the counter",
        "
        counter ann A1
        take back 1     => order 1 Refunded
        ? seat A1       => Available
        ",
    );
    check(
        "cash goes back, but what else came is still due",
        "
        counter ann A1
        success p1 of 1 50.00 => order 1 Ticketed, p1 Surplus due 50.00; give back p1 of 1 50.00
        take back 1     => order 1 RefundPending, p1 Surplus due 50.00
        returned p1 of 1 => order 1 Refunded, p1 Surplus returned 50.00
        ",
    );
    check(
        "stock",
        "
        s0: counter ann 5 standing
        s0: take back 1 => order 1 Refunded
        s0: ? counts    => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
}
