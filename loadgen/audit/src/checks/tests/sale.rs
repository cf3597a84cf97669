//! A small sale, seen by its buyers and by the server, for the tests to spoil.
//!
//! Buyer `ann` bought seats, `bob` has one piece of stock, `cyd` let a hold on A-3
//! expire, and `dan` holds A-3 now.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use crate::{
    Entry, HoldNow, Jwk, OpsAudit, OrderNow, Place, Record, SeatNow, ServerSide, StockNow,
    TicketNow, TicketRef, Via,
};

pub(super) const S_US: u64 = 1_000_000;
/// When everything was re-read.
pub(super) const END_US: u64 = 1_000 * S_US;

pub(super) struct Sale {
    pub(super) record: Record,
    pub(super) server: ServerSide,
}

pub(super) fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(super) fn jwk() -> Jwk {
    let public = key().verifying_key().to_bytes();
    Jwk {
        kty: "OKP".into(),
        crv: "Ed25519".into(),
        x: BASE64URL_NOPAD.encode(&public),
        kid: HEXLOWER.encode(&Sha256::digest(public)[..8]),
    }
}

pub(super) fn payload(show: &str, ticket: &str, place: &Place) -> String {
    let (kind, name) = match place {
        Place::SeatId(seat) => (b'S', seat),
        Place::Stock(name) => (b'G', name),
    };
    let mut body = vec![1];
    body.extend(&Sha256::digest(key().verifying_key().to_bytes())[..8]);
    for field in [show, ticket] {
        body.push(u8::try_from(field.len()).expect("short"));
        body.extend(field.as_bytes());
    }
    body.extend([kind, u8::try_from(name.len()).expect("short")]);
    body.extend(name.as_bytes());
    body.extend([0; 8 + 16]);
    let signature = key().sign(&body);
    body.extend(signature.to_bytes());
    BASE64URL_NOPAD.encode(&body)
}

pub(super) fn seat(id: &str) -> Place {
    Place::SeatId(id.into())
}

pub(super) fn held(at_s: u64, hold: &str, user: &str, seats: &[&str], stock: Option<u32>) -> Entry {
    Entry::Held {
        at_us: at_s * S_US,
        show_id: "s".into(),
        hold_id: hold.into(),
        user_id: user.into(),
        key: Some(format!("key-{hold}")),
        seat_ids: seats.iter().map(|&seat| seat.into()).collect(),
        stock: stock.map(|quantity| ("floor".into(), quantity)),
        expires_us: (at_s + 60) * S_US,
        total_cents: 500,
    }
}

pub(super) fn ordered(at_s: u64, order: &str, hold: &str) -> Entry {
    Entry::Ordered {
        at_us: at_s * S_US,
        show_id: "s".into(),
        order_id: order.into(),
        hold_id: hold.into(),
        key: format!("key-{order}"),
        amount_cents: 500,
        pay_by_us: (at_s + 120) * S_US,
    }
}

pub(super) fn paid(at_s: u64, order: &str, via: Via) -> Entry {
    Entry::Paid {
        at_us: at_s * S_US,
        show_id: "s".into(),
        order_id: order.into(),
        payment_id: format!("pay-{order}"),
        amount_cents: 500,
        via,
    }
}

pub(super) fn ticketed(at_s: u64, order: &str, code: &str, place: Place) -> Entry {
    Entry::Ticketed {
        at_us: at_s * S_US,
        show_id: "s".into(),
        order_id: order.into(),
        ticket_code: code.into(),
        payload: Some(payload("s", code, &place)),
        place,
    }
}

pub(super) fn order_now(status: &str, tickets: &[(&str, Place)]) -> Option<OrderNow> {
    let tickets = tickets.iter().map(|(code, place)| TicketRef {
        ticket_code: (*code).into(),
        place: place.clone(),
        status: "VALID".into(),
    });
    Some(OrderNow {
        status: status.into(),
        amount_cents: 500,
        refund_due_cents: None,
        tickets: tickets.collect(),
    })
}

impl Sale {
    pub(super) fn new() -> Self {
        let mut record = Record::default();
        record.push(Entry::Show {
            at_us: S_US,
            show_id: "s".into(),
            sold_before: Some(0),
            limit_per_user: Some(2),
        });
        for entry in [
            held(10, "h-ann", "ann", &["A-1", "A-2"], None),
            held(11, "h-cyd", "cyd", &["A-3"], None),
            held(12, "h-bob", "bob", &[], Some(1)),
            ordered(13, "o-ann", "h-ann"),
            ordered(14, "o-bob", "h-bob"),
            paid(15, "o-ann", Via::Callback),
            paid(16, "o-bob", Via::Sandbox),
            ticketed(17, "o-ann", "t1", seat("A-1")),
            ticketed(17, "o-ann", "t2", seat("A-2")),
            ticketed(18, "o-bob", "t3", Place::Stock("floor".into())),
            held(980, "h-dan", "dan", &["A-3"], None),
        ] {
            record.push(entry);
        }
        Self { record, server: server() }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.record.push(entry);
    }

    pub(super) fn audit(&mut self) -> &mut OpsAudit {
        self.server.ops_audit.as_mut().expect("the sale has one")
    }

    /// Sets counts that belong together; the capacity stays.
    pub(super) fn counts(&mut self, sold: u64, available: u64, held: u64) {
        let audit = self.audit();
        (audit.sold, audit.tickets_issued, audit.available, audit.held) =
            (sold, sold, available, held);
    }

    pub(super) fn order(&mut self, id: &str) -> &mut OrderNow {
        self.server.orders.get_mut(id).and_then(Option::as_mut).expect("the sale has it")
    }
}

pub(super) fn server() -> ServerSide {
    let seats = [("A-1", "SOLD"), ("A-2", "SOLD"), ("A-3", "HELD"), ("A-4", "AVAILABLE")];
    let seats = seats.map(|(id, status)| SeatNow { seat_id: id.into(), status: status.into() });
    let floor = Place::Stock("floor".into());
    let holds = [("h-ann", "CONFIRMED"), ("h-cyd", "EXPIRED"), ("h-dan", "ACTIVE")];
    let tickets = [("t1", seat("A-1")), ("t2", seat("A-2")), ("t3", floor.clone())];
    ServerSide {
        show_id: "s".into(),
        read_us: END_US,
        ops_audit: Some(OpsAudit {
            ok: true,
            capacity: 7,
            available: 3,
            held: 1,
            sold: 3,
            tickets_issued: 3,
            ..OpsAudit::default()
        }),
        seats: seats.into(),
        stock: vec![StockNow { name: "floor".into(), quantity: 3, available: Some(2) }],
        holds: holds.map(|(id, now)| (id.into(), Some(HoldNow { status: now.into() }))).into(),
        orders: [
            ("o-ann".into(), order_now("TICKETED", &[("t1", seat("A-1")), ("t2", seat("A-2"))])),
            ("o-bob".into(), order_now("TICKETED", &[("t3", floor)])),
        ]
        .into(),
        tickets: tickets
            .map(|(id, place)| (id.into(), Some(TicketNow { place, payload: None })))
            .into(),
        keys: vec![jwk()],
    }
}
