//! Starting a payment with the configured provider.
//!
//! The owner names the payment first and durably, and only then the provider hears of it: so every
//! callback finds its payment, and a buyer who presses twice pays once. The provider begins the
//! same payment twice as once, so a repeat after a lost answer gets the same actions.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::identity::Caller;
use crate::ids::HoldRoute;
use crate::limits;
use crate::payments::NewPayment;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use usher_engine::command::PaymentStart;
use usher_engine::{Command, Subject};
use usher_wire::{PaymentStarted, Problem};

use super::idempotency::{self, Operation, REPLAYED_HEADER};
use super::{holds, lookup, orders};

/// Starts to pay an order, or joins the payment that is under way.
#[utoipa::path(
    post, path = "/api/v1/orders/{orderId}/pay", tag = "buyers", operation_id = "startPayment",
    params(
        ("orderId" = String, Path, description = "The order"),
        ("Idempotency-Key" = String, Header, description = "Makes a repeat harmless"),
    ),
    responses(
        (status = 200, body = PaymentStarted, description = "What the buyer does next",
         headers(("Idempotent-Replayed" = String))),
        (status = 402, body = Problem, description = "The provider declined",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn start(
    app: Data<App>,
    order_id: Path<String>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    limits::take(app.limits.as_ref(), &request, None, None)?;
    let key = idempotency::required(request.headers())?;
    let route = orders::parse(&app, &order_id)?;
    holds::check_owner(&app, &caller, route, orders::about_order).await?;
    let HoldRoute { inventory, number } = route;
    let extension = app.config.sale.pay_extension;
    let command = Command::StartPayment(PaymentStart {
        order: number,
        reference: app.ids.new_payment(route).into_boxed_str(),
        extension_ms: u64::try_from(extension.as_millis()).unwrap_or(u64::MAX),
        key: Some(key.used_for(Operation::Pay, &order_id.as_str())),
    });
    let answer = app.router.execute(inventory, command).await.map_err(orders::about_order)?;
    let view = lookup::show_of(&app, inventory)?;
    let order = orders::describe(&app, &view, &answer)?;
    let payment = match (answer.subject, answer.hold()) {
        (Subject::Payment(_, place), Some(hold)) => {
            hold.order.as_ref().and_then(|order| order.payments.get(place))
        }
        _ => None,
    };
    let payment = payment.ok_or_else(|| ApiError::internal("a payment started without a trace"))?;

    let begin = NewPayment {
        payment_id: payment.reference.to_string(),
        order_id: order.order_id.clone(),
        amount_cents: order.amount_cents,
        currency: order.currency.clone(),
    };
    let actions = app.provider.begin(&begin).await.map_err(|error| {
        tracing::warn!(%error, payment = begin.payment_id, "the provider did not begin a payment");
        ApiError::new(Code::PaymentDeclined)
    })?;
    let mut response = HttpResponse::Ok();
    if answer.replayed {
        response.insert_header((REPLAYED_HEADER, "true"));
    }
    Ok(response.json(PaymentStarted {
        payment_id: begin.payment_id,
        order_id: order.order_id,
        status: order.status,
        amount_cents: begin.amount_cents,
        currency: begin.currency,
        pay_by: order.pay_by,
        provider: app.provider.name().to_owned(),
        actions,
    }))
}
