//! Journal, snapshots and recovery: what makes an answer rest on something durable.
//!
//! ```text
//!                 append, returns when durable            one data directory
//!   journal writer ───────► journal ───► sled_journal ───► journal/…       the records
//!                              │   └───► memory            (tests: faults on demand)
//!             read while it writes
//!                              ▼
//!   compaction ───────► snapshots ──────────────────────► snapshots/      the state at a sequence
//!   upload ───────────► plans ──────────────────────────► plans/          immutable seating plans
//!   contacts ─────────► seal ───────────────────────────► keys/           a key per buyer
//!   operator ─────────► check: verify, cut, backup, restore
//! ```
//!
//! `courtesy` is how the threads behind an answer, sled's among them, let those go first that talk
//! to clients. Everything here deals in bytes. `frame` gives a record its checksum and its link to
//! the one before. Keys lie apart from journal and snapshots: destroying one makes what it sealed
//! unreadable in every copy of them.

pub mod check;
pub mod codec;
pub mod courtesy;
pub mod data_dir;
pub mod disk;
pub mod frame;
pub mod journal;
pub mod memory;
pub mod own_pages;
pub mod plans;
pub mod seal;
pub mod sled_journal;
pub mod snapshots;

pub use data_dir::DataDir;
pub use disk::{DiskError, Reserve, free_bytes};
pub use frame::{Chain, FrameError, Record};
pub use journal::{
    Appended, Damage, Generation, GenerationInfo, Journal, JournalError, JournalReader, Pending,
    Place, RecoveryReport, TailCut, removable_through,
};
pub use memory::{Fault, MemoryDisk, MemoryJournal, MemorySnapshots};
pub use own_pages::OwnPages;
pub use plans::{PlanDigest, PlanError, PlanInfo, PlanStore};
pub use seal::{KeyError, Keyring, KeyringReport};
pub use sled_journal::{SledJournal, SledOptions};
pub use snapshots::{
    Covers, FileSnapshots, Newest, Section, Skipped, SnapshotError, SnapshotInfo, SnapshotReader,
    SnapshotWriter, Snapshots,
};
