//! What buyers, and box offices that integrate, can do: everything under `/api/v1`.
//!
//! ```text
//!   reads published views     shows, plans, seats, seat_stream; seat_feed, written
//!   asks one owner, once      holds, orders, pay, callback, tickets, checkins, order_stream
//!   asks the replica          orders (a buyer's list)
//!   shared                    lookup, render, checks, contacts, idempotency, paging, etag, sse
//! ```
//!
//! A handler checks what it was given, asks, and writes down the answer. It holds nothing: all that
//! an answer rests on is in the journal before the answer exists.

pub mod checks;
pub mod contacts;
pub mod holds;
pub mod idempotency;
pub mod lookup;
pub mod paging;
pub mod render;
pub mod seat_feed;
pub mod shows;

mod callback;
mod checkins;
mod etag;
mod keys;
mod order_stream;
mod orders;
mod pay;
mod plans;
mod seat_stream;
mod seats;
pub(crate) mod sse;
mod tickets;
mod written;

use crate::app::App;
use crate::challenge;
use crate::http::route::whole;
use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi;

pub use seat_feed::Feeds;

/// Everything that buyers can call, below `/api/v1`.
pub fn routes(service: &mut ServiceConfig, _app: &Data<App>) {
    let at = |pattern| whole("/api/v1", pattern);
    // Patterns are tried in turn: what a rush consists of comes first.
    service
        .service(at("/shows/{showId}/holds").post(holds::place))
        .service(at("/shows/{showId}/seats").get(seats::show))
        .service(at("/shows").get(shows::list))
        .service(at("/shows/{showId}").get(shows::show))
        .service(at("/shows/{showId}/seats/stream").get(seat_stream::watch))
        .service(at("/holds/{holdId}").get(holds::show).delete(holds::release))
        .service(at("/plans/{planId}").get(plans::show))
        .service(at("/me/orders").get(orders::mine))
        .service(at("/orders").post(orders::place))
        .service(at("/orders/{orderId}").get(orders::show))
        .service(at("/orders/{orderId}/pay").post(pay::start))
        .service(at("/orders/{orderId}/cancel").post(orders::cancel))
        .service(at("/orders/{orderId}/stream").get(order_stream::watch))
        .service(at("/payments/callback").post(callback::hear))
        .service(at("/tickets/{ticketCode}").get(tickets::show))
        .service(at("/tickets/{ticketCode}/qr.svg").get(tickets::svg))
        .service(at("/tickets/{ticketCode}/qr.png").get(tickets::png))
        .service(at("/checkins").post(checkins::scan))
        .service(at("/keys").get(keys::list))
        .service(at("/challenge").get(challenge::show));
}

/// The buyers' part of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(paths(
    shows::list,
    shows::show,
    seats::show,
    seat_stream::watch,
    holds::place,
    holds::show,
    holds::release,
    plans::show,
    orders::mine,
    orders::place,
    orders::show,
    orders::cancel,
    pay::start,
    order_stream::watch,
    callback::hear,
    tickets::show,
    tickets::svg,
    tickets::png,
    checkins::scan,
    keys::list,
    challenge::show,
))]
pub struct Api;
