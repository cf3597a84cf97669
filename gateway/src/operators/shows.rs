//! Where a show lives and how it does; stopping it, and giving its buyers more time.

use crate::app::App;
use crate::buyers::{lookup, shows};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::organisers::sale::move_sale;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::show::{PausedBy, SaleMove};
use usher_wire::{
    ExtendHoldsAnswer, ExtendHoldsRequest, InventoryStatus, Problem, SaleStateAnswer, ShowStatus,
};

use super::live;

/// The most time that one call gives to holds.
const EXTEND_SECONDS_MAX: u32 = 3_600;

/// Where a show lives and how it does: each inventory with its partition, shard and counts.
#[utoipa::path(
    get, path = "/ops/v1/shows/{showId}", tag = "operators", operation_id = "showStatus",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = ShowStatus, description = "How it does"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn status(
    app: Data<App>,
    show_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let unknown = || ApiError::new(Code::UnknownShow);
    let ids = app.router.inventories_of(view.key).ok_or_else(unknown)?;
    let counted = live::count(&app, &ids).await?;
    let face = view.face();
    let inventories = counted.iter().map(|(id, counted)| InventoryStatus {
        name: live::name(&face, *id),
        partition: id.partition().0,
        shard: app.router.owner(id.partition()) as u32,
        version: counted.version,
        counts: live::counts(&counted.audit),
    });
    Ok(HttpResponse::Ok().json(ShowStatus {
        show_id: show_id.into_inner(),
        sale_state: shows::state_of_sale(&face.terms, lookup::now()),
        paused_by_organiser: face.terms.paused_by_organiser,
        paused_by_operator: face.terms.paused_by_operator,
        version: lookup::version(&view),
        inventories: inventories.collect(),
    }))
}

/// Stops new holds at once. The organiser cannot lift this pause.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/pause", tag = "operators", operation_id = "operatorPause",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = SaleStateAnswer, description = "The sale as it is now")),
)]
pub(super) async fn pause(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    move_sale(&app, &show_id, SaleMove::Pause(PausedBy::Operator)).await
}

/// Lifts the operator's pause. A pause by the organiser stays.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/resume", tag = "operators",
    operation_id = "operatorResume", security(("operator" = [])),
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = SaleStateAnswer, description = "The sale as it is now")),
)]
pub(super) async fn resume(
    app: Data<App>,
    show_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    move_sale(&app, &show_id, SaleMove::Resume(PausedBy::Operator)).await
}

/// Gives all live holds and unpaid orders of a show more time, after an outage. Each call adds.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/extend-holds", tag = "operators",
    operation_id = "extendHolds", security(("operator" = [])), request_body = ExtendHoldsRequest,
    params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = ExtendHoldsAnswer, description = "How many there are"),
        (status = 400, body = Problem, description = "Not 1 to 3600 seconds",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn extend_holds(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<ExtendHoldsRequest>,
) -> Result<HttpResponse, ApiError> {
    let Body(ExtendHoldsRequest { seconds }) = body;
    if !(1..=EXTEND_SECONDS_MAX).contains(&seconds) {
        let words = format!("it must be 1 to {EXTEND_SECONDS_MAX}");
        return Err(ApiError::field("/seconds", words));
    }
    let view = lookup::show(&app, &show_id)?;
    let key = view.key;
    app.router.extend_holds(key, u64::from(seconds) * 1_000).await?;
    let extended = app.router.replica().ask(move |replica| replica.live_holds(key)).await?;
    Ok(HttpResponse::Ok().json(ExtendHoldsAnswer { show_id: show_id.into_inner(), extended }))
}
