//! Best-available: which seats to give to a buyer who names a number and not the seats.
//!
//! Runs where the seats are owned, so what it finds is what the buyer gets. The order of
//! preference is total, so that every replay and every test finds the same seats:
//!
//! 1. side by side, leaving no orphan: a single free seat between taken seats, aisles and the
//!    ends of its row, which nobody buys any more;
//! 2. side by side, leaving one;
//! 3. unless the seats must be adjacent: the best single seats, wherever they are.
//!
//! Within each, earlier rows come first, then the seats nearest to the centre of their row by
//! count, then lower numbers. All seats or none.
//!
//! Rows that cannot serve are skipped by the summary in `runs`; in a row that can, 64 seats are
//! judged at once by shifting and ANDing the bits that say who is free beside a free neighbour.
//! The summary does not tell categories apart, so a row that mixes them may be read in vain.

use std::ops::Range;

use super::runs::{Eligible, Lengths, RowRuns, bits_within};
use super::{Bitmap, SeatMap};
use crate::plan::{Category, CategoryIx, RowIx, SeatIx, SeatPlan, SectionIx};

/// What a buyer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestQuery {
    /// How many seats; none are found for 0.
    pub quantity: u32,
    /// Only seats of this price category.
    pub category: Option<CategoryIx>,
    /// Only seats of this section.
    pub section: Option<SectionIx>,
    /// Whether seats that are not side by side are refused. Otherwise they are a last resort.
    pub adjacent: bool,
}

/// Whether a choice may leave a single free seat alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Orphans {
    Avoided,
    Accepted,
}

impl SeatMap {
    /// The best free seats that fit, in plan order, or none where there are not enough.
    ///
    /// Panics when the category or section is not of this plan.
    #[must_use]
    pub fn best_available(&self, query: &BestQuery) -> Option<Vec<SeatIx>> {
        let free = query.category.map_or(self.counts().available, |c| self.free_in_category(c));
        if query.quantity == 0 || query.quantity > free {
            return None;
        }
        let search = Search::new(self.plan(), self.available(), query);
        let row_runs = &mut self.row_runs().borrow_mut();
        search
            .side_by_side(Orphans::Avoided, row_runs)
            .or_else(|| search.side_by_side(Orphans::Accepted, row_runs))
            .or_else(|| if query.adjacent { None } else { search.singles(row_runs) })
    }
}

struct Search<'a> {
    plan: &'a SeatPlan,
    eligible: Eligible<'a>,
    /// The rows to look at.
    rows: Range<u32>,
    /// Of these, only rows that are in here.
    rows_among: Option<&'a Bitmap>,
    quantity: u32,
}

impl<'a> Search<'a> {
    fn new(plan: &'a SeatPlan, free: &'a Bitmap, query: &BestQuery) -> Self {
        let category = query.category.map(|category| plan.category(category));
        let all_rows = || 0..u32::try_from(plan.rows().len()).expect("rows are bounded");
        Search {
            plan,
            eligible: Eligible {
                free,
                category: category.map(Category::seats),
                joins: plan.joins(),
            },
            rows: query.section.map_or_else(all_rows, |section| plan.section(section).rows()),
            rows_among: category.map(Category::rows),
            quantity: query.quantity,
        }
    }

    fn side_by_side(&self, orphans: Orphans, row_runs: &mut RowRuns) -> Option<Vec<SeatIx>> {
        let wanted = match orphans {
            Orphans::Avoided => Lengths::without_orphan(self.quantity),
            Orphans::Accepted => Lengths::at_least(self.quantity),
        };
        let start = self
            .rows_with(wanted, row_runs)
            .find_map(|row| self.best_start(&self.plan.row(row).seats(), orphans))?;
        Some((start..start + self.quantity).map(SeatIx).collect())
    }

    fn singles(&self, row_runs: &mut RowRuns) -> Option<Vec<SeatIx>> {
        let mut found: Vec<SeatIx> = self
            .rows_with(Lengths::ANY, row_runs)
            .flat_map(|row| outwards(self.plan.row(row).seats()))
            .filter(|&seat| self.eligible.contains(seat))
            .take(self.quantity as usize)
            .map(SeatIx)
            .collect();
        found.sort_unstable();
        (found.len() == self.quantity as usize).then_some(found)
    }

    /// Rows that may have a run of a wanted length, best first. In a row of several categories
    /// the run may be of another one, so the row has to be looked at.
    fn rows_with<'s>(
        &'s self,
        wanted: Lengths,
        row_runs: &'s mut RowRuns,
    ) -> impl Iterator<Item = RowIx> + 's {
        let mut rows = self.rows.clone();
        let free = Eligible { category: None, ..self.eligible };
        let sum_up = move |row| free.lengths(self.plan.row(row).seats());
        std::iter::from_fn(move || {
            let row = row_runs.first_row(rows.clone(), wanted, self.rows_among, &sum_up)?;
            rows.start = row.0 + 1;
            Some(row)
        })
    }

    /// Where in a row the best stretch of seats begins.
    fn best_start(&self, row: &Range<u32>, orphans: Orphans) -> Option<u32> {
        // Distances are doubled, since the centre may be between two seats.
        let centred_doubled = i64::from(row.start) + i64::from(row.end) - i64::from(self.quantity);
        let rank = |&start: &u32| ((i64::from(start) * 2 - centred_doubled).abs(), start);
        (row.start / 64..row.end.div_ceil(64))
            .filter_map(|i| {
                let mut starts = self.starts(i, bits_within(row, i));
                if starts == 0 {
                    return None;
                }
                if orphans == Orphans::Avoided {
                    starts &= !self.starts_leaving_orphan(i);
                }
                let (left, right) = nearest_ones(starts, i, centred_doubled.div_euclid(2));
                left.into_iter().chain(right).min_by_key(rank)
            })
            .min_by_key(rank)
    }

    /// Of the seats of word `i` that are `among` these, those from which on `quantity` eligible
    /// ones are side by side: shift and AND.
    fn starts(&self, i: u32, among: u64) -> u64 {
        let mut starts = self.eligible.word(i as usize) & among;
        let mut links = 0;
        for further in 0..self.quantity - 1 {
            if starts == 0 {
                break;
            }
            if further % 64 == 0 {
                links = self.eligible.links_pair((i + further / 64) as usize);
            }
            starts &= (links >> (further % 64)) as u64;
        }
        starts
    }

    /// Of the 64 seats of word `i`, those where a choice that begins there leaves a single free
    /// seat beside it. Free seats of any category count: whoever sits there, the seat is alone.
    fn starts_leaving_orphan(&self, i: u32) -> u64 {
        let free = Eligible { category: None, ..self.eligible };
        let first = i64::from(i) * 64;
        let last = first + i64::from(self.quantity) - 1;
        let left = free.links_from(first - 1) & !free.links_from(first - 2);
        let right = free.links_from(last) & !free.links_from(last + 1);
        left | right
    }
}

/// The seats of word `i` whose bits are 1 that are nearest to `centre`, on either side; the
/// centre itself counts as left.
fn nearest_ones(word: u64, i: u32, centre: i64) -> (Option<u32>, Option<u32>) {
    let is_left = match centre - i64::from(i) * 64 {
        ..0 => 0,
        bit @ 0..63 => u64::MAX >> (63 - bit),
        _ => u64::MAX,
    };
    let (left, right) = (word & is_left, word & !is_left);
    let left = left.checked_ilog2().map(|bit| i * 64 + bit);
    let right = (right != 0).then(|| i * 64 + right.trailing_zeros());
    (left, right)
}

/// The seats of a row from its centre outwards; of two at the same distance, the lower first.
fn outwards(row: Range<u32>) -> impl Iterator<Item = u32> {
    let count = row.end - row.start;
    let centre = row.start + count.saturating_sub(1) / 2;
    (0..count).map(move |i| {
        let distance = i.div_ceil(2);
        // An even row has two centres, the lower one first, so it goes on to the right.
        let is_left = i % 2 == count % 2;
        if is_left { centre - distance } else { centre + distance }
    })
}
