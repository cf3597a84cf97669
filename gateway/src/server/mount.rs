//! Which handler answers at which path, and through which stages.
//!
//! Each folder of handlers (`buyers`, `organisers`, `operators`, `sandbox`) has a function `routes`
//! that says what it answers: within a scope where something goes around it, such as the check of
//! a key before anything of a body is read, else at whole paths. What a rush calls comes first.

use super::{docs, health, stages};
use crate::app::App;
use crate::config::Cors;
use crate::http::body::BytesMax;
use crate::http::fallback;
use crate::http::route::Route;
use crate::{buyers, identity, operators, organisers, room, sandbox};
use actix_web::App as Routes;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, Data};

/// All that a listener answers, with all that goes around it.
pub trait Whole:
    ServiceFactory<ServiceRequest, Config = (), Error = actix_web::Error, InitError = ()>
{
}

impl<T> Whole for T where
    T: ServiceFactory<ServiceRequest, Config = (), Error = actix_web::Error, InitError = ()>
{
}

/// The listener for buyers and organisers.
pub fn public(
    app: &Data<App>,
) -> Routes<impl Whole<Response = ServiceResponse<impl MessageBody + use<>>> + use<>> {
    let app = &Data::new(App::clone(app));
    let config = &app.config;
    let admin = web::scope("/admin/v1")
        .app_data(BytesMax(config.bodies.admin_bytes_max))
        .configure(|service| organisers::routes(service, app))
        .configure(room::organisers_routes)
        .wrap(from_fn(stages::organisers_only));
    let pages = config.http.cors != Cors::Off;
    Routes::new()
        .app_data(app.clone())
        .app_data(Route::none())
        .app_data(BytesMax(config.bodies.bytes_max))
        .configure(|service| buyers::routes(service, app))
        .configure(|service| identity::routes(service, app))
        .configure(room::buyers_routes)
        .service(admin)
        .configure(|service| sandbox::routes::routes(service, app))
        .configure(docs::routes)
        .default_service(web::to(fallback::not_found))
        .wrap(from_fn(stages::public))
        .wrap(Condition::new(pages, cors(&config.http.cors)))
        .wrap(Condition::new(pages, from_fn(stages::preflight)))
}

/// The listener for operators.
pub fn operators(
    app: &Data<App>,
) -> Routes<impl Whole<Response = ServiceResponse<impl MessageBody + use<>>> + use<>> {
    let ops = web::scope("/ops/v1")
        .app_data(BytesMax(app.config.bodies.admin_bytes_max))
        .configure(|service| operators::routes(service, app))
        .configure(room::operators_routes)
        .wrap(from_fn(stages::operators_only));
    Routes::new()
        .app_data(app.clone())
        .app_data(Route::none())
        .service(ops)
        .configure(health::routes)
        .default_service(web::to(fallback::not_found))
        .wrap(from_fn(stages::operators))
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
