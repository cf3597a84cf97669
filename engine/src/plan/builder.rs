//! Builds a [`SeatPlan`] seat by seat and refuses what is not a plan.
//!
//! The importer walks zones, rows and seats in document order and calls the builder at each, so
//! a refusal belongs to exactly one place in the document. A call that is refused changes
//! nothing.
//!
//! Neighbours are found here, when a row is complete: the gap between two consecutive seats is
//! an aisle when it is wider than 1.5 times the median gap of its row. Distances are Euclidean,
//! since rows may be curved; the median is the lower one, so that a row of pairs still has the
//! width of a seat as its measure. A row of two seats has one gap and no aisle.

use std::collections::BTreeSet;

use thiserror::Error;

use super::labels::{LabelIndex, Texts};
use super::{
    Category, CategoryIx, PlanId, Row, RowIx, SEATS_PER_MARK, SeatIx, SeatPlan, Section, SectionIx,
};
use crate::seats::Bitmap;

/// The most seats that a plan can have.
pub const SEATS_MAX: u32 = 1 << 20;
/// The most rows that a plan can have, empty ones included.
pub const ROWS_MAX: u32 = 1 << 20;
/// The most sections that a plan can have, empty ones included.
pub const SECTIONS_MAX: u16 = u16::MAX;
/// The most price categories that a plan can have.
pub const CATEGORIES_MAX: u8 = u8::MAX;
/// The longest label or seat number, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 255;

/// A gap is an aisle beyond this multiple of the row's median gap.
const AISLE_FACTOR: f64 = 1.5;

/// Why a plan, or a part of it, is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The plan has no seats.
    #[error("the plan has no seats")]
    NoSeats,
    /// More than [`SEATS_MAX`] seats.
    #[error("more than {SEATS_MAX} seats")]
    TooManySeats,
    /// More than [`ROWS_MAX`] rows.
    #[error("more than {ROWS_MAX} rows")]
    TooManyRows,
    /// More than [`SECTIONS_MAX`] sections.
    #[error("more than {SECTIONS_MAX} sections")]
    TooManySections,
    /// More than [`CATEGORIES_MAX`] price categories.
    #[error("more than {CATEGORIES_MAX} price categories")]
    TooManyCategories,
    /// Two seats with the same label.
    #[error("two seats are labelled {0:?}")]
    DuplicateLabel(String),
    /// Two price categories with the same name.
    #[error("two price categories are named {0:?}")]
    DuplicateCategory(String),
    /// Two sections with the same zone id.
    #[error("two sections have the zone id {0:?}")]
    DuplicateZoneId(String),
    /// A seat without a label.
    #[error("the label of a seat is empty")]
    EmptyLabel,
    /// A label or a seat number of more than [`TEXT_BYTES_MAX`] bytes.
    #[error("a label or seat number is longer than {TEXT_BYTES_MAX} bytes")]
    TextTooLong,
    /// A seat in a price category that was never added.
    #[error("there is no price category number {}", .0.0)]
    UnknownCategory(CategoryIx),
    /// A seat at a position that is infinite or not a number.
    #[error("the position of a seat is not a finite number")]
    PositionNotFinite,
    /// A row before the first section.
    #[error("a row is outside any section")]
    RowOutsideSection,
    /// A seat before the first row of its section.
    #[error("a seat is outside any row")]
    SeatOutsideRow,
}

/// A seat as the importer read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeatSpec<'a> {
    /// The name that clients use, unique in the plan, 1 to [`TEXT_BYTES_MAX`] bytes.
    pub label: &'a str,
    /// The number in the row as people read it, at most [`TEXT_BYTES_MAX`] bytes, may be empty.
    pub number: &'a str,
    /// The price category, as [`SeatPlanBuilder::category`] returned it.
    pub category: CategoryIx,
    /// Where the seat stands, in any unit; only compared with seats of the same row.
    pub x: f64,
    /// See `x`.
    pub y: f64,
}

/// Collects categories, sections, rows and seats, in plan order.
#[derive(Clone, Debug)]
pub struct SeatPlanBuilder {
    id: PlanId,
    name: String,
    category_names: Vec<String>,
    sections: Vec<Section>,
    /// The zone ids of the sections that have one.
    zone_ids: BTreeSet<String>,
    rows: Vec<Row>,
    labels: Texts,
    numbers: Texts,
    label_index: LabelIndex,
    category_of: Vec<CategoryIx>,
    /// Whether a row of the current section is open for seats.
    row_open: bool,
    /// Positions of the seats of the open row.
    positions: Vec<(f64, f64)>,
    /// Of each seat in a row that is complete, whether the next seat is its neighbour.
    joined: Vec<bool>,
}

impl SeatPlanBuilder {
    /// Begins a plan.
    #[must_use]
    pub fn new(id: PlanId, name: &str) -> Self {
        SeatPlanBuilder {
            id,
            name: name.to_owned(),
            category_names: Vec::new(),
            sections: Vec::new(),
            zone_ids: BTreeSet::new(),
            rows: Vec::new(),
            labels: Texts::default(),
            numbers: Texts::default(),
            label_index: LabelIndex::new(),
            category_of: Vec::new(),
            row_open: false,
            positions: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// Makes room for so many rows and seats at once, as far as a plan can have them. Without it
    /// all that is kept by seat doubles as it grows, and as much again is let go of on the way.
    pub fn reserve(&mut self, row_count: usize, seat_count: usize) {
        let seat_count = seat_count.min(SEATS_MAX as usize);
        self.rows.reserve_exact(row_count.min(ROWS_MAX as usize));
        self.labels.reserve_exact(seat_count);
        self.numbers.reserve_exact(seat_count);
        self.label_index.reserve(&self.labels, seat_count);
        self.category_of.reserve_exact(seat_count);
        self.joined.reserve_exact(seat_count);
    }

    /// Adds a price category.
    pub fn category(&mut self, name: &str) -> Result<CategoryIx, PlanError> {
        if self.category_names.iter().any(|known| known == name) {
            return Err(PlanError::DuplicateCategory(name.to_owned()));
        }
        let number = u8::try_from(self.category_names.len())
            .ok()
            .filter(|&number| number < CATEGORIES_MAX)
            .ok_or(PlanError::TooManyCategories)?;
        self.category_names.push(name.to_owned());
        Ok(CategoryIx(number))
    }

    /// Begins a section. `zone_id` may be empty; otherwise it must be new.
    pub fn section(&mut self, name: &str, zone_id: &str) -> Result<SectionIx, PlanError> {
        if self.zone_ids.contains(zone_id) {
            return Err(PlanError::DuplicateZoneId(zone_id.to_owned()));
        }
        let number = u16::try_from(self.sections.len())
            .ok()
            .filter(|&number| number < SECTIONS_MAX)
            .ok_or(PlanError::TooManySections)?;
        if !zone_id.is_empty() {
            self.zone_ids.insert(zone_id.to_owned());
        }
        self.close_row();
        let (row, seat) = (self.row_count(), self.labels.count());
        self.sections.push(Section {
            name: name.to_owned(),
            zone_id: zone_id.to_owned(),
            rows: row..row,
            seats: seat..seat,
        });
        Ok(SectionIx(number))
    }

    /// Begins a row in the current section.
    pub fn row(&mut self, name: &str) -> Result<RowIx, PlanError> {
        let Some(section) = self.sections.len().checked_sub(1) else {
            return Err(PlanError::RowOutsideSection);
        };
        let number = self.row_count();
        if number == ROWS_MAX {
            return Err(PlanError::TooManyRows);
        }
        self.close_row();
        let seat = self.labels.count();
        self.rows.push(Row {
            name: name.to_owned(),
            section: SectionIx(u16::try_from(section).expect("checked when it was added")),
            seats: seat..seat,
        });
        self.sections[section].rows.end = number + 1;
        self.row_open = true;
        Ok(RowIx(number))
    }

    /// Adds a seat to the current row, next to the one added before it.
    pub fn seat(&mut self, seat: SeatSpec<'_>) -> Result<SeatIx, PlanError> {
        self.check_seat(&seat)?;
        let number = self.labels.count();
        self.labels.push(seat.label);
        self.numbers.push(seat.number);
        self.label_index.insert(&self.labels, number);
        self.category_of.push(seat.category);
        self.positions.push((seat.x, seat.y));
        let row = self.rows.last_mut().expect("a row is open");
        row.seats.end = number + 1;
        self.sections[row.section.index()].seats.end = number + 1;
        Ok(SeatIx(number))
    }

    /// Completes the plan. Refused only where there are no seats.
    pub fn build(mut self) -> Result<SeatPlan, PlanError> {
        if self.labels.count() == 0 {
            return Err(PlanError::NoSeats);
        }
        self.close_row();
        let mut joins = Bitmap::new(self.labels.count());
        for (seat, _) in (0..).zip(&self.joined).filter(|(_, is_joined)| **is_joined) {
            joins.set(seat);
        }
        let categories = self.categories();
        self.labels.shrink_to_fit();
        self.numbers.shrink_to_fit();
        self.category_of.shrink_to_fit();
        Ok(SeatPlan {
            id: self.id,
            name: self.name,
            labels: self.labels,
            numbers: self.numbers,
            label_index: self.label_index,
            category_of: self.category_of,
            categories,
            sections: self.sections,
            row_marks: mark_rows(&self.rows),
            rows: self.rows,
            joins,
        })
    }

    fn row_count(&self) -> u32 {
        u32::try_from(self.rows.len()).expect("the number of rows is bounded")
    }

    fn check_seat(&self, seat: &SeatSpec<'_>) -> Result<(), PlanError> {
        if !self.row_open {
            return Err(PlanError::SeatOutsideRow);
        }
        if self.labels.count() == SEATS_MAX {
            return Err(PlanError::TooManySeats);
        }
        if seat.label.is_empty() {
            return Err(PlanError::EmptyLabel);
        }
        if seat.label.len() > TEXT_BYTES_MAX || seat.number.len() > TEXT_BYTES_MAX {
            return Err(PlanError::TextTooLong);
        }
        if seat.category.index() >= self.category_names.len() {
            return Err(PlanError::UnknownCategory(seat.category));
        }
        if !(seat.x.is_finite() && seat.y.is_finite()) {
            return Err(PlanError::PositionNotFinite);
        }
        if self.label_index.find(&self.labels, seat.label).is_some() {
            return Err(PlanError::DuplicateLabel(seat.label.to_owned()));
        }
        Ok(())
    }

    /// Finds the neighbours in the row that is open, if one is.
    fn close_row(&mut self) {
        self.row_open = false;
        let positions = std::mem::take(&mut self.positions);
        let gaps: Vec<f64> = positions
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1))
            .collect();
        let mut sorted = gaps.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
        self.joined.extend(gaps.iter().map(|gap| gap / AISLE_FACTOR <= median));
        // Nobody sits beside the last one.
        self.joined.extend((!positions.is_empty()).then_some(false));
    }

    fn categories(&mut self) -> Vec<Category> {
        let (seat_count, row_count) = (self.labels.count(), self.row_count());
        let names = std::mem::take(&mut self.category_names);
        let mut categories: Vec<Category> = names
            .into_iter()
            .map(|name| Category {
                name,
                seat_count: 0,
                seats: Bitmap::new(seat_count),
                rows: Bitmap::new(row_count),
            })
            .collect();
        for (number, row) in (0..).zip(&self.rows) {
            for seat in row.seats.clone() {
                let category = &mut categories[self.category_of[seat as usize].index()];
                category.seat_count += 1;
                category.seats.set(seat);
                category.rows.set(number);
            }
        }
        categories
    }
}

/// The row of every [`SEATS_PER_MARK`]th seat. Empty rows are nobody's.
fn mark_rows(rows: &[Row]) -> Vec<RowIx> {
    let mut marks = Vec::new();
    for (number, row) in (0..).zip(rows) {
        let seats = row.seats.start as usize..row.seats.end as usize;
        let marked = seats.end.div_ceil(SEATS_PER_MARK) - seats.start.div_ceil(SEATS_PER_MARK);
        marks.extend(std::iter::repeat_n(RowIx(number), marked));
    }
    marks
}
