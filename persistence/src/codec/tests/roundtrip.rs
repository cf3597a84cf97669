//! What was written is what is read, and a replay from disk is the sale as it was.

use std::fmt::Debug;

use usher_engine::{Event, Inventory, Machine, MachineId, MachineImage};

use super::samples::{self, NOW, SHOW, Sale};
use super::{PlanSource, Plans};
use crate::codec::{
    CodecError, decode_header, decode_image, decode_record, encode_image, encode_record,
};

/// What can be seen of a value; events have no equality.
fn seen(value: &impl Debug) -> String {
    format!("{value:?}")
}

#[test]
fn every_event_comes_back() {
    let plans = Plans(Some(samples::plan(2)));
    for (name, event) in samples::events() {
        let id = MachineId::segment(SHOW, 31, 63);
        let mut payload = b"kept".to_vec();
        encode_record(id, NOW, std::slice::from_ref(&event), &mut payload);
        let record = payload.strip_prefix(b"kept").expect("what stood before is kept");
        let decoded = decode_record(record, &plans).expect(name);
        assert_eq!((decoded.id, decoded.at), (id, NOW), "{name}");
        assert_eq!(seen(&decoded.events), seen(&[event]), "{name}");
        assert_eq!(decode_header(record).expect(name), (id, NOW), "{name}");
    }
}

#[test]
fn a_record_of_many_events_comes_back() {
    let events: Vec<Event> = samples::events().into_iter().map(|(_, event)| event).collect();
    let mut payload = Vec::new();
    encode_record(MachineId::STRAYS, NOW, &events, &mut payload);
    let decoded = decode_record(&payload, &Plans(Some(samples::plan(2)))).expect("a record");
    assert_eq!(seen(&decoded.events), seen(&events));
    assert_eq!(decoded.id, MachineId::STRAYS);
}

#[test]
fn a_missing_plan_is_named() {
    let sale = samples::house();
    let mut image = Vec::new();
    encode_image(&MachineImage::Inventory(sale.inventory.image()), &mut image);
    let nothing = Plans(None);
    let of_record = decode_record(&sale.records[0], &nothing).expect_err("no plan");
    let of_image = decode_image(&image, &nothing).expect_err("no plan");
    for error in [of_record, of_image] {
        assert!(matches!(error, CodecError::UnknownPlan(id) if id.0 == [0xab; 16]), "{error:?}");
        assert!(error.to_string().contains(&"ab".repeat(16)), "{error}");
    }
}

/// Replays a sale from its records, and once more from its image taken half-way.
fn check_replay(sale: &Sale, plans: &dyn PlanSource) {
    let mut replayed = Inventory::vacant(sale.inventory.id());
    for (number, record) in sale.records.iter().enumerate() {
        if number == sale.records.len() / 2 {
            replayed = through_disk(&replayed, plans);
        }
        let decoded = decode_record(record, plans).expect("a record of ours");
        assert_eq!(decoded.id, replayed.id());
        replayed.apply(&decoded.events, decoded.at);
    }
    replayed.assert_conserved();
    assert_eq!(seen(&replayed.image()), seen(&sale.inventory.image()));
    let again = through_disk(&replayed, plans);
    assert_eq!(seen(&again.image()), seen(&sale.inventory.image()));
}

fn through_disk(inventory: &Inventory, plans: &dyn PlanSource) -> Inventory {
    let mut bytes = Vec::new();
    encode_image(&MachineImage::Inventory(inventory.image()), &mut bytes);
    let image = decode_image(&bytes, plans).expect("an image of ours");
    let machine = Machine::from_image(image).expect("an image of a machine");
    machine.as_inventory().expect("it was an inventory").clone()
}

#[test]
fn a_replayed_house_is_the_house() {
    check_replay(&samples::house(), &Plans(Some(samples::plan(50))));
}

#[test]
fn a_replayed_segment_is_the_segment() {
    check_replay(&samples::segment(), &Plans(None));
}

#[test]
fn the_samples_reach_everything_that_an_image_can_hold() {
    let shown = seen(&[samples::house().inventory.image(), samples::segment().inventory.image()]);
    let names = [
        "Active",
        "Confirmed",
        "Released",
        "PendingPay",
        "Paying",
        "Ticketed",
        "Cancelled",
        "RefundPending",
        "RefundDue",
        "Failed",
        "Started",
        "Captured",
        "Scan {",
        "Scheduled {",
        "strays: [Payment",
        "taken_back: Some",
        "open_loans: {(",
        "loans_taken: {6",
        "KeyEntry",
    ];
    for name in names {
        assert!(shown.contains(name), "no {name} in the samples");
    }
}
