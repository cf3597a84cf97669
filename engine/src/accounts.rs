//! A part of all accounts: who people are, and how they prove it.

use crate::decision::{Decision, Subject};
use crate::event::Event;
use crate::hash::FixedHashMap;
use crate::id::{AccountNo, MachineId};
use crate::inventory::image::ImageError;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What can be asked of accounts.
#[derive(Debug, Clone)]
pub enum AccountsCommand {
    /// Make an account.
    Register {
        /// Keyed hash of the name to log in with.
        login: u128,
        /// Hash of the password, in PHC string format.
        password: Box<str>,
    },
}

/// What happened to accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountsEvent {
    /// A new account, numbered behind all others here.
    Registered {
        /// Keyed hash of the name to log in with.
        login: u128,
        /// Hash of the password, in PHC string format.
        password: Box<str>,
    },
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Keyed hash of the name to log in with.
    pub login: u128,
    /// Hash of the password, in PHC string format.
    pub password: Box<str>,
}

/// Some of all accounts.
#[derive(Debug, Clone)]
pub struct Accounts {
    id: MachineId,
    version: u64,
    last_at: Timestamp,
    accounts: Vec<Account>,
    by_login: FixedHashMap<u128, AccountNo>,
}

/// Accounts laid open, for snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsImage {
    /// Which.
    pub id: MachineId,
    /// Records applied.
    pub version: u64,
    /// Time of the last one.
    pub last_at: Timestamp,
    /// All accounts by number.
    pub accounts: Vec<Account>,
}

impl Accounts {
    /// Without any account.
    #[must_use]
    pub fn vacant(id: MachineId) -> Self {
        Self {
            id,
            version: 0,
            last_at: Timestamp::default(),
            accounts: Vec::new(),
            by_login: FixedHashMap::default(),
        }
    }

    /// Decides about a command without changing anything.
    #[must_use]
    pub fn execute(&self, command: &AccountsCommand, _now: Timestamp) -> Decision {
        match command {
            AccountsCommand::Register { login, password } => {
                if self.by_login.contains_key(login) {
                    return Decision::refuse(Refusal::LoginTaken);
                }
                let (login, password) = (*login, password.clone());
                let event = AccountsEvent::Registered { login, password };
                let account = AccountNo(self.accounts.len() as u32);
                Decision::done(Event::Accounts(Box::new(event)), Subject::Account(account))
            }
        }
    }

    /// Applies one record.
    pub fn apply(&mut self, events: &[Event], at: Timestamp) {
        self.last_at = self.last_at.max(at);
        self.version += 1;
        for event in events {
            let Event::Accounts(event) = event else {
                unreachable!("accounts have their own events")
            };
            match &**event {
                AccountsEvent::Registered { login, password } => {
                    self.by_login.insert(*login, AccountNo(self.accounts.len() as u32));
                    self.accounts.push(Account { login: *login, password: password.clone() });
                }
            }
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
        self.accounts.get(no.0 as usize)
    }

    /// The account with this login.
    #[must_use]
    pub fn find(&self, login: u128) -> Option<AccountNo> {
        self.by_login.get(&login).copied()
    }

    /// Takes the image of these accounts.
    #[must_use]
    pub fn image(&self) -> AccountsImage {
        let Self { id, version, last_at, .. } = *self;
        AccountsImage { id, version, last_at, accounts: self.accounts.clone() }
    }

    /// Rebuilds accounts from their image.
    ///
    /// # Errors
    /// Two accounts with one login.
    pub fn from_image(image: AccountsImage) -> Result<Self, ImageError> {
        let AccountsImage { id, version, last_at, accounts } = image;
        let mut restored = Self { version, last_at, ..Self::vacant(id) };
        for account in accounts {
            let no = AccountNo(restored.accounts.len() as u32);
            if restored.by_login.insert(account.login, no).is_some() {
                return Err(ImageError::BadAccounts("two accounts with one login"));
            }
            restored.accounts.push(account);
        }
        Ok(restored)
    }
}
