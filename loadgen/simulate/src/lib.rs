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
//! shards, time that passes, a snapshot, a panic, a crash. So a crash can fall between any two of
//! them. The same seed gives the same run to the byte; [`Summary::history`] is the hash that says
//! so. The shape is that of FoundationDB's simulation and of TigerBeetle's VOPR.
//!
//! | what goes wrong | where |
//! |---|---|
//! | flushes, snapshots, starts, partitions that move, compactions cut short | `world.rs` |
//! | messages between shards; what can happen to them, and what cannot | `world/network.rs` |
//! | panics within a command and between two | `world/panics.rs` |
//! | clocks that jump, or go too fast or too slowly; a full disk; clients that go away | `run.rs` |
//! | buyers | `people.rs` |
//! | money: late, twice, wrong, for another show or for none | `people/providers.rs` |
//! | people in a waiting room, in runs of their own | `rooms.rs` |
//! | people with accounts, and keys of integrators, in runs of their own | `accounts.rs` |
//! | pauses, prices, limits, stock, the counter, a show that is off | `people/organisers.rs` |

mod accounts;
mod auditor;
mod eyes;
mod history;
mod people;
mod random;
mod rooms;
mod run;
mod summary;
mod trouble;
mod world;

pub use accounts::{AccountsSummary, simulate_accounts};
pub use rooms::{RoomsSummary, simulate_rooms};
pub use run::{Config, simulate, simulate_without};
pub use summary::{Failure, Summary};
pub use trouble::Trouble;
