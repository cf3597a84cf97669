//! The waiting room: joining, standing in line, being let in, and the draw that anybody can check.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The header that carries the token of a place.
pub const QUEUE_TOKEN_HEADER: &str = "X-Queue-Token";

/// The header that carries the pass into `holds`.
pub const QUEUE_PASS_HEADER: &str = "X-Queue-Pass";

/// How far a waiting room has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QueueState {
    /// Nobody may join yet.
    Closed,
    /// All who join are equal; the order is drawn later.
    PreQueue,
    /// The list is closed, its order is not known yet.
    Drawing,
    /// The order is drawn, nobody was called.
    Open,
    /// People are being let in.
    Selling,
    /// Nobody joins or is let in any more.
    Drained,
}

/// How a place in a waiting room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PlaceStatus {
    /// On the list that will be drawn.
    Entered,
    /// Waits for its turn.
    Waiting,
    /// May claim the pass until `claimBy`.
    Called,
    /// Did not answer its call, and waits behind the next block.
    Returning,
    /// Has a pass until `passExpiresAt`.
    Admitted,
    /// It is over; `end` says why. Joining again puts you at the end.
    Ended,
}

/// Why a place is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PlaceEnd {
    /// The pass was used for a hold.
    Used,
    /// The pass ran out unused.
    Lapsed,
    /// Too many calls were not answered.
    Missed,
    /// The person left.
    Left,
    /// An operator took it away.
    Expelled,
}

/// What an estimate of the wait rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitBasis {
    /// How many were let in lately.
    Measured,
    /// How many shall be let in, while nobody was yet.
    Configured,
}

/// Stand in line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinQueueRequest {
    /// Who joins. Whoever shows a user's token leaves it out: the token says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(min_length = 1, max_length = 128)]
    pub user_id: String,
    /// In which lane; the first, which is for everybody, where it is left out. A lane for members
    /// wants a trusted front's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
}

/// A place in a waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuePlace {
    /// What the place is asked about and claimed with. Only in the answer to joining.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The show that is waited for.
    pub show_id: String,
    /// How the place stands.
    pub status: PlaceStatus,
    /// How far the room has come.
    pub state: QueueState,
    /// Whether letting in was stopped.
    pub paused: bool,
    /// The lane that the place is in.
    pub lane: String,
    /// The turn within the lane; the draw can be checked against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// The place in line, counted from 1: an upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// People who come before, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    /// How long the wait may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_wait_seconds: Option<u64>,
    /// What that rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_basis: Option<WaitBasis>,
    /// Until when the pass may be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_by: Option<Timestamp>,
    /// Until when the pass is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_expires_at: Option<Timestamp>,
    /// Why the place is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<PlaceEnd>,
    /// Nothing can be had now.
    pub sold_out: bool,
    /// What is held may come back; only where nothing can be had now.
    pub may_come_back: bool,
    /// Asking again earlier tells nothing new.
    pub next_poll_seconds: u32,
}

/// Answer a call. An empty object where the show sells one kind of goods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimRequest {
    /// The stock that the pass shall be for; the seats where it is left out. A repeat gives the
    /// pass that the first claim gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
}

/// The right to make one hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuePass {
    /// To be sent as `X-Queue-Pass` with the hold.
    pub pass: String,
    /// The show that it is for.
    pub show_id: String,
    /// The stock that it is for; the seats where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A lane of a waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueLane {
    /// What it is called.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// How many of it are let in for each one of a lane of weight 1; 1 to 100.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100)]
    pub weight: u16,
    /// Whether only a trusted front may put people into it.
    #[serde(default)]
    pub members_only: bool,
}

/// A waiting room as its organiser wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueSettings {
    /// From when on people may join.
    pub pre_queue_at: Timestamp,
    /// When the list is closed and the order drawn.
    pub opens_at: Timestamp,
    /// The lanes, at most 8. The first is for everybody.
    #[serde(default = "one_lane")]
    #[schema(min_items = 1, max_items = 8)]
    pub lanes: Vec<QueueLane>,
    /// How long a pass is good for.
    #[serde(default = "pass_seconds")]
    #[schema(minimum = 1, maximum = 3600)]
    pub pass_seconds: u32,
    /// How long somebody who was called has to claim the pass.
    #[serde(default = "claim_seconds")]
    #[schema(minimum = 1, maximum = 3600)]
    pub claim_seconds: u32,
    /// People to let in per second, at most.
    #[serde(default = "outflow_per_second")]
    #[schema(minimum = 1, maximum = 10000)]
    pub outflow_per_second: u32,
    /// People who may shop at once, at most.
    #[serde(default = "shopping_max")]
    #[schema(minimum = 1, maximum = 1000000)]
    pub shopping_max: u32,
    /// Where the public value of the draw will come from, for everybody to read beforehand. Where
    /// it is left out, the server draws the value itself, which nobody outside can check.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub draw_source: String,
}

fn one() -> u16 {
    1
}

fn one_lane() -> Vec<QueueLane> {
    vec![QueueLane { name: "everybody".to_owned(), weight: 1, members_only: false }]
}

fn pass_seconds() -> u32 {
    150
}

fn claim_seconds() -> u32 {
    60
}

fn outflow_per_second() -> u32 {
    50
}

fn shopping_max() -> u32 {
    500
}

/// A waiting room as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// The show that is waited for.
    pub show_id: String,
    /// How far it has come.
    pub state: QueueState,
    /// Whether letting in was stopped.
    pub paused: bool,
    /// As its organiser wants it.
    pub settings: QueueSettings,
    /// People who joined so far.
    pub joined: u64,
    /// People who wait for their turn, at most.
    pub waiting: u64,
    /// The draw, as far as it may be known.
    pub draw: QueueDraw,
}

/// The draw of a waiting room, as far as it may be known. Hashes are lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDraw {
    /// SHA-256 of the seed; known before anybody can join.
    pub seed_hash: String,
    /// Where the public value will come from.
    pub source: String,
    /// Entries on the list, once it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// SHA-256 of the list, once it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_hash: Option<String>,
    /// What nobody could know before, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_value: Option<String>,
    /// The seed in hex, once the order is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// SHA-256 of the order, once it is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_hash: Option<String>,
}

/// The public half of a draw's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrawRequest {
    /// 1 to 256 bytes of text.
    #[schema(min_length = 1, max_length = 256)]
    pub public_value: String,
}

/// A waiting room as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueFigures {
    /// The show that is waited for.
    pub show_id: String,
    /// How far it has come.
    pub state: QueueState,
    /// Whether letting in was stopped.
    pub paused: bool,
    /// The partition that owns it, apart from that of the show.
    pub partition: u16,
    /// Records applied.
    pub version: u64,
    /// People who joined so far.
    pub joined: u64,
    /// How many of them are on the list.
    pub listed: u64,
    /// People who wait for their turn, by lane, at most.
    pub lanes: Vec<QueueLaneFigures>,
    /// Called, without a pass yet.
    pub called: u64,
    /// With a pass that is good and was not used.
    pub admitted: u64,
    /// People to let in per second, at most.
    pub outflow_per_second: u32,
    /// People who may shop at once, at most.
    pub shopping_max: u32,
    /// People let in per second lately, in thousandths.
    pub outflow_milli: u64,
    /// What letting in waits for now, if for anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back_by: Option<HeldBackBy>,
    /// Counted since the room was made.
    pub totals: QueueTotals,
}

/// What keeps a room from letting more people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HeldBackBy {
    /// As many shop as may.
    Shopping,
    /// As many are in as there are tickets.
    Stock,
    /// The show's sale is not open.
    Sale,
    /// The shards or the journal fall behind.
    Load,
    /// Nobody waits.
    Nobody,
    /// An operator stopped it.
    Paused,
}

/// One lane of a room, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueLaneFigures {
    /// What it is called.
    pub name: String,
    /// Its weight.
    pub weight: u16,
    /// The turn that is called next.
    pub next_turn: u64,
    /// People who wait in it, at most.
    pub waiting: u64,
    /// People who missed a call and will be called again.
    pub returning: u64,
}

/// What a room counted since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueTotals {
    /// Calls made.
    pub called: u64,
    /// Passes given.
    pub passes: u64,
    /// Passes used.
    pub used: u64,
    /// Passes that ran out unused.
    pub lapsed: u64,
    /// Calls that were not answered.
    pub missed: u64,
    /// People who left.
    pub left: u64,
    /// People who were sent away.
    pub expelled: u64,
}

/// How many a room lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutflowRequest {
    /// People to let in per second, at most; as before where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outflow_per_second: Option<u32>,
    /// People who may shop at once, at most; as before where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shopping_max: Option<u32>,
}

/// Let people in by hand: the next so many, or these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    /// The next so many, at most 1,024.
    #[schema(minimum = 1, maximum = 1024)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// These users, whatever their turn; at most 1,024.
    #[schema(min_items = 1, max_items = 1024)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<Vec<String>>,
}

/// Take a place away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpelRequest {
    /// Whose.
    #[schema(min_length = 1, max_length = 128)]
    pub user_id: String,
}
