//! `GET …/seats/stream`: one reader of a show's feed.

use crate::app::App;
use crate::http::problem::ApiError;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use usher_wire::Problem;

use super::{lookup, sse};

/// What a browser does about a broken stream: it waits so long, in milliseconds, and comes back.
const HELLO: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// Changes of a show's seats as they happen. `snapshot` events have packed states as the compact
/// seat map has them, from seat `first` on; `changes` events have labels by status. The `id` is the
/// version.
#[utoipa::path(
    get, path = "/api/v1/shows/{showId}/seats/stream", tag = "buyers", operation_id = "watchSeats",
    params(
        ("showId" = String, Path, description = "The show"),
        ("Last-Event-ID" = Option<String>, Header, description = "Where to go on"),
    ),
    responses(
        (status = 200, body = sse::StreamEvent, description = "Server-sent events",
         content_type = "text/event-stream"),
        (status = 404, body = Problem, description = "No such show",
         content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "Too many streams",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn watch(
    app: Data<App>,
    show_id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let place = sse::place(&app)?;
    // Whatever is no version of ours gets a snapshot.
    let last_seen = request.headers().get("Last-Event-ID");
    let last_seen = last_seen.and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let reader = app.feeds.join(view, last_seen);
    let frames = stream::unfold((reader, place), |(mut reader, place)| async move {
        let frame = reader.next().await?;
        Some((frame, (reader, place)))
    });
    Ok(sse::respond(stream::iter([HELLO]).chain(frames)))
}
