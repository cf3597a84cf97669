//! Opening, pausing, resuming and closing a sale.

use crate::app::App;
use crate::buyers::{lookup, shows};
use crate::http::problem::{ApiError, Code};
use crate::http::refusals::word;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::show::{PausedBy, SaleMove};
use usher_engine::{Command, Refusal};
use usher_shards::{CallError, Face, ShowView};
use usher_wire::{Problem, SaleStateAnswer};

/// Opens the sale. Where no batch was ever put on sale, everything is.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/open", tag = "organisers", operation_id = "openSale",
    security(("organiser" = [])), params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = SaleStateAnswer, description = "The sale as it is now"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn open(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    move_sale(&app, &show_id, SaleMove::Open).await
}

/// Stops new holds; what is held can still be ordered and paid.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/pause", tag = "organisers", operation_id = "pauseSale",
    security(("organiser" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = SaleStateAnswer, description = "The sale as it is now")),
)]
pub(super) async fn pause(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    move_sale(&app, &show_id, SaleMove::Pause(PausedBy::Organiser)).await
}

/// Lifts the organiser's pause. An operator's pause is lifted by the operator.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/resume", tag = "organisers", operation_id = "resumeSale",
    security(("organiser" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = SaleStateAnswer, description = "The sale as it is now")),
)]
pub(super) async fn resume(
    app: Data<App>,
    show_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    move_sale(&app, &show_id, SaleMove::Resume(PausedBy::Organiser)).await
}

/// Closes the sale; it may be opened again.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/close", tag = "organisers", operation_id = "closeSale",
    security(("organiser" = [])), params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = SaleStateAnswer, description = "The sale as it is now"),
        (status = 409, body = Problem, description = "It was never opened",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn close(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    move_sale(&app, &show_id, SaleMove::Close).await
}

/// Moves a sale, for organisers and operators. Moving it to where it is changes nothing.
///
/// # Errors
/// [`Code::UnknownShow`], [`Code::IllegalState`].
pub(crate) async fn move_sale(
    app: &App,
    show_id: &str,
    to: SaleMove,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(app, show_id)?;
    let moved = app.router.organise(view.key, Command::MoveSale(to)).await;
    moved.map_err(|error| match error {
        CallError::Refused(Refusal::IllegalSaleMove) => {
            let state = shows::state_of_sale(&view.face().terms, lookup::now());
            ApiError::new(Code::IllegalState).state(word(state))
        }
        other => other.into(),
    })?;
    Ok(HttpResponse::Ok().json(describe(&view)))
}

fn describe(view: &ShowView) -> SaleStateAnswer {
    let face = view.face();
    let Face { details, terms, .. } = &**face;
    SaleStateAnswer {
        show_id: details.public_id.clone(),
        sale_state: shows::state_of_sale(terms, lookup::now()),
        paused_by_organiser: terms.paused_by_organiser,
        paused_by_operator: terms.paused_by_operator,
    }
}
