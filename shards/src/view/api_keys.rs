//! The keys of integrators as they can be read by anybody who checks one. They change rarely and
//! are looked at with every call, so they are published whole.

use std::collections::{BTreeMap, HashMap};

use usher_engine::accounts::{Accounts, ApiKey, ApiKeyNo, Proof};

/// All keys of integrators.
#[derive(Debug, Default)]
pub struct ApiKeys {
    keys: BTreeMap<ApiKeyNo, ApiKey>,
    by_proof: HashMap<[u8; 16], ApiKeyNo>,
}

impl ApiKeys {
    pub(crate) fn of(accounts: &Accounts) -> Self {
        let keys = accounts.keys().clone();
        let by_proof = keys.iter().map(|(no, key)| (key.proof.0, *no)).collect();
        Self { keys, by_proof }
    }

    /// The key that this proves.
    #[must_use]
    pub fn find(&self, proof: Proof) -> Option<&ApiKey> {
        self.keys.get(self.by_proof.get(&proof.0)?)
    }

    /// All of them, by number.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<ApiKeyNo, ApiKey> {
        &self.keys
    }
}
