//! `GET …/orders/{orderId}/stream`: an order's states as they change.
//!
//! The owner is asked now and then, ever more rarely, and not at all once nothing more can happen.
//! That is a read of one hold, so it costs less than keeping a list of who waits for what.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::identity::Caller;
use crate::ids::HoldRoute;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use bytes::Bytes;
use futures_util::stream;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use usher_wire::{Order, Problem};

use super::{holds, orders, sse};

/// The first wait between two looks; it grows from there while nothing changes.
const LOOK_AFTER_MIN: Duration = Duration::from_millis(50);
/// The longest wait between two looks.
const LOOK_AFTER_MAX: Duration = Duration::from_secs(1);
/// How often something is said where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after so long; a browser that is still interested comes back by itself.
const LIFE_MAX: Duration = Duration::from_secs(20 * 60);

/// The states of an order, each as the whole order. Ends after a final one.
#[utoipa::path(
    get, path = "/api/v1/orders/{orderId}/stream", tag = "buyers", operation_id = "watchOrder",
    params(("orderId" = String, Path, description = "The order")),
    responses(
        (status = 200, body = sse::StreamEvent, description = "Server-sent events; data is an Order",
         content_type = "text/event-stream"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
        (status = 503, body = Problem, description = "Too many streams",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn watch(
    app: Data<App>,
    order_id: Path<String>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let route = orders::parse(&app, &order_id)?;
    holds::check_owner(&app, &caller, route, orders::about_order).await?;
    let place = sse::place(&app)?;
    // The first state is read before the status is sent, so that an unknown order is a 404.
    let first = orders::read(&app, route).await?;
    let now = Instant::now();
    let watch = Watch {
        app,
        route,
        _place: place,
        shown: None,
        found: Some(first),
        look_after: LOOK_AFTER_MIN,
        said_at: now,
        ends_at: now + LIFE_MAX,
    };
    let frames = stream::unfold(watch, |mut watch| async move {
        let frame = watch.next().await?;
        Some((frame, watch))
    });
    Ok(sse::respond(frames))
}

struct Watch {
    app: Data<App>,
    route: HoldRoute,
    _place: OwnedSemaphorePermit,
    /// What was sent last.
    shown: Option<Order>,
    /// What was read and not yet looked at.
    found: Option<Order>,
    look_after: Duration,
    said_at: Instant,
    ends_at: Instant,
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        if self.shown.as_ref().is_some_and(|order| order.status.is_final()) {
            return None;
        }
        loop {
            if let Some(order) = self.found.take()
                && self.is_news(&order)
            {
                return Some(self.tell(order));
            }
            if Instant::now() >= self.ends_at {
                return None;
            }
            if self.said_at.elapsed() >= HEARTBEAT {
                self.said_at = Instant::now();
                return Some(Bytes::from_static(b":\n\n"));
            }
            tokio::time::sleep(self.look_after).await;
            self.look_after = (self.look_after * 3 / 2).min(LOOK_AFTER_MAX);
            match orders::read(&self.app, self.route).await {
                Ok(order) => self.found = Some(order),
                // What passes is waited for; anything else would be told the same way again.
                Err(error) => match error.code() {
                    Code::Busy | Code::Rebuilding | Code::OutcomeUnknown => {
                        self.look_after = LOOK_AFTER_MAX;
                    }
                    _ => return None,
                },
            }
        }
    }

    /// Whether the order itself changed, and not just something else in its inventory.
    fn is_news(&self, order: &Order) -> bool {
        self.shown
            .as_ref()
            .is_none_or(|shown| *order != Order { version: order.version, ..shown.clone() })
    }

    fn tell(&mut self, order: Order) -> Bytes {
        let data = serde_json::to_string(&order).expect("an order is plain data");
        let frame = sse::frame("order", &data, Some(order.version));
        self.shown = Some(order);
        self.look_after = LOOK_AFTER_MIN;
        self.said_at = Instant::now();
        frame
    }
}
