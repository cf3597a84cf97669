//! Between the checker's calls and answers and the contract's requests and replies.

use hyper::Method;
use serde::de::DeserializeOwned;
use usher_linear::{Answer, Call, HoldIx, SeatStatus, Stage, Why};
use usher_wire::{
    CallbackAnswer, Contact, Hold, HoldRequest, HoldStatus, Order, OrderRequest, OrderStatus,
    PaymentStarted, Problem, StockQuantity,
};

use super::notebook::{Attempt, Kind};
use crate::api::{get, post, success_of};
use crate::http::{Reply, Request};

/// What a reply means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// An answer, and what else it told.
    Answer(Answer, News),
    /// Nothing happened, says the server, and to come again.
    NothingDone,
    /// The server does not know either.
    Unknown,
    /// Something that the contract does not have.
    Odd(String),
}

/// Ids and versions that came with an answer.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) hold_id: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) payment: Option<PaymentStarted>,
    pub(super) version: Option<u64>,
}

/// The attempt that a call is about.
pub(super) fn subject(call: Call) -> Option<HoldIx> {
    match call {
        Call::Hold(hold)
        | Call::Release(hold)
        | Call::ReadHold(hold)
        | Call::Order(hold)
        | Call::ReadOrder(hold)
        | Call::Pay(hold)
        | Call::Confirm(hold)
        | Call::Cancel(hold) => Some(hold),
        Call::ReadSeat | Call::ReadFree => None,
    }
}

/// What a call is called in the tally.
pub(super) fn title(call: Call) -> &'static str {
    match call {
        Call::Hold(_) => "hold",
        Call::Release(_) => "release",
        Call::ReadHold(_) => "read hold",
        Call::Order(_) => "order",
        Call::ReadOrder(_) => "read order",
        Call::Pay(_) => "pay",
        Call::Confirm(_) => "confirm",
        Call::Cancel(_) => "cancel",
        Call::ReadSeat => "read map",
        Call::ReadFree => "read show",
    }
}

/// Whether a call only looks. If it has no answer, nothing can be learnt from it.
pub(super) fn only_looks(call: Call) -> bool {
    use Call::{ReadFree, ReadHold, ReadOrder, ReadSeat};
    matches!(call, ReadHold(_) | ReadOrder(_) | ReadSeat | ReadFree)
}

/// The request that a call about an attempt is; `None` where an id that it needs is not known.
pub(super) fn request(
    call: Call,
    show_id: &str,
    kind: &Kind,
    attempt: &Attempt,
    secret: &[u8],
) -> Option<Request> {
    let user = &attempt.user;
    let key = |what: &str| format!("{what}-{user}");
    let request = match call {
        Call::Hold(_) => {
            let path = format!("/api/v1/shows/{show_id}/holds");
            post(path, Some(&key("hold"))).json(&hold_request(kind, attempt))
        }
        Call::Release(_) => {
            let path = format!("/api/v1/holds/{}", attempt.hold_id.as_ref()?);
            Request::new(Method::DELETE, path)
        }
        Call::ReadHold(_) => get(format!("/api/v1/holds/{}", attempt.hold_id.as_ref()?)),
        Call::Order(_) => {
            let contact = Contact { name: format!("Buyer {user}"), ..Contact::default() };
            let (hold_id, user_id) = (attempt.hold_id.clone()?, user.clone());
            let body = OrderRequest { hold_id, user_id, contact, attendees: Vec::new() };
            post("/api/v1/orders".into(), Some(&key("order"))).json(&body)
        }
        Call::ReadOrder(_) => get(format!("/api/v1/orders/{}", attempt.order_id.as_ref()?)),
        Call::Pay(_) => {
            let path = format!("/api/v1/orders/{}/pay", attempt.order_id.as_ref()?);
            post(path, Some(&key("pay")))
        }
        Call::Confirm(_) => success_of(attempt.payment.as_ref()?, secret),
        Call::Cancel(_) => {
            let path = format!("/api/v1/orders/{}/cancel", attempt.order_id.as_ref()?);
            post(path, None)
        }
        Call::ReadSeat | Call::ReadFree => return None,
    };
    Some(request)
}

fn hold_request(kind: &Kind, attempt: &Attempt) -> HoldRequest {
    let mut request = HoldRequest { user_id: attempt.user.clone(), ..HoldRequest::default() };
    match kind {
        Kind::Seat { label, .. } => request.seat_ids = Some(vec![label.clone()]),
        Kind::Pool { name, .. } => {
            request.stock = Some(StockQuantity { name: name.clone(), quantity: attempt.units });
        }
    }
    request
}

/// What a reply to a call about an attempt means.
pub(super) fn meaning(call: Call, reply: &Reply) -> Meaning {
    let meaning = match reply.status {
        200 | 201 => accepted(call, reply),
        503 => Some(Meaning::NothingDone),
        504 => Some(Meaning::Unknown),
        _ => refused(reply).map(|why| Meaning::Answer(Answer::Refused(why), News::default())),
    };
    meaning.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&reply.body);
        let text: String = text.chars().take(300).collect();
        Meaning::Odd(format!("{} was answered with {} {text}", title(call), reply.status))
    })
}

fn accepted(call: Call, reply: &Reply) -> Option<Meaning> {
    let (stage, news) = match call {
        Call::Hold(_) | Call::Release(_) | Call::ReadHold(_) => {
            let hold: Hold = parse(reply)?;
            let (hold_id, version) = (Some(hold.hold_id), Some(hold.version));
            (of_hold(hold.status)?, News { hold_id, version, ..News::default() })
        }
        Call::Order(_) | Call::ReadOrder(_) | Call::Cancel(_) => {
            let order: Order = parse(reply)?;
            let (order_id, version) = (Some(order.order_id), Some(order.version));
            (of_order(order.status)?, News { order_id, version, ..News::default() })
        }
        Call::Pay(_) => {
            let payment: PaymentStarted = parse(reply)?;
            (of_order(payment.status)?, News { payment: Some(payment), ..News::default() })
        }
        Call::Confirm(_) => {
            let answer: CallbackAnswer = parse(reply)?;
            (of_order(answer.order_status?)?, News::default())
        }
        Call::ReadSeat | Call::ReadFree => return None,
    };
    Some(Meaning::Answer(Answer::Stands(stage), news))
}

fn refused(reply: &Reply) -> Option<Why> {
    let problem: Problem = parse(reply)?;
    Some(match problem.code.as_str() {
        "SEAT_UNAVAILABLE" => {
            let seats = problem.seats?;
            Why::Taken(of_seat(seats.first()?.status?)?)
        }
        "SOLD_OUT" => Why::SoldOut,
        "HOLD_NOT_ACTIVE" => Why::HoldNotActive,
        "ILLEGAL_STATE" => Why::IllegalState,
        "UNKNOWN_HOLD" | "UNKNOWN_ORDER" | "HOLD_EXPIRED" => Why::Missing,
        _ => return None,
    })
}

/// A seat's status; nothing is blocked once the sale is open.
pub(super) fn of_seat(status: usher_wire::SeatStatus) -> Option<SeatStatus> {
    match status {
        usher_wire::SeatStatus::Available => Some(SeatStatus::Available),
        usher_wire::SeatStatus::Held => Some(SeatStatus::Held),
        usher_wire::SeatStatus::Sold => Some(SeatStatus::Sold),
        usher_wire::SeatStatus::Blocked => None,
    }
}

fn of_hold(status: HoldStatus) -> Option<Stage> {
    match status {
        HoldStatus::Active => Some(Stage::Active),
        HoldStatus::Confirmed => Some(Stage::Confirmed),
        HoldStatus::Released => Some(Stage::Released),
        HoldStatus::Expired => None,
    }
}

/// A refund is made by the sandbox whenever it comes to it, so due and done are one.
fn of_order(status: OrderStatus) -> Option<Stage> {
    match status {
        OrderStatus::PendingPay => Some(Stage::PendingPay),
        OrderStatus::Paying => Some(Stage::Paying),
        OrderStatus::Ticketed => Some(Stage::Ticketed),
        OrderStatus::Cancelled => Some(Stage::Cancelled),
        OrderStatus::RefundPending | OrderStatus::Refunded => Some(Stage::Refunding),
        OrderStatus::Expired => None,
    }
}

/// A JSON body of the contract.
pub(super) fn parse<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    serde_json::from_slice(&reply.body).ok()
}
