//! The JSON that crosses Usher's HTTP boundary, one module per caller.
//!
//! These types are the contract and nothing else: no engine type appears here, so the engine may
//! change without a caller noticing, and a client (the load generator is one) can use this crate
//! alone. Three things always hold:
//!
//! - names are camelCase, times are RFC 3339 in UTC, money is integer cents beside an ISO 4217
//!   currency, ids are opaque strings;
//! - a request with a field that we do not know is refused, since a misspelt option that is
//!   silently ignored sells the wrong thing; only seating plans may carry more than we read;
//! - a response may gain fields, so its types accept what they do not know.
//!
//! ```text
//!   attendees   everywhere   who comes, where a show asks for it
//!   buyers      /api/v1      shows, seats, holds, orders
//!   challenge   /api/v1      what is asked of who joins or registers
//!   tickets     /api/v1      tickets, check-ins, keys
//!   queue       everywhere   the waiting room
//!   payments    /api/v1      starting a payment, the provider's callback
//!   organisers  /admin/v1    plans, shows, what is on sale, reports, the counter
//!   identity    /api/v1      accounts, tokens, keys of integrators
//!   operators   /ops/v1      shards, partitions, snapshots, audit, history
//!   risk        /admin/v1    by which rules requests are found risky
//!   problem     everywhere   RFC 9457 problem details
//!   plan        /admin/v1    pretix's seating-plan JSON
//!   seatmap     /api/v1      the compact binary seat map (`USM1`)
//! ```

pub mod attendees;
pub mod buyers;
pub mod challenge;
pub mod identity;
pub mod operators;
pub mod organisers;
pub mod payments;
pub mod plan;
pub mod problem;
pub mod queue;
pub mod risk;
pub mod seatmap;
pub mod tickets;

pub use attendees::*;
pub use buyers::*;
pub use challenge::*;
pub use identity::*;
pub use operators::*;
pub use organisers::*;
pub use payments::*;
pub use problem::*;
pub use queue::*;
pub use risk::*;
pub use tickets::*;
