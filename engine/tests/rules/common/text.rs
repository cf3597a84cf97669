//! Decisions and states in words, short enough for one line of a table.

use usher_engine::inventory::{Claim, DocumentRefusal, Goods, Hold, Payment, PaymentStatus};
use usher_engine::plan::{SeatIx, SeatPlan};
use usher_engine::{Cents, Decision, Effect, Event, HoldNo, Inventory, Outcome, Refusal, Subject};

use super::stage::seconds;

/// A decision, and the state of what it is about. `inventory` has applied the events already.
pub(crate) fn decision(plan: &SeatPlan, inventory: &Inventory, decision: &Decision) -> String {
    let mut parts = vec![match &decision.outcome {
        Outcome::Done { subject, replayed } => {
            let again = if *replayed { "again: " } else { "" };
            format!("{again}{}", self::subject(plan, inventory, *subject))
        }
        Outcome::Refused(refusal) => format!("no: {}", self::refusal(plan, refusal)),
        Outcome::Parked { short, needs } => format!("parked: {short} short of {needs}"),
    }];
    parts.extend(decision.events.iter().filter_map(event));
    parts.extend(decision.effects.iter().filter_map(effect));
    parts.join("; ")
}

fn subject(plan: &SeatPlan, inventory: &Inventory, subject: Subject) -> String {
    match subject {
        Subject::Hold(no) => hold(plan, inventory, no),
        Subject::Order(no) => order(inventory, no),
        Subject::Payment(no, place) => {
            let hold = inventory.hold(no);
            let order = hold.as_deref().and_then(|hold| hold.order.as_deref());
            let payment = order.and_then(|order| order.payments.get(place));
            let payment = payment.map_or("no payment".into(), payment_text);
            format!("{payment} for {}", order_status(inventory, no))
        }
        Subject::Ticket(no, index) => format!("ticket {}/{index} admitted", no.0),
        Subject::Place(_) | Subject::Account(_) | Subject::ApiKey(_) | Subject::Show => {
            "done".into()
        }
    }
}

/// `hold 1 Active until 600: A1 A2, 100.00`.
pub(crate) fn hold(plan: &SeatPlan, inventory: &Inventory, no: HoldNo) -> String {
    let found = inventory.hold(no);
    let Some(Hold { claim, total, status, ends_at, .. }) = found.as_deref() else {
        return format!("no hold {}", no.0);
    };
    let claim = match claim {
        Claim::Seats(seats) => labels(plan, seats),
        Claim::Stock(quantity) => format!("{quantity} standing"),
    };
    format!("hold {} {status:?} until {}: {claim}, {}", no.0, seconds(*ends_at), money(*total))
}

/// `order 1 Paying by 900, p1 Started`.
pub(crate) fn order(inventory: &Inventory, no: HoldNo) -> String {
    let hold = inventory.hold(no);
    let order = hold.as_deref().and_then(|hold| hold.order.as_deref());
    let payments = order.map_or(inventory.strays(), |order| &order.payments);
    let payments: String = payments.iter().map(|p| format!(", {}", payment_text(p))).collect();
    format!("{}{payments}", order_status(inventory, no))
}

fn order_status(inventory: &Inventory, no: HoldNo) -> String {
    let hold = inventory.hold(no);
    match hold.as_deref().and_then(|hold| hold.order.as_deref()) {
        None => "no order".into(),
        Some(order) if order.is_payable() => {
            format!("order {} {:?} by {}", no.0, order.status, seconds(order.pay_by))
        }
        Some(order) => format!("order {} {:?}", no.0, order.status),
    }
}

fn payment_text(payment: &Payment) -> String {
    let Payment { reference, amount, status } = payment;
    match status {
        PaymentStatus::Started => format!("{reference} Started"),
        PaymentStatus::Failed => format!("{reference} Failed"),
        PaymentStatus::Captured => format!("{reference} Captured {}", money(*amount)),
        PaymentStatus::RefundDue(cause) => format!("{reference} {cause:?} due {}", money(*amount)),
        PaymentStatus::Refunded(cause) => {
            format!("{reference} {cause:?} returned {}", money(*amount))
        }
    }
}

/// Events that the state of the subject does not tell of.
fn event(event: &Event) -> Option<String> {
    match event {
        Event::Expired { holds } => {
            let holds: Vec<_> = holds.iter().map(|hold| hold.0.to_string()).collect();
            Some(format!("expired {}", holds.join(" ")))
        }
        Event::PaymentNoted { success: true, .. } => Some("noted".into()),
        Event::PaymentNoted { success: false, .. } => Some("noted as failed".into()),
        _ => None,
    }
}

/// Effects, but for terms, which the stage carries over.
pub(crate) fn effect(effect: &Effect) -> Option<String> {
    match effect {
        Effect::TellSegments | Effect::TellRoom(_) => None,
        Effect::Refund { order, reference, amount } => {
            Some(format!("give back {reference} of {} {}", order.0, money(*amount)))
        }
        Effect::SendLoan { borrower, number, quantity } => {
            Some(format!("send {quantity} to {borrower} as loan {number}"))
        }
        Effect::ConfirmLoan { donor, number } => Some(format!("confirm loan {number} to {donor}")),
        Effect::WakeAt(at) => Some(format!("wake at {}", seconds(*at))),
    }
}

/// Where units are.
pub(crate) fn counts(inventory: &Inventory) -> String {
    match inventory.goods() {
        Goods::Nothing => "nothing".into(),
        Goods::Seats(map) => {
            let counts = map.counts();
            format!(
                "{} free, {} held, {} sold, {} blocked",
                counts.available, counts.held, counts.sold, counts.blocked
            )
        }
        Goods::Stock(s) => {
            let here = format!("{} free, {} held, {} sold", s.available, s.held, s.sold);
            format!("{here}, {} blocked, {} lent, {} received", s.blocked, s.lent, s.received)
        }
    }
}

fn refusal(plan: &SeatPlan, refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownShow => "unknown show".into(),
        Refusal::UnknownHold => "unknown hold".into(),
        Refusal::UnknownOrder => "unknown order".into(),
        Refusal::UnknownTicket => "unknown ticket".into(),
        Refusal::ShowExists => "show exists".into(),
        Refusal::KeyReused => "key reused".into(),
        Refusal::NothingAsked => "nothing asked".into(),
        Refusal::TooManyUnits { units_max } => format!("{units_max} at most"),
        Refusal::DuplicateSeat(seat) => format!("{} twice", labels(plan, &[*seat])),
        Refusal::UnknownSeat => "unknown seat".into(),
        Refusal::WrongKind => "wrong kind".into(),
        Refusal::SaleNotOpen(reason) => format!("sale {reason:?}"),
        Refusal::HoldNotActive(status) => format!("hold {status:?}"),
        Refusal::HoldExpired => "hold expired".into(),
        Refusal::NotYours => "not yours".into(),
        Refusal::IllegalState(status) => format!("order {status:?}"),
        Refusal::OrderExpired => "order expired".into(),
        Refusal::LimitPerBuyer { units_max, has } => format!("limit {units_max}, has {has}"),
        Refusal::TooManyHolds { holds_max } => format!("{holds_max} holds at most"),
        Refusal::SeatUnavailable(taken) => {
            let one = |(seat, status)| format!(" {} {status:?}", labels(plan, &[seat]));
            let taken: Vec<_> = taken.iter().copied().map(one).collect();
            format!("taken:{}", taken.join(","))
        }
        Refusal::SoldOut { available } => format!("sold out, {available} free"),
        Refusal::HoldsPaused { until } => format!("pause until {}", seconds(*until)),
        Refusal::NewAccountsFull { units_max } => format!("new accounts have {units_max} at most"),
        Refusal::StockMoving => "stock moving".into(),
        Refusal::TooManyPayments => "too many payments".into(),
        Refusal::BadShow(reason) => (*reason).into(),
        Refusal::CapacityInUse => "capacity in use".into(),
        Refusal::AlreadyUsed { at, gate } => format!("used at {} at {gate}", seconds(*at)),
        Refusal::TicketRevoked { refunded } => {
            if *refunded {
                "revoked, refunded".into()
            } else {
                "revoked".into()
            }
        }
        Refusal::IllegalSaleMove => "illegal sale move".into(),
        Refusal::ScheduleFull => "schedule full".into(),
        Refusal::Room(refusal) => format!("{refusal:?}"),
        Refusal::Documents(DocumentRefusal::Wanted { wanted }) => format!("{wanted} names wanted"),
        Refusal::Documents(DocumentRefusal::NotAsked) => "no names asked".into(),
        Refusal::Documents(DocumentRefusal::Limit { units_max, has, place }) => {
            format!("name {place}: limit {units_max}, has {has}")
        }
        Refusal::LoginTaken
        | Refusal::UnknownAccount
        | Refusal::AccountsFull
        | Refusal::PasswordChanged
        | Refusal::UnknownSession
        | Refusal::TokenReused
        | Refusal::ResetInvalid
        | Refusal::UnknownApiKey
        | Refusal::TooManyApiKeys => format!("of accounts: {refusal}"),
    }
}

fn labels(plan: &SeatPlan, seats: &[SeatIx]) -> String {
    let labels: Vec<_> = seats.iter().map(|&seat| plan.label(seat)).collect();
    labels.join(" ")
}

fn money(amount: Cents) -> String {
    format!("{}.{:02}", amount.0 / 100, amount.0 % 100)
}
