//! What buyers, and box offices that integrate, send and get under `/api/v1`.
//!
//! The answers repeat what the caller asked for (show, seats, amounts) so that a client can act on
//! one answer without joining it to another. `version` always counts changes of one show's seats
//! and stock; an answer carries the version that already contains what it says.

use crate::{Attendee, HoardingRules, IdentityRule, TicketLine};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most characters in a user id.
pub const USER_ID_CHARS_MAX: usize = 128;

/// One page of shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowsPage {
    /// The shows, by start time, soonest first.
    pub shows: Vec<ShowSummary>,
    /// Where in the whole list this page lies.
    pub meta: PageMeta,
}

/// Where a page lies in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageMeta {
    /// How many entries match in all.
    pub total: u64,
    /// The page, from 1.
    #[schema(minimum = 1)]
    pub page: u32,
    /// How many entries a page has at most.
    #[schema(minimum = 1, maximum = 100)]
    pub size: u32,
}

/// A show in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowSummary {
    /// Opaque id.
    pub show_id: String,
    /// What is played.
    pub title: String,
    /// Where, as printed on the ticket.
    pub venue: String,
    /// The venue's city.
    pub city: String,
    /// The organiser's own category, such as `concert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// When the show starts.
    pub starts_at: Timestamp,
    /// When selling starts.
    pub sale_starts_at: Timestamp,
    /// When selling ends.
    pub sale_ends_at: Timestamp,
    /// Whether it can be bought now.
    pub sale_state: SaleState,
    /// ISO 4217.
    pub currency: String,
    /// The cheapest price, in cents; absent where nothing has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_from_cents: Option<u64>,
    /// How many seats and standing tickets are free to hold.
    pub available: u64,
}

/// Whether a show can be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SaleState {
    /// Made, and not opened by the organiser.
    Draft,
    /// Opened, but the sale's start lies ahead.
    Scheduled,
    /// On sale.
    Open,
    /// Stopped for now, by the organiser or an operator.
    Paused,
    /// Over for good.
    Closed,
}

/// A show with its prices and what is free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Show {
    /// Opaque id.
    pub show_id: String,
    /// What is played.
    pub title: String,
    /// More words, plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where, as printed on the ticket.
    pub venue: String,
    /// The venue's city.
    pub city: String,
    /// The organiser's own category, such as `concert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Who performs.
    #[serde(default)]
    pub performers: Vec<String>,
    /// When the show starts.
    pub starts_at: Timestamp,
    /// When selling starts.
    pub sale_starts_at: Timestamp,
    /// When selling ends.
    pub sale_ends_at: Timestamp,
    /// Whether it can be bought now.
    pub sale_state: SaleState,
    /// ISO 4217.
    pub currency: String,
    /// The seating plan; absent where all tickets are standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Price categories of the seats.
    #[serde(default)]
    pub categories: Vec<CategoryState>,
    /// Stock pools of tickets without seats.
    #[serde(default)]
    pub stock: Vec<StockState>,
    /// How many seats, and tickets of each stock pool, one user may have.
    pub max_per_user: u32,
    /// How long a hold lives where the buyer asks for nothing else.
    pub hold_seconds: u32,
    /// What is asked of who comes; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityRule>,
    /// Rules against people who take seats and do not buy them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoarding: Option<HoardingRules>,
    /// Counts changes of this show's seats and stock.
    pub version: u64,
}

/// A price category and how much of it is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryState {
    /// As named in the seating plan.
    pub name: String,
    /// Price of a seat in cents.
    pub price_cents: u64,
    /// All seats of this category.
    pub seats: u32,
    /// Seats that can be held now.
    pub available: u32,
}

/// A pool of tickets without seats and how much of it is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockState {
    /// The pool's name.
    pub name: String,
    /// Price of a ticket in cents.
    pub price_cents: u64,
    /// All tickets of this pool.
    pub quantity: u32,
    /// Tickets that can be held now.
    pub available: u32,
}

/// The state of seats at one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatMap {
    /// The version at which all of `seats` is true.
    pub version: u64,
    /// The version that these are the changes since; absent where `seats` is the whole map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// The seats, in plan order.
    pub seats: Vec<SeatState>,
}

/// The state of one seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatState {
    /// The plan's `seat_guid`.
    pub seat_id: String,
    /// What can be done with it.
    pub status: SeatStatus,
    /// Its price in cents.
    pub price_cents: u64,
}

/// What can be done with a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SeatStatus {
    /// Free to hold.
    Available,
    /// In somebody's hold or unpaid order.
    Held,
    /// Somebody's.
    Sold,
    /// Not on sale yet.
    Blocked,
}

/// Asks for seats or standing tickets: exactly one of `seatIds`, `bestAvailable`, `stock`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldRequest {
    /// Who holds. Limits per buyer count by it. Whoever shows a user's token leaves it out: the
    /// token says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(min_length = 1, max_length = 128)]
    pub user_id: String,
    /// How long, in seconds; the show's default where absent, bounded by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub hold_seconds: Option<u32>,
    /// These seats, all or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 32)]
    pub seat_ids: Option<Vec<String>>,
    /// The best seats that are free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_available: Option<BestAvailable>,
    /// Standing tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<StockQuantity>,
}

/// Asks for the best seats that are free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BestAvailable {
    /// How many seats.
    #[schema(minimum = 1, maximum = 32)]
    pub quantity: u32,
    /// Only seats of this price category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Only seats of this section: the plan's `zone_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Whether the seats must be side by side in one row.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub adjacent: bool,
}

/// A number of standing tickets from one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockQuantity {
    /// The pool's name.
    pub name: String,
    /// How many tickets.
    #[schema(minimum = 1, maximum = 32)]
    pub quantity: u32,
}

/// Seats or tickets that are kept for a buyer until `expiryTime`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Opaque id.
    pub hold_id: String,
    /// The show it belongs to.
    pub show_id: String,
    /// Where in its life it is.
    pub status: HoldStatus,
    /// The seats; absent in a hold of standing tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_ids: Option<Vec<String>>,
    /// The tickets; absent in a hold of seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<StockQuantity>,
    /// When it ends by itself.
    pub expiry_time: Timestamp,
    /// What all of it costs, in cents, fixed when the hold was made.
    pub total_price_cents: u64,
    /// ISO 4217.
    pub currency: String,
    /// The show's version that contains this hold.
    pub version: u64,
}

/// Where in its life a hold is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldStatus {
    /// Seats are kept.
    Active,
    /// An order took it over.
    Confirmed,
    /// Given back by the buyer.
    Released,
    /// Its time ran out.
    Expired,
}

/// Makes an order of a hold. Needs an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderRequest {
    /// The hold, still active.
    pub hold_id: String,
    /// Who made the hold; left out as there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(min_length = 1, max_length = 128)]
    pub user_id: String,
    /// Whom to reach about the order.
    pub contact: Contact,
    /// Who comes: one for each ticket, in the order of the hold's seats. Only for a show that says
    /// so in `identity`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32)]
    pub attendees: Vec<Attendee>,
}

/// Whom to reach about an order. Kept encrypted; it can be destroyed without harming the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact {
    /// As on the bill.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// A telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 40)]
    pub phone: Option<String>,
    /// An e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 3, max_length = 254)]
    pub email: Option<String>,
}

/// An order, with its tickets once there are some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Opaque id.
    pub order_id: String,
    /// The show it belongs to.
    pub show_id: String,
    /// The hold that it took over; absent for a sale at the counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<String>,
    /// Where in its life it is.
    pub status: OrderStatus,
    /// What is owed or was paid, in cents.
    pub amount_cents: u64,
    /// ISO 4217.
    pub currency: String,
    /// Until when it must be paid.
    pub pay_by: Timestamp,
    /// The seats; absent in an order of standing tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_ids: Option<Vec<String>>,
    /// The tickets without seats; absent in an order of seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<StockQuantity>,
    /// Who comes, masked: one for each ticket, in their order. Nobody where the show does not ask,
    /// or once they were erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attendees: Vec<Attendee>,
    /// The tickets, none before the order is paid.
    #[serde(default)]
    pub tickets: Vec<TicketLine>,
    /// What is owed back to the buyer, in cents; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due_cents: Option<u64>,
    /// When the order was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The show's version that contains this state.
    #[serde(default)]
    pub version: u64,
}

/// Where in its life an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Waits for the buyer to start paying.
    PendingPay,
    /// A payment was started.
    Paying,
    /// Paid, with tickets.
    Ticketed,
    /// Given up by the buyer.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// Money is owed back.
    RefundPending,
    /// Money was given back.
    Refunded,
}

impl OrderStatus {
    /// Whether nothing more can happen to an order unless somebody pays or refunds.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ticketed | Self::Cancelled | Self::Expired | Self::Refunded)
    }
}

/// A buyer's orders, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrdersPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// Where in the whole list this page lies.
    pub meta: PageMeta,
    /// The journal sequence up to which the list is complete.
    pub at_sequence: u64,
}

fn yes() -> bool {
    true
}
