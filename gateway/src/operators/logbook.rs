//! Who did what. See [`crate::logbook`].

use crate::app::App;
use crate::http::problem::ApiError;
use crate::http::query::QueryOf;
use crate::logbook::{Found, Wanted, search};
use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use serde::Deserialize;
use usher_wire::{LogbookAnswer, Problem};

/// The most entries that an answer holds.
const ENTRIES_MAX: usize = 1_000;

/// What to look for. All that is given must match.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogbookQuery {
    /// By whom: `organiser`, `operator`, `provider`, `stranger` or `risk`.
    actor: Option<String>,
    /// What occurs in the call, the address, or the request's id.
    text: Option<String>,
    /// Not before.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<jiff::Timestamp>,
    /// Not after.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<jiff::Timestamp>,
}

/// What organisers, operators and payment providers did, and who had no right key. All of the
/// logbook is read and checked on the way, which takes a while where it is long.
#[utoipa::path(
    get, path = "/ops/v1/logbook", tag = "operators", operation_id = "showLogbook",
    security(("operator" = [])), params(LogbookQuery),
    responses(
        (status = 200, body = LogbookAnswer, description = "The newest 1000 entries that match"),
        (status = 400, body = Problem, description = "A parameter is wrong",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    app: Data<App>,
    query: QueryOf<LogbookQuery>,
) -> Result<HttpResponse, ApiError> {
    app.logbook.settle().await;
    let QueryOf(LogbookQuery { actor, text, from, to }) = query;
    let wanted = Wanted { actor, text, from, to, count_max: ENTRIES_MAX };
    let found = web::block(move || search(app.logbook.dir(), &wanted)).await;
    let found = found.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    let Found { entries, truncated, fault, last_hash } = found;
    let intact = fault.is_none();
    Ok(HttpResponse::Ok().json(LogbookAnswer { entries, truncated, intact, fault, last_hash }))
}
