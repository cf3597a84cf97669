//! What a waiting room says "no" with, as a problem for a caller: see `refusals`.

use super::problem::{ApiError, Code};
use super::refusals::word;
use usher_engine::room::{EndCause, RoomRefusal, Stage};

/// Adds to a problem what helps to act on it.
pub(super) fn refused(refusal: RoomRefusal, error: ApiError) -> ApiError {
    match refusal {
        RoomRefusal::NotOpen(stage)
        | RoomRefusal::NotSelling(stage)
        | RoomRefusal::IllegalMove(stage) => error.state(word(queue_state(stage))),
        RoomRefusal::Ended(cause) => error.state(word(end_cause(cause))),
        RoomRefusal::Paused => error.state("PAUSED"),
        RoomRefusal::NoRoom
        | RoomRefusal::Full
        | RoomRefusal::UnknownLane
        | RoomRefusal::UnknownPlace
        | RoomRefusal::NotCalled
        | RoomRefusal::Missed
        | RoomRefusal::Expelled
        | RoomRefusal::BadSetup(_)
        | RoomRefusal::DrawnAlready
        | RoomRefusal::PassRequired
        | RoomRefusal::PassExpired
        | RoomRefusal::PassUsed => error,
    }
}

/// The code that a caller is told.
pub(super) fn code(refusal: RoomRefusal) -> Code {
    match refusal {
        RoomRefusal::NoRoom => Code::UnknownQueue,
        RoomRefusal::NotOpen(_) | RoomRefusal::NotSelling(_) | RoomRefusal::Paused => {
            Code::QueueNotOpen
        }
        RoomRefusal::IllegalMove(_) | RoomRefusal::DrawnAlready => Code::IllegalState,
        RoomRefusal::Full => Code::QueueFull,
        RoomRefusal::UnknownLane => Code::UnknownLane,
        RoomRefusal::UnknownPlace => Code::UnknownPlace,
        RoomRefusal::NotCalled => Code::NotYourTurn,
        RoomRefusal::Missed => Code::CallMissed,
        RoomRefusal::Ended(_) => Code::PlaceEnded,
        RoomRefusal::Expelled => Code::PlaceTakenAway,
        RoomRefusal::BadSetup(_) => Code::BadQueue,
        RoomRefusal::PassRequired => Code::PassRequired,
        RoomRefusal::PassExpired => Code::PassExpired,
        RoomRefusal::PassUsed => Code::PassUsed,
    }
}

/// How far a room has come, as callers read it.
pub fn queue_state(stage: Stage) -> usher_wire::QueueState {
    match stage {
        Stage::Closed => usher_wire::QueueState::Closed,
        Stage::PreQueue => usher_wire::QueueState::PreQueue,
        Stage::Drawing => usher_wire::QueueState::Drawing,
        Stage::Open => usher_wire::QueueState::Open,
        Stage::Selling => usher_wire::QueueState::Selling,
        Stage::Drained => usher_wire::QueueState::Drained,
    }
}

/// Why a place is over, as callers read it.
pub fn end_cause(cause: EndCause) -> usher_wire::PlaceEnd {
    match cause {
        EndCause::Used => usher_wire::PlaceEnd::Used,
        EndCause::Lapsed => usher_wire::PlaceEnd::Lapsed,
        EndCause::Missed => usher_wire::PlaceEnd::Missed,
        EndCause::Left => usher_wire::PlaceEnd::Left,
        EndCause::Expelled => usher_wire::PlaceEnd::Expelled,
    }
}
