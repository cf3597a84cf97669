//! Giving out challenges, and the cookie by which a browser is known again.

use actix_web::http::header::{CACHE_CONTROL, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use usher_wire::{Challenge, ChallengePurpose};

use super::{Demand, Level};
use crate::app::App;
use crate::http::problem::ApiError;
use crate::http::query::QueryOf;

/// What the challenge is for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChallengeQuery {
    /// The call that it opens.
    #[param(inline)]
    purpose: ChallengePurpose,
    /// At least so hard, from 0 to 2; a problem that asks for a challenge says how hard.
    #[serde(default)]
    #[param(maximum = 2)]
    level: u8,
}

/// A new challenge, in the form that the ALTCHA widget reads. Its solution goes into the header
/// `X-Challenge-Solution` of the call that it is for, once.
#[utoipa::path(
    get, path = "/api/v1/challenge", tag = "buyers", operation_id = "getChallenge",
    params(ChallengeQuery),
    responses(
        (status = 200, body = Challenge, description = "To be solved soon",
         headers(("Set-Cookie" = String), ("Cache-Control" = String))),
    ),
)]
pub(crate) async fn show(
    app: Data<App>,
    request: HttpRequest,
    query: QueryOf<ChallengeQuery>,
) -> Result<HttpResponse, ApiError> {
    let QueryOf(ChallengeQuery { purpose, level }) = query;
    if Level(level) > Level::MAX {
        let words = format!("it is more than {}", Level::MAX.0);
        return Err(ApiError::parameter("level", words));
    }
    let device = app.devices.of(&request);
    let demand = Demand { purpose, level: Level(level), device, address: None };
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if device.is_none() {
        let (_, cookie) = app.devices.issue();
        if let Some(address) = app.config.limits.clients.counted_of(&request) {
            app.risk.gave_device(address);
        }
        response.insert_header((SET_COOKIE, cookie));
    }
    Ok(response.json(app.challenges.ask(&demand)))
}
