//! Accounts laid open, for snapshots.

use super::{Account, Accounts, ApiKey, ApiKeyNo};
use crate::id::{AccountNo, MachineId};
use crate::inventory::image::ImageError;
use crate::planted::planted;
use crate::time::Timestamp;

/// Everything about a bucket of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsImage {
    /// Which.
    pub id: MachineId,
    /// Records applied.
    pub version: u64,
    /// Time of the last one.
    pub last_at: Timestamp,
    /// All accounts by number.
    pub accounts: Vec<(AccountNo, Account)>,
    /// All keys by number.
    pub keys: Vec<(ApiKeyNo, ApiKey)>,
    /// The number of the next key.
    pub next_key: ApiKeyNo,
}

impl Accounts {
    /// Takes the image of these accounts.
    #[must_use]
    pub fn image(&self) -> AccountsImage {
        let Self { id, version, last_at, accounts, by_login: _, keys, next_key } = self;
        AccountsImage {
            id: *id,
            version: *version,
            last_at: *last_at,
            accounts: accounts.iter().map(|(no, account)| (*no, account.clone())).collect(),
            keys: keys.iter().map(|(no, key)| (*no, key.clone())).collect(),
            next_key: *next_key,
        }
    }

    /// Rebuilds accounts from their image.
    ///
    /// # Errors
    /// Numbers or logins that come twice, and numbers that were never given out.
    pub fn from_image(image: AccountsImage) -> Result<Self, ImageError> {
        let AccountsImage { id, version, last_at, accounts, keys, next_key } = image;
        let mut restored = Self { version, last_at, next_key, ..Self::vacant(id) };
        for (no, account) in accounts {
            if restored.by_login.insert(account.login, no).is_some() {
                return Err(ImageError::BadAccounts("two accounts with one login"));
            }
            if account.sessions.keys().any(|session| *session >= account.next_session) {
                return Err(ImageError::BadAccounts("a session that was never opened"));
            }
            if restored.accounts.insert(no, account).is_some() {
                return Err(ImageError::BadAccounts("two accounts with one number"));
            }
        }
        for (no, key) in keys {
            if no >= next_key || restored.keys.insert(no, key).is_some() {
                return Err(ImageError::BadAccounts(
                    "a key that was never made, or two of one number",
                ));
            }
        }
        if planted("snapshot-forgets-next-key") {
            let last = restored.keys.last_key_value().map_or(0, |(no, _)| no.0);
            restored.next_key = ApiKeyNo(last + 1);
        }
        Ok(restored)
    }
}
