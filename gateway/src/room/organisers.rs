//! Setting a waiting room up, turning it off, and giving the public value of its draw.

use super::buyers::queue;
use super::room;
use crate::app::App;
use crate::buyers::{checks, lookup};
use crate::config::secrets::random_bytes;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::room::{
    DRAW_SOURCE_BYTES_MAX, LANE_NAME_BYTES_MAX, LaneSetup, PUBLIC_VALUE_BYTES_MAX, RoomCommand,
    RoomMove, Setup,
};
use usher_engine::show::SaleMove;
use usher_engine::{Command, MachineId};
use usher_wire::{DrawRequest, Problem, Queue, QueueSettings};

/// Sets a waiting room up, or changes what may still change, and turns it on: from then on holds
/// need its passes.
#[utoipa::path(
    put, path = "/admin/v1/shows/{showId}/queue", tag = "queue", operation_id = "setUpQueue",
    security(("organiser" = [])), request_body = QueueSettings,
    params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = Queue, description = "The room as it is now"),
        (status = 422, body = Problem, description = "It makes no waiting room",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn set_up(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<QueueSettings>,
) -> Result<HttpResponse, ApiError> {
    let show = lookup::show(&app, &show_id)?;
    let setup = Box::new(read(&body.0)?);
    // The room keeps the first seed that it was given; whoever sets it up again draws in vain.
    let seed = random_bytes::<32>();
    let command = Command::Room(RoomCommand::Configure { setup, seed });
    app.router.execute(MachineId::room(show.key), command).await?;
    app.router.organise(show.key, Command::MoveSale(SaleMove::RequirePasses)).await?;
    Ok(HttpResponse::Ok().json(queue(&show_id, &*room(&app, show.key)?)))
}

/// Turns a waiting room off: anybody may hold again, and nobody joins or is called any more.
#[utoipa::path(
    delete, path = "/admin/v1/shows/{showId}/queue", tag = "queue", operation_id = "turnQueueOff",
    security(("organiser" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = Queue, description = "The room as it is now")),
)]
pub(super) async fn turn_off(
    app: Data<App>,
    show_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let show = lookup::show(&app, &show_id)?;
    let room = room(&app, show.key)?;
    app.router.organise(show.key, Command::MoveSale(SaleMove::WaivePasses)).await?;
    let command = Command::Room(RoomCommand::Move(RoomMove::Close));
    app.router.execute(MachineId::room(show.key), command).await?;
    Ok(HttpResponse::Ok().json(queue(&show_id, &room)))
}

/// Gives the public value that the order is drawn with. Once, and only after the list was closed.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/queue/draw", tag = "queue", operation_id = "drawQueue",
    security(("organiser" = [])), request_body = DrawRequest,
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = Queue, description = "The room as it is now")),
)]
pub(super) async fn draw(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<DrawRequest>,
) -> Result<HttpResponse, ApiError> {
    let show = lookup::show(&app, &show_id)?;
    let room = room(&app, show.key)?;
    let value = &body.0.public_value;
    checks::text(value, "/publicValue", 1, PUBLIC_VALUE_BYTES_MAX)?;
    let public_value = value.as_str().into();
    let command = Command::Room(RoomCommand::Draw { public_value });
    app.router.execute(MachineId::room(show.key), command).await?;
    Ok(HttpResponse::Ok().json(queue(&show_id, &room)))
}

/// What was written, in the engine's words. The engine checks the bounds that are left.
fn read(settings: &QueueSettings) -> Result<Setup, ApiError> {
    let moment = |time, pointer: &str| {
        let words = "it is before 1970";
        lookup::moment(time).ok_or_else(|| ApiError::field(pointer, words))
    };
    for (at, lane) in settings.lanes.iter().enumerate() {
        checks::text(&lane.name, &format!("/lanes/{at}/name"), 1, LANE_NAME_BYTES_MAX)?;
    }
    checks::text(&settings.draw_source, "/drawSource", 0, DRAW_SOURCE_BYTES_MAX)?;
    if settings.lanes.is_empty() {
        return Err(ApiError::new(Code::BadQueue).detail("a room has 1 to 8 lanes"));
    }
    let lane = |lane: &usher_wire::QueueLane| LaneSetup {
        name: lane.name.as_str().into(),
        weight: lane.weight,
        members_only: lane.members_only,
    };
    Ok(Setup {
        pre_queue_at: moment(settings.pre_queue_at, "/preQueueAt")?,
        opens_at: moment(settings.opens_at, "/opensAt")?,
        lanes: settings.lanes.iter().map(lane).collect(),
        claim_ms: u64::from(settings.claim_seconds) * 1_000,
        pass_ms: u64::from(settings.pass_seconds) * 1_000,
        outflow_per_second: settings.outflow_per_second,
        shopping_max: settings.shopping_max,
        draw_source: settings.draw_source.as_str().into(),
    })
}
