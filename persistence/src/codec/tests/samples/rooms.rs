//! What happens in waiting rooms, and one with a past.

use usher_engine::id::PlaceNo;
use usher_engine::room::{
    DrawRecord, EndCause, EntryId, Lane, LaneSetup, PassGoods, PassNo, Place, PlaceState,
    RoomEvent, RoomImage, Setup, Stage, Tally,
};
use usher_engine::{Event, MachineId};

use super::{NOW, SHOW, buyer};

pub(super) fn events() -> Vec<(&'static str, Event)> {
    let (place, entry) = (PlaceNo(70_000), EntryId(buyer(1).0));
    let setup = setup();
    let events = vec![
        ("room joined", RoomEvent::Joined { place, entry, lane: 1 }),
        ("room rejoined", RoomEvent::Rejoined { place, lane: 0 }),
        ("room called", RoomEvent::Called { places: vec![PlaceNo(1), place], claim_by: NOW }),
        (
            "room claimed",
            RoomEvent::Claimed { place, pass: PassNo(3), goods: PassGoods(2), expires_at: NOW },
        ),
        ("room lapsed", RoomEvent::Lapsed { places: vec![place, PlaceNo(2)] }),
        ("room pass used", RoomEvent::PassUsed { place }),
        ("room left", RoomEvent::Left { place }),
        ("room expelled", RoomEvent::Expelled { place }),
        (
            "room made",
            RoomEvent::Configured { setup: Box::new(setup.clone()), seed: Some([0x5e; 32]) },
        ),
        ("room changed", RoomEvent::Configured { setup: Box::new(setup), seed: None }),
        ("room pre-queue opened", RoomEvent::PreQueueOpened),
        ("room list closed", RoomEvent::ListClosed { list_hash: [0x11; 32] }),
        ("room draw began", RoomEvent::DrawBegan { public_value: "47 11 08 15".into() }),
        ("room ranked", RoomEvent::Ranked { entries: 4_096 }),
        ("room sorted", RoomEvent::Sorted { buckets: 16 }),
        ("room paused", RoomEvent::Paused),
        ("room resumed", RoomEvent::Resumed),
        ("room drained", RoomEvent::Drained),
        ("room reopened", RoomEvent::Reopened),
        ("room flow set", RoomEvent::FlowSet { outflow_per_second: 40, shopping_max: 300 }),
    ];
    events.into_iter().map(|(name, event)| (name, Event::Room(event))).collect()
}

fn setup() -> Setup {
    Setup {
        pre_queue_at: NOW,
        opens_at: NOW.plus_ms(600_000),
        lanes: vec![
            LaneSetup { name: "all".into(), weight: 1, members_only: false },
            LaneSetup { name: "club".into(), weight: 3, members_only: true },
        ],
        claim_ms: 60_000,
        pass_ms: 150_000,
        outflow_per_second: 50,
        shopping_max: 500,
        draw_source: "the lottery of that day".into(),
    }
}

/// A room with a place of each kind, in the middle of its draw; not one that could be.
pub(in crate::codec::tests) fn image() -> RoomImage {
    let states = [
        PlaceState::Entered,
        PlaceState::Waiting,
        PlaceState::Called { claim_by: NOW },
        PlaceState::Returning,
        PlaceState::Passed { pass: PassNo(3), goods: PassGoods(2), expires_at: NOW },
        PlaceState::Ended(EndCause::Used),
        PlaceState::Ended(EndCause::Lapsed),
        PlaceState::Ended(EndCause::Missed),
        PlaceState::Ended(EndCause::Left),
        PlaceState::Ended(EndCause::Expelled),
    ];
    let place = |(no, state)| {
        let entry = EntryId(buyer(no).0);
        Place { entry, lane: 1, misses: 2, turn: 70_000, state }
    };
    let lane = Lane {
        index: 1,
        next_turn: 5,
        order: [PlaceNo(1), PlaceNo(2)].into(),
        returning: [PlaceNo(3)].into(),
        late: vec![PlaceNo(4)],
        listed: 6,
        block: 7,
        tag: 720_720,
    };
    RoomImage {
        id: MachineId::room(SHOW),
        version: 300,
        last_at: NOW,
        setup: Some(Box::new(setup())),
        stage: Stage::Selling,
        is_paused: true,
        places: (1..).zip(states).map(place).collect(),
        listed: 9,
        draw: DrawRecord {
            seed: [0x5e; 32],
            list_hash: Some([0x11; 32]),
            public_value: Some("47 11".into()),
            order_hash: None,
        },
        drawing: Some((9, 0)),
        lanes: vec![Lane::default(), lane],
        served_tag: 240_240,
        next_pass: PassNo(4),
        tally: Tally { called: 1, passes: 2, used: 3, lapsed: 4, missed: 5, left: 6, expelled: 7 },
    }
}
