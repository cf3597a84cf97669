//! Tickets and their QR codes.
//!
//! A ticket has one payload for ever: its time of issue is the moment at which its order was
//! ticketed, its nonce is made of the ticket's own random part, and Ed25519 signs the same bytes
//! with the same signature. So a code that was printed is the code on the phone.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::ids::TicketRoute;
use crate::tickets::qr::{self, QrError};
use crate::tickets::{Admission, TicketBody};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data, Path};
use sha2::{Digest as _, Sha256};
use usher_engine::Refusal;
use usher_shards::CallError;
use usher_wire::{Attendee, Problem, Ticket};

use super::lookup;
use super::render::{Holding, ticket_status};

/// A ticket with the payload that its QR code shows.
#[utoipa::path(
    get, path = "/api/v1/tickets/{ticketCode}", tag = "buyers", operation_id = "getTicket",
    params(("ticketCode" = String, Path, description = "The code, as given or as typed")),
    responses(
        (status = 200, body = Ticket, description = "The ticket"),
        (status = 404, body = Problem, description = "None has this code",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(app: Data<App>, code: Path<String>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().insert_header(PRIVATE).json(find(&app, &code).await?))
}

/// The QR code as SVG.
#[utoipa::path(
    get, path = "/api/v1/tickets/{ticketCode}/qr.svg", tag = "buyers",
    operation_id = "getTicketSvg",
    params(("ticketCode" = String, Path, description = "The code")),
    responses(
        (status = 200, description = "The QR code", content_type = "image/svg+xml"),
        (status = 404, body = Problem, description = "None has this code",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn svg(app: Data<App>, code: Path<String>) -> Result<HttpResponse, ApiError> {
    let payload = find(&app, &code).await?.payload;
    draw("image/svg+xml", move || qr::svg(&payload).map(String::into_bytes)).await
}

/// The QR code as PNG.
#[utoipa::path(
    get, path = "/api/v1/tickets/{ticketCode}/qr.png", tag = "buyers",
    operation_id = "getTicketPng",
    params(("ticketCode" = String, Path, description = "The code")),
    responses(
        (status = 200, description = "The QR code", content_type = "image/png"),
        (status = 404, body = Problem, description = "None has this code",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn png(app: Data<App>, code: Path<String>) -> Result<HttpResponse, ApiError> {
    let payload = find(&app, &code).await?.payload;
    draw("image/png", move || qr::png(&payload)).await
}

/// A ticket admits whoever shows it, so no cache between us and its buyer may keep it.
const PRIVATE: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "private, no-store");

/// Drawing takes a millisecond or so: too long for a thread that answers a rush.
async fn draw(
    media_type: &'static str,
    draw: impl FnOnce() -> Result<Vec<u8>, QrError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let picture = web::block(draw).await.map_err(ApiError::internal)?;
    let picture = picture.map_err(ApiError::internal)?;
    let mut response = HttpResponse::Ok();
    Ok(response.insert_header(PRIVATE).insert_header((CONTENT_TYPE, media_type)).body(picture))
}

async fn find(app: &App, code: &str) -> Result<Ticket, ApiError> {
    let unknown = || ApiError::new(Code::UnknownTicket);
    let route = app.ids.parse_ticket(code).map_err(|_| unknown())?;
    let TicketRoute { order: owner, index, nonce } = route;
    let answer = app.router.read(owner.inventory, owner.number).await.map_err(about_ticket)?;
    let view = lookup::show_of(app, owner.inventory)?;
    let order = answer.hold().and_then(|hold| hold.order.as_deref());
    let (Some(order), Some(holding)) = (order, Holding::of(&app.ids, &view, &answer)) else {
        return Err(unknown());
    };
    let ticket = order.tickets.get(usize::from(index)).filter(|ticket| ticket.nonce == nonce);
    let ticket = ticket.ok_or_else(unknown)?;
    let issued_at = order.ticketed_at.ok_or_else(unknown)?;
    let (seat_id, stock) = holding.admission(usize::from(index));
    // The code that was asked for may be one that a person typed; the ticket has only one.
    let ticket_code = app.ids.ticket(&route);
    let body = TicketBody {
        show_id: holding.show_id().to_owned(),
        admission: admission(seat_id.clone(), stock.clone()),
        issued_at_ms: issued_at.0,
        nonce: payload_nonce(&ticket_code),
        ticket_code: ticket_code.clone(),
    };
    let payload = app.tickets.seal(&body).await.map_err(|error| {
        tracing::error!(%error, "no ticket can be signed now");
        ApiError::new(Code::Busy).detail("tickets cannot be signed at the moment")
    })?;
    Ok(Ticket {
        ticket_code,
        show_id: body.show_id,
        order_id: app.ids.order(owner),
        seat_id,
        stock,
        status: ticket_status(order, usize::from(index)),
        holder: holding.attendees(&app.keyring).get(usize::from(index)).map(Attendee::masked),
        issued_at: lookup::time(issued_at),
        admitted_at: ticket.scan.as_ref().map(|scan| lookup::time(scan.at)),
        gate: ticket.scan.as_ref().map(|scan| scan.gate.to_string()),
        payload,
    })
}

fn admission(seat_id: Option<String>, stock: Option<String>) -> Admission {
    match seat_id {
        Some(label) => Admission::Seat(label),
        None => Admission::Stock(stock.unwrap_or_default()),
    }
}

/// As random as the ticket's own random part, which is in its code.
fn payload_nonce(ticket_code: &str) -> [u8; 16] {
    Sha256::digest(ticket_code.as_bytes())[..16].try_into().expect("a SHA-256 has 32 bytes")
}

/// Whatever is unknown about a ticket's order means that there is no ticket.
fn about_ticket(error: CallError) -> ApiError {
    match error {
        CallError::Refused(
            Refusal::UnknownShow
            | Refusal::UnknownHold
            | Refusal::UnknownOrder
            | Refusal::HoldExpired,
        ) => ApiError::new(Code::UnknownTicket),
        other => other.into(),
    }
}
