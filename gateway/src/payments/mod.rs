//! Money comes and goes through a provider that is somebody else.
//!
//! [`PaymentProvider`] is all that Usher asks of one: begin a payment, give one back. What became
//! of a payment it tells us by a signed callback ([`signature`]), whenever it likes and as often as
//! it likes; the order's owner decides what that means.

pub mod refunds;
pub mod signature;

use futures_util::future::BoxFuture;
use usher_wire::PaymentAction;

/// A payment to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// Our name for it, unique for ever.
    pub payment_id: String,
    /// What it pays.
    pub order_id: String,
    /// How much, in cents.
    pub amount_cents: u64,
    /// ISO 4217.
    pub currency: String,
}

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// The payment that brought it.
    pub payment_id: String,
    /// How much, in cents.
    pub amount_cents: u64,
}

/// The provider did not do it. Whether it may have is for its own repeat detection.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the payment provider: {0}")]
pub struct ProviderError(pub String);

/// Somebody who collects money.
pub trait PaymentProvider: Send + Sync {
    /// What it is called in answers.
    fn name(&self) -> &'static str;

    /// Begins a payment, and says what the buyer does next. Beginning the same payment twice is
    /// beginning it once.
    fn begin<'a>(
        &'a self,
        payment: &'a NewPayment,
    ) -> BoxFuture<'a, Result<Vec<PaymentAction>, ProviderError>>;

    /// Gives money back; done when this returns. Giving it back twice is giving it back once.
    fn give_back<'a>(&'a self, refund: &'a NewRefund) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// A provider that Usher only hears from: a payment is begun somewhere else with our id, and its
/// callback comes here. Refunds stay due, and the report says so, until they are given by hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallbackOnly;

impl PaymentProvider for CallbackOnly {
    fn name(&self) -> &'static str {
        "external"
    }

    fn begin<'a>(
        &'a self,
        _: &'a NewPayment,
    ) -> BoxFuture<'a, Result<Vec<PaymentAction>, ProviderError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn give_back<'a>(&'a self, refund: &'a NewRefund) -> BoxFuture<'a, Result<(), ProviderError>> {
        let words = format!("{} is to be given back by hand", refund.payment_id);
        Box::pin(std::future::ready(Err(ProviderError(words))))
    }
}
