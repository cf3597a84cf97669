//! What an inventory says "no" with about the people whom an order names, as a problem for a
//! caller: see `refusals`.

use super::problem::{ApiError, Code};
use usher_engine::inventory::DocumentRefusal;

/// Adds to a problem what helps to act on it. The document itself is never said.
pub(super) fn refused(refusal: DocumentRefusal, error: ApiError) -> ApiError {
    match refusal {
        DocumentRefusal::Wanted { wanted } => error.limit(u64::from(wanted)).pointer("/attendees"),
        DocumentRefusal::NotAsked => error.pointer("/attendees"),
        DocumentRefusal::Limit { units_max, has, place } => error
            .limit(u64::from(units_max))
            .remaining(units_max.saturating_sub(has))
            .pointer(format!("/attendees/{place}/document")),
    }
}

/// The code that a caller is told.
pub(super) fn code(refusal: DocumentRefusal) -> Code {
    match refusal {
        DocumentRefusal::Wanted { .. } => Code::NamesRequired,
        DocumentRefusal::NotAsked => Code::NamesNotAsked,
        DocumentRefusal::Limit { .. } => Code::LimitPerDocument,
    }
}
