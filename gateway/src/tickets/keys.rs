//! Which keys verify tickets: the one that signs now, and those that signed before.
//!
//! A key is changed by moving its public half into the file of retired keys and deleting the
//! secret; tickets that it signed go on to verify.

use super::payload::{PayloadError, TicketBody};
use super::signer::{FileSigner, KeyId, SignError, Signer};
use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::VerifyingKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use usher_wire::{Jwk, JwkSet};

/// The file, in the directory of keys, with one retired public key a line: base64url, as in the
/// JWK's `x`.
pub const RETIRED_FILE_NAME: &str = "ticket_keys_retired";

/// The key that signs, and all keys that verify.
#[derive(Clone)]
pub struct TicketKeys {
    signer: Arc<dyn Signer>,
    verifying: Arc<[(KeyId, VerifyingKey)]>,
}

impl TicketKeys {
    /// Keys in files of this directory. Says where it made one, if it did.
    pub fn from_files(keys_dir: &Path) -> anyhow::Result<(Self, Option<PathBuf>)> {
        let (signer, made) = FileSigner::load_or_make(keys_dir)?;
        let path = keys_dir.join(RETIRED_FILE_NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let mut retired = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let key = public_key(line.trim())
                .with_context(|| format!("{}, line {}: no key", path.display(), index + 1))?;
            retired.push(key);
        }
        Ok((Self::new(Arc::new(signer), &retired)?, made))
    }

    /// This signer, and keys that signed before.
    pub fn new(signer: Arc<dyn Signer>, retired: &[VerifyingKey]) -> anyhow::Result<Self> {
        let current = VerifyingKey::from_bytes(&signer.public_key())
            .context("the signer's public key is no Ed25519 key")?;
        let verifying = std::iter::once(&current)
            .chain(retired)
            .map(|key| (KeyId::of(key.as_bytes()), *key))
            .collect();
        Ok(Self { signer, verifying })
    }

    /// What the ticket's QR code says.
    pub async fn seal(&self, ticket: &TicketBody) -> Result<String, SignError> {
        ticket.seal(&*self.signer).await
    }

    /// What a QR code said, if we signed it.
    pub fn open(&self, payload: &str) -> Result<TicketBody, PayloadError> {
        TicketBody::open(payload, |id| {
            self.verifying.iter().find(|(known, _)| *known == id).map(|(_, key)| *key)
        })
    }

    /// The public keys, the one that signs now first.
    pub fn jwk_set(&self) -> JwkSet {
        let keys = self.verifying.iter().map(|(id, key)| Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            usage: "sig".into(),
            alg: "EdDSA".into(),
            kid: id.text(),
            x: BASE64URL_NOPAD.encode(key.as_bytes()),
        });
        JwkSet { keys: keys.collect() }
    }
}

fn public_key(text: &str) -> Option<VerifyingKey> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::payload::Admission;
    use super::*;

    #[actix_web::test]
    async fn a_ticket_verifies_after_its_key_retired() {
        let dir = tempfile::tempdir().expect("a directory");
        let (old, made) = TicketKeys::from_files(dir.path()).expect("made");
        let secret = made.expect("a key was made");
        let ticket = TicketBody {
            show_id: "s".into(),
            ticket_code: "t_1".into(),
            admission: Admission::Stock("Floor".into()),
            issued_at_ms: 1,
            nonce: [3; 16],
        };
        let payload = old.seal(&ticket).await.expect("signed");
        let (again, made) = TicketKeys::from_files(dir.path()).expect("read");
        assert!(made.is_none());
        assert_eq!(again.open(&payload), Ok(ticket.clone()));

        std::fs::remove_file(secret).expect("deleted");
        let (other, _) = TicketKeys::from_files(dir.path()).expect("another");
        assert_eq!(other.open(&payload), Err(PayloadError::UnknownKey));

        let x = old.jwk_set().keys[0].x.clone();
        std::fs::write(dir.path().join(RETIRED_FILE_NAME), format!("{x}\n")).expect("written");
        let (new, _) = TicketKeys::from_files(dir.path()).expect("read");
        assert_eq!(new.open(&payload), Ok(ticket));
        assert_eq!(new.jwk_set().keys.len(), 2);
        assert_eq!(new.jwk_set().keys[1], old.jwk_set().keys[0]);

        std::fs::write(dir.path().join(RETIRED_FILE_NAME), "rubbish\n").expect("written");
        assert!(TicketKeys::from_files(dir.path()).is_err());
    }
}
