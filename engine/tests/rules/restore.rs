//! Images: what was taken from an inventory makes an equal one; what contradicts itself makes none.
//! The round trip after every command of every table, and after random runs, is in `common`.

use std::sync::Arc;

use usher_engine::inventory::image::{GoodsImage, Image, ImageError};
use usher_engine::inventory::{Claim, Goods, HoldStatus};
use usher_engine::plan::SeatIx;
use usher_engine::show::SeatRange;
use usher_engine::{Effect, HoldNo, Inventory, MachineId, ShowKey};

use crate::common::{Setting, Stage};

/// One hold in each state, and something in each other part of an image.
const EVERYTHING: &str = "
    on sale A1 A2 A3 A4 A5 A6 B1 B2
    on sale C1 at 5000
    open
    ann holds A1 key k
    ben holds A2
    ben orders 2 key k
    cid holds A3
    cid orders 3
    pay 3 as p1 key k
    dan holds A4
    dan orders 4
    success p2 of 4 50.00
    enter 4/0 gate north scan 7
    eve holds A5
    release 5
    eve holds A5
    eve orders 6
    cancel 6
    success p3 of 6 50.00
    counter fay A6
    take back 7
    success p4 of 99 12.00
    gil holds B1 for 60
    @60 expire 8
    s0: hal holds 2 standing key k
    s0: counter hal 1 standing
    s0: lend 1 to 1
    pause operator
";

fn everything() -> Stage {
    let mut stage = Stage::new(&Setting { open: false, ..Setting::default() });
    stage.play("on sale 10 standing");
    for line in EVERYTHING.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let got = stage.play(line);
        assert!(!got.starts_with("no:"), "{line}: {got}");
    }
    stage
}

#[test]
fn nothing_that_matters_is_derived_wrongly() {
    let mut stage = everything();
    for inventory in std::iter::once(&mut stage.house).chain(&mut stage.segments) {
        let before = inventory.live.clone();
        let after = Inventory::from_image(before.image()).expect("an image of our own");
        assert_eq!(before.version(), after.version());
        assert_eq!(before.last_at(), after.last_at());
        assert_eq!(before.terms(), after.terms());
        assert_eq!(before.show(), after.show());
        assert_eq!(before.strays(), after.strays());
        let sorted = |inventory: &Inventory| {
            let mut holds: Vec<_> = inventory.holds().map(|(no, h)| (no, h.into_owned())).collect();
            holds.sort_unstable_by_key(|(no, _)| *no);
            holds
        };
        assert_eq!(sorted(&before), sorted(&after));
        match (before.goods(), after.goods()) {
            // Equal in all their summaries too, not only in what they say of each seat.
            (Goods::Seats(before), Goods::Seats(after)) => assert_eq!(before, after),
            (Goods::Stock(before), Goods::Stock(after)) => assert_eq!(before, after),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_part_of_an_image_is_there() {
    let stage = everything();
    let image = stage.house.live.image();
    assert_eq!(image.next_hold, HoldNo(9));
    assert_eq!(image.holds.len(), 8);
    assert!(image.holds.is_sorted_by_key(|(no, _)| *no));
    assert_eq!(image.keys.len(), 3);
    assert!(image.keys.is_sorted_by_key(|(buyer, _)| *buyer));
    assert_eq!(image.ended.len(), 2);
    assert_eq!(image.strays.len(), 1);
    assert_eq!(image.show.as_ref().map(|show| show.schedule.len()), Some(1));
    let GoodsImage::Seats { blocked, .. } = &image.goods else { panic!("{:?}", image.goods) };
    assert_eq!(blocked.len(), 1, "B3 to C4 in one range");
    assert_eq!((blocked[0].first, blocked[0].count), (SeatIx(8), 8));
}

#[test]
fn an_image_of_nothing_is_nothing() {
    let vacant = Inventory::vacant(MachineId::house(ShowKey(3)));
    let restored = Inventory::from_image(vacant.image()).expect("an image of our own");
    assert_eq!(restored.image(), vacant.image());
    assert_eq!(restored.version(), 0);
    assert!(matches!(restored.goods(), Goods::Nothing));
}

#[test]
fn an_image_that_contradicts_itself_makes_no_inventory() {
    let stage = everything();
    let house = stage.house.live.image();
    let segment = stage.segments[0].live.image();
    type Row<'a> = (&'a str, &'a Image, fn(&mut Image), ImageError);
    let rows: [Row<'_>; 16] = [
        (
            "a seat of no plan",
            &house,
            |image| claim_of(image, 1, &[16]),
            ImageError::UnknownSeat(HoldNo(1)),
        ),
        (
            "a seat of another hold",
            &house,
            |image| claim_of(image, 2, &[0]),
            ImageError::SeatOwnedTwice(SeatIx(0)),
        ),
        (
            "a seat of a ticketed order",
            &house,
            |image| claim_of(image, 1, &[3]),
            ImageError::SeatOwnedTwice(SeatIx(3)),
        ),
        (
            "a seat twice in one hold",
            &house,
            |image| claim_of(image, 1, &[0, 0]),
            ImageError::SeatOwnedTwice(SeatIx(0)),
        ),
        (
            "a seat that is not on sale",
            &house,
            |image| claim_of(image, 1, &[12]),
            ImageError::SeatOwnedTwice(SeatIx(12)),
        ),
        (
            "a hold that is still to come",
            &house,
            |image| image.holds[0].0 = image.next_hold,
            ImageError::UnknownNumber(HoldNo(9)),
        ),
        (
            "a hold before the first",
            &house,
            |image| image.holds[0].0 = HoldNo(0),
            ImageError::UnknownNumber(HoldNo(0)),
        ),
        (
            "stock where there are seats",
            &house,
            |image| image.holds[0].1.claim = Claim::Stock(1),
            ImageError::WrongKind(HoldNo(1)),
        ),
        (
            "seats where there is stock",
            &segment,
            |image| claim_of(image, 1, &[1]),
            ImageError::WrongKind(HoldNo(1)),
        ),
        (
            "a hold that the counters do not know of",
            &segment,
            |image| image.holds[0].1.claim = Claim::Stock(1),
            ImageError::StockDisagrees,
        ),
        (
            "a ticket from nowhere",
            &segment,
            |image| {
                if let GoodsImage::Stock(segment) = &mut image.goods {
                    segment.available += 1;
                }
            },
            ImageError::StockDisagrees,
        ),
        (
            "more tickets than can be counted",
            &segment,
            |image| {
                if let GoodsImage::Stock(segment) = &mut image.goods {
                    segment.lent = u64::MAX;
                    segment.received = u64::MAX;
                }
            },
            ImageError::StockDisagrees,
        ),
        (
            "more tickets in one hold than can be counted",
            &segment,
            |image| {
                let hold = image.holds[0].1.clone();
                image.holds = vec![(HoldNo(1), hold.clone()), (HoldNo(2), hold)];
                for (_, hold) in &mut image.holds {
                    hold.status = HoldStatus::Active;
                    hold.order = None;
                    hold.claim = Claim::Stock(u32::MAX);
                }
            },
            ImageError::TooManyUnits(HoldNo(2)),
        ),
        (
            "a range behind the plan",
            &house,
            |image| ranges_of(image, &[(8, 9)]),
            ImageError::BadRanges,
        ),
        (
            "a range without an end",
            &house,
            |image| ranges_of(image, &[(8, u32::MAX)]),
            ImageError::BadRanges,
        ),
        (
            "ranges that overlap",
            &house,
            |image| ranges_of(image, &[(8, 4), (11, 5)]),
            ImageError::BadRanges,
        ),
    ];
    for (name, image, spoil, expected) in rows {
        let mut image = image.clone();
        assert!(Inventory::from_image(image.clone()).is_ok(), "{name}");
        spoil(&mut image);
        let got = Inventory::from_image(image).err();
        assert_eq!(got, Some(expected), "{name}");
    }
}

/// A claim of a hold that ended is kept, but owns nothing, so it may overlap.
#[test]
fn holds_that_ended_own_nothing() {
    let mut image = everything().house.live.image();
    claim_of(&mut image, 5, &[0]);
    let inventory = Inventory::from_image(image).expect("an ended hold owns nothing");
    inventory.assert_conserved();
}

/// The plan is shared, not copied: a hall of a hundred thousand seats is large.
#[test]
fn the_plan_is_shared() {
    let stage = everything();
    let restored = Inventory::from_image(stage.house.live.image()).expect("an image of our own");
    let Goods::Seats(map) = restored.goods() else { panic!("seats") };
    assert!(Arc::ptr_eq(map.plan(), &stage.plan));
}

fn claim_of(image: &mut Image, no: u32, seats: &[u32]) {
    let hold = image.holds.iter_mut().find(|(hold, _)| hold.0 == no);
    let (_, hold) = hold.expect("there is such a hold");
    hold.claim = Claim::Seats(seats.iter().copied().map(SeatIx).collect());
}

#[test]
fn an_inventory_knows_when_it_last_heard_and_what_it_has_still_to_do() {
    let stage = everything();
    let segment = &stage.segments[0].live;
    assert_eq!(segment.last_at(), stage.now);
    let in_transit: Vec<u64> =
        stage.segments.iter().map(|segment| segment.live.audit().in_transit).collect();
    assert_eq!(in_transit, [1, 0]);
    assert!(matches!(
        segment.unfinished()[..],
        [Effect::SendLoan { borrower: 1, quantity: 1, .. }]
    ));

    let unfinished = stage.house.live.unfinished();
    assert_eq!(unfinished.first(), Some(&Effect::TellSegments));
    let refunds = unfinished.iter().filter(|effect| matches!(effect, Effect::Refund { .. }));
    assert_eq!(refunds.count(), 2, "of a cancelled order, and of none: {unfinished:?}");
    assert_eq!(Inventory::vacant(stage.house.live.id()).unfinished(), []);
}

fn ranges_of(image: &mut Image, ranges: &[(u32, u32)]) {
    let GoodsImage::Seats { blocked, .. } = &mut image.goods else { panic!("{:?}", image.goods) };
    let ranges = ranges.iter();
    *blocked = ranges.map(|&(first, count)| SeatRange { first: SeatIx(first), count }).collect();
}
