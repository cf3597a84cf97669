//! The state of all seats of one show: who owns which, and which to give to the next buyer.
//!
//! [`SeatMap`] is the state, [`BestQuery`] asks it for the best seats that are free, [`Seats`] are
//! some that somebody chose, and [`Bitmap`] is what all of it stands on. Nothing here knows of
//! holds, prices or time: a hold is a number that owns seats.

mod best;
mod bitmap;
mod chosen;
mod map;
mod runs;
#[cfg(test)]
mod tests;

pub use best::BestQuery;
pub use bitmap::Bitmap;
pub use chosen::Seats;
pub use map::{SeatCounts, SeatMap, SeatStatus};
