//! What an inventory knows of each buyer: how much they have, and the keys that make their repeats
//! harmless.

use smallvec::SmallVec;

use crate::command::KeyUse;
use crate::id::HoldNo;
use crate::limits::KEYS_PER_BUYER_MAX;
use crate::time::Timestamp;

/// Keys of one buyer. Most buyers have one, which needs no allocation of its own.
pub type Keys = SmallVec<[KeyEntry; 1]>;

/// One buyer of one inventory. Forgotten once it says nothing any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buyer {
    /// Seats or tickets held, ordered and owned.
    pub units: u32,
    /// Active holds and unpaid orders.
    pub holds: u32,
    /// Oldest first, at most [`KEYS_PER_BUYER_MAX`].
    pub keys: Keys,
}

/// A remembered idempotency key. Only accepted commands are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// Key and digest of the body.
    pub used: KeyUse,
    /// The hold or order that it led to.
    pub hold: HoldNo,
    /// The payment that it led to, by its place in the order; `None` for other operations.
    pub payment: Option<u8>,
    /// Forgotten from then on. The key of a live hold does not expire.
    pub expires_at: Timestamp,
}

impl Buyer {
    /// The entry of a key that has not expired.
    #[must_use]
    pub fn find_key(&self, used: KeyUse, now: Timestamp) -> Option<&KeyEntry> {
        self.keys.iter().find(|entry| entry.used.key == used.key && now < entry.expires_at)
    }

    pub(super) fn remember_key(&mut self, entry: KeyEntry, at: Timestamp) {
        if !self.keys.is_empty() {
            self.forget_keys(at);
            if self.keys.len() == KEYS_PER_BUYER_MAX {
                self.keys.remove(0);
            }
            // Few keys are followed by another one, and buyers are many.
            self.keys.reserve_exact(1);
        }
        self.keys.push(entry);
    }

    pub(super) fn forget_keys(&mut self, at: Timestamp) {
        self.keys.retain(|entry| at < entry.expires_at);
    }

    /// Lets the key that placed `hold` run out.
    pub(super) fn expire_hold_key(&mut self, hold: HoldNo, expires_at: Timestamp) {
        for entry in &mut self.keys {
            if entry.hold == hold && entry.expires_at == Timestamp(u64::MAX) {
                entry.expires_at = expires_at;
            }
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.units == 0 && self.holds == 0 && self.keys.is_empty()
    }
}
