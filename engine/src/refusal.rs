//! Why a command was refused: a closed list whose numbers are only ever appended.
//!
//! Where several reasons apply, the first in this order of checks is given: show and subject known,
//! idempotency key, form of the request, state of the sale, state of the subject, limits, stock.

use crate::inventory::{DocumentRefusal, HoldStatus, OrderStatus};
use crate::plan::SeatIx;
use crate::room::RoomRefusal;
use crate::seats::SeatStatus;
use crate::show::NotOpen;
use crate::time::Timestamp;

/// A refusal. It changed nothing, and nothing was recorded for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such show, or not such a part of it.
    #[error("no such show")]
    UnknownShow,
    /// No such hold here.
    #[error("no such hold")]
    UnknownHold,
    /// No such order here.
    #[error("no such order")]
    UnknownOrder,
    /// No such ticket here.
    #[error("no such ticket")]
    UnknownTicket,
    /// The show id is taken.
    #[error("a show with this id exists")]
    ShowExists,
    /// The same idempotency key was used for something else.
    #[error("this idempotency key was used with another request")]
    KeyReused,
    /// Asked for nothing.
    #[error("ask for at least one")]
    NothingAsked,
    /// Asked for more than one hold may have.
    #[error("one hold may have at most {units_max}")]
    TooManyUnits {
        /// The bound.
        units_max: u32,
    },
    /// The same seat twice in one hold.
    #[error("the same seat is named twice")]
    DuplicateSeat(SeatIx),
    /// A seat, category or section that the plan does not have.
    #[error("the plan has no such seat, category or section")]
    UnknownSeat,
    /// Seats were asked of stock, or stock of seats.
    #[error("this part of the show does not sell that")]
    WrongKind,
    /// The sale takes no holds now.
    #[error("the sale is not open")]
    SaleNotOpen(NotOpen),
    /// The hold has ended otherwise than by time.
    #[error("the hold is not active")]
    HoldNotActive(HoldStatus),
    /// The hold's time is over.
    #[error("the hold has expired")]
    HoldExpired,
    /// The hold or order belongs to another buyer.
    #[error("this belongs to another buyer")]
    NotYours,
    /// The order is not in a state in which that can be done.
    #[error("the order's state does not allow that")]
    IllegalState(OrderStatus),
    /// The order's time to pay is over.
    #[error("the time to pay is over")]
    OrderExpired,
    /// More than one buyer may have of this.
    #[error("one buyer may have at most {units_max}")]
    LimitPerBuyer {
        /// The bound.
        units_max: u32,
        /// What the buyer has already.
        has: u32,
    },
    /// Too many holds of one buyer at once.
    #[error("one buyer may have at most {holds_max} holds at once")]
    TooManyHolds {
        /// The bound.
        holds_max: u32,
    },
    /// Holds of this buyer ran out unpaid, again and again.
    #[error("holds ran out unpaid; the next may be placed at {until}")]
    HoldsPaused {
        /// When the pause ends.
        until: Timestamp,
    },
    /// New accounts hold as much as they may together.
    #[error("new accounts may hold at most {units_max} at once")]
    NewAccountsFull {
        /// The bound.
        units_max: u32,
    },
    /// Some of the seats are not free.
    #[error("some of the seats are not available")]
    SeatUnavailable(Vec<(SeatIx, SeatStatus)>),
    /// Not enough left.
    #[error("sold out")]
    SoldOut {
        /// What is still free, though less than asked for.
        available: u32,
    },
    /// Stock is on its way between segments; nothing happened.
    #[error("stock is being moved")]
    StockMoving,
    /// Too many payments on one order.
    #[error("too many payment attempts")]
    TooManyPayments,
    /// What the organiser gave makes no show.
    #[error("{0}")]
    BadShow(&'static str),
    /// A capacity cannot go below what is sold and held.
    #[error("capacity cannot go below what is sold or held")]
    CapacityInUse,
    /// The ticket was used.
    #[error("the ticket was used")]
    AlreadyUsed {
        /// When.
        at: Timestamp,
        /// Where.
        gate: Box<str>,
    },
    /// The ticket was taken back; its money is due or was given back.
    #[error("the ticket is no longer valid")]
    TicketRevoked {
        /// Whether the money was given back already.
        refunded: bool,
    },
    /// The sale cannot be moved that way from where it is.
    #[error("the sale is not in a state in which that can be done")]
    IllegalSaleMove,
    /// Too many batches wait to go on sale.
    #[error("too many batches are scheduled")]
    ScheduleFull,
    /// The login belongs to an account already.
    #[error("an account with this login exists")]
    LoginTaken,
    /// No account of this number or login (any more).
    #[error("no such account")]
    UnknownAccount,
    /// As many accounts as one bucket may have, or a number that is taken.
    #[error("there is no room for another account")]
    AccountsFull,
    /// What was checked is not the password any more.
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    /// The session ended, or was never opened.
    #[error("no such session")]
    UnknownSession,
    /// A refresh token that was replaced came back.
    #[error("the refresh token was used before; its session has ended")]
    TokenReused,
    /// The token that resets a password was used, replaced, or its time is over.
    #[error("the way to reset the password is not good (any more)")]
    ResetInvalid,
    /// No key of this number (any more).
    #[error("no such key")]
    UnknownApiKey,
    /// As many keys of integrators as there may be.
    #[error("there are as many keys as there may be")]
    TooManyApiKeys,
    /// A waiting room, or an inventory that wants its passes, says no.
    #[error(transparent)]
    Room(#[from] RoomRefusal),
    /// The people whom an order names do not do.
    #[error(transparent)]
    Documents(#[from] DocumentRefusal),
}

impl Refusal {
    /// The stable number of this refusal.
    #[must_use]
    pub fn number(&self) -> u16 {
        // Listed rather than cast, so that moving a variant cannot renumber it.
        match self {
            Self::UnknownShow => 1,
            Self::UnknownHold => 2,
            Self::UnknownOrder => 3,
            Self::UnknownTicket => 4,
            Self::ShowExists => 5,
            Self::KeyReused => 6,
            Self::NothingAsked => 7,
            Self::TooManyUnits { .. } => 8,
            Self::DuplicateSeat(_) => 9,
            Self::UnknownSeat => 10,
            Self::WrongKind => 11,
            Self::SaleNotOpen(_) => 12,
            Self::HoldNotActive(_) => 13,
            Self::HoldExpired => 14,
            Self::NotYours => 15,
            Self::IllegalState(_) => 16,
            Self::OrderExpired => 17,
            Self::LimitPerBuyer { .. } => 18,
            Self::TooManyHolds { .. } => 19,
            Self::SeatUnavailable(_) => 20,
            Self::SoldOut { .. } => 21,
            Self::StockMoving => 22,
            Self::TooManyPayments => 23,
            Self::BadShow(_) => 24,
            Self::CapacityInUse => 25,
            Self::AlreadyUsed { .. } => 26,
            Self::TicketRevoked { .. } => 27,
            Self::IllegalSaleMove => 28,
            Self::ScheduleFull => 29,
            Self::LoginTaken => 30,
            Self::UnknownAccount => 31,
            Self::AccountsFull => 32,
            Self::PasswordChanged => 33,
            Self::UnknownSession => 34,
            Self::TokenReused => 35,
            Self::ResetInvalid => 36,
            Self::UnknownApiKey => 37,
            Self::TooManyApiKeys => 38,
            Self::HoldsPaused { .. } => 39,
            Self::NewAccountsFull { .. } => 40,
            Self::Room(refusal) => refusal.number(),
            Self::Documents(refusal) => refusal.number(),
        }
    }
}
