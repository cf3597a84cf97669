//! One planted case for each kind of violation, and clean runs that must stay clean.

mod sale;

use data_encoding::BASE64URL_NOPAD;

use self::sale::*;
use super::*;
use crate::{Entry, HoldNow, LiveCounts, Place, Rule, TicketNow, TicketRef, Via};

/// Changes the sale and says which rules the audit must find broken; no others.
fn check_sale(change: impl FnOnce(&mut Sale), want: &[Rule]) -> Verdict {
    let mut sale = Sale::new();
    change(&mut sale);
    let verdict = check(&sale.record, &sale.server, &Rules::default());
    let found: Vec<_> = verdict.found.keys().copied().collect();
    assert_eq!(found, want, "{verdict}");
    if !want.is_empty() {
        assert!(verdict.violations.iter().all(|v| !v.detail.is_empty()), "{verdict}");
    }
    verdict
}

#[test]
fn a_clean_sale_passes_and_says_what_was_checked() {
    let verdict = check_sale(|_| {}, &[]);
    for what in ["holds", "holds re-read", "orders re-read", "payments", "tickets", "signatures"] {
        assert!(verdict.checked.get(what).is_some_and(|n| *n > 0), "{what}: {verdict}");
    }
    assert_eq!(verdict.checked["signatures"], 3);
}

#[test]
fn what_only_looks_wrong_is_clean() {
    // Given back, and held by somebody else a moment later.
    check_sale(
        |sale| {
            sale.add(held(100, "h-1", "eve", &["A-4"], None));
            sale.add(Entry::Releasing {
                at_us: 101 * S_US,
                show_id: "s".into(),
                hold_id: "h-1".into(),
            });
            sale.add(held(102, "h-2", "fay", &["A-4"], None));
        },
        &[],
    );
    // The same acknowledgement twice: the first answer was lost, the retry was replayed.
    check_sale(|sale| sale.add(held(10, "h-ann", "ann", &["A-2", "A-1"], None)), &[]);
    // Cancelled by somebody else; when, the client cannot know.
    check_sale(
        |sale| {
            sale.add(held(100, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(101, "o-1", "h-1"));
            sale.add(held(102, "h-2", "fay", &["A-4"], None));
            sale.add(Entry::Ended {
                at_us: 103 * S_US,
                show_id: "s".into(),
                order_id: "o-1".into(),
                status: "CANCELLED".into(),
            });
        },
        &[],
    );
    // Paid late, after another buyer's hold on the seat had come and gone.
    check_sale(
        |sale| {
            sale.add(held(20, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(21, "o-1", "h-1"));
            sale.add(held(200, "h-2", "fay", &["A-4"], None));
            sale.add(paid(300, "o-1", Via::Callback));
            let now = order_now("TICKETED", &[("t9", seat("A-4"))]);
            sale.server.orders.insert("o-1".into(), now);
            sale.server.seats[3].status = "SOLD".into();
            sale.counts(4, 2, 1);
        },
        &[],
    );
    // A refunded ticket gives its seat to somebody else.
    check_sale(
        |sale| {
            sale.order("o-ann").tickets[0].status = "REFUNDED".into();
            sale.add(held(100, "h-1", "eve", &["A-1"], None));
            sale.order("o-ann").tickets[1].status = "REFUNDED".into();
            sale.server.seats[0].status = "HELD".into();
            sale.server.seats[1].status = "AVAILABLE".into();
            sale.counts(1, 5, 1);
        },
        &[],
    );
    // Paid after it was cancelled: the money is owed back.
    check_sale(
        |sale| {
            sale.add(held(500, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(501, "o-1", "h-1"));
            sale.add(paid(900, "o-1", Via::Callback));
            sale.server.orders.insert("o-1".into(), order_now("CANCELLED", &[]));
            sale.order("o-1").refund_due_cents = Some(500);
        },
        &[],
    );
    // A hold that ended long ago may be forgotten.
    check_sale(|sale| drop(sale.server.holds.insert("h-cyd".into(), None)), &[]);
    // Another show's entries are another audit's business.
    check_sale(
        |sale| {
            let mut other = held(10, "h-x", "zoe", &["A-1"], None);
            if let Entry::Held { show_id, .. } = &mut other {
                *show_id = "other".into();
            }
            sale.add(other);
        },
        &[],
    );
}

#[test]
fn seats_are_sold_and_held_once() {
    check_sale(
        |sale| {
            let order = sale.order("o-bob");
            order.tickets.push(TicketRef {
                ticket_code: "t4".into(),
                place: seat("A-1"),
                status: "VALID".into(),
            });
            sale.counts(4, 2, 1);
        },
        &[Rule::SeatSoldTwice, Rule::TicketsNotComplete],
    );
    let live =
        check_sale(|sale| sale.add(held(30, "h-1", "eve", &["A-3"], None)), &[Rule::SeatHeldTwice]);
    assert_eq!(live.violations[0].evidence.len(), 2, "both holds are the evidence");
    // Held by somebody while it is sold.
    check_sale(|sale| sale.add(held(500, "h-1", "eve", &["A-2"], None)), &[Rule::SeatHeldTwice]);
    // Held by somebody while the order that took the hold over can still be paid.
    check_sale(
        |sale| {
            sale.add(held(100, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(101, "o-1", "h-1"));
            sale.add(held(200, "h-2", "fay", &["A-4"], None));
        },
        &[Rule::SeatHeldTwice],
    );
    check_sale(|sale| sale.server.seats[0].status = "AVAILABLE".into(), &[Rule::SeatMapWrong]);
    check_sale(|sale| sale.server.seats[2].status = "AVAILABLE".into(), &[Rule::SeatMapWrong]);
    check_sale(|sale| sale.server.seats[3].status = "SOLD".into(), &[Rule::SeatMapWrong]);
}

#[test]
fn limits_and_pools_are_exact() {
    check_sale(|sale| sale.add(held(40, "h-1", "ann", &["A-4"], None)), &[Rule::LimitExceeded]);
    check_sale(|sale| sale.add(held(20, "h-1", "bob", &[], Some(2))), &[Rule::LimitExceeded]);
    check_sale(
        |sale| {
            sale.add(held(20, "h-1", "eve", &[], Some(2)));
            sale.add(held(21, "h-2", "fay", &[], Some(1)));
        },
        &[Rule::StockOversold],
    );
}

#[test]
fn keys_make_one_thing_and_answers_stay() {
    check_sale(
        |sale| {
            let mut second = held(500, "h-1", "eve", &["A-4"], None);
            if let Entry::Held { key, .. } = &mut second {
                *key = Some("key-h-cyd".into());
            }
            sale.add(second);
        },
        &[Rule::KeyUsedTwice],
    );
    check_sale(|sale| sale.add(held(11, "h-cyd", "cyd", &["A-4"], None)), &[Rule::AnswerChanged]);
    check_sale(|sale| sale.order("o-ann").amount_cents = 400, &[Rule::AnswerChanged]);
    check_sale(
        |sale| {
            let place = seat("A-9");
            let now = Some(TicketNow { place, payload: None });
            sale.server.tickets.insert("t1".into(), now);
        },
        &[Rule::AnswerChanged],
    );
    check_sale(
        |sale| sale.add(ticketed(20, "o-bob", "t1", Place::Stock("floor".into()))),
        &[Rule::TicketCodeReused, Rule::TicketMissing, Rule::AnswerChanged, Rule::CountsWrong],
    );
}

#[test]
fn what_was_acknowledged_is_there() {
    check_sale(|sale| drop(sale.server.holds.insert("h-dan".into(), None)), &[Rule::HoldMissing]);
    check_sale(
        |sale| {
            let gone = Some(HoldNow { status: "EXPIRED".into() });
            sale.server.holds.insert("h-dan".into(), gone);
        },
        &[Rule::HoldMissing],
    );
    check_sale(
        |sale| {
            sale.add(held(900, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(901, "o-1", "h-1"));
            sale.server.seats[3].status = "HELD".into();
            sale.server.orders.insert("o-1".into(), None);
        },
        &[Rule::OrderMissing],
    );
    check_sale(
        |sale| {
            sale.add(held(900, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(901, "o-1", "h-1"));
            sale.server.seats[3].status = "HELD".into();
            sale.server.orders.insert("o-1".into(), order_now("EXPIRED", &[]));
        },
        &[Rule::OrderMissing],
    );
    check_sale(
        |sale| {
            sale.order("o-bob").tickets.clear();
        },
        &[Rule::TicketMissing, Rule::TicketsNotComplete],
    );
    check_sale(|sale| drop(sale.server.tickets.insert("t3".into(), None)), &[Rule::TicketMissing]);
    check_sale(
        |sale| {
            sale.add(held(500, "h-1", "eve", &["A-4"], None));
            sale.add(ordered(501, "o-1", "h-1"));
            sale.add(paid(502, "o-1", Via::Callback));
            sale.server.orders.insert("o-1".into(), order_now("EXPIRED", &[]));
        },
        &[Rule::PaidWithoutTicket],
    );
}

#[test]
fn signatures_verify_for_just_this_ticket() {
    let plant = |payload: String| {
        move |sale: &mut Sale| {
            let now = sale.server.tickets.get_mut("t1").and_then(Option::as_mut);
            now.expect("the sale has it").payload = Some(payload);
        }
    };
    check_sale(plant(payload("s", "t1", &seat("A-1"))), &[]);
    let says = |payload: String, want: &str| {
        let verdict = check_sale(plant(payload), &[Rule::BadSignature]);
        assert!(verdict.violations[0].detail.contains(want), "{verdict}");
    };
    says(payload("s", "t2", &seat("A-1")), "the payload says ticket `t2`");
    says(payload("x", "t1", &seat("A-1")), "the payload says show `x`");
    says(payload("s", "t1", &seat("A-2")), "the payload says place `seat A-2`");
    says("rubbish!".into(), "malformed");
    let mut flipped =
        BASE64URL_NOPAD.decode(payload("s", "t1", &seat("A-1")).as_bytes()).expect("ours");
    flipped[30] ^= 1;
    says(BASE64URL_NOPAD.encode(&flipped), "does not verify");
    flipped[3] ^= 1;
    says(BASE64URL_NOPAD.encode(&flipped), "not in the key set");
    let verdict = check_sale(|sale| sale.server.keys[0].kid = "00".into(), &[Rule::BadSignature]);
    assert!(verdict.violations[0].detail.contains("`kid`"), "{verdict}");
}

#[test]
fn counts_add_up() {
    check_sale(|sale| sale.audit().available = 4, &[Rule::CountsWrong]);
    check_sale(|sale| sale.audit().tickets_issued = 2, &[Rule::CountsWrong]);
    check_sale(|sale| sale.counts(4, 3, 0), &[Rule::CountsWrong]);
    check_sale(
        |sale| {
            sale.counts(3, 0, 0);
            sale.audit().capacity = 2;
        },
        &[Rule::CountsWrong],
    );
    check_sale(|sale| sale.audit().ok = false, &[Rule::ServerAudit]);
    check_sale(|sale| sale.audit().double_sold.push("A-1".into()), &[Rule::ServerAudit]);
    check_sale(
        |sale| sale.audit().faults.push("a hold without a buyer".into()),
        &[Rule::ServerAudit],
    );
    let live = |sold, held| {
        Some(LiveCounts {
            capacity: 7,
            available: 3,
            held,
            sold,
            tickets_issued: sold,
            ..LiveCounts::default()
        })
    };
    check_sale(|sale| sale.audit().live = live(3, 1), &[]);
    check_sale(|sale| sale.audit().live = live(3, 2), &[Rule::CountsWrong]);
    check_sale(|sale| sale.audit().live = live(4, 0), &[Rule::CountsWrong]);
    // The first of several generators knows what was sold before.
    check_sale(
        |sale| {
            sale.add(Entry::Show {
                at_us: 16 * S_US,
                show_id: "s".into(),
                sold_before: Some(2),
                limit_per_user: None,
            });
        },
        &[],
    );
}

#[test]
fn many_violations_are_counted_and_some_are_kept() {
    let verdict = check_sale(
        |sale| {
            for n in 0..500 {
                sale.add(held(960 + n % 3, &format!("h-{n}"), "ann", &[], Some(1)));
            }
            sale.server.stock[0].quantity = 1_000;
            for n in 0..500 {
                sale.server.holds.insert(format!("h-{n}"), None);
            }
        },
        &[Rule::LimitExceeded, Rule::HoldMissing],
    );
    assert_eq!(verdict.found[&Rule::HoldMissing], 500);
    let kept = verdict.violations.iter().filter(|v| v.rule == Rule::HoldMissing).count();
    assert_eq!(kept, 100);
}
