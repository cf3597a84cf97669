//! Taking seats and tickets for a while, looking at them, and giving them back.
//!
//! `POST …/holds` is what a rush consists of. Everything that can be refused without the owner is
//! refused here, from the published plan, and the owner is asked exactly once.

use crate::app::App;
use crate::challenge::{self, Visit};
use crate::http::body::Body;
use crate::http::json;
use crate::http::problem::{ApiError, Code};
use crate::http::refusals::explain;
use crate::identity::{Caller, Who};
use crate::ids::{self, HoldRoute};
use crate::limits::{self, Limited};
use crate::room;
use actix_web::http::header::{HeaderMap, LOCATION};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt as _;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;
use usher_engine::command::{HoldRequest as Request, Wish};
use usher_engine::plan::{SeatIx, SeatPlan, SectionIx};
use usher_engine::{BuyerId, Command, MachineId, Refusal};
use usher_shards::{Answer, CallError, ShowView};
use usher_wire::{
    BestAvailable, ChallengePurpose, HoldRequest, Problem, ProblemSeat, StockQuantity,
};

use super::idempotency::{self, Operation, REPLAYED_HEADER};
use super::lookup;
use super::render::Holding;

/// Holds seats or standing tickets for a while: all of them or none.
#[utoipa::path(
    post, path = "/api/v1/shows/{showId}/holds", tag = "buyers",
    operation_id = "placeHold", request_body = HoldRequest,
    params(
        ("showId" = String, Path, description = "The show"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat harmless"),
        ("X-Queue-Pass" = Option<String>, Header,
         description = "The pass of the waiting room, while the show has one"),
    ),
    responses(
        (status = 201, body = usher_wire::Hold, description = "Held",
         headers(("Location" = String), ("Idempotent-Replayed" = String))),
    ),
)]
pub(super) async fn place(
    app: Data<App>,
    show_id: Path<String>,
    caller: Caller,
    request: HttpRequest,
    body: Body<HoldRequest>,
) -> Result<HttpResponse, ApiError> {
    let Body(asked) = &body;
    let asking = Asking::of(&app, &show_id, &caller, asked)?;
    limits::take(app.limits.as_ref(), &request, Some(asking.buyer), Some(asking.view.key))?;
    // Whoever sells for many users has one address and one device for all of them.
    let looks_for_bots = app.config.risk_holds && !matches!(caller.who(), Who::Key { .. });
    if looks_for_bots {
        let (purpose, user) = (ChallengePurpose::Hold, Some(asking.buyer));
        let visit = Visit { purpose, user, account_age: caller.account_age() };
        // In a box, since each request that waits for its owner has room for all that this needs.
        Box::pin(challenge::require(&app, &request, &visit)).await?;
    }
    let (owner, wish) = asking.wish(&app)?;
    let sections = || sections_of(&asking.view, &wish);
    limits::take_sections(app.limits.as_ref(), &request, asking.view.key, sections)?;
    let command = asking.command(&app, request.headers(), owner, wish)?;
    let (view, buyer) = (asking.view, asking.buyer);
    let answer = app.router.execute(owner, command).await;
    let answer = answer.map_err(|error| explain(error, view.plan.as_deref()))?;
    if looks_for_bots && !answer.replayed {
        app.risk.held(buyer);
    }
    placed(&app, &view, &answer)
}

/// The same in front of actix-web (`server::rush`), where nobody looks for bots. The owner is asked
/// before this returns, and who waits for the answer keeps nothing of the request.
///
/// # Errors
/// Those of the call; what the owner refuses is an error of the future.
pub fn ask_at_once(
    app: &Data<App>,
    show_id: &str,
    caller: &Caller,
    headers: &HeaderMap,
    asked: &HoldRequest,
    mut limited: Option<Limited<'_>>,
) -> Result<impl Future<Output = Result<HttpResponse, ApiError>> + use<>, ApiError> {
    let asking = Asking::of(app, show_id, caller, asked)?;
    if let Some(limited) = &mut limited {
        limited.take(Some(asking.buyer), Some(asking.view.key))?;
    }
    let (owner, wish) = asking.wish(app)?;
    if let Some(limited) = &mut limited {
        limited.take_sections(asking.view.key, || sections_of(&asking.view, &wish))?;
    }
    let command = asking.command(app, headers, owner, wish)?;
    let (app, view) = (app.clone(), asking.view);
    // Combined and not awaited, or there would be room for the router's answer twice.
    Ok(app.clone().router.execute(owner, command).map(move |answer| {
        let answer = answer.map_err(|error| explain(error, view.plan.as_deref()))?;
        placed(&app, &view, &answer)
    }))
}

/// Who asks for what, as far as the request says.
struct Asking<'a> {
    show_id: &'a str,
    caller: &'a Caller,
    asked: &'a HoldRequest,
    view: Arc<ShowView>,
    user: Cow<'a, str>,
    buyer: BuyerId,
    hold_ms: Option<u64>,
}

impl<'a> Asking<'a> {
    fn of(
        app: &App,
        show_id: &'a str,
        caller: &'a Caller,
        asked: &'a HoldRequest,
    ) -> Result<Self, ApiError> {
        let view = lookup::show(app, show_id)?;
        let user = caller.user(&asked.user_id, "/userId")?;
        let buyer = ids::buyer_id(&user);
        let hold_ms = match asked.hold_seconds {
            Some(0) => return Err(ApiError::field("/holdSeconds", "it must be at least 1")),
            seconds => seconds.map(|seconds| u64::from(seconds) * 1_000),
        };
        Ok(Self { show_id, caller, asked, view, user, buyer, hold_ms })
    }

    /// Who owns what is asked for, and what that is in the engine's words.
    fn wish(&self, app: &App) -> Result<(MachineId, Wish), ApiError> {
        let (view, asked) = (&*self.view, self.asked);
        let units_max = app.config.sale.seats_per_hold_max;
        match (&asked.seat_ids, &asked.best_available, &asked.stock) {
            (Some(seat_ids), None, None) => {
                check_units(seat_ids.len(), units_max, "/seatIds")?;
                let seats = find_seats(plan_of(view)?, seat_ids, "/seatIds")?;
                Ok((MachineId::house(view.key), Wish::Seats(seats.into())))
            }
            (None, Some(best), None) => {
                check_units(best.quantity as usize, units_max, "/bestAvailable/quantity")?;
                Ok((MachineId::house(view.key), find_best(plan_of(view)?, best)?))
            }
            (None, None, Some(stock)) => {
                check_units(stock.quantity as usize, units_max, "/stock/quantity")?;
                let owner = find_stock(view, self.buyer, stock, "/stock")?;
                Ok((owner, Wish::Stock { quantity: stock.quantity }))
            }
            _ => {
                let words = "give exactly one of `seatIds`, `bestAvailable` and `stock`";
                Err(ApiError::field("", words))
            }
        }
    }

    /// What the owner is asked to do.
    fn command(
        &self,
        app: &App,
        headers: &HeaderMap,
        owner: MachineId,
        wish: Wish,
    ) -> Result<Command, ApiError> {
        let key = idempotency::optional(headers)?;
        let key = key.map(|key| key.used_for(Operation::Hold, &(self.show_id, self.asked)));
        let pass = room::pass_of_request(app, headers, self.show_id, &self.user, owner)?;
        let (buyer, hold_ms) = (self.buyer, self.hold_ms);
        let account_made_at = self.caller.account_made_at();
        Ok(Command::Hold(Request { buyer, wish, hold_ms, key, pass, account_made_at }))
    }
}

/// What is told of a hold that was placed.
fn placed(app: &App, view: &ShowView, answer: &Answer) -> Result<HttpResponse, ApiError> {
    let hold = describe(app, view, answer)?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, ["/api/v1/holds/", &hold.hold_id].concat()));
    if answer.replayed {
        response.insert_header((REPLAYED_HEADER, "true"));
    }
    Ok(json(&mut response, &hold))
}

/// How a hold stands.
#[utoipa::path(
    get, path = "/api/v1/holds/{holdId}", tag = "buyers", operation_id = "getHold",
    params(("holdId" = String, Path, description = "The hold")),
    responses(
        (status = 200, body = usher_wire::Hold, description = "How it stands"),
        (status = 404, body = Problem, description = "None is known by this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    app: Data<App>,
    hold_id: Path<String>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let HoldRoute { inventory, number } = parse(&app, &hold_id, "")?;
    let answer = app.router.read(inventory, number).await.map_err(|error| match error {
        // Holds that ended are forgotten after a while; there is nothing left to show.
        CallError::Refused(Refusal::HoldExpired | Refusal::UnknownShow) => {
            ApiError::new(Code::UnknownHold)
        }
        other => other.into(),
    })?;
    may_touch(&caller, &answer)?;
    let view = lookup::show_of(&app, inventory)?;
    Ok(json(&mut HttpResponse::Ok(), &describe(&app, &view, &answer)?))
}

/// Gives a hold back before its time. Doing it twice is doing it once.
#[utoipa::path(
    delete, path = "/api/v1/holds/{holdId}", tag = "buyers", operation_id = "releaseHold",
    params(("holdId" = String, Path, description = "The hold")),
    responses(
        (status = 200, body = usher_wire::Hold, description = "It is released"),
        (status = 404, body = Problem, description = "None is known by this id",
         content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "It became an order",
         content_type = "application/problem+json"),
        (status = 410, body = Problem, description = "It has expired",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn release(
    app: Data<App>,
    hold_id: Path<String>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    limits::take(app.limits.as_ref(), &request, None, None)?;
    let route = parse(&app, &hold_id, "")?;
    check_owner(&app, &caller, route, ApiError::from).await?;
    let HoldRoute { inventory, number } = route;
    let answer = app.router.execute(inventory, Command::Release { hold: number }).await?;
    let view = lookup::show_of(&app, inventory)?;
    Ok(json(&mut HttpResponse::Ok(), &describe(&app, &view, &answer)?))
}

/// Lets pass who may change something of a hold or an order. Only of those who logged in its owner
/// has to be asked whose it is; that never changes.
///
/// # Errors
/// As [`Caller::may_touch`]; what the owner refuses, as `explain` tells it.
pub(super) async fn check_owner(
    app: &App,
    caller: &Caller,
    route: HoldRoute,
    explain: impl FnOnce(CallError) -> ApiError,
) -> Result<(), ApiError> {
    match caller.who() {
        Who::User { .. } => {
            let answer = app.router.read(route.inventory, route.number).await.map_err(explain)?;
            may_touch(caller, &answer)
        }
        Who::Key { .. } | Who::Nobody => caller.may_touch(None),
    }
}

/// As [`check_owner`], where the owner has answered already.
pub(super) fn may_touch(caller: &Caller, answer: &Answer) -> Result<(), ApiError> {
    caller.may_touch(answer.hold().map(|hold| hold.buyer))
}

/// Where a hold lives. `pointer` names the field that has the id, if it is in a body.
///
/// # Errors
/// [`Code::UnknownHold`].
pub(super) fn parse(app: &App, hold_id: &str, pointer: &str) -> Result<HoldRoute, ApiError> {
    app.ids.parse_hold(hold_id).map_err(|foreign| {
        let error = ApiError::new(Code::UnknownHold).detail(foreign.to_string());
        if pointer.is_empty() { error } else { error.pointer(pointer) }
    })
}

/// The sections that a wish names, by seats or as such, each once.
fn sections_of(view: &ShowView, wish: &Wish) -> SmallVec<[SectionIx; 2]> {
    match (wish, view.plan.as_deref()) {
        (Wish::Seats(seats), Some(plan)) => {
            let mut sections: SmallVec<_> =
                seats.iter().map(|seat| plan.section_of(*seat)).collect();
            sections.sort_unstable();
            sections.dedup();
            sections
        }
        (Wish::BestAvailable { section, .. }, _) => section.iter().copied().collect(),
        _ => SmallVec::new(),
    }
}

/// Checks a number of seats or tickets against what one hold may have.
///
/// # Errors
/// [`Code::NothingAsked`], [`Code::TooManySeats`].
pub fn check_units(count: usize, units_max: u32, pointer: &str) -> Result<(), ApiError> {
    match count {
        0 => Err(ApiError::new(Code::NothingAsked).pointer(pointer)),
        count if count > units_max as usize => {
            Err(ApiError::new(Code::TooManySeats).limit(u64::from(units_max)).pointer(pointer))
        }
        _ => Ok(()),
    }
}

/// The seats that labels name. All labels that the plan does not have are told at once.
///
/// # Errors
/// [`Code::UnknownSeat`] with the pointer of the first.
pub fn find_seats(
    plan: &SeatPlan,
    labels: &[String],
    pointer: &str,
) -> Result<Vec<SeatIx>, ApiError> {
    let mut seats = Vec::with_capacity(labels.len());
    let mut unknown = Vec::new();
    let mut first_unknown = 0;
    for (place, label) in labels.iter().enumerate() {
        match plan.find(label) {
            Some(seat) => seats.push(seat),
            None => {
                if unknown.is_empty() {
                    first_unknown = place;
                }
                unknown.push(ProblemSeat { seat_id: label.clone(), status: None });
            }
        }
    }
    if unknown.is_empty() {
        return Ok(seats);
    }
    let pointer = format!("{pointer}/{first_unknown}");
    Err(ApiError::new(Code::UnknownSeat).pointer(pointer).seats(unknown))
}

/// The segment at which a buyer buys tickets of a pool.
///
/// # Errors
/// [`Code::WrongKind`] where the show has no stock, [`Code::UnknownSeat`] where none has this name.
pub fn find_stock(
    view: &ShowView,
    buyer: BuyerId,
    stock: &StockQuantity,
    pointer: &str,
) -> Result<MachineId, ApiError> {
    let Some((pool, found)) = view.find_pool(&stock.name) else {
        if view.face().pools.is_empty() {
            return Err(ApiError::new(Code::WrongKind).detail("this show has no stock"));
        }
        let words = format!("there is no stock {:?}", stock.name);
        let pointer = format!("{pointer}/name");
        return Err(ApiError::new(Code::UnknownSeat).detail(words).pointer(pointer));
    };
    Ok(MachineId::segment(view.key, pool, lookup::home_segment(buyer, found.segments)))
}

/// The plan of a show.
///
/// # Errors
/// [`Code::WrongKind`] where it has none.
pub fn plan_of(view: &ShowView) -> Result<&SeatPlan, ApiError> {
    let plan = view.plan.as_deref();
    plan.ok_or_else(|| ApiError::new(Code::WrongKind).detail("this show has no seats"))
}

fn find_best(plan: &SeatPlan, best: &BestAvailable) -> Result<Wish, ApiError> {
    let unknown = |what: &str, name: &str| {
        let error = ApiError::new(Code::UnknownSeat).pointer(format!("/bestAvailable/{what}"));
        error.detail(format!("the plan has no {what} {name:?}"))
    };
    let category = best
        .category
        .as_deref()
        .map(|name| plan.find_category(name).ok_or_else(|| unknown("category", name)));
    let section = best
        .section
        .as_deref()
        .map(|name| plan.find_section(name).ok_or_else(|| unknown("section", name)));
    Ok(Wish::BestAvailable {
        quantity: best.quantity,
        category: category.transpose()?,
        section: section.transpose()?,
        adjacent: best.adjacent,
    })
}

fn describe(app: &App, view: &ShowView, answer: &Answer) -> Result<usher_wire::Hold, ApiError> {
    let holding = Holding::of(&app.ids, view, answer);
    let holding = holding.ok_or_else(|| ApiError::internal("an answer about a hold has none"))?;
    Ok(holding.hold())
}
