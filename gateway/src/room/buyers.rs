//! Standing in line: joining, asking, claiming, leaving; and the draw for everybody to check.

use super::describe;
use super::tokens::{PassToken, PlaceToken};
use super::{entry_id, room};
use crate::app::App;
use crate::buyers::lookup;
use crate::challenge::{self, Visit};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::http::query::QueryOf;
use crate::http::room_refusals::queue_state;
use crate::identity::scopes::Scope;
use crate::identity::{Caller, Who};
use crate::{ids, limits};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::Arc;
use usher_engine::room::{PassGoods, PlaceNo, PlaceState, RoomCommand};
use usher_engine::{Command, MachineId, Subject};
use usher_shards::view::RoomFace;
use usher_shards::{Answer, Found, RoomView, ShowView};
use usher_wire::{
    ChallengePurpose, ClaimRequest, JoinQueueRequest, QUEUE_TOKEN_HEADER, Queue, QueueDraw,
    QueueLane, QueuePass, QueuePlace, QueueSettings,
};

/// Entries on one page of the list.
const PAGE_ENTRIES_MAX: u64 = 10_000;

/// The waiting room of a show.
#[utoipa::path(
    get, path = "/api/v1/shows/{showId}/queue", tag = "queue", operation_id = "getQueue",
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = Queue, description = "How far it has come")),
)]
pub(super) async fn look(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let show = lookup::show(&app, &show_id)?;
    Ok(HttpResponse::Ok().json(queue(&show_id, &*room(&app, show.key)?)))
}

/// Stands in line for a show. Joining twice gives the same place.
#[utoipa::path(
    post, path = "/api/v1/shows/{showId}/queue", tag = "queue", operation_id = "joinQueue",
    request_body = JoinQueueRequest,
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueuePlace, description = "The place, with its token")),
)]
pub(super) async fn join(
    app: Data<App>,
    show_id: Path<String>,
    request: HttpRequest,
    caller: Caller,
    body: Body<JoinQueueRequest>,
) -> Result<HttpResponse, ApiError> {
    let Body(asked) = body;
    let user = caller.user(&asked.user_id, "/userId")?;
    let show = lookup::show(&app, &show_id)?;
    let room = room(&app, show.key)?;
    let buyer = ids::buyer_id(&user);
    limits::take(app.limits.as_ref(), &request, Some(buyer), Some(show.key))?;
    let lane = find_lane(&caller, &room.face(), asked.lane.as_deref())?;
    // Whoever speaks for many users has one address and one device for all of them.
    if !matches!(caller.who(), Who::Key { .. }) {
        let (purpose, user) = (ChallengePurpose::Join, Some(buyer));
        let account_age = caller.account_age();
        challenge::require(&app, &request, &Visit { purpose, user, account_age }).await?;
    }
    let entry = entry_id(&show_id, &user);
    let command = Command::Room(RoomCommand::Join { entry, lane });
    let answer = app.router.execute(MachineId::room(show.key), command).await?;
    let (no, place) = found(&answer)?;
    let token = PlaceToken { show: show.key, place: no, entry, lane: place.lane };
    // Published before the answer came, so it is there.
    let mut told = read(&app, &token)?;
    told.token = Some(app.rooms.keys.write_place(&token));
    Ok(HttpResponse::Ok().json(told))
}

/// How a place stands. Costs the server next to nothing; ask again after `nextPollSeconds`.
#[utoipa::path(
    get, path = "/api/v1/queue", tag = "queue", operation_id = "getPlace",
    params(
        ("X-Queue-Token" = Option<String>, Header, description = "The token of the place"),
        ("token" = Option<String>, Query, description = "The same, where headers cannot be set"),
    ),
    responses((status = 200, body = QueuePlace, description = "How it stands")),
)]
pub(super) async fn show(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let token = token(&app, &request)?;
    Ok(HttpResponse::Ok().json(read(&app, &token)?))
}

/// Claims the pass that a call promises. Repeating it gives the same pass.
#[utoipa::path(
    post, path = "/api/v1/queue/claim", tag = "queue", operation_id = "claimPass",
    request_body = ClaimRequest,
    params(
        ("X-Queue-Token" = Option<String>, Header, description = "The token of the place"),
        ("token" = Option<String>, Query, description = "The same, where headers cannot be set"),
    ),
    responses((status = 200, body = QueuePass, description = "The pass")),
)]
pub(super) async fn claim(
    app: Data<App>,
    request: HttpRequest,
    body: Body<ClaimRequest>,
) -> Result<HttpResponse, ApiError> {
    let token = token(&app, &request)?;
    limits::take(app.limits.as_ref(), &request, None, None)?;
    let show = lookup::show_of(&app, MachineId::house(token.show))?;
    let goods = find_goods(&show, body.0.stock.as_deref())?;
    let PlaceToken { place, entry, .. } = token;
    let command = Command::Room(RoomCommand::Claim { place, entry, goods });
    let answer = app.router.execute(MachineId::room(token.show), command).await?;
    let (_, found) = found(&answer)?;
    let PlaceState::Passed { pass, goods, expires_at } = found.state else {
        return Err(ApiError::internal("a claim was answered without a pass"));
    };
    let pass = PassToken { show: token.show, place, entry, pass, goods, expires_at };
    Ok(HttpResponse::Ok().json(QueuePass {
        pass: app.rooms.keys.write_pass(&pass),
        show_id: show.face().details.public_id.clone(),
        stock: stock_name(&show, goods),
        expires_at: lookup::time(expires_at),
    }))
}

/// Gives the place up. Doing it twice is doing it once; a pass that was given stays good.
#[utoipa::path(
    delete, path = "/api/v1/queue", tag = "queue", operation_id = "leaveQueue",
    params(
        ("X-Queue-Token" = Option<String>, Header, description = "The token of the place"),
        ("token" = Option<String>, Query, description = "The same, where headers cannot be set"),
    ),
    responses((status = 200, body = QueuePlace, description = "How it stands now")),
)]
pub(super) async fn leave(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let token = token(&app, &request)?;
    limits::take(app.limits.as_ref(), &request, None, None)?;
    let PlaceToken { place, entry, .. } = token;
    let command = Command::Room(RoomCommand::Leave { place, entry });
    app.router.execute(MachineId::room(token.show), command).await?;
    Ok(HttpResponse::Ok().json(read(&app, &token)?))
}

/// The draw of a show's waiting room, as far as it may be known.
#[utoipa::path(
    get, path = "/api/v1/shows/{showId}/queue/draw", tag = "queue", operation_id = "getDraw",
    params(("showId" = String, Path, description = "The show")),
    responses((status = 200, body = QueueDraw, description = "What is known of it")),
)]
pub(super) async fn draw(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let show = lookup::show(&app, &show_id)?;
    Ok(HttpResponse::Ok().json(draw_of(&*room(&app, show.key)?)))
}

/// Which part of the list is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The first entry of the page, counted from 0.
    #[serde(default)]
    from: u64,
}

/// The list that was drawn, in order of joining: a line for each entry, with the entry in hex and
/// its lane. At most 10,000 lines; the next page begins where this one ends. Only once the list is
/// closed.
#[utoipa::path(
    get, path = "/api/v1/shows/{showId}/queue/draw/entries", tag = "queue",
    operation_id = "listDrawEntries",
    params(
        ("showId" = String, Path, description = "The show"),
        ("from" = Option<u64>, Query, description = "The first entry, counted from 0"),
    ),
    responses((status = 200, body = String, description = "Lines", content_type = "text/plain")),
)]
pub(super) async fn entries(
    app: Data<App>,
    show_id: Path<String>,
    page: QueryOf<Page>,
) -> Result<HttpResponse, ApiError> {
    let show = lookup::show(&app, &show_id)?;
    let room = room(&app, show.key)?;
    let face = room.face();
    if face.draw.list_hash.is_none() {
        let state = crate::http::refusals::word(queue_state(face.stage));
        return Err(ApiError::new(Code::QueueNotOpen)
            .detail("the list is not closed")
            .state(state));
    }
    let figures = room.board.figures();
    let from = page.0.from.min(figures.listed);
    let until = figures.listed.min(from + PAGE_ENTRIES_MAX);
    let mut text = String::with_capacity((until - from) as usize * 35);
    for no in from..until {
        let place = room.board.place(PlaceNo(no as u32));
        let (entry, copy) = place.ok_or_else(|| ApiError::internal("a listed place is missing"))?;
        writeln!(text, "{:032x} {}", entry.0, copy.lane).expect("memory takes what is written");
    }
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(Bytes::from(text)))
}

/// The token that a request comes with.
///
/// # Errors
/// [`Code::QueueTokenInvalid`].
pub(super) fn token(app: &App, request: &HttpRequest) -> Result<PlaceToken, ApiError> {
    let header = request.headers().get(QUEUE_TOKEN_HEADER);
    let token = match header {
        Some(text) => text.to_str().ok().and_then(|text| app.rooms.keys.read_place(text.trim())),
        None => form_urlencoded::parse(request.query_string().as_bytes())
            .find(|(name, _)| name == "token")
            .and_then(|(_, text)| app.rooms.keys.read_place(text.trim())),
    };
    token.ok_or_else(|| ApiError::new(Code::QueueTokenInvalid))
}

/// How the place of a token stands, read from what is published.
///
/// # Errors
/// [`Code::UnknownShow`], [`Code::UnknownQueue`], [`Code::UnknownPlace`].
pub(super) fn read(app: &App, token: &PlaceToken) -> Result<QueuePlace, ApiError> {
    let show = lookup::show_of(app, MachineId::house(token.show))?;
    let room = room(app, token.show)?;
    let standing = room.board.standing(token.place).filter(|(entry, ..)| *entry == token.entry);
    let (_, copy, figures) = standing.ok_or_else(|| ApiError::new(Code::UnknownPlace))?;
    let flow = app.rooms.flows.get(room.key);
    Ok(describe::place(&show, &room, copy, &figures, flow.as_deref(), lookup::now()))
}

/// The lane that somebody wants into. One for members wants a key that may sell.
fn find_lane(caller: &Caller, face: &RoomFace, wanted: Option<&str>) -> Result<u8, ApiError> {
    let Some(wanted) = wanted else { return Ok(0) };
    let lanes = &face.setup.lanes;
    let at = lanes.iter().position(|lane| *lane.name == *wanted);
    let at = at.ok_or_else(|| ApiError::new(Code::UnknownLane).pointer("/lane"))?;
    if lanes[at].members_only {
        caller.require(Scope::Sell)?;
    }
    Ok(at as u8)
}

/// What a pass is wanted for. A show with one kind of goods need not be told which.
fn find_goods(show: &ShowView, stock: Option<&str>) -> Result<PassGoods, ApiError> {
    let unknown = |words: String| ApiError::new(Code::UnknownSeat).detail(words).pointer("/stock");
    match stock {
        Some(name) => {
            let found = show.find_pool(name);
            let (pool, _) = found.ok_or_else(|| unknown(format!("there is no stock {name:?}")))?;
            Ok(PassGoods::pool(pool))
        }
        None if show.plan.is_some() => Ok(PassGoods::SEATS),
        None if show.face().pools.len() == 1 => Ok(PassGoods::pool(0)),
        None => Err(unknown("say which stock the pass shall be for".to_owned())),
    }
}

/// The name of the stock that a pass is for; `None` for seats.
fn stock_name(show: &ShowView, goods: PassGoods) -> Option<String> {
    let pool = usize::from(goods.0.checked_sub(1)?);
    show.face().pools.get(pool).map(|pool| pool.name.clone())
}

/// The place that an answer is about.
fn found(answer: &Answer) -> Result<(PlaceNo, usher_engine::room::Place), ApiError> {
    match (answer.subject, &answer.found) {
        (Subject::Place(no), Found::Place(place)) => Ok((no, *place)),
        _ => Err(ApiError::internal("an answer about a place has none")),
    }
}

/// A room as everybody may see it.
pub(super) fn queue(show_id: &str, room: &RoomView) -> Queue {
    let (face, figures) = (room.face(), room.board.figures());
    Queue {
        show_id: show_id.to_owned(),
        state: queue_state(figures.stage),
        paused: figures.is_paused,
        settings: settings(&face),
        joined: figures.places,
        waiting: figures.waiting(),
        draw: draw_of(room),
    }
}

fn draw_of(room: &RoomView) -> QueueDraw {
    let face: Arc<RoomFace> = room.face();
    let draw = &face.draw;
    let hex = |hash: &[u8; 32]| HEXLOWER.encode(hash);
    QueueDraw {
        seed_hash: hex(&draw.seed_hash),
        source: face.setup.draw_source.to_string(),
        entries: draw.list_hash.map(|_| room.board.figures().listed),
        list_hash: draw.list_hash.as_ref().map(hex),
        public_value: draw.public_value.as_ref().map(ToString::to_string),
        seed: draw.seed.as_ref().map(hex),
        order_hash: draw.order_hash.as_ref().map(hex),
    }
}

fn settings(face: &RoomFace) -> QueueSettings {
    let setup = &face.setup;
    let lane = |lane: &usher_engine::room::LaneSetup| QueueLane {
        name: lane.name.to_string(),
        weight: lane.weight,
        members_only: lane.members_only,
    };
    QueueSettings {
        pre_queue_at: lookup::time(setup.pre_queue_at),
        opens_at: lookup::time(setup.opens_at),
        lanes: setup.lanes.iter().map(lane).collect(),
        pass_seconds: (setup.pass_ms / 1_000) as u32,
        claim_seconds: (setup.claim_ms / 1_000) as u32,
        outflow_per_second: setup.outflow_per_second,
        shopping_max: setup.shopping_max,
        draw_source: setup.draw_source.to_string(),
    }
}
