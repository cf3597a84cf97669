//! From the engine's values to the auditor's plain ones. This is the only file that knows both.

use usher_engine::inventory::{Claim, Goods, Hold, HoldStatus, OrderStatus, PaymentStatus};
use usher_engine::seats::SeatStatus;
use usher_engine::{HoldNo, Inventory, Refusal};
use usher_shards::message::Reply;

use crate::auditor::{Life, Money, OrderLife, Seen, SeenGoods, SeenHold, Told};

/// What an answer says.
pub(crate) fn told(reply: &Reply) -> Told {
    match reply {
        Reply::Done(answer) => {
            let no = match answer.subject {
                usher_engine::Subject::Hold(no)
                | usher_engine::Subject::Order(no)
                | usher_engine::Subject::Payment(no, _)
                | usher_engine::Subject::Ticket(no, _) => Some(no),
                usher_engine::Subject::Show => None,
            };
            let hold = no.zip(answer.hold.as_ref());
            let hold = hold.map(|(no, hold)| seen_hold(answer.inventory.slot, no, hold));
            Told::Done { hold, replayed: answer.replayed }
        }
        Reply::Refused(refusal) => {
            let seats = match refusal {
                Refusal::SeatUnavailable(seats) => seats
                    .iter()
                    .filter(|(_, status)| *status != SeatStatus::Blocked)
                    .map(|(seat, _)| seat.0)
                    .collect(),
                _ => Vec::new(),
            };
            Told::Refused { number: refusal.number(), seats }
        }
        Reply::Unavailable(_) | Reply::Counted(_) => Told::Unavailable,
    }
}

/// An inventory laid open.
pub(crate) fn seen(inventory: &Inventory) -> Seen {
    let slot = inventory.id().slot;
    let mut holds: Vec<SeenHold> =
        inventory.holds().map(|(no, hold)| seen_hold(slot, no, hold)).collect();
    holds.sort_unstable_by_key(|hold| hold.name);
    let strays = inventory.strays().iter();
    let strays = strays.map(|payment| (payment.reference.to_string(), payment.amount.0)).collect();
    Seen { slot, holds, goods: seen_goods(inventory.goods()), strays }
}

fn seen_goods(goods: &Goods) -> SeenGoods {
    match goods {
        Goods::Nothing => SeenGoods::Seats { unowned: Vec::new() },
        Goods::Seats(map) => {
            let is_unowned = |status| matches!(status, SeatStatus::Available | SeatStatus::Blocked);
            SeenGoods::Seats { unowned: map.statuses().map(is_unowned).collect() }
        }
        Goods::Stock(segment) => SeenGoods::Stock {
            base: segment.base.into(),
            available: segment.available.into(),
            held: segment.held.into(),
            sold: segment.sold.into(),
            blocked: segment.blocked.into(),
            withdrawn: segment.withdrawn.into(),
            lent: segment.lent,
            received: segment.received,
        },
    }
}

fn seen_hold(slot: u16, no: HoldNo, hold: &Hold) -> SeenHold {
    let seats = match &hold.claim {
        Claim::Seats(seats) => {
            let mut seats: Vec<u32> = seats.iter().map(|seat| seat.0).collect();
            seats.sort_unstable();
            seats
        }
        Claim::Stock(_) => Vec::new(),
    };
    let life = match hold.status {
        HoldStatus::Active => Life::Active,
        HoldStatus::Confirmed => Life::Confirmed,
        HoldStatus::Released => Life::Released,
        HoldStatus::Expired => Life::Expired,
    };
    let order = hold.order.as_deref();
    let payments = order.map_or(&[][..], |order| &order.payments).iter();
    let tickets = order.map_or(&[][..], |order| &order.tickets);
    let used = (0..).zip(tickets).filter(|(_, ticket)| ticket.scan.is_some());
    SeenHold {
        name: (slot, no.0),
        buyer: hold.buyer.0 as u64,
        seats,
        units: hold.claim.units(),
        life,
        deadline: hold.deadline().map(|deadline| deadline.0),
        order: order.map(|order| match order.status {
            OrderStatus::PendingPay | OrderStatus::Paying => OrderLife::Payable,
            OrderStatus::Ticketed => OrderLife::Ticketed,
            OrderStatus::Cancelled | OrderStatus::Expired => OrderLife::Over,
            OrderStatus::RefundPending | OrderStatus::Refunded => OrderLife::Refund,
        }),
        price: hold.total.0,
        payments: payments
            .map(|payment| {
                let money = match payment.status {
                    PaymentStatus::Started | PaymentStatus::Failed => Money::Open,
                    PaymentStatus::Captured => Money::Captured,
                    PaymentStatus::RefundDue(_) | PaymentStatus::Refunded(_) => Money::Refund,
                };
                (payment.reference.to_string(), payment.amount.0, money)
            })
            .collect(),
        tickets: tickets.len(),
        used: used.map(|(index, _)| index).collect(),
        nonces: tickets.iter().map(|ticket| ticket.nonce.0).collect(),
    }
}
