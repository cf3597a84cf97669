//! Bearer keys of organisers and operators.
//!
//! Checked before anything of the request is read, so that a stranger cannot make the server read
//! 64 MB. Compared in constant time.

use super::problem::{ApiError, Code};
use crate::config::secrets::Secret;
use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;

/// Lets a request pass that carries this key.
pub async fn require<B: MessageBody + 'static>(
    key: &Secret,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match check(key, request.headers()) {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => {
            let response = error.error_response();
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn check(key: &Secret, headers: &HeaderMap) -> Result<(), ApiError> {
    let refuse = |words: &str| Err(ApiError::new(Code::Unauthorized).detail(words));
    let Some(value) = headers.get(AUTHORIZATION) else {
        return refuse("there is no Authorization header");
    };
    // The scheme's name is case-insensitive (RFC 9110, 11.1).
    match value.to_str().ok().and_then(|text| text.split_once(' ')) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
            match key.is(given.trim()) {
                true => Ok(()),
                false => refuse("the key is wrong"),
            }
        }
        _ => refuse("the Authorization header is not `Bearer <key>`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn only_the_key_passes() {
        let key = Secret::new("the-right-key-of-all");
        let passes = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).expect("a value"));
            check(&key, &headers).is_ok()
        };
        assert!(passes("Bearer the-right-key-of-all"));
        assert!(passes("bearer the-right-key-of-all"));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Basic the-right-key-of-all",
            "the-right-key-of-all",
        ] {
            assert!(!passes(bad), "{bad}");
        }
        assert!(check(&key, &HeaderMap::new()).is_err());
    }
}
