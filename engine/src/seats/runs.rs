//! Runs: stretches of free seats side by side, and a summary of them by row.
//!
//! A search for k seats side by side asks first in which row it can succeed at all. Scanning
//! all words of a large hall for that takes microseconds whenever the hall is nearly sold out,
//! which is when everybody asks. So each row keeps one `u16` that says which lengths of runs it
//! has, and each block of 64 rows the union of theirs; finding the first row of 2,500 that can
//! serve four people is then a look at 40 blocks and one row.
//!
//! Buyers who name their seats ask nobody where there are runs, and they are the rush of a sale.
//! So a change only notes that its row is stale, and a search sums up the stale rows of the blocks
//! that it comes to: each once, however often it changed, and never more than if every change had
//! summed up its row.
//!
//! What always holds: the mask of a row that is not stale has bit `min(L, 16) - 1` set exactly
//! where the row has a run of length L; the mask of a block without stale rows is the union of its
//! rows.

use std::ops::Range;

use super::Bitmap;
use super::bitmap::ones;
use crate::plan::RowIx;

/// Runs of this length and longer share one bit.
const LENGTH_SHARED: u32 = 16;
const ROWS_PER_BLOCK: u32 = 64;

/// A set of lengths of runs, as rows keep it and searches ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths(u16);

impl Lengths {
    /// Any run at all.
    pub(super) const ANY: Lengths = Lengths(u16::MAX);

    fn of(length: u32) -> Self {
        Lengths(1 << (length.min(LENGTH_SHARED) - 1))
    }

    /// Runs of `length` (1 or more) or longer. Too many rather than too few from 17 on.
    pub(super) fn at_least(length: u32) -> Self {
        Lengths(u16::MAX << (length.min(LENGTH_SHARED) - 1))
    }

    /// Runs from which `quantity` (1 or more) seats can go without one being left alone: as
    /// long as that, or longer by two and more. Too many rather than too few from 15 on.
    pub(super) fn without_orphan(quantity: u32) -> Self {
        Lengths(Lengths::of(quantity).0 | Lengths::at_least(quantity + 2).0)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Which lengths of runs each row has.
#[derive(Clone, Debug)]
pub(super) struct RowRuns {
    rows: Vec<Lengths>,
    blocks: Vec<Block>,
}

/// What is known of [`ROWS_PER_BLOCK`] rows together.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    union: Lengths,
    /// One bit a row, set where it has changed since it was summed up.
    stale: u64,
}

impl RowRuns {
    /// No row has any run.
    pub(super) fn new(row_count: usize) -> Self {
        RowRuns {
            rows: vec![Lengths::default(); row_count],
            blocks: vec![Block::default(); row_count.div_ceil(ROWS_PER_BLOCK as usize)],
        }
    }

    /// Notes that a seat of the row became free or ceased to be.
    #[inline]
    pub(super) fn note_change(&mut self, row: RowIx) {
        let block = &mut self.blocks[row.index() / ROWS_PER_BLOCK as usize];
        block.stale |= 1 << (row.0 % ROWS_PER_BLOCK);
    }

    /// The first of `rows` that has a run of a wanted length and is in `among`, if given. Sums up
    /// stale rows on its way by `sum_up`.
    pub(super) fn first_row(
        &mut self,
        rows: Range<u32>,
        wanted: Lengths,
        among: Option<&Bitmap>,
        sum_up: &impl Fn(RowIx) -> Lengths,
    ) -> Option<RowIx> {
        let mut next = rows.start;
        while next < rows.end {
            let (first, end) = (next / ROWS_PER_BLOCK, rows.end.div_ceil(ROWS_PER_BLOCK));
            let ahead = &self.blocks[first as usize..end as usize];
            let may_have = |block: &Block| block.stale != 0 || block.union.meets(wanted);
            let block = first + ahead.iter().position(may_have)? as u32;
            if self.blocks[block as usize].stale != 0 {
                self.sum_up_block(block, sum_up);
            }
            let first_of_next = (block + 1) * ROWS_PER_BLOCK;
            if self.blocks[block as usize].union.meets(wanted) {
                let word = among.map_or(u64::MAX, |among| among.words()[block as usize]);
                let is_match = |&row: &u32| {
                    self.rows[row as usize].meets(wanted) && word >> (row % ROWS_PER_BLOCK) & 1 == 1
                };
                let mut of_block = next.max(block * ROWS_PER_BLOCK)..rows.end.min(first_of_next);
                if let Some(row) = of_block.find(is_match) {
                    return Some(RowIx(row));
                }
            }
            next = first_of_next;
        }
        None
    }

    /// Brings a block up to date.
    #[cold]
    fn sum_up_block(&mut self, block: u32, sum_up: &impl Fn(RowIx) -> Lengths) {
        let first = block * ROWS_PER_BLOCK;
        let known = &mut self.blocks[block as usize];
        for row in ones([known.stale].into_iter()).map(|bit| first + bit) {
            self.rows[row as usize] = sum_up(RowIx(row));
        }
        let end = self.rows.len().min((first + ROWS_PER_BLOCK) as usize);
        let of_block = &self.rows[first as usize..end];
        let union = of_block.iter().fold(0, |union, lengths| union | lengths.0);
        *known = Block { union: Lengths(union), stale: 0 };
    }
}

/// The seats that a search may take, the free ones or those of them in one category, and which
/// of them are side by side.
#[derive(Clone, Copy)]
pub(super) struct Eligible<'a> {
    pub(super) free: &'a Bitmap,
    pub(super) category: Option<&'a Bitmap>,
    pub(super) joins: &'a Bitmap,
}

impl<'a> Eligible<'a> {
    pub(super) fn contains(&self, seat: u32) -> bool {
        self.free.get(seat) && self.category.is_none_or(|category| category.get(seat))
    }

    /// 64 seats at once; none beyond the last seat.
    pub(super) fn word(&self, i: usize) -> u64 {
        let free = self.free.words().get(i).copied().unwrap_or(0);
        let category = || self.category.map_or(u64::MAX, |category| category.words()[i]);
        if free == 0 { 0 } else { free & category() }
    }

    /// The links of word `i` and of the one behind it: see [`Eligible::links_from`].
    pub(super) fn links_pair(&self, i: usize) -> u128 {
        u128::from(self.links(i + 1)) << 64 | u128::from(self.links(i))
    }

    /// 64 links, beginning at any seat: bit `b` is set where seat `first + b` and its successor
    /// are eligible neighbours. None before the first seat and beyond the last.
    pub(super) fn links_from(&self, first: i64) -> u64 {
        window(first, |i| self.links(i))
    }

    /// The runs among the seats of one row, in order.
    pub(super) fn runs(self, row: Range<u32>) -> impl Iterator<Item = Range<u32>> + 'a {
        let mut next = row.start;
        std::iter::from_fn(move || {
            let first = first_bit(next..row.end, |i| self.word(i))?;
            // No seat is joined to the next row, so there is an end in this one.
            let last = first_bit(first..row.end, |i| !self.links(i))?;
            next = last + 1;
            Some(first..next)
        })
    }

    /// The lengths of the runs among the seats of one row, of all categories.
    pub(super) fn lengths(self, row: Range<u32>) -> Lengths {
        if row.len() >= 64 {
            let lengths = self.runs(row).map(|run| Lengths::of(run.end - run.start));
            return Lengths(lengths.fold(0, |union, lengths| union | lengths.0));
        }
        // Almost all rows: their seats fit into one word, and so do the links between them.
        let mut seats = self.free.window(row.start) & !(u64::MAX << row.len());
        let links = seats & seats >> 1 & self.joins.window(row.start);
        let mut lengths = 0;
        while seats != 0 {
            let run_start = seats.trailing_zeros();
            let length = (links >> run_start).trailing_ones() + 1;
            lengths |= Lengths::of(length).0;
            seats &= u64::MAX << (run_start + length);
        }
        Lengths(lengths)
    }

    fn links(&self, i: usize) -> u64 {
        let joins = self.joins.words().get(i).copied().unwrap_or(0);
        let word = self.word(i);
        let successors = word >> 1 | self.word(i + 1) << 63;
        word & successors & joins
    }
}

/// 64 bits from bit `first` on, which may be before the first word: there all bits are 0.
fn window(first: i64, word: impl Fn(usize) -> u64) -> u64 {
    let i = first.div_euclid(64);
    let word = |i: i64| usize::try_from(i).map_or(0, &word);
    let pair = u128::from(word(i + 1)) << 64 | u128::from(word(i));
    // Truncation takes the 64 that were asked for.
    (pair >> first.rem_euclid(64)) as u64
}

/// The first of these bits that is 1, where `word` gives the words.
fn first_bit(among: Range<u32>, word: impl Fn(usize) -> u64) -> Option<u32> {
    (among.start / 64..among.end.div_ceil(64)).find_map(|i| {
        let bits = word(i as usize) & bits_within(&among, i);
        (bits != 0).then(|| i * 64 + bits.trailing_zeros())
    })
}

/// The bits of word `i` that stand for seats of the row.
pub(super) fn bits_within(row: &Range<u32>, i: u32) -> u64 {
    let from_start = u64::MAX << row.start.saturating_sub(i * 64);
    let beyond_end = ((i + 1) * 64).saturating_sub(row.end);
    from_start & u64::MAX >> beyond_end
}

#[cfg(test)]
mod tests;
