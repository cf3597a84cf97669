//! A whole sale in one thread and from one seed: the real engine, shards and recovery, on a disk,
//! a clock and a network that fail whenever the seed says so.
//!
//! ```text
//!   people ──asks──► world: shards' cores, journal and snapshots in memory, virtual time
//!      ▲               │ answers, and what can be seen of the inventories
//!      └── memory ◄────┤
//!                      ▼
//!                   auditor: its own model in plain numbers, no line of the engine
//! ```
//!
//! A step is one small thing: a request sent, a turn of one shard, a flush, a message between
//! shards, time that passes, a snapshot, a crash. So a crash can fall between any two of them. The
//! same seed gives the same run to the byte; [`Summary::history`] is the hash that says so. The
//! shape is that of FoundationDB's simulation and of TigerBeetle's VOPR.

mod auditor;
mod eyes;
mod history;
mod people;
mod random;
mod run;
mod summary;
mod trouble;
mod world;

pub use run::{Config, simulate, simulate_without};
pub use summary::{Failure, Summary};
pub use trouble::Trouble;
