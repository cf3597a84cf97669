//! The published status of every seat: two bits a seat, written in place, copied by readers.

use std::collections::VecDeque;

use usher_engine::plan::{CategoryIx, SeatIx, SeatPlan};
use usher_engine::seats::{SeatCounts, SeatMap, SeatStatus};

use crate::seqlock::{Sequence, Word};
use crate::sync::{Flaw, Mutex, is_planted};

/// Changes that are remembered for readers who know an older version.
const RECENT_CHANGES_MAX: usize = 65_536;

/// So many changes at once are remembered in any case.
const REMEMBERED_AT_ONCE_MIN: usize = 256;

const SEATS_PER_WORD: usize = 32;

/// All seats of one show. One writer, the owner of the house; readers get copies of one moment.
#[derive(Debug)]
pub struct SeatBoard {
    seat_count: u32,
    sequence: Sequence,
    version: Word,
    words: Vec<Word>,
    free_by_category: Vec<Word>,
    counts: [Word; 4],
    recent: Mutex<Recent>,
}

/// The newest changes, oldest first.
#[derive(Debug, Default)]
struct Recent {
    changes: VecDeque<(u64, SeatIx, SeatStatus)>,
    /// Changes up to this version are no longer remembered.
    forgotten: u64,
}

/// A copy of all seats at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatMapCopy {
    /// Version of the house.
    pub version: u64,
    /// Seats in it.
    pub seat_count: u32,
    /// Two bits a seat in plan order, low bits first: 0 available, 1 held, 2 sold, 3 blocked.
    pub bits: Vec<u8>,
}

/// What changed since a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The version that these changes lead to.
    pub version: u64,
    /// Each seat at most once, with its status now; in plan order.
    pub seats: Vec<(SeatIx, SeatStatus)>,
}

/// How many seats are how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatFigures {
    /// By status.
    pub counts: SeatCounts,
    /// Version of the house.
    pub version: u64,
}

impl SeatMapCopy {
    /// The status of one seat.
    #[must_use]
    pub fn status(&self, seat: SeatIx) -> SeatStatus {
        let byte = self.bits[seat.index() / 4];
        status_from(u64::from(byte >> (seat.index() % 4 * 2)))
    }
}

impl SeatBoard {
    /// All seats of a plan, blocked: a show begins like that, and only what changes is published.
    #[must_use]
    pub fn new(plan: Option<&SeatPlan>) -> Self {
        let seat_count = plan.map_or(0, SeatPlan::seat_count);
        let words = (seat_count as usize).div_ceil(SEATS_PER_WORD);
        let in_last = seat_count as usize % SEATS_PER_WORD;
        let blocked = |word: usize| match in_last {
            // Beyond the last seat there is nothing, not even a blocked seat.
            1.. if word + 1 == words => u64::MAX >> (64 - 2 * in_last),
            _ => u64::MAX,
        };
        let categories = plan.map_or(0, |plan| plan.categories().len());
        Self {
            seat_count,
            sequence: Sequence::default(),
            version: Word::default(),
            words: (0..words).map(|word| Word::new(blocked(word))).collect(),
            free_by_category: (0..categories).map(|_| Word::default()).collect(),
            counts: [0, 0, 0, seat_count].map(|count| Word::new(u64::from(count))),
            recent: Mutex::default(),
        }
    }

    /// Copies all seats, as of one version.
    #[must_use]
    pub fn copy(&self) -> SeatMapCopy {
        self.sequence.read(|| {
            let mut bits = Vec::with_capacity(self.words.len() * 8);
            for word in &self.words {
                bits.extend_from_slice(&word.get().to_le_bytes());
            }
            bits.truncate((self.seat_count as usize).div_ceil(4));
            let version = self.version.get();
            SeatMapCopy { version, seat_count: self.seat_count, bits }
        })
    }

    /// What changed after `version`; `None` where that is too long ago to know.
    #[must_use]
    pub fn changes_since(&self, version: u64) -> Option<Changes> {
        let recent = self.recent.lock().expect("no panic while changes are noted");
        if version < recent.forgotten {
            return None;
        }
        let first = recent.changes.partition_point(|(at, ..)| *at <= version);
        let mut seats: Vec<_> = recent.changes.range(first..).map(|(_, s, st)| (*s, *st)).collect();
        let now = self.version.get();
        drop(recent);
        // The newest change of each seat is the last of its run after a stable sort.
        seats.sort_by_key(|(seat, _)| *seat);
        seats.reverse();
        seats.dedup_by_key(|(seat, _)| *seat);
        seats.reverse();
        Some(Changes { version: now.max(version), seats })
    }

    /// Counts by status.
    #[must_use]
    pub fn figures(&self) -> SeatFigures {
        self.sequence.read(|| {
            let [available, held, sold, blocked] =
                self.counts.each_ref().map(|count| count.get() as u32);
            let counts = SeatCounts { available, held, sold, blocked };
            SeatFigures { counts, version: self.version.get() }
        })
    }

    /// Free seats of a price category.
    #[must_use]
    pub fn free_in_category(&self, category: CategoryIx) -> u32 {
        self.free_by_category[category.index()].get() as u32
    }

    /// Publishes everything at once, at start. Only for the owner of the house.
    ///
    /// # Panics
    /// When a thread panicked while it noted changes.
    pub fn publish_all(&self, map: &SeatMap, version: u64) {
        let seats = map.plan().seats().map(|seat| (seat, map.status(seat)));
        let changes: Vec<_> = seats.collect();
        let free = free_by_category(map);
        self.publish(&changes, &free, map.counts(), version);
        let mut recent = self.recent.lock().expect("no panic while changes are noted");
        *recent = Recent { changes: VecDeque::new(), forgotten: version };
    }

    /// Publishes what changed up to `version`. Only for the owner of the house.
    ///
    /// # Panics
    /// When a thread panicked while it noted changes.
    pub fn publish(
        &self,
        changes: &[(SeatIx, SeatStatus)],
        free_by_category: &[u32],
        counts: SeatCounts,
        version: u64,
    ) {
        let mut recent = self.recent.lock().expect("no panic while changes are noted");
        self.sequence.write(|| {
            for &(seat, status) in changes {
                let shift = seat.index() % SEATS_PER_WORD * 2;
                let word = &self.words[seat.index() / SEATS_PER_WORD];
                let cleared = word.get() & !(0b11 << shift);
                word.set(cleared | (status as u64) << shift);
            }
            for (cell, free) in self.free_by_category.iter().zip(free_by_category) {
                cell.set(u64::from(*free));
            }
            let SeatCounts { available, held, sold, blocked } = counts;
            for (cell, count) in self.counts.iter().zip([available, held, sold, blocked]) {
                cell.set(u64::from(count));
            }
            self.version.set(version);
        });
        if is_planted(Flaw::NotedTooLate) {
            drop(recent);
            recent = self.recent.lock().expect("no panic while changes are noted");
        }
        // Whoever misses that much gets all seats, which is less to send; and most shows are put on
        // sale once and then wait, so this would be most of what they take.
        let at_once_max = REMEMBERED_AT_ONCE_MIN.max(self.seat_count as usize / 2);
        recent.note(changes, version, at_once_max.min(RECENT_CHANGES_MAX));
    }
}

impl Recent {
    fn note(&mut self, changes: &[(SeatIx, SeatStatus)], version: u64, at_once_max: usize) {
        if changes.len() > at_once_max {
            *self = Self { changes: VecDeque::new(), forgotten: version };
            return;
        }
        let surplus = (self.changes.len() + changes.len()).saturating_sub(RECENT_CHANGES_MAX);
        if let Some((at, ..)) = self.changes.drain(..surplus).next_back() {
            self.forgotten = at;
        }
        self.changes.extend(changes.iter().map(|&(seat, status)| (version, seat, status)));
    }
}

/// Free seats of each price category, as [`SeatBoard::publish`] takes them.
#[must_use]
pub fn free_by_category(map: &SeatMap) -> Vec<u32> {
    let categories = 0..map.plan().categories().len();
    categories.map(|category| map.free_in_category(CategoryIx(category as u8))).collect()
}

fn status_from(bits: u64) -> SeatStatus {
    match bits & 0b11 {
        0 => SeatStatus::Available,
        1 => SeatStatus::Held,
        2 => SeatStatus::Sold,
        _ => SeatStatus::Blocked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use usher_engine::plan::{PlanId, SeatPlanBuilder, SeatSpec};

    fn plan(seats: u32) -> SeatPlan {
        let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "one row");
        let category = builder.category("all").expect("a new category");
        builder.section("stalls", "stalls").expect("a new section");
        builder.row("A").expect("a new row");
        for n in 0..seats {
            let label = n.to_string();
            let spec = SeatSpec { label: &label, number: "", category, x: f64::from(n), y: 0.0 };
            builder.seat(spec).expect("a new seat");
        }
        builder.build().expect("a plan")
    }

    #[test]
    fn what_changes_most_of_the_show_at_once_is_not_remembered() {
        // Seats, seats that change at once, and whether that is remembered.
        let rows = [(10, 10, true), (256, 256, true), (300, 256, true), (300, 257, false)];
        let larger = [(2_000, 1_000, true), (2_000, 1_001, false), (200_000, 65_537, false)];
        for (seats, changed, remembered) in rows.into_iter().chain(larger) {
            let plan = plan(seats);
            let board = SeatBoard::new(Some(&plan));
            let all: Vec<_> = plan.seats().map(|seat| (seat, SeatStatus::Available)).collect();
            let publish = |changes: &[_], version| {
                board.publish(changes, &[0], SeatCounts::default(), version);
            };
            publish(&all[..1], 1);
            publish(&all[..changed], 2);
            publish(&all[..1], 3);
            for known in [0, 1] {
                let changes = board.changes_since(known).map(|changes| changes.seats.len());
                assert_eq!(changes, remembered.then_some(changed), "{changed} of {seats}");
            }
            assert_eq!(board.changes_since(2).map(|changes| changes.seats.len()), Some(1));
        }
    }

    #[test]
    fn a_new_board_is_that_of_a_new_show() {
        for seats in [1, 31, 32, 33, 64, 70] {
            let plan = Arc::new(plan(seats));
            let (board, map) = (SeatBoard::new(Some(&plan)), SeatMap::new(plan));
            assert_eq!(board.copy().bits, map.packed_statuses(), "{seats} seats");
            assert_eq!(board.figures().counts, map.counts());
        }
    }
}
