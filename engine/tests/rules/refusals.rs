//! Refusals: their numbers are for ever, and where several apply the order is a promise.

use usher_engine::inventory::{DocumentRefusal, HoldStatus, OrderStatus};
use usher_engine::plan::SeatIx;
use usher_engine::room::{EndCause, RoomRefusal, Stage};
use usher_engine::show::NotOpen;
use usher_engine::{Refusal, Timestamp};

use crate::common::check;

#[test]
fn the_numbers_of_refusals_are_stable() {
    let table = [
        (1, Refusal::UnknownShow),
        (2, Refusal::UnknownHold),
        (3, Refusal::UnknownOrder),
        (4, Refusal::UnknownTicket),
        (5, Refusal::ShowExists),
        (6, Refusal::KeyReused),
        (7, Refusal::NothingAsked),
        (8, Refusal::TooManyUnits { units_max: 32 }),
        (9, Refusal::DuplicateSeat(SeatIx(1))),
        (10, Refusal::UnknownSeat),
        (11, Refusal::WrongKind),
        (12, Refusal::SaleNotOpen(NotOpen::Paused)),
        (13, Refusal::HoldNotActive(HoldStatus::Released)),
        (14, Refusal::HoldExpired),
        (15, Refusal::NotYours),
        (16, Refusal::IllegalState(OrderStatus::Cancelled)),
        (17, Refusal::OrderExpired),
        (18, Refusal::LimitPerBuyer { units_max: 4, has: 3 }),
        (19, Refusal::TooManyHolds { holds_max: 16 }),
        (20, Refusal::SeatUnavailable(Vec::new())),
        (21, Refusal::SoldOut { available: 1 }),
        (22, Refusal::StockMoving),
        (23, Refusal::TooManyPayments),
        (24, Refusal::BadShow("why")),
        (25, Refusal::CapacityInUse),
        (26, Refusal::AlreadyUsed { at: Timestamp(1), gate: "north".into() }),
        (27, Refusal::TicketRevoked { refunded: false }),
        (28, Refusal::IllegalSaleMove),
        (29, Refusal::ScheduleFull),
        (30, Refusal::LoginTaken),
        (31, Refusal::UnknownAccount),
        (32, Refusal::AccountsFull),
        (33, Refusal::PasswordChanged),
        (34, Refusal::UnknownSession),
        (35, Refusal::TokenReused),
        (36, Refusal::ResetInvalid),
        (37, Refusal::UnknownApiKey),
        (38, Refusal::TooManyApiKeys),
        (39, Refusal::HoldsPaused { until: Timestamp(1) }),
        (40, Refusal::NewAccountsFull { units_max: 4 }),
    ];
    for (place, (number, refusal)) in (1..).zip(&table) {
        assert_eq!(refusal.number(), *number, "{refusal:?}");
        assert_eq!(place, *number, "numbers are appended, without gaps");
    }
}

#[test]
fn the_numbers_of_refusals_about_documents_are_stable() {
    let table = [
        (201, DocumentRefusal::Wanted { wanted: 2 }),
        (202, DocumentRefusal::NotAsked),
        (203, DocumentRefusal::Limit { units_max: 1, has: 1, place: 0 }),
    ];
    for (number, refusal) in table {
        assert_eq!(Refusal::from(refusal).number(), number, "{refusal:?}");
    }
}

#[test]
fn the_numbers_of_a_rooms_refusals_are_stable() {
    let table = [
        (101, RoomRefusal::NoRoom),
        (102, RoomRefusal::NotOpen(Stage::Closed)),
        (103, RoomRefusal::Full),
        (104, RoomRefusal::UnknownLane),
        (105, RoomRefusal::UnknownPlace),
        (106, RoomRefusal::NotCalled),
        (107, RoomRefusal::Missed),
        (108, RoomRefusal::Ended(EndCause::Used)),
        (109, RoomRefusal::Expelled),
        (110, RoomRefusal::NotSelling(Stage::Closed)),
        (111, RoomRefusal::IllegalMove(Stage::Closed)),
        (112, RoomRefusal::Paused),
        (113, RoomRefusal::BadSetup("why")),
        (114, RoomRefusal::DrawnAlready),
        (115, RoomRefusal::PassRequired),
        (116, RoomRefusal::PassExpired),
        (117, RoomRefusal::PassUsed),
    ];
    for (place, (number, refusal)) in (101..).zip(table) {
        assert_eq!(Refusal::from(refusal).number(), number, "{refusal:?}");
        assert_eq!(place, number, "numbers are appended, without gaps");
    }
}

/// Show and subject known, idempotency key, form of the request, state of the sale, state of the
/// subject, limits, stock: each row breaks two rules, and the earlier one speaks.
#[test]
fn where_several_reasons_apply_the_first_is_given() {
    let rows = [
        ("key before form", "ann holds A1 key k", "ann holds A1 A1 key k", "key reused"),
        ("key before sale", "ann holds A1 key k\npause", "ann holds A2 key k", "key reused"),
        ("form before sale", "pause", "ann holds Z9", "unknown seat"),
        ("kind before sale", "pause", "ann holds 1 standing", "wrong kind"),
        ("sale before limit", "ann holds best 6\npause", "ann holds A1", "sale Paused"),
        ("sale before seats", "ben holds A1\npause", "ann holds A1", "sale Paused"),
        ("limit before seats", "ann holds best 6", "ann holds B1", "limit 6, has 6"),
        ("number before seats", "", "ann holds Z9 Z9", "unknown seat"),
        (
            "hold known before key",
            "ann holds A1\nann orders 1 key k",
            "ann orders 9 key k",
            "unknown hold",
        ),
        (
            "order known before key",
            "ann holds A1\nann orders 1\npay 1 as p1 key k",
            "pay 9 as p2 key k",
            "unknown order",
        ),
        (
            "key before state",
            "ann holds A1\nann orders 1\npay 1 as p1 key k\ncancel 1\nann holds A2\nann orders 2\
             \ncancel 2",
            "pay 2 as p2 key k",
            "key reused",
        ),
        ("owner before state", "ann holds A1\nrelease 1", "ben orders 1", "not yours"),
        ("closed before paused", "pause\nclose", "ann holds A1", "sale Closed"),
    ];
    for (name, setup, command, expected) in rows {
        check(name, &format!("{setup}\n{command} => no: {expected}"));
    }
}
