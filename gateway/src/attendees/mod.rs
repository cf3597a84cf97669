//! Who comes: the people whom orders of a show with the real-name rule name.
//!
//! ```text
//!   attendees ─► verifier of the show: form, check digit ─► the number in its one form
//!       │                                                       │ HMAC with the key and the show
//!       ▼                                                       ▼
//!   sealed with the contact, under the buyer's key         the owner counts units by this hash
//! ```
//!
//! The owner of the seats decides whether a document may have more, and knows none. Whoever has the
//! journal and not `keys/document_key` cannot try numbers out; and since the show is part of the
//! hash, nobody can tell who was at two shows by comparing them.

pub mod verifiers;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use usher_engine::ShowKey;
use usher_engine::command::KeyUse;
use usher_engine::id::DocumentHash;
use usher_engine::inventory::DocumentRefusal;
use usher_engine::{Refusal, inventory::Hold};
use usher_persistence::seal::Keyring;
use usher_shards::{Face, ShowView};
use usher_wire::{
    ATTENDEE_NAME_CHARS_MAX, ATTENDEES_MAX, Attendee, DOCUMENT_CHARS_MAX, IdentityRule,
};

use crate::buyers::idempotency::{Key, Operation};
use crate::buyers::{checks, contacts};
use crate::http::problem::{ApiError, Code};
use verifiers::Verifier;

/// Checks and hashes documents.
pub struct Attendees {
    document_key: [u8; 32],
    request_key: [u8; 32],
    verifiers: Vec<Box<dyn Verifier>>,
}

impl Attendees {
    /// With keys that follow from the one of this server, and verifiers by their names.
    pub fn new(key: &[u8], verifiers: Vec<Box<dyn Verifier>>) -> Self {
        Self {
            document_key: hmac(key, &[b"usher document"]),
            request_key: hmac(key, &[b"usher request about people"]),
            verifiers,
        }
    }

    /// The verifier of this name.
    pub fn verifier(&self, name: &str) -> Option<&dyn Verifier> {
        self.verifiers.iter().find(|verifier| verifier.name() == name).map(|found| &**found)
    }

    /// The names of all verifiers.
    pub fn names(&self) -> Vec<&'static str> {
        self.verifiers.iter().map(|verifier| verifier.name()).collect()
    }

    /// Checks whom an order of `units` tickets names, and gives their documents as the owner counts
    /// them, in the same order.
    ///
    /// # Errors
    /// [`Code::NamesRequired`], [`Code::NamesNotAsked`], [`Code::InvalidField`] and
    /// [`Code::BadDocument`] with the pointer of the field.
    pub fn check(
        &self,
        view: &ShowView,
        units: u32,
        attendees: &[Attendee],
    ) -> Result<Vec<DocumentHash>, ApiError> {
        // An order of a show without the rule ends here.
        if !asks(&view.face()) {
            let named = attendees.is_empty();
            return if named { Ok(Vec::new()) } else { Err(refuse(DocumentRefusal::NotAsked)) };
        }
        if attendees.len() > ATTENDEES_MAX {
            let words = format!("there are more than {ATTENDEES_MAX}");
            return Err(ApiError::field("/attendees", words));
        }
        for (place, attendee) in attendees.iter().enumerate() {
            let at = |field: &str| format!("/attendees/{place}/{field}");
            checks::text(&attendee.name, &at("name"), 1, ATTENDEE_NAME_CHARS_MAX)?;
            checks::text(&attendee.document, &at("document"), 1, DOCUMENT_CHARS_MAX)?;
        }
        if attendees.len() != units as usize {
            return Err(refuse(DocumentRefusal::Wanted { wanted: units }));
        }
        let face = view.face();
        let name = &face.details.document_verifier;
        let missing = || ApiError::internal(format!("this build has no verifier `{name}`"));
        let verifier = self.verifier(name).ok_or_else(missing)?;
        let hash = |(place, attendee): (usize, &Attendee)| {
            let normal = verifier.check(&attendee.document).map_err(|words| {
                let pointer = format!("/attendees/{place}/document");
                ApiError::new(Code::BadDocument).detail(words).pointer(pointer)
            })?;
            Ok(self.hash(view.key, &normal))
        };
        attendees.iter().enumerate().map(hash).collect()
    }

    /// A document as one show counts it.
    fn hash(&self, show: ShowKey, normal: &str) -> DocumentHash {
        let digest = hmac(&self.document_key, &[&show.0.to_be_bytes(), normal.as_bytes()]);
        DocumentHash(u128::from_be_bytes(digest[..16].try_into().expect("16 bytes")))
    }

    /// What the owner remembers of a key that was used for a request which names people. The digest
    /// of the request is in the journal, so it is keyed: nobody may try out who was named.
    pub fn used(
        &self,
        key: &Key,
        operation: Operation,
        asked: &impl Serialize,
        attendees: &[Attendee],
    ) -> KeyUse {
        let used = key.used_for(operation, asked);
        if attendees.is_empty() {
            return used;
        }
        let canonical = serde_json::to_vec(asked).expect("requests are plain data");
        let digest = hmac(&self.request_key, &[&canonical]);
        KeyUse { digest: u64::from_be_bytes(digest[..8].try_into().expect("8 bytes")), ..used }
    }
}

/// Whether a show has the real-name rule.
pub fn asks(face: &Face) -> bool {
    face.terms.units_per_document_max > 0
}

/// The rule of a show as callers read it; `None` where it has none.
pub fn rule_of(face: &Face) -> Option<IdentityRule> {
    asks(face).then(|| IdentityRule {
        required: true,
        verifier: face.details.document_verifier.clone(),
        units_per_document: face.terms.units_per_document_max,
    })
}

/// Whom the order of a hold names, in full; nobody where nobody was asked, or their key is gone.
pub fn of(keyring: &Keyring, face: &Face, hold: &Hold) -> Vec<Attendee> {
    let order = hold.order.as_deref().filter(|_| asks(face));
    order.map_or_else(Vec::new, |order| {
        contacts::open_attendees(keyring, hold.buyer, &order.contact)
    })
}

/// As the owner would refuse it.
fn refuse(refusal: DocumentRefusal) -> ApiError {
    Refusal::from(refusal).into()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attendees(key: &[u8]) -> Attendees {
        Attendees::new(key, verifiers::built_in())
    }

    #[test]
    fn a_document_is_known_within_its_show_and_by_the_key_only() {
        let ours = attendees(b"a key of this server");
        let hash = ours.hash(ShowKey(1), "A123456789");
        assert_eq!(hash, ours.hash(ShowKey(1), "A123456789"));
        assert_ne!(hash, ours.hash(ShowKey(2), "A123456789"));
        assert_ne!(hash, ours.hash(ShowKey(1), "A123456788"));
        assert_ne!(hash, attendees(b"a key of another").hash(ShowKey(1), "A123456789"));
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        // Computed with Python's hmac: the key `k` gives a key for documents, that one the hash.
        let hash = attendees(b"k").hash(ShowKey(7), "A123456789");
        assert_eq!(format!("{:032x}", hash.0), "8fcce072ebbd3f8650481b956522e703");
    }

    #[test]
    fn the_digest_of_a_request_that_names_people_is_keyed() {
        let request =
            actix_web::test::TestRequest::default().insert_header(("Idempotency-Key", "a"));
        let key = crate::buyers::idempotency::required(request.to_http_request().headers())
            .expect("a key");
        let who = [Attendee { name: "Ada".into(), document: "A123456789".into() }];
        let used = |key_of: &[u8], who: &[Attendee]| {
            attendees(key_of).used(&key, Operation::Order, &who, who)
        };
        let plain = key.used_for(Operation::Order, &who);
        let keyed = used(b"k", &who);
        assert_eq!(keyed, used(b"k", &who), "a repeat is one");
        assert_eq!(keyed.key, plain.key);
        assert_ne!(keyed.digest, plain.digest);
        assert_ne!(keyed.digest, used(b"another", &who).digest);
        assert_eq!(used(b"k", &[]), key.used_for(Operation::Order, &[(); 0]), "as ever");
    }

    #[test]
    fn the_contract_names_the_verifiers_that_there_are() {
        let json = serde_json::to_value(crate::openapi::document()).expect("plain data");
        let pattern = &json["components"]["schemas"]["IdentityRule"]["properties"]["verifier"];
        let names = attendees(b"k").names().join("|");
        assert_eq!(pattern["pattern"], format!("^({names})$"));
    }
}
