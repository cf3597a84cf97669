//! Who signs tickets.
//!
//! [`Signer`] asks for a signature and never for the key, is asynchronous and may fail, so that a
//! key in a KMS or HSM, which cannot be exported and answers over a network, fits as it is.

use crate::config::secrets::{random_bytes, read_private, write_private};
use anyhow::Context as _;
use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// First 8 bytes of the SHA-256 of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The id of this public key.
    pub fn of(public_key: &[u8; 32]) -> Self {
        let digest = Sha256::digest(public_key);
        Self(digest[..8].try_into().expect("a SHA-256 has 32 bytes"))
    }

    /// As a JWK's `kid`: lower-case hex.
    pub fn text(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

/// The signer could not sign. The caller may try again: signing has no side effects.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the ticket signer did not sign: {0}")]
pub struct SignError(pub String);

/// Signs with one Ed25519 key.
pub trait Signer: Send + Sync {
    /// The 32 bytes of the public key. Does not change while the server runs.
    fn public_key(&self) -> [u8; 32];

    /// Signs a message.
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], SignError>>;
}

/// Signs with a key in a file of the data directory that only its owner may read.
pub struct FileSigner {
    key: SigningKey,
}

impl FileSigner {
    /// The name of the file in the directory of keys.
    pub const FILE_NAME: &'static str = "ticket_key";

    /// Reads the key, or makes one. Says where, if it made one.
    pub fn load_or_make(keys_dir: &Path) -> anyhow::Result<(Self, Option<PathBuf>)> {
        let path = keys_dir.join(Self::FILE_NAME);
        if let Some(text) = read_private(&path)? {
            let seed = data_encoding::HEXLOWER
                .decode(text.trim_ascii())
                .ok()
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                .with_context(|| format!("{} is not 32 bytes in hex", path.display()))?;
            return Ok((Self::from_seed(&seed), None));
        }
        let seed = random_bytes::<32>();
        let text = format!("{}\n", data_encoding::HEXLOWER.encode(&seed));
        write_private(&path, text.as_bytes())?;
        Ok((Self::from_seed(&seed), Some(path)))
    }

    /// A signer with this secret.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(seed) }
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], SignError>> {
        // Some 20 µs: not worth a thread.
        let signature = self.key.sign(message).to_bytes();
        Box::pin(std::future::ready(Ok(signature)))
    }
}
