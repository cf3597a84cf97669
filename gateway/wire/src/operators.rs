//! What operators send and get under `/ops/v1`, and the two health pages.
//!
//! Times that were measured are seconds as a float, like the metrics, so that a dashboard and this
//! API show the same figures.

use crate::SaleState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// All shards, and the journal that they share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardsAnswer {
    /// The shards, by number.
    pub shards: Vec<ShardStatus>,
    /// The journal.
    pub journal: JournalStatus,
    /// The last journal sequence that is durable.
    pub last_durable_sequence: u64,
    /// The sequence that the newest snapshot covers; absent where there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_sequence: Option<u64>,
    /// How old the newest snapshot is; absent where there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_age_seconds: Option<f64>,
}

/// One shard: a thread and the partitions that it owns. Counts are since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// Its number, from 0.
    pub shard: u32,
    /// How many partitions it owns.
    pub partitions: u32,
    /// How many machines are in its memory: inventories, waiting rooms, parts of all accounts.
    pub machines: u32,
    /// How many shows have inventories here.
    pub shows: u32,
    /// What waits in its lanes.
    pub depth: u64,
    /// Requests that it worked off.
    pub requests: u64,
    /// Journal records that it made.
    pub records: u64,
    /// Turns that it took; requests by turns is how much it takes up at once.
    pub turns: u64,
    /// Panics after which it was rebuilt from the journal.
    #[serde(default)]
    pub panics: u64,
    /// How long it was down for the last of them; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_rebuild_seconds: Option<f64>,
    /// What is refused with `COMMAND_QUARANTINED`, since it made the shard panic twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<QuarantinedCommand>,
    /// The shows that live here, in the answer about one shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub show_ids: Vec<String>,
    /// The partitions that it owns, in the answer about one shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_ids: Vec<u16>,
}

/// A command that made its shard panic twice, and is not tried again before a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantinedCommand {
    /// The show; absent where it is no longer listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show_id: Option<String>,
    /// `seats`, or the pool's name and the segment, such as `Floor/3`.
    pub inventory: String,
    /// Its kind, such as `Hold`.
    pub command: String,
    /// How often it panicked.
    pub panics: u32,
    /// When it did so last.
    pub last_at: Timestamp,
}

/// The journal since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JournalStatus {
    /// Records that were appended.
    pub records: u64,
    /// Bytes that were appended.
    pub bytes: u64,
    /// Batches that were made durable, each with one flush.
    pub batches: u64,
    /// Records of a batch.
    pub batch_records: Quantiles,
    /// How long it took to append a batch and make it durable.
    pub batch_seconds: Quantiles,
}

/// Quantiles of something that was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
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
    /// How often it has changed, as of which its counts are.
    #[serde(default)]
    pub version: u64,
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

/// Names the shard that a partition is to move to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveRequest {
    /// The shard.
    pub shard: u32,
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
    /// How long the move took; the longest that a command of this partition waited for it.
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
    /// A directory on the server that is empty or does not exist yet, within `backups` of the data
    /// directory: a path of it, or relative to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
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
    /// What the owners say, each at a version of its own at about the time of `atSequence`, and
    /// compared with the journal at that very version.
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
    /// The entries, oldest first. Refusals are in no journal; what was in the way is.
    pub entries: Vec<HistoryEntry>,
    /// Whether there was more than an answer may hold: these are then the newest, and asking again
    /// with `to` as the first `at` gives those before.
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
    /// What, as the journal names it, such as `HELD`.
    pub event: String,
    /// In one sentence.
    pub text: String,
    /// Where: `seats`, or the pool's name and the segment, such as `Floor/3`.
    #[serde(default)]
    pub inventory: String,
    /// The hold it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<String>,
    /// The order it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The seats it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seat_ids: Vec<String>,
    /// What else there is to say, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Who did what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogbookAnswer {
    /// The entries, oldest first.
    pub entries: Vec<LogbookEntry>,
    /// Whether there was more than an answer may hold: these are then the newest.
    pub truncated: bool,
    /// Whether every entry that is kept is as it was written.
    pub intact: bool,
    /// The first place where that is not so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The hash of the last entry of all. Who keeps a copy elsewhere can tell later that nothing
    /// before it was altered.
    pub last_hash: String,
}

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogbookEntry {
    /// Counts all entries, from 1.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// `organiser`, `operator`, `provider`, or `stranger`: somebody without the right key.
    pub actor: String,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Method and path.
    pub call: String,
    /// What was answered; absent where whoever asked went away before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The request's id, as in logs and answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What else there is to say, by name; of a provider's message, what it said and what that did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
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
