//! The rules, read and changed by organisers; and what somebody would get.

use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use serde::Deserialize;
use usher_wire::{RiskAnswer, RiskReason, RiskRules};

use super::{Assessment, Verdict, Visitor};
use crate::app::App;
use crate::buyers::checks;
use crate::http::body::Body;
use crate::http::problem::ApiError;
use crate::http::query::QueryOf;
use crate::ids;

/// The rules by which requests are found risky.
#[utoipa::path(
    get, path = "/admin/v1/risk", tag = "organisers", operation_id = "getRiskRules",
    security(("organiser" = [])),
    responses((status = 200, body = RiskRules, description = "As they are")),
)]
pub(crate) async fn show(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(app.risk.rules().written())
}

/// Puts other rules in their place. They hold from the next request on, and after a restart.
#[utoipa::path(
    put, path = "/admin/v1/risk", tag = "organisers", operation_id = "changeRiskRules",
    security(("organiser" = [])), request_body = RiskRules,
    responses((status = 200, body = RiskRules, description = "As they are now")),
)]
pub(crate) async fn change(
    app: Data<App>,
    body: Body<RiskRules>,
) -> Result<HttpResponse, ApiError> {
    let Body(written) = body;
    for (place, user) in written.block_users.iter().enumerate() {
        checks::user_id(user, &format!("/blockUsers/{place}"))?;
    }
    let risk = app.clone();
    web::block(move || risk.risk.change(written)).await.map_err(ApiError::internal)??;
    Ok(HttpResponse::Ok().json(app.risk.rules().written()))
}

/// Whom to ask about.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhoQuery {
    /// An address.
    #[param(value_type = String)]
    address: IpAddr,
    /// A user.
    #[serde(default)]
    #[param(min_length = 1, max_length = 128)]
    user_id: Option<String>,
}

/// What a request from this address, for this user, without a device, would get now, and why.
/// Nothing is counted by asking.
#[utoipa::path(
    get, path = "/admin/v1/risk/explain", tag = "organisers", operation_id = "explainRisk",
    security(("organiser" = [])), params(WhoQuery),
    responses((status = 200, body = RiskAnswer, description = "The decision and its reasons")),
)]
pub(crate) async fn explain(
    app: Data<App>,
    query: QueryOf<WhoQuery>,
) -> Result<HttpResponse, ApiError> {
    let QueryOf(WhoQuery { address, user_id }) = query;
    let user = user_id.as_deref().map(ids::buyer_id);
    let address = address.to_canonical();
    let counted = crate::limits::prefix_of(address);
    let visitor = Visitor { address, counted, device: None, user, account_age: None };
    Ok(HttpResponse::Ok().json(told(app.risk.look(&visitor))))
}

fn told(assessment: Assessment) -> RiskAnswer {
    let (decision, level) = match assessment.verdict {
        Verdict::Pass => ("PASS", None),
        Verdict::Challenge(level) => ("CHALLENGE", Some(level.0)),
        Verdict::Refuse => ("REFUSE", None),
    };
    let reason = |reason: super::Reason| RiskReason {
        signal: reason.what.to_owned(),
        value: reason.value,
        score: reason.points,
    };
    RiskAnswer {
        decision: decision.to_owned(),
        level,
        score: assessment.points,
        reasons: assessment.reasons.into_iter().map(reason).collect(),
    }
}
