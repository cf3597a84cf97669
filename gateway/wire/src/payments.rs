//! Starting a payment, and what its provider tells us afterwards.
//!
//! The callback is the one message that decides about money, so its signature covers everything in
//! it, in one documented order; [`CallbackRequest::signed_text`] is the only place that spells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A payment that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentStarted {
    /// Opaque id, given to the provider and named in its callback.
    pub payment_id: String,
    /// The order that is paid.
    pub order_id: String,
    /// Always `PAYING`.
    pub status: crate::OrderStatus,
    /// What to pay, in cents.
    pub amount_cents: u64,
    /// ISO 4217.
    pub currency: String,
    /// Until when the order waits for the money.
    pub pay_by: jiff::Timestamp,
    /// Which provider collects.
    pub provider: String,
    /// Where the buyer goes to pay, as the provider says; the sandbox names the two calls that
    /// end a payment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PaymentAction>,
}

/// Something that the buyer, or a test, can do about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentAction {
    /// Such as `succeed`.
    pub name: String,
    /// HTTP method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
}

/// What a provider says about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallbackRequest {
    /// The payment, as we named it.
    #[schema(max_length = 128)]
    pub payment_id: String,
    /// The order it pays.
    #[schema(max_length = 128)]
    pub order_id: String,
    /// How it ended.
    pub status: PaymentStatus,
    /// How much was paid, in cents.
    pub amount_cents: u64,
    /// Lower-case hex of HMAC-SHA-256 with the callback secret over the signed text:
    /// `paymentId`, `orderId`, `status` and `amountCents` in decimal, with a line feed between
    /// each two and none at the end.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub signature: String,
}

impl CallbackRequest {
    /// The bytes that the signature covers.
    pub fn signed_text(
        payment_id: &str,
        order_id: &str,
        status: PaymentStatus,
        amount_cents: u64,
    ) -> String {
        format!("{payment_id}\n{order_id}\n{}\n{amount_cents}", status.as_str())
    }
}

/// How a payment ended. `SUCCESS` is final; a success may follow a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// The money is here.
    Success,
    /// It is not.
    Failed,
}

impl PaymentStatus {
    /// The word as it is written in JSON and signed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }
}

/// What became of a callback. Every authentic one gets this with status 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallbackAnswer {
    /// Always true: the message is recorded.
    pub recorded: bool,
    /// What it did.
    pub result: CallbackResult,
    /// The order's state afterwards; absent where the order is none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_status: Option<crate::OrderStatus>,
    /// What is owed back because of this message, in cents; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due_cents: Option<u64>,
}

/// What a callback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CallbackResult {
    /// The order is paid and has its tickets.
    Ticketed,
    /// The payment failed; the order waits for another until `payBy`.
    Noted,
    /// The money is not owed and goes back.
    RefundDue,
    /// The same was said before.
    Repeated,
}

/// What the sandbox did with a call to `succeed` or `fail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SandboxAnswer {
    /// The payment.
    pub payment_id: String,
    /// What the callback will say.
    pub status: PaymentStatus,
    /// How many callbacks will be sent: 0 where this one is to be lost.
    pub callbacks: u32,
    /// How long the first one waits, in milliseconds.
    pub delay_ms: u64,
}
