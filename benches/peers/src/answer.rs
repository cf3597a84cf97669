//! The JSON that every design answers with: what Usher answers, field by field.

use actix_web::HttpResponse;
use jiff::{SignedDuration, Timestamp};
use usher_wire::{Hold, HoldRequest, HoldStatus};

/// How long all holds live, in seconds.
pub(crate) const HOLD_SECONDS: i64 = 300;

/// A hold was made.
pub(crate) fn held(asked: HoldRequest, hold_id: String, version: u64) -> HttpResponse {
    HttpResponse::Created().insert_header(("location", format!("/api/v1/holds/{hold_id}"))).json(
        Hold {
            hold_id,
            show_id: "show".into(),
            status: HoldStatus::Active,
            seat_ids: asked.seat_ids,
            stock: asked.stock,
            expiry_time: Timestamp::now() + SignedDuration::from_secs(HOLD_SECONDS),
            total_price_cents: 9_500,
            currency: "EUR".into(),
            version,
        },
    )
}

/// Somebody else has it.
pub(crate) fn taken() -> HttpResponse {
    HttpResponse::Conflict().body("taken")
}

/// A random id of 128 bits, as people give their holds.
pub(crate) fn new_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
