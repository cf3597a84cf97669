//! The summary of runs is exact. A search looks again at what it finds, so a summary that says too
//! much would give the right seats all the same, and only waste time when a hall is nearly full.

use std::cell::RefCell;

use super::*;
use crate::plan::SeatIx;
use crate::seats::SeatMap;
use crate::seats::tests::{hall, plan};

/// These lengths of runs, and no others.
fn lengths(of: &[u32]) -> Lengths {
    Lengths(of.iter().fold(0, |union, &length| union | Lengths::of(length).0))
}

/// The lengths of the runs in a drawn row, by counting its signs.
fn counted(row: &str) -> Lengths {
    let is_end = |sign: char| "Xx|".contains(sign);
    let runs = row.split(is_end).map(|run| u32::try_from(run.len()).expect("a row is short"));
    lengths(&runs.filter(|&length| length > 0).collect::<Vec<_>>())
}

/// What the summary of a hall says of a row, to somebody who asks for nothing that any row has and
/// so comes to all of them.
fn summarised(map: &SeatMap, row: u32) -> Lengths {
    let free = Eligible { free: map.available(), category: None, joins: map.plan().joins() };
    let sum_up = |row| free.lengths(map.plan().row(row).seats());
    let mut runs = map.row_runs().borrow_mut();
    let all = 0..u32::try_from(map.plan().rows().len()).expect("a small hall");
    assert_eq!(runs.first_row(all, Lengths::default(), None, &sum_up), None);
    runs.rows[row as usize]
}

/// The unions that the summary has of its blocks.
fn unions(runs: &RowRuns) -> Vec<Lengths> {
    runs.blocks.iter().map(|block| block.union).collect()
}

#[test]
fn a_row_has_the_lengths_of_its_runs() {
    let check = |row: &str, expected: &[u32]| {
        assert_eq!(summarised(&hall(&[row]), 0), lengths(expected), "{row}");
    };
    check("XXXX", &[]);
    check(".", &[1]);
    check("..X...X.", &[1, 2, 3]);
    check("..|..|...", &[2, 3]);
    // Whoever asks for a category may sit beside any other.
    check("..,,X,", &[1, 4]);
    check("...............", &[15]);
    check("................", &[16]);
    check("................X..............", &[14, 16]);
}

#[test]
fn runs_of_sixteen_and_more_are_the_same() {
    assert_eq!(Lengths::of(16), Lengths::of(17));
    assert_eq!(Lengths::of(16), Lengths::of(1_000));
    assert_ne!(Lengths::of(15), Lengths::of(16));
}

/// Wherever rows lie in the words of the bitmap, beside whatever rows, and however long they are.
#[test]
fn a_row_is_judged_by_its_own_seats() {
    let tile = "...X.|..,,.XX.....|.x.";
    for length in [1, 3, 17, 22, 62, 63, 64, 65, 127, 128, 129, 200] {
        let row: String = tile.chars().cycle().take(length).collect();
        for before in [1, 5, 40, 63, 64, 65, 100] {
            // The rows beside it are free to their ends, which is where they could be taken along.
            let (left, right) = (".".repeat(before), ".".repeat(70));
            let map = hall(&[&left, &row, &right]);
            let shown = [0, 1, 2].map(|row| summarised(&map, row));
            let expected = [&left, &row, &right].map(|row| counted(row));
            assert_eq!(shown, expected, "{length} signs of {tile:?} behind {before} seats");
        }
    }
}

#[test]
fn the_summary_follows_every_change() {
    let drawing = ["....|...", "X..X....", ".."];
    let mut map = hall(&drawing);
    let mut check = |change: &dyn Fn(&mut SeatMap), rows: [&[u32]; 3]| {
        change(&mut map);
        assert_eq!([0, 1, 2].map(|row| summarised(&map, row)), rows.map(lengths));
        let union = rows.iter().fold(0, |union, row| union | lengths(row).0);
        assert_eq!(unions(&map.row_runs().borrow()), [Lengths(union)]);
    };
    let seats = |numbers: &[u32]| numbers.iter().copied().map(SeatIx).collect::<Vec<_>>();
    check(&|_| (), [&[3, 4], &[2, 4], &[2]]);
    check(&|map| map.hold(&seats(&[1]), 1), [&[1, 2, 3], &[2, 4], &[2]]);
    check(&|map| map.hold(&seats(&[15, 16, 0]), 1), [&[2, 3], &[2, 4], &[]]);
    check(&|map| map.sell(&seats(&[1, 15])), [&[2, 3], &[2, 4], &[]]);
    check(&|map| map.release(&seats(&[0])), [&[1, 2, 3], &[2, 4], &[]]);
    check(&|map| map.unsell(&seats(&[1, 15])), [&[3, 4], &[2, 4], &[1]]);
    let mut off_sale = SeatMap::new(plan(&drawing).into());
    assert_eq!([0, 1, 2].map(|row| summarised(&off_sale, row)), [lengths(&[]); 3]);
    off_sale.put_on_sale(&seats(&[0, 1, 9]));
    assert_eq!([0, 1, 2].map(|row| summarised(&off_sale, row)), [&[2][..], &[1], &[]].map(lengths));
}

#[test]
fn what_is_asked_for_is_a_set_of_lengths() {
    let shared: Vec<u32> = (1..=LENGTH_SHARED).collect();
    let from = |first: u32| lengths(&shared[first as usize - 1..]);
    assert_eq!(Lengths::ANY, from(1));
    assert_eq!(Lengths::at_least(1), from(1));
    assert_eq!(Lengths::at_least(5), from(5));
    assert_eq!(Lengths::at_least(16), from(16));
    assert_eq!(Lengths::at_least(40), from(16));
    // One more than that would leave one alone.
    assert_eq!(Lengths::without_orphan(1), Lengths(lengths(&[1]).0 | from(3).0));
    assert_eq!(Lengths::without_orphan(4), Lengths(lengths(&[4]).0 | from(6).0));
    assert_eq!(Lengths::without_orphan(15), lengths(&[15, 16]));
    assert_eq!(Lengths::without_orphan(40), from(16));
}

/// Rows of 300 that have runs: a few of two seats, one of four.
#[test]
fn rows_that_cannot_serve_are_passed_over() {
    let (mut runs, mut rows) = (RowRuns::new(300), vec![Lengths::default(); 300]);
    for row in [63, 64, 130, 299] {
        rows[row as usize] = lengths(&[2]);
        runs.note_change(RowIx(row));
    }
    rows[190] = lengths(&[4]);
    runs.note_change(RowIx(190));
    let mut among = Bitmap::new(300);
    [64, 190, 200].into_iter().for_each(|row| among.set(row));

    let mut check =
        |rows_now: &[Lengths], among: Range<u32>, wanted: u32, of: Option<&Bitmap>, expected| {
            let sum_up = |row: RowIx| rows_now[row.index()];
            let found = runs.first_row(among.clone(), Lengths::at_least(wanted), of, &sum_up);
            assert_eq!(found, Option::<u32>::map(expected, RowIx), "{wanted} in {among:?}");
        };
    check(&rows, 0..300, 1, None, Some(63));
    check(&rows, 0..63, 1, None, None);
    check(&rows, 63..64, 1, None, Some(63));
    check(&rows, 64..300, 1, None, Some(64));
    check(&rows, 65..300, 2, None, Some(130));
    check(&rows, 65..130, 2, None, None);
    check(&rows, 0..300, 3, None, Some(190));
    check(&rows, 0..190, 3, None, None);
    check(&rows, 191..300, 1, None, Some(299));
    check(&rows, 191..299, 1, None, None);
    check(&rows, 0..300, 5, None, None);
    check(&rows, 7..7, 1, None, None);
    // Only rows that have a seat of a category, say.
    check(&rows, 0..300, 1, Some(&among), Some(64));
    check(&rows, 65..300, 1, Some(&among), Some(190));
    check(&rows, 191..300, 1, Some(&among), None);

    // A row that has none any more is passed over as well, and its block with it.
    rows[190] = Lengths::default();
    runs.note_change(RowIx(190));
    let sum_up = |row: RowIx| rows[row.index()];
    assert_eq!(runs.first_row(0..300, Lengths::at_least(3), None, &sum_up), None);
    let two = lengths(&[2]);
    assert_eq!(unions(&runs), [two, two, two, Lengths::default(), two]);
}

#[test]
fn a_row_is_summed_up_once_and_only_on_the_way_of_a_search() {
    let (mut runs, summed) = (RowRuns::new(300), RefCell::new(Vec::new()));
    let sum_up = |row: RowIx| {
        summed.borrow_mut().push(row.0);
        lengths(&[row.0 % 7 + 1])
    };
    let mut search = |changes: &[u32], among: Range<u32>, wanted: u32| {
        changes.iter().for_each(|&row| runs.note_change(RowIx(row)));
        let found = runs.first_row(among, Lengths::at_least(wanted), None, &sum_up);
        (found.map(|row| row.0), summed.take())
    };
    // Changed three times, and only those of the block in which one was found.
    assert_eq!(search(&[5, 70, 5, 6, 5, 200], 0..300, 6), (Some(5), vec![5, 6]));
    assert_eq!(search(&[], 0..300, 6), (Some(5), vec![]));
    // Row 70 has one seat, and row 200 five.
    assert_eq!(search(&[], 64..300, 2), (Some(200), vec![70, 200]));
    assert_eq!(search(&[299], 64..300, 2), (Some(200), vec![]));
    assert_eq!(search(&[], 201..300, 2), (Some(299), vec![299]));
}
