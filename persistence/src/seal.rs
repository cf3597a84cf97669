//! Sealed contacts: what names a person, readable only while that person's key exists.
//!
//! ```text
//!   seal(buyer, text) ──► version, nonce, AES-256-GCM-SIV ──► journal, snapshots, backups
//!        │ key of the buyer                                        │
//!   Keyring ──► keys/buyers.keys (nowhere else)                    ▼
//!        │                                              open(buyer, sealed)
//!   destroy(buyer): the key goes, and with it the meaning of every copy
//! ```
//!
//! Every buyer has a random key of their own, in a file that is neither journal nor snapshot nor
//! part of a backup of these. A journal cannot forget; destroying the key does it instead.
//!
//! A key must be durable before anything sealed with it is, or a power cut would leave contacts
//! that nobody can read. A rush brings thousands of new buyers a second, so one thread collects
//! what is asked for meanwhile and makes it durable with one `fdatasync`: see [`Keyring::prepare`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use zeroize::Zeroizing;

use crate::disk::{DiskError, lock_dir};

mod key_file;
mod writer;

use key_file::KeyFile;
use writer::{Job, Writer};

/// Version byte of a sealed value.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Bytes that sealing adds to a text.
pub const SEAL_OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;
/// Requests for new keys that may wait at a time.
const WAITING_MAX: usize = 16 * 1024;

/// Called once, when a buyer's key is durable or cannot be made.
type Done = Box<dyn FnOnce(Result<(), KeyError>) + Send>;
/// All durable keys. A key is wiped from memory when it is removed.
type Keys = HashMap<u128, Zeroizing<[u8; 32]>>;

/// Why a key could not be made, kept or destroyed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file-system step failed while opening.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Keys before others are unreadable: refusing is better than losing them for good.
    #[error("key file {path} is damaged at {offset}: bring a copy back", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the first unreadable group of keys begins.
        offset: u64,
    },
    /// Another process has the keys open.
    #[error("keys in {path} are in use by another process", path = .0.display())]
    InUse(PathBuf),
    /// Too many new buyers wait for their keys; nothing happened.
    #[error("too many new keys are waiting")]
    Busy,
    /// An earlier write to the key file failed: exit and start again.
    #[error("an earlier write to the key file failed")]
    Failed,
}

/// What opening the keys found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyringReport {
    /// Keys that are there.
    pub keys: usize,
    /// Bytes of an unfinished group that were cut off the end; nothing was sealed with its keys.
    pub cut_bytes: u64,
}

/// The keys of all buyers. Cheap to share by reference from any number of threads.
pub struct Keyring {
    keys: Arc<RwLock<Keys>>,
    /// `None` only while dropping.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl Keyring {
    /// Opens the keys in a directory, and makes it, for the owner alone, where it is missing.
    ///
    /// # Errors
    /// [`KeyError::Disk`], [`KeyError::Damaged`], [`KeyError::InUse`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<(Self, KeyringReport), KeyError> {
        let dir = dir.into();
        key_file::make_private_dir(&dir)?;
        let Some(lock) = lock_dir(&dir)? else { return Err(KeyError::InUse(dir)) };
        let (file, keys, cut_bytes) = KeyFile::open(&dir)?;
        let report = KeyringReport { keys: keys.len(), cut_bytes };
        let keys = Arc::new(RwLock::new(keys));
        let (jobs, queue) = mpsc::sync_channel(WAITING_MAX);
        let writer = Writer { file, keys: Arc::clone(&keys), is_failed: false, _lock: lock };
        let writer = thread::Builder::new()
            .name("usher-keys".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|source| DiskError { action: "start the thread for", path: dir, source })?;
        Ok((Self { keys, jobs: Some(jobs), writer: Some(writer) }, report))
    }

    /// Makes sure that the buyer has a durable key, then calls `done`: at once on this thread
    /// where the key is there, later on the keyring's thread where it is new. What waits
    /// meanwhile becomes durable together. `done` must not block.
    ///
    /// # Errors
    /// [`KeyError::Busy`] when too many wait and [`KeyError::Failed`] after a failed write; then
    /// `done` is not called.
    pub fn prepare(
        &self,
        buyer: u128,
        done: impl FnOnce(Result<(), KeyError>) + Send + 'static,
    ) -> Result<(), KeyError> {
        if self.has(buyer) {
            done(Ok(()));
            return Ok(());
        }
        match self.jobs().try_send(Job::Create { buyer, done: Box::new(done) }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(KeyError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(KeyError::Failed),
        }
    }

    /// Seals a text for a buyer, making a key where there is none; blocks for as long as that
    /// takes. Not at all after [`Keyring::prepare`].
    ///
    /// # Errors
    /// [`KeyError::Failed`] when the key could not be made durable.
    pub fn seal(&self, buyer: u128, text: &[u8]) -> Result<Vec<u8>, KeyError> {
        if !self.has(buyer) {
            self.wait(|done| Job::Create { buyer, done })?;
        }
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let cipher = self.cipher(buyer).ok_or(KeyError::Failed)?;
        let payload = Payload { msg: text, aad: &associated(buyer) };
        let sealed = cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.expect("only texts above 64 GiB cannot be sealed");
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    /// The text that was sealed for this buyer; `None` when the key was destroyed, or when the
    /// value was sealed for another buyer or changed since.
    #[must_use]
    pub fn open_sealed(&self, buyer: u128, sealed: &[u8]) -> Option<Vec<u8>> {
        let (&VERSION, rest) = sealed.split_first()? else { return None };
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: text, aad: &associated(buyer) };
        self.cipher(buyer)?.decrypt(&Nonce::from(*nonce), payload).ok()
    }

    /// Destroys the keys of these buyers for good: what was sealed for them opens no more, and
    /// the file that held the keys is overwritten. A buyer who comes back gets another key.
    /// Returns how many of them had one.
    ///
    /// # Errors
    /// [`KeyError::Failed`]; then which keys are left is known only after opening again.
    pub fn destroy(&self, buyers: &[u128]) -> Result<usize, KeyError> {
        let had = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            buyers.iter().filter(|buyer| keys.contains_key(*buyer)).count()
        };
        self.wait(|done| Job::Destroy { buyers: buyers.to_vec(), done })?;
        Ok(had)
    }

    /// Number of buyers that have a key.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn has(&self, buyer: u128) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).contains_key(&buyer)
    }

    fn cipher(&self, buyer: u128) -> Option<Aes256GcmSiv> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&buyer).map(|key| Aes256GcmSiv::new(&(**key).into()))
    }

    fn jobs(&self) -> &SyncSender<Job> {
        self.jobs.as_ref().expect("present until the keyring is dropped")
    }

    /// Has the writer do something and waits for it.
    fn wait(&self, job: impl FnOnce(Done) -> Job) -> Result<(), KeyError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let done = Box::new(move |result| {
            // Nobody waits for an answer only when the waiting thread is gone.
            let _ = reply.send(result);
        });
        self.jobs().send(job(done)).map_err(|_| KeyError::Failed)?;
        answer.recv().map_err(|_| KeyError::Failed)?
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // It ends by itself once the queue is empty; a panic there has been printed already.
            let _ = writer.join();
        }
    }
}

/// Binds a sealed value to its buyer and version.
fn associated(buyer: u128) -> [u8; 17] {
    let mut bytes = [VERSION; 17];
    bytes[1..].copy_from_slice(&buyer.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests;
