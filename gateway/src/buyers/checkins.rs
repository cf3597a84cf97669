//! Letting people in.
//!
//! A gate needs a short answer: open or stay shut, and why. So whatever is wrong with a ticket is
//! a result with status 200, and only what is wrong with the request, or with us, is a problem.

use crate::app::App;
use crate::http::body::Body;
use crate::http::problem::ApiError;
use crate::identity::Caller;
use crate::identity::scopes::Scope;
use crate::ids::{self, TicketRoute};
use crate::tickets::payload::PAYLOAD_CHARS_MAX;
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use usher_engine::command::CheckIn;
use usher_engine::{Command, Refusal, Timestamp};
use usher_shards::{Answer, CallError};
use usher_wire::{CheckinAnswer, CheckinReason, CheckinRequest, CheckinResult};

use super::render::Holding;
use super::{checks, idempotency, lookup};

const GATE_CHARS_MAX: usize = 64;
const NONCE_CHARS_MAX: usize = 64;
/// More than any ticket code has, with dashes and spaces.
const CODE_CHARS_MAX: usize = 256;

/// Admits the bearer of a ticket, once.
#[utoipa::path(
    post, path = "/api/v1/checkins", tag = "buyers",
    operation_id = "checkIn", request_body = CheckinRequest,
    responses(
        (status = 200, body = CheckinAnswer, description = "Whether to open, and why not"),
    ),
)]
pub(super) async fn scan(
    app: Data<App>,
    caller: Caller,
    body: Body<CheckinRequest>,
) -> Result<HttpResponse, ApiError> {
    caller.may_check_in()?;
    // Where identity is open, somebody without a key may let people in, and sees nobody's papers.
    let sees_papers = caller.require(Scope::CheckIn).is_ok();
    let Body(scan) = body;
    let scanned_at = check(&scan)?;
    let route = match identify(&app, &scan)? {
        Ok(route) => route,
        Err(reason) => return Ok(HttpResponse::Ok().json(rejected(reason))),
    };
    let command = Command::CheckIn(CheckIn {
        order: route.order.number,
        index: route.index,
        nonce: route.nonce,
        gate: scan.gate.as_str().into(),
        scanned_at,
        scan: scan.nonce.as_deref().map(idempotency::number_of),
    });
    let answer = match app.router.execute(route.order.inventory, command).await {
        Ok(answer) => admitted(&app, &route, &answer)?,
        Err(CallError::Refused(refusal)) => refused(&app, &route, refusal).await?,
        Err(other) => return Err(other.into()),
    };
    let holder = answer.holder.map(|holder| if sees_papers { holder } else { holder.masked() });
    let mut response = HttpResponse::Ok();
    // Nobody's papers stay in a cache on the way.
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(CheckinAnswer { holder, ..answer }))
}

/// Checks the form of a scan, and gives its time where it has one.
fn check(scan: &CheckinRequest) -> Result<Option<Timestamp>, ApiError> {
    checks::text(&scan.gate, "/gate", 1, GATE_CHARS_MAX)?;
    if let Some(nonce) = &scan.nonce {
        checks::text(nonce, "/nonce", 1, NONCE_CHARS_MAX)?;
    }
    match (&scan.payload, &scan.ticket_code) {
        (Some(payload), None) => checks::text(payload, "/payload", 1, PAYLOAD_CHARS_MAX)?,
        (None, Some(code)) => checks::text(code, "/ticketCode", 1, CODE_CHARS_MAX)?,
        _ => return Err(ApiError::field("", "give exactly one of `payload` and `ticketCode`")),
    }
    let Some(scanned_at) = scan.scanned_at else { return Ok(None) };
    let moment = lookup::moment(scanned_at);
    moment.map(Some).ok_or_else(|| ApiError::field("/scannedAt", "it lies before 1970"))
}

/// The ticket that is shown, or why it is none for this gate.
fn identify(
    app: &App,
    scan: &CheckinRequest,
) -> Result<Result<TicketRoute, CheckinReason>, ApiError> {
    let (code, signed_show) = match (&scan.payload, &scan.ticket_code) {
        (Some(payload), _) => match app.tickets.open(payload) {
            Ok(body) => (body.ticket_code, Some(body.show_id)),
            Err(_) => return Ok(Err(CheckinReason::BadSignature)),
        },
        (None, Some(code)) => (code.clone(), None),
        (None, None) => return Err(ApiError::field("", "there is nothing to check")),
    };
    let Ok(route) = app.ids.parse_ticket(&code) else {
        return Ok(Err(CheckinReason::Unknown));
    };
    let show = route.order.inventory.show;
    // Signed by us, but with a code of another server or show: somebody shares a signing key.
    if signed_show.is_some_and(|signed| ids::show_key(&signed) != show) {
        return Ok(Err(CheckinReason::Unknown));
    }
    if scan.show_id.as_deref().is_some_and(|wanted| ids::show_key(wanted) != show) {
        return Ok(Err(CheckinReason::WrongShow));
    }
    Ok(Ok(route))
}

fn admitted(app: &App, route: &TicketRoute, answer: &Answer) -> Result<CheckinAnswer, ApiError> {
    Ok(CheckinAnswer {
        result: CheckinResult::Admitted,
        reason: None,
        ..describe(app, route, answer)?
    })
}

/// Says why a known ticket does not admit, and where its bearer would have sat: the person at the
/// gate wants to help.
async fn refused(
    app: &App,
    route: &TicketRoute,
    refusal: Refusal,
) -> Result<CheckinAnswer, ApiError> {
    let reason = match refusal {
        Refusal::AlreadyUsed { .. } => CheckinReason::AlreadyUsed,
        Refusal::TicketRevoked { refunded: true } => CheckinReason::Refunded,
        Refusal::TicketRevoked { refunded: false } => CheckinReason::Revoked,
        Refusal::UnknownTicket | Refusal::UnknownShow => {
            return Ok(rejected(CheckinReason::Unknown));
        }
        other => return Err(other.into()),
    };
    let answer = app.router.read(route.order.inventory, route.order.number).await?;
    let mut told = describe(app, route, &answer)?;
    if reason != CheckinReason::AlreadyUsed {
        told.holder = None;
    }
    Ok(CheckinAnswer { reason: Some(reason), ..told })
}

/// What is known of a ticket: its place, its use, and in full whom it is for. Rejected until
/// somebody says otherwise.
fn describe(app: &App, route: &TicketRoute, answer: &Answer) -> Result<CheckinAnswer, ApiError> {
    let view = lookup::show_of(app, route.order.inventory)?;
    let holding = Holding::of(&app.ids, &view, answer);
    let index = usize::from(route.index);
    let place = holding.as_ref().map(|holding| holding.admission(index));
    let (seat_id, stock) = place.unwrap_or_default();
    let attendees = holding.map(|holding| holding.attendees(&app.keyring)).unwrap_or_default();
    let order = answer.hold().and_then(|hold| hold.order.as_deref());
    let ticket = order.and_then(|order| order.tickets.get(usize::from(route.index)));
    let scan = ticket.and_then(|ticket| ticket.scan.as_deref());
    Ok(CheckinAnswer {
        result: CheckinResult::Rejected,
        reason: None,
        ticket_code: Some(app.ids.ticket(route)),
        seat_id,
        stock,
        admitted_at: scan.map(|scan| lookup::time(scan.at)),
        gate: scan.map(|scan| scan.gate.to_string()),
        holder: attendees.into_iter().nth(index),
    })
}

fn rejected(reason: CheckinReason) -> CheckinAnswer {
    CheckinAnswer {
        result: CheckinResult::Rejected,
        reason: Some(reason),
        ticket_code: None,
        seat_id: None,
        stock: None,
        admitted_at: None,
        gate: None,
        holder: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan() -> CheckinRequest {
        CheckinRequest {
            ticket_code: Some("t_1".into()),
            gate: "North".into(),
            ..CheckinRequest::default()
        }
    }

    #[track_caller]
    fn check_fault(change: impl FnOnce(&mut CheckinRequest), pointer: &str) {
        let mut given = scan();
        change(&mut given);
        let told = format!("{:?}", check(&given).expect_err(pointer));
        assert!(told.contains(&format!("pointer: Some(\"{pointer}\")")), "{told}");
    }

    #[test]
    fn a_scan_is_checked_field_by_field() {
        assert_eq!(check(&scan()).expect("good"), None);
        check_fault(|s| s.ticket_code = None, "");
        check_fault(|s| s.payload = Some("x".into()), "");
        check_fault(|s| s.ticket_code = Some(String::new()), "/ticketCode");
        check_fault(|s| s.ticket_code = Some("x".repeat(257)), "/ticketCode");
        check_fault(|s| s.gate = String::new(), "/gate");
        check_fault(|s| s.gate = "ü".repeat(65), "/gate");
        check_fault(|s| s.nonce = Some("\u{7}".into()), "/nonce");
        check_fault(|s| s.scanned_at = Some(jiff::Timestamp::MIN), "/scannedAt");
        let payload = |s: &mut CheckinRequest| {
            s.ticket_code = None;
            s.payload = Some("x".repeat(2_049));
        };
        check_fault(payload, "/payload");
    }
}
