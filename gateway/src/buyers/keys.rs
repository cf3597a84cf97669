//! Public keys, with which anybody verifies tickets without asking us.

use crate::app::App;
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use usher_wire::JwkSet;

/// Keys that verify tickets, the one that signs now first.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "buyers", operation_id = "listKeys",
    responses((status = 200, body = JwkSet, description = "A JWK set (RFC 7517)")),
)]
pub(super) async fn list(app: Data<App>) -> HttpResponse {
    // Gates keep the keys for a day on their own; an hour lets a changed key reach new gates soon.
    let keep = (CACHE_CONTROL, "public, max-age=3600");
    HttpResponse::Ok().insert_header(keep).json(app.tickets.jwk_set())
}
