//! All holds of an inventory, by number.
//!
//! Numbers are given out in order, and every command looks some up. So holds lie in pages in the
//! order of their numbers: finding one is a step or two, iterating is in order, and a new one never
//! moves the others, where a hash map that grows copies all it has while everybody waits. The list
//! of pages never shrinks: 8 bytes for 64 holds that ever were.
//!
//! Holds are forgotten some time after they ended and orders never are, so where most buyers do not
//! buy, a page keeps few of its numbers. Therefore a page has no empty places: a bitmap says which
//! numbers are there, and counting its bits below a number gives the place (as in P. Bagwell,
//! *Ideal Hash Trees*, 2001).

use super::Hold;
use crate::id::HoldNo;

/// As many as a word has bits.
const NUMBERS_PER_PAGE: usize = 64;

/// A map from numbers to holds that suits numbers that are given out in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    /// Page `i` is of the numbers from `i * NUMBERS_PER_PAGE` on; none where none is there.
    pages: Vec<Option<Box<Page>>>,
}

/// What always holds: as many holds as bits that are set, in the order of their numbers.
#[derive(Debug, Clone, Default)]
struct Page {
    is_there: u64,
    holds: Vec<Hold>,
}

impl Holds {
    /// The hold with this number.
    pub(super) fn get(&self, no: HoldNo) -> Option<&Hold> {
        let page = self.pages.get(page_of(no))?.as_ref()?;
        page.place(no).map(|place| &page.holds[place])
    }

    /// As [`Holds::get`], to be changed.
    pub(super) fn get_mut(&mut self, no: HoldNo) -> Option<&mut Hold> {
        let page = self.pages.get_mut(page_of(no))?.as_mut()?;
        page.place(no).map(|place| &mut page.holds[place])
    }

    /// Adds a hold, or replaces the one with this number.
    #[inline(always)]
    pub(super) fn insert(&mut self, no: HoldNo, hold: Hold) {
        let number = page_of(no);
        if self.pages.len() <= number {
            self.pages.resize(number + 1, None);
        }
        let page = self.pages[number].get_or_insert_default();
        if page.holds.is_empty() && number > 0 {
            // Where there were more holds than one page has, the next will be full too.
            page.holds.reserve_exact(NUMBERS_PER_PAGE);
        }
        if page.is_there < bit_of(no) {
            // Numbers mostly go up.
            page.is_there |= bit_of(no);
            page.holds.push(hold);
        } else {
            page.insert_before_last(no, hold);
        }
    }

    /// Takes a hold out.
    pub(super) fn remove(&mut self, no: HoldNo) -> Option<Hold> {
        let slot = self.pages.get_mut(page_of(no))?;
        let page = slot.as_mut()?;
        let hold = page.holds.remove(page.place(no)?);
        page.is_there &= !bit_of(no);
        if page.holds.is_empty() {
            *slot = None;
        } else if page.holds.len() <= page.holds.capacity() / 4 {
            page.holds.shrink_to(page.holds.len() * 2);
        }
        Some(hold)
    }

    /// Gives back memory of numbers that are not there and will not come.
    pub(super) fn shrink_to_fit(&mut self) {
        for page in self.pages.iter_mut().flatten() {
            page.holds.shrink_to_fit();
        }
    }

    /// All of them, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (HoldNo, &Hold)> {
        let pages = self.pages.iter().enumerate();
        pages.flat_map(|(number, page)| page.iter().flat_map(move |page| page.iter(number)))
    }

    /// All of them, to be changed, in the order of their numbers.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Hold> {
        self.pages.iter_mut().flatten().flat_map(|page| &mut page.holds)
    }
}

impl Page {
    /// Where the hold with this number is, if it is there.
    fn place(&self, no: HoldNo) -> Option<usize> {
        (self.is_there & bit_of(no) != 0).then(|| self.rank(no))
    }

    fn insert_before_last(&mut self, no: HoldNo, hold: Hold) {
        match self.place(no) {
            Some(place) => self.holds[place] = hold,
            None => self.holds.insert(self.rank(no), hold),
        }
        self.is_there |= bit_of(no);
    }

    /// How many of the page come before this number.
    fn rank(&self, no: HoldNo) -> usize {
        (self.is_there & (bit_of(no) - 1)).count_ones() as usize
    }

    fn iter(&self, page: usize) -> impl Iterator<Item = (HoldNo, &Hold)> {
        let first = page * NUMBERS_PER_PAGE;
        let numbers = (0..NUMBERS_PER_PAGE).filter(|bit| self.is_there >> bit & 1 == 1);
        numbers.map(move |bit| HoldNo((first + bit) as u32)).zip(&self.holds)
    }
}

fn page_of(no: HoldNo) -> usize {
    no.0 as usize / NUMBERS_PER_PAGE
}

fn bit_of(no: HoldNo) -> u64 {
    1 << (no.0 as usize % NUMBERS_PER_PAGE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::inventory::{Claim, HoldStatus};
    use crate::{BuyerId, Cents, Timestamp};

    fn hold(quantity: u32) -> Hold {
        Hold {
            buyer: BuyerId(1),
            claim: Claim::Stock(quantity),
            total: Cents(1),
            placed_at: Timestamp(1),
            ends_at: Timestamp(2),
            status: HoldStatus::Active,
            order: None,
        }
    }

    /// Random steps, beside a map of the standard library.
    #[test]
    fn it_is_a_map() {
        let (mut ours, mut theirs) = (Holds::default(), BTreeMap::new());
        let mut random = 7_u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Numbers go up, as they do, and what is taken out lies behind.
            let no = HoldNo((step / 10 + (random >> 33) % 200) as u32);
            if random >> 62 == 0 {
                ours.insert(no, hold(step as u32));
                theirs.insert(no, hold(step as u32));
            } else {
                assert_eq!(ours.remove(no), theirs.remove(&no), "{no:?}");
            }
            assert_eq!(ours.get(no), theirs.get(&no), "{no:?}");
            assert_eq!(ours.get_mut(no), theirs.get_mut(&no), "{no:?}");
        }
        assert!(theirs.len() > 10, "{}", theirs.len());
        assert!(ours.iter().eq(theirs.iter().map(|(no, hold)| (*no, hold))));
        assert!(ours.values_mut().eq(theirs.values_mut()));
    }

    /// One order in each page is all that is left of many holds.
    #[test]
    fn what_is_left_takes_little_room() {
        let mut holds = Holds::default();
        for no in 1..=6_400 {
            holds.insert(HoldNo(no), hold(1));
        }
        for no in (1..=6_400).filter(|no| no % 64 != 5) {
            holds.remove(HoldNo(no)).expect("it was there");
        }
        let room: usize = holds.pages.iter().flatten().map(|page| page.holds.capacity()).sum();
        assert!(room <= 4 * holds.iter().count(), "{room} places for {}", holds.iter().count());
        assert!(holds.pages.last().is_some_and(Option::is_none), "an empty page is given back");
    }
}
