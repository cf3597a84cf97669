//! A table from hashes to places: who lies where.
//!
//! Eight bytes for each: half of a hash, and the place. With the half in the table a look-up comes
//! to a buyer only where it is the right one, or one time in four thousand millions, and a table
//! that grows comes to none. Open addressing with linear probing: most look-ups end in the line of
//! the processor's cache in which they began.

/// Places by the hashes of what lies there.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// A power of two of them, or none; at most three quarters are in use.
    slots: Vec<Slot>,
    used: usize,
}

/// The hash above, the place after the one that is meant below; 0 where it is not in use, so that a
/// new table is memory that nobody has to write to.
type Slot = u64;

/// Where something was looked for.
pub(super) enum Found {
    /// It is there, at this place.
    At(u32),
    /// It is not there, and would be in this slot.
    Free(usize),
}

impl Table {
    /// Looks for the place with this hash of which `is_it` says so.
    #[inline(always)]
    pub(super) fn get(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.used == 0 {
            return None;
        }
        place_of(self.slots[self.find(hash, is_it)])
    }

    /// The same, with a slot for [`Table::fill`] where it is not there.
    #[inline(always)]
    pub(super) fn get_or_free(&mut self, hash: u32, is_it: impl Fn(u32) -> bool) -> Found {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.find(hash, is_it);
        place_of(self.slots[slot]).map_or(Found::Free(slot), Found::At)
    }

    /// Adds a place in the slot that was found for it, with nothing in between.
    #[inline(always)]
    pub(super) fn fill(&mut self, free: usize, hash: u32, place: u32) {
        self.slots[free] = slot_of(hash, place);
        self.used += 1;
    }

    /// Changes a place that is there.
    pub(super) fn replace(&mut self, hash: u32, old: u32, new: u32) {
        let slot = self.find(hash, |place| place == old);
        assert_eq!(place_of(self.slots[slot]), Some(old), "it was there");
        self.slots[slot] = slot_of(hash, new);
    }

    /// Takes a place out that is there. What was pushed on by it moves back, so that a look-up may
    /// still end at the first slot that is not in use.
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let mut free = self.find(hash, |other| other == place);
        assert_eq!(place_of(self.slots[free]), Some(place), "it was there");
        let mut slot = free;
        loop {
            slot = self.after(slot);
            let moved = self.slots[slot];
            if moved == 0 {
                break;
            }
            // Whether its first slot lies behind the free one, on the way to where it is.
            let first = self.first(hash_of(moved));
            let stays = if free < slot {
                first > free && first <= slot
            } else {
                first > free || first <= slot
            };
            if !stays {
                self.slots[free] = moved;
                free = slot;
            }
        }
        self.slots[free] = 0;
        self.used -= 1;
    }

    /// How many places it has.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// The slot of what is looked for, or the first that is not in use. There must be one.
    #[inline(always)]
    fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> usize {
        let mut at = self.first(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 || hash_of(slot) == hash && is_it(slot as u32 - 1) {
                return at;
            }
            at = self.after(at);
        }
    }

    #[inline(always)]
    fn first(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline(always)]
    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(4);
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        for slot in old.into_iter().filter(|&slot| slot != 0) {
            let free = self.find(hash_of(slot), |_| false);
            self.slots[free] = slot;
        }
    }
}

fn slot_of(hash: u32, place: u32) -> Slot {
    u64::from(hash) << 32 | u64::from(place + 1)
}

fn hash_of(slot: Slot) -> u32 {
    (slot >> 32) as u32
}

fn place_of(slot: Slot) -> Option<u32> {
    (slot as u32).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn insert(table: &mut Table, hash: u32, place: u32) {
        match table.get_or_free(hash, |other| other == place) {
            Found::Free(slot) => table.fill(slot, hash, place),
            Found::At(_) => panic!("{place} is there already"),
        }
    }

    /// Random steps beside a map of the standard library, with hashes that often meet, and that lie
    /// where a table ends and begins.
    #[test]
    fn it_is_a_map() {
        for shift in [0, 5, 8] {
            let (mut ours, mut theirs) = (Table::default(), BTreeMap::new());
            let mut random = 7_u64;
            let hash_of = |place: u32| place.wrapping_mul(0x9E37_79B9) >> shift & 0xFF;
            for step in 0..20_000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = (random >> 33) as u32 & 0xFF;
                let hash = hash_of(place);
                let leaves = if step < 10_000 { random >> 62 == 0 } else { random >> 62 != 0 };
                match theirs.contains_key(&place) {
                    true if leaves => {
                        ours.remove(hash, place);
                        theirs.remove(&place);
                    }
                    false if !leaves => {
                        insert(&mut ours, hash, place);
                        theirs.insert(place, hash);
                    }
                    _ => {}
                }
                let (used, slots) = (ours.used, ours.slots.len());
                assert_eq!(used, theirs.len());
                assert!(used * 4 <= slots * 3, "{used} of {slots}");
                for place in [place, place ^ 1] {
                    let found = ours.get(hash_of(place), |other| other == place);
                    assert_eq!(found, theirs.contains_key(&place).then_some(place));
                }
            }
            for (&place, &hash) in &theirs {
                ours.replace(hash, place, place + 1_000);
                assert_eq!(ours.get(hash, |other| other == place + 1_000), Some(place + 1_000));
            }
            assert!(theirs.len() > 10, "{}", theirs.len());
        }
    }

    #[test]
    fn it_grows_when_it_is_three_quarters_full_and_is_found_in_few_steps() {
        let mut table = Table::default();
        let hash_of = |place: u32| place.wrapping_mul(0x9E37_79B9);
        for place in 0..10_000 {
            insert(&mut table, hash_of(place), place);
            let (used, slots) = (table.used, table.slots.len());
            assert!(slots <= 4 || slots * 3 < used * 8, "{used} of {slots}");
        }
        let away = |place: u32| {
            let at = table.find(hash_of(place), |other| other == place);
            (at + table.slots.len() - table.first(hash_of(place))) % table.slots.len()
        };
        let steps: usize = (0..10_000).map(away).sum();
        assert!(steps < 20_000, "{steps} steps to 10,000 places");
    }
}
