//! Why a waiting room says no.

use super::Stage;
use super::place::EndCause;

/// A refusal of a room. Numbers are only ever appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomRefusal {
    /// The show has no waiting room.
    #[error("this show has no waiting room")]
    NoRoom,
    /// People may not join now.
    #[error("the waiting room takes nobody now")]
    NotOpen(Stage),
    /// No more people fit in.
    #[error("the waiting room is full")]
    Full,
    /// The lane does not exist.
    #[error("the waiting room has no such lane")]
    UnknownLane,
    /// Nobody has this place, or somebody else has.
    #[error("no such place in this waiting room")]
    UnknownPlace,
    /// It is not this person's turn.
    #[error("it is not your turn yet")]
    NotCalled,
    /// The call was not answered in time; the place is behind the next block.
    #[error("your call was not answered in time; you are behind the next block")]
    Missed,
    /// The place has ended.
    #[error("this place has ended")]
    Ended(EndCause),
    /// An operator sent this person away.
    #[error("an operator has taken this place away")]
    Expelled,
    /// Nobody is called while the room stands like this.
    #[error("the waiting room lets nobody in now")]
    NotSelling(Stage),
    /// The room cannot be moved that way from where it is.
    #[error("the waiting room is not in a state in which that can be done")]
    IllegalMove(Stage),
    /// The room is paused.
    #[error("the waiting room is paused")]
    Paused,
    /// What the organiser gave makes no room, or changes what may not change any more.
    #[error("{0}")]
    BadSetup(&'static str),
    /// The draw has another public value already.
    #[error("the public value of the draw is fixed already")]
    DrawnAlready,
    /// Nothing is held without a pass while the room is on.
    #[error("a pass of the waiting room is required")]
    PassRequired,
    /// The pass ran out.
    #[error("the pass has run out")]
    PassExpired,
    /// The pass was used for a hold already.
    #[error("the pass was used")]
    PassUsed,
}

impl RoomRefusal {
    /// The stable number of this refusal, among all refusals.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::NoRoom => 101,
            Self::NotOpen(_) => 102,
            Self::Full => 103,
            Self::UnknownLane => 104,
            Self::UnknownPlace => 105,
            Self::NotCalled => 106,
            Self::Missed => 107,
            Self::Ended(_) => 108,
            Self::Expelled => 109,
            Self::NotSelling(_) => 110,
            Self::IllegalMove(_) => 111,
            Self::Paused => 112,
            Self::BadSetup(_) => 113,
            Self::DrawnAlready => 114,
            Self::PassRequired => 115,
            Self::PassExpired => 116,
            Self::PassUsed => 117,
        }
    }
}
