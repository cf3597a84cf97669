//! Seating plans as they were uploaded, named by what is in them.
//!
//! A plan never changes: its id is the beginning of the SHA-256 of its bytes, so the same upload
//! twice is one file, a URL with the id can be cached for ever, and a damaged file is recognised
//! and never served.
//!
//! What always holds: when [`PlanStore::put`] has returned, the plan survives a power cut; events
//! may name it from then on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::OwnPages;
use crate::disk::{At, DiskError, create_dir_durable, remove_temporaries, replace_file};

const EXTENSION: &str = "json";

/// A plan's id: the first 16 bytes of the SHA-256 of its content.
pub type PlanDigest = [u8; 16];

/// Why a plan could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file-system step failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is not what was uploaded under this id.
    #[error("plan {path} is damaged: its hash is not its name", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// A stored plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanInfo {
    /// Its id.
    pub id: PlanDigest,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Plans in a directory.
#[derive(Debug)]
pub struct PlanStore {
    dir: PathBuf,
    /// One upload at a time: two of the same plan would write the same temporary file.
    writing: Mutex<()>,
}

impl PlanStore {
    /// Opens the directory, makes it where it is missing, and removes what a crash left half done.
    ///
    /// # Errors
    /// [`PlanError::Disk`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, PlanError> {
        let dir = dir.into();
        create_dir_durable(&dir)?;
        remove_temporaries(&dir)?;
        Ok(Self { dir, writing: Mutex::new(()) })
    }

    /// The id that this content has.
    #[must_use]
    pub fn id_of(content: &[u8]) -> PlanDigest {
        let digest = Sha256::digest(content);
        digest[..16].try_into().expect("16 of the 32 bytes of a SHA-256")
    }

    /// Stores a plan durably and returns its id. The same content again changes nothing, and
    /// mends a file that was damaged.
    ///
    /// # Errors
    /// [`PlanError::Disk`].
    pub fn put(&self, content: &[u8]) -> Result<PlanDigest, PlanError> {
        let id = Self::id_of(content);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.get(&id) {
            Ok(Some(_)) => {}
            Ok(None) | Err(PlanError::Damaged { .. }) => replace_file(&self.path(&id), content)?,
            Err(error) => return Err(error),
        }
        Ok(id)
    }

    /// The plan with this id; `None` where there is none.
    ///
    /// # Errors
    /// [`PlanError::Damaged`] when the content is not what the id says; [`PlanError::Disk`].
    pub fn get(&self, id: &PlanDigest) -> Result<Option<OwnPages>, PlanError> {
        let path = self.path(id);
        let content = match OwnPages::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("read", &path)?,
        };
        if Self::id_of(&content) != *id {
            return Err(PlanError::Damaged { path });
        }
        Ok(Some(content))
    }

    /// All plans, ordered by id. Content is not verified.
    ///
    /// # Errors
    /// [`PlanError::Disk`].
    pub fn list(&self) -> Result<Vec<PlanInfo>, PlanError> {
        let mut plans = Vec::new();
        for entry in fs::read_dir(&self.dir).at("list", &self.dir)? {
            let entry = entry.at("list", &self.dir)?;
            let path = entry.path();
            if let Some(id) = parse_name(&path) {
                let bytes = entry.metadata().at("look at", &path)?.len();
                plans.push(PlanInfo { id, bytes });
            }
        }
        plans.sort_unstable_by_key(|plan| plan.id);
        Ok(plans)
    }

    fn path(&self, id: &PlanDigest) -> PathBuf {
        self.dir.join(format!("{:032x}.{EXTENSION}", u128::from_be_bytes(*id)))
    }
}

/// The id in a file's name; `None` for files that are not ours.
fn parse_name(path: &Path) -> Option<PlanDigest> {
    if path.extension()? != EXTENSION {
        return None;
    }
    let stem = path.file_stem()?.to_str().filter(|stem| stem.len() == 32)?;
    Some(u128::from_str_radix(stem, 16).ok()?.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_one_plan() {
        let dir = tempfile::tempdir().unwrap();
        let store = PlanStore::open(dir.path().join("plans")).unwrap();
        let id = store.put(b"{}").unwrap();
        assert_eq!(store.put(b"{}").unwrap(), id);
        // The known SHA-256 of the two bytes `{}`.
        assert_eq!(id[..4], [0x44, 0x13, 0x6f, 0xa3]);
        let other = store.put(b"{\"zones\":[]}").unwrap();
        assert_eq!(*store.get(&id).unwrap().unwrap(), *b"{}");
        assert!(store.get(&[9; 16]).unwrap().is_none());
        let store = PlanStore::open(dir.path().join("plans")).unwrap();
        let mut expected = [(id, 2), (other, 12)];
        expected.sort_unstable();
        let listed: Vec<_> = store.list().unwrap().iter().map(|p| (p.id, p.bytes)).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_damaged_plan_is_never_served_and_a_new_upload_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = PlanStore::open(dir.path()).unwrap();
        let id = store.put(b"plan").unwrap();
        fs::write(store.path(&id), b"plam").unwrap();
        assert!(matches!(store.get(&id), Err(PlanError::Damaged { .. })));
        store.put(b"plan").unwrap();
        assert_eq!(*store.get(&id).unwrap().unwrap(), *b"plan");
    }

    #[test]
    fn other_files_and_half_done_ones_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let half = format!("{:032x}.json.tmp", 5);
        for name in ["notes.json", "zz.txt", &half, &format!("{:031x}.json", 5)] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        let store = PlanStore::open(dir.path()).unwrap();
        assert_eq!(store.list().unwrap(), []);
        assert!(!dir.path().join(half).exists());
    }

    #[test]
    fn uploads_of_one_plan_from_many_threads_agree() {
        let dir = tempfile::tempdir().unwrap();
        let store = PlanStore::open(dir.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| store.put(&[7; 10_000]).unwrap());
            }
        });
        assert_eq!(store.list().unwrap().len(), 1);
    }
}
