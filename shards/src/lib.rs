//! The runtime: single-threaded owners of inventories, and everything around them.
//!
//! ```text
//!   gateway ──Router──► lanes ──► shard thread ──Submission──► journal writer thread
//!      ▲                          (actor, core)                      │ append + flush
//!      │                               ▲──────── durable up to n ────┘
//!      └── answers ◄── views published ┘
//!      └── ReplicaHandle ──► replica thread ◄── journal        (lists, history, audit, snapshots)
//! ```
//!
//! `core` decides when something may leave and knows no threads; `actor`, `lanes`, `writer` and
//! `runtime` are the threads around it; `view` is what everybody may read without asking.

pub mod actor;
pub mod clock;
pub mod core;
pub mod keeper;
pub mod lanes;
pub mod message;
pub mod recovery;
pub mod replica;
pub mod route;
pub mod router;
pub mod runtime;
pub mod stats;
pub mod view;
pub mod writer;

pub use core::{RefundOrder, Suspect};
pub use keeper::{CompactError, Compactor, KeeperConfig};
pub use lanes::LaneSizes;
pub use message::{Answer, CallError, Counted, Found, Unavailable};
pub use replica::{HistoryFilter, HistoryRecord, Replica, ReplicaError, ReplicaHandle};
pub use router::{Router, ShardFigures};
pub use runtime::{OnFatal, Runtime, RuntimeConfig, Storage};
pub use view::{Directory, Face, RoomFace, RoomView, ShowView};
