//! The few file-system steps that must be done in the right order to be durable.
//!
//! A file that was written is not there after a power cut until its content *and* the directory
//! entry that names it were flushed. Every store in this crate goes through these helpers, so the
//! order (write, fsync, rename, fsync the directory) is written once and errors always name what
//! was tried and on which path.
//!
//! What always holds: a function here that returns `Ok` left nothing that a power cut can undo.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file-system step that failed: what was tried, where, and what the system said.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}", path = path.display())]
pub struct DiskError {
    /// What was tried, as a verb phrase ("create", "flush", "rename").
    pub action: &'static str,
    /// The file or directory that it was tried on.
    pub path: PathBuf,
    /// What the operating system answered.
    #[source]
    pub source: io::Error,
}

/// Turns an `io::Error` into one that says what was tried and where.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { action, path: path.to_path_buf(), source })
    }
}

/// Flushes a directory, so that names created, renamed or removed in it stay so.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), DiskError> {
    File::open(dir).at("open", dir)?.sync_all().at("flush", dir)
}

/// Flushes a file's content and length.
pub(crate) fn sync_file(path: &Path) -> Result<(), DiskError> {
    File::open(path).at("open", path)?.sync_all().at("flush", path)
}

/// Creates a directory with all its parents and makes every new name durable.
pub(crate) fn create_dir_durable(dir: &Path) -> Result<(), DiskError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = parent_of(dir);
    create_dir_durable(parent)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        other => other.at("create", dir)?,
    }
    sync_dir(parent)
}

/// Replaces `path` by a file with this content: after a crash either the old or the new one is
/// there in full.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    replace_file_with_mode(path, content, 0o644)
}

/// As [`replace_file`], with the permission bits that a new file gets.
pub(crate) fn replace_file_with_mode(
    path: &Path,
    content: &[u8],
    mode: u32,
) -> Result<(), DiskError> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = with_suffix(path, TEMPORARY_SUFFIX);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .at("create", &temporary)?;
    file.write_all(content).at("write", &temporary)?;
    file.sync_all().at("flush", &temporary)?;
    rename_durable(&temporary, path)
}

/// Renames and makes the new name durable.
pub(crate) fn rename_durable(from: &Path, to: &Path) -> Result<(), DiskError> {
    fs::rename(from, to).at("rename", from)?;
    sync_dir(parent_of(to))
}

/// Takes a directory for this process alone, by a lock on a file in it; `None` when another has
/// it. The system gives the lock back when the file is dropped or the process dies.
pub(crate) fn lock_dir(dir: &Path) -> Result<Option<File>, DiskError> {
    let path = dir.join("lock");
    let file = File::create(&path).at("create", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).at("lock", &path),
    }
}

/// Removes what an interrupted [`replace_file`] left in `dir`.
pub(crate) fn remove_temporaries(dir: &Path) -> Result<(), DiskError> {
    for entry in fs::read_dir(dir).at("list", dir)? {
        let path = entry.at("list", dir)?.path();
        if path.to_string_lossy().ends_with(TEMPORARY_SUFFIX) && path.is_file() {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// The name that a file carries while it is not complete.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// `path` with something appended to its last component.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The directory that holds `path`; the current one for a bare name.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Bytes that an unprivileged process may still write to the file system that holds `path`.
///
/// # Errors
/// When the path does not exist or the file system cannot be asked.
pub fn free_bytes(path: &Path) -> Result<u64, DiskError> {
    let status = rustix::fs::statvfs(path).map_err(io::Error::from).at("ask the space of", path)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

/// How much room a write needs to find on the disk before it is accepted.
///
/// The reserve is there so that work already accepted can always be written down: the batch in
/// flight and the one that collects behind it, a snapshot (without which no generation can be
/// given back), and a margin for what the file system and sled keep beside the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// The largest batch that the writer may put together, in bytes.
    pub batch_bytes_max: u64,
    /// The size of a snapshot, estimated from the last one, in bytes.
    pub snapshot_bytes: u64,
}

impl Reserve {
    /// Room for what is not ours to count: sled's own pages, directories, the file system.
    pub const MARGIN_BYTES: u64 = 64 * 1024 * 1024;

    /// Two batches, a snapshot and the margin, in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        (2 * self.batch_bytes_max).saturating_add(self.snapshot_bytes) + Self::MARGIN_BYTES
    }

    /// Whether the file system that holds `path` still has this reserve free.
    ///
    /// # Errors
    /// When the file system cannot be asked.
    pub fn is_kept(self, path: &Path) -> Result<bool, DiskError> {
        Ok(free_bytes(path)? >= self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_whole_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a").join("b").join("file");
        create_dir_durable(parent_of(&path)).unwrap();
        replace_file(&path, b"one").unwrap();
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::write(with_suffix(&path, TEMPORARY_SUFFIX), b"half").unwrap();
        remove_temporaries(parent_of(&path)).unwrap();
        assert_eq!(fs::read_dir(parent_of(&path)).unwrap().count(), 1);
    }

    #[test]
    fn the_reserve_is_two_batches_a_snapshot_and_the_margin() {
        let reserve = Reserve { batch_bytes_max: 10, snapshot_bytes: 7 };
        assert_eq!(reserve.bytes(), 27 + 64 * 1024 * 1024);
        let dir = tempfile::tempdir().unwrap();
        assert!(reserve.is_kept(dir.path()).unwrap());
        let absurd = Reserve { batch_bytes_max: 0, snapshot_bytes: u64::MAX / 2 };
        assert!(!absurd.is_kept(dir.path()).unwrap());
    }

    #[test]
    fn an_error_names_the_step_and_the_path() {
        let error = free_bytes(Path::new("/no/such/place")).unwrap_err();
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }
}
