//! Giving an order's money back by hand.

use crate::app::App;
use crate::buyers::{checks, lookup};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::http::refusals::order_status;
use crate::ids::HoldRoute;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::{Command, Refusal};
use usher_shards::CallError;
use usher_wire::{Problem, RefundAnswer, RefundRequest};

const REASON_CHARS_MAX: usize = 500;

/// Takes a sold order back: its tickets admit no more, its seats are free again, and its money is
/// due. Doing it twice is doing it once.
#[utoipa::path(
    post, path = "/admin/v1/orders/{orderId}/refund", tag = "organisers",
    operation_id = "refundOrder", security(("organiser" = [])), request_body = RefundRequest,
    params(("orderId" = String, Path, description = "The order")),
    responses(
        (status = 200, body = RefundAnswer, description = "The money goes back"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "It is not sold",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refund(
    app: Data<App>,
    order_id: Path<String>,
    body: Body<RefundRequest>,
) -> Result<HttpResponse, ApiError> {
    let unknown = || ApiError::new(Code::UnknownOrder);
    let Body(asked) = body;
    checks::text(&asked.reason, "/reason", 1, REASON_CHARS_MAX)?;
    let HoldRoute { inventory, number } =
        app.ids.parse_order(&order_id).map_err(|foreign| unknown().detail(foreign.to_string()))?;
    let command = Command::Refund { order: number, reason: asked.reason.into() };
    let answer = app.router.execute(inventory, command).await.map_err(|error| match error {
        CallError::Refused(Refusal::UnknownShow) => unknown(),
        other => other.into(),
    })?;
    let view = lookup::show_of(&app, inventory)?;
    let hold = answer.hold().ok_or_else(unknown)?;
    let order = hold.order.as_deref().ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(RefundAnswer {
        order_id: order_id.into_inner(),
        status: order_status(order.status),
        refund_due_cents: hold.total.0,
        currency: view.face().terms.currency.code().to_owned(),
    }))
}
