//! One person's place in a waiting room.

use crate::time::Timestamp;

/// Who has a place: the first 16 bytes of SHA-256("usher-entry" ‖ show id ‖ 0 ‖ user id), most
/// significant first. So lists of two shows cannot be joined, and who knows their user id finds
/// themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u128);

/// A pass within its room, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassNo(pub u32);

/// What a pass is for: 0 the seats of the house, `1 + pool` a stock pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassGoods(pub u8);

impl PassGoods {
    /// The seats of the house.
    pub const SEATS: Self = Self(0);

    /// Tickets of a pool, by its index.
    #[must_use]
    pub fn pool(pool: u16) -> Self {
        Self(u8::try_from(pool + 1).expect("a show has few pools"))
    }
}

/// A place. It stays for as long as the room does, so that who joins twice gets the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub entry: EntryId,
    /// In which lane, by its index.
    pub lane: u8,
    /// Calls that were not answered, since the person last joined.
    pub misses: u8,
    /// When it is this place's turn within its lane; only while it waits or returns.
    pub turn: u32,
    /// How it stands.
    pub state: PlaceState,
}

/// How a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceState {
    /// In the pre-queue: on the list, without a turn.
    Entered,
    /// Waits for its turn.
    Waiting,
    /// Was called, and may claim the pass before this moment.
    Called {
        /// The end of that time.
        claim_by: Timestamp,
    },
    /// Missed its call, and waits behind the block after it.
    Returning,
    /// Has a pass.
    Passed {
        /// Which.
        pass: PassNo,
        /// What for.
        goods: PassGoods,
        /// Until when it is good.
        expires_at: Timestamp,
    },
    /// It is over; who joins again stands at the end.
    Ended(EndCause),
}

/// Why a place is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// The pass was used.
    Used,
    /// The pass ran out unused.
    Lapsed,
    /// Too many calls were not answered.
    Missed,
    /// The person left.
    Left,
    /// An operator took it away.
    Expelled,
}

impl Place {
    /// When the call or the pass of this place runs out.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            PlaceState::Called { claim_by } => Some(claim_by),
            PlaceState::Passed { expires_at, .. } => Some(expires_at),
            PlaceState::Entered
            | PlaceState::Waiting
            | PlaceState::Returning
            | PlaceState::Ended(_) => None,
        }
    }
}
