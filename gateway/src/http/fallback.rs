//! What no handler answers, as problems too.
//!
//! actix-web answers some things itself and tersely: no route, another method, a path that cannot
//! be decoded. Those answers are replaced here, so that a client meets one form of error only.
//! HEAD becomes GET before routing; the HTTP layer leaves the body out.

use super::problem::{ApiError, Code};
use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use usher_wire::PROBLEM_MEDIA_TYPE;

/// What becomes of a request.
pub type Answered = Result<ServiceResponse, actix_web::Error>;

/// The longest path with its query, in bytes.
const URI_BYTES_MAX: usize = 8_192;

/// Has a request answered, and says in problems what no handler said.
///
/// # Errors
/// Those of `answer`.
pub async fn as_problem(
    mut request: ServiceRequest,
    answer: impl AsyncFnOnce(ServiceRequest) -> Answered,
) -> Answered {
    let uri_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri_bytes > URI_BYTES_MAX {
        let error = ApiError::new(Code::UriTooLong).limit(URI_BYTES_MAX as u64);
        return Ok(request.into_response(error.error_response()));
    }
    let is_head = request.method() == Method::HEAD;
    if is_head {
        request.head_mut().method = Method::GET;
    }
    let response = answer(request).await?;
    if is_head && response.response().body().size() == BodySize::Stream {
        // An event stream ends with its reader, and nobody reads the body of a HEAD.
        return Ok(response.map_body(|_, _| BoxBody::new(())));
    }
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || says_why(&response) {
        return Ok(response);
    }
    let allow = response.headers().get(ALLOW).cloned();
    let (request, _) = response.into_parts();
    let mut replaced = replacement(status, request.path()).error_response();
    if let Some(allow) = allow {
        replaced.headers_mut().insert(ALLOW, allow);
    }
    Ok(ServiceResponse::new(request, replaced))
}

/// Whether a handler wrote the answer: a problem, or what else it says in JSON.
fn says_why<B>(response: &ServiceResponse<B>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| {
        kind.starts_with(PROBLEM_MEDIA_TYPE.as_bytes()) || kind.starts_with(b"application/json")
    })
}

/// What is answered where no handler is.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(Code::NotFound).detail(format!("nothing is at {}", request.path())))
}

fn replacement(status: StatusCode, path: &str) -> ApiError {
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::URI_TOO_LONG => Code::UriTooLong,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        status if status.is_client_error() => Code::BadRequest,
        _ => return ApiError::internal(format!("{status} at {path} without a reason")),
    };
    ApiError::new(code)
}
