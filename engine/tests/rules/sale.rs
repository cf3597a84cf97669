//! The sale as a whole: its stages, pauses and times, batches, prices, and what may still change.

use usher_engine::command::{CheckIn, CounterSale, HoldRequest, OrderRequest, PaymentStart, Wish};
use usher_engine::id::TicketNonce;
use usher_engine::limits::HOLD_MS_MAX;
use usher_engine::plan::SeatIx;
use usher_engine::show::{NewShow, OnSale, SaleMove, SeatRange};
use usher_engine::{
    BuyerId, Cents, Command, HoldNo, MachineId, Outcome, Refusal, ShowKey, Timestamp,
};

use crate::common::{Setting, Stage, Watched, check, moment};

#[test]
fn a_sale_opens_and_closes() {
    check(
        "stages",
        "
        show: draft
        ann holds A1            => no: sale NotOpened
        s0: ann holds 1 standing => no: sale NotOpened
        close                   => no: illegal sale move
        open                    => done
        open                    => again: done
        ann holds A1            => hold 1 Active until 600: A1, 50.00
        s0: ann holds 1 standing => hold 1 Active until 600: 1 standing, 20.00
        close                   => done
        close                   => again: done
        ann holds A2            => no: sale Closed
        s0: ann holds 1 standing => no: sale Closed
        # What is held may still be bought.
        ann orders 1            => order 1 PendingPay by 900
        success p1 of 1 50.00   => order 1 Ticketed, p1 Captured 50.00
        open                    => done
        ann holds A2            => hold 2 Active until 600: A2, 50.00
        ",
    );
}

#[test]
fn a_pause_by_each_must_be_lifted_by_each() {
    check(
        "two pauses",
        "
        ann holds A1
        pause                   => done
        pause                   => again: done
        pause operator          => done
        ben holds A2            => no: sale Paused
        s1: ben holds 1 standing => no: sale Paused
        resume                  => done
        resume                  => again: done
        ben holds A2            => no: sale Paused
        s1: ben holds 1 standing => no: sale Paused
        resume operator         => done
        ben holds A2            => hold 2 Active until 600: A2, 50.00
        s1: ben holds 1 standing => hold 1 Active until 600: 1 standing, 20.00
        ",
    );
    check(
        "what is held goes on",
        "
        ann holds A1
        ben holds A2
        cid holds A3
        pause operator
        ann orders 1            => order 1 PendingPay by 900
        pay 1 as p1             => p1 Started for order 1 Paying by 900
        success p1 of 1 50.00   => order 1 Ticketed, p1 Captured 50.00
        enter 1/0               => ticket 1/0 admitted
        release 2
        @600 expire 3           => done; expired 3
        ",
    );
    check(
        "a pause outlives closing and opening",
        "
        pause
        close
        ann holds A1            => no: sale Closed
        open
        ann holds A1            => no: sale Paused
        ",
    );
}

#[test]
fn a_sale_has_its_times() {
    check(
        "times",
        "
        show: ends=100
        @-1 ann holds A1        => no: sale TooEarly
        @-1 s0: ann holds 1 standing => no: sale TooEarly
        @0 ann holds A1         => hold 1 Active until 600: A1, 50.00
        @99 ann holds A2        => hold 2 Active until 699: A2, 50.00
        @100 ann holds A3       => no: sale Over
        s0: ann holds 1 standing => no: sale Over
        ann orders 1            => order 1 PendingPay by 1000
        change ends 200
        ann holds A3            => hold 3 Active until 700: A3, 50.00
        change starts 150
        ann holds A4            => no: sale TooEarly
        ",
    );
}

#[test]
fn seats_go_on_sale_in_batches() {
    check(
        "opening puts everything on sale if nothing was named",
        "
        show: draft
        ? counts                => 0 free, 0 held, 0 sold, 16 blocked
        open
        ? counts                => 16 free, 0 held, 0 sold, 0 blocked
        s0: ? counts            => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
    check(
        "otherwise only what was named",
        "
        show: draft
        on sale B1 B2 B3        => done
        open
        ? counts                => 3 free, 0 held, 0 sold, 13 blocked
        s0: ? counts            => 0 free, 0 held, 0 sold, 5 blocked, 0 lent, 0 received
        ann holds best 4        => no: sold out, 3 free
        on sale B2 B4 B4        => done
        ? counts                => 4 free, 0 held, 0 sold, 12 blocked
        ann holds best 2        => hold 1 Active until 600: B3 B4, 60.00
        # What is held or sold stays so.
        counter ben B1
        on sale everything      => done
        ? counts                => 13 free, 2 held, 1 sold, 0 blocked
        s0: ? counts            => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        on sale everything      => done
        ? counts                => 13 free, 2 held, 1 sold, 0 blocked
        ",
    );
    check(
        "what is no batch",
        "
        on sale                 => no: nothing asked
        on sale A1 Z9           => no: unknown seat
        on sale 0 standing      => no: nothing asked
        on sale 3 of 1          => no: wrong kind
        s0: on sale everything  => no: wrong kind
        ",
    );
    check("no seats here", "show: standing\non sale A1 => no: wrong kind");
}

#[test]
fn stock_goes_on_sale_in_batches_over_all_segments() {
    check(
        "stock",
        "
        show: draft
        on sale 3 standing
        open
        s0: ? counts            => 2 free, 0 held, 0 sold, 3 blocked, 0 lent, 0 received
        s1: ? counts            => 1 free, 0 held, 0 sold, 4 blocked, 0 lent, 0 received
        s0: ann holds 2 standing
        on sale 4 standing
        s0: ? counts            => 2 free, 2 held, 0 sold, 1 blocked, 0 lent, 0 received
        s1: ? counts            => 3 free, 0 held, 0 sold, 2 blocked, 0 lent, 0 received
        on sale 4000000000 standing
        s0: ? counts            => 3 free, 2 held, 0 sold, 0 blocked, 0 lent, 0 received
        s1: ? counts            => 5 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
}

#[test]
fn batches_wait_for_their_time() {
    check(
        "schedule",
        "
        show: draft
        on sale A1 A2 A3 at 100 => done; wake at 100
        on sale 2 standing at 50 => done; wake at 50
        on sale B1 at 100       => done; wake at 50
        on sale C1 at 0         => done
        open
        ? counts                => 1 free, 0 held, 0 sold, 15 blocked
        ? unfinished            => wake at 50
        @49 schedule            => again: done; wake at 50
        @50 schedule            => done; wake at 100
        s0: ? counts            => 1 free, 0 held, 0 sold, 4 blocked, 0 lent, 0 received
        schedule                => again: done; wake at 100
        @120 schedule           => done
        ? counts                => 5 free, 0 held, 0 sold, 11 blocked
        schedule                => again: done
        ? unfinished            =>
        s0: schedule            => no: wrong kind
        ",
    );
    check(
        "a batch for later is a batch: opening puts nothing on sale by itself",
        "
        show: draft
        on sale A1 at 100
        open
        ? counts                => 0 free, 0 held, 0 sold, 16 blocked
        s0: ? counts            => 0 free, 0 held, 0 sold, 5 blocked, 0 lent, 0 received
        @100 schedule
        ? counts                => 1 free, 0 held, 0 sold, 15 blocked
        ",
    );
    let mut script = "show: draft\n".to_owned();
    for at in 1..=64 {
        script += &format!("on sale A1 at {at}\n");
    }
    script += "
        on sale A1 at 65        => no: schedule full
        on sale A2              => done
        @1 schedule             => done; wake at 2
        on sale A1 at 65        => done; wake at 2
        ";
    check("the schedule is bounded", &script);
}

#[test]
fn a_hold_keeps_the_price_it_was_made_at() {
    check(
        "price snapshot",
        "
        ann holds A1 B1             => hold 1 Active until 600: A1 B1, 80.00
        s0: ann holds 2 standing    => hold 1 Active until 600: 2 standing, 40.00
        change prices 70.00 35.00
        change pool 0 0 25.00
        ann orders 1
        success p1 of 1 80.00       => order 1 Ticketed, p1 Captured 80.00
        s0: ann orders 1
        s0: success p1 of 1 40.00   => order 1 Ticketed, p1 Captured 40.00
        ann holds A2 B2             => hold 2 Active until 600: A2 B2, 105.00
        s0: ann holds 2 standing    => hold 2 Active until 600: 2 standing, 50.00
        s1: ann holds 2 standing    => hold 1 Active until 600: 2 standing, 50.00
        ",
    );
}

#[test]
fn what_may_still_change_changes() {
    check(
        "hold time",
        "
        ann holds A1
        change hold 60
        ann holds A2                => hold 2 Active until 60: A2, 50.00
        s0: ann holds 1 standing    => hold 1 Active until 60: 1 standing, 20.00
        ? hold 1                    => hold 1 Active until 600: A1, 50.00
        ",
    );
    check(
        "a pool that is all on sale grows on sale",
        "
        change pool 0 5
        s0: ? counts                => 8 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        s1: ? counts                => 7 free, 0 held, 0 sold, 0 blocked, 0 lent, 0 received
        ",
    );
    check(
        "one that is not grows behind",
        "
        show: draft
        on sale 4 standing
        change pool 0 5
        s0: ? counts                => 2 free, 0 held, 0 sold, 6 blocked, 0 lent, 0 received
        s1: ? counts                => 2 free, 0 held, 0 sold, 5 blocked, 0 lent, 0 received
        ",
    );
    check(
        "what makes no sense",
        "
        change prices 10.00         => no: each category of the plan needs exactly one price
        change prices 10.00 10000000000.01 => no: a price is too high
        change pool 0 0 10000000000.01     => no: a price is too high
        change pool 1 5             => no: the show has no such stock pool
        change pool 0 9999991       => no: a stock pool has 1 to 10,000,000 tickets
        change pool 0 4294967295    => no: a stock pool has 1 to 10,000,000 tickets
        change pool 0 5 pool 0 5    => no: a change names each stock pool once
        change limit 0              => no: a buyer must be allowed at least one
        change hold 0               => no: a hold lives between one second and 24 hours
        change hold 86401           => no: a hold lives between one second and 24 hours
        change starts 1000000       => no: the sale must start before it ends
        s0: change limit 2          => no: wrong kind
        s0: open                    => no: wrong kind
        change pool 0 9999990       => done
        ",
    );
}

#[test]
fn a_show_that_cannot_be_is_refused() {
    type Row = (&'static str, fn(&mut NewShow));
    let rows: [Row; 14] = [
        ("a show needs seats, stock, or both", |show| {
            (show.plan, show.pools) = (None, Vec::new());
        }),
        ("each category of the plan needs exactly one price", |show| {
            show.terms.prices.push(Cents(1));
        }),
        ("each category of the plan needs exactly one price", |show| show.plan = None),
        ("a price is too high", |show| show.terms.prices[0] = Cents(Cents::PRICE_MAX.0 + 1)),
        ("a price is too high", |show| show.pools[0].price = Cents(u64::MAX)),
        ("a show may have at most 32 stock pools", |show| {
            let pool = |no| usher_engine::show::NewPool {
                name: format!("pool {no}"),
                ..show.pools[0].clone()
            };
            show.pools = (0..33).map(pool).collect();
        }),
        ("stock pools need names of their own", |show| show.pools.push(show.pools[0].clone())),
        ("stock pools need names of their own", |show| show.pools[0].name.clear()),
        ("a stock pool has 1 to 10,000,000 tickets", |show| show.pools[0].quantity = 0),
        ("a stock pool has 1 to 10,000,000 tickets", |show| show.pools[0].quantity = 10_000_001),
        ("a stock pool has 1 to 64 segments", |show| show.pools[0].segments = 0),
        ("a stock pool has 1 to 64 segments", |show| show.pools[0].segments = 65),
        ("the sale must start before it ends", |show| {
            show.terms.sale_ends_at = show.terms.sale_starts_at;
        }),
        ("a buyer must be allowed at least one", |show| show.terms.units_per_buyer_max = 0),
    ];
    let stage = Stage::new(&Setting::default());
    for (reason, spoil) in rows {
        let mut show = stage.new_show(&Setting::default());
        let mut vacant = Watched::new(MachineId::house(ShowKey(1)), 1);
        spoil(&mut show);
        let decision = vacant.run(&Command::CreateShow(Box::new(show)), moment(0));
        assert_eq!(decision.outcome, Outcome::Refused(Refusal::BadShow(reason)));
        assert!(vacant.live.terms().is_none());
    }
}

#[test]
fn a_show_at_its_limits_is_one() {
    type Row = (&'static str, fn(&mut NewShow));
    let rows: [Row; 5] = [
        ("the highest price", |show| show.terms.prices[0] = Cents::PRICE_MAX),
        ("the longest hold", |show| show.terms.hold_ms = HOLD_MS_MAX),
        ("the most pools", |show| {
            let pool = |no| usher_engine::show::NewPool {
                name: format!("pool {no}"),
                ..show.pools[0].clone()
            };
            show.pools = (0..32).map(pool).collect();
        }),
        ("the most segments", |show| show.pools[0].segments = 64),
        ("the most tickets", |show| show.pools[0].quantity = 10_000_000),
    ];
    let stage = Stage::new(&Setting::default());
    for (what, stretch) in rows {
        let mut show = stage.new_show(&Setting::default());
        let mut vacant = Watched::new(MachineId::house(ShowKey(1)), 1);
        stretch(&mut show);
        let decision = vacant.run(&Command::CreateShow(Box::new(show)), moment(0));
        assert!(matches!(decision.outcome, Outcome::Done { .. }), "{what}: {decision:?}");
    }
}

#[test]
fn an_empty_range_of_seats_is_none() {
    let mut stage = Stage::new(&Setting { open: false, ..Setting::default() });
    let nothing = SeatRange { first: SeatIx(0), count: 0 };
    let what = OnSale::Seats(vec![nothing]);
    let decision = stage.run(None, &Command::PutOnSale { what, at: None });
    assert_eq!(decision.outcome, Outcome::Refused(Refusal::UnknownSeat));
}

#[test]
fn a_show_is_made_once_and_starts_as_a_draft() {
    let mut stage = Stage::new(&Setting::default());
    let mut show = stage.new_show(&Setting::default());
    let again = stage.run(None, &Command::CreateShow(Box::new(show.clone())));
    assert_eq!(again.outcome, Outcome::Refused(Refusal::ShowExists));

    // Whatever the request says of its stage.
    show.terms.stage = usher_engine::show::Stage::Open;
    (show.terms.paused_by_operator, show.terms.paused_by_organiser) = (true, true);
    let mut vacant = Watched::new(MachineId::house(ShowKey(1)), 1);
    vacant.run(&Command::CreateShow(Box::new(show)), moment(0));
    let terms = vacant.live.terms().expect("a show");
    assert_eq!(terms.stage, usher_engine::show::Stage::Draft);
    assert!(!terms.paused_by_operator && !terms.paused_by_organiser);
}

#[test]
fn where_there_is_no_show_nothing_can_be_done() {
    let nonces = || Stage::new(&Setting::default()).nonces();
    let (buyer, hold, order) = (BuyerId(1), HoldNo(1), HoldNo(1));
    let wish = Wish::Stock { quantity: 1 };
    let commands = [
        Command::Hold(HoldRequest {
            buyer,
            wish: wish.clone(),
            hold_ms: None,
            key: None,
            pass: None,
            account_made_at: None,
        }),
        Command::Release { hold },
        Command::Order(OrderRequest {
            hold,
            buyer,
            pay_ms: 1,
            contact: Box::default(),
            documents: Vec::new(),
            key: None,
        }),
        Command::StartPayment(PaymentStart {
            order,
            reference: "p1".into(),
            extension_ms: 1,
            key: None,
        }),
        Command::Cancel { order },
        Command::CheckIn(CheckIn {
            order,
            index: 0,
            nonce: TicketNonce([0; 10]),
            gate: "north".into(),
            scanned_at: None,
            scan: None,
        }),
        Command::ChangeShow(Box::default()),
        Command::MoveSale(SaleMove::Open),
        Command::PutOnSale { what: OnSale::Everything, at: None },
        Command::CounterSale(CounterSale {
            buyer,
            wish,
            contact: Box::default(),
            documents: Vec::new(),
            nonces: nonces(),
            key: None,
        }),
        Command::Refund { order, reason: "none".into() },
        Command::Withdraw { quantity: 1 },
        Command::ExtendHolds { ms: 1 },
        Command::Expire { holds: vec![hold] },
        Command::RunSchedule,
        Command::Lend { borrower: 1, quantity: 1 },
        Command::Receive { donor: 1, number: 1, quantity: 1 },
        Command::SettleLoan { borrower: 1, number: 1 },
    ];
    for id in [MachineId::house(ShowKey(9)), MachineId::segment(ShowKey(9), 0, 0)] {
        let mut vacant = Watched::new(id, 1);
        for command in &commands {
            let decision = vacant.run(command, Timestamp(1));
            assert_eq!(decision.outcome, Outcome::Refused(Refusal::UnknownShow), "{command:?}");
        }
        assert_eq!(vacant.live.version(), 0);
    }
}
