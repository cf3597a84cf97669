//! From the engine's values to the auditor's plain ones. This is the only file that knows both.

use std::hash::{Hash as _, Hasher as _};

use usher_engine::command::Wish;
use usher_engine::inventory::{self, Claim, Goods, Hold, HoldStatus, OrderStatus, PaymentStatus};
use usher_engine::seats::SeatStatus;
use usher_engine::stock::Segment;
use usher_engine::{Command, HoldNo, Inventory, MachineId, Refusal};
use usher_shards::message::{Reply, Unavailable};
use usher_shards::view::PoolBoard;
use xxhash_rust::xxh3::Xxh3;

use crate::auditor::{Life, Money, OrderLife, Payment, Seen, SeenGoods, SeenHold, SeenSeat};
use crate::auditor::{Standing, Told};

/// The same for all commands that ask the same, whoever sends them again: without keys, names of
/// new payments, and what is drawn at random. Expiry is told by its inventory alone.
pub(crate) fn likeness(command: &Command) -> u64 {
    let mut hasher = Xxh3::new();
    std::mem::discriminant(command).hash(&mut hasher);
    match command {
        Command::Hold(hold) => {
            (hold.buyer.0, hold.hold_ms).hash(&mut hasher);
            hash_wish(&hold.wish, &mut hasher);
        }
        Command::Order(order) => (order.hold.0, order.buyer.0, order.pay_ms).hash(&mut hasher),
        Command::StartPayment(start) => (start.order.0, start.extension_ms).hash(&mut hasher),
        Command::PaymentMessage(message) => {
            let success = message.verdict == usher_engine::command::PaymentVerdict::Success;
            (message.order.0, &message.reference, success, message.amount.0).hash(&mut hasher);
        }
        Command::CounterSale(sale) => {
            sale.buyer.0.hash(&mut hasher);
            hash_wish(&sale.wish, &mut hasher);
        }
        Command::Expire { .. } => {}
        Command::Release { hold: no } | Command::Cancel { order: no } => no.0.hash(&mut hasher),
        other => format!("{other:?}").hash(&mut hasher),
    }
    hasher.finish()
}

fn hash_wish(wish: &Wish, hasher: &mut Xxh3) {
    match wish {
        Wish::Seats(seats) => seats.iter().for_each(|seat| seat.0.hash(hasher)),
        Wish::BestAvailable { quantity, adjacent, .. } => (quantity, adjacent).hash(hasher),
        Wish::Stock { quantity } => (quantity, 'u').hash(hasher),
    }
}

/// Whether it lent tickets that may still be on their way.
pub(crate) fn has_open_loans(inventory: &Inventory) -> bool {
    matches!(inventory.goods(), Goods::Stock(segment) if !segment.open_loans.is_empty())
}

/// What an answer says.
pub(crate) fn told(reply: &Reply) -> Told {
    match reply {
        Reply::Done(answer) => {
            let no = match answer.subject {
                usher_engine::Subject::Hold(no)
                | usher_engine::Subject::Order(no)
                | usher_engine::Subject::Payment(no, _)
                | usher_engine::Subject::Ticket(no, _) => Some(no),
                usher_engine::Subject::Place(_)
                | usher_engine::Subject::Account(_)
                | usher_engine::Subject::ApiKey(_)
                | usher_engine::Subject::Show => None,
            };
            let hold = no.zip(answer.hold());
            let hold = hold.map(|(no, hold)| seen_hold(answer.machine.slot, no, hold));
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
        Reply::Unavailable(Unavailable::Rebuilding) => Told::Rebuilding,
        Reply::Unavailable(Unavailable::Quarantined) => Told::Quarantined,
        Reply::Unavailable(_) | Reply::Counted(_) => Told::NotNow,
    }
}

/// An inventory laid open.
pub(crate) fn seen(inventory: &Inventory) -> Seen {
    let slot = inventory.id().slot;
    let mut holds: Vec<SeenHold> =
        inventory.holds().map(|(no, hold)| seen_hold(slot, no, &hold)).collect();
    holds.sort_unstable_by_key(|hold| hold.name);
    let strays = inventory.strays().iter().map(seen_payment).collect();
    let terms_version = match inventory.goods() {
        Goods::Stock(segment) => segment.terms_version,
        Goods::Nothing | Goods::Seats(_) => inventory.show().map_or(0, |show| show.terms_version),
    };
    Seen { slot, holds, goods: seen_goods(inventory), strays, terms_version }
}

fn seen_goods(inventory: &Inventory) -> SeenGoods {
    match inventory.goods() {
        Goods::Nothing => SeenGoods::Seats(Vec::new()),
        Goods::Seats(map) => {
            let seen = |status| match status {
                SeatStatus::Available => SeenSeat::Free,
                SeatStatus::Blocked => SeenSeat::Blocked,
                SeatStatus::Held | SeatStatus::Sold => SeenSeat::Owned,
            };
            SeenGoods::Seats(map.statuses().map(seen).collect())
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
            open_loans: open_loans(inventory.id(), segment),
        },
    }
}

/// The standing tickets as all can know them: what was taken counts at once, what came back only
/// since it was published. `None` where a segment sells by other terms than it has published.
pub(crate) fn standing(inventories: &[&Inventory], board: &PoolBoard) -> Option<Standing> {
    let (mut on_sale, mut taken, mut returns) = (0, 0, 0);
    for inventory in inventories {
        let Goods::Stock(segment) = inventory.goods() else { continue };
        let shown = board.segments()[usize::from(segment.segment)].figures();
        if shown.terms_version != u64::from(segment.terms_version) {
            return None;
        }
        let most = |now: u32, shown: u64| u64::from(now).max(shown);
        on_sale += u64::from(segment.base) - most(segment.blocked, shown.blocked);
        taken += most(segment.held + segment.sold, shown.held + shown.sold);
        taken += most(segment.withdrawn, shown.withdrawn);
        let arrivals = segment.loans_taken.values().map(|&number| u64::from(number)).sum::<u64>();
        returns += segment.gains - arrivals;
    }
    Some(Standing { free: on_sale.saturating_sub(taken), returns })
}

fn open_loans(donor: MachineId, segment: &Segment) -> Vec<(u16, u64)> {
    let (pool, _) = donor.pool_and_segment().expect("stock is in segments");
    let slot = |borrower| MachineId::segment(donor.show, pool, borrower).slot;
    let loans = segment.open_loans.iter();
    loans.map(|(&(borrower, _), &quantity)| (slot(borrower), quantity.into())).collect()
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
        payments: payments.map(seen_payment).collect(),
        tickets: tickets.len(),
        used: used.map(|(index, _)| index).collect(),
        nonces: tickets.iter().map(|ticket| ticket.nonce.0).collect(),
    }
}

fn seen_payment(payment: &inventory::Payment) -> Payment {
    let money = match payment.status {
        PaymentStatus::Started | PaymentStatus::Failed => Money::Open,
        PaymentStatus::Captured => Money::Captured,
        PaymentStatus::RefundDue(_) => Money::Due,
        PaymentStatus::Refunded(_) => Money::Back,
    };
    Payment { reference: number_of(&payment.reference), amount: payment.amount.0, money }
}

/// The number in the name of a payment.
pub(crate) fn number_of(reference: &str) -> u64 {
    reference.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
}
