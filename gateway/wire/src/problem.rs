//! Problem details (RFC 9457), the body of every answer that is not a success.
//!
//! `code` is what a program looks at: it is stable, and new ones are only added. `detail` is for
//! the person who reads a log at night and may change.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a problem.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was not done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable relative URI that explains this kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words, always the same for one `code`.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A stable upper-case word.
    pub code: String,
    /// The request, as in the `X-Request-Id` header and in our logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The JSON pointer (RFC 6901) of the field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The query parameter or header that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The seats that were in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Vec<ProblemSeat>>,
    /// How many more tickets this buyer may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u32>,
    /// The limit that was met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The state that did not allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where to ask for the challenge that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// The engine's number of this refusal; numbers are only ever added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<u16>,
}

/// A seat that was in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemSeat {
    /// The seat.
    pub seat_id: String,
    /// Its state; absent where there is no such seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<crate::SeatStatus>,
}
