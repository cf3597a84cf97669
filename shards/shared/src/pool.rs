//! Published figures of a stock pool, by segment.

use usher_engine::stock::Segment;

use crate::seqlock::{Sequence, Word};

/// The segments of one pool.
#[derive(Debug)]
pub struct PoolBoard {
    segments: Vec<SegmentBoard>,
}

/// One segment. Written by its owner only; readers get figures that belong together.
#[derive(Debug, Default)]
pub struct SegmentBoard {
    sequence: Sequence,
    cells: [Word; 9],
}

/// What is published of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentFigures {
    /// Free to hold.
    pub available: u64,
    /// Held or ordered.
    pub held: u64,
    /// Sold.
    pub sold: u64,
    /// Not yet on sale.
    pub blocked: u64,
    /// Lent and not yet confirmed.
    pub in_transit: u64,
    /// Counts every moment at which `available` grew.
    pub gains: u64,
    /// Version of the terms that the segment knows.
    pub terms_version: u64,
    /// Version of the inventory.
    pub version: u64,
    /// Tickets taken away by the organiser.
    pub withdrawn: u64,
}

/// A pool added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolTotals {
    /// Free to hold.
    pub available: u64,
    /// Held or ordered.
    pub held: u64,
    /// Sold.
    pub sold: u64,
    /// Not yet on sale.
    pub blocked: u64,
    /// On the way between segments.
    pub in_transit: u64,
}

impl PoolBoard {
    /// So many segments, all of them empty.
    #[must_use]
    pub fn new(segments: u16) -> Self {
        Self { segments: (0..segments).map(|_| SegmentBoard::default()).collect() }
    }

    /// All segments in order.
    #[must_use]
    pub fn segments(&self) -> &[SegmentBoard] {
        &self.segments
    }

    /// The pool added up. While it sells, segments are read one after the other, so the sum may be
    /// off by what moved meanwhile.
    #[must_use]
    pub fn totals(&self) -> PoolTotals {
        let mut totals = PoolTotals::default();
        for figures in self.segments.iter().map(SegmentBoard::figures) {
            totals.available += figures.available;
            totals.held += figures.held;
            totals.sold += figures.sold;
            totals.blocked += figures.blocked;
            totals.in_transit += figures.in_transit;
        }
        totals
    }

    /// An upper bound of what segments other than `me` could give at some moment during this call,
    /// by two readings of all of them; `None` where something was gained in between.
    ///
    /// Why this is safe to refuse on: between the two readings no segment gained anything, so what
    /// is free can only have fallen since the first; and a loan counts at its donor until its
    /// borrower's gain is published, so none can slip through unseen.
    #[must_use]
    pub fn obtainable_by(&self, me: u16) -> Option<u64> {
        obtainable(me, || self.collect())
    }

    fn collect(&self) -> Vec<SegmentFigures> {
        self.segments.iter().map(SegmentBoard::figures).collect()
    }
}

/// [`PoolBoard::obtainable_by`], whatever the segments are read with. Each reading has to be of one
/// moment, none older than the one before it, and who sees figures has to see what was published
/// anywhere before them.
#[must_use]
pub fn obtainable(me: u16, collect: impl Fn() -> Vec<SegmentFigures>) -> Option<u64> {
    let first = collect();
    let second = collect();
    if first.iter().zip(&second).any(|(before, after)| before.gains != after.gains) {
        return None;
    }
    let others = first.iter().enumerate().filter(|(place, _)| *place != usize::from(me));
    Some(others.map(|(_, figures)| figures.available + figures.in_transit).sum())
}

impl SegmentBoard {
    /// The figures, all of one moment.
    #[must_use]
    pub fn figures(&self) -> SegmentFigures {
        let cells = self.sequence.read(|| self.cells.each_ref().map(Word::get));
        let [available, held, sold, blocked, in_transit, rest @ ..] = cells;
        let [gains, terms_version, version, withdrawn] = rest;
        SegmentFigures {
            available,
            held,
            sold,
            blocked,
            in_transit,
            gains,
            terms_version,
            version,
            withdrawn,
        }
    }

    /// Publishes new figures. Only for the owner of the segment.
    pub fn publish(&self, figures: &SegmentFigures) {
        let cells = [
            figures.available,
            figures.held,
            figures.sold,
            figures.blocked,
            figures.in_transit,
            figures.gains,
            figures.terms_version,
            figures.version,
            figures.withdrawn,
        ];
        self.sequence.write(|| {
            for (cell, value) in self.cells.iter().zip(cells) {
                cell.set(value);
            }
        });
    }
}

impl SegmentFigures {
    /// What there is to publish of a segment.
    #[must_use]
    pub fn of(segment: &Segment, version: u64) -> Self {
        Self {
            available: u64::from(segment.available),
            held: u64::from(segment.held),
            sold: u64::from(segment.sold),
            blocked: u64::from(segment.blocked),
            in_transit: u64::from(segment.in_transit()),
            gains: segment.gains,
            terms_version: u64::from(segment.terms_version),
            version,
            withdrawn: u64::from(segment.withdrawn),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_the_sum_of_its_segments() {
        let pool = PoolBoard::new(2);
        for (n, segment) in (1..).zip(pool.segments()) {
            segment.publish(&SegmentFigures {
                available: n,
                held: 10 * n,
                sold: 100 * n,
                blocked: 1_000 * n,
                in_transit: 10_000 * n,
                ..SegmentFigures::default()
            });
        }
        let (available, held, sold) = (3, 30, 300);
        let expected = PoolTotals { available, held, sold, blocked: 3_000, in_transit: 30_000 };
        assert_eq!(pool.totals(), expected);
    }
}
