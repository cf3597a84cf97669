//! An inventory laid open, for snapshots: all that cannot be derived, in a defined order.
//!
//! The image owns its parts and says nothing about a format; `persistence` mirrors it on disk.

use super::{Claim, Goods, Hold, Inventory, Keys, Lapses, Payment};
use crate::id::{BuyerId, DocumentHash, HoldNo, MachineId};
use crate::plan::{SeatIx, SeatPlan};
use crate::planted::planted;
use crate::room::PassNo;
use crate::seats::{SeatMap, SeatStatus};
use crate::show::{SeatRange, ShowRecord, Terms};
use crate::stock::Segment;
use crate::time::Timestamp;
use std::sync::Arc;

/// Everything about an inventory that a replay would otherwise have to rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Which inventory.
    pub id: MachineId,
    /// Records applied.
    pub version: u64,
    /// Time of the last one.
    pub last_at: Timestamp,
    /// How it sells.
    pub terms: Option<Terms>,
    /// The house's own record.
    pub show: Option<ShowRecord>,
    /// Its goods.
    pub goods: GoodsImage,
    /// Number of the next hold.
    pub next_hold: HoldNo,
    /// Holds and orders by number.
    pub holds: Vec<(HoldNo, Hold)>,
    /// Idempotency keys by buyer. What a buyer has is derived from the holds.
    pub keys: Vec<(BuyerId, Keys)>,
    /// Ended holds in the order of their end.
    pub ended: Vec<(Timestamp, HoldNo)>,
    /// Money without an order.
    pub strays: Vec<Payment>,
    /// Passes that were used and have not run out yet, by their end.
    pub used_passes: Vec<(Timestamp, PassNo)>,
    /// What orders named, by number. The units of each document are derived from the orders.
    pub documents: Vec<(HoldNo, Vec<DocumentHash>)>,
    /// Buyers whose holds ran out unpaid, where the show has a rule about that.
    pub lapses: Vec<(BuyerId, Lapses)>,
    /// Active holds and unpaid orders of new accounts, where the show has a rule about those.
    pub of_new: Vec<HoldNo>,
}

/// Goods without what holds say about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoodsImage {
    /// Nothing.
    Nothing,
    /// A plan, and which of its seats are not yet on sale.
    Seats {
        /// The plan.
        plan: Arc<SeatPlan>,
        /// Seats that are `BLOCKED`.
        blocked: Vec<SeatRange>,
    },
    /// A stock segment as it is.
    Stock(Segment),
}

/// Why an image makes no inventory: it was not taken from one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// A seat that the plan does not have.
    #[error("hold {} names a seat that the plan does not have", .0.0)]
    UnknownSeat(HoldNo),
    /// Two holds own the same seat.
    #[error("seat {} is owned twice", .0.0)]
    SeatOwnedTwice(SeatIx),
    /// The counters of a stock segment and its holds do not say the same.
    #[error("the counters of the stock do not agree with its holds")]
    StockDisagrees,
    /// Ranges of blocked seats that the plan does not have, or that overlap.
    #[error("the ranges of blocked seats are not those of the plan, in order")]
    BadRanges,
    /// More seats or tickets than can be counted.
    #[error("with hold {} there are more seats or tickets than can be", .0.0)]
    TooManyUnits(HoldNo),
    /// A number that was never given out.
    #[error("hold {} has a number that was never given out", .0.0)]
    UnknownNumber(HoldNo),
    /// Documents of what is no order, or not one for each of its units.
    #[error("the documents of order {} are not those of its units", .0.0)]
    BadDocuments(HoldNo),
    /// Of a waiting room.
    #[error("in the waiting room {0}")]
    BadRoom(&'static str),
    /// Of accounts.
    #[error("there are {0}")]
    BadAccounts(&'static str),
    /// What is remembered of hoarders fits neither the terms nor the holds.
    #[error("what is remembered of hoarders is not of this show")]
    BadHoarders,
    /// A claim that does not fit the goods.
    #[error("hold {} claims what is not sold here", .0.0)]
    WrongKind(HoldNo),
}

impl Inventory {
    /// Takes the image of this inventory; equal inventories have equal images.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut holds: Vec<_> =
            self.holds.iter().map(|(no, hold)| (no, hold.into_owned())).collect();
        if planted("snapshot-forgets-held-seats") {
            holds.retain(|(_, hold)| !(hold.keeps_units() && self.id.is_house()));
        }
        let with_keys = self.buyers.iter().filter(|(_, buyer)| !buyer.keys.is_empty());
        let mut keys: Vec<_> = with_keys.map(|(id, buyer)| (*id, buyer.keys.clone())).collect();
        keys.sort_unstable_by_key(|(id, _)| *id);
        Image {
            id: self.id,
            version: self.version,
            last_at: self.last_at,
            terms: self.terms.clone(),
            show: self.show.as_deref().cloned(),
            goods: self.goods_image(),
            next_hold: self.next_hold,
            holds,
            keys,
            ended: self.ended.iter().copied().collect(),
            strays: self.strays.clone(),
            used_passes: self.used_passes.iter().copied().collect(),
            documents: self.documents_image(),
            lapses: self.hoarders.iter().flat_map(|hoarders| hoarders.lapses()).collect(),
            of_new: self.hoarders.iter().flat_map(|hoarders| hoarders.of_new()).collect(),
        }
    }

    fn goods_image(&self) -> GoodsImage {
        match &self.goods {
            Goods::Nothing => GoodsImage::Nothing,
            Goods::Stock(segment) => GoodsImage::Stock(segment.clone()),
            Goods::Seats(map) => {
                let seats = (0..map.plan().seat_count()).map(SeatIx);
                let blocked: Vec<_> =
                    seats.filter(|&seat| map.status(seat) == SeatStatus::Blocked).collect();
                GoodsImage::Seats { plan: map.plan().clone(), blocked: SeatRange::pack(&blocked) }
            }
        }
    }

    /// Rebuilds an inventory from its image.
    ///
    /// # Errors
    /// An image that contradicts itself is refused: better no start than a wrong one.
    pub fn from_image(image: Image) -> Result<Self, ImageError> {
        let mut inventory = Self::vacant(image.id);
        inventory.version = image.version;
        inventory.last_at = image.last_at;
        inventory.terms = image.terms;
        inventory.show = image.show.map(Box::new);
        inventory.next_hold = image.next_hold;
        inventory.ended = image.ended.into();
        if !planted("snapshot-forgets-strays") {
            inventory.strays = image.strays;
        }
        if !planted("snapshot-forgets-used-passes") {
            inventory.used_passes = image.used_passes.into_iter().collect();
        }
        inventory.goods = restore_goods(image.goods)?;
        for (id, keys) in image.keys {
            if planted("snapshot-forgets-keys") {
                break;
            }
            inventory.buyers.get_or_default(id).keys = keys;
        }
        for (no, hold) in image.holds {
            inventory.restore_hold(no, hold)?;
        }
        for (order, named) in &image.documents {
            if !inventory.restore_documents(*order, named) {
                return Err(ImageError::BadDocuments(*order));
            }
        }
        inventory.holds.shrink_to_fit();
        inventory.restore_hoarders(image.lapses, image.of_new)?;
        if let Goods::Stock(segment) = &inventory.goods {
            let of_holds = (inventory.units_held, inventory.units_sold);
            if (segment.held, segment.sold) != of_holds || !segment.is_conserved() {
                return Err(ImageError::StockDisagrees);
            }
        }
        Ok(inventory)
    }

    fn restore_hold(&mut self, no: HoldNo, hold: Hold) -> Result<(), ImageError> {
        if no.0 == 0 || no >= self.next_hold {
            return Err(ImageError::UnknownNumber(no));
        }
        let units = hold.claim.units();
        let (kept, sold) = (hold.keeps_units(), hold.is_sold());
        match (&hold.claim, &mut self.goods) {
            (Claim::Seats(seats), Goods::Seats(map)) => {
                if seats.iter().any(|seat| seat.0 >= map.plan().seat_count()) {
                    return Err(ImageError::UnknownSeat(no));
                }
                if kept || sold {
                    for (place, &seat) in seats.iter().enumerate() {
                        let twice = seats[..place].contains(&seat);
                        if twice || map.status(seat) != SeatStatus::Available {
                            return Err(ImageError::SeatOwnedTwice(seat));
                        }
                    }
                    map.hold(seats, no.0);
                }
                if sold {
                    map.sell(seats);
                }
            }
            // The segment's own counters are part of the image.
            (Claim::Stock(_), Goods::Stock(_)) => {}
            _ => return Err(ImageError::WrongKind(no)),
        }
        let more = |count: u32, is_so: bool| {
            count.checked_add(units * u32::from(is_so)).ok_or(ImageError::TooManyUnits(no))
        };
        self.units_held = more(self.units_held, kept)?;
        self.units_sold = more(self.units_sold, sold)?;
        if kept || sold {
            let buyer = self.buyers.get_or_default(hold.buyer);
            buyer.units = more(buyer.units, true)?;
            buyer.holds += u32::from(kept);
        }
        self.holds.insert(no, hold);
        self.holds.settle(no);
        Ok(())
    }
}

fn restore_goods(goods: GoodsImage) -> Result<Goods, ImageError> {
    match goods {
        GoodsImage::Nothing => Ok(Goods::Nothing),
        GoodsImage::Stock(segment) if planted("snapshot-forgets-loans-taken") => {
            Ok(Goods::Stock(Segment { loans_taken: Default::default(), ..segment }))
        }
        GoodsImage::Stock(segment) => Ok(Goods::Stock(segment)),
        GoodsImage::Seats { plan, blocked } => {
            let seat_count = plan.seat_count();
            let mut map = SeatMap::new(plan);
            let mut next = 0;
            let mut open = Vec::new();
            for range in blocked {
                let end = range.first.0.checked_add(range.count);
                let fits = |end: &u32| range.first.0 >= next && *end <= seat_count;
                let end = end.filter(fits).ok_or(ImageError::BadRanges)?;
                open.extend((next..range.first.0).map(SeatIx));
                next = end;
            }
            open.extend((next..seat_count).map(SeatIx));
            map.put_on_sale(&open);
            Ok(Goods::Seats(map))
        }
    }
}
