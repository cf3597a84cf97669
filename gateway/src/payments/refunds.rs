//! Money that is due back goes back, however long that takes.
//!
//! The shards say what is due, again after every restart until the provider's word is recorded. A
//! refund may so be asked for twice; the provider knows it by its payment.

use super::{NewRefund, PaymentProvider};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use usher_engine::Command;
use usher_shards::{CallError, RefundOrder, Router};

/// Refunds that are asked for at the same time.
const AT_ONCE_MAX: usize = 64;
const RETRY_DELAY: Duration = Duration::from_secs(1);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(300);

/// Gives back what falls due, until the shards stop. Must be called in a runtime.
pub fn start(
    router: Router,
    provider: Arc<dyn PaymentProvider>,
    mut due: mpsc::UnboundedReceiver<RefundOrder>,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    actix_web::rt::spawn(async move {
        while let Some(refund) = due.recv().await {
            let (router, provider, places) = (router.clone(), provider.clone(), places.clone());
            actix_web::rt::spawn(
                async move { give_back(&router, &*provider, &places, refund).await },
            );
        }
    });
}

async fn give_back(
    router: &Router,
    provider: &dyn PaymentProvider,
    places: &Semaphore,
    due: RefundOrder,
) {
    let refund = NewRefund { payment_id: due.reference.to_string(), amount_cents: due.amount.0 };
    let mut delay = RETRY_DELAY;
    loop {
        let place = places.acquire().await;
        let tried = try_once(router, provider, &refund, &due).await;
        drop(place);
        match tried {
            Ok(()) => {
                return metrics::counter!("usher_refunds_total", "outcome" => "made").increment(1);
            }
            Err(reason) => {
                metrics::counter!("usher_refunds_total", "outcome" => "failed").increment(1);
                tracing::warn!(payment = refund.payment_id, reason, "a refund stays due");
            }
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(RETRY_DELAY_MAX);
    }
}

async fn try_once(
    router: &Router,
    provider: &dyn PaymentProvider,
    refund: &NewRefund,
    due: &RefundOrder,
) -> Result<(), String> {
    provider.give_back(refund).await.map_err(|error| error.to_string())?;
    let made = Command::RefundMade { order: due.order, reference: due.reference.clone() };
    match router.execute(due.inventory, made).await {
        Ok(_) => Ok(()),
        Err(CallError::Refused(refusal)) => Err(format!("its owner says: {refusal}")),
        Err(error) => Err(error.to_string()),
    }
}
