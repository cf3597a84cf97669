//! From a hold to its tickets, the same for seats and for stock.
//!
//! Whatever is acknowledged on the way is written to the record before anything else is asked, and
//! what may end a hold is written before it is asked; so the record never claims more than the
//! server promised.

use std::time::{Duration, Instant};

use usher_audit::{Entry, Place, Via};
use usher_wire::{CallbackResult, Hold, Order, OrderStatus, PaymentStarted};

use super::JourneyEnd;
use crate::api::{Answer, Refusal, Want, get};
use crate::choices::{Buyer, Leaving};
use crate::meter::{Ending, Step};
use crate::recorder::{cents, held, micros};
use crate::world::{Fetch, Follow, Pay, World};

/// The first wait between two looks at an order; it grows from there.
const POLL_MS_MIN: u64 = 5;
/// The longest wait between two looks at an order.
const POLL_MS_MAX: u64 = 250;
/// After so long without tickets the sandbox is told again: its callback may have died with the
/// server.
const SETTLE_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// Asks for a hold and writes it down.
pub(super) async fn hold(
    world: &World,
    buyer: &Buyer,
    turn: u32,
    want: Want,
    since: Instant,
) -> Answer<Hold> {
    let (user_id, key) = (world.user_id(buyer.number), world.key(buyer.number, "h", turn));
    let seconds = world.habits.hold_seconds;
    let hold = world.api.hold(since, world.show_id(), &user_id, &key, seconds, want).await;
    if let Answer::Done(hold) = &hold {
        world.record(&held(world.clock.now_us(), hold, &user_id, &key));
        world.keeps_until(micros(hold.expiry_time));
    }
    hold
}

/// Goes on from a hold: order, payment, tickets; or leaves on the way, as the buyer will.
pub(super) async fn finish(world: &World, buyer: &Buyer, hold: &Hold) -> JourneyEnd {
    match buyer.leaving {
        Some(Leaving::AfterHold) => return JourneyEnd::Abandoned,
        Some(Leaving::Releasing) => {
            releasing(world, &hold.hold_id);
            let answer = world.api.release(Instant::now(), &hold.hold_id).await;
            return end_of(&answer, JourneyEnd::Abandoned);
        }
        Some(Leaving::AfterOrder | Leaving::Cancelling) | None => {}
    }
    let (user_id, key) = (world.user_id(buyer.number), world.key(buyer.number, "o", 0));
    let order = match world.api.order(Instant::now(), &hold.hold_id, &user_id, &key).await {
        Answer::Done(order) => order,
        other => return end_of(&other, JourneyEnd::Failed),
    };
    world.record(&Entry::Ordered {
        at_us: world.clock.now_us(),
        show_id: order.show_id.clone(),
        order_id: order.order_id.clone(),
        hold_id: hold.hold_id.clone(),
        key,
        amount_cents: cents(order.amount_cents),
        pay_by_us: micros(order.pay_by),
    });
    if buyer.leaving == Some(Leaving::AfterOrder) {
        world.keeps_until(micros(order.pay_by));
    }
    match buyer.leaving {
        Some(Leaving::AfterOrder) => JourneyEnd::Abandoned,
        Some(Leaving::Cancelling) => {
            releasing(world, &hold.hold_id);
            let key = world.key(buyer.number, "c", 0);
            let answer = world.api.cancel(Instant::now(), &order.order_id, &key).await;
            end_of(&answer, JourneyEnd::Abandoned)
        }
        _ => pay(world, buyer, &order).await,
    }
}

async fn pay(world: &World, buyer: &Buyer, order: &Order) -> JourneyEnd {
    // The second turn is for a sandbox that forgot the payment when the server was killed.
    for turn in 0..2 {
        let key = world.key(buyer.number, "p", turn);
        let payment = match world.api.pay(Instant::now(), &order.order_id, &key).await {
            Answer::Done(payment) => payment,
            other => return look_at_end(world, order, end_of(&other, JourneyEnd::Failed)).await,
        };
        match settle(world, order, &payment).await {
            Settled::Recorded | Settled::Asked => return tickets(world, order, &payment).await,
            Settled::RefundDue => return look_at_end(world, order, JourneyEnd::RefundDue).await,
            Settled::Unknown => {}
            Settled::Failed => return JourneyEnd::Failed,
        }
    }
    JourneyEnd::Failed
}

enum Settled {
    /// The server has recorded the payment.
    Recorded,
    /// The sandbox will tell the server.
    Asked,
    /// The server has recorded it, and the money goes back.
    RefundDue,
    /// The sandbox does not know the payment.
    Unknown,
    /// No usable answer.
    Failed,
}

async fn settle(world: &World, order: &Order, payment: &PaymentStarted) -> Settled {
    let paid = |via| {
        world.record(&Entry::Paid {
            at_us: world.clock.now_us(),
            show_id: order.show_id.clone(),
            order_id: order.order_id.clone(),
            payment_id: payment.payment_id.clone(),
            amount_cents: cents(payment.amount_cents),
            via,
        });
    };
    match &world.habits.pay {
        Pay::Sandbox => {
            match world.api.sandbox_succeed(Instant::now(), &payment.payment_id).await {
                Answer::Done(_) => {
                    paid(Via::Sandbox);
                    Settled::Asked
                }
                Answer::Refused(Refusal { status: 404, .. }) => Settled::Unknown,
                Answer::Refused(_) | Answer::Failed => Settled::Failed,
            }
        }
        Pay::Direct(secret) => match world.api.callback(Instant::now(), payment, secret).await {
            Answer::Done(answer) => {
                paid(Via::Callback);
                match answer.result {
                    CallbackResult::RefundDue => Settled::RefundDue,
                    CallbackResult::Ticketed | CallbackResult::Noted | CallbackResult::Repeated => {
                        Settled::Recorded
                    }
                }
            }
            Answer::Refused(_) | Answer::Failed => Settled::Failed,
        },
    }
}

/// Waits for the tickets of an order that was paid, and fetches them.
async fn tickets(world: &World, order: &Order, payment: &PaymentStarted) -> JourneyEnd {
    let since = Instant::now();
    let streamed = match world.habits.follow {
        Follow::Stream => follow_stream(world, &order.order_id).await,
        Follow::Poll => None,
    };
    let order = match streamed {
        Some(order) => Some(order),
        None => poll(world, order, payment, since).await,
    };
    let Some(order) = order else {
        world.meter.step(Step::Ticketed, since, Ending::Failed);
        return JourneyEnd::Failed;
    };
    if order.status != OrderStatus::Ticketed {
        world.meter.step(Step::Ticketed, since, Ending::Refused);
        return ended(world, &order);
    }
    world.meter.step(Step::Ticketed, since, Ending::Done);
    ticketed(world, &order);
    world.meter.sold(order.tickets.len() as u64);
    let fetched = match world.habits.fetch {
        Fetch::All => order.tickets.len(),
        Fetch::First => 1,
        Fetch::None => 0,
    };
    for line in order.tickets.iter().take(fetched) {
        let Answer::Done(ticket) = world.api.ticket(Instant::now(), &line.ticket_code).await else {
            return JourneyEnd::Failed;
        };
        let Some(place) = place(ticket.seat_id.as_ref(), ticket.stock.as_ref()) else {
            world.meter.sample(|| format!("ticket {} is for nothing", ticket.ticket_code));
            return JourneyEnd::Failed;
        };
        world.record(&Entry::Ticketed {
            at_us: world.clock.now_us(),
            show_id: ticket.show_id,
            order_id: ticket.order_id,
            ticket_code: ticket.ticket_code,
            place,
            payload: Some(ticket.payload),
        });
    }
    JourneyEnd::Ticketed
}

async fn poll(
    world: &World,
    order: &Order,
    payment: &PaymentStarted,
    since: Instant,
) -> Option<Order> {
    let mut wait_ms = POLL_MS_MIN;
    let mut settled = since;
    // A callback that was answered is seen at once; a sandbox takes its time.
    if world.habits.pay == Pay::Sandbox {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
    loop {
        match world.api.read_order(Instant::now(), &order.order_id).await {
            Answer::Done(now) if is_settled(now.status) => return Some(now),
            Answer::Refused(Refusal { status: 404, .. }) => return None,
            Answer::Done(_) | Answer::Refused(_) | Answer::Failed => {}
        }
        if since.elapsed() > world.habits.ticket_wait_max {
            world.meter.sample(|| format!("order {} was paid and not ticketed", order.order_id));
            return None;
        }
        if settled.elapsed() > SETTLE_AGAIN_AFTER {
            settled = Instant::now();
            if let Settled::Unknown = settle(world, order, payment).await {
                return None;
            }
        }
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 3 / 2).min(POLL_MS_MAX);
    }
}

/// Reads the order's stream until it is settled; none where the stream ends before.
async fn follow_stream(world: &World, order_id: &str) -> Option<Order> {
    let request = get(format!("/api/v1/orders/{order_id}/stream"));
    let (status, mut stream) = world.api.client().stream(&request).await.ok()?;
    if status != 200 {
        return None;
    }
    let mut reader = crate::sse::Reader::default();
    let wait = world.habits.ticket_wait_max;
    while let Ok(Ok(Some(bytes))) = tokio::time::timeout(wait, stream.next()).await {
        for frame in reader.push(&bytes).ok()? {
            match serde_json::from_str::<Order>(&frame.data) {
                Ok(order) if is_settled(order.status) => return Some(order),
                _ => {}
            }
        }
    }
    None
}

fn is_settled(status: OrderStatus) -> bool {
    !matches!(status, OrderStatus::PendingPay | OrderStatus::Paying)
}

/// An order that could not be paid: what is it now? An order that ended is written down.
async fn look_at_end(world: &World, order: &Order, end: JourneyEnd) -> JourneyEnd {
    match world.api.read_order(Instant::now(), &order.order_id).await {
        Answer::Done(now) if now.status == OrderStatus::Ticketed => {
            ticketed(world, &now);
            world.meter.sold(now.tickets.len() as u64);
            JourneyEnd::Ticketed
        }
        Answer::Done(now) if is_settled(now.status) => ended(world, &now),
        _ => end,
    }
}

fn ticketed(world: &World, order: &Order) {
    for ticket in &order.tickets {
        if let Some(place) = place(ticket.seat_id.as_ref(), ticket.stock.as_ref()) {
            world.record(&Entry::Ticketed {
                at_us: world.clock.now_us(),
                show_id: order.show_id.clone(),
                order_id: order.order_id.clone(),
                ticket_code: ticket.ticket_code.clone(),
                place,
                payload: None,
            });
        }
    }
}

fn ended(world: &World, order: &Order) -> JourneyEnd {
    world.record(&Entry::Ended {
        at_us: world.clock.now_us(),
        show_id: order.show_id.clone(),
        order_id: order.order_id.clone(),
        status: crate::reread::word(&order.status),
    });
    match order.status {
        OrderStatus::RefundPending | OrderStatus::Refunded => JourneyEnd::RefundDue,
        _ => JourneyEnd::Refused,
    }
}

fn releasing(world: &World, hold_id: &str) {
    world.record(&Entry::Releasing {
        at_us: world.clock.now_us(),
        show_id: world.show_id().into(),
        hold_id: hold_id.into(),
    });
}

fn place(seat_id: Option<&String>, stock: Option<&String>) -> Option<Place> {
    let seat = seat_id.map(|seat| Place::SeatId(seat.clone()));
    seat.or_else(|| stock.map(|stock| Place::Stock(stock.clone())))
}

fn end_of<T>(answer: &Answer<T>, done: JourneyEnd) -> JourneyEnd {
    match answer {
        Answer::Done(_) => done,
        Answer::Refused(_) => JourneyEnd::Refused,
        Answer::Failed => JourneyEnd::Failed,
    }
}
