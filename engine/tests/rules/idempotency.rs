//! Repeats are harmless: the same key gives the same answer, whatever happened meanwhile.

use usher_engine::command::{KeyUse, OrderRequest, PaymentStart};
use usher_engine::{Command, HoldNo, Outcome, Refusal};

use crate::common::{Setting, Stage, buyer, check};

#[test]
fn a_hold_is_placed_once_per_key() {
    check(
        "hold",
        "
        ann holds A1 key k          => hold 1 Active until 600: A1, 50.00
        @9 ann holds A1 key k       => again: hold 1 Active until 600: A1, 50.00
        ann holds A2 key k          => no: key reused
        ann holds A1 key l          => no: taken: A1 Held
        ben holds A2 key k          => hold 2 Active until 609: A2, 50.00
        ann orders 1
        ann holds A1 key k          => again: hold 1 Confirmed until 600: A1, 50.00
        ",
    );
    check(
        "a repeat is answered whatever the sale and the limit say by then",
        "
        show: limit=2
        ann holds A1 A2 key k
        pause
        ann holds A1 A2 key k       => again: hold 1 Active until 600: A1 A2, 100.00
        ann holds A1 key k          => no: key reused
        ",
    );
    check(
        "stock",
        "
        s0: ann holds 5 standing key k
        s0: ann holds 5 standing key k  => again: hold 1 Active until 600: 5 standing, 100.00
        s0: ann holds 6 standing key k  => no: key reused
        ",
    );
    check(
        "best-available",
        "
        ann holds best 2 key k      => hold 1 Active until 600: B3 B4, 60.00
        ann holds best 2 key k      => again: hold 1 Active until 600: B3 B4, 60.00
        ",
    );
}

#[test]
fn only_what_was_accepted_is_remembered() {
    check(
        "a refused request may be tried again, even with another body",
        "
        ben holds A1
        ann holds A1 key k          => no: taken: A1 Held
        release 1
        ann holds A1 key k          => hold 2 Active until 600: A1, 50.00
        s0: ann holds 6 standing key k  => parked: 1 short of 6
        s0: ann holds 5 standing key k  => hold 1 Active until 600: 5 standing, 100.00
        ",
    );
}

#[test]
fn keys_of_different_operations_are_different_keys() {
    check(
        "one key for everything",
        "
        ann holds A1 key k          => hold 1 Active until 600: A1, 50.00
        ann orders 1 key k          => order 1 PendingPay by 900
        pay 1 as p1 key k           => p1 Started for order 1 Paying by 900
        counter ann B1 key k        => order 2 Ticketed
        ann holds A1 key k          => again: hold 1 Confirmed until 600: A1, 50.00
        ann orders 1 key k          => again: order 1 Paying by 900, p1 Started
        pay 1 as p2 key k           => again: p1 Started for order 1 Paying by 900
        counter ann B1 key k        => again: order 2 Ticketed
        counter ann B2 key k        => no: key reused
        ",
    );
}

#[test]
fn an_order_is_placed_once_per_key() {
    check(
        "order",
        "
        ann holds A1
        ann holds A2
        ann orders 1 key k          => order 1 PendingPay by 900
        ann orders 1 key k          => again: order 1 PendingPay by 900
        ann orders 1 within 50 key k => no: key reused
        ann orders 2 key k          => no: key reused
        ann orders 1 key l          => no: hold Confirmed
        cancel 1
        ann orders 1 key k          => again: order 1 Cancelled
        ben orders 2 key k          => no: not yours
        ",
    );
}

#[test]
fn a_payment_is_started_once_per_key_and_joined_by_others() {
    check(
        "pay",
        "
        ann holds A1
        ann orders 1
        pay 1 as p1 key k           => p1 Started for order 1 Paying by 900
        pay 1 as p2 key k           => again: p1 Started for order 1 Paying by 900
        # Another press of the button joins the payment under way, and is remembered.
        pay 1 as p2 key l           => p1 Started for order 1 Paying by 900
        pay 1 as p2                 => again: p1 Started for order 1 Paying by 900
        failed p1 of 1 50.00
        pay 1 as p2 key k           => again: p1 Failed for order 1 PendingPay by 900
        pay 1 as p2 key l           => again: p1 Failed for order 1 PendingPay by 900
        pay 1 as p2 key m           => p2 Started for order 1 Paying by 900
        success p2 of 1 50.00
        pay 1 as p3 key m           => again: p2 Captured 50.00 for order 1 Ticketed
        pay 1 as p3 key n           => no: order Ticketed
        ",
    );
}

/// The digest says nothing of a subject that is in the path rather than in the body.
#[test]
fn the_subject_is_part_of_the_request() {
    let mut stage = Stage::new(&Setting::default());
    for line in ["ann holds A1", "ann holds A2", "ann holds A3", "ann orders 1", "ann orders 2"] {
        stage.play(line);
    }
    let key = Some(KeyUse { key: 1, digest: 1 });
    let pay = |order, name: &str| {
        Command::StartPayment(PaymentStart {
            order: HoldNo(order),
            reference: name.into(),
            extension_ms: 0,
            key,
        })
    };
    stage.must(&pay(1, "p1"));
    let other = stage.run(None, &pay(2, "p2"));
    assert_eq!(other.outcome, Outcome::Refused(Refusal::KeyReused));

    let order = |hold| {
        Command::Order(OrderRequest {
            hold: HoldNo(hold),
            buyer: buyer("ben"),
            pay_ms: 1,
            contact: Box::default(),
            documents: Vec::new(),
            key: Some(KeyUse { key: 2, digest: 2 }),
        })
    };
    stage.play("ben holds B1");
    stage.play("ben holds B2");
    stage.must(&order(4));
    let other = stage.run(None, &order(5));
    assert_eq!(other.outcome, Outcome::Refused(Refusal::KeyReused));
    assert_eq!(stage.play("? hold 5"), "hold 5 Active until 600: B2, 30.00");
}

#[test]
fn the_key_of_a_hold_lives_until_fifteen_minutes_after_its_end() {
    let rows = [
        ("released", "@100 release 1", 100),
        ("expired", "@700 expire 1", 700),
        ("ordered", "@100 ann orders 1 within 5000", 100),
    ];
    for (name, end, ended_at) in rows {
        let last = ended_at + 899;
        let mut stage = Stage::new(&Setting::default());
        stage.play("ann holds A1 key k");
        stage.play(end);
        let got = stage.play(&format!("@{last} ann holds A1 key k"));
        assert!(got.starts_with("again: hold 1 "), "{name}: {got}");
        let got = stage.play(&format!("@{last} ann holds A2 key k"));
        assert_eq!(got, "no: key reused", "{name}");
        let got = stage.play(&format!("@{} ann holds A2 key k", ended_at + 900));
        assert!(got.starts_with("hold 2 Active"), "{name}: {got}");
    }
    check(
        "the key of a live hold does not end, however long it is extended",
        "
        ann holds A1 key k
        extend 100000
        @90000 ann holds A1 key k   => again: hold 1 Active until 100600: A1, 50.00
        ",
    );
}

#[test]
fn the_keys_of_orders_live_a_day() {
    check(
        "order and payment",
        "
        ann holds A1
        ann orders 1 within 200000 key k
        @100 pay 1 as p1 key k
        @86399 ann orders 1 within 200000 key k => again: order 1 Paying by 200000, p1 Started
        @86399 pay 1 as p2 key k                => again: p1 Started for order 1 Paying by 200000
        @86400 ann orders 1 within 200000 key k => no: hold Confirmed
        @86499 pay 1 as p2 key k                => again: p1 Started for order 1 Paying by 200000
        # Forgotten, so it joins what is under way.
        @86500 pay 1 as p2 key k                => p1 Started for order 1 Paying by 200000
        ",
    );
    check(
        "counter",
        "
        counter ann A1 key k
        @86399 counter ann A1 key k => again: order 1 Ticketed
        @86400 counter ann A1 key k => no: taken: A1 Sold
        ",
    );
}

#[test]
fn sixty_four_keys_are_remembered_per_buyer() {
    let mut script = String::new();
    for no in 1..=64 {
        script += &format!("ann holds A1 key k{no}\nrelease {no}\n");
    }
    script += "
        ben holds B1 key k1         => hold 65 Active until 600: B1, 30.00
        ann holds A1 key k1         => again: hold 1 Released until 0: A1, 50.00
        ann holds A1 key k65        => hold 66 Active until 600: A1, 50.00
        release 66
        # The oldest made room; the second oldest is next.
        ann holds A1 key k2         => again: hold 2 Released until 0: A1, 50.00
        ann holds A1 key k1         => hold 67 Active until 600: A1, 50.00
        ann holds B1 key k2         => no: taken: B1 Held
        ann holds A1 key k3         => again: hold 3 Released until 0: A1, 50.00
        ben holds B1 key k1         => again: hold 65 Active until 600: B1, 30.00
        ";
    check("keys per buyer", &script);
}
