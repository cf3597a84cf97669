//! All buyers of an inventory.
//!
//! Buyers lie side by side in pages, in the order in which they came, and tables that are found by
//! the hash of an id say who lies where. So what a hold comes to at random, where the processor has
//! nothing in its caches, is a slot of a small table instead of a whole buyer, and a new buyer lies
//! beside the one before.
//!
//! A table that is full moves all that it has at once, while nobody else of the shard is served. So
//! there are sixteen small ones. They fill at moments of their own, and each has a sixteenth to
//! move. Pages never move.

use std::hash::{BuildHasher as _, BuildHasherDefault};

use crate::hash::FixedHasher;
use crate::id::BuyerId;

use super::buyer::Buyer;
use table::{Found, Table};

mod table;

const TABLES: usize = 16;
/// Four KiB of them.
const BUYERS_PER_PAGE: usize = 64;

/// Buyers by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Buyers {
    /// Places in `records`, each in one of them.
    tables: Box<[Table; TABLES]>,
    records: Records,
}

#[derive(Debug, Clone)]
struct Record {
    id: BuyerId,
    buyer: Buyer,
}

/// By place, from 0 and without gaps.
#[derive(Debug, Clone, Default)]
struct Records {
    /// All but the last are full, and none is empty.
    pages: Vec<Vec<Record>>,
    count: u32,
}

impl Buyers {
    #[inline(always)]
    pub(super) fn get(&self, id: &BuyerId) -> Option<&Buyer> {
        Some(&self.records.get(self.place(id)?).buyer)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: &BuyerId) -> Option<&mut Buyer> {
        let place = self.place(id)?;
        Some(&mut self.records.get_mut(place).buyer)
    }

    /// The buyer, who is made where there is none.
    pub(super) fn get_or_default(&mut self, id: BuyerId) -> &mut Buyer {
        let place = self.change_or_insert(id, (), |_, ()| {}, |()| Buyer::default());
        &mut self.records.get_mut(place).buyer
    }

    /// Changes the buyer or, where there is none, makes one, with what either needs. The place.
    #[inline(always)]
    pub(super) fn change_or_insert<T>(
        &mut self,
        id: BuyerId,
        with: T,
        change: impl FnOnce(&mut Buyer, T),
        make: impl FnOnce(T) -> Buyer,
    ) -> u32 {
        let (table, hash) = (&mut self.tables[table_of(id)], hash_of(id));
        match table.get_or_free(hash, |place| self.records.get(place).id == id) {
            Found::At(place) => {
                change(&mut self.records.get_mut(place).buyer, with);
                place
            }
            Found::Free(slot) => {
                let place = self.records.push(Record { id, buyer: make(with) });
                table.fill(slot, hash, place);
                place
            }
        }
    }

    /// Takes a buyer out. The last one moves to where this one was, so that no gaps are left.
    pub(super) fn remove(&mut self, id: &BuyerId) {
        let Some(gap) = self.place(id) else { return };
        self.tables[table_of(*id)].remove(hash_of(*id), gap);
        let last = self.records.pop();
        let place = self.records.count;
        if gap != place {
            self.tables[table_of(last.id)].replace(hash_of(last.id), place, gap);
            *self.records.get_mut(gap) = last;
        }
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&BuyerId, &Buyer)> {
        self.records.pages.iter().flatten().map(|record| (&record.id, &record.buyer))
    }

    #[inline(always)]
    fn place(&self, id: &BuyerId) -> Option<u32> {
        self.tables[table_of(*id)].get(hash_of(*id), |place| self.records.get(place).id == *id)
    }
}

impl Records {
    #[inline]
    fn get(&self, place: u32) -> &Record {
        let place = place as usize;
        &self.pages[place / BUYERS_PER_PAGE][place % BUYERS_PER_PAGE]
    }

    #[inline]
    fn get_mut(&mut self, place: u32) -> &mut Record {
        let place = place as usize;
        &mut self.pages[place / BUYERS_PER_PAGE][place % BUYERS_PER_PAGE]
    }

    /// The place of the new one.
    #[inline(always)]
    fn push(&mut self, record: Record) -> u32 {
        let place = self.count;
        self.count += 1;
        match self.pages.last_mut() {
            Some(page) if page.len() < BUYERS_PER_PAGE => page.push(record),
            last => {
                // Where there were more buyers than one page has, the next will be full too.
                let room = if last.is_some() { BUYERS_PER_PAGE } else { 1 };
                let mut page = Vec::with_capacity(room);
                page.push(record);
                self.pages.push(page);
            }
        }
        place
    }

    fn pop(&mut self) -> Record {
        let page = self.pages.last_mut().expect("somebody is there");
        let last = page.pop().expect("no page is empty");
        self.count -= 1;
        if page.is_empty() {
            self.pages.pop();
        }
        last
    }
}

/// An id is a hash already. Its first bits, since the last say at which segment a buyer buys.
fn table_of(id: BuyerId) -> usize {
    (id.0 >> (u128::BITS - TABLES.ilog2())) as usize
}

fn hash_of(id: BuyerId) -> u32 {
    BuildHasherDefault::<FixedHasher>::default().hash_one(id) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn holding(holds: u32) -> Buyer {
        Buyer { holds, ..Buyer::default() }
    }

    #[test]
    fn every_table_has_its_share_and_all_are_found() {
        let mut buyers = Buyers::default();
        let id = |n: u32| BuyerId((u128::from(n) << 120) | u128::from(n));
        for n in 0..256 {
            buyers.get_or_default(id(n)).holds = n;
        }
        assert!(buyers.tables.iter().all(|table| table.len() == 256 / TABLES));
        let in_order = buyers.iter().map(|(id, _)| *id).eq((0..256).map(id));
        assert!(in_order, "they lie side by side, in the order in which they came");
        assert!((0..256).all(|n| buyers.get(&id(n)).is_some_and(|buyer| buyer.holds == n)));
        assert_eq!(buyers.iter().map(|(_, buyer)| buyer.holds).sum::<u32>(), 255 * 128);
        buyers.get_mut(&id(255)).expect("it is there").units = 7;
        assert_eq!(buyers.get_or_default(id(255)).units, 7);
        buyers.remove(&id(255));
        assert!(buyers.get(&id(255)).is_none() && buyers.iter().count() == 255);
    }

    /// Random steps, beside a map of the standard library. Many come, and then most go.
    #[test]
    fn it_is_a_map_without_gaps() {
        let (mut ours, mut theirs) = (Buyers::default(), BTreeMap::new());
        let mut random = 7_u64;
        for step in 0..20_000_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let n = random >> 33 & 0xFFF;
            let id = BuyerId(u128::from(n) << 116 | u128::from(n));
            let leaves = if step < 10_000 { random >> 62 == 0 } else { random >> 62 != 0 };
            if leaves {
                ours.remove(&id);
                theirs.remove(&id);
            } else {
                ours.get_or_default(id).holds = step;
                theirs.insert(id, holding(step));
            }
            assert_eq!(ours.get(&id), theirs.get(&id), "{id:?}");
            assert_eq!(ours.records.count as usize, theirs.len());
        }
        assert!(theirs.len() > 2 * BUYERS_PER_PAGE, "{}", theirs.len());
        assert_eq!(ours.iter().collect::<BTreeMap<_, _>>(), theirs.iter().collect());
        assert!(theirs.iter().all(|(id, buyer)| ours.get(id) == Some(buyer)));
        assert_eq!(ours.records.pages.len(), theirs.len().div_ceil(BUYERS_PER_PAGE));
        theirs.keys().for_each(|id| ours.remove(id));
        assert!(ours.records.pages.is_empty() && ours.tables.iter().all(|table| table.len() == 0));
    }

    #[test]
    fn a_buyer_fills_one_line_of_a_cache() {
        assert_eq!(size_of::<Record>(), 64);
    }
}
