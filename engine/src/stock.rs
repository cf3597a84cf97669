//! One segment of a stock pool: counters, and the loans that move tickets between segments.
//!
//! Stock moves, buyers do not. A loan is numbered per donor and borrower: the donor records it and
//! repeats it until it is settled, the borrower takes each number once. So a crash at any point
//! neither loses a ticket nor makes one.

use std::collections::BTreeMap;

/// Tickets by state. All but `lent`, `received` and `withdrawn` are what is here now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Index of the pool within the show.
    pub pool: u16,
    /// Index of this segment within the pool.
    pub segment: u16,
    /// Segments of the pool.
    pub segments: u16,
    /// Version of the terms last heard from the house.
    pub terms_version: u32,
    /// Tickets given by the organiser so far.
    pub base: u32,
    /// How many of `base` were put on sale so far.
    pub on_sale: u32,
    /// Free to hold.
    pub available: u32,
    /// Held, or ordered and not yet paid.
    pub held: u32,
    /// Sold.
    pub sold: u32,
    /// Not yet on sale.
    pub blocked: u32,
    /// Ever lent to other segments.
    pub lent: u64,
    /// Ever received from other segments.
    pub received: u64,
    /// Taken back by the organiser.
    pub withdrawn: u32,
    /// Counts every moment at which `available` grew. Two equal readings with nothing free mean
    /// that nothing was free in between.
    pub gains: u64,
    /// Loans that the borrower has not yet confirmed, by (borrower, number).
    pub open_loans: BTreeMap<(u16, u32), u32>,
    /// The number of the last loan to each borrower.
    pub loans_made: BTreeMap<u16, u32>,
    /// The number of the last loan taken from each donor.
    pub loans_taken: BTreeMap<u16, u32>,
}

impl Segment {
    /// A segment with nothing in it yet.
    #[must_use]
    pub fn new(pool: u16, segment: u16, segments: u16) -> Self {
        Self { pool, segment, segments, ..Self::default() }
    }

    /// Tickets lent and not yet confirmed.
    #[must_use]
    pub fn in_transit(&self) -> u32 {
        self.open_loans.values().sum()
    }

    /// How much to give when `wanted` are asked for: at least that, at most what is free, and
    /// otherwise half, so that a busy borrower does not come back for every ticket.
    #[must_use]
    pub fn loan_size(&self, wanted: u32) -> u32 {
        wanted.max(self.available / 2).min(self.available)
    }

    /// The number that the next loan to `borrower` will carry.
    #[must_use]
    pub fn next_loan(&self, borrower: u16) -> u32 {
        self.loans_made.get(&borrower).copied().unwrap_or(0) + 1
    }

    /// Whether loan `number` of `donor` is the one that comes next here.
    #[must_use]
    pub fn expects_loan(&self, donor: u16, number: u32) -> bool {
        number == self.loans_taken.get(&donor).copied().unwrap_or(0) + 1
    }

    /// Whether loan `number` of `donor` was taken before.
    #[must_use]
    pub fn has_taken(&self, donor: u16, number: u32) -> bool {
        self.loans_taken.get(&donor).is_some_and(|&last| number <= last)
    }

    pub(crate) fn raise_base(&mut self, base: u32, on_sale: u32) {
        self.blocked += base.saturating_sub(self.base);
        self.base = self.base.max(base);
        let fresh = on_sale.saturating_sub(self.on_sale).min(self.blocked);
        self.on_sale = self.on_sale.max(on_sale);
        self.blocked -= fresh;
        self.gain(fresh);
    }

    pub(crate) fn hold(&mut self, quantity: u32) {
        self.available -= quantity;
        self.held += quantity;
    }

    pub(crate) fn release(&mut self, quantity: u32) {
        self.held -= quantity;
        self.gain(quantity);
    }

    pub(crate) fn sell(&mut self, quantity: u32) {
        self.held -= quantity;
        self.sold += quantity;
    }

    pub(crate) fn unsell(&mut self, quantity: u32) {
        self.sold -= quantity;
        self.gain(quantity);
    }

    pub(crate) fn lend(&mut self, borrower: u16, number: u32, quantity: u32) {
        self.available -= quantity;
        self.lent += u64::from(quantity);
        self.open_loans.insert((borrower, number), quantity);
        self.loans_made.insert(borrower, number);
    }

    pub(crate) fn receive(&mut self, donor: u16, number: u32, quantity: u32) {
        self.loans_taken.insert(donor, number);
        self.received += u64::from(quantity);
        self.gain(quantity);
    }

    pub(crate) fn settle(&mut self, borrower: u16, number: u32) {
        self.open_loans.remove(&(borrower, number));
    }

    /// Takes tickets away for good: those not on sale first.
    pub(crate) fn withdraw(&mut self, quantity: u32) {
        let from_blocked = quantity.min(self.blocked);
        self.blocked -= from_blocked;
        self.available -= quantity - from_blocked;
        self.withdrawn += quantity;
    }

    /// Whether no ticket appeared or vanished.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        let here = [self.available, self.held, self.sold, self.blocked, self.withdrawn];
        let here: u64 = here.iter().copied().map(u64::from).sum();
        // Sums beyond what can be counted are nobody's: such a segment comes from no inventory.
        let is = here.checked_add(self.lent);
        is.is_some() && is == u64::from(self.base).checked_add(self.received)
    }

    fn gain(&mut self, quantity: u32) {
        self.available += quantity;
        self.gains += u64::from(quantity > 0);
    }
}
