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
//!
//! An order that is over is packed into bytes ([`super::settled`]), side by side with the others of
//! its page, and laid out again when something happens to it after all.

use std::borrow::Cow;

use super::{Hold, settled};
use crate::id::HoldNo;

/// As many as a word has bits.
const NUMBERS_PER_PAGE: usize = 64;

/// A map from numbers to holds that suits numbers that are given out in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    /// Page `i` is of the numbers from `i * NUMBERS_PER_PAGE` on; none where none is there.
    pages: Vec<Option<Box<Page>>>,
}

/// What always holds: as many live and settled holds as bits that are set, in the order of their
/// numbers.
#[derive(Debug, Clone, Default)]
struct Page {
    is_live: u64,
    is_settled: u64,
    live: Vec<Hold>,
    settled: Settled,
}

/// Packed holds of a page, one after the other.
#[derive(Debug, Clone, Default)]
struct Settled {
    /// How long each of them is.
    lengths: Vec<u16>,
    bytes: Vec<u8>,
}

impl Holds {
    /// The hold with this number.
    pub(super) fn get(&self, no: HoldNo) -> Option<Cow<'_, Hold>> {
        self.page(no)?.get(bit_of(no))
    }

    /// The hold with this number where something may still be under way: not if it was settled.
    pub(super) fn live(&self, no: HoldNo) -> Option<&Hold> {
        let page = self.page(no)?;
        let bit = bit_of(no);
        (page.is_live & bit != 0).then(|| &page.live[rank(page.is_live, bit)])
    }

    /// As [`Holds::get`], to be changed. Where it was settled, it is not any more.
    pub(super) fn get_mut(&mut self, no: HoldNo) -> Option<&mut Hold> {
        let page = self.pages.get_mut(page_of(no))?.as_mut()?;
        let bit = bit_of(no);
        if page.is_settled & bit != 0 {
            page.unsettle(bit);
        }
        (page.is_live & bit != 0).then(|| &mut page.live[rank(page.is_live, bit)])
    }

    /// Adds a hold, or replaces the one with this number.
    #[inline(always)]
    pub(super) fn insert(&mut self, no: HoldNo, hold: Hold) {
        let number = page_of(no);
        if self.pages.len() <= number {
            if let Some(Some(page)) = self.pages.last_mut() {
                page.tidy();
            }
            self.pages.resize(number + 1, None);
        }
        let page = self.pages[number].get_or_insert_default();
        let bit = bit_of(no);
        let all = page.is_live | page.is_settled;
        if all == 0 && number > 0 {
            // Where there were more holds than one page has, the next will be full too.
            page.live.reserve_exact(NUMBERS_PER_PAGE);
        }
        if all < bit {
            // Numbers mostly go up.
            page.is_live |= bit;
            page.live.push(hold);
        } else {
            page.insert_before_last(bit, hold);
        }
    }

    /// Takes a hold out.
    pub(super) fn remove(&mut self, no: HoldNo) -> Option<Hold> {
        let slot = self.pages.get_mut(page_of(no))?;
        let page = slot.as_mut()?;
        let bit = bit_of(no);
        if page.is_settled & bit != 0 {
            page.unsettle(bit);
        }
        if page.is_live & bit == 0 {
            return None;
        }
        let hold = page.take(bit);
        if page.is_live | page.is_settled == 0 {
            *slot = None;
        } else {
            page.tidy();
        }
        Some(hold)
    }

    /// Packs a hold, where its story is over.
    pub(super) fn settle(&mut self, no: HoldNo) {
        let pages = self.pages.len();
        let Some(Some(page)) = self.pages.get_mut(page_of(no)) else { return };
        let bit = bit_of(no);
        if page.is_live & bit == 0 {
            return;
        }
        let hold = &page.live[rank(page.is_live, bit)];
        if !settled::is_settled(hold) {
            return;
        }
        let packed = settled::pack(hold);
        // Whatever is longer than that stays as it is.
        let Ok(length) = u16::try_from(packed.len()) else { return };
        page.take(bit);
        page.settled.insert(rank(page.is_settled, bit), length, &packed);
        page.is_settled |= bit;
        // The last page will be filled, unless it is full.
        let is_filled = page_of(no) + 1 < pages || page.is_live | page.is_settled == u64::MAX;
        if is_filled {
            page.tidy();
        }
    }

    /// Gives back memory of numbers that are not there and will not come.
    pub(super) fn shrink_to_fit(&mut self) {
        for page in self.pages.iter_mut().flatten() {
            page.live.shrink_to_fit();
            page.settled.shrink_to_fit();
        }
    }

    /// All of them, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (HoldNo, Cow<'_, Hold>)> {
        self.each(|page| page.is_live | page.is_settled)
    }

    /// Those that were not settled, in the order of their numbers.
    pub(super) fn iter_live(&self) -> impl Iterator<Item = (HoldNo, &Hold)> {
        let live = self.each(|page| page.is_live);
        live.filter_map(|(no, _)| Some((no, self.live(no)?)))
    }

    /// The same, to be changed.
    pub(super) fn live_mut(&mut self) -> impl Iterator<Item = &mut Hold> {
        self.pages.iter_mut().flatten().flat_map(|page| &mut page.live)
    }

    fn each(&self, wanted: fn(&Page) -> u64) -> impl Iterator<Item = (HoldNo, Cow<'_, Hold>)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(number, page)| Some((number, page.as_deref()?)));
        pages.flat_map(move |(number, page)| {
            let first = number * NUMBERS_PER_PAGE;
            let bits = (0..NUMBERS_PER_PAGE).filter(move |bit| wanted(page) >> bit & 1 == 1);
            bits.filter_map(move |bit| Some((HoldNo((first + bit) as u32), page.get(1 << bit)?)))
        })
    }

    fn page(&self, no: HoldNo) -> Option<&Page> {
        self.pages.get(page_of(no))?.as_deref()
    }
}

impl Page {
    fn get(&self, bit: u64) -> Option<Cow<'_, Hold>> {
        if self.is_live & bit != 0 {
            Some(Cow::Borrowed(&self.live[rank(self.is_live, bit)]))
        } else if self.is_settled & bit != 0 {
            let packed = self.settled.get(rank(self.is_settled, bit));
            Some(Cow::Owned(settled::unpack(packed)))
        } else {
            None
        }
    }

    fn insert_before_last(&mut self, bit: u64, hold: Hold) {
        if self.is_settled & bit != 0 {
            self.unsettle(bit);
        }
        let place = rank(self.is_live, bit);
        if self.is_live & bit != 0 {
            self.live[place] = hold;
        } else {
            self.live.insert(place, hold);
            self.is_live |= bit;
        }
    }

    /// Takes a live hold out.
    fn take(&mut self, bit: u64) -> Hold {
        self.is_live &= !bit;
        self.live.remove(rank(self.is_live, bit))
    }

    /// Lays a settled hold out again.
    fn unsettle(&mut self, bit: u64) {
        self.is_settled &= !bit;
        let place = rank(self.is_settled, bit);
        let hold = settled::unpack(self.settled.get(place));
        self.settled.remove(place);
        self.live.insert(rank(self.is_live, bit), hold);
        self.is_live |= bit;
    }

    /// Gives room back that is hardly used and will not be.
    fn tidy(&mut self) {
        if self.live.len() <= self.live.capacity() / 4 {
            self.live.shrink_to(self.live.len() * 2);
        }
        if self.live.is_empty() {
            self.settled.shrink_to_fit();
        }
    }
}

impl Settled {
    fn get(&self, place: usize) -> &[u8] {
        let start = self.start(place);
        &self.bytes[start..start + usize::from(self.lengths[place])]
    }

    fn insert(&mut self, place: usize, length: u16, packed: &[u8]) {
        let start = self.start(place);
        self.lengths.insert(place, length);
        self.bytes.splice(start..start, packed.iter().copied());
    }

    fn remove(&mut self, place: usize) {
        let start = self.start(place);
        let length = usize::from(self.lengths.remove(place));
        self.bytes.drain(start..start + length);
    }

    fn start(&self, place: usize) -> usize {
        self.lengths[..place].iter().map(|&length| usize::from(length)).sum()
    }

    fn shrink_to_fit(&mut self) {
        self.lengths.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }
}

/// How many of the bits come before this one.
fn rank(bits: u64, bit: u64) -> usize {
    (bits & (bit - 1)).count_ones() as usize
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
    use crate::inventory::{Claim, HoldStatus, Order, OrderStatus};
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

    /// As [`hold`], of which a cancelled order came.
    fn ordered(quantity: u32) -> Hold {
        let order = Order {
            status: OrderStatus::Cancelled,
            placed_at: Timestamp(2),
            pay_by: Timestamp(3),
            extended: false,
            contact: vec![1; quantity as usize % 100].into(),
            payments: Default::default(),
            tickets: Default::default(),
            ticketed_at: None,
            taken_back: None,
        };
        Hold { status: HoldStatus::Confirmed, order: Some(Box::new(order)), ..hold(quantity) }
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
                let new = if random >> 40 & 1 == 0 { ordered } else { hold };
                ours.insert(no, new(step as u32));
                theirs.insert(no, new(step as u32));
            } else {
                assert_eq!(ours.remove(no), theirs.remove(&no), "{no:?}");
            }
            ours.settle(HoldNo(no.0 ^ (random >> 20 & 15) as u32));
            assert_eq!(ours.get(no).as_deref(), theirs.get(&no), "{no:?}");
            if random >> 40 & 3 == 0 {
                assert_eq!(ours.get_mut(no), theirs.get_mut(&no), "{no:?}");
            }
        }
        assert!(theirs.len() > 10, "{}", theirs.len());
        let all = ours.iter().map(|(no, hold)| (no, hold.into_owned()));
        assert!(all.eq(theirs.iter().map(|(no, hold)| (*no, hold.clone()))));
        let settled = ours.pages.iter().flatten().map(|page| page.is_settled.count_ones());
        assert!(settled.sum::<u32>() > 10, "some are settled at the end");
        let live: Vec<_> = ours.iter_live().map(|(_, hold)| hold.clone()).collect();
        assert!(live.len() > 10, "{}", live.len());
        assert!(ours.live_mut().map(|hold| &*hold).eq(&live));
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
        let room: usize = holds.pages.iter().flatten().map(|page| page.live.capacity()).sum();
        assert!(room <= 4 * holds.iter().count(), "{room} places for {}", holds.iter().count());
        assert!(holds.pages.last().is_some_and(Option::is_none), "an empty page is given back");
    }

    /// A sale where each order is over before the next begins, and one where they overlap.
    #[test]
    fn settled_orders_lie_close() {
        for overlap in [1, 50] {
            let mut holds = Holds::default();
            for no in 1..=6_400 + overlap {
                holds.insert(HoldNo(no), ordered(64));
                if no > overlap {
                    holds.settle(HoldNo(no - overlap));
                }
            }
            // The first page lacks the number 0, and the last is still to be filled.
            let pages = holds.pages.iter().flatten().skip(1).take(98);
            for page in pages {
                assert_eq!((page.live.capacity(), page.settled.lengths.capacity()), (0, 64));
                assert_eq!(page.settled.bytes.capacity(), page.settled.bytes.len());
            }
        }
    }
}
