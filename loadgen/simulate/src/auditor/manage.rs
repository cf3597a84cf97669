//! What organisers and operators may change, and what can be in force when somebody buys.
//!
//! The house obeys from the moment of the acknowledgement; the segments of its pools hear of it a
//! little later, so for them anything counts that was ever said.

use super::settings::Setting;
use super::{Asked, Wanted};
use super::{
    Auditor, BOX_OFFICE, Change, HOUSE, Open, Opening, Seen, SeenGoods, SeenHold, SeenSeat,
};

/// The terms of the sale as far as they can be known.
#[derive(Debug)]
pub(super) struct Sale {
    is_paused: Setting<bool>,
    is_paused_by_operator: Setting<bool>,
    is_closed: Setting<bool>,
    limit: Setting<u32>,
    seat_price: Setting<u64>,
    stock_price: Setting<u64>,
    /// From when on each seat may be on sale.
    on_sale_from: Vec<u64>,
    /// Seats that were acknowledged to be on sale.
    is_on_sale: Vec<bool>,
    /// Standing tickets that there may be, and must be.
    stock: (u64, u64),
    /// Standing tickets that may be taken away, and must be.
    withdrawn: (u64, u64),
}

impl Sale {
    pub(super) fn new(opening: &Opening) -> Self {
        let is_on_sale: Vec<bool> =
            (0..opening.seats).map(|seat| seat < opening.seats_on_sale).collect();
        let from = |&is: &bool| if is { 0 } else { u64::MAX };
        let stock = u64::from(opening.stock);
        Self {
            is_paused: Setting::new(false),
            is_paused_by_operator: Setting::new(false),
            is_closed: Setting::new(false),
            limit: Setting::new(opening.limit),
            seat_price: Setting::new(opening.seat_price),
            stock_price: Setting::new(opening.stock_price),
            on_sale_from: is_on_sale.iter().map(from).collect(),
            is_on_sale,
            stock: (stock, stock),
            withdrawn: (0, 0),
        }
    }

    pub(super) fn asked(&mut self, id: u64, change: &Change, now: u64) {
        match *change {
            Change::Pause(to) => self.is_paused.asked(id, to),
            Change::OperatorPause(to) => self.is_paused_by_operator.asked(id, to),
            Change::Close(to) => self.is_closed.asked(id, to),
            Change::Limit(to) => self.limit.asked(id, to),
            Change::SeatPrice(to) => self.seat_price.asked(id, to),
            Change::StockPrice(to) => self.stock_price.asked(id, to),
            Change::AddStock(more) => self.stock.0 += u64::from(more),
            Change::Withdraw(less) => self.withdrawn.0 += u64::from(less),
            Change::SeatsOnSale { first, count, at } => {
                for from in self.on_sale_from.iter_mut().skip(first as usize).take(count as usize) {
                    *from = (*from).min(at.unwrap_or(now).max(now));
                }
            }
            Change::StockOnSale | Change::Other => {}
        }
    }

    fn done(&mut self, id: u64, next: u64, change: &Change) {
        match *change {
            Change::Pause(_) => self.is_paused.done(id, next),
            Change::OperatorPause(_) => self.is_paused_by_operator.done(id, next),
            Change::Close(_) => self.is_closed.done(id, next),
            Change::Limit(_) => self.limit.done(id, next),
            Change::SeatPrice(_) => self.seat_price.done(id, next),
            Change::StockPrice(_) => self.stock_price.done(id, next),
            Change::AddStock(more) => self.stock.1 += u64::from(more),
            Change::Withdraw(less) => self.withdrawn.1 += u64::from(less),
            Change::SeatsOnSale { first, count, at: None } => {
                let seats = self.is_on_sale.iter_mut().skip(first as usize).take(count as usize);
                seats.for_each(|is| *is = true);
            }
            Change::SeatsOnSale { .. } | Change::StockOnSale | Change::Other => {}
        }
    }

    fn not_done(&mut self, id: u64, change: &Change) {
        match change {
            Change::Pause(_) => self.is_paused.not_done(id),
            Change::OperatorPause(_) => self.is_paused_by_operator.not_done(id),
            Change::Close(_) => self.is_closed.not_done(id),
            Change::Limit(_) => self.limit.not_done(id),
            Change::SeatPrice(_) => self.seat_price.not_done(id),
            Change::StockPrice(_) => self.stock_price.not_done(id),
            Change::AddStock(more) => self.stock.0 -= u64::from(*more),
            Change::Withdraw(less) => self.withdrawn.0 -= u64::from(*less),
            Change::SeatsOnSale { .. } | Change::StockOnSale | Change::Other => {}
        }
    }

    /// After a start, what was asked for has happened or never will.
    pub(super) fn settle(&mut self, next: u64) {
        self.is_paused.settle(next);
        self.is_paused_by_operator.settle(next);
        self.is_closed.settle(next);
        self.limit.settle(next);
        self.seat_price.settle(next);
        self.stock_price.settle(next);
    }

    /// The most that one buyer may have when request `id` is decided.
    pub(super) fn limit_max(&self, slot: u16, id: u64) -> u32 {
        let max = match slot {
            HOUSE => self.limit.possible(id).max(),
            _ => self.limit.ever().max(),
        };
        max.unwrap_or(0)
    }

    fn is_surely_shut(&self, id: u64) -> bool {
        let surely = |setting: &Setting<bool>| setting.possible(id).all(|is_shut| is_shut);
        surely(&self.is_paused) || surely(&self.is_paused_by_operator) || surely(&self.is_closed)
    }

    fn may_cost(&self, slot: u16, id: u64, units: u32, price: u64) -> bool {
        let fits = |each: u64| each * u64::from(units) == price;
        match slot {
            HOUSE => self.seat_price.possible(id).any(fits),
            _ => self.stock_price.ever().any(fits),
        }
    }
}

impl Auditor {
    /// Something that was to be changed is changed, or surely not.
    pub(super) fn changed(&mut self, id: u64, open: &Open, is_done: bool) {
        let Wanted::Manage(change) = &open.asked.wanted else { return };
        if is_done {
            self.sale.done(id, self.next, change);
        } else {
            self.sale.not_done(id, change);
        }
    }

    /// Whether a hold could be granted to request `id`, as the sale was then.
    pub(super) fn is_on_these_terms(
        &self,
        id: u64,
        asked: &Asked,
        hold: &SeenHold,
        now: u64,
    ) -> Result<(), String> {
        let slot = hold.name.0;
        if slot == HOUSE && asked.buyer != BOX_OFFICE && self.sale.is_surely_shut(id) {
            return Err(format!("granted while the sale was paused or closed: {hold:?}"));
        }
        if !self.sale.may_cost(slot, id, hold.units, hold.price) {
            return Err(format!("a price that nobody asked for: {hold:?}"));
        }
        let from = |seat: &u32| self.sale.on_sale_from.get(*seat as usize).copied();
        if hold.seats.iter().any(|seat| from(seat).is_none_or(|from| now < from)) {
            return Err(format!("seats that were not on sale: {hold:?}"));
        }
        Ok(())
    }

    pub(super) fn seats_are_on_sale(&self, seats: &[SeenSeat]) -> Result<(), String> {
        let shown = seats.iter().zip(&self.sale.is_on_sale);
        match shown.into_iter().position(|(seat, is)| *is && *seat == SeenSeat::Blocked) {
            Some(seat) => Err(format!("seat {seat} was put on sale and is blocked")),
            None => Ok(()),
        }
    }

    /// Checks what there is in all: tickets given to the pool, and taken away from it.
    pub(super) fn stock_is_what_was_asked(&self, given: u64, gone: u64) -> Result<(), String> {
        let (most, (least_gone, most_gone)) =
            (self.sale.stock.0, (self.sale.withdrawn.1, self.sale.withdrawn.0));
        if given > most {
            return Err(format!("{given} standing tickets were given, {most} at most"));
        }
        if gone < least_gone || gone > most_gone {
            return Err(format!("{gone} withdrawn, {least_gone} to {most_gone} asked for"));
        }
        Ok(())
    }

    /// Once nothing waits any more, each segment sells as the house says.
    pub(super) fn segments_know_the_terms(&self, all: &[Seen]) -> Result<(), String> {
        let house = all.iter().find(|seen| seen.slot == HOUSE);
        let Some(house) = house else { return Err("the house is gone".into()) };
        let mut given = 0;
        for seen in all {
            let SeenGoods::Stock { base, .. } = seen.goods else { continue };
            given += base;
            // What panicked over the news twice does not hear them any more.
            let may_be_deaf = self.panics.has_quarantined(seen.slot);
            if seen.terms_version != house.terms_version && !may_be_deaf {
                return Err(format!(
                    "slot {} sells on terms {}, the house on {}",
                    seen.slot, seen.terms_version, house.terms_version
                ));
            }
        }
        if given < self.sale.stock.1 {
            return Err(format!("{given} of {} standing tickets are there", self.sale.stock.1));
        }
        Ok(())
    }
}
