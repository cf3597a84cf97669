//! What an organiser says about a show, and what of it each inventory needs to sell.

use std::sync::Arc;

use crate::hoarding::Hoarding;
use crate::money::{Cents, Currency};
use crate::plan::{SeatIx, SeatPlan};
use crate::time::Timestamp;

/// Text that buyers read; the engine never looks inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowDetails {
    /// The id that the organiser and buyers use in URLs.
    pub public_id: String,
    /// Title of the show.
    pub title: String,
    /// Longer text, possibly empty.
    pub description: String,
    /// Where it plays.
    pub venue: String,
    /// The city of the venue, for searching.
    pub city: String,
    /// Kind of show, for searching; possibly empty.
    pub category: String,
    /// Who performs.
    pub performers: Vec<String>,
    /// When the curtain rises.
    pub starts_at: Timestamp,
    /// By which form the numbers of documents are checked; empty where nobody is asked for one.
    pub document_verifier: String,
}

/// How far the sale of a show has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Announced, never opened.
    Draft,
    /// Open for sale, within its times and unless paused.
    Open,
    /// Closed for good; may be opened again by the organiser.
    Closed,
}

/// Who paused a sale. A pause by each must be lifted by each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PausedBy {
    /// The organiser, over `/admin`.
    Organiser,
    /// The operator, over `/ops`.
    Operator,
}

/// A move of the sale as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleMove {
    /// Draft or closed → open.
    Open,
    /// Stop new holds; what is held may still be ordered and paid.
    Pause(PausedBy),
    /// Lift the pause of the same party.
    Resume(PausedBy),
    /// Open → closed.
    Close,
    /// From now on nothing is held without a pass of the waiting room.
    RequirePasses,
    /// Anybody may hold again.
    WaivePasses,
}

/// What every inventory of a show must know in order to sell. Copied to the stock segments with
/// each change, so that a hold never asks anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How far the sale has come.
    pub stage: Stage,
    /// Paused over `/admin`.
    pub paused_by_organiser: bool,
    /// Paused over `/ops`.
    pub paused_by_operator: bool,
    /// Nothing is held without a pass of the waiting room.
    pub pass_required: bool,
    /// No holds before this moment.
    pub sale_starts_at: Timestamp,
    /// No holds from this moment on.
    pub sale_ends_at: Timestamp,
    /// Currency of all prices.
    pub currency: Currency,
    /// Seats (or tickets of one pool) that one buyer may hold and own together.
    pub units_per_buyer_max: u32,
    /// Seats (or tickets of one pool) that one document may have; 0 where nobody is asked for one.
    pub units_per_document_max: u32,
    /// How long a hold lives unless its buyer asks for less, in milliseconds.
    pub hold_ms: u64,
    /// Price by category index of the plan; for a stock segment, its single price.
    pub prices: Vec<Cents>,
    /// Rules against hoarding; never ones without any rule.
    pub hoarding: Option<Box<Hoarding>>,
}

impl Terms {
    /// Why nothing may be held now, `None` while the sale runs.
    #[must_use]
    pub fn closed_because(&self, now: Timestamp) -> Option<NotOpen> {
        match self.stage {
            Stage::Draft => Some(NotOpen::NotOpened),
            Stage::Closed => Some(NotOpen::Closed),
            Stage::Open if self.paused_by_organiser || self.paused_by_operator => {
                Some(NotOpen::Paused)
            }
            Stage::Open if now < self.sale_starts_at => Some(NotOpen::TooEarly),
            Stage::Open if now >= self.sale_ends_at => Some(NotOpen::Over),
            Stage::Open => None,
        }
    }
}

/// Why a sale takes no holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpen {
    /// The organiser never opened it.
    NotOpened,
    /// Before the start of sale.
    TooEarly,
    /// Paused by organiser or operator.
    Paused,
    /// After the end of sale.
    Over,
    /// Closed by the organiser.
    Closed,
}

/// One stock pool as the organiser gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPool {
    /// Name that buyers use; unique within the show.
    pub name: String,
    /// Tickets in the pool, at most [`crate::limits::STOCK_MAX`].
    pub quantity: u32,
    /// Price of each.
    pub price: Cents,
    /// Segments that the pool is split into, 1 to [`crate::id::SEGMENTS_MAX`].
    pub segments: u16,
}

/// A new show, checked by [`crate::Inventory::execute`] before it becomes one.
#[derive(Debug, Clone)]
pub struct NewShow {
    /// What buyers read.
    pub details: ShowDetails,
    /// How it sells; `terms.prices` has one price per category of the plan.
    pub terms: Terms,
    /// The seats, if the show has any.
    pub plan: Option<Arc<SeatPlan>>,
    /// Standing tickets.
    pub pools: Vec<NewPool>,
}

/// A change to a show; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShowChange {
    /// Replaces all text at once.
    pub details: Option<ShowDetails>,
    /// New start of sale.
    pub sale_starts_at: Option<Timestamp>,
    /// New end of sale.
    pub sale_ends_at: Option<Timestamp>,
    /// New prices per category; holds keep the price they were made at.
    pub prices: Option<Vec<Cents>>,
    /// New limit per buyer; what a buyer already has stays.
    pub units_per_buyer_max: Option<u32>,
    /// New limit per document, 0 for none; fixed once anything was put on sale.
    pub units_per_document_max: Option<u32>,
    /// New lifetime of future holds, in milliseconds.
    pub hold_ms: Option<u64>,
    /// Changes to pools, by index.
    pub pools: Vec<PoolChange>,
    /// New rules against hoarding instead of those before; without any rule, there are none.
    pub hoarding: Option<Hoarding>,
}

/// A change to one pool. A pool shrinks by [`crate::Command::Withdraw`], never here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolChange {
    /// Index of the pool within the show.
    pub pool: u16,
    /// Tickets to add.
    pub add: u32,
    /// New price.
    pub price: Option<Cents>,
}

/// Consecutive seats in plan order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatRange {
    /// The first seat.
    pub first: SeatIx,
    /// How many seats, at least 1.
    pub count: u32,
}

impl SeatRange {
    /// The seats of this range, in order.
    pub fn seats(self) -> impl Iterator<Item = SeatIx> {
        (self.first.0..self.first.0 + self.count).map(SeatIx)
    }

    /// Packs ascending seats into as few ranges as possible.
    #[must_use]
    pub fn pack(seats: &[SeatIx]) -> Vec<Self> {
        let mut ranges: Vec<Self> = Vec::new();
        for &seat in seats {
            match ranges.last_mut() {
                Some(last) if last.first.0 + last.count == seat.0 => last.count += 1,
                _ => ranges.push(Self { first: seat, count: 1 }),
            }
        }
        ranges
    }
}

/// What is to be put on sale; until then it is `BLOCKED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnSale {
    /// All seats and all stock.
    Everything,
    /// These seats; those already on sale stay as they are.
    Seats(Vec<SeatRange>),
    /// So many more tickets of a pool (as many as are left, where that is fewer).
    Stock {
        /// Index of the pool.
        pool: u16,
        /// Tickets to put on sale.
        quantity: u32,
    },
}

/// A batch that goes on sale later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: OnSale,
}

/// A pool as the house keeps it: what each segment should have is derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Name that buyers use.
    pub name: String,
    /// Price of each ticket.
    pub price: Cents,
    /// All tickets ever given to the pool; only grows.
    pub quantity: u32,
    /// How many of them were put on sale so far; only grows, never above `quantity`.
    pub on_sale: u32,
    /// How many segments share them.
    pub segments: u16,
}

impl Pool {
    /// What segment `segment` should know and have, as of `version`.
    #[must_use]
    pub fn segment_terms(
        &self,
        terms: &Terms,
        version: u32,
        pool: u16,
        segment: u16,
    ) -> SegmentTerms {
        SegmentTerms {
            pool,
            segment,
            segments: self.segments,
            version,
            terms: Terms { prices: vec![self.price], ..terms.clone() },
            base: share(self.quantity, self.segments, segment),
            on_sale: share(self.on_sale, self.segments, segment),
        }
    }
}

/// The part of `total` that falls to `segment` of `segments`. It never shrinks while `total` grows.
fn share(total: u32, segments: u16, segment: u16) -> u32 {
    let segments = u32::from(segments);
    total / segments + u32::from(u32::from(segment) < total % segments)
}

/// The whole of what a house tells a segment. It describes a state, not a step, so telling it twice
/// or losing an older one does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentTerms {
    /// Index of the pool.
    pub pool: u16,
    /// Index of this segment.
    pub segment: u16,
    /// Segments of the pool.
    pub segments: u16,
    /// Counts the changes of the show; older terms than those known are ignored.
    pub version: u32,
    /// How to sell; a single price.
    pub terms: Terms,
    /// Tickets this segment was given from the start, cumulative.
    pub base: u32,
    /// How many of those were put on sale, cumulative.
    pub on_sale: u32,
}

/// What only the house keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowRecord {
    /// What buyers read.
    pub details: ShowDetails,
    /// The stock pools.
    pub pools: Vec<Pool>,
    /// Counts changes that segments must hear of.
    pub terms_version: u32,
    /// Batches that go on sale later, earliest first.
    pub schedule: Vec<Scheduled>,
    /// Whether the organiser ever named a batch. If not, opening the sale puts everything on sale.
    pub batched: bool,
}
