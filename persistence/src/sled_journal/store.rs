//! One sled database, used so that what it says is durable is.
//!
//! sled's `flush` does not reach the device, it never syncs the files it makes, values of 128 KiB
//! go to unsynced blobs, and it panics on damage. This is the only place that knows: it makes a
//! new database durable before first use, ends every flush with an `fdatasync` on a second
//! descriptor of the database file, bounds the values, and turns panics into errors.
//!
//! The second descriptor is opened once and kept: the kernel reports a failed write-back to each
//! descriptor that was open at the time, so an error cannot pass by unseen.

use std::any::Any;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::{At, DiskError, create_dir_durable, parent_of, sync_dir, sync_file};

use super::chunk::{Key, VALUE_BYTES_MAX};
use super::headroom;

/// The file of a database that holds the data.
pub(crate) const DATA_FILE: &str = "db";
const CONFIG_FILE: &str = "conf";
/// Where sled puts values that are too large for its log. There must be none.
pub(crate) const BLOB_DIR: &str = "blobs";
/// How sled names a state of its log (`snap.*`) until it is whole.
const HALF_STATE_SUFFIX: &str = ".generating";
/// A database that was just closed in this process keeps its lock for a moment.
const LOCK_PATIENCE: u32 = 200;

/// The cache of sled has 256 parts, and each looks at what it has, and lets go of what is too much,
/// only when its pages were looked at for another 64 times. Who reads a journal from end to end
/// looks at each page once: up to 16,384 of them, mostly of several KiB, would stay in memory.
const LOOKS_UNTIL_COUNTED: usize = 64;
/// So of so many items that are read one after the other, one is looked at as often as that. A page
/// has up to seventeen.
const ITEMS_PER_COUNT: usize = 8;

/// What sled said when it failed or panicked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{0}")]
    Sled(String),
}

/// An open database.
pub(crate) struct Store {
    db: sled::Db,
    data: File,
    data_path: PathBuf,
}

impl Store {
    /// Makes a new, empty database and everything that names it durable.
    pub(crate) fn create(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        create_dir_durable(dir)?;
        let store = Self::open(dir, cache_bytes)?;
        guard(|| store.db.flush().map(drop))?;
        for name in [CONFIG_FILE, DATA_FILE] {
            sync_file(&dir.join(name))?;
        }
        sync_dir(&dir.join(BLOB_DIR))?;
        sync_dir(dir)?;
        sync_dir(parent_of(dir))?;
        Ok(store)
    }

    /// Opens a database that is there, or makes one without any care for durability.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        remove_half_states(dir)?;
        let data_path = dir.join(DATA_FILE);
        headroom::cut_back(&data_path)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .use_compression(false)
            .flush_every_ms(None);
        let mut attempts = 0;
        let db = loop {
            match guard(|| config.open()) {
                Err(StoreError::Sled(reason)) if is_locked(&reason) && attempts < LOCK_PATIENCE => {
                    attempts += 1;
                    thread::sleep(Duration::from_millis(5));
                }
                other => break other?,
            }
        };
        let data = File::open(&data_path).at("open", &data_path)?;
        // Opening may replace a file that sled keeps of the log's state; its name must last too.
        sync_dir(dir)?;
        Ok(Self { db, data, data_path })
    }

    /// Stores a value; durable after [`Store::make_durable`].
    pub(crate) fn insert(&self, key: &Key, value: &[u8]) -> Result<(), StoreError> {
        assert!(value.len() <= VALUE_BYTES_MAX, "larger values would leave the database file");
        guard(|| self.db.insert(key, value).map(drop))
    }

    /// Removes a value; durable after [`Store::make_durable`].
    pub(crate) fn remove(&self, key: &Key) -> Result<(), StoreError> {
        guard(|| self.db.remove(key).map(drop))
    }

    /// Hands everything that was stored to the operating system.
    pub(crate) fn write_out(&self) -> Result<(), StoreError> {
        guard(|| self.db.flush().map(drop))
    }

    /// Tells the device to flush what was handed over. Not to be tried again after an error.
    pub(crate) fn make_durable(&self) -> Result<(), StoreError> {
        Ok(self.data.sync_data().at("flush", &self.data_path)?)
    }

    /// The items from `from` on, in key order.
    pub(crate) fn items(&self, from: &Key) -> Result<Items, StoreError> {
        let range = guard(|| Ok(self.db.range(from.as_slice()..)))?;
        Ok(Items { range, db: self.db.clone(), read: 0 })
    }

    /// The greatest key that is not above `key`.
    pub(crate) fn key_at_or_before(&self, key: &Key) -> Result<Option<sled::IVec>, StoreError> {
        guard(|| self.db.range(..=key.as_slice()).next_back().transpose())
            .map(|item| item.map(|(key, _)| key))
    }

    /// Bytes of the database file, as it takes room on the disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        self.data.metadata().map_or(0, |metadata| metadata.blocks() * 512)
    }

    /// The file that holds the data.
    pub(crate) fn data_path(&self) -> &Path {
        &self.data_path
    }
}

/// Items in key order; ends after the first error. However many are read, sled keeps no more of
/// them in memory than its cache may have.
pub(crate) struct Items {
    range: sled::Iter,
    db: sled::Db,
    read: usize,
}

impl Items {
    /// The next key and value; `None` behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<(sled::IVec, sled::IVec)>, StoreError> {
        let item = guard(|| self.range.next().transpose())?;
        if let Some((key, _)) = &item {
            self.read += 1;
            if self.read.is_multiple_of(ITEMS_PER_COUNT) {
                have_counted(&self.db, key)?;
            }
        }
        Ok(item)
    }
}

/// Has the part of the cache in which this item's page lies look at what it has.
fn have_counted(db: &sled::Db, key: &[u8]) -> Result<(), StoreError> {
    guard(|| (0..LOOKS_UNTIL_COUNTED).try_for_each(|_| db.contains_key(key).map(drop)))
}

/// Removes states of the log that sled was writing when it was stopped. It would take such a file
/// for its newest state, find it damaged, and not open any more; without it, it reads the log.
fn remove_half_states(dir: &Path) -> Result<(), DiskError> {
    if !dir.try_exists().at("look at", dir)? {
        return Ok(());
    }
    for entry in fs::read_dir(dir).at("list", dir)? {
        let path = entry.at("list", dir)?.path();
        if path.to_string_lossy().ends_with(HALF_STATE_SUFFIX) {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// Runs sled code: what it returns or panics with becomes one kind of error.
fn guard<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Sled(error.to_string())),
        Err(panic) => Err(StoreError::Sled(panic_text(panic.as_ref()))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}

fn is_locked(reason: &str) -> bool {
    reason.contains("could not acquire lock")
}
