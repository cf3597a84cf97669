//! The server's side: what it answered when everything was read back at the end of a run.
//!
//! Given as data, so that the checks need no network and a run can be audited again later from
//! the file. Only what the checks need is kept; names follow the HTTP contract.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Jwk, Place};

/// Everything re-read about one show. A `None` value in a map is the server's 404.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerSide {
    /// The show.
    pub show_id: String,
    /// When reading was over, in microseconds since the Unix epoch by the client's clock. What must
    /// live beyond it was live all the while.
    pub read_us: u64,
    /// The operators' audit of the show, where an operator key was at hand.
    pub ops_audit: Option<OpsAudit>,
    /// The seat map, for a show with seats.
    pub seats: Vec<SeatNow>,
    /// The stock pools, for a show with stock.
    pub stock: Vec<StockNow>,
    /// Holds by id.
    pub holds: BTreeMap<String, Option<HoldNow>>,
    /// Orders by id.
    pub orders: BTreeMap<String, Option<OrderNow>>,
    /// Tickets by code.
    pub tickets: BTreeMap<String, Option<TicketNow>>,
    /// The public keys that verify tickets.
    pub keys: Vec<Jwk>,
}

/// `/ops/v1/shows/{showId}/audit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpsAudit {
    /// The server's own verdict.
    pub ok: bool,
    /// Everything that can be sold, put on sale or not.
    pub capacity: u64,
    /// Free to be held.
    pub available: u64,
    /// In holds and in orders that are not paid.
    pub held: u64,
    /// Ticketed.
    pub sold: u64,
    /// Not put on sale yet.
    pub blocked: u64,
    /// On the way between two stock segments.
    pub in_transit: u64,
    /// Tickets that are valid.
    pub tickets_issued: u64,
    /// The journal sequence that the figures belong to.
    #[serde(default)]
    pub at_sequence: u64,
    /// Seats that the server itself finds sold twice.
    #[serde(default)]
    pub double_sold: Vec<serde_json::Value>,
    /// Orders that the server itself finds paid and without tickets.
    #[serde(default)]
    pub paid_without_ticket: Vec<serde_json::Value>,
    /// What the owners say, where the server gives it beside what it recomputed.
    #[serde(default)]
    pub live: Option<LiveCounts>,
    /// Whatever else the server itself finds wrong, in words.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// The counts of the owners, beside those recomputed from snapshot and journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveCounts {
    /// Everything that can be sold, put on sale or not.
    pub capacity: u64,
    /// Free to be held.
    pub available: u64,
    /// In holds and in orders that are not paid.
    pub held: u64,
    /// Ticketed.
    pub sold: u64,
    /// Not put on sale yet.
    pub blocked: u64,
    /// On the way between two stock segments.
    pub in_transit: u64,
    /// Tickets that are valid.
    pub tickets_issued: u64,
}

/// One seat of the seat map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatNow {
    /// The seat.
    pub seat_id: String,
    /// `AVAILABLE`, `HELD`, `SOLD` or `BLOCKED`.
    pub status: String,
}

/// One stock pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StockNow {
    /// The pool.
    pub name: String,
    /// How many tickets it has in all.
    pub quantity: u64,
    /// How many are free, where the server says.
    pub available: Option<u64>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldNow {
    /// `ACTIVE`, `CONFIRMED`, `RELEASED` or `EXPIRED`.
    pub status: String,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderNow {
    /// `PENDING_PAY`, `PAYING`, `TICKETED`, `CANCELLED`, `EXPIRED`, `REFUND_PENDING`, `REFUNDED`.
    pub status: String,
    /// What was to be paid.
    pub amount_cents: i64,
    /// What is owed back, where something is.
    #[serde(default)]
    pub refund_due_cents: Option<u64>,
    /// Its tickets.
    #[serde(default)]
    pub tickets: Vec<TicketRef>,
}

/// A ticket as its order lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRef {
    /// The code.
    pub ticket_code: String,
    /// What it is for.
    pub place: Place,
    /// In the server's words; `REFUNDED` and `REVOKED` tickets no longer take a place.
    pub status: String,
}

/// A ticket by its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketNow {
    /// What it is for.
    pub place: Place,
    /// The signed payload of its QR, where the server gives it.
    pub payload: Option<String>,
}

impl TicketRef {
    /// Whether it still takes its place.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !matches!(self.status.as_str(), "REFUNDED" | "REVOKED" | "CANCELLED")
    }
}
