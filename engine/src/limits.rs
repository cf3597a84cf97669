//! Bounds that hold everywhere. What an organiser may choose is chosen within them.

/// Seats or standing tickets that one hold may ask for.
pub const UNITS_PER_HOLD_MAX: u32 = 32;

/// Holds and unpaid orders that one buyer may have at once in one inventory.
pub const HOLDS_PER_BUYER_MAX: u32 = 16;

/// Units that a show may allow one document; what one has is looked through as a list.
pub const UNITS_PER_DOCUMENT_MAX: u32 = 100;

/// Idempotency keys remembered per buyer and inventory; the oldest goes first.
pub const KEYS_PER_BUYER_MAX: usize = 64;

/// Payments recorded per order before further attempts are refused.
pub const PAYMENTS_PER_ORDER_MAX: usize = 16;

/// How long an ended hold, and the idempotency key that placed it, is remembered.
pub const ENDED_HOLD_MEMORY_MS: u64 = 15 * 60 * 1_000;

/// How long the idempotency keys of orders and payments are remembered.
pub const ORDER_KEY_MEMORY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Holds that one expiry record may end. Longer lists are worked off in slices.
pub const EXPIRY_SLICE_MAX: usize = 1_024;

/// Tickets that a pool may hold.
pub const STOCK_MAX: u32 = 10_000_000;

/// Seats put on sale by one record; a larger batch is several records.
pub const SCHEDULED_BATCHES_MAX: usize = 64;

/// The longest that a hold or a payment may be given, in milliseconds.
pub const HOLD_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Bytes of a payment reference.
pub const PAYMENT_REF_BYTES_MAX: usize = 96;

#[cfg(test)]
mod tests {
    use super::{ENDED_HOLD_MEMORY_MS, HOLD_MS_MAX, ORDER_KEY_MEMORY_MS};

    #[test]
    fn the_times_are_what_the_documents_say() {
        assert_eq!(ENDED_HOLD_MEMORY_MS, 900_000, "a quarter of an hour");
        assert_eq!(ORDER_KEY_MEMORY_MS, 86_400_000, "a day");
        assert_eq!(HOLD_MS_MAX, 86_400_000, "a day");
    }
}
