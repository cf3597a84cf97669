//! Seating plans as buyers' browsers draw them: the document byte for byte, cacheable for ever.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::ids;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use usher_wire::Problem;

/// The geometry of a plan, in the format it came in. It never changes.
#[utoipa::path(
    get, path = "/api/v1/plans/{planId}", tag = "buyers", operation_id = "getPlan",
    params(("planId" = String, Path, description = "The plan")),
    responses(
        (status = 200, description = "pretix's seating-plan JSON",
         content_type = "application/json",
         headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "It is what the caller has"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    app: Data<App>,
    plan_id: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let id = ids::parse_plan(&plan_id).map_err(|_| ApiError::new(Code::UnknownPlan))?;
    // The id is a hash of the document, so it says all that a strong tag has to.
    let tag = format!("\"{}\"", ids::plan_text(id));
    let is_known = super::etag::is_known(&request, &tag);
    let document = match app.plans.cached_document(id) {
        Some(document) => document,
        // Whoever has it need not be sent it, so it need not be read, if there is such a plan.
        None if is_known && app.plans.cached(id).is_some() => Bytes::new(),
        None => {
            let plans = app.plans.clone();
            web::block(move || plans.document(id)).await.map_err(ApiError::internal)??
        }
    };
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((VARY, "Accept-Encoding"));
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.insert_header((CONTENT_TYPE, "application/json")).body(document))
}
