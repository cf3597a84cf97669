//! The state of all seats of a show: a status and an owner each.
//!
//! Three bitmaps and one `u32` a seat, and two bytes a row for best-available: 4.5 bytes a seat in
//! rows of twenty. The owners are only allocated once somebody owns something, so a show that is
//! not yet on sale costs half a byte a seat.
//!
//! What always holds: a seat is in at most one of the three bitmaps, and blocked where it is in
//! none; it has an owner exactly when it is held or sold; the counters agree with the bitmaps.
//! A transition that is not legal is a fault of the caller, who has to look first, and panics:
//! better no answer than a seat sold twice.

use std::cell::RefCell;
use std::sync::Arc;

use super::Bitmap;
use super::bitmap::ones;
use super::runs::RowRuns;
use crate::plan::{CategoryIx, SeatIx, SeatPlan};

/// What may be done with a seat. The numbers are those of the compact seat map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SeatStatus {
    /// On sale and nobody's.
    Available = 0,
    /// Kept for a buyer for a while.
    Held = 1,
    /// Paid for.
    Sold = 2,
    /// Not on sale, as every seat at first.
    Blocked = 3,
}

impl SeatStatus {
    /// All of them, by number.
    pub const ALL: [SeatStatus; 4] =
        [SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold, SeatStatus::Blocked];
}

/// How many seats there are by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatCounts {
    /// On sale and nobody's.
    pub available: u32,
    /// Kept for a buyer for a while.
    pub held: u32,
    /// Paid for.
    pub sold: u32,
    /// Not on sale.
    pub blocked: u32,
}

impl SeatCounts {
    fn of(&mut self, status: SeatStatus) -> &mut u32 {
        match status {
            SeatStatus::Available => &mut self.available,
            SeatStatus::Held => &mut self.held,
            SeatStatus::Sold => &mut self.sold,
            SeatStatus::Blocked => &mut self.blocked,
        }
    }
}

/// All seats of a show.
///
/// Methods panic on a seat or category that is not of the plan. The slices of seats that
/// transitions take must not name a seat twice: the second time is not legal any more.
#[derive(Clone, Debug)]
pub struct SeatMap {
    plan: Arc<SeatPlan>,
    available: Bitmap,
    held: Bitmap,
    sold: Bitmap,
    owners: Owners,
    counts: SeatCounts,
    free_by_category: Vec<u32>,
    /// Follows from the rest, and is brought up to date by who reads it.
    row_runs: RefCell<RowRuns>,
}

impl SeatMap {
    /// All seats of a plan, none of them on sale.
    #[must_use]
    pub fn new(plan: Arc<SeatPlan>) -> Self {
        let seat_count = plan.seat_count();
        SeatMap {
            available: Bitmap::new(seat_count),
            held: Bitmap::new(seat_count),
            sold: Bitmap::new(seat_count),
            owners: Owners::default(),
            counts: SeatCounts { blocked: seat_count, ..SeatCounts::default() },
            free_by_category: vec![0; plan.categories().len()],
            row_runs: RefCell::new(RowRuns::new(plan.rows().len())),
            plan,
        }
    }

    /// The plan that the seats are of.
    #[must_use]
    pub fn plan(&self) -> &Arc<SeatPlan> {
        &self.plan
    }

    /// What may be done with a seat.
    #[must_use]
    pub fn status(&self, seat: SeatIx) -> SeatStatus {
        if self.available.get(seat.0) {
            SeatStatus::Available
        } else if self.held.get(seat.0) {
            SeatStatus::Held
        } else if self.sold.get(seat.0) {
            SeatStatus::Sold
        } else {
            SeatStatus::Blocked
        }
    }

    /// Who holds or bought a seat: the number that was given to [`SeatMap::hold`].
    #[must_use]
    pub fn owner(&self, seat: SeatIx) -> Option<u32> {
        assert!(self.plan.contains(seat), "seat {} is not of this plan", seat.0);
        self.owners.get(seat)
    }

    /// Whether each of the seats is available.
    #[must_use]
    #[inline(always)]
    pub fn all_available(&self, seats: &[SeatIx]) -> bool {
        for seat in seats {
            if !self.available.get(seat.0) {
                return false;
            }
        }
        true
    }

    /// Available → held, by an owner that is not 0.
    pub fn hold(&mut self, seats: &[SeatIx], owner: u32) {
        assert!(owner != 0, "0 is nobody");
        self.owners.make_room(&self.plan);
        self.transition(seats, SeatStatus::Available, SeatStatus::Held, Some(owner));
    }

    /// Held → available; the owner is forgotten.
    pub fn release(&mut self, seats: &[SeatIx]) {
        self.transition(seats, SeatStatus::Held, SeatStatus::Available, Some(NOBODY));
    }

    /// Held → sold, to the owner who held them.
    pub fn sell(&mut self, seats: &[SeatIx]) {
        self.transition(seats, SeatStatus::Held, SeatStatus::Sold, None);
    }

    /// Sold → available, after a refund; the owner is forgotten.
    pub fn unsell(&mut self, seats: &[SeatIx]) {
        self.transition(seats, SeatStatus::Sold, SeatStatus::Available, Some(NOBODY));
    }

    /// Blocked → available.
    pub fn put_on_sale(&mut self, seats: &[SeatIx]) {
        self.transition(seats, SeatStatus::Blocked, SeatStatus::Available, None);
    }

    /// How many seats there are by status, kept up to date by every transition.
    #[must_use]
    pub fn counts(&self) -> SeatCounts {
        self.counts
    }

    /// How many seats of a category are available, kept up to date by every transition.
    #[must_use]
    pub fn free_in_category(&self, category: CategoryIx) -> u32 {
        self.free_by_category[category.index()]
    }

    /// The counts recomputed from the bitmaps. Where a seat is in two of them the sum is more
    /// than the seats of the plan, so comparing with [`SeatMap::counts`] finds that too.
    #[must_use]
    pub fn recount(&self) -> SeatCounts {
        SeatCounts {
            available: self.available.count_ones(),
            held: self.held.count_ones(),
            sold: self.sold.count_ones(),
            blocked: self.words(SeatStatus::Blocked).map(u64::count_ones).sum(),
        }
    }

    /// The status of every seat, in plan order.
    pub fn statuses(&self) -> impl Iterator<Item = SeatStatus> + '_ {
        self.plan.seats().map(|seat| self.status(seat))
    }

    /// The seats with this status, in plan order.
    pub fn seats_with(&self, status: SeatStatus) -> impl Iterator<Item = SeatIx> + '_ {
        ones(self.words(status)).map(SeatIx)
    }

    /// The status numbers of all seats in plan order, two bits a seat, low bits first; the last
    /// byte is filled up with 0. A quarter of a byte a seat, made 64 seats at a time.
    #[must_use]
    pub fn packed_statuses(&self) -> Vec<u8> {
        let blocked = self.words(SeatStatus::Blocked);
        let words = self.held.words().iter().zip(self.sold.words()).zip(blocked);
        let mut packed = Vec::with_capacity(self.held.words().len() * 16);
        for ((held, sold), blocked) in words {
            let pairs = spread(held | blocked) | spread(sold | blocked) << 1;
            packed.extend_from_slice(&pairs.to_le_bytes());
        }
        packed.truncate(self.plan.seat_count().div_ceil(4) as usize);
        packed
    }

    pub(super) fn available(&self) -> &Bitmap {
        &self.available
    }

    pub(super) fn row_runs(&self) -> &RefCell<RowRuns> {
        &self.row_runs
    }

    /// Inlined, so that each caller has only what its two statuses need.
    #[inline(always)]
    fn transition(
        &mut self,
        seats: &[SeatIx],
        from: SeatStatus,
        to: SeatStatus,
        new_owner: Option<u32>,
    ) {
        let mut row = 0..0;
        for &seat in seats {
            let was_so = match self.bits(from) {
                Some(bits) => bits.take(seat.0),
                None => self.status(seat) == from,
            };
            assert!(was_so, "seat {} is {:?} and not {from:?}", seat.0, self.status(seat));
            if let Some(bits) = self.bits(to) {
                bits.set(seat.0);
            }
            if let Some(owner) = new_owner {
                self.owners.set(seat, owner);
            }
            let free = &mut self.free_by_category[self.plan.category_of(seat).index()];
            match (from, to) {
                (SeatStatus::Available, _) => *free -= 1,
                (_, SeatStatus::Available) => *free += 1,
                _ => continue,
            }
            // Seats mostly come row by row, so rows are only looked up where another one begins.
            if !row.contains(&seat.0) {
                let number = self.plan.row_of(seat);
                row = self.plan.row(number).seats();
                self.row_runs.get_mut().note_change(number);
            }
        }
        *self.counts.of(from) -= seats.len() as u32;
        *self.counts.of(to) += seats.len() as u32;
    }

    /// The bitmap of a status. Blocked has none: it is where no other bit is set.
    #[inline(always)]
    fn bits(&mut self, status: SeatStatus) -> Option<&mut Bitmap> {
        match status {
            SeatStatus::Available => Some(&mut self.available),
            SeatStatus::Held => Some(&mut self.held),
            SeatStatus::Sold => Some(&mut self.sold),
            SeatStatus::Blocked => None,
        }
    }

    /// One bit a seat, set where the seat has this status, 64 at a time; 0 beyond the last.
    fn words(&self, status: SeatStatus) -> impl Iterator<Item = u64> + '_ {
        let seat_count = self.plan.seat_count();
        let last = self.available.words().len() - 1;
        (0..=last).map(move |i| match status {
            SeatStatus::Available => self.available.words()[i],
            SeatStatus::Held => self.held.words()[i],
            SeatStatus::Sold => self.sold.words()[i],
            SeatStatus::Blocked => {
                let others =
                    self.available.words()[i] | self.held.words()[i] | self.sold.words()[i];
                let is_seat =
                    if i == last { u64::MAX >> ((64 - seat_count % 64) % 64) } else { u64::MAX };
                !others & is_seat
            }
        })
    }
}

/// What is known of rows follows from the seats, whoever has asked for it.
impl PartialEq for SeatMap {
    fn eq(&self, other: &Self) -> bool {
        let Self { plan, available, held, sold, owners, counts, free_by_category, row_runs: _ } =
            self;
        (plan, available, held, sold) == (&other.plan, &other.available, &other.held, &other.sold)
            && owners == &other.owners
            && (counts, free_by_category) == (&other.counts, &other.free_by_category)
    }
}

impl Eq for SeatMap {}

const NOBODY: u32 = 0;

/// One owner a seat; allocated with the first one.
#[derive(Clone, Debug, Default)]
struct Owners(Vec<u32>);

impl Owners {
    fn get(&self, seat: SeatIx) -> Option<u32> {
        self.0.get(seat.index()).copied().filter(|&owner| owner != NOBODY)
    }

    fn make_room(&mut self, plan: &SeatPlan) {
        if self.0.is_empty() {
            self.0 = vec![NOBODY; plan.seat_count() as usize];
        }
    }

    fn set(&mut self, seat: SeatIx, owner: u32) {
        self.0[seat.index()] = owner;
    }
}

/// A state that was rebuilt equals the one that was lived through, in which somebody may have
/// owned a seat for a while: an allocation that holds nobody equals none.
impl PartialEq for Owners {
    fn eq(&self, other: &Self) -> bool {
        let is_empty = |owners: &Owners| owners.0.iter().all(|&owner| owner == NOBODY);
        self.0 == other.0 || (is_empty(self) && is_empty(other))
    }
}

impl Eq for Owners {}

/// Puts a 0 above each bit.
fn spread(word: u64) -> u128 {
    let mut bits = u128::from(word);
    for (shift, mask) in [
        (32, 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff),
        (16, 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333_3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555_5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}
