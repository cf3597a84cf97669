//! What a ticket's QR code says, byte for byte. `docs/TICKETS.md` tells readers the same; a test
//! there and here keeps a worked example.
//!
//! ```text
//!   version 1 │ key id 8 │ n 1, show id n │ n 1, ticket code n │ kind 1 │ n 1, seat or stock n
//!   │ issued at, ms, u64 big-endian 8 │ nonce 16 │ signature 64
//! ```
//!
//! The signature covers everything before it. The whole is base64url without padding. A ticket
//! always has the same payload: its nonce and its time of issue are fixed when it is issued.

use super::signer::{KeyId, SignError, Signer};
use data_encoding::BASE64URL_NOPAD;

/// The version that is written.
pub const VERSION: u8 = 1;
/// The longest payload that is looked at, in characters.
pub const PAYLOAD_CHARS_MAX: usize = 2_048;

const SIGNATURE_BYTES: usize = 64;

/// What a ticket admits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// A seat, by its label in the plan.
    Seat(String),
    /// A standing ticket, by the name of its stock pool.
    Stock(String),
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketBody {
    /// The show's id, 1 to 64 bytes.
    pub show_id: String,
    /// The ticket's code.
    pub ticket_code: String,
    /// What it admits to, at most 255 bytes.
    pub admission: Admission,
    /// When the ticket was issued, in milliseconds since 1970.
    pub issued_at_ms: u64,
    /// Fixed per ticket and known to nobody before.
    pub nonce: [u8; 16],
}

/// Why a payload does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not base64url of what a payload is.
    #[error("this is not a ticket")]
    Malformed,
    /// Written by a later version of this software.
    #[error("this ticket is of a version that is not known here")]
    UnknownVersion,
    /// Signed with a key that is none of ours.
    #[error("this ticket was signed with a key that is not known here")]
    UnknownKey,
    /// The signature does not cover what is there.
    #[error("the signature is wrong")]
    BadSignature,
}

impl TicketBody {
    /// Signs a ticket and writes what its QR code says.
    pub async fn seal(&self, signer: &dyn Signer) -> Result<String, SignError> {
        let mut bytes = self.to_bytes(KeyId::of(&signer.public_key()));
        let signature = signer.sign(&bytes).await?;
        bytes.extend_from_slice(&signature);
        Ok(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads what a QR code says, if one of `keys` signed it.
    pub fn open(
        payload: &str,
        key: impl Fn(KeyId) -> Option<ed25519_dalek::VerifyingKey>,
    ) -> Result<Self, PayloadError> {
        if payload.len() > PAYLOAD_CHARS_MAX {
            return Err(PayloadError::Malformed);
        }
        let bytes =
            BASE64URL_NOPAD.decode(payload.as_bytes()).map_err(|_| PayloadError::Malformed)?;
        match bytes.first() {
            Some(&VERSION) => {}
            Some(_) => return Err(PayloadError::UnknownVersion),
            None => return Err(PayloadError::Malformed),
        }
        let (body, signature) =
            bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(PayloadError::Malformed)?;
        let (key_id, ticket) = Self::from_bytes(body).ok_or(PayloadError::Malformed)?;
        let key = key(key_id).ok_or(PayloadError::UnknownKey)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        // Strict: a payload has one spelling, so nobody can make a second one of a ticket.
        key.verify_strict(body, &signature).map_err(|_| PayloadError::BadSignature)?;
        Ok(ticket)
    }

    fn to_bytes(&self, key_id: KeyId) -> Vec<u8> {
        let (kind, place) = match &self.admission {
            Admission::Seat(label) => (b'S', label),
            Admission::Stock(name) => (b'G', name),
        };
        let mut bytes = Vec::with_capacity(256);
        bytes.push(VERSION);
        bytes.extend_from_slice(&key_id.0);
        push_text(&mut bytes, &self.show_id);
        push_text(&mut bytes, &self.ticket_code);
        bytes.push(kind);
        push_text(&mut bytes, place);
        bytes.extend_from_slice(&self.issued_at_ms.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<(KeyId, Self)> {
        let (_version, rest) = bytes.split_first()?;
        let (key_id, rest) = rest.split_first_chunk::<8>()?;
        let (show_id, rest) = take_text(rest)?;
        let (ticket_code, rest) = take_text(rest)?;
        let (kind, rest) = rest.split_first()?;
        let (place, rest) = take_text(rest)?;
        let (issued_at_ms, rest) = rest.split_first_chunk::<8>()?;
        let nonce: [u8; 16] = rest.try_into().ok()?;
        let admission = match kind {
            b'S' => Admission::Seat(place),
            b'G' => Admission::Stock(place),
            _ => return None,
        };
        let issued_at_ms = u64::from_be_bytes(*issued_at_ms);
        Some((KeyId(*key_id), Self { show_id, ticket_code, admission, issued_at_ms, nonce }))
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u8::try_from(text.len()).expect("ids, labels and names are at most 255 bytes");
    bytes.push(length);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::super::signer::FileSigner;
    use super::*;
    use futures_util::FutureExt as _;

    fn body() -> TicketBody {
        TicketBody {
            show_id: "hamlet".into(),
            ticket_code: "t_abc".into(),
            admission: Admission::Seat("A-1".into()),
            issued_at_ms: 1_767_225_600_000,
            nonce: *b"0123456789abcdef",
        }
    }

    fn seal(body: &TicketBody, signer: &FileSigner) -> String {
        body.seal(signer).now_or_never().expect("a file signs at once").expect("it signs")
    }

    fn open(payload: &str, signer: &FileSigner) -> Result<TicketBody, PayloadError> {
        let public = signer.public_key();
        TicketBody::open(payload, |id| {
            (id == KeyId::of(&public))
                .then(|| ed25519_dalek::VerifyingKey::from_bytes(&public).expect("a key"))
        })
    }

    /// The worked example of docs/TICKETS.md.
    const EXAMPLE: &str = include_str!("example-payload.txt");

    #[test]
    fn the_documented_example_is_what_is_written() {
        let signer = FileSigner::from_seed(&[7; 32]);
        assert_eq!(seal(&body(), &signer), EXAMPLE.trim());
        assert_eq!(open(EXAMPLE.trim(), &signer), Ok(body()));
    }

    #[test]
    fn both_kinds_of_ticket_come_back() {
        let signer = FileSigner::from_seed(&[9; 32]);
        let standing = TicketBody { admission: Admission::Stock("Floor ü".into()), ..body() };
        for body in [body(), standing] {
            assert_eq!(open(&seal(&body, &signer), &signer), Ok(body));
        }
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let signer = FileSigner::from_seed(&[7; 32]);
        let payload = seal(&body(), &signer);
        for place in 0..payload.len() {
            let mut changed = payload.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(open(&changed, &signer).is_err(), "changed at {place}");
        }
        for length in 0..payload.len() {
            assert!(open(&payload[..length], &signer).is_err(), "cut to {length}");
        }
        let other = FileSigner::from_seed(&[8; 32]);
        assert_eq!(open(&payload, &other), Err(PayloadError::UnknownKey));
        assert_eq!(open("ünï", &signer), Err(PayloadError::Malformed));
        assert_eq!(open(&"A".repeat(5_000), &signer), Err(PayloadError::Malformed));
        assert_eq!(open("Ag", &signer), Err(PayloadError::UnknownVersion));
    }
}
