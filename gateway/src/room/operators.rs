//! Looking at a waiting room, and steering it by hand.

use super::{entry_id, room};
use crate::app::App;
use crate::buyers::{checks, lookup};
use crate::http::body::Body;
use crate::http::problem::ApiError;
use crate::http::room_refusals::queue_state;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::room::{CALL_MAX, RoomCommand, RoomMove};
use usher_engine::{Command, MachineId};
use usher_shards::RoomView;
use usher_wire::{
    CallRequest, ExpelRequest, OutflowRequest, QueueFigures, QueueLaneFigures, QueueTotals,
};

/// How a waiting room does: who waits, who is in, and what keeps it from letting more in.
#[utoipa::path(
    get, path = "/ops/v1/shows/{showId}/queue", tag = "queue", operation_id = "queueStatus",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does")),
)]
pub(super) async fn show(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let room = room(&app, view.key)?;
    Ok(HttpResponse::Ok().json(figures(&app, &show_id, &room)))
}

/// Closes the list now rather than at its time; or takes up again what was drained.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/open", tag = "queue", operation_id = "openQueue",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn open(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    tell(&app, &show_id, RoomCommand::Move(RoomMove::Open)).await
}

/// Lets nobody join or be called any more. Passes that were given stay good.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/close", tag = "queue", operation_id = "closeQueue",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn close(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    tell(&app, &show_id, RoomCommand::Move(RoomMove::Close)).await
}

/// Stops letting people in; they may still join.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/pause", tag = "queue", operation_id = "pauseQueue",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn pause(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    tell(&app, &show_id, RoomCommand::Move(RoomMove::Pause)).await
}

/// Goes on letting people in.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/resume", tag = "queue",
    operation_id = "resumeQueue", security(("operator" = [])),
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn resume(
    app: Data<App>,
    show_id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    tell(&app, &show_id, RoomCommand::Move(RoomMove::Resume)).await
}

/// Changes how many are let in.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/outflow", tag = "queue",
    operation_id = "setOutflow", security(("operator" = [])), request_body = OutflowRequest,
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn set_flow(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<OutflowRequest>,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let face = room(&app, view.key)?.face();
    let OutflowRequest { outflow_per_second, shopping_max } = body.0;
    let command = RoomCommand::SetFlow {
        outflow_per_second: outflow_per_second.unwrap_or(face.setup.outflow_per_second),
        shopping_max: shopping_max.unwrap_or(face.setup.shopping_max),
    };
    tell(&app, &show_id, command).await
}

/// Lets people in by hand, beside the pace: the next so many, or these whatever their turn.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/call", tag = "queue", operation_id = "callPeople",
    security(("operator" = [])), request_body = CallRequest,
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn call(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<CallRequest>,
) -> Result<HttpResponse, ApiError> {
    let too_many = |pointer: &str| ApiError::field(pointer, format!("it must be 1 to {CALL_MAX}"));
    let command = match body.0 {
        CallRequest { count: Some(count), user_ids: None } => {
            if !(1..=CALL_MAX).contains(&count) {
                return Err(too_many("/count"));
            }
            RoomCommand::Call { count }
        }
        CallRequest { count: None, user_ids: Some(users) } => {
            if users.is_empty() || users.len() > CALL_MAX as usize {
                return Err(too_many("/userIds"));
            }
            for (at, user) in users.iter().enumerate() {
                checks::user_id(user, &format!("/userIds/{at}"))?;
            }
            let entries = users.iter().map(|user| entry_id(&show_id, user)).collect();
            RoomCommand::CallPeople { entries }
        }
        _ => return Err(ApiError::field("", "give either `count` or `userIds`")),
    };
    tell(&app, &show_id, command).await
}

/// Takes a user's place away. They cannot join again, and a pass that was not used yet is told as
/// ended, though it stays good until it runs out.
#[utoipa::path(
    post, path = "/ops/v1/shows/{showId}/queue/expel", tag = "queue", operation_id = "expelPerson",
    security(("operator" = [])), request_body = ExpelRequest,
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueFigures, description = "How it does now")),
)]
pub(super) async fn expel(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<ExpelRequest>,
) -> Result<HttpResponse, ApiError> {
    checks::user_id(&body.0.user_id, "/userId")?;
    let entry = entry_id(&show_id, &body.0.user_id);
    tell(&app, &show_id, RoomCommand::Expel { entry }).await
}

/// Has a room carry something out, and says how it does then.
async fn tell(app: &App, show_id: &str, command: RoomCommand) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(app, show_id)?;
    let room = room(app, view.key)?;
    app.router.execute(MachineId::room(view.key), Command::Room(command)).await?;
    Ok(HttpResponse::Ok().json(figures(app, show_id, &room)))
}

fn figures(app: &App, show_id: &str, room: &RoomView) -> QueueFigures {
    let (face, figures) = (room.face(), room.board.figures());
    let flow = app.rooms.flows.get(room.key);
    let lanes = face.setup.lanes.iter().zip(&figures.lanes);
    let tally = figures.tally;
    QueueFigures {
        show_id: show_id.to_owned(),
        state: queue_state(figures.stage),
        paused: figures.is_paused,
        partition: MachineId::room(room.key).partition().0,
        version: figures.version,
        joined: figures.places,
        listed: figures.listed,
        lanes: lanes
            .map(|(setup, lane)| QueueLaneFigures {
                name: setup.name.to_string(),
                weight: setup.weight,
                next_turn: lane.next_turn,
                waiting: lane.waiting(),
                returning: lane.returning,
            })
            .collect(),
        called: figures.called,
        admitted: figures.passed,
        outflow_per_second: face.setup.outflow_per_second,
        shopping_max: face.setup.shopping_max,
        outflow_milli: flow.as_ref().map_or(0, |flow| flow.called_per_second_milli()),
        held_back_by: flow.and_then(|flow| flow.held_back_by()),
        totals: QueueTotals {
            called: tally.called,
            passes: tally.passes,
            used: tally.used,
            lapsed: tally.lapsed,
            missed: tally.missed,
            left: tally.left,
            expelled: tally.expelled,
        },
    }
}
