//! Whether the process lives, whether it wants requests, and what it counted.
//!
//! `/healthz` is for whoever restarts it, `/readyz` for whoever sends it requests, `/metrics` for
//! Prometheus. None of them needs a key: the operators' listener is not for the internet.

use super::lifecycle::Stage;
use crate::app::App;
use crate::http::route::at;
use crate::operators::gauges;
use crate::telemetry;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use usher_wire::Health;

/// Mounts the three pages.
pub fn routes(service: &mut ServiceConfig) {
    let at = |pattern| at("", pattern);
    service
        .service(at("/healthz").get(alive))
        .service(at("/readyz").get(ready))
        .service(at("/metrics").get(metrics));
}

/// Alive: answers as long as it can.
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses((status = 200, description = "The process lives", body = Health)),
)]
pub async fn alive() -> impl Responder {
    web::Json(Health { status: "ok".to_owned(), detail: None })
}

/// Ready: wants requests.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "Send requests", body = Health),
        (status = 503, description = "Send no more requests", body = Health),
    ),
)]
pub async fn ready(app: Data<App>) -> impl Responder {
    match app.lifecycle.stage() {
        Stage::Ready => {
            // Reading goes on, so the server is still of use.
            let detail = app.router.is_disk_full().then(|| "the disk is nearly full".to_owned());
            HttpResponse::Ok().json(Health { status: "ok".to_owned(), detail })
        }
        Stage::Leaving | Stage::Draining => {
            let status = "draining".to_owned();
            HttpResponse::ServiceUnavailable().json(Health { status, detail: None })
        }
    }
}

/// Metrics: everything that was counted, as Prometheus text.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")),
)]
pub async fn metrics(app: Data<App>) -> impl Responder {
    telemetry::gauge_runtime(&app);
    gauges::set(&app).await;
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(app.metrics.render())
}
