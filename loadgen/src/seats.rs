//! What buyers who choose exact seats know of the house: the plan's seats in order, and which of
//! them were free when the map was last read.
//!
//! All buyers of a run share this view, and it is as old as its last refresh; so several go for
//! the same seat, as people in front of the same picture do, and all but one are refused.

use std::collections::HashMap;

use usher_wire::plan::PlanDocument;
use usher_wire::seatmap::CompactSeatMap;
use usher_wire::{ProblemSeat, SeatStatus};

/// The house, as this generator sees it.
#[derive(Debug)]
pub struct Board {
    ids: Vec<Box<str>>,
    index_by_id: HashMap<Box<str>, u32>,
    /// For each seat the first seat of the next row; only seats of one row are side by side.
    row_end: Vec<u32>,
    /// One bit a seat, set where it was free.
    free: Vec<u64>,
    free_count: u32,
    /// How many seats were held when the map was last read.
    held_count: u32,
    /// How many seats were sold when the map was last read.
    sold_count: u32,
    version: u64,
}

impl Board {
    /// Reads the plan; nothing is free before the first map.
    ///
    /// # Errors
    ///
    /// When the document is not a plan.
    pub fn new(plan: &[u8]) -> Result<Self, serde_json::Error> {
        let plan: PlanDocument<'_> = serde_json::from_slice(plan)?;
        let (mut ids, mut row_end) = (Vec::new(), Vec::new());
        for row in plan.zones.iter().flat_map(|zone| &zone.rows) {
            ids.extend(row.seats.iter().map(|seat| Box::<str>::from(&*seat.seat_guid)));
            row_end.resize(ids.len(), ids.len() as u32);
        }
        let index_by_id = ids.iter().cloned().zip(0..).collect();
        let free = vec![0; ids.len().div_ceil(64)];
        Ok(Self {
            ids,
            index_by_id,
            row_end,
            free,
            free_count: 0,
            held_count: 0,
            sold_count: 0,
            version: 0,
        })
    }

    /// How many seats the plan has.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.ids.len() as u32
    }

    /// How many seats this view has as free.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.free_count
    }

    /// How many seats the last map had as held.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.held_count
    }

    /// How many seats the last map had as sold.
    #[must_use]
    pub fn sold(&self) -> u32 {
        self.sold_count
    }

    /// The version of the last map.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Takes a map as the server sent it.
    ///
    /// # Errors
    ///
    /// When it is not a map of this plan.
    pub fn refresh(&mut self, map: &[u8]) -> Result<(), String> {
        let map = CompactSeatMap::parse(map).ok_or("the seat map is not in its compact form")?;
        if map.seat_count() != self.seats() {
            let (map, plan) = (map.seat_count(), self.seats());
            return Err(format!("the seat map has {map} seats, and the plan has {plan}"));
        }
        self.free.fill(0);
        (self.free_count, self.held_count, self.sold_count) = (0, 0, 0);
        for (index, status) in map.iter().enumerate() {
            match status {
                SeatStatus::Available => {
                    self.free[index / 64] |= 1 << (index % 64);
                    self.free_count += 1;
                }
                SeatStatus::Held => self.held_count += 1,
                SeatStatus::Sold => self.sold_count += 1,
                SeatStatus::Blocked => {}
            }
        }
        self.version = map.version();
        Ok(())
    }

    /// Strikes seats off that were somebody else's, as a refusal said.
    pub fn taken(&mut self, seats: &[ProblemSeat]) {
        for seat in seats {
            if let Some(index) = self.index_by_id.get(seat.seat_id.as_str()) {
                self.take(*index);
            }
        }
    }

    /// Chooses up to `quantity` seats side by side that this view has as free. They stay free in
    /// it: nobody else in front of the picture sees a choice before the next map.
    ///
    /// `dart` is the buyer's, from 0 to 1; `skew` is how strongly buyers prefer the first seats of
    /// the plan: 1 is not at all. Fewer seats come where the dart hit a gap, none where nothing is
    /// free.
    pub fn choose(&self, dart: f64, skew: f64, quantity: u32) -> Vec<String> {
        if self.free_count == 0 {
            return Vec::new();
        }
        let nth = (f64::from(self.free_count) * dart.powf(skew)) as u32;
        let first = self.nth_free(nth.min(self.free_count - 1));
        // From where the dart hit, first to the right, then to the left.
        let right = (first..self.row_end[first as usize]).take_while(|seat| self.is_free(*seat));
        let mut chosen: Vec<_> = right.take(quantity as usize).collect();
        let row_end = self.row_end[first as usize];
        let left = (0..first)
            .rev()
            .take_while(|seat| self.is_free(*seat) && self.row_end[*seat as usize] == row_end);
        let missing = quantity as usize - chosen.len();
        let left: Vec<_> = left.take(missing).collect();
        chosen.extend(left);
        chosen.sort_unstable();
        chosen.iter().map(|seat| self.ids[*seat as usize].to_string()).collect()
    }

    fn is_free(&self, seat: u32) -> bool {
        self.free[seat as usize / 64] >> (seat % 64) & 1 == 1
    }

    fn take(&mut self, seat: u32) {
        if self.is_free(seat) {
            self.free[seat as usize / 64] &= !(1 << (seat % 64));
            self.free_count -= 1;
        }
    }

    fn nth_free(&self, nth: u32) -> u32 {
        let mut left = nth;
        for (index, word) in self.free.iter().enumerate() {
            if left < word.count_ones() {
                let mut word = *word;
                for _ in 0..left {
                    word &= word - 1;
                }
                return index as u32 * 64 + word.trailing_zeros();
            }
            left -= word.count_ones();
        }
        unreachable!("the caller asks for fewer than are free")
    }
}

#[cfg(test)]
mod tests {
    use usher_wire::seatmap;

    use super::*;

    fn board(free: &[bool]) -> Board {
        let plan = crate::plan::generate(free.len() as u32).to_string();
        let mut board = Board::new(plan.as_bytes()).expect("a plan");
        let status = |free: &bool| if *free { SeatStatus::Available } else { SeatStatus::Sold };
        board.refresh(&seatmap::encode(7, free.iter().map(status))).expect("a map");
        board
    }

    fn strike(board: &mut Board, seats: &[String]) {
        let seat = |id: &String| ProblemSeat { seat_id: id.clone(), status: None };
        board.taken(&seats.iter().map(seat).collect::<Vec<_>>());
    }

    #[test]
    fn seats_are_chosen_side_by_side_within_a_row() {
        let mut free = vec![true; 80];
        free[2] = false;
        let mut board = board(&free);
        assert_eq!((board.free(), board.version()), (79, 7));
        let first = board.choose(0.0, 2.0, 3);
        assert_eq!(first, ["s01-A-1", "s01-A-2"], "a gap ends it");
        assert_eq!(board.choose(0.0, 2.0, 3), first, "a choice is seen by nobody else");
        strike(&mut board, &first);
        assert_eq!(board.choose(0.0, 2.0, 2), ["s01-A-4", "s01-A-5"]);
        // The last seat of a row takes its neighbours to the left, not those of the next row.
        let end_of_row = 36.5 / f64::from(board.free());
        assert_eq!(board.choose(end_of_row, 1.0, 3), ["s01-A-38", "s01-A-39", "s01-A-40"]);
        assert_eq!(board.choose(0.999_999, 1.0, 1), ["s01-B-40"]);
    }

    #[test]
    fn a_house_is_given_out_to_the_last_seat_and_not_twice() {
        let mut board = board(&[true; 333]);
        let mut seen = std::collections::BTreeSet::new();
        for turn in 0_u32.. {
            let seats = board.choose(f64::from(turn % 97) / 97.0, 2.0, turn % 6 + 1);
            strike(&mut board, &seats);
            if seats.is_empty() {
                break;
            }
            assert!(seats.into_iter().all(|seat| seen.insert(seat)), "no seat comes twice");
        }
        assert_eq!((seen.len(), board.free()), (333, 0));
    }

    #[test]
    fn what_the_server_says_wins() {
        let mut board = board(&[true; 10]);
        let seat = ProblemSeat { seat_id: "s01-A-1".into(), status: None };
        board.taken(&[seat.clone(), seat]);
        assert_eq!(board.free(), 9);
        let all_sold = seatmap::encode(8, [SeatStatus::Sold; 10].into_iter());
        board.refresh(&all_sold).expect("a map");
        assert_eq!((board.free(), board.sold(), board.choose(0.5, 1.0, 2).len()), (0, 10, 0));
        assert!(board.refresh(b"rubbish").is_err());
        assert!(board.refresh(&seatmap::encode(9, [SeatStatus::Sold; 9].into_iter())).is_err());
    }
}
