//! The seating plan: who sits next to whom, in which row, section and price category.
//!
//! A plan never changes once built and is shared by `Arc` between all shows in the same hall, so
//! everything that can be computed once is computed here and the state of a show stays small:
//! a few bits and one owner number a seat. Seats are dense numbers in plan order; labels, the
//! names that clients use, are translated at the edge with [`SeatPlan::find`].
//!
//! What always holds:
//!
//! - the seats of a row are one contiguous range of numbers, and so are the rows and the seats
//!   of a section; these ranges cover all seats, in order;
//! - labels are unique;
//! - seats `i` and `i + 1` are neighbours exactly when bit `i` of [`SeatPlan::joins`] is set,
//!   and the bit of the last seat of a row is never set. Positions are only needed to find this
//!   out and are not kept;
//! - the order of quality for best-available is the order of the rows in the plan, best first,
//!   and within a row from its centre outwards. Plan editors list zones and rows from the stage
//!   backwards, and an organiser who disagrees can reorder rows there.

use std::ops::Range;

use crate::seats::Bitmap;

mod builder;
mod labels;
#[cfg(test)]
mod tests;

pub use builder::{
    CATEGORIES_MAX, PlanError, ROWS_MAX, SEATS_MAX, SECTIONS_MAX, SeatPlanBuilder, SeatSpec,
    TEXT_BYTES_MAX,
};

use labels::{LabelIndex, Texts};

/// Names a plan for ever; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(pub [u8; 16]);

/// The dense number of a seat, in plan order from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatIx(pub u32);

/// The number of a price category, in the order in which they were added, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryIx(pub u8);

/// The number of a section (a zone in plan editors), in plan order from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionIx(pub u16);

/// The number of a row, in plan order from 0 across all sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowIx(pub u32);

impl SeatIx {
    /// The number as an index into arrays by seat.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl CategoryIx {
    /// The number as an index into arrays by category.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl SectionIx {
    /// The number as an index into arrays by section.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl RowIx {
    /// The number as an index into arrays by row.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A price category and the seats that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    name: String,
    seat_count: u32,
    /// One bit a seat, so that a search can mask out other categories a word at a time.
    seats: Bitmap,
    /// One bit a row: set where the row has at least one seat of this category.
    rows: Bitmap,
}

impl Category {
    /// The name, unique in the plan.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many seats belong to it; may be 0.
    #[must_use]
    pub fn seat_count(&self) -> u32 {
        self.seat_count
    }

    /// One bit a seat of the plan, set where the seat belongs to this category.
    #[must_use]
    pub fn seats(&self) -> &Bitmap {
        &self.seats
    }

    /// One bit a row of the plan, set where the row has a seat of this category.
    #[must_use]
    pub fn rows(&self) -> &Bitmap {
        &self.rows
    }
}

/// A section: a block, a tier, a box; what plan editors call a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    name: String,
    zone_id: String,
    rows: Range<u32>,
    seats: Range<u32>,
}

impl Section {
    /// The name for people; need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The editor's id of the zone, unique in the plan; empty where the editor gave none.
    #[must_use]
    pub fn zone_id(&self) -> &str {
        &self.zone_id
    }

    /// The row numbers of this section.
    #[must_use]
    pub fn rows(&self) -> Range<u32> {
        self.rows.clone()
    }

    /// The dense seat numbers of this section; empty where it has no seats.
    #[must_use]
    pub fn seats(&self) -> Range<u32> {
        self.seats.clone()
    }
}

/// A row of seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    name: String,
    section: SectionIx,
    seats: Range<u32>,
}

impl Row {
    /// The name for people, such as "A"; need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The section that the row is in.
    #[must_use]
    pub fn section(&self) -> SectionIx {
        self.section
    }

    /// The dense seat numbers of this row; empty where it has no seats.
    #[must_use]
    pub fn seats(&self) -> Range<u32> {
        self.seats.clone()
    }
}

/// An immutable seating plan with at least one seat. Made by [`SeatPlanBuilder`].
///
/// Methods that take an index panic when it is not of this plan; use [`SeatPlan::contains`]
/// first where a number comes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatPlan {
    id: PlanId,
    name: String,
    labels: Texts,
    numbers: Texts,
    label_index: LabelIndex,
    category_of: Vec<CategoryIx>,
    categories: Vec<Category>,
    sections: Vec<Section>,
    rows: Vec<Row>,
    /// The row of every 64th seat: from there, the row of a seat is a step or two away.
    row_marks: Vec<RowIx>,
    joins: Bitmap,
}

/// Seats between two marks.
const SEATS_PER_MARK: usize = 64;

impl SeatPlan {
    /// The id that the builder was given.
    #[must_use]
    pub fn id(&self) -> PlanId {
        self.id
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many seats there are, 1 to [`SEATS_MAX`].
    #[must_use]
    pub fn seat_count(&self) -> u32 {
        self.labels.count()
    }

    /// All seats in plan order.
    pub fn seats(&self) -> impl ExactSizeIterator<Item = SeatIx> + use<> {
        (0..self.seat_count()).map(SeatIx)
    }

    /// Whether the number is a seat of this plan.
    #[must_use]
    pub fn contains(&self, seat: SeatIx) -> bool {
        seat.0 < self.seat_count()
    }

    /// The seat with this label, compared byte by byte.
    #[must_use]
    pub fn find(&self, label: &str) -> Option<SeatIx> {
        self.label_index.find(&self.labels, label).map(SeatIx)
    }

    /// The label of a seat, unique in the plan: the name that clients use.
    #[must_use]
    pub fn label(&self, seat: SeatIx) -> &str {
        self.labels.get(seat.0)
    }

    /// The number of a seat within its row as people read it, such as "12"; may be empty.
    #[must_use]
    pub fn number(&self, seat: SeatIx) -> &str {
        self.numbers.get(seat.0)
    }

    /// The price category of a seat.
    #[must_use]
    pub fn category_of(&self, seat: SeatIx) -> CategoryIx {
        self.category_of[seat.index()]
    }

    /// The section that a seat is in.
    #[must_use]
    pub fn section_of(&self, seat: SeatIx) -> SectionIx {
        self.row(self.row_of(seat)).section
    }

    /// The row that a seat is in.
    #[must_use]
    #[inline]
    pub fn row_of(&self, seat: SeatIx) -> RowIx {
        // Beyond the last seat there is no mark, or no row that ends behind it: either panics.
        let mut row = self.row_marks[seat.index() / SEATS_PER_MARK];
        while self.row(row).seats.end <= seat.0 {
            row.0 += 1;
        }
        row
    }

    /// All price categories, by [`CategoryIx`].
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// All sections, by [`SectionIx`].
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// All rows, by [`RowIx`].
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One price category.
    #[must_use]
    pub fn category(&self, category: CategoryIx) -> &Category {
        &self.categories[category.index()]
    }

    /// One section.
    #[must_use]
    pub fn section(&self, section: SectionIx) -> &Section {
        &self.sections[section.index()]
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: RowIx) -> &Row {
        &self.rows[row.index()]
    }

    /// The price category with this name.
    #[must_use]
    pub fn find_category(&self, name: &str) -> Option<CategoryIx> {
        let found = self.categories.iter().position(|category| category.name == name)?;
        Some(CategoryIx(u8::try_from(found).expect("the number of categories is bounded")))
    }

    /// The section with this zone id or, where no zone id matches, the first with this name.
    /// The empty text is no zone id.
    #[must_use]
    pub fn find_section(&self, zone_id_or_name: &str) -> Option<SectionIx> {
        let by_zone_id = || {
            let mut sections = self.sections.iter();
            sections.position(|section| {
                !section.zone_id.is_empty() && section.zone_id == zone_id_or_name
            })
        };
        let by_name = || self.sections.iter().position(|section| section.name == zone_id_or_name);
        let found = by_zone_id().or_else(by_name)?;
        Some(SectionIx(u16::try_from(found).expect("the number of sections is bounded")))
    }

    /// One bit a seat: bit `i` is set where seats `i` and `i + 1` are neighbours, that is in
    /// the same row with no aisle between them.
    #[must_use]
    pub fn joins(&self) -> &Bitmap {
        &self.joins
    }
}
