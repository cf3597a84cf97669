//! pretix's seating-plan JSON becomes a [`SeatPlan`].
//!
//! The document is read into borrowed text and handed to the engine's builder in document order,
//! which is plan order, so seat `n` of the compact seat map is the `n`-th seat of the document.
//! Everything that is refused is refused with the JSON pointer of its fault, since a plan has
//! thousands of seats and its author sees only the editor.
//!
//! Memory is bounded by the route's body limit: besides the document, one struct a seat and the
//! plan itself.

use crate::http::body::from_json;
use crate::http::problem::{ApiError, Code};
use std::collections::HashMap;
use usher_engine::plan::{CategoryIx, PlanError, PlanId, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_wire::plan::{PlanDocument, PlanRow, PlanZone};

/// Reads a plan, or says where its fault is.
pub fn import(id: PlanId, document: &[u8]) -> Result<SeatPlan, ApiError> {
    let document: PlanDocument<'_> = from_json(document)?;
    let mut builder = SeatPlanBuilder::new(id, &document.name);
    let mut categories = HashMap::with_capacity(document.categories.len());
    for (index, category) in document.categories.iter().enumerate() {
        let number = builder
            .category(&category.name)
            .map_err(|error| fault(format!("/categories/{index}/name"), &error))?;
        categories.insert(&*category.name, number);
    }
    for (index, zone) in document.zones.iter().enumerate() {
        add_zone(&mut builder, &categories, zone, &format!("/zones/{index}"))?;
    }
    builder.build().map_err(|error| fault("/zones".to_owned(), &error))
}

fn add_zone(
    builder: &mut SeatPlanBuilder,
    categories: &HashMap<&str, CategoryIx>,
    zone: &PlanZone<'_>,
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
    row: &PlanRow<'_>,
    pointer: &str,
) -> Result<(), ApiError> {
    builder
        .row(row.row_number.as_deref().unwrap_or_default())
        .map_err(|error| fault(pointer.to_owned(), &error))?;
    for (index, seat) in row.seats.iter().enumerate() {
        let place = |field: &str| format!("{pointer}/seats/{index}/{field}");
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
        check("/zones", json!([]), BadPlan, "/zones");
        check("/zones", json!({}), InvalidField, "/zones");
        check("/categories/1/name", json!("Red"), BadPlan, "/categories/1/name");
        check("/categories", json!(null), InvalidField, "/categories");
        let zone = plan()["zones"][0].clone();
        check("/zones", json!([zone, zone]), BadPlan, "/zones/1/zone_id");
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
