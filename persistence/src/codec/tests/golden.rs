//! Every event as bytes, and two images. A line that changes is a format that changes: then the
//! payload version must change too, and journals of the version before must still be read.

use usher_engine::inventory::image::{GoodsImage, Image};
use usher_engine::inventory::{
    Claim, Hold, HoldStatus, KeyEntry, Lapses, Order, OrderStatus, Payment, PaymentStatus,
    RefundCause, Scan, Ticket,
};
use usher_engine::plan::SeatIx;
use usher_engine::room::PassNo;
use usher_engine::show::{OnSale, Pool, Scheduled, SeatRange, ShowRecord};
use usher_engine::stock::Segment;
use usher_engine::{Cents, Event, HoldNo, MachineId, MachineImage};

use super::samples::{self, KEY, NOW, SHOW};
use super::{Plans, hex, unhex};
use crate::codec::{CodecError, decode_image, decode_record, encode_image, encode_record};

/// `name: bytes`, a line for each sample and then for the images.
const GOLDEN: &str = include_str!("golden.txt");

fn golden() -> impl Iterator<Item = (&'static str, &'static str)> {
    GOLDEN.lines().map(|line| line.split_once(": ").expect("a name and bytes"))
}

#[test]
fn events_are_written_and_read_as_they_always_were() {
    let plans = Plans(Some(samples::plan(2)));
    let samples = samples::events();
    assert_eq!(samples.len() + 3, golden().count(), "one line for each sample");
    for ((name, event), (golden_name, golden)) in samples.into_iter().zip(golden()) {
        assert_eq!(name, golden_name);
        let events = [event];
        let mut payload = Vec::new();
        encode_record(MachineId::house(SHOW), NOW, &events, &mut payload);
        assert_eq!(hex(&payload), golden, "{name}");
        let decoded = decode_record(&unhex(golden), &plans).expect(name);
        assert_eq!(format!("{:?}", decoded.events), format!("{events:?}"), "{name}");
    }
}

/// What belongs into `golden.txt` where a new payload version gives all of it another form, or for
/// a new sample: `cargo test -p usher-persistence --lib written_anew -- --ignored --nocapture`.
#[test]
#[ignore = "prints"]
fn written_anew() {
    let mut bytes = Vec::new();
    for (name, event) in samples::events() {
        bytes.clear();
        encode_record(MachineId::house(SHOW), NOW, &[event], &mut bytes);
        println!("{name}: {}", hex(&bytes));
    }
    for (name, image) in images() {
        bytes.clear();
        encode_image(&image, &mut bytes);
        println!("{name}: {}", hex(&bytes));
    }
}

/// Asks the decoder which tags it knows, so that no variant is forgotten in the table.
#[test]
fn every_tag_has_a_golden_line() {
    let mut header = Vec::new();
    encode_record(MachineId::house(SHOW), NOW, &[Event::Withdrawn { quantity: 1 }], &mut header);
    header.truncate(header.len() - 5);
    for tag in 0..=u8::MAX {
        let refused = decode_record(&[&header[..], &[tag]].concat(), &Plans(None));
        let is_known = !matches!(refused, Err(CodecError::UnknownTag { of: "Event", .. }));
        let tag_text = format!("{tag:02x}");
        let is_listed = golden().any(|(_, golden)| {
            let event = golden.strip_prefix(&*hex(&header));
            event.is_some_and(|event| event[..2] == tag_text)
        });
        assert_eq!(is_known, is_listed, "tag {tag}");
    }
}

#[test]
fn images_are_written_and_read_as_they_always_were() {
    for (name, image) in images() {
        let (_, golden) = golden().find(|(golden_name, _)| *golden_name == name).expect(name);
        let mut bytes = Vec::new();
        encode_image(&image, &mut bytes);
        assert_eq!(hex(&bytes), golden, "{name}");
        let decoded = decode_image(&unhex(golden), &Plans(Some(samples::plan(2)))).expect(name);
        assert_eq!(format!("{decoded:?}"), format!("{image:?}"), "{name}");
    }
}

fn images() -> [(&'static str, MachineImage); 3] {
    [
        ("house", MachineImage::Inventory(house())),
        ("segment", MachineImage::Inventory(segment())),
        ("room", MachineImage::Room(samples::rooms::image())),
    ]
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
        id: MachineId::house(SHOW),
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
            ]
            .into(),
        )],
        ended: vec![(NOW, HoldNo(3))],
        strays: vec![payment(PaymentStatus::RefundDue(RefundCause::NoOrder))],
        used_passes: vec![(NOW, PassNo(7))],
        documents: vec![(HoldNo(5), samples::documents())],
        lapses: vec![(samples::buyer(1), Lapses { count: 3, last_at: NOW })],
        of_new: vec![HoldNo(1)],
    }
}

fn hold(status: HoldStatus, order: Option<Box<Order>>) -> Hold {
    Hold {
        buyer: samples::buyer(1),
        claim: Claim::Seats([5, 6].into_iter().map(SeatIx).collect()),
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
        id: MachineId::segment(SHOW, 1, 2),
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
        used_passes: vec![],
        documents: vec![],
        lapses: vec![],
        of_new: vec![],
    }
}

/// What people read about the format must be the format.
#[test]
fn the_page_lists_every_event_under_its_tag() {
    let page = include_str!("../../../../docs/JOURNAL_FORMAT.md");
    for (name, event) in samples::events() {
        let mut payload = Vec::new();
        let none: &[Event] = &[];
        encode_record(MachineId::house(SHOW), NOW, none, &mut payload);
        let event_at = payload.len();
        payload.clear();
        let shown = format!("{event:?}");
        encode_record(MachineId::house(SHOW), NOW, &[event], &mut payload);
        let variant = shown.split([' ', '(']).next().expect("a name");
        let line = format!("| {} | `{variant}` |", payload[event_at]);
        assert!(page.contains(&line), "no line for {name}: {line}");
    }
}
