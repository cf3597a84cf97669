//! Holds whose story is over, packed into bytes.
//!
//! An order that was paid, or that ended some other way, is kept for ever and hardly looked at
//! again, and a sold-out show is made of little else. Laid out for work it takes some 380 bytes:
//! its place among the holds, the order, its sealed contact and the name of its payment, each in a
//! block of its own. Packed it takes some 180, of which 140 are random: buyer, contact, payment and
//! ticket.
//!
//! These bytes never leave memory, so they carry no version. What is on the disk is the business
//! of `persistence`, which never sees them.

use smallvec::SmallVec;

use super::{
    Claim, Hold, HoldStatus, Order, OrderStatus, Payment, PaymentStatus, RefundCause, Scan, Ticket,
};
use crate::id::{BuyerId, TicketNonce};
use crate::money::Cents;
use crate::plan::SeatIx;
use crate::time::Timestamp;

/// A packed hold. Most fit without an allocation.
pub(super) type Bytes = SmallVec<[u8; 256]>;

const HOLD_STATUSES: [HoldStatus; 4] =
    [HoldStatus::Active, HoldStatus::Confirmed, HoldStatus::Released, HoldStatus::Expired];

const ORDER_STATUSES: [OrderStatus; 7] = [
    OrderStatus::PendingPay,
    OrderStatus::Paying,
    OrderStatus::Ticketed,
    OrderStatus::Cancelled,
    OrderStatus::Expired,
    OrderStatus::RefundPending,
    OrderStatus::Refunded,
];

const CAUSES: [RefundCause; 6] = [
    RefundCause::WrongAmount,
    RefundCause::Surplus,
    RefundCause::Cancelled,
    RefundCause::TooLate,
    RefundCause::TakenBack,
    RefundCause::NoOrder,
];

/// Statuses of a payment that have no cause; the others follow them.
const WITHOUT_CAUSE: [PaymentStatus; 3] =
    [PaymentStatus::Started, PaymentStatus::Failed, PaymentStatus::Captured];

/// Whether nothing is under way any more: it became an order that waits for no money and owes none.
pub(super) fn is_settled(hold: &Hold) -> bool {
    let owes = |order: &Order| {
        order.payments.iter().any(|payment| matches!(payment.status, PaymentStatus::RefundDue(_)))
    };
    hold.order.as_ref().is_some_and(|order| {
        let waits = order.is_payable() || order.status == OrderStatus::RefundPending;
        !waits && !owes(order)
    })
}

/// Packs a hold that became an order.
pub(super) fn pack(hold: &Hold) -> Bytes {
    let mut out = Bytes::new();
    let order = hold.order.as_deref().expect("only orders settle");
    put_place(&mut out, &HOLD_STATUSES, &hold.status);
    out.extend_from_slice(&hold.buyer.0.to_le_bytes());
    match &hold.claim {
        Claim::Seats(seats) => {
            out.push(0);
            put_number(&mut out, seats.len() as u64);
            seats.iter().for_each(|seat| put_number(&mut out, u64::from(seat.0)));
        }
        Claim::Stock(quantity) => {
            out.push(1);
            put_number(&mut out, u64::from(*quantity));
        }
    }
    put_number(&mut out, hold.total.0);
    put_number(&mut out, hold.placed_at.0);
    put_time(&mut out, hold.ends_at, hold.placed_at);
    pack_order(&mut out, order, hold.placed_at);
    out
}

fn pack_order(out: &mut Bytes, order: &Order, held_at: Timestamp) {
    let Order {
        status,
        placed_at,
        pay_by,
        extended,
        contact,
        payments,
        tickets,
        ticketed_at,
        taken_back,
    } = order;
    put_place(out, &ORDER_STATUSES, status);
    out.push(
        u8::from(*extended)
            | u8::from(ticketed_at.is_some()) << 1
            | u8::from(taken_back.is_some()) << 2,
    );
    put_time(out, *placed_at, held_at);
    put_time(out, *pay_by, held_at);
    put_bytes(out, contact);
    put_number(out, payments.len() as u64);
    for payment in payments {
        put_bytes(out, payment.reference.as_bytes());
        put_number(out, payment.amount.0);
        out.push(payment_status_number(payment.status));
    }
    put_number(out, tickets.len() as u64);
    for ticket in tickets {
        out.extend_from_slice(&ticket.nonce.0);
        match ticket.scan.as_deref() {
            None => out.push(0),
            Some(scan) => {
                out.push(1 + u8::from(scan.name.is_some()));
                put_time(out, scan.at, held_at);
                put_bytes(out, scan.gate.as_bytes());
                scan.name.iter().for_each(|name| out.extend_from_slice(&name.to_le_bytes()));
            }
        }
    }
    ticketed_at.iter().for_each(|at| put_time(out, *at, held_at));
    taken_back.iter().for_each(|reason| put_bytes(out, reason.as_bytes()));
}

/// What [`pack`] made, laid out again.
pub(super) fn unpack(packed: &[u8]) -> Hold {
    let mut packed = Packed(packed);
    let status = HOLD_STATUSES[usize::from(packed.byte())];
    let buyer = BuyerId(u128::from_le_bytes(packed.array()));
    let is_seats = packed.byte() == 0;
    let claim = match packed.small() {
        count if is_seats => Claim::Seats((0..count).map(|_| SeatIx(packed.small())).collect()),
        quantity => Claim::Stock(quantity),
    };
    let total = Cents(packed.number());
    let placed_at = Timestamp(packed.number());
    let ends_at = packed.time(placed_at);
    let order = Some(Box::new(unpack_order(&mut packed, placed_at)));
    assert!(packed.0.is_empty(), "all of a packed hold is read");
    Hold { buyer, claim, total, placed_at, ends_at, status, order }
}

fn unpack_order(packed: &mut Packed<'_>, held_at: Timestamp) -> Order {
    let status = ORDER_STATUSES[usize::from(packed.byte())];
    let flags = packed.byte();
    let placed_at = packed.time(held_at);
    let pay_by = packed.time(held_at);
    let contact = packed.bytes().into();
    let count = packed.number();
    let payment = |_| Payment {
        reference: packed.text(),
        amount: Cents(packed.number()),
        status: payment_status(packed.byte()),
    };
    let payments = (0..count).map(payment).collect();
    let count = packed.number();
    let ticket = |_| {
        let nonce = TicketNonce(packed.array());
        let scan = match packed.byte() {
            0 => None,
            kind => {
                let (at, gate) = (packed.time(held_at), packed.text());
                let name = (kind == 2).then(|| u64::from_le_bytes(packed.array()));
                Some(Box::new(Scan { at, gate, name }))
            }
        };
        Ticket { nonce, scan }
    };
    let tickets = (0..count).map(ticket).collect();
    Order {
        status,
        placed_at,
        pay_by,
        extended: flags & 1 != 0,
        contact,
        payments,
        tickets,
        ticketed_at: (flags & 2 != 0).then(|| packed.time(held_at)),
        taken_back: (flags & 4 != 0).then(|| packed.text()),
    }
}

fn payment_status_number(status: PaymentStatus) -> u8 {
    let causes = CAUSES.len() as u8;
    let place = |cause: RefundCause| {
        CAUSES.iter().position(|known| *known == cause).expect("all causes are listed") as u8
    };
    let first = WITHOUT_CAUSE.len() as u8;
    match status {
        PaymentStatus::Started => 0,
        PaymentStatus::Failed => 1,
        PaymentStatus::Captured => 2,
        PaymentStatus::RefundDue(cause) => first + place(cause),
        PaymentStatus::Refunded(cause) => first + causes + place(cause),
    }
}

fn payment_status(number: u8) -> PaymentStatus {
    let number = usize::from(number);
    match number.checked_sub(WITHOUT_CAUSE.len()) {
        None => WITHOUT_CAUSE[number],
        Some(cause) if cause < CAUSES.len() => PaymentStatus::RefundDue(CAUSES[cause]),
        Some(cause) => PaymentStatus::Refunded(CAUSES[cause - CAUSES.len()]),
    }
}

fn put_place<T: PartialEq>(out: &mut Bytes, all: &[T], one: &T) {
    let place = all.iter().position(|known| known == one).expect("all of them are listed");
    out.push(place as u8);
}

/// Seven bits a byte, the lowest first (LEB128).
fn put_number(out: &mut Bytes, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// As the distance from another time, which is mostly short, with the sign in the lowest bit.
fn put_time(out: &mut Bytes, time: Timestamp, from: Timestamp) {
    let distance = time.0.wrapping_sub(from.0) as i64;
    put_number(out, (distance << 1 ^ distance >> 63) as u64);
}

fn put_bytes(out: &mut Bytes, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What is left to read. Only what [`pack`] made is read, so what is missing is a bug.
struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("as many as were asked for")
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return number;
            }
            shift += 7;
        }
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.number()).expect("it was one of 32 bits")
    }

    fn time(&mut self, from: Timestamp) -> Timestamp {
        let number = self.number();
        let distance = (number >> 1) as i64 ^ -((number & 1) as i64);
        Timestamp(from.0.wrapping_add(distance as u64))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = self.number() as usize;
        self.take(count)
    }

    fn text(&mut self) -> Box<str> {
        str::from_utf8(self.bytes()).expect("it was text").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(status: OrderStatus) -> Order {
        Order {
            status,
            placed_at: Timestamp(1_780_000_000_500),
            pay_by: Timestamp(1_780_000_600_500),
            extended: true,
            contact: vec![7; 64].into(),
            payments: vec![Payment {
                reference: "p_8g1pkhwc6ms7g000000000cwk2eh80zt1pwawmy9wcfzg7vq".into(),
                amount: Cents(240_000),
                status: PaymentStatus::Captured,
            }]
            .into(),
            tickets: vec![Ticket { nonce: TicketNonce([9; 10]), scan: None }].into(),
            ticketed_at: Some(Timestamp(1_780_000_001_000)),
            taken_back: None,
        }
    }

    fn hold(order: Order) -> Hold {
        Hold {
            buyer: BuyerId(u128::MAX - 5),
            claim: Claim::Seats([SeatIx(99_999)].into_iter().collect()),
            total: Cents(240_000),
            placed_at: Timestamp(1_780_000_000_000),
            ends_at: Timestamp(1_780_003_600_000),
            status: HoldStatus::Confirmed,
            order: Some(Box::new(order)),
        }
    }

    #[track_caller]
    fn check(hold: &Hold) {
        assert_eq!(unpack(&pack(hold)), *hold);
    }

    #[test]
    fn a_ticketed_order_of_one_seat_takes_little_room() {
        let hold = hold(order(OrderStatus::Ticketed));
        check(&hold);
        let bytes = pack(&hold).len();
        assert!(bytes <= 190, "{bytes}");
    }

    #[test]
    fn every_field_comes_back() {
        for status in ORDER_STATUSES {
            check(&hold(order(status)));
        }
        for status in HOLD_STATUSES {
            check(&Hold { status, ..hold(order(OrderStatus::Expired)) });
        }
        let causes = CAUSES.into_iter();
        let with = causes.flat_map(|c| [PaymentStatus::RefundDue(c), PaymentStatus::Refunded(c)]);
        let all = WITHOUT_CAUSE.into_iter().chain(with).map(|status| Payment {
            reference: format!("{status:?}").into(),
            amount: Cents(u64::MAX),
            status,
        });
        check(&hold(Order { payments: all.collect(), ..order(OrderStatus::Refunded) }));
        let scan = |name| Some(Box::new(Scan { at: Timestamp(3), gate: "north".into(), name }));
        let tickets = [None, scan(None), scan(Some(u64::MAX))];
        let tickets = tickets.map(|scan| Ticket { nonce: TicketNonce([1; 10]), scan });
        check(&Hold {
            claim: Claim::Stock(3),
            ..hold(Order { tickets: tickets.into_iter().collect(), ..order(OrderStatus::Ticketed) })
        });
        check(&hold(Order {
            extended: false,
            contact: Box::default(),
            payments: Default::default(),
            tickets: Default::default(),
            ticketed_at: None,
            taken_back: Some("it rained".into()),
            ..order(OrderStatus::Refunded)
        }));
        let far = |at| Hold { placed_at: Timestamp(at), ..hold(order(OrderStatus::Ticketed)) };
        check(&far(0));
        check(&far(u64::MAX));
    }

    #[test]
    fn what_waits_for_money_or_owes_some_is_not_settled() {
        use OrderStatus::{
            Cancelled, Expired, Paying, PendingPay, RefundPending, Refunded, Ticketed,
        };
        for status in [Ticketed, Cancelled, Expired, Refunded] {
            assert!(is_settled(&hold(order(status))), "{status:?}");
            let mut owing = order(status);
            owing.payments[0].status = PaymentStatus::RefundDue(RefundCause::Surplus);
            assert!(!is_settled(&hold(owing)), "{status:?}");
        }
        for status in [PendingPay, Paying, RefundPending] {
            assert!(!is_settled(&hold(order(status))), "{status:?}");
        }
        assert!(!is_settled(&Hold { order: None, ..hold(order(Ticketed)) }));
    }
}
