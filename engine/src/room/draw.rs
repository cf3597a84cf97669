//! The draw: an order that nobody can know or choose beforehand, and that everybody can recompute.
//!
//! ```text
//!   before the pre-queue   seed hash  = SHA-256(seed)                      published
//!   when the list closes   list hash  = SHA-256(entry 16 ‖ lane 1, …)      published
//!   after that             public value, from where nobody here decides    published
//!   then                   rank       = HMAC-SHA-256(seed ‖ public value, entry)
//!                          order      = by rank, then by entry
//!                          order hash = SHA-256(entry 16, … in that order) published
//! ```
//!
//! Who knows the seed can place no entry, since the value comes when the list is fixed; who chooses
//! the value does not know the seed. Both are told afterwards.
//!
//! A million ranks take longer than a shard may be kept from its other work. So entries are ranked
//! in slices, into buckets by the first bits of the rank, and then the buckets are sorted one after
//! the other. Only how far this has come is recorded: everything else follows from list and key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::place::EntryId;
use crate::id::PlaceNo;

/// Entries that are ranked by one record.
pub const RANK_SLICE: u32 = 4_096;

/// Buckets that are sorted by one record.
pub const SORT_SLICE: u32 = 16;

/// Entries per bucket, about. Fixed for ever: it decides how far a recorded `Sorted` has come.
const BUCKET_ENTRIES: u32 = 256;

/// The first 16 bytes of the HMAC, most significant first. That two of a list agree in them is as
/// good as impossible; the entry would decide then.
type Rank = u128;

/// A draw that is going on.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    mac: Hmac<Sha256>,
    buckets: Vec<Vec<(Rank, EntryId, PlaceNo)>>,
    bucket_bits: u32,
    /// Entries ranked so far.
    pub(super) ranked: u32,
    /// Buckets sorted so far.
    pub(super) sorted: u32,
    order_hash: Sha256,
}

impl Draw {
    pub(super) fn new(seed: &[u8; 32], public_value: &str, entry_count: u32) -> Self {
        let key = [seed, public_value.as_bytes()].concat();
        let mac = Hmac::new_from_slice(&key).expect("any key will do");
        let bucket_count = (entry_count / BUCKET_ENTRIES).max(1).next_power_of_two();
        Self {
            mac,
            buckets: vec![Vec::new(); bucket_count as usize],
            bucket_bits: bucket_count.ilog2(),
            ranked: 0,
            sorted: 0,
            order_hash: Sha256::new(),
        }
    }

    pub(super) fn bucket_count(&self) -> u32 {
        self.buckets.len() as u32
    }

    /// Ranks one more entry of the list, in the order of the list.
    pub(super) fn rank(&mut self, entry: EntryId, place: PlaceNo) {
        let mut mac = self.mac.clone();
        mac.update(&entry.0.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let rank = Rank::from_be_bytes(digest[..16].try_into().expect("32 bytes"));
        // A shift by all 128 bits would be an overflow.
        let bucket = if self.bucket_bits == 0 { 0 } else { rank >> (128 - self.bucket_bits) };
        self.buckets[bucket as usize].push((rank, entry, place));
        self.ranked += 1;
    }

    /// Sorts the next bucket and hands its places over in order. All entries have been ranked.
    pub(super) fn sort_bucket(&mut self) -> Vec<PlaceNo> {
        let mut bucket = std::mem::take(&mut self.buckets[self.sorted as usize]);
        self.sorted += 1;
        bucket.sort_unstable();
        for (_, entry, _) in &bucket {
            self.order_hash.update(entry.0.to_be_bytes());
        }
        bucket.into_iter().map(|(_, _, place)| place).collect()
    }

    /// Whether every bucket was sorted.
    pub(super) fn is_done(&self) -> bool {
        self.sorted == self.bucket_count()
    }

    /// SHA-256 over all entries in the order drawn.
    pub(super) fn order_hash(&self) -> [u8; 32] {
        self.order_hash.clone().finalize().into()
    }
}

/// The hash of a list that grows.
#[derive(Debug, Clone, Default)]
pub(super) struct ListHash(Sha256);

impl ListHash {
    pub(super) fn add(&mut self, entry: EntryId, lane: u8) {
        self.0.update(entry.0.to_be_bytes());
        self.0.update([lane]);
    }

    pub(super) fn value(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

/// What is published of the seed before the pre-queue opens.
#[must_use]
pub fn seed_hash(seed: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(seed).into()
}
