//! What an audit notices.

use super::*;
use usher_engine::show::{Pool, ShowDetails, Stage, Terms};
use usher_engine::{Cents, Currency, ShowKey, Timestamp};
use usher_shards::replica::Recounted;

const SHOW: ShowKey = ShowKey(7);

fn face() -> Face {
    let details = ShowDetails {
        public_id: "hamlet".into(),
        title: String::new(),
        description: String::new(),
        venue: String::new(),
        city: String::new(),
        category: String::new(),
        performers: Vec::new(),
        starts_at: Timestamp(0),
        document_verifier: String::new(),
    };
    let terms = Terms {
        stage: Stage::Open,
        paused_by_organiser: false,
        paused_by_operator: false,
        pass_required: false,
        hoarding: None,
        sale_starts_at: Timestamp(0),
        sale_ends_at: Timestamp(1),
        currency: Currency::new("EUR").expect("a code"),
        units_per_buyer_max: 1,
        units_per_document_max: 0,
        hold_ms: 1,
        prices: Vec::new(),
    };
    let pool =
        Pool { name: "Floor".into(), price: Cents(1), quantity: 10, on_sale: 10, segments: 2 };
    Face { details, terms, pools: vec![pool], terms_version: 1 }
}

/// Two segments, one of which lent 2 to the other; 1 of them has arrived.
struct Scene {
    compared: Compared,
    recount: ShowRecount,
}

fn scene() -> Scene {
    let donor =
        Audit { capacity: 5, available: 2, held: 1, lent: 2, in_transit: 2, ..Audit::default() };
    let borrower = Audit {
        capacity: 5,
        available: 2,
        sold: 4,
        received: 1,
        tickets_issued: 4,
        ..Audit::default()
    };
    let recount = ShowRecount { at_seq: 9, in_transit: 1, ..ShowRecount::default() };
    let mut scene = Scene { compared: Compared::new(), recount };
    for (segment, audit) in (0..).zip([donor, borrower]) {
        let inventory = MachineId::segment(SHOW, 0, segment);
        let counted = Counted { version: 3, audit: audit.clone() };
        scene.compared.insert(inventory, (counted, Some(audit.clone())));
        scene.recount.inventories.push(Recounted { inventory, version: 3, audit });
    }
    scene
}

#[track_caller]
fn check(change: impl FnOnce(&mut Scene), faults: &[&str]) {
    let mut scene = scene();
    change(&mut scene);
    let found = sum_up(&face(), &scene.compared, &scene.recount).faults;
    assert_eq!(found.len(), faults.len(), "{found:?}");
    for (found, expected) in found.iter().zip(faults) {
        assert!(found.contains(expected), "{found} does not say {expected}");
    }
}

fn owner(scene: &mut Scene, segment: u16) -> &mut (Counted, Option<Audit>) {
    let id = MachineId::segment(SHOW, 0, segment);
    scene.compared.get_mut(&id).expect("compared")
}

#[test]
fn what_adds_up_is_fine() {
    check(|_| {}, &[]);
    let Scene { compared, recount } = scene();
    let answer = sum_up(&face(), &compared, &recount);
    assert_eq!((answer.capacity, answer.available, answer.held), (10, 4, 1));
    assert_eq!((answer.sold, answer.in_transit, answer.tickets_issued), (4, 1, 4));
    assert_eq!((answer.live.in_transit, answer.live.capacity), (1, 10));
    assert_eq!(answer.at_sequence, 9);
}

#[test]
fn what_does_not_add_up_is_told() {
    check(|s| s.recount.in_transit = 2, &["11 seats and tickets are somewhere, 10 were given"]);
    check(|s| s.recount.faults.push("pool Floor: …".into()), &["pool Floor"]);
    check(|s| s.recount.inventories[1].audit.faults.push("odd".into()), &["Floor/1: odd"]);
    check(|s| owner(s, 0).0.audit.held = 7, &["Floor/0: its owner counts 7 held, the journal 1"]);
    check(
        |s| owner(s, 1).0.audit = Audit::default(),
        &["5 ", "2 available", "4 sold", "1 received", "4 tickets issued"]
            .map(|_| "Floor/1: its owner counts 0"),
    );
    check(|s| owner(s, 0).1 = None, &["Floor/0: could not be compared"]);
}
