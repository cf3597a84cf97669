//! Tickets, what a gate says about them, and the keys that verify them.

use crate::Attendee;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A ticket in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketLine {
    /// What admits.
    pub ticket_code: String,
    /// The seat; absent for a standing ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_id: Option<String>,
    /// The pool's name; absent for a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// Whether it still admits.
    pub status: TicketStatus,
}

/// Whether a ticket admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TicketStatus {
    /// Admits once.
    Valid,
    /// Was admitted.
    Used,
    /// Taken back by the organiser.
    Revoked,
    /// Its money was, or is being, given back.
    Refunded,
}

/// A ticket with the payload that its QR code shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// What admits.
    pub ticket_code: String,
    /// The show it admits to.
    pub show_id: String,
    /// The order it was sold in.
    pub order_id: String,
    /// The seat; absent for a standing ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_id: Option<String>,
    /// The pool's name; absent for a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// Whether it still admits.
    pub status: TicketStatus,
    /// Whom it is for, masked; absent where the show does not ask, or once they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Attendee>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// The gate where it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// What the QR code says: signed, base64url. See `docs/TICKETS.md`.
    pub payload: String,
}

/// A scan at a gate: exactly one of `payload`, `ticketCode`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckinRequest {
    /// What the QR code said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2048)]
    pub payload: Option<String>,
    /// The code printed under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    pub ticket_code: Option<String>,
    /// The show that this gate admits to; a ticket of another show is then `WRONG_SHOW`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_id: Option<String>,
    /// Which gate scans.
    #[schema(min_length = 1, max_length = 64)]
    pub gate: String,
    /// When it was scanned, where that was earlier than now (a scanner that was offline).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at: Option<Timestamp>,
    /// Chosen by the scanner per scan, so that a repeated request admits once and says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub nonce: Option<String>,
}

/// What the gate does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckinAnswer {
    /// Whether to open.
    pub result: CheckinResult,
    /// Why not; absent where admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CheckinReason>,
    /// The ticket's code, where it is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_code: Option<String>,
    /// The seat to walk to; absent for a standing ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat_id: Option<String>,
    /// The pool's name; absent for a seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// When this ticket was admitted, now or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// Where this ticket was admitted, now or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Whom a ticket that admits, or did before, is for: in full for a key with the scope to let
    /// people in, else masked. Absent where the show does not ask, or once they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Attendee>,
}

/// Whether the gate opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckinResult {
    /// Open.
    Admitted,
    /// Stay shut.
    Rejected,
}

/// Why a gate stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckinReason {
    /// Admitted before; the answer says when and where.
    AlreadyUsed,
    /// Taken back by the organiser.
    Revoked,
    /// Its money was, or is being, given back.
    Refunded,
    /// Of another show.
    WrongShow,
    /// Not signed by us, or changed.
    BadSignature,
    /// Nothing that we ever issued.
    Unknown,
}

/// Public keys that verify tickets (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JwkSet {
    /// The keys; the one that signs now comes first.
    pub keys: Vec<Jwk>,
}

/// One Ed25519 public key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// Key type, always `OKP`.
    pub kty: String,
    /// Curve, always `Ed25519`.
    pub crv: String,
    /// Use, always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Algorithm, always `EdDSA`.
    pub alg: String,
    /// First 8 bytes of the SHA-256 of the public key, lower-case hex.
    pub kid: String,
    /// The 32 bytes of the public key, base64url without padding.
    pub x: String,
}
