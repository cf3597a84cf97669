//! Every response names its request, and so do every problem and every log line about it.
//!
//! The id travels beside the request as a task-local, since a problem may be made at a place that
//! never saw the request (a body's fault, a panic's answer).

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use std::time::Instant;
use tracing::Instrument as _;

/// The header.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a caller that is echoed.
const CHARS_MAX: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task is about; `None` outside of one.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Names the request, and logs how it ended.
pub async fn name_request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let given = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = match given.filter(|id| is_sane(id)) {
        Some(id) => id.to_owned(),
        None => data_encoding::HEXLOWER.encode(&rand::random::<[u8; 12]>()),
    };
    let header = HeaderValue::from_str(&id).expect("a sane id is a header value");
    let span = tracing::debug_span!(
        "request",
        id,
        method = %request.method(),
        path = request.path(),
    );
    let started = Instant::now();
    let answered = CURRENT.scope(id, next.call(request)).instrument(span.clone()).await;
    answered.map(|mut response| {
        response.headers_mut().insert(X_REQUEST_ID, header);
        crate::telemetry::observe_request(&span, &response, started.elapsed());
        response
    })
}

/// Whether a caller's id may be echoed and logged: short, printable, no spaces or quotes.
fn is_sane(id: &str) -> bool {
    (1..=CHARS_MAX).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+/=:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::is_sane;

    #[test]
    fn only_harmless_ids_are_echoed() {
        for good in ["a", "0198-ab.c_d:e/f+g=", &"x".repeat(128)] {
            assert!(is_sane(good), "{good}");
        }
        for bad in ["", "a b", "a\"b", "ü", "a\tb", &"x".repeat(129)] {
            assert!(!is_sane(bad), "{bad}");
        }
    }
}
