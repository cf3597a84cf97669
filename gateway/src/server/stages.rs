//! What every request goes through before and after its handler.

use super::lifecycle::Lifecycle;
use crate::app::App;
use crate::http::auth;
use crate::http::problem::{ApiError, Code};
use crate::{limits, logbook};
use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONNECTION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

/// Counts a request as in flight, or refuses it where the process is stopping. Counts problems by
/// their code, so that a dashboard tells sold out from broken. One stage, since each costs every
/// request a box and a turn.
pub(super) async fn count<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = app_of(&request);
    let life: &Lifecycle = &app.lifecycle;
    let Some(_in_flight) = life.begin() else {
        let mut response = ApiError::new(Code::Draining).error_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Ok(request.into_response(response).map_into_right_body());
    };
    let response = next.call(request).await?;
    if let Some(error) = response.response().error().and_then(|e| e.as_error::<ApiError>()) {
        metrics::counter!("usher_refusals_total", "code" => error.code().word()).increment(1);
    }
    Ok(response.map_into_left_body())
}

/// Refuses what is more than one caller may do.
pub(super) async fn limit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = app_of(&request);
    let limits = app.limits.as_ref().expect("mounted only where something is limited");
    limits::limit(limits, request, next).await
}

/// Lets organisers pass, and notes what they change.
pub(super) async fn organisers_only<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = app_of(&request);
    let answer = |request| auth::require(&app.secrets.organiser_key, request, next);
    logbook::note("organiser", &app, request, answer).await
}

/// Lets operators pass, and notes what they change.
pub(super) async fn operators_only<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = app_of(&request);
    let answer = |request| auth::require(&app.secrets.operator_key, request, next);
    logbook::note("operator", &app, request, answer).await
}

fn app_of(request: &ServiceRequest) -> Data<App> {
    request.app_data::<Data<App>>().expect("every listener has the app").clone()
}
