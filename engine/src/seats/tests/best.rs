//! Best-available: the rules as drawings, and many random halls against a search that tries
//! every choice there is.

use super::super::{BestQuery, SeatMap, SeatStatus};
use super::{Random, hall, marked, random_hall, random_seats};
use crate::plan::{CategoryIx, SeatIx, SectionIx};

/// `expected` is the drawing with the chosen seats marked, or empty where none are found.
fn check(drawing: &[&str], query: BestQuery, expected: &[&str]) {
    let found = hall(drawing).best_available(&query);
    let shown = found.map_or_else(Vec::new, |seats| marked(drawing, &seats));
    assert_eq!(shown, expected, "{query:?} in {drawing:?}");
}

fn adjacent(quantity: u32) -> BestQuery {
    BestQuery { quantity, category: None, section: None, adjacent: true }
}

fn anywhere(quantity: u32) -> BestQuery {
    BestQuery { adjacent: false, ..adjacent(quantity) }
}

fn in_category(category: u8, query: BestQuery) -> BestQuery {
    BestQuery { category: Some(CategoryIx(category)), ..query }
}

fn in_section(section: u16, query: BestQuery) -> BestQuery {
    BestQuery { section: Some(SectionIx(section)), ..query }
}

#[test]
fn nearest_to_the_centre_of_the_row() {
    check(&["........."], adjacent(1), &["....*...."]);
    check(&["........."], adjacent(3), &["...***..."]);
    check(&["........"], adjacent(2), &["...**..."]);
    // Between two as near as each other, the lower numbers.
    check(&["........"], adjacent(1), &["...*...."]);
    check(&["........."], adjacent(2), &["...**...."]);
    check(&["....X...."], adjacent(2), &["..**X...."]);
    check(&["..XX..X"], adjacent(2), &["..XX**X"]);
}

#[test]
fn earlier_rows_first() {
    check(&["XX..", "...."], adjacent(2), &["XX**", "...."]);
    check(&["XXX.", "...."], adjacent(2), &["XXX.", "**.."]);
    check(&["", "X", "...."], adjacent(4), &["", "X", "****"]);
}

#[test]
fn aisles_and_row_ends_part() {
    check(&["...|..."], adjacent(4), &[]);
    check(&["...|....."], adjacent(4), &["...|****."]);
    check(&["X..", "..X"], adjacent(3), &[]);
    check(&["...", "..."], adjacent(4), &[]);
}

#[test]
fn no_seat_is_left_alone_if_it_can_be_helped() {
    // The centre would leave one seat at each side.
    check(&["XX....XX"], adjacent(2), &["XX**..XX"]);
    // The first row can only leave one alone, the second need not.
    check(&["XX...XXX", "XXXX..XX"], adjacent(2), &["XX...XXX", "XXXX**XX"]);
    // Nobody can help it: the best there is.
    check(&["XX...XXX", "XXXX...X"], adjacent(2), &["XX.**XXX", "XXXX...X"]);
    // An aisle is as good as a taken seat.
    check(&["...|..|X"], adjacent(2), &["...|**|X"]);
    // A seat of another category keeps company too, and can be left alone as well.
    check(&["X..,X"], in_category(0, adjacent(1)), &["X*.,X"]);
    check(&["X..,X"], in_category(0, adjacent(2)), &["X**,X"]);
    check(&["X..,X", "XX..X"], in_category(0, adjacent(2)), &["X..,X", "XX**X"]);
}

#[test]
fn only_the_category_asked_for() {
    check(&["....", ",,,,"], in_category(1, adjacent(2)), &["....", "**,,"]);
    check(&["..,,.."], in_category(1, adjacent(2)), &["..**.."]);
    check(&["..,,.."], in_category(0, adjacent(3)), &[]);
    check(&["..,,.."], adjacent(6), &["******"]);
    check(&["xx..", "x,,,"], in_category(1, anywhere(3)), &["xx..", "x***"]);
    check(&[",.,.,"], in_category(1, anywhere(3)), &["*.*.*"]);
    check(&[",.,.,"], in_category(1, anywhere(4)), &[]);
}

#[test]
fn only_the_section_asked_for() {
    let drawing = &["....", "section", "X..X", "....", "section", "..."];
    check(drawing, in_section(0, adjacent(4)), &["****", "X..X", "....", "..."]);
    check(drawing, in_section(1, adjacent(4)), &["....", "X..X", "****", "..."]);
    check(drawing, in_section(2, adjacent(4)), &[]);
    check(drawing, in_section(2, anywhere(4)), &[]);
    check(drawing, in_section(1, anywhere(2)), &["....", "X**X", "....", "..."]);
}

#[test]
fn singles_are_the_last_resort() {
    check(&[".X.X.", ".X..."], anywhere(3), &[".X.X.", ".X***"]);
    check(&[".X.X.", ".X.X."], anywhere(2), &["*X*X.", ".X.X."]);
    check(&[".X.X.", ".X.X."], anywhere(4), &["*X*X*", ".X*X."]);
    check(&[".X.X.", ".X.X."], anywhere(6), &["*X*X*", "*X*X*"]);
    check(&[".X.X.", ".X.X."], anywhere(7), &[]);
    check(&[".X.X."], adjacent(2), &[]);
}

#[test]
fn all_or_nothing() {
    check(&["...."], adjacent(0), &[]);
    check(&["...."], anywhere(5), &[]);
    check(&["XXXX"], anywhere(1), &[]);
    check(&["...."], adjacent(u32::MAX), &[]);
}

#[test]
fn agrees_with_a_search_that_tries_everything() {
    let mut found = [0; 3];
    for seed in 0..300 {
        let mut random = Random(seed);
        let drawing = random_hall(&mut random);
        let drawing: Vec<&str> = drawing.iter().map(String::as_str).collect();
        let mut map = hall(&drawing);
        for _ in 0..6 {
            let taken = random_seats(&mut random, &map, SeatStatus::Available);
            map.hold(&taken, 1);
            for _ in 0..20 {
                let quantity_max = if random.chance(10) { 100 } else { 6 };
                let query = BestQuery {
                    quantity: 1 + random.below(quantity_max),
                    category: random.chance(40).then(|| CategoryIx(random.below(2) as u8)),
                    section: random.chance(40).then(|| SectionIx(random.below(3) as u16)),
                    adjacent: random.chance(50),
                };
                let (expected, kind) = tried(&drawing, &map, &query);
                assert_eq!(map.best_available(&query), expected, "seed {seed}, {query:?}");
                found[kind] += 1;
            }
            let returned = random_seats(&mut random, &map, SeatStatus::Held);
            map.release(&returned);
        }
    }
    assert!(found.iter().all(|&count| count > 1_000), "each kind of answer is met: {found:?}");
}

/// A seat as the naive search sees it.
#[derive(Clone, Copy)]
struct Place {
    section: u16,
    row: usize,
    /// Twice the distance from the centre of the row.
    off_centre: u32,
    /// Seats with the same number in the same row are not parted by an aisle.
    block: usize,
    category: u8,
}

fn places(drawing: &[&str]) -> Vec<Place> {
    let (mut section, mut places) = (0, Vec::new());
    for (row, text) in drawing.iter().enumerate() {
        if *text == "section" {
            section += 1;
            continue;
        }
        let count = text.chars().filter(|&sign| sign != '|').count();
        let (mut block, mut seat) = (0, 0_usize);
        for sign in text.chars() {
            if sign == '|' {
                block += 1;
                continue;
            }
            let off_centre = u32::try_from((2 * seat).abs_diff(count - 1)).unwrap();
            let category = u8::from(sign == ',');
            places.push(Place { section, row, off_centre, block, category });
            seat += 1;
        }
    }
    places
}

/// The answer by trying every choice, and its kind: none, side by side, singles.
fn tried(drawing: &[&str], map: &SeatMap, query: &BestQuery) -> (Option<Vec<SeatIx>>, usize) {
    let places = places(drawing);
    let at = |seat: usize| SeatIx(u32::try_from(seat).unwrap());
    let free = |seat: usize| map.status(at(seat)) == SeatStatus::Available;
    let fits = |seat: usize| {
        let place = places[seat];
        free(seat)
            && query.category.is_none_or(|category| category.0 == place.category)
            && query.section.is_none_or(|section| section.0 == place.section)
    };
    let together = |a: usize, b: usize| {
        b < places.len() && (places[a].row, places[a].block) == (places[b].row, places[b].block)
    };
    let quantity = query.quantity as usize;
    let mut best: Option<(bool, usize, u32, usize)> = None;
    for start in 0..places.len() {
        let end = start + quantity;
        if !together(start, end - 1) || !(start..end).all(fits) {
            continue;
        }
        let free_beside = |seat: usize, beside: usize| together(seat, beside) && free(beside);
        let left = start >= 1 && free_beside(start, start - 1);
        let left_alone = left && !(start >= 2 && free_beside(start, start - 2));
        let right_alone = free_beside(start, end) && !free_beside(start, end + 1);
        // The mean of both ends, doubled, is as far from the centre as the whole.
        let row_start = (0..=start).rfind(|&s| s == 0 || places[s - 1].row != places[s].row);
        let row_end =
            (end..=places.len()).find(|&e| e == places.len() || places[e].row != places[start].row);
        let off_centre = (start + end).abs_diff(row_start.unwrap() + row_end.unwrap());
        let off_centre = u32::try_from(off_centre).unwrap();
        let rank = (left_alone || right_alone, places[start].row, off_centre, start);
        best = Some(best.map_or(rank, |best| best.min(rank)));
    }
    if let Some((_, _, _, start)) = best {
        return (Some((start..start + quantity).map(at).collect()), 1);
    }
    let mut singles: Vec<usize> = (0..places.len()).filter(|&seat| fits(seat)).collect();
    singles.sort_by_key(|&seat| (places[seat].row, places[seat].off_centre, seat));
    if query.adjacent || singles.len() < quantity {
        return (None, 0);
    }
    singles.truncate(quantity);
    singles.sort_unstable();
    (Some(singles.into_iter().map(at).collect()), 2)
}
