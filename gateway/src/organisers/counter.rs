//! Selling at the counter: paid in cash, tickets at once, whoever buys and however many they have.

use crate::app::App;
use crate::buyers::idempotency::{self, Key, Operation, REPLAYED_HEADER};
use crate::buyers::render::Holding;
use crate::buyers::{checks, contacts, holds, lookup};
use crate::http::body::Body;
use crate::http::problem::ApiError;
use crate::http::refusals::explain;
use crate::ids;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use usher_engine::command::{CounterSale, TicketNonces, Wish};
use usher_engine::id::TicketNonce;
use usher_engine::limits::UNITS_PER_HOLD_MAX;
use usher_engine::{BuyerId, Command, MachineId};
use usher_shards::ShowView;
use usher_wire::{CounterSaleRequest, Order};

/// Sells seats or standing tickets at the counter for cash. The tickets are in the answer.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/orders", tag = "organisers",
    operation_id = "sellAtCounter", security(("organiser" = [])), request_body = CounterSaleRequest,
    params(
        ("showId" = String, Path, description = "The show"),
        ("Idempotency-Key" = String, Header, description = "Makes a repeat harmless"),
    ),
    responses(
        (status = 201, body = Order, description = "Sold, with its tickets",
         headers(("Location" = String), ("Idempotent-Replayed" = String))),
    ),
)]
pub(super) async fn sell(
    app: Data<App>,
    show_id: Path<String>,
    request: HttpRequest,
    body: Body<CounterSaleRequest>,
) -> Result<HttpResponse, ApiError> {
    let key = idempotency::required(request.headers())?;
    let view = lookup::show(&app, &show_id)?;
    let Body(asked) = body;
    if let Some(contact) = &asked.contact {
        checks::contact(contact, "/contact")?;
    }
    let buyer = buyer(&asked, &key)?;
    let (owner, wish) = route(&view, buyer, &asked)?;
    let documents = app.attendees.check(&view, wish_units(&wish), &asked.attendees)?;
    let contact = contacts::seal(&app, buyer, asked.contact.as_ref(), &asked.attendees).await?;
    let said = (show_id.as_str(), &asked);
    let used = app.attendees.used(&key, Operation::CounterSale, &said, &asked.attendees);
    let nonces = unset_nonces();
    let sale = CounterSale { buyer, wish, contact, documents, nonces, key: Some(used) };
    let command = Command::CounterSale(sale);
    let answer = app.router.execute(owner, command).await;
    let answer = answer.map_err(|error| explain(error, view.plan.as_deref()))?;
    let order =
        Holding::of(&app.ids, &view, &answer).and_then(|holding| holding.order(&app.keyring));
    let order = order.ok_or_else(|| ApiError::internal("a sale at the counter is no order"))?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/api/v1/orders/{}", order.order_id)));
    if answer.replayed {
        response.insert_header((REPLAYED_HEADER, "true"));
    }
    Ok(response.json(order))
}

/// Tickets that are asked for.
fn wish_units(wish: &Wish) -> u32 {
    match wish {
        Wish::Seats(seats) => u32::try_from(seats.len()).unwrap_or(u32::MAX),
        Wish::BestAvailable { quantity, .. } | Wish::Stock { quantity } => *quantity,
    }
}

/// Who buys. A sale to nobody in particular has a buyer of its own, named by its key: so keys of
/// different sales never push each other out, and a repeat finds the sale.
fn buyer(asked: &CounterSaleRequest, key: &Key) -> Result<BuyerId, ApiError> {
    match &asked.user_id {
        Some(user_id) => {
            checks::user_id(user_id, "/userId")?;
            Ok(ids::buyer_id(user_id))
        }
        // No user id has control characters, so nobody else can be this buyer.
        None => {
            let used = key.used_for(Operation::CounterSale, &());
            Ok(ids::buyer_id(&format!("counter\0{:016x}", used.key)))
        }
    }
}

fn route(
    view: &ShowView,
    buyer: BuyerId,
    asked: &CounterSaleRequest,
) -> Result<(MachineId, Wish), ApiError> {
    match (&asked.seat_ids, &asked.stock) {
        (Some(seat_ids), None) => {
            holds::check_units(seat_ids.len(), UNITS_PER_HOLD_MAX, "/seatIds")?;
            let seats = holds::find_seats(holds::plan_of(view)?, seat_ids, "/seatIds")?;
            Ok((MachineId::house(view.key), Wish::Seats(seats.into())))
        }
        (None, Some(stock)) => {
            let count = stock.quantity as usize;
            holds::check_units(count, UNITS_PER_HOLD_MAX, "/stock/quantity")?;
            let owner = holds::find_stock(view, buyer, stock, "/stock")?;
            Ok((owner, Wish::Stock { quantity: stock.quantity }))
        }
        _ => Err(ApiError::field("", "give exactly one of `seatIds` and `stock`")),
    }
}

/// The owner draws the random parts of ticket codes itself.
fn unset_nonces() -> TicketNonces {
    TicketNonces(Box::new([TicketNonce([0; 10]); UNITS_PER_HOLD_MAX as usize]))
}
