//! Making shows, and changing what may still change.

use crate::app::App;
use crate::buyers::{lookup, shows};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::ids;
use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, Data, Path};
use std::sync::Arc;
use usher_engine::plan::SeatPlan;
use usher_engine::show::ShowChange;
use usher_engine::{Command, MachineId, Refusal};
use usher_shards::view::{PoolBoard, SegmentBoard};
use usher_shards::{CallError, ShowView};
use usher_wire::{Problem, Show, ShowPatch, ShowRequest};

use super::form::{self, Withdrawal};
use super::real_names;

/// Makes a show. Everything in it is blocked, and its sale is not open.
#[utoipa::path(
    post, path = "/admin/v1/shows", tag = "organisers", operation_id = "createShow",
    security(("organiser" = [])), request_body = ShowRequest,
    responses(
        (status = 201, body = Show, description = "The show", headers(("Location" = String))),
        (status = 400, body = Problem, description = "A field is wrong; `pointer` says which",
         content_type = "application/problem+json"),
        (status = 404, body = Problem, description = "There is no such plan",
         content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "The show id is taken",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    app: Data<App>,
    body: Body<ShowRequest>,
) -> Result<HttpResponse, ApiError> {
    let Body(asked) = body;
    let show_id = form::show_id(asked.show_id.as_deref())?;
    let plan = match &asked.plan_id {
        Some(text) => Some(find_plan(&app, text).await?),
        None => None,
    };
    let mut show = form::new_show(&asked, show_id.clone(), plan, &app.config.sale)?;
    real_names::add_to_new(&mut show, &asked, &app.attendees)?;
    let key = ids::show_key(&show_id);
    app.router.organise(key, Command::CreateShow(Box::new(show))).await?;
    let view = lookup::show(&app, &show_id)?;
    let location = format!("/api/v1/shows/{show_id}");
    let made = shows::describe(&view, lookup::now());
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(made))
}

/// Changes what may still change; what is not named stays. A stock pool never gets smaller than
/// what is sold and held of it.
#[utoipa::path(
    patch, path = "/admin/v1/shows/{showId}", tag = "organisers", operation_id = "changeShow",
    security(("organiser" = [])), request_body = ShowPatch,
    params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = Show, description = "The show as it is now"),
        (status = 400, body = Problem, description = "A field is wrong; `pointer` says which",
         content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "So many are sold or held already",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn change(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<ShowPatch>,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let Body(asked) = body;
    let face = view.kept_face();
    let capacities = capacities(&view);
    let plan = view.plan.as_deref();
    let mut change = form::change(&asked, &face, plan, &capacities, &app.config.sale)?;
    real_names::add_to_change(&mut change.show, &asked, &face, &app.attendees)?;
    // All that can be refused is looked at before anything happens.
    for withdrawal in &change.withdrawals {
        check_free(&view, *withdrawal)?;
    }
    for withdrawal in &change.withdrawals {
        withdraw(&app, &view, *withdrawal).await?;
    }
    if change.show != ShowChange::default() {
        app.router.organise(view.key, Command::ChangeShow(Box::new(change.show))).await?;
    }
    Ok(HttpResponse::Ok().json(shows::describe(&view, lookup::now())))
}

async fn find_plan(app: &Data<App>, text: &str) -> Result<Arc<SeatPlan>, ApiError> {
    let unknown = |error: ApiError| match error.code() {
        Code::UnknownPlan => error.pointer("/planId"),
        _ => error,
    };
    let id = ids::parse_plan(text).map_err(|_| unknown(ApiError::new(Code::UnknownPlan)))?;
    let plans = app.plans.clone();
    match plans.cached(id) {
        Some(plan) => Ok(plan),
        None => {
            web::block(move || plans.get(id)).await.map_err(ApiError::internal)?.map_err(unknown)
        }
    }
}

/// How many tickets each pool has. Loans between segments make no difference to that.
fn capacities(view: &ShowView) -> Vec<u32> {
    let withdrawn = |pool: u16| -> u64 {
        let segments = view.pool(pool).map_or(&[][..], |board| board.segments());
        segments.iter().map(|segment| segment.figures().withdrawn).sum()
    };
    let face = view.face();
    let pools = (0..).zip(&face.pools).map(|(index, pool)| {
        let left = u64::from(pool.quantity).saturating_sub(withdrawn(index));
        u32::try_from(left).expect("at most as many as were given")
    });
    pools.collect()
}

/// Refuses what cannot be: fewer tickets than are sold and held.
fn check_free(view: &ShowView, withdrawal: Withdrawal) -> Result<(), ApiError> {
    let totals = view.pool(withdrawal.pool).map(PoolBoard::totals).unwrap_or_default();
    let free = totals.available + totals.blocked + totals.in_transit;
    if u64::from(withdrawal.quantity) <= free {
        return Ok(());
    }
    Err(in_use(withdrawal, totals.sold + totals.held))
}

fn in_use(withdrawal: Withdrawal, taken: u64) -> ApiError {
    let words = format!("{taken} tickets are sold or held");
    let pointer = format!("/stock/{}/quantity", withdrawal.place);
    ApiError::new(Code::CapacityInUse).detail(words).pointer(pointer)
}

/// Takes tickets out of a pool: those not yet on sale where they are, since those are never lent,
/// and the rest at the first segment, which gathers them.
async fn withdraw(app: &App, view: &ShowView, withdrawal: Withdrawal) -> Result<(), ApiError> {
    let Withdrawal { pool, quantity, .. } = withdrawal;
    let segments = view.pool(pool).map_or(&[][..], |board| board.segments());
    let blocked = segments.iter().map(|segment| segment.figures().blocked);
    let mut left = quantity;
    let mut parts = Vec::new();
    for (segment, blocked) in (0..).zip(blocked) {
        let part = left.min(u32::try_from(blocked).unwrap_or(u32::MAX));
        left -= part;
        parts.extend((part > 0).then_some((segment, part)));
    }
    parts.extend((left > 0).then_some((0, left)));
    let mut done = 0;
    for (segment, part) in parts {
        let owner = MachineId::segment(view.key, pool, segment);
        let outcome = app.router.execute(owner, Command::Withdraw { quantity: part }).await;
        match outcome {
            Ok(_) => done += part,
            Err(CallError::Refused(Refusal::CapacityInUse)) => {
                return Err(sold_meanwhile(withdrawal, segments, done));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn sold_meanwhile(withdrawal: Withdrawal, segments: &[SegmentBoard], done: u32) -> ApiError {
    let figures = segments.iter().map(SegmentBoard::figures);
    let error = in_use(withdrawal, figures.map(|segment| segment.sold + segment.held).sum());
    match done {
        0 => error,
        _ => error.detail(format!(
            "{done} of {} tickets are withdrawn; the others were sold or held meanwhile",
            withdrawal.quantity
        )),
    }
}
