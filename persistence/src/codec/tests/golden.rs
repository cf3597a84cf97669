//! Every event as bytes, and two images. A line that changes is a format that changes: then the
//! payload version must change too, and journals of the version before must still be read.

use std::fmt::Write as _;

use usher_engine::inventory::image::{GoodsImage, Image};
use usher_engine::inventory::{
    Claim, Hold, HoldStatus, KeyEntry, Order, OrderStatus, Payment, PaymentStatus, RefundCause,
    Scan, Ticket,
};
use usher_engine::plan::SeatIx;
use usher_engine::show::{OnSale, Pool, Scheduled, SeatRange, ShowRecord};
use usher_engine::stock::Segment;
use usher_engine::{Cents, Event, HoldNo, InventoryId};

use super::Plans;
use super::samples::{self, KEY, NOW, SHOW};
use crate::codec::{CodecError, decode_image, decode_record, encode_image, encode_record};

/// Version, show, slot, time, and the number of events: one.
const HEADER: &str = "0194cf010203040506070800cf0000018bcfe5680001";

/// Each event behind the header.
const EVENTS: &[(&str, &str)] = &[
    (
        "show created",
        "950198a868616d6c65742d31a748c3a46d6c6574a0a5476c6f6265a64c6f6e646f6ea4706c617991aa522e \
         2042757262616765cf0000018bd542b2809901c2c3cf0000018bcfe56800cf0000018bd4aa1c00a3455552 \
         08ce0001d4c092cd26accd1194c410abababababababababababababababab9194a87374616e64696e67cd \
         1388cd0bb808",
    ),
    (
        "show created without seats",
        "950198a868616d6c65742d31a748c3a46d6c6574a0a5476c6f6265a64c6f6e646f6ea4706c617991aa522e \
         2042757262616765cf0000018bd542b2809901c2c3cf0000018bcfe56800cf0000018bd4aa1c00a3455552 \
         08ce0001d4c092cd26accd1194c090",
    ),
    (
        "show changed",
        "92029798a868616d6c65742d31a748c3a46d6c6574a0a5476c6f6265a64c6f6e646f6ea4706c617991aa52 \
         2e2042757262616765cf0000018bd542b280cf0000018bcfe56800cf0000018bcfe56800910104cdea6091 \
         93010a02",
    ),
    ("nothing changed", "920297c0c0c0c0c0c090"),
    ("opened", "92039101"),
    ("paused", "9203920201"),
    ("resumed", "9203920302"),
    ("closed", "92039104"),
    ("everything on sale", "92049101"),
    ("seats on sale", "92049202919203ccc8"),
    ("stock scheduled", "920592cf0000018bcfe56800930301cd012c"),
    ("schedule taken", "920602"),
    ("holds extended", "9215ce000493e0"),
    (
        "held",
        "9707ce00011170c410f0e0d0c0b0a090807060504000000001920194cd2711010101cd9ab0cf0000018bcf \
         e73cc092cf111122223333444407",
    ),
    ("standing held", "970701c4100000000000000000000000000000000192020600cf0000018bcfe56800c0"),
    (
        "far apart held",
        "970702c410ffffffffffffffffffffffffffffffff920194ceffffffffd3ffffffff0000000128d0dfcfff \
         ffffffffffffffcfffffffffffffffffc0",
    ),
    ("released", "9208cd012c"),
    ("expired", "920994017fcc80ce00011170"),
    ("ordered", "950a09cf0000018bcfe56800c40301020392cf111122223333444407"),
    ("cancelled", "921209"),
    ("checked in", "9614091fa56e6f727468cf0000018bcfe5680008"),
    ("checked in without a name", "96140900a56e6f727468cf0000018bcfe56800c0"),
    ("payment started", "950b09a57061792d31cf0000018bcfe5680092cf111122223333444407"),
    ("payment joined", "930c0992cf111122223333444407"),
    ("payment failed", "930d09a57061792d31"),
    ("paid", "950e09a57061792d31cd232892c40a000000015a5a5a5a5a5ac40a000000025a5a5a5a5a5a"),
    ("paid in cash", "950e09c00091c40a000000035a5a5a5a5a5a"),
    ("wrong amount", "950f09a57061792d310501"),
    ("surplus", "950f09a57061792d310502"),
    ("after cancelling", "950f09a57061792d310503"),
    ("too late", "950f09a57061792d310504"),
    ("after taking back", "950f09a57061792d310505"),
    ("for no order", "950f09a57061792d310506"),
    ("payment noted", "951009a57061792d3105c3"),
    ("refunded", "931109a57061792d31"),
    ("taken back", "931309aa4b72616e6b20f09f8ead"),
    (
        "terms set",
        "921697010208039902c2c3cf0000018bcfe56800cf0000018bd4aa1c00a345555208ce0001d4c092cd26ac \
         cd1194cd0271cd0258",
    ),
    (
        "closed terms set",
        "921697010208039903c2c3cf0000018bcfe56800cf0000018bd4aa1c00a345555208ce0001d4c092cd26ac \
         cd1194cd0271cd0258",
    ),
    ("lent", "9417030128"),
    ("received", "9418040232"),
    ("loan settled", "93190301"),
    ("withdrawn", "921acdea60"),
];

const HOUSE: &str = "";

const SEGMENT: &str = "";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory takes whatever is written");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |place| u8::from_str_radix(&text[place..place + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn events_are_written_and_read_as_they_always_were() {
    let plans = Plans(Some(samples::plan(2)));
    let events = samples::events();
    assert_eq!(events.len(), EVENTS.len(), "one line for each sample");
    for ((name, event), (golden_name, golden)) in events.into_iter().zip(EVENTS) {
        assert_eq!(name, *golden_name);
        let mut payload = Vec::new();
        let events = [event];
        encode_record(InventoryId::house(SHOW), NOW, &events, &mut payload);
        assert_eq!(hex(&payload), format!("{HEADER}{golden}"), "{name}");
        let bytes = unhex(&format!("{HEADER}{golden}"));
        let decoded = decode_record(&bytes, &plans).expect(name);
        assert_eq!(format!("{:?}", decoded.events), format!("{events:?}"), "{name}");
    }
}

/// Asks the decoder which tags it knows, so that no variant is forgotten above.
#[test]
fn every_tag_has_a_golden_line() {
    let plans = Plans(Some(samples::plan(2)));
    for tag in 0..=u8::MAX {
        let mut bytes = unhex(HEADER);
        bytes.extend([0x91, 0xcc, tag]);
        let refused = decode_record(&bytes, &plans);
        let is_known = !matches!(refused, Err(CodecError::UnknownTag { of: "Event", .. }));
        let is_listed = EVENTS.iter().any(|(_, golden)| unhex(golden)[1] == tag);
        assert_eq!(is_known, is_listed, "tag {tag}");
    }
}

fn check_image(name: &str, image: &Image, golden: &str) {
    let mut bytes = Vec::new();
    encode_image(image, &mut bytes);
    assert_eq!(hex(&bytes), golden, "{name}");
    let decoded = decode_image(&unhex(golden), &Plans(Some(samples::plan(2)))).expect(name);
    assert_eq!(format!("{decoded:?}"), format!("{image:?}"), "{name}");
}

#[test]
fn images_are_written_and_read_as_they_always_were() {
    check_image("house", &house(), HOUSE);
    check_image("segment", &segment(), SEGMENT);
}

/// An image with each status of holds, orders and payments; not one that could be.
fn house() -> Image {
    let show = ShowRecord {
        details: samples::details(),
        pools: vec![Pool {
            name: "standing".to_owned(),
            price: Cents(3_000),
            quantity: 5_000,
            on_sale: 4_000,
            segments: 8,
        }],
        terms_version: 3,
        schedule: vec![Scheduled { at: NOW, what: OnSale::Everything }],
        batched: true,
    };
    let hold_statuses =
        [HoldStatus::Active, HoldStatus::Confirmed, HoldStatus::Released, HoldStatus::Expired];
    let order_statuses = [
        OrderStatus::PendingPay,
        OrderStatus::Paying,
        OrderStatus::Ticketed,
        OrderStatus::Cancelled,
        OrderStatus::Expired,
        OrderStatus::RefundPending,
        OrderStatus::Refunded,
    ];
    let ended = hold_statuses.map(|status| hold(status, None));
    let ordered = order_statuses.map(|status| hold(HoldStatus::Confirmed, Some(order(status))));
    Image {
        id: InventoryId::house(SHOW),
        version: 300,
        last_at: NOW,
        terms: Some(samples::terms()),
        show: Some(show),
        goods: GoodsImage::Seats {
            plan: samples::plan(2),
            blocked: vec![SeatRange { first: SeatIx(30), count: 10 }],
        },
        next_hold: HoldNo(12),
        holds: (1..).map(HoldNo).zip(ended.into_iter().chain(ordered)).collect(),
        keys: vec![(
            samples::buyer(1),
            vec![
                KeyEntry { used: KEY, hold: HoldNo(1), payment: None, expires_at: NOW },
                KeyEntry { used: KEY, hold: HoldNo(5), payment: Some(1), expires_at: NOW },
            ],
        )],
        ended: vec![(NOW, HoldNo(3))],
        strays: vec![payment(PaymentStatus::RefundDue(RefundCause::NoOrder))],
    }
}

fn hold(status: HoldStatus, order: Option<Box<Order>>) -> Hold {
    Hold {
        buyer: samples::buyer(1),
        claim: Claim::Seats([5, 6].map(SeatIx).into()),
        total: Cents(9_000),
        placed_at: NOW,
        ends_at: NOW,
        status,
        order,
    }
}

/// An order with little in it, unless it is ticketed.
fn order(status: OrderStatus) -> Box<Order> {
    let payments = [
        PaymentStatus::Started,
        PaymentStatus::Failed,
        PaymentStatus::Captured,
        PaymentStatus::RefundDue(RefundCause::TooLate),
        PaymentStatus::Refunded(RefundCause::TooLate),
    ];
    let scan = |name| Some(Box::new(Scan { at: NOW, gate: "north".into(), name }));
    let scans = [None, scan(None), scan(Some(8))];
    let is_ticketed = status == OrderStatus::Ticketed;
    let tickets = scans.map(|scan| Ticket { nonce: samples::nonce(1), scan });
    Box::new(Order {
        status,
        placed_at: NOW,
        pay_by: NOW,
        extended: is_ticketed,
        contact: [1, 2, 3].into(),
        payments: payments.map(payment).into_iter().filter(|_| is_ticketed).collect(),
        tickets: tickets.into_iter().filter(|_| is_ticketed).collect(),
        ticketed_at: is_ticketed.then_some(NOW),
        taken_back: is_ticketed.then(|| "ill".into()),
    })
}

fn payment(status: PaymentStatus) -> Payment {
    Payment { reference: "pay-1".into(), amount: Cents(5), status }
}

fn segment() -> Image {
    let segment = Segment {
        pool: 1,
        segment: 2,
        segments: 8,
        terms_version: 3,
        base: 4,
        on_sale: 5,
        available: 6,
        held: 7,
        sold: 8,
        blocked: 9,
        lent: 10,
        received: 11,
        withdrawn: 12,
        gains: 13,
        open_loans: [((3, 1), 40), ((3, 2), 50)].into(),
        loans_made: [(3, 2), (4, 7)].into(),
        loans_taken: [(5, 300)].into(),
    };
    Image {
        id: InventoryId::segment(SHOW, 1, 2),
        version: 0,
        last_at: NOW,
        terms: None,
        show: None,
        goods: GoodsImage::Stock(segment),
        next_hold: HoldNo(1),
        holds: vec![],
        keys: vec![],
        ended: vec![],
        strays: vec![],
    }
}
