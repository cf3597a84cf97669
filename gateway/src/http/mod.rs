//! What every route shares: request ids, bodies with pointers to their faults, problems, keys.

pub mod auth;
pub mod body;
mod document_refusals;
pub mod fallback;
pub mod json;
pub mod packing;
pub mod problem;
pub mod query;
pub mod refusals;
pub mod request_id;
pub mod room_refusals;
pub mod route;

pub use body::Body;
pub use json::json;
pub use problem::{ApiError, Code};
pub use query::QueryOf;
