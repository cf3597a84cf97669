//! Orders: made of holds, looked at, given up, listed.
//!
//! The contact of an order is sealed before it leaves this process, under a key that its buyer has
//! alone; so the hold is looked at first, and nobody can make the server keep keys for buyers who
//! hold nothing.

use crate::app::App;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::http::query::QueryOf;
use crate::identity::Caller;
use crate::ids::{self, HoldRoute};
use crate::limits;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use usher_engine::command::OrderRequest as Request;
use usher_engine::inventory::Hold;
use usher_engine::{BuyerId, Command, HoldNo, MachineId, Refusal};
use usher_shards::{Answer, CallError, ShowView};
use usher_wire::{OrderRequest, OrdersPage, PageMeta, Problem};

use super::idempotency::{self, Operation, REPLAYED_HEADER};
use super::paging::Page;
use super::render::Holding;
use super::{checks, contacts, holds, lookup};

/// Makes an order of a hold. Its seats are kept until `payBy`.
#[utoipa::path(
    post, path = "/api/v1/orders", tag = "buyers",
    operation_id = "placeOrder", request_body = OrderRequest,
    params(("Idempotency-Key" = String, Header, description = "Makes a repeat harmless")),
    responses(
        (status = 201, body = usher_wire::Order, description = "Ordered",
         headers(("Location" = String), ("Idempotent-Replayed" = String))),
    ),
)]
pub(super) async fn place(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Body<OrderRequest>,
) -> Result<HttpResponse, ApiError> {
    let key = idempotency::required(request.headers())?;
    let Body(asked) = body;
    let buyer = ids::buyer_id(&caller.user(&asked.user_id, "/userId")?);
    limits::take(app.limits.as_ref(), &request, Some(buyer), None)?;
    checks::contact(&asked.contact, "/contact")?;
    let HoldRoute { inventory, number } = holds::parse(&app, &asked.hold_id, "/holdId")?;
    let held = app.router.read(inventory, number).await?;
    let Some(hold) = held.hold().filter(|hold| hold.buyer == buyer) else {
        return Err(Refusal::NotYours.into());
    };
    let view = lookup::show_of(&app, inventory)?;
    let documents = app.attendees.check(&view, hold.claim.units(), &asked.attendees)?;
    let contact = contacts::seal(&app, buyer, Some(&asked.contact), &asked.attendees).await?;
    let command = Command::Order(Request {
        hold: number,
        buyer,
        pay_ms: u64::try_from(app.config.sale.pay.as_millis()).unwrap_or(u64::MAX),
        contact,
        documents,
        key: Some(app.attendees.used(&key, Operation::Order, &asked, &asked.attendees)),
    });
    let answer = app.router.execute(inventory, command).await?;
    if app.config.risk_holds && !answer.replayed {
        app.risk.ordered(buyer);
    }
    let order = describe(&app, &view, &answer)?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/api/v1/orders/{}", order.order_id)));
    if answer.replayed {
        response.insert_header((REPLAYED_HEADER, "true"));
    }
    Ok(response.json(order))
}

/// How an order stands, with its tickets.
#[utoipa::path(
    get, path = "/api/v1/orders/{orderId}", tag = "buyers", operation_id = "getOrder",
    params(("orderId" = String, Path, description = "The order")),
    responses(
        (status = 200, body = usher_wire::Order, description = "How it stands"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    app: Data<App>,
    order_id: Path<String>,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    let HoldRoute { inventory, number } = parse(&app, &order_id)?;
    let answer = app.router.read(inventory, number).await.map_err(about_order)?;
    holds::may_touch(&caller, &answer)?;
    let view = lookup::show_of(&app, inventory)?;
    Ok(HttpResponse::Ok().json(describe(&app, &view, &answer)?))
}

/// Gives an unpaid order up. Doing it twice is doing it once.
#[utoipa::path(
    post, path = "/api/v1/orders/{orderId}/cancel", tag = "buyers", operation_id = "cancelOrder",
    params(("orderId" = String, Path, description = "The order")),
    responses(
        (status = 200, body = usher_wire::Order, description = "It is cancelled"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "It is paid already",
         content_type = "application/problem+json"),
        (status = 410, body = Problem, description = "It was not paid in time",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cancel(
    app: Data<App>,
    order_id: Path<String>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    limits::take(app.limits.as_ref(), &request, None, None)?;
    let route = parse(&app, &order_id)?;
    holds::check_owner(&app, &caller, route, about_order).await?;
    let HoldRoute { inventory, number } = route;
    let answer = app.router.execute(inventory, Command::Cancel { order: number }).await;
    let answer = answer.map_err(about_order)?;
    let view = lookup::show_of(&app, inventory)?;
    Ok(HttpResponse::Ok().json(describe(&app, &view, &answer)?))
}

/// Whose orders, and which of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MyOrders {
    /// Who bought. Whoever shows a user's token leaves it out.
    #[param(min_length = 1, max_length = 128)]
    user_id: Option<String>,
    /// The page, from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// Orders on a page, at most 100; 20 where absent.
    #[param(minimum = 1, maximum = 100)]
    size: Option<u32>,
}

/// A buyer's orders over all shows, newest first.
#[utoipa::path(
    get, path = "/api/v1/me/orders", tag = "buyers",
    operation_id = "listMyOrders", params(MyOrders),
    responses(
        (status = 200, body = OrdersPage, description = "One page of them"),
        (status = 400, body = Problem, description = "A parameter is wrong",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn mine(
    app: Data<App>,
    caller: Caller,
    query: QueryOf<MyOrders>,
) -> Result<HttpResponse, ApiError> {
    let QueryOf(MyOrders { user_id, page, size }) = query;
    let user_id = user_id.unwrap_or_default();
    let user_id = caller.user(&user_id, "").map_err(|error| match error.code() {
        Code::InvalidField => {
            let words = "it is missing or empty, longer than 128 characters, or unprintable";
            ApiError::parameter("userId", words)
        }
        _ => error,
    })?;
    let page = Page::check(page, size)?;
    let buyer = ids::buyer_id(&user_id);
    let asked = app.router.replica().ask(move |replica| list(replica, buyer, page));
    // After a start the replica has to read what there is before it answers anything.
    let late = |_| ApiError::new(Code::Busy).detail("the list is not ready yet").retry_after(5);
    let list =
        tokio::time::timeout(app.config.http.request_timeout, asked).await.map_err(late)??;
    let mut orders = Vec::with_capacity(list.orders.len());
    for (inventory, number, hold, version) in &list.orders {
        let view = lookup::show_of(&app, *inventory)?;
        let holding = Holding::new(&app.ids, &view, *inventory, *number, hold, *version);
        orders.extend(holding.order(&app.keyring));
    }
    let meta = PageMeta { total: list.total, page: page.number, size: page.size };
    Ok(HttpResponse::Ok().json(OrdersPage { orders, meta, at_sequence: list.at_sequence }))
}

/// How an order stands, asked of its owner.
///
/// # Errors
/// [`Code::UnknownOrder`], and as [`usher_shards::Router::read`].
pub(super) async fn read(app: &App, route: HoldRoute) -> Result<usher_wire::Order, ApiError> {
    let answer = app.router.read(route.inventory, route.number).await.map_err(about_order)?;
    let view = lookup::show_of(app, route.inventory)?;
    describe(app, &view, &answer)
}

/// Where an order lives.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub(super) fn parse(app: &App, order_id: &str) -> Result<HoldRoute, ApiError> {
    let parsed = app.ids.parse_order(order_id);
    parsed.map_err(|foreign| ApiError::new(Code::UnknownOrder).detail(foreign.to_string()))
}

/// The order that an answer is about.
///
/// # Errors
/// [`Code::UnknownOrder`] where it became none.
pub(super) fn describe(
    app: &App,
    view: &ShowView,
    answer: &Answer,
) -> Result<usher_wire::Order, ApiError> {
    let order = Holding::of(&app.ids, view, answer).and_then(|holding| holding.order(&app.keyring));
    order.ok_or_else(|| ApiError::new(Code::UnknownOrder))
}

/// Orders are never forgotten, so whatever else is unknown about one means that there is none.
pub(super) fn about_order(error: CallError) -> ApiError {
    match error {
        CallError::Refused(Refusal::UnknownShow | Refusal::UnknownHold | Refusal::HoldExpired) => {
            ApiError::new(Code::UnknownOrder)
        }
        other => other.into(),
    }
}

struct List {
    total: u64,
    at_sequence: u64,
    orders: Vec<(MachineId, HoldNo, Hold, u64)>,
}

/// Runs on the replica's thread, so it only copies one page.
fn list(replica: &usher_shards::Replica, buyer: BuyerId, page: Page) -> List {
    let all = replica.orders_of(buyer);
    let wanted = all.iter().rev().skip(page.skip()).take(page.size as usize);
    let orders = wanted.filter_map(|&(id, no)| {
        let inventory = replica.inventory(id)?;
        Some((id, no, inventory.hold(no)?.into_owned(), inventory.version()))
    });
    List { total: all.len() as u64, at_sequence: replica.at_seq(), orders: orders.collect() }
}
