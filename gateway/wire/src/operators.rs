//! What operators send and get under `/ops/v1`, and the two health pages.
//!
//! Times that were measured are seconds as a float, like the metrics, so that a dashboard and this
//! API show the same figures.

use crate::SaleState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardsAnswer {
    /// The shards, by number.
    pub shards: Vec<ShardStatus>,
    /// The last journal sequence that is durable.
    pub last_durable_sequence: u64,
    /// How old the newest snapshot is; absent where there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_age_seconds: Option<f64>,
    /// How long it took to make a batch durable.
    pub journal_seconds: Quantiles,
}

/// One shard: a thread and the partitions that it owns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// Its number, from 0.
    pub shard: u32,
    /// How many partitions it owns.
    pub partitions: u32,
    /// How many inventories are in its memory.
    pub inventories: u32,
    /// How many shows have inventories here.
    pub shows: u32,
    /// What waits in its lanes.
    pub lanes: LaneDepths,
    /// How many answers wait for the journal.
    pub waiting_for_journal: u64,
    /// How many commands a turn worked off.
    pub batch_commands: Quantiles,
    /// How long a command was on its way from lane to answer.
    pub command_seconds: Quantiles,
    /// How many live holds its timing wheel watches.
    pub timers: u64,
    /// The last sequence of this shard's events that is durable.
    pub last_durable_sequence: u64,
    /// The shows that live here, in the answer about one shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub show_ids: Vec<String>,
    /// The partitions that it owns, in the answer about one shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_ids: Vec<u16>,
}

/// What waits in a shard's lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaneDepths {
    /// Payments and check-ins, worked off first.
    pub payments: u64,
    /// Buyers.
    pub buyers: u64,
    /// Organisers and operators.
    pub control: u64,
}

/// Quantiles of something that was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// How often it was measured.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// 90 of 100 are at most this.
    pub p90: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// Where a show lives and how it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShowStatus {
    /// The show.
    pub show_id: String,
    /// Whether it can be bought now.
    pub sale_state: SaleState,
    /// Whether the organiser paused it.
    pub paused_by_organiser: bool,
    /// Whether an operator paused it.
    pub paused_by_operator: bool,
    /// Counts changes of its seats and stock.
    pub version: u64,
    /// Its inventories: the seats, and each segment of stock.
    pub inventories: Vec<InventoryStatus>,
}

/// One inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryStatus {
    /// `seats`, or the pool's name and the segment, such as `Floor/3`.
    pub name: String,
    /// The partition.
    pub partition: u16,
    /// The shard that owns the partition now.
    pub shard: u32,
    /// Its counts.
    pub counts: Counts,
}

/// Counts that must add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
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
    /// Lent by one segment of stock and not yet received by another.
    pub in_transit: u64,
    /// Tickets that were issued and are not taken back.
    pub tickets_issued: u64,
}

/// Gives all live holds of a show more time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtendHoldsRequest {
    /// How much, in seconds.
    #[schema(minimum = 1, maximum = 3600)]
    pub seconds: u32,
}

/// How many holds were given more time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtendHoldsAnswer {
    /// The show.
    pub show_id: String,
    /// Live holds and unpaid orders that end later now.
    pub extended: u64,
}

/// A partition that was moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveAnswer {
    /// The partition.
    pub partition: u16,
    /// The shard that had it.
    pub from_shard: u32,
    /// The shard that has it.
    pub to_shard: u32,
    /// How long commands of this partition waited.
    pub frozen_seconds: f64,
}

/// A snapshot that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotAnswer {
    /// The journal sequence that it covers.
    pub at_sequence: u64,
    /// Its size on disk.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Asks for a backup. The server chooses a directory of its own where none is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupRequest {
    /// A directory on the server that does not exist yet; its parent does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub directory: Option<String>,
}

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupAnswer {
    /// Where it is, on the server.
    pub directory: String,
    /// The journal sequence that it covers.
    pub at_sequence: u64,
    /// Its size on disk.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A show's figures, recomputed from snapshot and journal, beside the live ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditAnswer {
    /// The show.
    pub show_id: String,
    /// Whether everything adds up and nothing was sold twice.
    pub ok: bool,
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
    /// Lent by one segment of stock and not yet received by another.
    pub in_transit: u64,
    /// Tickets that were issued and are not taken back.
    pub tickets_issued: u64,
    /// The journal sequence that was recomputed.
    pub at_sequence: u64,
    /// Seats that more than one valid ticket names.
    pub double_sold: Vec<String>,
    /// Orders that are paid and have neither tickets nor a refund due.
    pub paid_without_ticket: Vec<String>,
    /// What the owners say, at or after `atSequence`.
    pub live: Counts,
    /// Everything else that does not add up, in words.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// What happened in a show, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryAnswer {
    /// The show.
    pub show_id: String,
    /// The entries, oldest first.
    pub entries: Vec<HistoryEntry>,
    /// Whether there is more than an answer may hold; ask again from the last `at`.
    pub truncated: bool,
    /// The journal sequence up to which this is complete.
    pub at_sequence: u64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The journal sequence.
    pub sequence: u64,
    /// When, by the clock of the owner.
    pub at: Timestamp,
    /// What, as the journal names it, such as `SEATS_HELD`.
    pub event: String,
    /// In one sentence.
    pub text: String,
    /// The hold it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<String>,
    /// The order it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The seats it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seat_ids: Vec<String>,
}

/// Whether the server is alive, or ready to be given requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, `starting`, `draining` or `failed`.
    pub status: String,
    /// Why not, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
