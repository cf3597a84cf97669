//! Which handler answers at which path, and through which stages.
//!
//! Each folder of handlers (`buyers`, `organisers`, `operators`, `sandbox`) has a function `routes`
//! that says what it answers, relative to where it is mounted here. Keys are checked before
//! anything of a request's body is read.

use super::{docs, health, stages};
use crate::app::App;
use crate::config::Cors;
use crate::http::body::BytesMax;
use crate::http::route::Route;
use crate::http::{fallback, request_id};
use crate::{buyers, operators, organisers, sandbox};
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::web::{self, Data, ServiceConfig};

/// Everything on the listener for buyers and organisers.
pub fn public_routes(service: &mut ServiceConfig, app: &Data<App>) {
    let config = &app.config;
    let api = web::scope("/api/v1")
        .app_data(BytesMax(config.bodies.bytes_max))
        .configure(|service| buyers::routes(service, app))
        .wrap(Condition::new(app.limits.is_some(), from_fn(stages::limit)));
    let admin = web::scope("/admin/v1")
        .app_data(BytesMax(config.bodies.admin_bytes_max))
        .configure(|service| organisers::routes(service, app))
        .wrap(from_fn(stages::organisers_only));
    let all = web::scope("")
        .app_data(app.clone())
        .service(api)
        .service(admin)
        .configure(|service| sandbox::routes::routes(service, app))
        .configure(docs::routes)
        .default_service(web::to(fallback::not_found))
        .wrap(from_fn(fallback::as_problem))
        .wrap(from_fn(stages::count))
        .wrap(Condition::new(config.http.cors != Cors::Off, cors(&config.http.cors)))
        .wrap(Compress::default())
        .wrap(from_fn(request_id::name_request));
    service.app_data(app.clone()).app_data(Route::none()).service(all);
}

/// Everything on the listener for operators.
pub fn operators_routes(service: &mut ServiceConfig, app: &Data<App>) {
    let ops = web::scope("/ops/v1")
        .app_data(BytesMax(app.config.bodies.admin_bytes_max))
        .configure(|service| operators::routes(service, app))
        .wrap(from_fn(stages::operators_only));
    let all = web::scope("")
        .service(ops)
        .configure(health::routes)
        .default_service(web::to(fallback::not_found))
        .wrap(from_fn(fallback::as_problem))
        .wrap(Compress::default())
        .wrap(from_fn(request_id::name_request));
    service.app_data(app.clone()).app_data(Route::none()).service(all);
}

/// Which browsers' pages may call, and which headers of ours they may read.
fn cors(allowed: &Cors) -> actix_cors::Cors {
    let cors = actix_cors::Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers([
            "etag",
            "idempotent-replayed",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-request-id",
        ])
        .max_age(3_600);
    match allowed {
        Cors::Off => cors,
        Cors::Any => cors.allow_any_origin(),
        Cors::Origins(origins) => {
            origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
        }
    }
}
