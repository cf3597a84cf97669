//! The thread that makes keys durable, many at a time.
//!
//! It takes what waits, writes it as one group, flushes once and answers all; what comes meanwhile
//! is the next group. Nothing waits for a timer. After a failed write or flush everything is
//! answered with an error: what the file holds is known only after opening it again.

use std::collections::HashSet;
use std::fs::File;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};

use zeroize::Zeroizing;

use super::key_file::{Entry, GROUP_KEYS_MAX, KeyFile};
use super::{Done, KeyError, Keys};

/// What a keyring asks of its thread.
pub(super) enum Job {
    /// Make a key durable, unless there is one.
    Create { buyer: u128, done: Done },
    /// Remove keys from the file and from memory.
    Destroy { buyers: Vec<u128>, done: Done },
}

/// The one who writes the key file.
pub(super) struct Writer {
    pub(super) file: KeyFile,
    pub(super) keys: Arc<RwLock<Keys>>,
    pub(super) is_failed: bool,
    pub(super) _lock: File,
}

impl Writer {
    /// Works until the keyring is dropped and the queue is empty.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            let mut creates = Vec::new();
            let mut next = Some(job);
            while let Some(job) = next {
                match job {
                    Job::Create { buyer, done } => creates.push((buyer, done)),
                    Job::Destroy { buyers, done } => {
                        // In the order that they were asked for: what waits before comes first.
                        self.create(std::mem::take(&mut creates));
                        self.destroy(&buyers, done);
                    }
                }
                let has_room = creates.len() < GROUP_KEYS_MAX;
                next = if has_room { queue.try_recv().ok() } else { None };
            }
            self.create(creates);
        }
    }

    fn create(&mut self, requests: Vec<(u128, Done)>) {
        let group = self.new_keys(&requests);
        let result = self.attempt(|file| file.append(&group));
        if result.is_ok() {
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            keys.extend(group);
        }
        for (_, done) in requests {
            done(if result.is_ok() { Ok(()) } else { Err(KeyError::Failed) });
        }
    }

    /// A random key for everyone who has none, each once.
    fn new_keys(&self, requests: &[(u128, Done)]) -> Vec<Entry> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut asked = HashSet::new();
        let buyers = requests.iter().map(|(buyer, _)| *buyer);
        let new = buyers.filter(|buyer| !keys.contains_key(buyer) && asked.insert(*buyer));
        new.map(|buyer| (buyer, Zeroizing::new(rand::random()))).collect()
    }

    fn destroy(&mut self, buyers: &[u128], done: Done) {
        let keys = Arc::clone(&self.keys);
        {
            // Out of memory first: nothing is sealed any more with a key that is about to go.
            let mut keys = keys.write().unwrap_or_else(PoisonError::into_inner);
            buyers.iter().for_each(|buyer| drop(keys.remove(buyer)));
        }
        let keys = keys.read().unwrap_or_else(PoisonError::into_inner);
        let result = self.attempt(|file| file.rewrite(&keys));
        drop(keys);
        done(result);
    }

    /// Runs a step that must not be tried again when it fails.
    fn attempt(
        &mut self,
        step: impl FnOnce(&mut KeyFile) -> Result<(), KeyError>,
    ) -> Result<(), KeyError> {
        if self.is_failed {
            return Err(KeyError::Failed);
        }
        step(&mut self.file).map_err(|error| {
            tracing::error!(%error, "key file cannot be written");
            self.is_failed = true;
            KeyError::Failed
        })
    }
}
