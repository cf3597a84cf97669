//! Tests of the seat map and best-available; here is what both draw on.

use std::sync::Arc;

use super::{SeatMap, SeatStatus};
use crate::plan::{CategoryIx, PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};

mod best;
mod map;

/// A small generator of reproducible numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).expect("below a u32")
    }

    /// True `percent` times of a hundred.
    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }
}

/// Draws a hall, one text a row: `.` is a free seat of category 0, `,` one of category 1, `X`
/// and `x` are sold ones of these, `|` is an aisle. The text `section` begins a section.
pub(super) fn hall(drawing: &[&str]) -> SeatMap {
    let mut map = SeatMap::new(Arc::new(plan(drawing)));
    let seats: Vec<SeatIx> = map.plan().seats().collect();
    map.put_on_sale(&seats);
    let signs = rows(drawing).flat_map(|row| row.chars().filter(|&sign| sign != '|'));
    let sold: Vec<SeatIx> = seats
        .iter()
        .copied()
        .zip(signs)
        .filter(|&(_, sign)| sign.eq_ignore_ascii_case(&'x'))
        .map(|(seat, _)| seat)
        .collect();
    map.hold(&sold, 1);
    map.sell(&sold);
    map
}

pub(super) fn plan(drawing: &[&str]) -> SeatPlan {
    let mut builder = SeatPlanBuilder::new(PlanId([7; 16]), "drawn");
    builder.category("front").unwrap();
    builder.category("back").unwrap();
    builder.section("first", "").unwrap();
    for (y, &row) in drawing.iter().enumerate() {
        if row == "section" {
            builder.section("next", "").unwrap();
            continue;
        }
        builder.row("").unwrap();
        for (x, sign) in row.char_indices().filter(|&(_, sign)| sign != '|') {
            let category = CategoryIx(u8::from(matches!(sign, ',' | 'x')));
            let label = format!("{y}-{x}");
            // An aisle is as wide as one seat that is not there.
            let seat = SeatSpec { label: &label, number: "", category, x: x as f64, y: 0.0 };
            builder.seat(seat).unwrap();
        }
    }
    builder.build().unwrap()
}

/// Marks chosen seats with `*` in a drawing.
fn marked(drawing: &[&str], chosen: &[SeatIx]) -> Vec<String> {
    let mut seat = 0;
    let mut mark = |sign: char| {
        if sign == '|' {
            return sign;
        }
        seat += 1;
        if chosen.contains(&SeatIx(seat - 1)) { '*' } else { sign }
    };
    rows(drawing).map(|row| row.chars().map(&mut mark).collect()).collect()
}

fn rows<'a>(drawing: &'a [&str]) -> impl Iterator<Item = &'a str> {
    drawing.iter().copied().filter(|&row| row != "section")
}

/// Rows of random lengths, most of them across words of 64 seats, with aisles and two
/// categories, in three sections, one of them empty.
fn random_hall(random: &mut Random) -> Vec<String> {
    let mut drawing = vec![String::new()];
    for _ in 0..=random.below(80) {
        let mut row = String::new();
        let mut sign = '.';
        let length_max = if random.chance(10) { 150 } else { 24 };
        for _ in 0..random.below(length_max) {
            if random.chance(8) {
                sign = if sign == '.' { ',' } else { '.' };
            }
            // The median gap of a row must stay that of seats side by side.
            if row.len() > 2 && !row[row.len() - 3..].contains('|') && random.chance(20) {
                row.push('|');
            }
            row.push(sign);
        }
        drawing.push(row);
    }
    drawing.push("...".to_owned());
    for section in ["section", "section"] {
        let at = random.below(u32::try_from(drawing.len()).unwrap()) as usize;
        drawing.insert(at, section.to_owned());
    }
    drawing
}

/// Some seats with this status, in plan order or, since nothing promises that, backwards.
fn random_seats(random: &mut Random, map: &SeatMap, status: SeatStatus) -> Vec<SeatIx> {
    let share = random.below(100);
    let mut seats: Vec<SeatIx> = map.seats_with(status).filter(|_| random.chance(share)).collect();
    if random.chance(50) {
        seats.reverse();
    }
    seats
}
