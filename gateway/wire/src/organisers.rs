//! What organisers send and get under `/admin/v1`.

use crate::{
    Attendee, Contact, IdentityRule, Order, OrderStatus, PageMeta, SaleState, StockQuantity,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The most segments that one stock pool may be split into.
pub const STOCK_SEGMENTS_MAX: u16 = 64;
/// The most stock pools of one show.
pub const STOCK_POOLS_MAX: usize = 32;

/// A seating plan that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanCreated {
    /// Opaque id; the same document always has the same one.
    pub plan_id: String,
    /// The plan's name.
    pub name: String,
    /// How many seats it has.
    pub seats: u32,
    /// Its price categories.
    pub categories: Vec<PlanCategoryCount>,
}

/// How many seats a price category has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanCategoryCount {
    /// The category.
    pub name: String,
    /// Its seats.
    pub seats: u32,
}

/// Makes a show. It has a seating plan, or stock, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShowRequest {
    /// The organiser's own id; made by the server where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-zA-Z0-9._-]{1,64}$")]
    pub show_id: Option<String>,
    /// What is played.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// More words, plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Where, as printed on the ticket.
    #[schema(min_length = 1, max_length = 200)]
    pub venue: String,
    /// The venue's city.
    #[schema(min_length = 1, max_length = 100)]
    pub city: String,
    /// The organiser's own category, such as `concert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub category: Option<String>,
    /// Who performs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub performers: Vec<String>,
    /// When the show starts.
    pub starts_at: Timestamp,
    /// When selling starts.
    pub sale_starts_at: Timestamp,
    /// When selling ends; after it starts.
    pub sale_ends_at: Timestamp,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
    /// The seating plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// A price in cents for every price category of the plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, u64>,
    /// Pools of tickets without seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32)]
    pub stock: Vec<StockRequest>,
    /// How many seats, and tickets of each stock pool, one user may have.
    #[schema(minimum = 1)]
    pub max_per_user: u32,
    /// How long a hold lives where the buyer asks for less; the server's default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub hold_seconds: Option<u32>,
    /// What is asked of who comes; nothing where absent. Each stock pool of such a show has one
    /// segment, since documents are counted by their owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityRule>,
    /// Rules against people who take seats and do not buy them; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoarding: Option<HoardingRules>,
}

/// A pool of tickets without seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockRequest {
    /// Its name, unique in the show.
    #[schema(min_length = 1, max_length = 63)]
    pub name: String,
    /// How many tickets.
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub quantity: u32,
    /// Price of one, in cents.
    #[schema(maximum = 1_000_000_000_000_u64)]
    pub price_cents: u64,
    /// On how many owners they are spread; chosen by the server where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub segments: Option<u16>,
}

/// Changes what may still change. A field that is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShowPatch {
    /// What is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// More words, plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub venue: Option<String>,
    /// The venue's city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub city: Option<String>,
    /// The organiser's own category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub category: Option<String>,
    /// Who performs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    pub performers: Option<Vec<String>>,
    /// When the show starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When selling starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_starts_at: Option<Timestamp>,
    /// When selling ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_ends_at: Option<Timestamp>,
    /// New prices in cents by category, for holds made from now on; those not named stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<BTreeMap<String, u64>>,
    /// Stock pools to change, by name: a price, or another quantity (never below what is sold).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 32)]
    pub stock: Option<Vec<StockPatch>>,
    /// How many seats, and tickets of each stock pool, one user may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_per_user: Option<u32>,
    /// How long a hold lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub hold_seconds: Option<u32>,
    /// What is asked of who comes; fixed once anything was put on sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityRule>,
    /// Rules against people who take seats and do not buy them, instead of those before; with none
    /// of them in it, there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoarding: Option<HoardingRules>,
}

/// Rules against people who take seats and do not buy them. Each is for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoardingRules {
    /// Live holds and unpaid orders of one user at once, among the seats and in each stock pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 16)]
    pub holds_per_user: Option<u32>,
    /// A pause for who lets holds run out again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseRule>,
    /// A bound on what new accounts hold together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_accounts: Option<NewAccountsRule>,
}

/// Who lets `afterExpired` holds or orders run out unpaid waits before the next hold: `seconds`,
/// then twice as long with each further one, up to `maxSeconds`. The first that is paid ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseRule {
    /// Holds or orders that ran out unpaid.
    #[schema(minimum = 1)]
    pub after_expired: u32,
    /// The first pause.
    #[schema(minimum = 1, maximum = 86_400)]
    pub seconds: u32,
    /// The longest; a smaller one than `seconds` counts as that.
    #[schema(minimum = 1, maximum = 86_400)]
    pub max_seconds: u32,
}

/// Live holds and unpaid orders of new accounts have at most a share of all seats, and of each part
/// of a stock pool; one at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAccountsRule {
    /// An account is new until it is so old.
    #[schema(minimum = 1)]
    pub younger_than_seconds: u32,
    /// The share, in percent.
    #[schema(minimum = 1, maximum = 100)]
    pub share_percent: u8,
    /// Whether users of whom this server knows no account count as new.
    #[serde(default)]
    pub unknown_accounts: bool,
}

/// Changes one stock pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockPatch {
    /// Which pool.
    pub name: String,
    /// The new number of tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub quantity: Option<u32>,
    /// The new price of one, in cents, for holds made from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1_000_000_000_000_u64)]
    pub price_cents: Option<u64>,
}

/// The sale state after a change of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaleStateAnswer {
    /// The show.
    pub show_id: String,
    /// Whether it can be bought now.
    pub sale_state: SaleState,
    /// Whether the organiser paused it.
    pub paused_by_organiser: bool,
    /// Whether an operator paused it.
    pub paused_by_operator: bool,
}

/// Puts blocked seats or stock on sale: exactly one of `seatIds`, `section`, `stock`, or none of
/// them for everything that is blocked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutOnSaleRequest {
    /// These seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 100_000)]
    pub seat_ids: Option<Vec<String>>,
    /// All blocked seats of this section: the plan's `zone_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Tickets of this stock pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// How many of a section or of a stock pool; all where absent. Seats are taken in plan order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub quantity: Option<u32>,
    /// When; at once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What was put on sale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutOnSaleAnswer {
    /// The show.
    pub show_id: String,
    /// How many seats or tickets this call put on sale, or will.
    pub quantity: u32,
    /// When it will happen; absent where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The show's version that contains it.
    pub version: u64,
}

/// Counts and revenue of a show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowReport {
    /// The show.
    pub show_id: String,
    /// ISO 4217.
    pub currency: String,
    /// Everything.
    pub total: ReportLine,
    /// By price category of the plan.
    pub by_category: Vec<ReportLine>,
    /// By section of the plan.
    pub by_section: Vec<ReportLine>,
    /// By stock pool.
    #[serde(default)]
    pub by_stock: Vec<ReportLine>,
    /// Orders by their state.
    pub orders_by_status: BTreeMap<String, u64>,
    /// What is owed back to buyers, in cents.
    pub refunds_due_cents: u64,
    /// The journal sequence up to which this is complete.
    pub at_sequence: u64,
}

/// Counts and revenue of a part of a show. Tickets on their way between segments of stock are in
/// `capacity` only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportLine {
    /// Which part.
    pub name: String,
    /// Seats or tickets in all.
    pub capacity: u64,
    /// Free to hold.
    pub available: u64,
    /// In holds and unpaid orders.
    pub held: u64,
    /// With tickets.
    pub sold: u64,
    /// Not on sale yet.
    pub blocked: u64,
    /// Used at a gate.
    pub admitted: u64,
    /// What was paid for tickets that are valid, in cents.
    pub revenue_cents: u64,
}

/// An order as its organiser sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganiserOrder {
    /// The order.
    pub order: Order,
    /// Who bought; absent where the contact was destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
}

/// One page of a show's orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganiserOrdersPage {
    /// The orders, newest first.
    pub orders: Vec<OrganiserOrder>,
    /// Where in the whole list this page lies.
    pub meta: PageMeta,
    /// The journal sequence up to which the list is complete.
    pub at_sequence: u64,
}

/// A sale at the counter, paid in cash: exactly one of `seatIds`, `stock`. Needs an
/// `Idempotency-Key`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CounterSaleRequest {
    /// These seats, all or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 32)]
    pub seat_ids: Option<Vec<String>>,
    /// Standing tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<StockQuantity>,
    /// Who buys, where known; limits per buyer do not hold at the counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub user_id: Option<String>,
    /// Whom to reach, where the buyer says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Who comes: as in an order, where the show asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32)]
    pub attendees: Vec<Attendee>,
}

/// Gives an order's money back by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefundRequest {
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// What a refund by hand began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundAnswer {
    /// The order.
    pub order_id: String,
    /// `REFUND_PENDING`, or `REFUNDED` where the provider was quick.
    pub status: OrderStatus,
    /// What goes back, in cents: by the provider, or over the counter where it was paid in cash.
    pub refund_due_cents: u64,
    /// ISO 4217.
    pub currency: String,
}
