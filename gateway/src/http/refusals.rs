//! The one place where what the shards and the engine say "no" with becomes a problem for a caller.
//!
//! Every match is exhaustive and has no `_ =>`, so a new refusal does not compile until somebody
//! has decided what a caller is told. The engine speaks of seats by number; [`explain`] puts their
//! labels in, for which it needs the show's plan.

use super::problem::{ApiError, Code};
use super::{document_refusals, room_refusals};
use crate::buyers::lookup;
use usher_engine::Refusal;
use usher_engine::inventory::{HoldStatus, OrderStatus};
use usher_engine::plan::{SeatIx, SeatPlan};
use usher_engine::seats::SeatStatus;
use usher_engine::show::NotOpen;
use usher_shards::{CallError, ReplicaError, Unavailable};
use usher_wire::ProblemSeat;

/// When a new account that found its share taken may ask again: nobody knows when those before it
/// pay or give up.
const NEW_ACCOUNTS_RETRY_SECONDS: u32 = 10;

impl From<CallError> for ApiError {
    /// As [`explain`], without the labels of seats.
    fn from(error: CallError) -> Self {
        explain(error, None)
    }
}

impl From<Refusal> for ApiError {
    /// As [`explain`], without the labels of seats.
    fn from(refusal: Refusal) -> Self {
        refused(&refusal, None)
    }
}

impl From<ReplicaError> for ApiError {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Busy => Self::new(Code::Busy).detail(error.to_string()),
            ReplicaError::Stopped => Self::new(Code::Draining).detail(error.to_string()),
            ReplicaError::Recovery(cause) => Self::internal(cause),
        }
    }
}

/// The problem that a caller is told, with the labels of seats where the plan is known.
pub fn explain(error: CallError, plan: Option<&SeatPlan>) -> ApiError {
    match error {
        CallError::Refused(refusal) => refused(&refusal, plan),
        CallError::Unavailable(Unavailable::Busy) => ApiError::new(Code::Busy),
        CallError::Unavailable(Unavailable::DiskFull) => ApiError::new(Code::DiskFull),
        CallError::Unavailable(Unavailable::Draining) => ApiError::new(Code::Draining),
        CallError::Unavailable(Unavailable::Rebuilding) => ApiError::new(Code::Rebuilding),
        CallError::Unavailable(Unavailable::Quarantined) => ApiError::new(Code::CommandQuarantined),
        CallError::OutcomeUnknown => ApiError::new(Code::OutcomeUnknown),
    }
}

/// A seat's status as callers read it.
pub fn seat_status(status: SeatStatus) -> usher_wire::SeatStatus {
    match status {
        SeatStatus::Available => usher_wire::SeatStatus::Available,
        SeatStatus::Held => usher_wire::SeatStatus::Held,
        SeatStatus::Sold => usher_wire::SeatStatus::Sold,
        SeatStatus::Blocked => usher_wire::SeatStatus::Blocked,
    }
}

/// A hold's status as callers read it.
pub fn hold_status(status: HoldStatus) -> usher_wire::HoldStatus {
    match status {
        HoldStatus::Active => usher_wire::HoldStatus::Active,
        HoldStatus::Confirmed => usher_wire::HoldStatus::Confirmed,
        HoldStatus::Released => usher_wire::HoldStatus::Released,
        HoldStatus::Expired => usher_wire::HoldStatus::Expired,
    }
}

/// An order's status as callers read it.
pub fn order_status(status: OrderStatus) -> usher_wire::OrderStatus {
    match status {
        OrderStatus::PendingPay => usher_wire::OrderStatus::PendingPay,
        OrderStatus::Paying => usher_wire::OrderStatus::Paying,
        OrderStatus::Ticketed => usher_wire::OrderStatus::Ticketed,
        OrderStatus::Cancelled => usher_wire::OrderStatus::Cancelled,
        OrderStatus::Expired => usher_wire::OrderStatus::Expired,
        OrderStatus::RefundPending => usher_wire::OrderStatus::RefundPending,
        OrderStatus::Refunded => usher_wire::OrderStatus::Refunded,
    }
}

/// Why a sale is not open, as callers read a sale's state.
pub fn sale_state(reason: NotOpen) -> usher_wire::SaleState {
    match reason {
        NotOpen::NotOpened => usher_wire::SaleState::Draft,
        NotOpen::TooEarly => usher_wire::SaleState::Scheduled,
        NotOpen::Paused => usher_wire::SaleState::Paused,
        NotOpen::Over | NotOpen::Closed => usher_wire::SaleState::Closed,
    }
}

/// A state as it is written in JSON.
pub fn word<T: serde::Serialize>(state: T) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a state is one word, not {other:?}"),
    }
}

fn refused(refusal: &Refusal, plan: Option<&SeatPlan>) -> ApiError {
    let error = ApiError::new(code(refusal)).refusal(refusal.number()).detail(refusal.to_string());
    match refusal {
        Refusal::TooManyUnits { units_max } => error.limit(u64::from(*units_max)),
        Refusal::TooManyHolds { holds_max } => error.limit(u64::from(*holds_max)),
        Refusal::HoldsPaused { until } => {
            let seconds = until.ms_since(lookup::now()).div_ceil(1_000).max(1);
            let from = lookup::time(*until);
            error
                .detail(format!("holds ran out unpaid; the next may be placed from {from}"))
                .retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))
        }
        Refusal::NewAccountsFull { units_max } => {
            error.limit(u64::from(*units_max)).retry_after(NEW_ACCOUNTS_RETRY_SECONDS)
        }
        Refusal::LimitPerBuyer { units_max, has } => {
            error.limit(u64::from(*units_max)).remaining(units_max.saturating_sub(*has))
        }
        Refusal::DuplicateSeat(seat) => match plan {
            Some(plan) => error.seats(vec![labelled(plan, *seat, None)]),
            None => error,
        },
        Refusal::SeatUnavailable(seats) => match plan {
            Some(plan) => error
                .seats(seats.iter().map(|&(s, status)| labelled(plan, s, Some(status))).collect()),
            None => error,
        },
        Refusal::SaleNotOpen(reason) => error.state(word(sale_state(*reason))),
        Refusal::HoldNotActive(status) => error.state(word(hold_status(*status))),
        Refusal::IllegalState(status) => error.state(word(order_status(*status))),
        Refusal::AlreadyUsed { .. } => error.state(word(usher_wire::TicketStatus::Used)),
        Refusal::TicketRevoked { refunded: true } => {
            error.state(word(usher_wire::TicketStatus::Refunded))
        }
        Refusal::TicketRevoked { refunded: false } => {
            error.state(word(usher_wire::TicketStatus::Revoked))
        }
        Refusal::SoldOut { available } if *available > 0 => {
            error.detail(format!("{available} are left, which do not make what was asked for"))
        }
        Refusal::UnknownShow
        | Refusal::UnknownHold
        | Refusal::UnknownOrder
        | Refusal::UnknownTicket
        | Refusal::ShowExists
        | Refusal::KeyReused
        | Refusal::NothingAsked
        | Refusal::UnknownSeat
        | Refusal::WrongKind
        | Refusal::HoldExpired
        | Refusal::NotYours
        | Refusal::OrderExpired
        | Refusal::SoldOut { .. }
        | Refusal::StockMoving
        | Refusal::TooManyPayments
        | Refusal::BadShow(_)
        | Refusal::CapacityInUse
        | Refusal::IllegalSaleMove
        | Refusal::ScheduleFull
        | Refusal::LoginTaken
        | Refusal::UnknownAccount
        | Refusal::AccountsFull
        | Refusal::PasswordChanged
        | Refusal::UnknownSession
        | Refusal::TokenReused
        | Refusal::ResetInvalid
        | Refusal::UnknownApiKey
        | Refusal::TooManyApiKeys => error,
        Refusal::Room(refusal) => room_refusals::refused(*refusal, error),
        Refusal::Documents(refusal) => document_refusals::refused(*refusal, error),
    }
}

fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::UnknownShow => Code::UnknownShow,
        Refusal::UnknownHold => Code::UnknownHold,
        Refusal::UnknownOrder => Code::UnknownOrder,
        Refusal::UnknownTicket => Code::UnknownTicket,
        Refusal::ShowExists => Code::ShowExists,
        Refusal::KeyReused => Code::IdempotencyKeyReused,
        Refusal::NothingAsked => Code::NothingAsked,
        Refusal::TooManyUnits { .. } => Code::TooManySeats,
        Refusal::DuplicateSeat(_) => Code::DuplicateSeat,
        Refusal::UnknownSeat => Code::UnknownSeat,
        Refusal::WrongKind => Code::WrongKind,
        Refusal::SaleNotOpen(_) => Code::SaleNotOpen,
        Refusal::HoldNotActive(_) => Code::HoldNotActive,
        Refusal::HoldExpired => Code::HoldExpired,
        Refusal::NotYours => Code::Forbidden,
        Refusal::IllegalState(_)
        | Refusal::AlreadyUsed { .. }
        | Refusal::TicketRevoked { .. }
        | Refusal::IllegalSaleMove => Code::IllegalState,
        Refusal::OrderExpired => Code::OrderExpired,
        Refusal::LimitPerBuyer { .. } => Code::LimitPerUser,
        Refusal::TooManyHolds { .. } => Code::TooManyHolds,
        Refusal::HoldsPaused { .. } => Code::HoldsPaused,
        Refusal::NewAccountsFull { .. } => Code::NewAccountsFull,
        Refusal::SeatUnavailable(_) => Code::SeatUnavailable,
        Refusal::SoldOut { .. } => Code::SoldOut,
        Refusal::StockMoving => Code::StockMoving,
        Refusal::TooManyPayments => Code::TooManyPayments,
        Refusal::BadShow(_) => Code::BadShow,
        Refusal::CapacityInUse => Code::CapacityInUse,
        Refusal::ScheduleFull => Code::ScheduleFull,
        Refusal::LoginTaken => Code::LoginTaken,
        Refusal::UnknownAccount => Code::UnknownAccount,
        Refusal::AccountsFull => Code::AccountsFull,
        Refusal::PasswordChanged => Code::PasswordChanged,
        Refusal::UnknownSession => Code::SessionOver,
        Refusal::TokenReused => Code::TokenReused,
        Refusal::ResetInvalid => Code::ResetExpired,
        Refusal::UnknownApiKey => Code::UnknownKey,
        Refusal::TooManyApiKeys => Code::TooManyKeys,
        Refusal::Room(refusal) => room_refusals::code(*refusal),
        Refusal::Documents(refusal) => document_refusals::code(*refusal),
    }
}

fn labelled(plan: &SeatPlan, seat: SeatIx, status: Option<SeatStatus>) -> ProblemSeat {
    // An engine that names a seat beyond its own plan is at fault, but not worth a 500 here.
    let seat_id = if plan.contains(seat) { plan.label(seat).to_owned() } else { String::new() };
    ProblemSeat { seat_id, status: status.map(seat_status) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_engine::Timestamp;
    use usher_engine::plan::{PlanId, SeatPlanBuilder, SeatSpec};

    fn plan() -> SeatPlan {
        let mut builder = SeatPlanBuilder::new(PlanId([0; 16]), "Hall");
        let category = builder.category("Red").expect("a category");
        builder.section("Stalls", "st").expect("a section");
        builder.row("A").expect("a row");
        for label in ["A-1", "A-2"] {
            let spec = SeatSpec { label, number: "", category, x: 0.0, y: 0.0 };
            builder.seat(spec).expect("a seat");
        }
        builder.build().expect("a plan")
    }

    #[track_caller]
    fn check(error: impl Into<CallError>, code: Code, told: &[&str]) {
        let error = explain(error.into(), Some(&plan()));
        let words = format!("{error:?}");
        assert_eq!(error.code(), code, "{words}");
        for part in told {
            assert!(words.contains(part), "{words} does not say {part}");
        }
    }

    #[test]
    fn a_refusal_says_what_helps_to_act() {
        let taken = vec![(SeatIx(1), SeatStatus::Held)];
        check(
            Refusal::SeatUnavailable(taken),
            Code::SeatUnavailable,
            &["seat_id: \"A-2\"", "status: Some(Held)", "refusal: Some(20)"],
        );
        check(Refusal::DuplicateSeat(SeatIx(0)), Code::DuplicateSeat, &["\"A-1\"", "status: None"]);
        check(
            Refusal::LimitPerBuyer { units_max: 4, has: 3 },
            Code::LimitPerUser,
            &["remaining: Some(1)", "limit: Some(4)"],
        );
        check(
            Refusal::SaleNotOpen(NotOpen::TooEarly),
            Code::SaleNotOpen,
            &["state: Some(\"SCHEDULED\")"],
        );
        check(
            Refusal::IllegalState(OrderStatus::RefundPending),
            Code::IllegalState,
            &["state: Some(\"REFUND_PENDING\")"],
        );
        let until = Timestamp(1_900_000_000_000);
        check(Refusal::HoldsPaused { until }, Code::HoldsPaused, &["from 2030-03-17T17:46:40Z"]);
        let full = Refusal::NewAccountsFull { units_max: 5 };
        check(full, Code::NewAccountsFull, &["limit: Some(5)"]);
        check(Refusal::SoldOut { available: 3 }, Code::SoldOut, &["3 are left"]);
        check(Refusal::SoldOut { available: 0 }, Code::SoldOut, &["sold out"]);
    }

    #[test]
    fn what_may_pass_is_told_apart_from_what_is_unknown() {
        check(CallError::Unavailable(Unavailable::Busy), Code::Busy, &[]);
        check(CallError::Unavailable(Unavailable::DiskFull), Code::DiskFull, &[]);
        check(CallError::Unavailable(Unavailable::Draining), Code::Draining, &[]);
        check(CallError::Unavailable(Unavailable::Rebuilding), Code::Rebuilding, &[]);
        let quarantined = CallError::Unavailable(Unavailable::Quarantined);
        check(quarantined, Code::CommandQuarantined, &[]);
        check(CallError::OutcomeUnknown, Code::OutcomeUnknown, &["504"]);
    }

    #[test]
    fn seats_without_a_plan_are_not_named() {
        let error = ApiError::from(Refusal::DuplicateSeat(SeatIx(7)));
        assert!(format!("{error:?}").contains("seats: None"));
    }
}
