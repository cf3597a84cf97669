//! What every request goes through before and after its handler.
//!
//! ```text
//!   rush        answers holds by itself, as `public` would, where nothing special is about them
//!   preflight   names what CORS answers by itself; only where CORS is on
//!   public      name ► in flight ► problems ► limits ► handler ► refusals counted ► packed ► named
//!   operators   name ► problems ► handler ► packed ► named
//!   …_only      the keys of organisers and operators, around their scopes
//! ```
//!
//! All that goes around every request is one stage that calls plain functions, one inside the
//! other: each stage of its own would cost every request a box, a turn and another kind of body.

use super::lifecycle::Lifecycle;
use crate::app::App;
use crate::http::auth;
use crate::http::fallback::{Answered, as_problem};
use crate::http::packing::packed;
use crate::http::problem::{ApiError, Code};
use crate::http::request_id::{Named, X_REQUEST_ID};
use crate::http::route;
use crate::identity::scopes::Scope;
use crate::{limits, logbook};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONNECTION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError as _};
use std::pin::pin;

/// Around everything on the listener for buyers and organisers.
pub(super) async fn public(request: ServiceRequest, next: Next<BoxBody>) -> Answered {
    let app = app_of(&request);
    let handle = async |request| next.call(request).await;
    let limited = async |request| match &app.limits {
        Some(limits) => limits::limit(limits, request, handle).await,
        None => handle(request).await,
    };
    let counted = async |request| count(&app.lifecycle, request, limited).await;
    named(request, counted).await
}

/// Around everything on the listener for operators, which answers as long as there is a process.
pub(super) async fn operators(request: ServiceRequest, next: Next<BoxBody>) -> Answered {
    let handle = async |request| next.call(request).await;
    named(request, async |request| as_problem(request, handle).await).await
}

/// Names what never comes to the stages above, since CORS answers it by itself.
pub(super) async fn preflight<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let name = Named::begin(request.head());
    let mut response = next.call(request).await?;
    if !response.headers().contains_key(X_REQUEST_ID) {
        end(name, &mut response);
    }
    Ok(response)
}

/// Names a request and its answer, which is packed where its reader wants that.
async fn named(
    request: ServiceRequest,
    answer: impl AsyncFnOnce(ServiceRequest) -> Answered,
) -> Answered {
    let mut name = Named::begin(request.head());
    let answer = pin!(answer(request));
    let mut response = packed(name.within(answer).await?);
    end(name, &mut response);
    Ok(response)
}

/// Names an answer, logs and counts it.
fn end<B>(name: Named, response: &mut ServiceResponse<B>) {
    let status = response.status();
    let took = name.end(status, response.headers_mut());
    route::count(response.request(), status, took);
}

/// Counts a request as in flight, or refuses it where the process is stopping. Counts problems by
/// their code, so that a dashboard tells sold out from broken.
async fn count(
    life: &Lifecycle,
    request: ServiceRequest,
    answer: impl AsyncFnOnce(ServiceRequest) -> Answered,
) -> Answered {
    let Some(_in_flight) = life.begin() else { return Ok(request.into_response(draining())) };
    let response = as_problem(request, answer).await?;
    if let Some(error) = response.response().error().and_then(|e| e.as_error::<ApiError>()) {
        count_refusal(error);
    }
    Ok(response)
}

/// What a request is told that comes when the process is stopping.
pub(super) fn draining() -> HttpResponse {
    let mut response = ApiError::new(Code::Draining).error_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Counts a problem that was told.
pub(super) fn count_refusal(error: &ApiError) {
    metrics::counter!("usher_refusals_total", "code" => error.code().word()).increment(1);
}

/// Lets organisers pass, and notes what they change.
pub(super) async fn organisers_only<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = app_of(&request);
    let answer = |request| auth::require(Scope::Organise, request, next);
    logbook::note("organiser", &app, request, answer).await
}

/// Lets operators pass, and notes what they change.
pub(super) async fn operators_only<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = app_of(&request);
    let answer = |request| auth::require(Scope::Operate, request, next);
    logbook::note("operator", &app, request, answer).await
}

fn app_of(request: &ServiceRequest) -> Data<App> {
    request.app_data::<Data<App>>().expect("every listener has the app").clone()
}
