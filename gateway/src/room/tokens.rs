//! What a place and a pass look like outside: a few numbers and a tag that only we can make.
//!
//! ```text
//!   place   'q' │ show 8 │ place 4 │ entry 16 │ lane 1                                │ tag 16
//!   pass    'x' │ show 8 │ place 4 │ entry 16 │ pass 4 │ goods 1 │ expires at 8       │ tag 16
//! ```
//!
//! Numbers are big-endian, the whole is base64url without padding, and the tag is the first half of
//! an HMAC-SHA-256 over everything before it. A tag costs a microsecond, where a signature that
//! others could verify would cost as much as several requests; nobody else has to verify these.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use usher_engine::room::{EntryId, PassGoods, PassNo, PlaceNo};
use usher_engine::{ShowKey, Timestamp};

const TAG_BYTES: usize = 16;
const PLACE_BYTES: usize = 30;
const PASS_BYTES: usize = 42;

/// Signs and reads tokens.
#[derive(Clone)]
pub struct QueueKeys {
    mac: Hmac<Sha256>,
}

/// What the token of a place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlaceToken {
    pub(super) show: ShowKey,
    pub(super) place: PlaceNo,
    pub(super) entry: EntryId,
    pub(super) lane: u8,
}

/// What a pass says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PassToken {
    pub(super) show: ShowKey,
    pub(super) place: PlaceNo,
    pub(super) entry: EntryId,
    pub(super) pass: PassNo,
    pub(super) goods: PassGoods,
    pub(super) expires_at: Timestamp,
}

impl QueueKeys {
    /// Keys made from a secret, apart from whatever else is made from it.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key will do");
        mac.update(b"usher waiting room tokens");
        let key = mac.finalize().into_bytes();
        Self { mac: Hmac::new_from_slice(&key).expect("any key will do") }
    }

    pub(super) fn write_place(&self, token: &PlaceToken) -> String {
        let mut bytes = Vec::with_capacity(PLACE_BYTES + TAG_BYTES);
        bytes.push(b'q');
        bytes.extend_from_slice(&token.show.0.to_be_bytes());
        bytes.extend_from_slice(&token.place.0.to_be_bytes());
        bytes.extend_from_slice(&token.entry.0.to_be_bytes());
        bytes.push(token.lane);
        self.seal(bytes)
    }

    pub(super) fn read_place(&self, text: &str) -> Option<PlaceToken> {
        let bytes = self.open::<PLACE_BYTES, { PLACE_BYTES + TAG_BYTES }>(b'q', text)?;
        let (show, place, entry) = begin(&bytes);
        Some(PlaceToken { show, place, entry, lane: bytes[29] })
    }

    pub(super) fn write_pass(&self, token: &PassToken) -> String {
        let mut bytes = Vec::with_capacity(PASS_BYTES + TAG_BYTES);
        bytes.push(b'x');
        bytes.extend_from_slice(&token.show.0.to_be_bytes());
        bytes.extend_from_slice(&token.place.0.to_be_bytes());
        bytes.extend_from_slice(&token.entry.0.to_be_bytes());
        bytes.extend_from_slice(&token.pass.0.to_be_bytes());
        bytes.push(token.goods.0);
        bytes.extend_from_slice(&token.expires_at.0.to_be_bytes());
        self.seal(bytes)
    }

    pub(super) fn read_pass(&self, text: &str) -> Option<PassToken> {
        let bytes = self.open::<PASS_BYTES, { PASS_BYTES + TAG_BYTES }>(b'x', text)?;
        let (show, place, entry) = begin(&bytes);
        Some(PassToken {
            show,
            place,
            entry,
            pass: PassNo(u32::from_be_bytes(bytes[29..33].try_into().expect("4 bytes"))),
            goods: PassGoods(bytes[33]),
            expires_at: Timestamp(u64::from_be_bytes(bytes[34..42].try_into().expect("8 bytes"))),
        })
    }

    fn seal(&self, mut bytes: Vec<u8>) -> String {
        let tag = self.tag(&bytes);
        bytes.extend_from_slice(&tag);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The bytes before the tag, if the tag is right.
    fn open<const COUNT: usize, const ALL: usize>(
        &self,
        kind: u8,
        text: &str,
    ) -> Option<[u8; COUNT]> {
        // The length is checked before decoding, so rubbish costs nothing.
        if text.len() != BASE64URL_NOPAD.encode_len(ALL) {
            return None;
        }
        let mut all = [0; ALL];
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut all).ok()?;
        let (bytes, tag) = all.split_at(COUNT);
        let right: bool = subtle::ConstantTimeEq::ct_eq(&self.tag(bytes)[..], tag).into();
        if !right || bytes[0] != kind {
            return None;
        }
        bytes.try_into().ok()
    }

    fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut mac = self.mac.clone();
        mac.update(bytes);
        mac.finalize().into_bytes()[..TAG_BYTES].try_into().expect("32 bytes")
    }
}

/// What places and passes begin with.
fn begin(bytes: &[u8]) -> (ShowKey, PlaceNo, EntryId) {
    let show = u64::from_be_bytes(bytes[1..9].try_into().expect("8 bytes"));
    let place = u32::from_be_bytes(bytes[9..13].try_into().expect("4 bytes"));
    let entry = u128::from_be_bytes(bytes[13..29].try_into().expect("16 bytes"));
    (ShowKey(show), PlaceNo(place), EntryId(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> PlaceToken {
        PlaceToken { show: ShowKey(7 << 40), place: PlaceNo(9), entry: EntryId(1 << 99), lane: 3 }
    }

    fn pass() -> PassToken {
        let PlaceToken { show, place, entry, .. } = place();
        let (pass, goods, expires_at) = (PassNo(11), PassGoods(2), Timestamp(1_800_000_000_000));
        PassToken { show, place, entry, pass, goods, expires_at }
    }

    #[test]
    fn a_token_says_what_it_was_made_of() {
        let keys = QueueKeys::new(b"secret");
        assert_eq!(keys.read_place(&keys.write_place(&place())), Some(place()));
        assert_eq!(keys.read_pass(&keys.write_pass(&pass())), Some(pass()));
    }

    #[test]
    fn every_other_text_is_refused() {
        let keys = QueueKeys::new(b"secret");
        let (place, pass) = (keys.write_place(&place()), keys.write_pass(&pass()));
        assert_eq!(QueueKeys::new(b"another").read_place(&place), None);
        assert_eq!(QueueKeys::new(b"another").read_pass(&pass), None);
        assert_eq!((keys.read_place(&pass), keys.read_pass(&place)), (None, None));
        for text in [&place, &pass] {
            for at in 0..text.len() {
                let mut altered = text.clone().into_bytes();
                altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
                let altered = String::from_utf8(altered).expect("ASCII");
                // The last letter of a text has bits that say nothing.
                assert_eq!(keys.read_place(&altered), None, "at {at}");
                assert_eq!(keys.read_pass(&altered), None, "at {at}");
            }
            for cut in [&text[1..], &text[..text.len() - 1], "", &format!("{text}A")] {
                assert_eq!((keys.read_place(cut), keys.read_pass(cut)), (None, None), "{cut}");
            }
        }
        for rubbish in ["ü".repeat(31), "\0".repeat(62), "+/".repeat(31)] {
            assert_eq!(keys.read_place(&rubbish), None);
        }
    }
}
