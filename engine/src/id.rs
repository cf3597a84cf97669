//! Names of things, as numbers that carry their own route.
//!
//! A show is known inside by a 64-bit key (the gateway derives it from the organiser's show id), an
//! inventory by show and slot, and a hold by a number within its inventory. From these the owning
//! partition follows by arithmetic, so nothing is ever looked up to route a request.

use std::hash::{Hash, Hasher};

/// Partitions that all inventories are spread over. Fixed for ever, since ids rely on it.
pub const PARTITION_COUNT: u16 = 4_096;

/// Stock pools that one show may have.
pub const POOLS_MAX: u16 = 32;

/// Stock segments that one pool may be split into.
pub const SEGMENTS_MAX: u16 = 64;

/// Parts that all accounts are spread over by the hash of their login.
pub const ACCOUNT_BUCKETS: u16 = 4_096;

/// The slot of a show's waiting room, far behind those of all segments.
const ROOM_SLOT: u16 = u16::MAX - 1;

/// The slot of accounts, which belong to no show.
const ACCOUNTS_SLOT: u16 = u16::MAX - 2;

/// What a machine is about: see [`crate::machine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineKind {
    /// Sells.
    Inventory,
    /// Lets people wait.
    Room,
    /// Knows people.
    Accounts,
}

/// A show, derived from its public id by hashing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShowKey(pub u64);

/// One of [`PARTITION_COUNT`] partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

/// The address of one state machine. Of a show, slot 0 is its *house* (its record and its seats),
/// later slots are the segments of its stock pools, and one is its waiting room. Accounts belong to
/// no show: there the number of the bucket stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId {
    /// The show that this machine belongs to, or the bucket of accounts.
    pub show: ShowKey,
    /// 0 for the house, `1 + pool * SEGMENTS_MAX + segment` for a stock segment, or one of the
    /// last.
    pub slot: u16,
}

impl MachineId {
    /// Where authentic payment messages go that name no order of ours: kept, and due for refund.
    pub const STRAYS: Self = Self { show: ShowKey(0), slot: u16::MAX };

    /// The house of a show.
    #[must_use]
    pub const fn house(show: ShowKey) -> Self {
        Self { show, slot: 0 }
    }

    /// The waiting room of a show.
    #[must_use]
    pub const fn room(show: ShowKey) -> Self {
        Self { show, slot: ROOM_SLOT }
    }

    /// One of [`ACCOUNT_BUCKETS`] parts of all accounts.
    #[must_use]
    pub fn accounts(bucket: u16) -> Self {
        assert!(bucket < ACCOUNT_BUCKETS, "bucket {bucket}");
        Self { show: ShowKey(bucket as u64), slot: ACCOUNTS_SLOT }
    }

    /// Where the keys of integrators are: beside all accounts, and without any.
    pub const API_KEYS: Self = Self { show: ShowKey(ACCOUNT_BUCKETS as u64), slot: ACCOUNTS_SLOT };

    /// What kind of machine lives here.
    #[must_use]
    pub const fn kind(self) -> MachineKind {
        match self.slot {
            ROOM_SLOT => MachineKind::Room,
            ACCOUNTS_SLOT => MachineKind::Accounts,
            _ => MachineKind::Inventory,
        }
    }

    /// Segment `segment` of pool `pool`, both counted from 0.
    #[must_use]
    pub fn segment(show: ShowKey, pool: u16, segment: u16) -> Self {
        assert!(pool < POOLS_MAX && segment < SEGMENTS_MAX, "pool {pool} segment {segment}");
        Self { show, slot: 1 + pool * SEGMENTS_MAX + segment }
    }

    /// Whether this is a show's house.
    #[must_use]
    pub const fn is_house(self) -> bool {
        self.slot == 0
    }

    /// Pool and segment numbers of a stock segment, `None` for a house or a slot that cannot be.
    #[must_use]
    pub fn pool_and_segment(self) -> Option<(u16, u16)> {
        let index = self.slot.checked_sub(1)?;
        let (pool, segment) = (index / SEGMENTS_MAX, index % SEGMENTS_MAX);
        (pool < POOLS_MAX).then_some((pool, segment))
    }

    /// The partition that owns this machine.
    ///
    /// The finaliser of splitmix64 (Steele, Lea, Flood 2014) spreads the slots of one show, so that
    /// its stock segments sell on different shards.
    #[must_use]
    pub const fn partition(self) -> PartitionId {
        let mut x = self.show.0 ^ (self.slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        PartitionId(((x ^ (x >> 31)) % PARTITION_COUNT as u64) as u16)
    }
}

/// A hold within its inventory, counted from 1. The order made from a hold, and its tickets, keep
/// the number: an order is a hold that went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldNo(pub u32);

/// A place in a waiting room, counted from 0 in the order of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceNo(pub u32);

/// An account within its bucket: a number that was drawn at random when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNo(pub u64);

/// A buyer: 128 bits of a cryptographic hash of the public user id, so that the id itself never
/// reaches the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuyerId(pub u128);

/// A half of a hash is as good a hash as the whole, and half as much to do.
impl Hash for BuyerId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 as u64);
    }
}

/// A document, such as a passport, within one show: 128 bits of a keyed hash of its number, so that
/// the number itself never reaches the journal and no two shows can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentHash(pub u128);

/// The random part of a ticket code: 80 bits, handed in by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketNonce(pub [u8; 10]);

/// What identifies a payment to its provider, unique per provider.
pub type PaymentRef = Box<str>;

#[cfg(test)]
mod tests;
