//! What an inventory remembers for its rules against hoarding: who let holds run out, and what new
//! accounts hold now. All of it follows from events, and is there only where the show has rules.

use std::collections::{BTreeMap, BTreeSet};

use super::{Goods, Inventory};
use crate::command::HoldRequest;
use crate::hoarding::{Hoarding, LAPSE_MEMORY_MS, LAPSED_BUYERS_MAX};
use crate::id::{BuyerId, HoldNo};
use crate::inventory::image::ImageError;
use crate::refusal::Refusal;
use crate::show::Terms;
use crate::time::Timestamp;

/// Holds and unpaid orders of one buyer that ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapses {
    /// How many, one after the other.
    pub count: u32,
    /// When the last did.
    pub last_at: Timestamp,
}

/// See the module. What always holds: `by_time` has those of `lapses`, and `units_of_new` is the
/// sum over `of_new`.
#[derive(Debug, Clone, Default)]
pub(super) struct Hoarders {
    lapses: BTreeMap<BuyerId, Lapses>,
    by_time: BTreeSet<(Timestamp, BuyerId)>,
    /// Active holds and unpaid orders of new accounts.
    of_new: BTreeSet<HoldNo>,
    units_of_new: u32,
}

impl Hoarders {
    pub(super) fn from_image(lapses: Vec<(BuyerId, Lapses)>) -> Self {
        let by_time = lapses.iter().map(|(buyer, lapses)| (lapses.last_at, *buyer)).collect();
        Self { lapses: lapses.into_iter().collect(), by_time, ..Self::default() }
    }

    pub(super) fn lapses(&self) -> impl Iterator<Item = (BuyerId, Lapses)> {
        self.lapses.iter().map(|(buyer, lapses)| (*buyer, *lapses))
    }

    pub(super) fn of_new(&self) -> impl Iterator<Item = HoldNo> {
        self.of_new.iter().copied()
    }

    /// A hold was placed by a new account.
    pub(super) fn add_of_new(&mut self, no: HoldNo, units: u32) {
        if self.of_new.insert(no) {
            self.units_of_new += units;
        }
    }

    /// A hold or an unpaid order is not unpaid any more.
    pub(super) fn remove_of_new(&mut self, no: HoldNo, units: u32) {
        if self.of_new.remove(&no) {
            self.units_of_new -= units;
        }
    }

    /// One of the buyer's ran out.
    pub(super) fn lapsed(&mut self, buyer: BuyerId, at: Timestamp) {
        let before = self.forget(buyer);
        let known = before.filter(|lapses| lapses.is_remembered(at));
        let count = known.map_or(0, |lapses| lapses.count).saturating_add(1);
        self.lapses.insert(buyer, Lapses { count, last_at: at });
        self.by_time.insert((at, buyer));
        while let Some(&(last_at, buyer)) = self.by_time.first() {
            let is_old = at >= last_at.plus_ms(LAPSE_MEMORY_MS);
            if !is_old && self.lapses.len() <= LAPSED_BUYERS_MAX {
                break;
            }
            self.forget(buyer);
        }
    }

    /// The buyer paid for a hold, which makes good for those that ran out.
    pub(super) fn bought(&mut self, buyer: BuyerId, no: HoldNo, units: u32) {
        self.remove_of_new(no, units);
        self.forget(buyer);
    }

    fn forget(&mut self, buyer: BuyerId) -> Option<Lapses> {
        let lapses = self.lapses.remove(&buyer)?;
        self.by_time.remove(&(lapses.last_at, buyer));
        Some(lapses)
    }
}

impl Lapses {
    fn is_remembered(&self, now: Timestamp) -> bool {
        now < self.last_at.plus_ms(LAPSE_MEMORY_MS)
    }
}

impl Inventory {
    /// Checks a hold against the rules of the show.
    pub(super) fn check_hoarding(
        &self,
        request: &HoldRequest,
        units: u32,
        rules: &Hoarding,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(holds_max) = rules.holds_max {
            let holds = self.buyers.get(&request.buyer).map_or(0, |buyer| buyer.holds);
            if holds >= holds_max {
                return Err(Refusal::TooManyHolds { holds_max });
            }
        }
        let Some(hoarders) = &self.hoarders else { return Ok(()) };
        if let Some(rule) = &rules.lapses {
            let lapses = hoarders.lapses.get(&request.buyer);
            if let Some(lapses) = lapses.filter(|lapses| lapses.is_remembered(now)) {
                let until = lapses.last_at.plus_ms(rule.pause_ms(lapses.count));
                if now < until {
                    return Err(Refusal::HoldsPaused { until });
                }
            }
        }
        if let Some(rule) = &rules.new_accounts {
            let units_max = rule.units_max(self.capacity());
            let is_new = rule.is_new(request.account_made_at, now);
            if is_new && hoarders.units_of_new.saturating_add(units) > units_max {
                return Err(Refusal::NewAccountsFull { units_max });
            }
        }
        Ok(())
    }

    /// Whether a hold is to be counted as one of a new account.
    pub(super) fn is_of_new(request: &HoldRequest, terms: &Terms, now: Timestamp) -> bool {
        let rule = terms.hoarding.as_ref().and_then(|rules| rules.new_accounts.as_ref());
        rule.is_some_and(|rule| rule.is_new(request.account_made_at, now))
    }

    /// Units that there are here in all, as far as the organiser gave them to this inventory.
    fn capacity(&self) -> u32 {
        match &self.goods {
            Goods::Nothing => 0,
            Goods::Seats(map) => map.plan().seat_count(),
            Goods::Stock(segment) => segment.base.saturating_sub(segment.withdrawn),
        }
    }

    /// Begins or ends to remember, as the terms say.
    pub(super) fn follow_hoarding_rules(&mut self) {
        if self.terms.as_ref().is_some_and(|terms| terms.hoarding.is_some()) {
            self.hoarders.get_or_insert_default();
        } else {
            self.hoarders = None;
        }
    }

    /// A hold or an unpaid order ran out.
    pub(super) fn note_lapse(&mut self, no: HoldNo, at: Timestamp) {
        let Some(hoarders) = &mut self.hoarders else { return };
        let has_rule = self.terms.as_ref().and_then(|terms| terms.hoarding.as_ref());
        if has_rule.is_some_and(|rules| rules.lapses.is_some())
            && let Some(hold) = self.holds.live(no)
        {
            hoarders.lapsed(hold.buyer, at);
        }
    }

    pub(super) fn apply_held_by_new(&mut self, no: HoldNo) {
        let units = self.holds.live(no).map_or(0, |hold| hold.claim.units());
        if let Some(hoarders) = &mut self.hoarders {
            hoarders.add_of_new(no, units);
        }
    }

    /// As [`Inventory::from_image`], of what is remembered of hoarders.
    pub(super) fn restore_hoarders(
        &mut self,
        lapses: Vec<(BuyerId, Lapses)>,
        of_new: Vec<HoldNo>,
    ) -> Result<(), ImageError> {
        self.follow_hoarding_rules();
        if self.hoarders.is_none() {
            let is_empty = lapses.is_empty() && of_new.is_empty();
            return if is_empty { Ok(()) } else { Err(ImageError::BadHoarders) };
        }
        let mut hoarders = Hoarders::from_image(lapses);
        for no in of_new {
            let hold = self.holds.live(no).filter(|hold| hold.keeps_units());
            let hold = hold.ok_or(ImageError::BadHoarders)?;
            hoarders.add_of_new(no, hold.claim.units());
        }
        self.hoarders = Some(Box::new(hoarders));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lapses_takes_no_more_room() {
        let mut hoarders = Hoarders::default();
        for number in 0..1_000_000_u64 {
            hoarders.lapsed(BuyerId(number.into()), Timestamp(number));
            assert!(hoarders.lapses.len() <= LAPSED_BUYERS_MAX);
        }
        assert_eq!(hoarders.by_time.len(), LAPSED_BUYERS_MAX);
        let last = hoarders.lapses.get(&BuyerId(999_999)).expect("it lapsed just now");
        assert_eq!((last.count, last.last_at), (1, Timestamp(999_999)));
        assert!(!hoarders.lapses.contains_key(&BuyerId(0)), "the longest ago is forgotten");
        // What is a day old makes room by itself.
        hoarders.lapsed(BuyerId(7), Timestamp(1_000_000 + LAPSE_MEMORY_MS));
        assert_eq!((hoarders.lapses.len(), hoarders.by_time.len()), (1, 1));
    }

    #[test]
    fn what_fits_neither_terms_nor_holds_makes_no_inventory() {
        let mut inventory = Inventory::vacant(crate::MachineId::house(crate::ShowKey(7)));
        assert_eq!(inventory.restore_hoarders(Vec::new(), Vec::new()), Ok(()));
        let lapses = vec![(BuyerId(1), Lapses { count: 1, last_at: Timestamp(1) })];
        for (lapses, of_new) in [(lapses, Vec::new()), (Vec::new(), vec![HoldNo(1)])] {
            let restored = inventory.restore_hoarders(lapses, of_new);
            assert_eq!(restored, Err(ImageError::BadHoarders));
        }
    }
}
