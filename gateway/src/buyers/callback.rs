//! What the payment provider tells us.
//!
//! The message that decides about money. A wrong signature is a stranger and gets 401; whatever an
//! authentic message says, it is recorded and answered with 200, and money that is not owed falls
//! due for refund. Where it cannot be recorded now (503, 504), the provider tells us again.

use crate::app::App;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::http::refusals::order_status;
use crate::http::request_id;
use crate::ids::{HoldRoute, IdCodec};
use crate::logbook::Note;
use crate::payments::signature;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use usher_engine::command::{PaymentMessage, PaymentVerdict, TicketNonces};
use usher_engine::id::TicketNonce;
use usher_engine::inventory::{Order, PaymentStatus};
use usher_engine::limits::{PAYMENT_REF_BYTES_MAX, UNITS_PER_HOLD_MAX};
use usher_engine::{Cents, Command, HoldNo, MachineId};
use usher_wire::{CallbackAnswer, CallbackRequest, CallbackResult, Problem};

/// The label of a message whose signature is wrong.
const FORGED: &str = "forged";
/// So much of an id goes into the logbook.
const NOTED_CHARS_MAX: usize = 128;

/// Takes notice of a payment. Always 200 when authentic.
#[utoipa::path(
    post, path = "/api/v1/payments/callback", tag = "payments",
    operation_id = "hearOfPayment", request_body = CallbackRequest,
    responses(
        (status = 200, body = CallbackAnswer, description = "It is recorded"),
        (status = 401, body = Problem, description = "The signature is wrong",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn hear(
    app: Data<App>,
    request: HttpRequest,
    body: Body<CallbackRequest>,
) -> Result<HttpResponse, ApiError> {
    let Body(told) = body;
    if !signature::is_authentic(&app.secrets.callback_secret, &told) {
        metrics::counter!("usher_callbacks_total", "result" => FORGED).increment(1);
        app.logbook.jot_stranger(note(&app, &request, &told, FORGED)).await;
        return Err(ApiError::new(Code::BadSignature));
    }
    let (inventory, order) = owner(&app.ids, &told);
    let reference = reference(&told.payment_id).into_owned().into_boxed_str();
    let command = Command::PaymentMessage(PaymentMessage {
        order,
        reference: reference.clone(),
        verdict: match told.status {
            usher_wire::PaymentStatus::Success => PaymentVerdict::Success,
            usher_wire::PaymentStatus::Failed => PaymentVerdict::Failed,
        },
        amount: Cents(told.amount_cents),
        // Drawn by the owner.
        nonces: TicketNonces(Box::new([TicketNonce([0; 10]); UNITS_PER_HOLD_MAX as usize])),
        stock_settled: false,
    });
    let answer = app.router.execute(inventory, command).await?;
    let order = answer.hold().and_then(|hold| hold.order.as_deref());
    let became = match order {
        Some(order) => result(&told, &reference, order),
        None => stray_result(&told),
    };
    let result = label(became.result);
    metrics::counter!("usher_callbacks_total", "result" => result).increment(1);
    app.logbook.jot(note(&app, &request, &told, result)).await;
    Ok(HttpResponse::Ok().json(became))
}

/// Whose business a message is. A payment that we named belongs to the order that we named it for,
/// whatever order the message names: were it recorded elsewhere, money that paid for tickets could
/// be given back. Otherwise the order decides, and what names neither goes to the strays.
fn owner(ids: &IdCodec, told: &CallbackRequest) -> (MachineId, HoldNo) {
    let known = ids.parse_payment(&told.payment_id).or_else(|_| ids.parse_order(&told.order_id));
    match known {
        Ok(HoldRoute { inventory, number }) => (inventory, number),
        Err(_) => (MachineId::STRAYS, HoldNo(0)),
    }
}

/// The name under which a payment is kept: the provider's own, or one of bounded length made of it.
fn reference(payment_id: &str) -> Cow<'_, str> {
    if payment_id.len() <= PAYMENT_REF_BYTES_MAX {
        return Cow::Borrowed(payment_id);
    }
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(payment_id.as_bytes()));
    tracing::warn!(payment_id, digest, "a payment's id is too long; it is kept by its SHA-256");
    Cow::Owned(format!("sha256:{digest}"))
}

/// What a message did, seen from the order afterwards.
fn result(told: &CallbackRequest, reference: &str, order: &Order) -> CallbackAnswer {
    let payment = order.payment(reference);
    let (result, due) = match (told.status, payment.map(|payment| (payment.status, payment.amount)))
    {
        (usher_wire::PaymentStatus::Failed, _) => (CallbackResult::Noted, None),
        (_, Some((PaymentStatus::Captured, _))) => (CallbackResult::Ticketed, None),
        (_, Some((PaymentStatus::RefundDue(_), amount))) => {
            (CallbackResult::RefundDue, Some(amount.0))
        }
        // Given back already, so it was heard of before.
        (_, Some((PaymentStatus::Refunded(_), _)) | None) => (CallbackResult::Repeated, None),
        (_, Some((PaymentStatus::Started | PaymentStatus::Failed, _))) => {
            (CallbackResult::Noted, None)
        }
    };
    let order_status = Some(order_status(order.status));
    CallbackAnswer { recorded: true, result, order_status, refund_due_cents: due }
}

/// What a message did that is about no order of ours.
fn stray_result(told: &CallbackRequest) -> CallbackAnswer {
    let (result, refund_due_cents) = match told.status {
        usher_wire::PaymentStatus::Success => (CallbackResult::RefundDue, Some(told.amount_cents)),
        usher_wire::PaymentStatus::Failed => (CallbackResult::Noted, None),
    };
    CallbackAnswer { recorded: true, result, order_status: None, refund_due_cents }
}

/// What the logbook says of a message.
fn note(app: &App, request: &HttpRequest, told: &CallbackRequest, result: &'static str) -> Note {
    Note {
        actor: if result == FORGED { "stranger" } else { "provider" },
        address: app.config.limits.clients.of(request),
        call: "POST /api/v1/payments/callback".to_owned(),
        status: Some(if result == FORGED { 401 } else { 200 }),
        request_id: request_id::current(),
        fields: BTreeMap::from([
            ("orderId".to_owned(), shorten(&told.order_id)),
            ("paymentId".to_owned(), shorten(&told.payment_id)),
            ("status".to_owned(), format!("{:?}", told.status).to_uppercase()),
            ("amountCents".to_owned(), told.amount_cents.to_string()),
            ("result".to_owned(), result.to_owned()),
        ]),
    }
}

/// A text of somebody else, of which the beginning will do.
fn shorten(text: &str) -> String {
    text.chars().take(NOTED_CHARS_MAX).collect()
}

fn label(result: CallbackResult) -> &'static str {
    match result {
        CallbackResult::Ticketed => "ticketed",
        CallbackResult::Noted => "noted",
        CallbackResult::RefundDue => "refund_due",
        CallbackResult::Repeated => "repeated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::show_key;

    fn message(payment_id: &str, order_id: &str) -> CallbackRequest {
        CallbackRequest {
            payment_id: payment_id.into(),
            order_id: order_id.into(),
            status: usher_wire::PaymentStatus::Success,
            amount_cents: 1,
            signature: String::new(),
        }
    }

    #[test]
    fn a_message_goes_to_whom_it_concerns() {
        let ids = IdCodec::new([7; 16]);
        let house = MachineId::house(show_key("hamlet"));
        let [one, two] = [1, 2].map(|no| HoldRoute { inventory: house, number: HoldNo(no) });
        let (of_one, of_two) = (ids.new_payment(one), ids.order(two));
        let strays = (MachineId::STRAYS, HoldNo(0));
        for (payment, order, expected) in [
            (of_one.as_str(), ids.order(one).as_str(), (house, HoldNo(1))),
            ("theirs", &of_two, (house, HoldNo(2))),
            (&of_one, &of_two, (house, HoldNo(1))),
            (&of_one, "rubbish", (house, HoldNo(1))),
            ("theirs", "rubbish", strays),
            ("", "", strays),
            (&of_two, &of_one, strays),
        ] {
            assert_eq!(owner(&ids, &message(payment, order)), expected, "{payment} {order}");
        }
    }

    #[test]
    fn a_payment_of_any_length_has_a_bounded_name() {
        assert_eq!(reference("p_1"), "p_1");
        let long = reference(&"ü".repeat(10_000)).into_owned();
        assert!(long.len() <= PAYMENT_REF_BYTES_MAX && long.starts_with("sha256:"));
        assert_ne!(long, reference(&"u".repeat(10_000)));
    }
}
