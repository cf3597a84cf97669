//! What can be left out of a run. A bug that needs two kinds of trouble at once is found with both
//! and not with either alone, and a run without one of them can show it.

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies, for whatever reason.
    Crash,
    /// A flush fails, and the process dies of it.
    FailedFlush,
    /// The keeper compacts the journal, or begins to.
    Compaction,
    /// The newest snapshot is damaged.
    DamagedSnapshot,
    /// A partition moves to another shard.
    Move,
    /// There is no room on the disk.
    FullDisk,
    /// Somebody sends a request again.
    Repeat,
    /// Standing tickets move between segments.
    Loan,
    /// Organisers and operators do anything to the sale.
    Pause,
    /// Shards panic.
    Panic,
    /// Messages between shards are lost, doubled or overtaken.
    Network,
}
