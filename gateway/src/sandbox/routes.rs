//! How a payment in the sandbox ends: whoever tries or tests says so here.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::http::query::QueryOf;
use crate::http::route::at;
use crate::payments::NewPayment;
use actix_web::web::{self, Data, Json, ServiceConfig};
use serde::Deserialize;
use usher_shards::CallError;
use usher_wire::{PaymentStatus, SandboxAnswer};
use utoipa::{IntoParams, OpenApi};

/// Mounts the sandbox where it is switched on.
pub fn routes(service: &mut ServiceConfig, app: &Data<App>) {
    if app.sandbox.is_some() {
        let at = |pattern| at("", pattern);
        service
            .service(at("/sandbox/payments/{paymentId}/succeed").post(succeed))
            .service(at("/sandbox/payments/{paymentId}/fail").post(fail));
    }
}

/// What the sandbox answers to, described.
#[derive(OpenApi)]
#[openapi(paths(succeed, fail))]
pub struct Api;

/// Options of a test.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SandboxQuery {
    /// What the callback says was paid, in cents, where that is not what is owed.
    amount_cents: Option<u64>,
}

/// Succeed: the callback will say `SUCCESS`.
#[utoipa::path(
    post, path = "/sandbox/payments/{paymentId}/succeed", tag = "sandbox",
    params(("paymentId" = String, Path, description = "As `pay` gave it"), SandboxQuery),
    responses(
        (status = 202, description = "The callback is on its way, or lost on purpose", body = SandboxAnswer),
    ),
)]
pub async fn succeed(
    app: Data<App>,
    payment_id: web::Path<String>,
    query: QueryOf<SandboxQuery>,
) -> Result<(Json<SandboxAnswer>, actix_web::http::StatusCode), ApiError> {
    end(&app, &payment_id, PaymentStatus::Success, &query.0).await
}

/// Fail: the callback will say `FAILED`.
#[utoipa::path(
    post, path = "/sandbox/payments/{paymentId}/fail", tag = "sandbox",
    params(("paymentId" = String, Path, description = "As `pay` gave it"), SandboxQuery),
    responses(
        (status = 202, description = "The callback is on its way, or lost on purpose", body = SandboxAnswer),
    ),
)]
pub async fn fail(
    app: Data<App>,
    payment_id: web::Path<String>,
    query: QueryOf<SandboxQuery>,
) -> Result<(Json<SandboxAnswer>, actix_web::http::StatusCode), ApiError> {
    end(&app, &payment_id, PaymentStatus::Failed, &query.0).await
}

async fn end(
    app: &App,
    payment_id: &str,
    status: PaymentStatus,
    query: &SandboxQuery,
) -> Result<(Json<SandboxAnswer>, actix_web::http::StatusCode), ApiError> {
    let unknown = || ApiError::new(Code::UnknownPayment);
    let sandbox = app.sandbox.as_ref().ok_or_else(unknown)?;
    let route = app.ids.parse_payment(payment_id).map_err(|_| unknown())?;
    let answer = match app.router.read(route.inventory, route.number).await {
        Ok(answer) => answer,
        Err(CallError::Refused(_)) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    };
    let hold = answer.hold().ok_or_else(unknown)?;
    let order = hold.order.as_deref().ok_or_else(unknown)?;
    let payment = order.payment(payment_id).ok_or_else(unknown)?;
    let payment = NewPayment {
        payment_id: payment_id.to_owned(),
        order_id: app.ids.order(route),
        amount_cents: query.amount_cents.unwrap_or(payment.amount.0),
        currency: String::new(),
    };
    let answer = sandbox
        .end(&payment, status)
        .map_err(|_| ApiError::new(Code::Busy).detail("too many callbacks wait"))?;
    Ok((Json(answer), actix_web::http::StatusCode::ACCEPTED))
}
