//! pretix's open seating-plan JSON, as much of it as Usher reads.
//!
//! The format belongs to somebody else and its editors add to it, so unknown fields are ignored
//! here and names are snake_case as the format has them. The document itself is kept and served
//! byte for byte; these types only say what is in it. Text borrows from the document where it can,
//! so that reading 100,000 seats does not allocate for every label.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// A seating plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanDocument<'a> {
    /// What the plan is called.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Price categories that seats refer to by name.
    #[serde(borrow)]
    pub categories: Vec<PlanCategory<'a>>,
    /// Parts of the room, each with rows.
    #[serde(borrow)]
    pub zones: Vec<PlanZone<'a>>,
    /// The drawing's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<PlanSize>,
}

/// A price category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanCategory<'a> {
    /// What seats refer to.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// How it is drawn, as CSS writes colours.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Cow<'a, str>>,
}

/// A part of the room. Usher calls it a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanZone<'a> {
    /// As people read it.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The id that requests name as `section`; the name where an editor wrote none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<Cow<'a, str>>,
    /// Where its rows' positions count from.
    #[serde(default)]
    pub position: PlanPosition,
    /// The rows, from the front as the editor drew them.
    #[serde(borrow, default)]
    pub rows: Vec<PlanRow<'a>>,
}

/// A row of seats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanRow<'a> {
    /// The row's name, such as `A`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub row_number: Option<Cow<'a, str>>,
    /// Where its seats' positions count from.
    #[serde(default)]
    pub position: PlanPosition,
    /// The seats, in order along the row.
    #[serde(borrow, default)]
    pub seats: Vec<PlanSeat<'a>>,
}

/// A seat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanSeat<'a> {
    /// Unique in the plan; Usher's `seatId`.
    #[serde(borrow)]
    pub seat_guid: Cow<'a, str>,
    /// As painted on the seat.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub seat_number: Option<Cow<'a, str>>,
    /// Where it stands, counted from its row.
    #[serde(default)]
    pub position: PlanPosition,
    /// One of the plan's categories, by name.
    #[serde(borrow)]
    pub category: Cow<'a, str>,
}

/// A place in the drawing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanPosition {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// The drawing's size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanSize {
    /// In the drawing's units.
    pub width: f64,
    /// In the drawing's units.
    pub height: f64,
}
