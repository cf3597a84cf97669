//! Every payment that may come: on time, late, wrong, twice, for nobody. In each row the money ends
//! as tickets or as a refund that is due, and stays due until it was made.

use usher_engine::command::{PaymentMessage, PaymentVerdict};
use usher_engine::id::PaymentRef;
use usher_engine::{Cents, Command, Effect, HoldNo, MachineId};

use crate::common::{Setting, Stage, Watched, check, moment};

/// Two seats, ordered, with a payment under way.
const PAYING: &str = "
    ann holds A1 A2
    ann orders 1
    pay 1 as p1
";

/// The same, not paid in time.
const EXPIRED: &str = "
    ann holds A1 A2
    ann orders 1
    pay 1 as p1
    @900 expire 1
";

const ON_TIME: &[(&str, &str)] = &[
    (
        "on time",
        "success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00
         ? seat A1              => Sold
         ? counts               => 14 free, 0 held, 2 sold, 0 blocked
         ? unfinished           =>",
    ),
    (
        "success without a payment that was started here",
        "success p7 of 1 100.00 => order 1 Ticketed, p1 Started, p7 Captured 100.00",
    ),
    (
        "failed is not final: another attempt",
        "failed p1 of 1 100.00  => order 1 PendingPay by 900, p1 Failed
         ? seat A1              => Held
         pay 1 as p2            => p2 Started for order 1 Paying by 900
         success p2 of 1 100.00 => order 1 Ticketed, p1 Failed, p2 Captured 100.00",
    ),
    (
        "success after failed",
        "failed p1 of 1 100.00
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00",
    ),
    (
        "failed after success",
        "success p1 of 1 100.00
         failed p1 of 1 100.00  => order 1 Ticketed, p1 Captured 100.00; noted as failed
         ? seat A1              => Sold",
    ),
    (
        "failed twice",
        "failed p1 of 1 100.00
         failed p1 of 1 100.00  => order 1 PendingPay by 900, p1 Failed; noted as failed",
    ),
    (
        "failed, of a payment never started here",
        "failed p7 of 1 100.00  => order 1 Paying by 900, p1 Started; noted as failed",
    ),
    (
        "second success of the same payment",
        "success p1 of 1 100.00
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00; noted
         success p1 of 1 90.00  => order 1 Ticketed, p1 Captured 100.00; noted
         ? unfinished           =>",
    ),
    (
        "second payment on a ticketed order",
        "success p1 of 1 100.00
         success p2 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00, p2 Surplus due 100.00; \
                                   give back p2 of 1 100.00
         ? unfinished           => give back p2 of 1 100.00
         returned p2 of 1       => order 1 Ticketed, p1 Captured 100.00, p2 Surplus returned 100.00
         ? seat A1              => Sold
         enter 1/0              => ticket 1/0 admitted",
    ),
    (
        "two payments, the first of which failed late",
        "failed p1 of 1 100.00
         pay 1 as p2
         success p2 of 1 100.00
         success p1 of 1 100.00 => order 1 Ticketed, p1 Surplus due 100.00, p2 Captured 100.00; \
                                   give back p1 of 1 100.00",
    ),
    (
        "too little",
        "success p1 of 1 99.99  => order 1 PendingPay by 900, p1 WrongAmount due 99.99; \
                                   give back p1 of 1 99.99
         ? seat A1              => Held
         ? unfinished           => give back p1 of 1 99.99
         pay 1 as p2
         success p2 of 1 100.00 => order 1 Ticketed, p1 WrongAmount due 99.99, p2 Captured 100.00
         returned p1 of 1       => order 1 Ticketed, p1 WrongAmount returned 99.99, \
                                   p2 Captured 100.00
         ? unfinished           =>",
    ),
    (
        "too much",
        "success p1 of 1 100.01 => order 1 PendingPay by 900, p1 WrongAmount due 100.01; \
                                   give back p1 of 1 100.01",
    ),
    (
        "nothing at all",
        "success p1 of 1 0.00   => order 1 PendingPay by 900, p1 WrongAmount due 0.00; \
                                   give back p1 of 1 0.00",
    ),
    (
        "wrong amount, then the same payment right: the first word counts",
        "success p1 of 1 50.00
         success p1 of 1 100.00 => order 1 PendingPay by 900, p1 WrongAmount due 50.00; noted
         failed p1 of 1 50.00   => order 1 PendingPay by 900, p1 WrongAmount due 50.00; \
                                   noted as failed",
    ),
    (
        "wrong amount on a ticketed order",
        "success p1 of 1 100.00
         success p2 of 1 1.00   => order 1 Ticketed, p1 Captured 100.00, p2 WrongAmount due 1.00; \
                                   give back p2 of 1 1.00",
    ),
    (
        "wrong amount while another payment is under way",
        "success p2 of 1 1.00   => order 1 Paying by 900, p1 Started, p2 WrongAmount due 1.00; \
                                   give back p2 of 1 1.00
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00, p2 WrongAmount due 1.00",
    ),
    (
        "for a cancelled order",
        "cancel 1
         success p1 of 1 100.00 => order 1 RefundPending, p1 Cancelled due 100.00; \
                                   give back p1 of 1 100.00
         ? seat A1              => Available
         returned p1 of 1       => order 1 Refunded, p1 Cancelled returned 100.00",
    ),
    (
        "failed for a cancelled order",
        "cancel 1
         failed p1 of 1 100.00  => order 1 Cancelled, p1 Failed",
    ),
    (
        "twice for a cancelled order, with a refund between",
        "cancel 1
         success p1 of 1 100.00
         returned p1 of 1
         success p2 of 1 100.00 => order 1 RefundPending, p1 Cancelled returned 100.00, \
                                   p2 Surplus due 100.00; give back p2 of 1 100.00
         returned p2 of 1       => order 1 Refunded, p1 Cancelled returned 100.00, \
                                   p2 Surplus returned 100.00",
    ),
    (
        "for an order that was taken back",
        "success p1 of 1 100.00
         take back 1
         success p2 of 1 100.00 => order 1 RefundPending, p1 TakenBack due 100.00, \
                                   p2 Surplus due 100.00; give back p2 of 1 100.00
         ? seat A1              => Available
         returned p1 of 1       => order 1 RefundPending, p1 TakenBack returned 100.00, \
                                   p2 Surplus due 100.00
         returned p2 of 1       => order 1 Refunded, p1 TakenBack returned 100.00, \
                                   p2 Surplus returned 100.00",
    ),
    (
        "a refund is made once",
        "cancel 1
         returned p1 of 1       => again: order 1 Cancelled, p1 Started
         success p1 of 1 100.00
         returned p2 of 1       => again: order 1 RefundPending, p1 Cancelled due 100.00
         returned p1 of 1       => order 1 Refunded, p1 Cancelled returned 100.00
         returned p1 of 1       => again: order 1 Refunded, p1 Cancelled returned 100.00
         success p1 of 1 100.00 => order 1 Refunded, p1 Cancelled returned 100.00; noted
         ? unfinished           =>",
    ),
    (
        "money that pays for tickets is not returned by a stray word",
        "success p1 of 1 100.00
         returned p1 of 1       => again: order 1 Ticketed, p1 Captured 100.00
         ? seat A1              => Sold",
    ),
];

const LATE: &[(&str, &str)] = &[
    (
        "late, the seats are free",
        "? seat A1              => Available
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00
         ? seat A1              => Sold
         ? counts               => 14 free, 0 held, 2 sold, 0 blocked
         enter 1/1              => ticket 1/1 admitted",
    ),
    (
        "late, one seat is gone: all or nothing",
        "ben holds A2
         success p1 of 1 100.00 => order 1 RefundPending, p1 TooLate due 100.00; \
                                   give back p1 of 1 100.00
         ? seat A1              => Available
         ? seat A2              => Held
         ? unfinished           => give back p1 of 1 100.00
         returned p1 of 1       => order 1 Refunded, p1 TooLate returned 100.00",
    ),
    (
        "late, the seats are sold",
        "counter ben A1
         success p1 of 1 100.00 => order 1 RefundPending, p1 TooLate due 100.00; \
                                   give back p1 of 1 100.00",
    ),
    (
        "late, and who has the seats now is late too",
        "ben holds A2 A3
         @1500 success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00; expired 2
         ? seat A2              => Sold
         ? seat A3              => Available
         ben orders 2           => no: hold expired",
    ),
    (
        "late, and an order that has the seats is late too",
        "ben holds A1
         cid holds A2
         ben orders 2
         @1800 success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00; expired 2 3
         # The money of the second comes later still, and its seat is gone.
         success p2 of 2 50.00  => order 2 RefundPending, p2 TooLate due 50.00; \
                                   give back p2 of 2 50.00",
    ),
    (
        "late, of two seats one free and one overdue",
        "ben holds A2
         @1500 success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00; expired 2",
    ),
    (
        "late, while the sale is paused",
        "pause
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00",
    ),
    (
        "late, after the sale was closed",
        "close
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00",
    ),
    (
        "late, by a buyer who is at the limit",
        "ann holds B1 B2 B3 B4 B5 B6
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00
         ann holds C1           => no: limit 6, has 8",
    ),
    (
        "late, at the price of then",
        "change prices 70.00 30.00
         success p1 of 1 140.00 => order 1 RefundPending, p1 WrongAmount due 140.00; \
                                   give back p1 of 1 140.00
         ? seat A1              => Available",
    ),
    (
        "late, and too little",
        "success p1 of 1 99.00  => order 1 RefundPending, p1 WrongAmount due 99.00; \
                                   give back p1 of 1 99.00
         ? seat A1              => Available",
    ),
    (
        "late, twice",
        "success p1 of 1 100.00
         success p2 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00, p2 Surplus due 100.00; \
                                   give back p2 of 1 100.00",
    ),
    (
        "late and gone, twice",
        "ben holds A1
         success p1 of 1 100.00
         success p1 of 1 100.00 => order 1 RefundPending, p1 TooLate due 100.00; noted
         success p2 of 1 100.00 => order 1 RefundPending, p1 TooLate due 100.00, \
                                   p2 Surplus due 100.00; give back p2 of 1 100.00",
    ),
    (
        "late failure",
        "failed p1 of 1 100.00  => order 1 Expired, p1 Failed
         success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00",
    ),
    (
        "late and long after",
        "@900000 success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00",
    ),
    (
        "a late order that was paid and taken back is not paid again",
        "success p1 of 1 100.00
         take back 1
         returned p1 of 1
         success p2 of 1 100.00 => order 1 RefundPending, p1 TakenBack returned 100.00, \
                                   p2 Surplus due 100.00; give back p2 of 1 100.00
         ? seat A1              => Available",
    ),
];

const OVERDUE: &[(&str, &str)] = &[
    (
        "in the very instant of the end",
        "@900 success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00
         expire 1               => again: done
         ? seat A1              => Sold",
    ),
    (
        "after the end, before the timer",
        "@2000 success p1 of 1 100.00 => order 1 Ticketed, p1 Captured 100.00
         expire 1               => again: done",
    ),
    (
        "failed after the end, before the timer",
        "@2000 failed p1 of 1 100.00 => order 1 PendingPay by 900, p1 Failed
         expire 1               => done; expired 1
         ? order 1              => order 1 Expired, p1 Failed",
    ),
    (
        "too little after the end, before the timer",
        "@2000 success p1 of 1 1.00 => order 1 PendingPay by 900, p1 WrongAmount due 1.00; \
                                   give back p1 of 1 1.00
         expire 1               => done; expired 1
         ? unfinished           => give back p1 of 1 1.00
         success p2 of 1 100.00 => order 1 Ticketed, p1 WrongAmount due 1.00, p2 Captured 100.00",
    ),
];

#[test]
fn money_on_time() {
    play_all(PAYING, ON_TIME);
}

#[test]
fn late_money() {
    play_all(EXPIRED, LATE);
}

#[test]
fn money_in_the_instant_of_expiry() {
    play_all(PAYING, OVERDUE);
}

#[track_caller]
fn play_all(setup: &str, rows: &[(&str, &str)]) {
    for (name, row) in rows {
        check(name, &format!("{setup}\n{row}"));
    }
}

#[test]
fn money_for_no_order_is_due_back() {
    check(
        "unknown order",
        "
        success p9 of 9 50.00   => no order, p9 NoOrder due 50.00; give back p9 of 0 50.00
        success p9 of 9 50.00   => no order, p9 NoOrder due 50.00; noted
        ? unfinished            => give back p9 of 0 50.00
        returned p9 of 0        => no order, p9 NoOrder returned 50.00
        returned p9 of 0        => again: no order, p9 NoOrder returned 50.00
        success p9 of 9 50.00   => no order, p9 NoOrder returned 50.00; noted
        failed p8 of 9 50.00    => no order, p9 NoOrder returned 50.00; noted as failed
        ? unfinished            =>
        ",
    );
    check(
        "a provider that returns it under the name that it came with",
        "
        success p9 of 9 50.00
        returned p9 of 9        => no order, p9 NoOrder returned 50.00
        returned p9 of 9        => again: no order, p9 NoOrder returned 50.00
        ? unfinished            =>
        ",
    );
    check(
        "a hold that is no order yet",
        "
        ann holds A1
        success p1 of 1 50.00   => no order, p1 NoOrder due 50.00; give back p1 of 0 50.00
        ? seat A1               => Held
        ann orders 1
        # The same money again: it is on its way back and buys nothing.
        success p1 of 1 50.00   => order 1 PendingPay by 900; noted
        returned p1 of 1        => no order, p1 NoOrder returned 50.00
        success p2 of 1 50.00   => order 1 Ticketed, p2 Captured 50.00
        ",
    );
    check(
        "a hold that ended and was forgotten",
        "
        ann holds A1
        @600 expire 1
        @1500 ben holds B1
        success p1 of 1 50.00   => no order, p1 NoOrder due 50.00; give back p1 of 0 50.00
        ? seat A1               => Available
        ",
    );
}

#[test]
fn money_is_recorded_even_where_there_is_no_show() {
    let mut strays = Watched::new(MachineId::STRAYS, 1);
    let message = |name: &str, verdict| {
        Command::PaymentMessage(PaymentMessage {
            order: HoldNo(7),
            reference: name.into(),
            verdict,
            amount: Cents(12_34),
            nonces: Stage::new(&Setting::default()).nonces(),
            stock_settled: false,
        })
    };
    let reference: PaymentRef = "p1".into();
    let due =
        Effect::Refund { order: HoldNo(0), reference: reference.clone(), amount: Cents(12_34) };
    let first = strays.run(&message("p1", PaymentVerdict::Success), moment(0));
    assert_eq!(first.effects, std::slice::from_ref(&due));
    let second = strays.run(&message("p1", PaymentVerdict::Success), moment(1));
    assert_eq!(second.effects, []);
    strays.run(&message("p2", PaymentVerdict::Failed), moment(2));
    assert_eq!(strays.live.unfinished(), [due]);
    strays.run(&Command::RefundMade { order: HoldNo(0), reference }, moment(3));
    assert_eq!(strays.live.unfinished(), []);
    assert_eq!(strays.live.version(), 4, "each message is one record");
}

#[test]
fn late_money_for_standing_tickets() {
    const EXPIRED: &str = "
        s0: ann holds 4 standing
        s0: ann orders 1
        @900 s0: expire 1
    ";
    let rows = [
        (
            "enough here",
            "s0: ben holds 1 standing
             s0: success p1 of 1 80.00 => order 1 Ticketed, p1 Captured 80.00
             s0: ? counts => 0 free, 1 held, 4 sold, 0 blocked, 0 lent, 0 received",
        ),
        (
            "not enough here, perhaps elsewhere: nothing is decided yet",
            "s0: ben holds 3 standing
             s0: success p1 of 1 80.00 => parked: 2 short of 4
             s0: ? order 1             => order 1 Expired
             s0: receive 2 from 1 as 1
             s0: success p1 of 1 80.00 => order 1 Ticketed, p1 Captured 80.00",
        ),
        (
            "looked for everywhere, and enough came",
            "s0: success p1 of 1 80.00 settled => order 1 Ticketed, p1 Captured 80.00",
        ),
        (
            "looked for everywhere in vain",
            "s0: ben holds 2 standing
             s0: success p1 of 1 80.00 settled => order 1 RefundPending, p1 TooLate due 80.00; \
                                                  give back p1 of 1 80.00
             s0: ? counts => 3 free, 2 held, 0 sold, 0 blocked, 0 lent, 0 received",
        ),
        (
            "a wrong amount needs no stock",
            "s0: ben holds 5 standing
             s0: success p1 of 1 79.00 => order 1 RefundPending, p1 WrongAmount due 79.00; \
                                          give back p1 of 1 79.00",
        ),
        (
            "a failure needs no stock",
            "s0: ben holds 5 standing
             s0: failed p1 of 1 80.00  => order 1 Expired; noted as failed",
        ),
    ];
    play_all(EXPIRED, &rows);
    check(
        "on time, the tickets are kept whatever else is short",
        "
        s0: ann holds 4 standing
        s0: ann orders 1
        s0: ben holds 1 standing
        s0: success p1 of 1 80.00 => order 1 Ticketed, p1 Captured 80.00
        ",
    );
}
