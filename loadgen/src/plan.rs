//! Seating plans of any size, in pretix's open seating-plan JSON, as its editor writes them.
//!
//! The generated house has sections of rows with an aisle in the middle, a category by distance
//! from the stage, and ids that say where a seat is: `s02-K-17`. Every number of seats from one on
//! is met exactly; only the last rows may be shorter. The same number is the same plan.

use serde_json::{Value, json};

/// Seats in a full row; the aisle is in the middle.
const ROW_SEATS: u32 = 40;
/// Rows in a full section.
const SECTION_ROWS: u32 = 50;
/// The most seats that make one plan.
pub const SEATS_MAX: u32 = 2_000_000;

/// The categories from the best, with the share of the house up to which each goes.
const CATEGORIES: [(&str, &str, f64, u64); 4] = [
    ("Premium", "#7f4a91", 0.10, 18_000),
    ("Standard", "#3b6ea8", 0.50, 9_500),
    ("Value", "#5b9a68", 0.85, 6_000),
    ("Restricted", "#b5803a", 1.00, 3_500),
];

/// A plan with exactly this many seats.
///
/// # Panics
///
/// When `seats` is zero or above [`SEATS_MAX`].
#[must_use]
pub fn generate(seats: u32) -> Value {
    assert!((1..=SEATS_MAX).contains(&seats), "the caller checks the number of seats");
    let mut zones = Vec::new();
    let mut done = 0;
    while done < seats {
        let section = zones.len() as u32;
        let in_section = (seats - done).min(ROW_SEATS * SECTION_ROWS);
        zones.push(zone(section, done, in_section, seats));
        done += in_section;
    }
    let columns = (zones.len() as f64).sqrt().ceil();
    let lines = (zones.len() as f64 / columns).ceil();
    let categories: Vec<_> = CATEGORIES
        .iter()
        .map(|(name, color, ..)| json!({ "name": name, "color": color }))
        .collect();
    json!({
        "name": format!("House of {} seats", crate::units::show_count(u64::from(seats))),
        "categories": categories,
        "zones": zones,
        "size": { "width": columns * 1200.0 + 200.0, "height": lines * 1700.0 + 200.0 },
    })
}

/// A price in cents for a category of any plan; those of generated plans have their own.
#[must_use]
pub fn price_cents(category: &str, index: usize) -> u64 {
    let known = CATEGORIES.iter().find(|(name, ..)| *name == category);
    known.map_or_else(|| 10_000_u64.saturating_sub(1_500 * index as u64).max(2_000), |c| c.3)
}

fn zone(section: u32, first: u32, seats: u32, of: u32) -> Value {
    let zone_id = format!("s{:02}", section + 1);
    let rows: Vec<_> = (0..seats.div_ceil(ROW_SEATS))
        .map(|row| {
            let done = row * ROW_SEATS;
            row_of(&zone_id, row, first + done, (seats - done).min(ROW_SEATS), of)
        })
        .collect();
    json!({
        "name": format!("Section {}", section + 1),
        "zone_id": zone_id,
        "uuid": uuid(&[1, section, 0]),
        "position": {
            "x": 100 + u64::from(section % 8) * 1200,
            "y": 100 + u64::from(section / 8) * 1700,
        },
        "rows": rows,
        "areas": [],
    })
}

fn row_of(zone_id: &str, row: u32, first: u32, seats: u32, of: u32) -> Value {
    let label = letters(row);
    // A row is of one category, by how far back its first seat is.
    let share = f64::from(first) / f64::from(of);
    let category = CATEGORIES.iter().find(|(_, _, until, _)| share < *until);
    let category = category.map_or(CATEGORIES[3].0, |category| category.0);
    let seats: Vec<_> = (0..seats)
        .map(|seat| {
            // The aisle is a gap of one seat in the middle of the row.
            let x = (seat + u32::from(seat >= ROW_SEATS / 2)) * 25;
            json!({
                "seat_guid": format!("{zone_id}-{label}-{}", seat + 1),
                "seat_number": (seat + 1).to_string(),
                "uuid": uuid(&[3, first, seat]),
                "position": { "x": x, "y": 0 },
                "category": category,
            })
        })
        .collect();
    json!({
        "row_number": label,
        "row_number_position": "both",
        "uuid": uuid(&[2, first, row]),
        "position": { "x": 0, "y": row * 30 },
        "seats": seats,
    })
}

/// Row names as theatres have them: A to Z, then AA, AB and on.
fn letters(row: u32) -> String {
    let letter = |index: u32| char::from(b'A' + (index % 26) as u8);
    if row < 26 {
        letter(row).to_string()
    } else {
        format!("{}{}", letter(row / 26 - 1), letter(row))
    }
}

/// An id in the form that editors write; the same place always has the same one.
fn uuid(place: &[u32]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in place {
        hash.update(part.to_be_bytes());
    }
    let hex = data_encoding::HEXLOWER.encode(&hash.finalize()[..16]);
    format!("{}-{}-5{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use usher_wire::plan::PlanDocument;

    use super::*;

    #[test]
    fn every_size_is_met_exactly_with_ids_that_are_unique() {
        for seats in [1, 2, 39, 40, 41, 1_350, 2_000, 2_001, 12_345, 100_000] {
            let text = generate(seats).to_string();
            let plan: PlanDocument<'_> = serde_json::from_str(&text).expect("the server's format");
            let rows = plan.zones.iter().flat_map(|zone| &zone.rows);
            let all: Vec<_> = rows.flat_map(|row| &row.seats).collect();
            assert_eq!(all.len(), seats as usize);
            let ids: BTreeSet<_> = all.iter().map(|seat| &seat.seat_guid).collect();
            assert_eq!(ids.len(), seats as usize, "ids of a plan of {seats} are unique");
            let known: BTreeSet<_> = plan.categories.iter().map(|c| &c.name).collect();
            assert!(all.iter().all(|seat| known.contains(&seat.category)));
        }
    }

    #[test]
    fn a_plan_has_what_editors_write_and_is_the_same_every_time() {
        let plan = generate(5_000);
        assert_eq!(plan, generate(5_000));
        let row = &plan["zones"][1]["rows"][27];
        assert_eq!(row["row_number"], "AB");
        assert_eq!(row["seats"][20]["seat_guid"], "s02-AB-21");
        assert_eq!(row["seats"][20]["position"]["x"], 525, "after the aisle");
        assert_eq!(plan["zones"][0]["rows"][0]["seats"][0]["category"], "Premium");
        let uuids: BTreeSet<_> = plan["zones"]
            .as_array()
            .expect("zones")
            .iter()
            .flat_map(|zone| zone["rows"].as_array().expect("rows"))
            .flat_map(|row| row["seats"].as_array().expect("seats"))
            .map(|seat| seat["uuid"].as_str().expect("a uuid"))
            .collect();
        assert_eq!(uuids.len(), 5_000);
    }
}
