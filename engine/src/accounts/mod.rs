//! A part of all accounts: who people are, and how they prove it; and the keys of integrators.
//!
//! Accounts are spread over [`crate::id::ACCOUNT_BUCKETS`] machines by the keyed hash of the name
//! to log in with, so that whoever asks finds the owner by arithmetic. Nothing here can be read by
//! whoever reads the journal: the login is a keyed hash, the e-mail address is sealed, the password
//! is an Argon2id hash, and of every secret that was given out only a hash is kept ([`Proof`]).
//!
//! | file | is about |
//! |---|---|
//! | `command.rs`, `event.rs` | what can be asked, and what happened |
//! | `account.rs` | what is known of one account |
//! | `decide.rs`, `sessions.rs` | deciding |
//! | `apply.rs` | carrying out |
//! | `image.rs` | laying open, for snapshots |
//!
//! A *session* is one log-in on one device. Its refresh token is good for one use and replaced by
//! the next (RFC 9700, 4.14.2). A token that was replaced before is either a copy in other hands
//! or a repeat of a request whose answer was lost, and nobody can tell which; so a repeat within
//! [`REFRESH_REPEAT_MS`] gets the same answer once more, and after that the session ends.

mod account;
mod apply;
mod command;
mod decide;
mod event;
mod image;
mod sessions;

use std::collections::BTreeMap;

use crate::hash::FixedHashMap;
use crate::id::{AccountNo, MachineId};
use crate::time::Timestamp;

pub use account::{Account, ApiKey, Consent, Reset, Session};
pub use command::{AccountsCommand, NewApiKey, NewSession, Refresh, Registration};
pub use event::{AccountsEvent, SessionEnd};
pub use image::AccountsImage;

/// How long a refresh token that was just replaced still gets the answer that may have been lost.
pub const REFRESH_REPEAT_MS: u64 = 10_000;
/// Sessions of one account at once; one more ends the one that was used least recently.
pub const SESSIONS_MAX: usize = 16;
/// Accounts in one of the buckets.
pub const ACCOUNTS_MAX: usize = 1 << 16;
/// Keys of integrators.
pub const API_KEYS_MAX: usize = 1_024;
/// Consents that are remembered of one account, the newest.
pub const CONSENTS_MAX: usize = 16;

/// The keyed hash of the name to log in with, normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginHash(pub u128);

/// The first half of the SHA-256 of a secret that was given out. The secret is random and of at
/// least 128 bits, so nobody finds it from this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof(pub [u8; 16]);

/// A session within its account, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNo(pub u32);

/// A key of an integrator, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyNo(pub u32);

/// Some of all accounts, with one owner.
#[derive(Debug, Clone)]
pub struct Accounts {
    id: MachineId,
    version: u64,
    last_at: Timestamp,
    accounts: BTreeMap<AccountNo, Account>,
    by_login: FixedHashMap<LoginHash, AccountNo>,
    keys: BTreeMap<ApiKeyNo, ApiKey>,
    /// The number of the next key; numbers are never given twice.
    next_key: ApiKeyNo,
}

impl Accounts {
    /// Without any account.
    #[must_use]
    pub fn vacant(id: MachineId) -> Self {
        Self {
            id,
            version: 0,
            last_at: Timestamp::default(),
            accounts: BTreeMap::new(),
            by_login: FixedHashMap::default(),
            keys: BTreeMap::new(),
            next_key: ApiKeyNo(1),
        }
    }

    /// Which accounts these are.
    #[must_use]
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// Records applied so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Time of the last record.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// One account.
    #[must_use]
    pub fn account(&self, no: AccountNo) -> Option<&Account> {
        self.accounts.get(&no)
    }

    /// The account with this login.
    #[must_use]
    pub fn find(&self, login: LoginHash) -> Option<AccountNo> {
        self.by_login.get(&login).copied()
    }

    /// The keys of integrators, by number.
    #[must_use]
    pub fn keys(&self) -> &BTreeMap<ApiKeyNo, ApiKey> {
        &self.keys
    }

    /// Stops the process where accounts and their logins went apart.
    pub fn assert_consistent(&self) {
        assert_eq!(self.accounts.len(), self.by_login.len(), "logins of {:?}", self.id);
    }
}
