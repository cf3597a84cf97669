//! `GET …/queue/stream`: how a place stands, as it changes.
//!
//! What is published is looked at once a second, which costs less than to remember who waits for
//! what; and only what a person would notice is sent.

use super::buyers::{read, token};
use super::tokens::PlaceToken;
use crate::app::App;
use crate::buyers::sse;
use crate::http::problem::ApiError;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use usher_wire::{PlaceStatus, QueuePlace};

/// How often a place is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often something is said where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after so long; a browser that is still interested comes back by itself.
const LIFE_MAX: Duration = Duration::from_secs(20 * 60);

/// How a place stands, each time as the whole place. Ends when the place does.
#[utoipa::path(
    get, path = "/api/v1/queue/stream", tag = "queue", operation_id = "watchPlace",
    params(
        ("X-Queue-Token" = Option<String>, Header, description = "The token of the place"),
        ("token" = Option<String>, Query, description = "The same, where headers cannot be set"),
    ),
    responses(
        (status = 200, body = sse::StreamEvent,
         description = "Server-sent events; data is a QueuePlace",
         content_type = "text/event-stream"),
    ),
)]
pub(super) async fn watch(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let token = token(&app, &request)?;
    let permit = sse::place(&app)?;
    // The first is read before the status is sent, so that an unknown place is a 404.
    let first = read(&app, &token)?;
    let now = Instant::now();
    let (found, shown) = (Some(first), None);
    let watch =
        Watch { app, token, _permit: permit, shown, found, said_at: now, ends_at: now + LIFE_MAX };
    let frames = stream::unfold(watch, |mut watch| async move {
        let frame = watch.next().await?;
        Some((frame, watch))
    });
    Ok(sse::respond(frames))
}

struct Watch {
    app: Data<App>,
    token: PlaceToken,
    _permit: OwnedSemaphorePermit,
    /// What was sent last.
    shown: Option<QueuePlace>,
    /// What was read and not yet looked at.
    found: Option<QueuePlace>,
    said_at: Instant,
    ends_at: Instant,
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        if self.shown.as_ref().is_some_and(|place| place.status == PlaceStatus::Ended) {
            return None;
        }
        loop {
            if let Some(place) = self.found.take()
                && self.is_news(&place)
            {
                return Some(self.tell(place));
            }
            if Instant::now() >= self.ends_at {
                return None;
            }
            if self.said_at.elapsed() >= HEARTBEAT {
                self.said_at = Instant::now();
                return Some(Bytes::from_static(b":\n\n"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.found = Some(read(&self.app, &self.token).ok()?);
        }
    }

    /// Whether anything changed but what a clock can tell.
    fn is_news(&self, place: &QueuePlace) -> bool {
        let timeless = |place: &QueuePlace| QueuePlace {
            estimated_wait_seconds: None,
            wait_basis: None,
            next_poll_seconds: 0,
            ..place.clone()
        };
        self.shown.as_ref().is_none_or(|shown| timeless(shown) != timeless(place))
    }

    fn tell(&mut self, place: QueuePlace) -> Bytes {
        let data = serde_json::to_string(&place).expect("a place is plain data");
        self.shown = Some(place);
        self.said_at = Instant::now();
        sse::frame("place", &data, None)
    }
}
