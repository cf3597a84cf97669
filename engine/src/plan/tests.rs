//! Tests of building and asking a seating plan.

use super::{
    CATEGORIES_MAX, CategoryIx, PlanError, PlanId, RowIx, SEATS_MAX, SEATS_PER_MARK, SECTIONS_MAX,
    SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec, SectionIx, TEXT_BYTES_MAX,
};

const SEAT: SeatSpec<'_> =
    SeatSpec { label: "A-1", number: "1", category: CategoryIx(0), x: 0.0, y: 0.0 };

/// A plan that is ready for seats in category 0.
fn builder() -> SeatPlanBuilder {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "Teatro");
    builder.category("Standard").unwrap();
    builder.section("Stalls", "stalls").unwrap();
    builder.row("A").unwrap();
    builder
}

/// Stalls with rows A (2 seats) and B (1), an empty zone, and boxes with one seat.
fn small_plan() -> SeatPlan {
    let mut builder = builder();
    let boxes = builder.category("Box").unwrap();
    builder.seat(SEAT).unwrap();
    builder.seat(SeatSpec { label: "A-2", number: "2", ..SEAT }).unwrap();
    builder.row("B").unwrap();
    builder.seat(SeatSpec { label: "B-1", ..SEAT }).unwrap();
    builder.section("Foyer", "").unwrap();
    builder.section("Boxes", "Stalls").unwrap();
    builder.row("left").unwrap();
    builder.seat(SeatSpec { label: "Loge ü", number: "", category: boxes, ..SEAT }).unwrap();
    builder.build().unwrap()
}

#[test]
fn seats_are_found_by_label_and_the_other_way_round() {
    let plan = small_plan();
    assert_eq!((plan.id(), plan.name()), (PlanId([1; 16]), "Teatro"));
    let labels: Vec<&str> = plan.seats().map(|seat| plan.label(seat)).collect();
    assert_eq!(labels, ["A-1", "A-2", "B-1", "Loge ü"]);
    for (seat, label) in plan.seats().zip(labels) {
        assert_eq!(plan.find(label), Some(seat));
    }
    for unknown in ["", "A-3", "a-1", "A-1 ", "Loge"] {
        assert_eq!(plan.find(unknown), None, "{unknown:?}");
    }
    assert_eq!(plan.seats().map(|seat| plan.number(seat)).collect::<Vec<_>>(), ["1", "2", "1", ""]);
    assert!(plan.contains(SeatIx(3)) && !plan.contains(SeatIx(4)));
}

#[test]
fn rows_sections_and_categories_cover_the_seats() {
    let plan = small_plan();
    let sections: Vec<_> =
        plan.sections().iter().map(|s| (s.name(), s.zone_id(), s.rows(), s.seats())).collect();
    let expected = [
        ("Stalls", "stalls", 0..2, 0..3),
        ("Foyer", "", 2..2, 3..3),
        ("Boxes", "Stalls", 2..3, 3..4),
    ];
    assert_eq!(sections, expected);
    let rows: Vec<_> = plan.rows().iter().map(|r| (r.name(), r.section().0, r.seats())).collect();
    assert_eq!(rows, [("A", 0, 0..2), ("B", 0, 2..3), ("left", 2, 3..4)]);
    let of_seats: Vec<_> = plan
        .seats()
        .map(|seat| (plan.row_of(seat).0, plan.section_of(seat).0, plan.category_of(seat).0))
        .collect();
    assert_eq!(of_seats, [(0, 0, 0), (0, 0, 0), (1, 0, 0), (2, 2, 1)]);
    let categories: Vec<_> = plan.categories().iter().map(|c| (c.name(), c.seat_count())).collect();
    assert_eq!(categories, [("Standard", 3), ("Box", 1)]);
    let standard = plan.category(CategoryIx(0));
    assert_eq!(standard.seats().iter_ones().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(standard.rows().iter_ones().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(plan.row(RowIx(1)).name(), "B");
}

#[test]
fn sections_are_found_by_zone_id_before_name() {
    let plan = small_plan();
    let cases = [
        ("stalls", Some(0)),
        // The name of the first section, but the zone id of the third.
        ("Stalls", Some(2)),
        ("Foyer", Some(1)),
        ("Boxes", Some(2)),
        ("", None),
        ("Circle", None),
    ];
    for (text, expected) in cases {
        assert_eq!(plan.find_section(text), expected.map(SectionIx), "{text:?}");
    }
    assert_eq!(plan.find_category("Box"), Some(CategoryIx(1)));
    assert_eq!(plan.find_category("box"), None);
}

/// Builds one row with seats at these positions and shows the neighbours: a hyphen joins two.
fn check_neighbours(positions: &[(f64, f64)], expected: &str) {
    let mut builder = builder();
    for (i, &(x, y)) in positions.iter().enumerate() {
        builder.seat(SeatSpec { label: &format!("A-{i}"), x, y, ..SEAT }).unwrap();
    }
    // A row behind it, to see that no seat joins it.
    builder.row("B").unwrap();
    builder.seat(SeatSpec { label: "B-0", ..SEAT }).unwrap();
    let plan = builder.build().unwrap();
    let shown: String =
        plan.seats().map(|seat| if plan.joins().get(seat.0) { "o-" } else { "o " }).collect();
    assert_eq!(shown.trim_end(), format!("{expected} o"), "{positions:?}");
}

#[test]
fn a_gap_much_wider_than_usual_is_an_aisle() {
    let in_line = |xs: &[f64]| xs.iter().map(|&x| (x, 0.0)).collect::<Vec<_>>();
    let check = |xs: &[f64], expected: &str| check_neighbours(&in_line(xs), expected);
    check(&[0.0], "o");
    check(&[0.0, 1.0, 2.0, 3.0], "o-o-o-o");
    check(&[0.0, 25.0, 75.0, 100.0], "o-o o-o");
    check(&[0.0, 1.0, 2.5, 3.5], "o-o-o-o");
    check(&[0.0, 1.0, 2.51, 3.51], "o-o o-o");
    check(&[9.0, 6.0, 5.0, 4.0], "o o-o-o");
    // Pairs: the gap of a pair is the measure, even where as many gaps are aisles.
    check(&[0.0, 1.0, 4.0], "o-o o");
    check(&[0.0, 1.0, 4.0, 5.0, 8.0], "o-o o-o o");
    // Two seats have only each other to go by, and editors may give no positions at all.
    check(&[0.0, 50.0], "o-o");
    check(&[0.0, 0.0, 0.0], "o-o-o");
    check(&[f64::MAX, f64::MIN, 0.0], "o o-o");
}

#[test]
fn distances_follow_the_curve() {
    let on_arc = |degrees: &[f64]| -> Vec<(f64, f64)> {
        degrees.iter().map(|d| d.to_radians()).map(|a| (90.0 * a.cos(), 90.0 * a.sin())).collect()
    };
    check_neighbours(&on_arc(&[0.0, 10.0, 20.0, 40.0, 50.0, 60.0, 70.0]), "o-o-o o-o-o-o");
}

#[test]
fn what_is_not_a_plan_is_refused_and_changes_nothing() {
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let cases = [
        (SeatSpec { label: "", ..SEAT }, PlanError::EmptyLabel),
        (SeatSpec { label: &long, ..SEAT }, PlanError::TextTooLong),
        (SeatSpec { label: "A-2", number: &long, ..SEAT }, PlanError::TextTooLong),
        (SEAT, PlanError::DuplicateLabel("A-1".to_owned())),
        (
            SeatSpec { label: "A-2", category: CategoryIx(1), ..SEAT },
            PlanError::UnknownCategory(CategoryIx(1)),
        ),
        (SeatSpec { label: "A-2", x: f64::NAN, ..SEAT }, PlanError::PositionNotFinite),
        (SeatSpec { label: "A-2", y: f64::INFINITY, ..SEAT }, PlanError::PositionNotFinite),
    ];
    let mut builder = builder();
    builder.seat(SEAT).unwrap();
    for (seat, expected) in cases {
        assert_eq!(builder.seat(seat), Err(expected));
    }
    assert_eq!(
        builder.category("Standard"),
        Err(PlanError::DuplicateCategory("Standard".to_owned()))
    );
    assert_eq!(
        builder.section("Other", "stalls"),
        Err(PlanError::DuplicateZoneId("stalls".to_owned()))
    );
    let plan = builder.build().unwrap();
    assert_eq!((plan.seat_count(), plan.rows().len(), plan.sections().len()), (1, 1, 1));
}

#[test]
fn room_made_beforehand_changes_nothing_but_room() {
    let built = |room: Option<(usize, usize)>| {
        let mut builder = builder();
        if let Some((rows, seats)) = room {
            builder.reserve(rows, seats);
        }
        let labels: Vec<String> = (0..40).map(|n| format!("A-{n}")).collect();
        for label in &labels {
            builder.seat(SeatSpec { label, ..SEAT }).unwrap();
        }
        let duplicate = builder.seat(SeatSpec { label: "A-39", ..SEAT });
        assert_eq!(duplicate, Err(PlanError::DuplicateLabel("A-39".to_owned())));
        let plan = builder.build().unwrap();
        let found: Vec<_> = labels.iter().map(|label| plan.find(label)).collect();
        assert_eq!(found, plan.seats().map(Some).collect::<Vec<_>>());
        plan
    };
    let plan = built(None);
    // Too little, as much as is needed, too much, and more than a plan can have.
    for room in [(0, 0), (1, 10), (9, 40), (9, 1_000), (usize::MAX, usize::MAX)] {
        let roomy = built(Some(room));
        assert_eq!((roomy.rows(), roomy.sections()), (plan.rows(), plan.sections()), "{room:?}");
        assert_eq!((roomy.categories(), roomy.joins()), (plan.categories(), plan.joins()));
    }
}

#[test]
fn parts_belong_into_each_other() {
    let mut empty = SeatPlanBuilder::new(PlanId([0; 16]), "");
    assert_eq!(empty.row("A"), Err(PlanError::RowOutsideSection));
    assert_eq!(empty.seat(SEAT), Err(PlanError::SeatOutsideRow));
    let mut builder = builder();
    builder.section("Circle", "").unwrap();
    assert_eq!(builder.seat(SEAT), Err(PlanError::SeatOutsideRow));
    assert_eq!(builder.build(), Err(PlanError::NoSeats));
}

#[test]
fn a_text_may_be_as_long_as_the_limit() {
    let longest = "x".repeat(TEXT_BYTES_MAX);
    let mut builder = builder();
    let seat = SeatSpec { label: &longest, number: &longest, ..SEAT };
    assert_eq!(builder.seat(seat), Ok(SeatIx(0)));
    assert_eq!(builder.build().unwrap().find(&longest), Some(SeatIx(0)));
}

#[test]
fn there_may_be_as_many_sections_as_the_limit() {
    let mut builder = SeatPlanBuilder::new(PlanId([0; 16]), "");
    for section in 0..SECTIONS_MAX {
        assert_eq!(builder.section("", ""), Ok(SectionIx(section)));
    }
    assert_eq!(builder.section("", ""), Err(PlanError::TooManySections));
}

/// A search for a row begins at the mark before the seat, so marks lie where they say.
#[test]
fn every_64th_seat_marks_its_row() {
    let mut builder = builder();
    let mut rows = Vec::new();
    for (row, seats) in (1..).zip([3, 0, 61, 0, 64, 1, 0, 130, 2]) {
        builder.row("").unwrap();
        for _ in 0..seats {
            let label = rows.len().to_string();
            builder.seat(SeatSpec { label: &label, ..SEAT }).unwrap();
            rows.push(RowIx(row));
        }
    }
    let plan = builder.build().unwrap();
    assert!(plan.seats().map(|seat| plan.row_of(seat)).eq(rows.iter().copied()));
    assert!(plan.row_marks.iter().eq(rows.iter().step_by(SEATS_PER_MARK)));
}

#[test]
fn the_limits_hold() {
    let mut builder = SeatPlanBuilder::new(PlanId([0; 16]), "");
    for i in 0..CATEGORIES_MAX {
        assert_eq!(builder.category(&i.to_string()), Ok(CategoryIx(i)));
    }
    assert_eq!(builder.category("one more"), Err(PlanError::TooManyCategories));
    builder.section("", "").unwrap();
    for i in 0..SEATS_MAX {
        if i % 1_000 == 0 {
            builder.row("").unwrap();
        }
        let seat = SeatSpec { label: &i.to_string(), number: "", x: f64::from(i), ..SEAT };
        assert_eq!(builder.seat(seat), Ok(SeatIx(i)));
    }
    let one_more = SeatSpec { label: "one more", ..SEAT };
    assert_eq!(builder.seat(one_more), Err(PlanError::TooManySeats));
    let plan = builder.build().unwrap();
    for seat in [0, 1, 999, 1_000, SEATS_MAX - 1] {
        assert_eq!(plan.find(&seat.to_string()), Some(SeatIx(seat)));
        assert_eq!(plan.row_of(SeatIx(seat)), RowIx(seat / 1_000));
    }
    assert_eq!(plan.find(&SEATS_MAX.to_string()), None);
}
