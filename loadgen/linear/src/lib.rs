//! Was it as if each request had happened at one instant, between its call and its answer?
//!
//! ```text
//!   history ──► one part per lot ──► search ──► an order that explains it, or none: told in words
//!      │          (seat or pool)       ▲
//!      │                               └─ Lot: how one seat or pool behaves, one call at a time
//!      └──────► versions: what was told of the whole house never goes back
//! ```
//!
//! A client saw when it asked and when it was answered; the server promises that every answer is
//! true at some instant in between. For all requests about one seat, or one stock pool, this is
//! checked by looking for one order of instants that explains all answers ([`search`]). A request
//! whose answer never came (the server was killed, the client went away) may have happened at any
//! instant after it was sent, or never. Since requests about different lots share no state, a
//! history is linearizable exactly if the history of each lot is.
//!
//! Nothing here knows the engine: [`Lot`] is written from the HTTP contract. The search itself is
//! held against another one, stateright's, on thousands of small histories (`tests/`).

mod explain;
mod history;
mod lot;
mod search;
mod versions;

pub use explain::{Speak, explain};
pub use history::{Ending, Operation};
pub use lot::{Answer, Call, HoldIx, Lot, SeatStatus, Stage, State, Units, Why};
pub use search::{Model, Verdict, search};
pub use versions::{Broken, Told, check_versions};
