//! The stage that every write goes through: its address is counted, and its answer says what is
//! left.

use std::fmt::Write as _;

use actix_web::dev::{RequestHead, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpResponse};

use super::{Limits, Word, Words};
use crate::http::fallback::Answered;
use crate::http::problem::ApiError;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Refuses what is more than an address may do, before anything of its body is read.
///
/// # Errors
/// Those of the handler.
pub async fn limit(
    limits: &Limits,
    request: ServiceRequest,
    answer: impl AsyncFnOnce(ServiceRequest) -> Answered,
) -> Answered {
    let (words, begun) = begin(limits, request.head());
    let Some(words) = words else { return answer(request).await };
    if let Err(error) = begun {
        let mut response = HttpResponse::from_error(error);
        describe(&words, response.headers_mut());
        return Ok(request.into_response(response));
    }
    request.extensions_mut().insert(words);
    let mut response = answer(request).await?;
    let words = response.request().extensions_mut().remove::<Words>();
    describe(&words.unwrap_or_default(), response.headers_mut());
    Ok(response)
}

/// Counts a request for its address. There are words of those only that are limited.
pub fn begin(limits: &Limits, request: &RequestHead) -> (Option<Words>, Result<(), ApiError>) {
    let peer = request.peer_addr.filter(|_| counts(request));
    let client = peer.and_then(|peer| limits.clients.counted(peer.ip(), request.headers()));
    let Some(client) = client else { return (None, Ok(())) };
    let mut words = Words::default();
    let taken = match &limits.address {
        Some(layer) => words.add(layer.take(&client)),
        None => Ok(()),
    };
    (Some(words), taken)
}

/// Whether it is a write of a buyer: organisers have keys, and are not limited.
fn counts(request: &RequestHead) -> bool {
    let path = request.uri.path();
    matches!(request.method, Method::POST | Method::DELETE)
        && path.starts_with("/api/v1/")
        && !path.ends_with("/payments/callback")
        && !path.ends_with("/checkins")
}

/// Says in an answer what is left. Both headers are lists, with one member a layer.
pub fn describe(Words(words): &Words, headers: &mut HeaderMap) {
    if words.is_empty() {
        return;
    }
    let (mut policy, mut state) = (String::new(), String::new());
    for Word { layer, per_second, left, reset_seconds, .. } in words {
        let comma = if policy.is_empty() { "" } else { ", " };
        let _ = write!(policy, "{comma}\"{layer}\";q={per_second};w=1");
        let _ = write!(state, "{comma}\"{layer}\";r={left};t={reset_seconds}");
    }
    for (name, text) in [(RATELIMIT_POLICY, policy), (RATELIMIT, state)] {
        headers.insert(name, HeaderValue::from_str(&text).expect("digits and quotes"));
    }
}
