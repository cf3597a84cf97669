//! Snapshots: the state at one sequence, so that a restart does not replay a whole sale.
//!
//! ```text
//!   compaction ──section──section──finish──► 00000000000000004711.snapshot
//!                                                    │ newest that is whole
//!   start ◄── sections, then the journal from 4712 ──┘ (a damaged one is skipped and reported)
//! ```
//!
//! One snapshot is one file. Sections are opaque and written one at a time, so neither writing nor
//! reading needs memory beyond the largest section. The header carries the checksum of the last
//! record that is covered: the journal that continues behind it has to chain on to that.
//!
//! What always holds: a file under its final name was flushed in full before it got that name; at
//! least [`KEEP_MIN`] snapshots stay, so one that is torn or flipped costs a longer replay and
//! nothing else.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::disk::DiskError;

mod file_store;

pub use file_store::FileSnapshots;

/// The fewest snapshots that a store keeps.
pub const KEEP_MIN: usize = 2;
/// The largest payload of one section, in bytes.
pub const SECTION_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The journal position that a snapshot stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covers {
    /// Sequence of the last record that the state includes; 0 for the empty state.
    pub seq: u64,
    /// That record's checksum; 0 for the empty state.
    pub checksum: u64,
}

/// A snapshot as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The journal position that it stands for.
    pub covers: Covers,
    /// Number of sections.
    pub sections: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When it was finished; its age counts from here.
    pub written: SystemTime,
    /// The file.
    pub path: PathBuf,
}

/// One section, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// The partition that it belongs to. A partition may have several sections.
    pub partition: u16,
    /// The partition's last sequence that the state includes.
    pub partition_seq: u64,
    /// The state; opaque here.
    pub payload: &'a [u8],
}

/// A snapshot that could not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// The newest whole snapshot, and the newer ones that had to be passed over.
pub struct Newest {
    /// `None` where there is no whole snapshot: replay from the beginning.
    pub snapshot: Option<Box<dyn SnapshotReader>>,
    /// Damaged files, newest first; worth an alarm, since replay takes longer.
    pub skipped: Vec<Skipped>,
}

/// Keeps snapshots.
pub trait Snapshots: Send + Sync {
    /// Begins a snapshot of the state at this position. It exists once
    /// [`SnapshotWriter::finish`] has returned; dropped before, it leaves nothing.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    fn begin(&self, covers: Covers) -> Result<Box<dyn SnapshotWriter>, SnapshotError>;

    /// Finds the newest snapshot that is whole, reading all of it once to know.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`] when the directory cannot be read; a damaged file is no error.
    fn newest(&self) -> Result<Newest, SnapshotError>;

    /// All snapshots whose ends can be read, newest first. Content is not verified.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError>;

    /// The sequence up to which the journal is no longer needed: what the oldest kept snapshot
    /// covers, and 0 while fewer than the number to keep exist.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    fn covered_seq(&self) -> Result<u64, SnapshotError>;
}

/// Writes one snapshot.
pub trait SnapshotWriter: Send {
    /// Writes the next section. Every partition that ever committed should have one, if only an
    /// empty one: what it says of the partition's sequence is what a restored journal goes on from.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`]; [`SnapshotError::SectionTooLarge`] leaves the writer usable.
    fn section(
        &mut self,
        partition: u16,
        partition_seq: u64,
        payload: &[u8],
    ) -> Result<(), SnapshotError>;

    /// Makes the snapshot durable under its final name, and lets the oldest go.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`]; then the snapshot does not exist.
    fn finish(self: Box<Self>) -> Result<SnapshotInfo, SnapshotError>;
}

/// Reads one snapshot that was found to be whole.
pub trait SnapshotReader: Send {
    /// What it is.
    fn info(&self) -> &SnapshotInfo;

    /// Visits all sections in the order they were written, until the visitor breaks.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`], or [`SnapshotError::Damaged`] when the file changed meanwhile.
    fn for_each(
        &mut self,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError>;

    /// Visits the sections of one partition only; the others are not read.
    ///
    /// # Errors
    /// As [`SnapshotReader::for_each`].
    fn for_partition(
        &mut self,
        partition: u16,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError>;

    /// The last sequence of every partition that the snapshot knows.
    fn heads(&self) -> Vec<(u16, u64)>;
}

/// Why a snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file-system step failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is not a whole snapshot.
    #[error("snapshot {path} is damaged: {reason}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The snapshot was written by a version that this one does not know.
    #[error("snapshot {path} has version {found}, which is not known", path = .path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version that it carries.
        found: u16,
    },
    /// A section is above [`SECTION_BYTES_MAX`].
    #[error("section of {bytes} bytes is above the limit of {SECTION_BYTES_MAX}")]
    SectionTooLarge {
        /// Bytes of the payload.
        bytes: usize,
    },
}
