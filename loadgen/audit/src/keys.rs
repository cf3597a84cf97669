//! The public keys that verify tickets, and the verification of one ticket's payload.
//!
//! Only a stock Ed25519 library is used, as a door scanner of somebody else would.

use std::collections::BTreeMap;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Payload, PayloadFault, Place};

/// One key of the JWK set at `/api/v1/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The public key, base64url without padding.
    pub x: String,
    /// The first eight bytes of the SHA-256 of the public key, in lower-case hex.
    pub kid: String,
}

/// Why a ticket's payload does not prove the ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// It does not have the documented layout.
    #[error("the payload is malformed: {0}")]
    Layout(#[from] PayloadFault),
    /// It names a key that is not in the set.
    #[error("the key {0} is not in the key set")]
    UnknownKey(String),
    /// The signature is not by that key over that body.
    #[error("the signature does not verify")]
    Signature,
    /// It is signed, but for something else.
    #[error("the payload says {field} `{said}`, and the ticket `{expected}`")]
    Other {
        /// Which field.
        field: &'static str,
        /// What the payload says.
        said: String,
        /// What the ticket is.
        expected: String,
    },
}

/// Usable keys by id.
#[derive(Debug, Default)]
pub struct KeySet {
    by_id: BTreeMap<[u8; 8], VerifyingKey>,
    /// Keys that could not be used, each with the reason.
    pub faults: Vec<String>,
}

impl KeySet {
    /// Takes the keys of a JWK set; what cannot be used is listed in `faults`.
    #[must_use]
    pub fn new(keys: &[Jwk]) -> Self {
        let mut set = Self::default();
        for jwk in keys {
            match usable(jwk) {
                Ok((id, key)) => {
                    set.by_id.insert(id, key);
                }
                Err(reason) => set.faults.push(format!("key `{}`: {reason}", jwk.kid)),
            }
        }
        set
    }

    /// Verifies that `payload` is signed by a key of the set, for just this ticket.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn verify(
        &self,
        payload: &str,
        show: &str,
        ticket: &str,
        place: &Place,
    ) -> Result<(), SignatureFault> {
        let payload = Payload::parse(payload)?;
        let key = self
            .by_id
            .get(&payload.key_id)
            .ok_or_else(|| SignatureFault::UnknownKey(HEXLOWER.encode(&payload.key_id)))?;
        key.verify_strict(&payload.body, &Signature::from_bytes(&payload.signature))
            .map_err(|_| SignatureFault::Signature)?;
        same("show", &payload.show, show)?;
        same("ticket", &payload.ticket, ticket)?;
        same("place", &words(&payload.place), &words(place))
    }
}

fn usable(jwk: &Jwk) -> Result<([u8; 8], VerifyingKey), &'static str> {
    if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
        return Err("not an Ed25519 key");
    }
    let bytes = BASE64URL_NOPAD.decode(jwk.x.as_bytes()).map_err(|_| "`x` is not base64url")?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| "`x` does not have 32 bytes")?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "`x` is not a point of the curve")?;
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let (id, _) = digest.split_first_chunk::<8>().ok_or("the digest is short")?;
    if HEXLOWER.encode(id) != jwk.kid {
        return Err("`kid` is not the digest of the key");
    }
    Ok((*id, key))
}

fn words(place: &Place) -> String {
    match place {
        Place::SeatId(seat) => format!("seat {seat}"),
        Place::Stock(name) => format!("stock {name}"),
    }
}

fn same(field: &'static str, said: &str, expected: &str) -> Result<(), SignatureFault> {
    if said == expected {
        return Ok(());
    }
    Err(SignatureFault::Other { field, said: said.into(), expected: expected.into() })
}
