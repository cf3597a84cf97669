//! Where everything lies below one data directory.
//!
//! The names are written once, here: the server, the tools of an operator and the documentation
//! mean the same places.

use std::path::{Path, PathBuf};

/// A data directory. The paths need not exist; who opens a store makes its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// The data directory at this path.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The journal's generations.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Uploaded plans.
    #[must_use]
    pub fn plans(&self) -> PathBuf {
        self.root.join("plans")
    }

    /// Who did what.
    #[must_use]
    pub fn logbook(&self) -> PathBuf {
        self.root.join("logbook")
    }

    /// Keys of buyers: in no backup of the rest.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
}
