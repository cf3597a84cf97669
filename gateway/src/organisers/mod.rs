//! What organisers do under `/admin/v1`.
//!
//! ```text
//!   plans.rs    taking seating plans in
//!   shows.rs    making and changing shows; form.rs checks what is written about them
//!   real_names.rs  what a show asks of who comes
//!   sale.rs     open, pause, resume, close
//!   on_sale.rs  seats and stock in batches
//!   counter.rs  selling for cash
//!   orders.rs   the list of a show's orders, and finding one
//!   refunds.rs  money back by hand
//!   report.rs   counts and revenue
//!   keys.rs     keys for integrators
//! ```
//!
//! What changes something is asked of its owner and answered when it is durable; what is only read,
//! and more than one order, comes from the replica and says as of which sequence.

mod counter;
mod form;
pub(crate) mod hoarding;
mod keys;
mod on_sale;
mod orders;
mod plans;
mod real_names;
mod refunds;
mod report;
pub(crate) mod sale;
mod shows;

use crate::app::App;
use crate::http::body::BytesMax;
use crate::http::route::at;
use crate::identity;
use crate::risk;
use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi;

/// Everything that organisers can call, described.
#[derive(OpenApi)]
#[openapi(paths(
    plans::add,
    shows::create,
    shows::change,
    sale::open,
    sale::pause,
    sale::resume,
    sale::close,
    on_sale::put,
    report::show,
    orders::list,
    counter::sell,
    refunds::refund,
    risk::show,
    risk::change,
    risk::explain,
    keys::make,
    keys::list,
    keys::revoke,
))]
pub struct Api;

/// Everything that organisers can call, relative to `/admin/v1`.
pub fn routes(service: &mut ServiceConfig, app: &Data<App>) {
    let plan_bytes_max = BytesMax(app.config.bodies.plan_bytes_max);
    let at = |pattern| at("/admin/v1", pattern);
    service
        .service(at("/plans").app_data(plan_bytes_max).post(plans::add))
        .service(at("/shows").post(shows::create))
        .service(at("/shows/{showId}").patch(shows::change))
        .service(at("/shows/{showId}/open").post(sale::open))
        .service(at("/shows/{showId}/pause").post(sale::pause))
        .service(at("/shows/{showId}/resume").post(sale::resume))
        .service(at("/shows/{showId}/close").post(sale::close))
        .service(at("/shows/{showId}/put-on-sale").post(on_sale::put))
        .service(at("/shows/{showId}/report").get(report::show))
        .service(at("/shows/{showId}/orders").get(orders::list).post(counter::sell))
        .service(at("/orders/{orderId}/refund").post(refunds::refund))
        .service(at("/risk").get(risk::show).put(risk::change))
        .service(at("/risk/explain").get(risk::explain))
        .service(at("/users/{userId}").delete(identity::erase_user))
        .service(at("/users/{userId}/export").get(identity::export_user))
        .service(at("/accounts/reset").post(identity::offer_by_key))
        .service(at("/keys").get(keys::list).post(keys::make))
        .service(at("/keys/{keyId}").delete(keys::revoke));
}
