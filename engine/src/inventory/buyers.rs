//! All buyers of an inventory.
//!
//! A hash map that is full moves all that it has at once: at 230,000 buyers that took 15 ms, in
//! which nobody else of the shard was served. So there are sixteen small ones. They fill at moments
//! of their own, and each has a sixteenth to move.

use std::collections::hash_map::Entry;

use crate::hash::FixedHashMap;
use crate::id::BuyerId;

use super::buyer::Buyer;

const TABLES: usize = 16;

/// Buyers by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Buyers {
    tables: Box<[FixedHashMap<BuyerId, Buyer>; TABLES]>,
}

impl Buyers {
    pub(super) fn get(&self, id: &BuyerId) -> Option<&Buyer> {
        self.tables[table_of(*id)].get(id)
    }

    pub(super) fn get_mut(&mut self, id: &BuyerId) -> Option<&mut Buyer> {
        self.tables[table_of(*id)].get_mut(id)
    }

    pub(super) fn entry(&mut self, id: BuyerId) -> Entry<'_, BuyerId, Buyer> {
        self.tables[table_of(id)].entry(id)
    }

    pub(super) fn insert(&mut self, id: BuyerId, buyer: Buyer) {
        self.tables[table_of(id)].insert(id, buyer);
    }

    pub(super) fn remove(&mut self, id: &BuyerId) {
        self.tables[table_of(*id)].remove(id);
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&BuyerId, &Buyer)> {
        self.tables.iter().flatten()
    }
}

/// An id is a hash already. Its first bits, since the last say at which segment a buyer buys.
fn table_of(id: BuyerId) -> usize {
    (id.0 >> (u128::BITS - TABLES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_share_and_all_are_found() {
        let mut buyers = Buyers::default();
        let id = |n: u128| BuyerId((n << 120) | n);
        (0..256).for_each(|n| buyers.insert(id(n), Buyer { holds: n as u32, ..Buyer::default() }));
        assert!(buyers.tables.iter().all(|table| table.len() == 256 / TABLES));
        assert!((0..256).all(|n| buyers.get(&id(n)).is_some_and(|buyer| buyer.holds == n as u32)));
        assert_eq!(buyers.iter().map(|(_, buyer)| buyer.holds).sum::<u32>(), 255 * 128);
        buyers.get_mut(&id(255)).expect("it is there").units = 7;
        assert_eq!(buyers.entry(id(255)).or_default().units, 7);
        buyers.remove(&id(255));
        assert!(buyers.get(&id(255)).is_none() && buyers.iter().count() == 255);
    }
}
