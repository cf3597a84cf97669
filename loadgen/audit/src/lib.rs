//! An audit of a sale, made from what buyers were told.
//!
//! The load generator writes down every answer that the server acknowledged. When the run is over
//! it reads everything back from the server, and this crate compares the two.
//!
//! ```text
//!  answers, as they arrived ──► Record ─┐
//!                                       ├──► check(record, server, rules) ──► Verdict
//!  answers, re-read at the end ► ServerSide ┘                                  (violations + evidence)
//! ```
//!
//! **Invariant: this crate depends on no other crate of the workspace.** A mistake in the engine's
//! idea of what a sale is must not be repeated here, so nothing is shared: not the types on the
//! wire, not the states, not the layout of a ticket's payload.
//!
//! The checks are *sound*: what they report did happen, whatever was in flight, lost or retried.
//! A hold counts from the moment its acknowledgement was read, until the earliest moment at which
//! its end was possible; so two holds that overlap here overlapped on the server too.

mod checks;
mod keys;
mod payload;
mod record;
mod server;
mod spans;
mod verdict;

pub use checks::{Rules, check};
pub use keys::{Jwk, KeySet, SignatureFault};
pub use payload::{Payload, PayloadFault};
pub use record::{Entry, Place, Record, RecordError, Via};
pub use server::{
    HoldNow, LiveCounts, OpsAudit, OrderNow, SeatNow, ServerSide, StockNow, TicketNow, TicketRef,
};
pub use verdict::{Rule, Verdict, Violation};
