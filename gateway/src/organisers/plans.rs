//! Taking seating plans in.

use crate::app::App;
use crate::http::body::RawBody;
use crate::http::problem::ApiError;
use crate::ids;
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, http::header::LOCATION};
use usher_engine::plan::SeatPlan;
use usher_wire::plan::PlanDocument;
use usher_wire::{PlanCategoryCount, PlanCreated, Problem};

/// Takes a seating plan in: pretix's open JSON. The same document again is the same plan.
#[utoipa::path(
    post, path = "/admin/v1/plans", tag = "organisers", operation_id = "addPlan",
    security(("organiser" = [])),
    request_body(content = PlanDocument, description = "pretix's seating-plan JSON: zones, rows, seats"),
    responses(
        (status = 201, body = PlanCreated, description = "The plan is kept",
         headers(("Location" = String))),
        (status = 413, body = Problem, description = "Too large",
         content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "It is no plan; `pointer` says where",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn add(app: Data<App>, document: RawBody) -> Result<HttpResponse, ApiError> {
    let plans = app.plans.clone();
    // A large plan takes a second to read and write; other requests do not wait for it.
    let added = web::block(move || plans.add(&document.0)).await;
    let plan = added.map_err(ApiError::internal)??;
    let answer = describe(&plan);
    let location = format!("/api/v1/plans/{}", answer.plan_id);
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(answer))
}

fn describe(plan: &SeatPlan) -> PlanCreated {
    let categories = plan.categories().iter().map(|category| PlanCategoryCount {
        name: category.name().to_owned(),
        seats: category.seat_count(),
    });
    PlanCreated {
        plan_id: ids::plan_text(plan.id()),
        name: plan.name().to_owned(),
        seats: plan.seat_count(),
        categories: categories.collect(),
    }
}
