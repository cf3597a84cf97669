//! The waiting room, as callers meet it.
//!
//! ```text
//!   buyers       joining, asking how a place stands, claiming the pass, the draw
//!   stream       the same as it changes
//!   organisers   setting a room up, giving the public value of its draw
//!   operators    looking, and steering by hand
//!   tokens       what a place and a pass look like outside, and whether they are ours
//!   describe     a place in words: position, wait, and when to ask again
//!   pass         whether a hold comes with a pass that is for it
//!   flow         how many are called, and when
//!   gauges       metrics over all rooms
//! ```
//!
//! To ask how a place stands is arithmetic over what is published: the token says which place it is
//! and proves whose, so nobody is asked. A pass is checked here as far as it can be, and spent by
//! the inventory that makes the hold.

mod buyers;
mod describe;
pub mod flow;
mod gauges;
mod operators;
mod organisers;
mod pass;
mod stream;
mod tokens;

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::http::route::{at, whole};
use actix_web::web::ServiceConfig;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use usher_engine::ShowKey;
use usher_engine::room::EntryId;
use usher_shards::RoomView;
use utoipa::OpenApi;

pub(crate) use gauges::{describe as describe_metrics, set as gauge};
pub use pass::of_request as pass_of_request;
pub use tokens::QueueKeys;

/// What all handlers of waiting rooms share.
pub struct Rooms {
    /// Signs and reads tokens of places and passes.
    keys: QueueKeys,
    /// What was measured of each room, and what keeps it from letting more in.
    flows: flow::Flows,
}

impl Rooms {
    /// Nothing was measured yet. `secret` must stay the same for as long as tokens are good.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self { keys: QueueKeys::new(secret), flows: flow::Flows::default() }
    }
}

/// What everybody can call, below `/api/v1`.
pub fn buyers_routes(service: &mut ServiceConfig) {
    let at = |pattern| whole("/api/v1", pattern);
    service
        .service(at("/queue").get(buyers::show).delete(buyers::leave))
        .service(at("/queue/claim").post(buyers::claim))
        .service(at("/queue/stream").get(stream::watch))
        .service(at("/shows/{showId}/queue").get(buyers::look).post(buyers::join))
        .service(at("/shows/{showId}/queue/draw").get(buyers::draw))
        .service(at("/shows/{showId}/queue/draw/entries").get(buyers::entries));
}

/// What organisers can call, relative to `/admin/v1`.
pub fn organisers_routes(service: &mut ServiceConfig) {
    let at = |pattern| at("/admin/v1", pattern);
    service
        .service(at("/shows/{showId}/queue").put(organisers::set_up).delete(organisers::turn_off))
        .service(at("/shows/{showId}/queue/draw").post(organisers::draw));
}

/// What operators can call, relative to `/ops/v1`.
pub fn operators_routes(service: &mut ServiceConfig) {
    let at = |pattern| at("/ops/v1", pattern);
    service
        .service(at("/shows/{showId}/queue").get(operators::show))
        .service(at("/shows/{showId}/queue/open").post(operators::open))
        .service(at("/shows/{showId}/queue/close").post(operators::close))
        .service(at("/shows/{showId}/queue/pause").post(operators::pause))
        .service(at("/shows/{showId}/queue/resume").post(operators::resume))
        .service(at("/shows/{showId}/queue/outflow").post(operators::set_flow))
        .service(at("/shows/{showId}/queue/call").post(operators::call))
        .service(at("/shows/{showId}/queue/expel").post(operators::expel));
}

/// Everything about waiting rooms, described.
#[derive(OpenApi)]
#[openapi(paths(
    buyers::look,
    buyers::join,
    buyers::show,
    buyers::leave,
    buyers::claim,
    buyers::draw,
    buyers::entries,
    stream::watch,
    organisers::set_up,
    organisers::turn_off,
    organisers::draw,
    operators::show,
    operators::open,
    operators::close,
    operators::pause,
    operators::resume,
    operators::set_flow,
    operators::call,
    operators::expel,
))]
pub struct Api;

/// Who stands in a show's line: see [`EntryId`].
fn entry_id(show_id: &str, user_id: &str) -> EntryId {
    let mut hash = Sha256::new();
    hash.update(b"usher-entry");
    hash.update(show_id.as_bytes());
    hash.update([0]);
    hash.update(user_id.as_bytes());
    let digest = hash.finalize();
    EntryId(u128::from_be_bytes(digest[..16].try_into().expect("32 bytes")))
}

/// The published waiting room of a show.
///
/// # Errors
/// [`Code::UnknownQueue`].
fn room(app: &App, key: ShowKey) -> Result<Arc<RoomView>, ApiError> {
    app.router.directory().room(key).ok_or_else(|| ApiError::new(Code::UnknownQueue))
}

#[cfg(test)]
mod tests {
    use super::entry_id;

    /// Part of the published recipe.
    #[test]
    fn an_entry_can_be_computed_with_any_sha_256() {
        // printf 'usher-entryhamlet\0ada' | sha256sum | cut -c1-32
        assert_eq!(
            format!("{:032x}", entry_id("hamlet", "ada").0),
            "c89dafd9ff069cd2341b55f77505bc32"
        );
        assert_ne!(entry_id("hamlet", "ada"), entry_id("hamle", "tada"));
        assert_ne!(entry_id("hamlet", "ada"), entry_id("othello", "ada"));
    }
}
