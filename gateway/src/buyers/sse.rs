//! Server-sent events, as the HTML standard has them: what all streams share.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::StreamExt as _;
use tokio::sync::OwnedSemaphorePermit;

/// One event of a stream, as the document describes it: a stream is many of them.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is described here and written by `frame`")]
pub(crate) struct StreamEvent {
    /// What kind of news it is.
    event: Option<String>,
    /// Where to go on: send it back as `Last-Event-ID`.
    id: Option<String>,
    /// JSON.
    data: Option<String>,
    /// How long to wait before coming back, in milliseconds.
    retry: Option<String>,
}

/// A place for one more stream; given back when it is dropped.
///
/// # Errors
/// [`Code::Busy`] where as many are open as may.
pub(crate) fn place(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    let place = app.streams.clone().try_acquire_owned();
    // Nobody leaves a stream within a second, so asking again soon would only add to the load.
    let full = || ApiError::new(Code::Busy).detail("too many streams are open").retry_after(10);
    place.map_err(|_| full())
}

/// Sends frames for as long as there are any. The stream is polled only while its reader keeps
/// up, so what waits for a slow one is bounded by the connection's buffer.
pub(crate) fn respond(frames: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-cache, no-transform"))
        // A compressor would keep frames back until it has enough of them.
        .insert_header((CONTENT_ENCODING, HeaderValue::from_static("identity")))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(frames.map(Ok::<_, std::convert::Infallible>))
}

/// One event of a stream. `data` has no line breaks, since JSON escapes them.
pub(crate) fn frame(event: &str, data: &str, id: Option<u64>) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!("event: {event}\n{id}data: {data}\n\n"))
}
