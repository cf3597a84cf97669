//! Every response names its request, and so do every problem and every log line about it.
//!
//! The id travels beside the request as a task-local, since a problem may be made at a place that
//! never saw the request (a body's fault, a panic's answer).

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use std::mem;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};
use tracing::{Instrument as _, Span};

/// The header.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a caller that is echoed.
const CHARS_MAX: usize = 128;

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// The id of the request that this task is about; `None` outside of one.
pub fn current() -> Option<String> {
    CURRENT.try_with(|id| text(id).to_owned()).ok()
}

/// A request on its way to an answer that bears its name.
pub struct Named {
    id: HeaderValue,
    span: Span,
    begun: Instant,
}

impl Named {
    /// Takes the id that the caller gave it, or makes one.
    pub fn begin(request: &RequestHead) -> Self {
        let given = request.headers().get(X_REQUEST_ID).filter(|id| is_sane(id.as_bytes()));
        let id = given.cloned().unwrap_or_else(new_id);
        let span = tracing::debug_span!(
            "request",
            id = text(&id),
            method = %request.method,
            path = request.uri.path(),
        );
        Self { id, span, begun: Instant::now() }
    }

    /// Does what is done to answer it: problems and log lines find its name. Pinned by whoever
    /// asks, since it is large and would be moved otherwise.
    pub async fn within<F: Future>(&mut self, answer: Pin<&mut F>) -> F::Output {
        let id = mem::replace(&mut self.id, HeaderValue::from_static(""));
        let mut named = pin!(CURRENT.scope(id, answer));
        let output = named.as_mut().instrument(self.span.clone()).await;
        self.id = named.take_value().expect("nobody else takes it");
        output
    }

    /// Names its answer and logs it. Says how long it took.
    pub fn end(self, status: StatusCode, headers: &mut HeaderMap) -> Duration {
        headers.insert(X_REQUEST_ID, self.id);
        let took = self.begun.elapsed();
        crate::telemetry::log_answer(&self.span, status, took);
        took
    }
}

fn new_id() -> HeaderValue {
    let id = data_encoding::HEXLOWER.encode(&rand::random::<[u8; 12]>());
    HeaderValue::try_from(id).expect("digits are a header value")
}

fn text(id: &HeaderValue) -> &str {
    id.to_str().expect("sane ids are ASCII")
}

/// Whether a caller's id may be echoed and logged: short, printable, no spaces or quotes.
fn is_sane(id: &[u8]) -> bool {
    (1..=CHARS_MAX).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || b"._-+/=:".contains(b))
}

#[cfg(test)]
mod tests {
    use super::is_sane;

    #[test]
    fn only_harmless_ids_are_echoed() {
        for good in ["a", "0198-ab.c_d:e/f+g=", &"x".repeat(128)] {
            assert!(is_sane(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "a\"b", "ü", "a\tb", &"x".repeat(129)] {
            assert!(!is_sane(bad.as_bytes()), "{bad}");
        }
    }
}
