//! pretix's seating-plan JSON becomes a [`SeatPlan`].
//!
//! A document is read twice: once for all but its seats, whose text is only passed over, and then
//! seats, one row at a time, on their way to the engine's builder. So there never is a tree of all
//! seats, which would take as much memory as the document. Two passes, since nothing says that
//! names come before what they are the names of: a zone's id may stand behind its rows.
//!
//! Seats come to the builder in document order, which is plan order, so seat `n` of the compact
//! seat map is the `n`-th seat of the document. Everything that is refused is refused with the JSON
//! pointer of its fault, since a plan has thousands of seats and its author sees only the editor.
//!
//! Memory is bounded by the route's body limit: besides the document, one struct a row, one a seat
//! of the longest row, and the plan itself.

use crate::http::body::{from_json, from_part};
use crate::http::problem::{ApiError, Code};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use usher_engine::plan::{CategoryIx, PlanError, PlanId, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_wire::plan::{PlanCategory, PlanPosition, PlanSeat, PlanSize};

/// A [`PlanDocument`](usher_wire::plan::PlanDocument) whose seats were not read. What nobody asks
/// for is here to be refused where it is wrong.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    categories: Vec<PlanCategory<'a>>,
    #[serde(borrow)]
    zones: Vec<ZoneOutline<'a>>,
    #[serde(default, rename = "size")]
    _size: Option<PlanSize>,
}

/// A [`PlanZone`](usher_wire::plan::PlanZone) whose seats were not read.
#[derive(Deserialize)]
struct ZoneOutline<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    zone_id: Option<Cow<'a, str>>,
    #[serde(default, rename = "position")]
    _position: PlanPosition,
    #[serde(borrow, default)]
    rows: Vec<RowOutline<'a>>,
}

/// A [`PlanRow`](usher_wire::plan::PlanRow) whose seats were not read.
#[derive(Deserialize)]
struct RowOutline<'a> {
    #[serde(borrow, default)]
    row_number: Option<Cow<'a, str>>,
    #[serde(default, rename = "position")]
    _position: PlanPosition,
    #[serde(borrow, default = "no_seats")]
    seats: &'a RawValue,
}

fn no_seats() -> &'static RawValue {
    serde_json::from_str("[]").expect("an empty list")
}

/// Reads a plan, or says where its fault is.
pub fn import(id: PlanId, document: &[u8]) -> Result<SeatPlan, ApiError> {
    let outline: Outline<'_> = from_json(document)?;
    let mut builder = SeatPlanBuilder::new(id, &outline.name);
    let mut categories = HashMap::with_capacity(outline.categories.len());
    for (index, category) in outline.categories.iter().enumerate() {
        let number = builder
            .category(&category.name)
            .map_err(|error| fault(format!("/categories/{index}/name"), &error))?;
        categories.insert(&*category.name, number);
    }
    let row_count = outline.zones.iter().map(|zone| zone.rows.len()).sum();
    // Who knows how many seats there are has read them; so often a label is named.
    builder.reserve(row_count, memmem::find_iter(document, b"\"seat_guid\"").count());
    for (index, zone) in outline.zones.iter().enumerate() {
        add_zone(&mut builder, &categories, zone, &format!("/zones/{index}"))?;
    }
    builder.build().map_err(|error| fault("/zones".to_owned(), &error))
}

fn add_zone(
    builder: &mut SeatPlanBuilder,
    categories: &HashMap<&str, CategoryIx>,
    zone: &ZoneOutline<'_>,
    pointer: &str,
) -> Result<(), ApiError> {
    builder
        .section(&zone.name, zone.zone_id.as_deref().unwrap_or_default())
        .map_err(|error| fault(format!("{pointer}/zone_id"), &error))?;
    for (index, row) in zone.rows.iter().enumerate() {
        add_row(builder, categories, row, &format!("{pointer}/rows/{index}"))?;
    }
    Ok(())
}

fn add_row(
    builder: &mut SeatPlanBuilder,
    categories: &HashMap<&str, CategoryIx>,
    row: &RowOutline<'_>,
    pointer: &str,
) -> Result<(), ApiError> {
    builder
        .row(row.row_number.as_deref().unwrap_or_default())
        .map_err(|error| fault(pointer.to_owned(), &error))?;
    let pointer = format!("{pointer}/seats");
    let seats: Vec<PlanSeat<'_>> = from_part(&pointer, row.seats.get().as_bytes())?;
    for (index, seat) in seats.iter().enumerate() {
        let place = |field: &str| format!("{pointer}/{index}/{field}");
        let Some(&category) = categories.get(&*seat.category) else {
            let words = format!("there is no category {:?}", seat.category);
            return Err(ApiError::new(Code::BadPlan).detail(words).pointer(place("category")));
        };
        let spec = SeatSpec {
            label: &seat.seat_guid,
            number: seat.seat_number.as_deref().unwrap_or_default(),
            category,
            x: seat.position.x,
            y: seat.position.y,
        };
        builder.seat(spec).map_err(|error| fault(place(faulty_field(&error)), &error))?;
    }
    Ok(())
}

/// The field of a seat that the builder complains about.
fn faulty_field(error: &PlanError) -> &'static str {
    match error {
        PlanError::PositionNotFinite => "position",
        PlanError::UnknownCategory(_) | PlanError::DuplicateCategory(_) => "category",
        PlanError::NoSeats
        | PlanError::TooManySeats
        | PlanError::TooManyRows
        | PlanError::TooManySections
        | PlanError::TooManyCategories
        | PlanError::DuplicateLabel(_)
        | PlanError::DuplicateZoneId(_)
        | PlanError::EmptyLabel
        | PlanError::TextTooLong
        | PlanError::RowOutsideSection
        | PlanError::SeatOutsideRow => "seat_guid",
    }
}

fn fault(pointer: String, error: &PlanError) -> ApiError {
    ApiError::new(Code::BadPlan).detail(error.to_string()).pointer(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use usher_engine::plan::{Row, RowIx};
    use usher_wire::plan::PlanDocument;

    const ID: PlanId = PlanId([1; 16]);

    fn plan() -> Value {
        json!({
            "name": "Hall", "categories": [{"name": "Red", "color": "#f00"}, {"name": "Blue"}],
            "size": {"width": 10, "height": 10}, "made_by": {"an": "editor"},
            "zones": [{
                "name": "Stalls", "zone_id": "st", "position": {"x": 1, "y": 2}, "areas": [],
                "rows": [{"row_number": "A", "position": {"x": 0, "y": 0}, "uuid": "r", "seats": [
                    {"seat_guid": "A-1", "seat_number": "1", "position": {"x": 0, "y": 0},
                     "category": "Red", "radius": 10},
                    {"seat_guid": "A-2", "position": {"x": 1.5, "y": -0.5}, "category": "Blue"},
                ]}],
            }],
        })
    }

    #[test]
    fn a_plan_keeps_its_order_and_ignores_what_it_does_not_know() {
        let plan = import(ID, plan().to_string().as_bytes()).expect("a plan");
        assert_eq!((plan.name(), plan.seat_count()), ("Hall", 2));
        let labels: Vec<_> = plan.seats().map(|seat| plan.label(seat)).collect();
        assert_eq!(labels, ["A-1", "A-2"]);
        let categories: Vec<_> =
            plan.categories().iter().map(|c| (c.name(), c.seat_count())).collect();
        assert_eq!(categories, [("Red", 1), ("Blue", 1)]);
        assert_eq!(plan.sections()[0].zone_id(), "st");
    }

    /// Puts `value` at `at`, and expects the fault to be found at `pointer`.
    #[track_caller]
    fn check(at: &str, value: Value, code: Code, pointer: &str) {
        let mut document = plan();
        *document.pointer_mut(at).expect("something is there") = value;
        let error = import(ID, document.to_string().as_bytes()).expect_err(at);
        assert_eq!(error.code(), code, "{error:?}");
        let told = format!("{error:?}");
        assert!(told.contains(&format!("pointer: Some(\"{pointer}\")")), "{told}");
    }

    #[test]
    fn a_fault_is_refused_with_its_pointer() {
        use Code::{BadPlan, InvalidField};
        let seat = "/zones/0/rows/0/seats/1";
        check(&format!("{seat}/seat_guid"), json!("A-1"), BadPlan, &format!("{seat}/seat_guid"));
        check(&format!("{seat}/seat_guid"), json!(""), BadPlan, &format!("{seat}/seat_guid"));
        check(
            &format!("{seat}/seat_guid"),
            json!("x".repeat(300)),
            BadPlan,
            &format!("{seat}/seat_guid"),
        );
        check(&format!("{seat}/seat_guid"), json!(7), InvalidField, &format!("{seat}/seat_guid"));
        check(&format!("{seat}/category"), json!("Green"), BadPlan, &format!("{seat}/category"));
        check(
            &format!("{seat}/position/x"),
            json!("1"),
            InvalidField,
            &format!("{seat}/position/x"),
        );
        check(seat, json!({}), InvalidField, &format!("{seat}/seat_guid"));
        check("/zones/0/rows/0/seats", json!([]), BadPlan, "/zones");
        check("/zones/0/rows/0/seats", json!(null), InvalidField, "/zones/0/rows/0/seats");
        check("/zones/0/rows/0/seats", json!({}), InvalidField, "/zones/0/rows/0/seats");
        check("/zones/0/rows/0/position", json!(1), InvalidField, "/zones/0/rows/0/position");
        check("/zones/0/rows/0", json!("A"), InvalidField, "/zones/0/rows/0");
        check("/zones/0/position/y", json!(null), InvalidField, "/zones/0/position/y");
        check("/size/width", json!("10"), InvalidField, "/size/width");
        check("/zones", json!([]), BadPlan, "/zones");
        check("/zones", json!({}), InvalidField, "/zones");
        check("/categories/1/name", json!("Red"), BadPlan, "/categories/1/name");
        check("/categories", json!(null), InvalidField, "/categories");
        let zone = plan()["zones"][0].clone();
        check("/zones", json!([zone, zone]), BadPlan, "/zones/1/zone_id");
    }

    /// Puts `text` for the text of the second seat's number, and says what is told.
    fn told_of_broken_json(text: &str) -> String {
        let document = plan().to_string().replace("\"A-2\"", text);
        let error = import(ID, document.as_bytes()).expect_err(text);
        assert_eq!(error.code(), Code::NotJson, "{error:?}");
        format!("{error:?}")
    }

    #[test]
    fn what_is_no_json_is_refused_wherever_it_stands() {
        // The outline is the first to be read, and finds what breaks the document's form.
        assert!(told_of_broken_json("\"A-2").contains("pointer: None"));
        assert!(told_of_broken_json("A-2").contains("pointer: None"));
        // What only breaks one text or number is found in its row.
        for text in ["\"\\ud800\"", "1e999"] {
            let told = told_of_broken_json(text);
            assert!(told.contains("pointer: Some(\"/zones/0/rows/0/seats\")"), "{told}");
        }
    }

    #[test]
    fn names_may_stand_behind_what_they_are_the_names_of() {
        let document = r#"{
            "zones": [{"rows": [{"seats": [{"category": "Red", "seat_guid": "1"}],
                                 "row_number": "A"},
                                {"row_number": "empty"}],
                       "zone_id": "st", "name": "Stalls"}],
            "categories": [{"name": "Red"}], "name": "Hall"}"#;
        let plan = import(ID, document.as_bytes()).expect("a plan");
        assert_eq!((plan.name(), plan.seat_count()), ("Hall", 1));
        let section = &plan.sections()[0];
        assert_eq!((section.name(), section.zone_id()), ("Stalls", "st"));
        let rows: Vec<_> = plan.rows().iter().map(Row::name).collect();
        assert_eq!(rows, ["A", "empty"]);
    }

    /// The document is described to organisers by a type that reads all of it.
    #[test]
    fn what_is_read_is_what_is_described() {
        let document = include_str!("../../samples/theatre-1350.json");
        let described: PlanDocument<'_> = serde_json::from_str(document).expect("a plan");
        let plan = import(ID, document.as_bytes()).expect("a plan");
        let mut seats = plan.seats();
        for (section, zone) in plan.sections().iter().zip(&described.zones) {
            assert_eq!(
                (section.name(), Some(section.zone_id())),
                (&*zone.name, zone.zone_id.as_deref())
            );
            for (row, of_zone) in section.rows().zip(&zone.rows) {
                let row = plan.row(RowIx(row));
                assert_eq!(Some(row.name()), of_zone.row_number.as_deref());
                for of_row in &of_zone.seats {
                    let seat = seats.next().expect("as many as are described");
                    let category = plan.category(plan.category_of(seat)).name();
                    assert_eq!(
                        (plan.label(seat), category),
                        (&*of_row.seat_guid, &*of_row.category)
                    );
                    assert_eq!(Some(plan.number(seat)), of_row.seat_number.as_deref());
                }
            }
        }
        assert_eq!(seats.next(), None);
    }

    #[test]
    fn the_sample_plans_are_read() {
        for (file, seats) in [
            (&include_bytes!("../../samples/theatre-1350.json")[..], 1_350),
            (include_bytes!("../../samples/arena-11k.json"), 11_000),
        ] {
            assert_eq!(import(ID, file).expect("a plan").seat_count(), seats);
        }
    }
}
