//! Nothing behind the server: what HTTP and JSON cost by themselves.

use actix_web::HttpResponse;
use actix_web::web::Json;
use usher_wire::HoldRequest;

use crate::answer::{held, new_id};

/// Parses the request of a hold and answers as if it had been made.
pub(crate) async fn hold(asked: Json<HoldRequest>) -> HttpResponse {
    held(asked.into_inner(), new_id(), 1)
}

/// The least that a read can be.
pub(crate) async fn read() -> HttpResponse {
    HttpResponse::Ok().body("{}")
}
