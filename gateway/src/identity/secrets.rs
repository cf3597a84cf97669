//! Secrets that are handed out and come back: refresh tokens, tokens that reset a password, keys of
//! integrators.
//!
//! ```text
//!   rt_… refresh   bucket 2 │ account 8 │ session 4 │ generation 4 │ secret 16 │ tag 16
//!   pr_… reset     bucket 2 │ account 8 │ secret 16                            │ tag 16
//!   uk_… API key   secret 20
//! ```
//!
//! Numbers are big-endian and the whole is base32, as ids are. The tag is HMAC-SHA-256, cut to 128
//! bits, under a key of this server. So what was never given out is refused here without asking an
//! owner, and a refresh token that is not good any more was good once: that is what tells a thief
//! from rubbish. Owners keep only a hash of each secret, so whoever reads the journal can use none.
//!
//! The next refresh token follows from the last by HMAC, so that a repeat whose answer was lost
//! brings the same answer.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use usher_engine::AccountNo;
use usher_engine::accounts::{LoginHash, Proof, SessionNo};
use usher_engine::id::ACCOUNT_BUCKETS;

use crate::config::secrets::random_bytes;
use crate::ids::{BASE32, ForeignId, UserRoute};

const ROUTE_BYTES: usize = 2 + 8;
const SECRET_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const REFRESH_BYTES: usize = ROUTE_BYTES + 4 + 4 + SECRET_BYTES;
const RESET_BYTES: usize = ROUTE_BYTES + SECRET_BYTES;
const API_KEY_BYTES: usize = 20;

/// What every key of an integrator starts with.
pub const API_KEY_PREFIX: &str = "uk_";

/// A secret of 128 random bits, or what follows from one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OneSecret([u8; SECRET_BYTES]);

impl std::fmt::Debug for OneSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneSecret(…)")
    }
}

impl OneSecret {
    /// A new one that nobody can guess.
    pub fn new() -> Self {
        Self(random_bytes())
    }

    /// What owners keep of it.
    pub fn proof(&self) -> Proof {
        proof_of(&self.0)
    }
}

impl Default for OneSecret {
    fn default() -> Self {
        Self::new()
    }
}

/// A refresh token, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whose.
    pub user: UserRoute,
    /// Of which session.
    pub session: SessionNo,
    /// How many came before it.
    pub generation: u32,
    /// What proves it.
    pub secret: OneSecret,
}

/// A token that resets a password, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetToken {
    /// Whose password.
    pub user: UserRoute,
    /// What proves it.
    pub secret: OneSecret,
}

/// Writes and reads what is handed out, and hashes logins.
pub struct Minter {
    tag_key: [u8; 32],
    next_key: [u8; 32],
    login_key: [u8; 32],
}

impl Minter {
    /// With keys that follow from the one of this server.
    pub fn new(key: &[u8]) -> Self {
        let derive = |label: &str| hmac(key, &[label.as_bytes()]);
        Self {
            tag_key: derive("usher token tag"),
            next_key: derive("usher next refresh token"),
            login_key: derive("usher login"),
        }
    }

    /// What an account with this e-mail address is found by, and in which bucket. Capitals and
    /// spaces around make no difference.
    pub fn login(&self, email: &str) -> (u16, LoginHash) {
        let normal = email.trim().to_lowercase();
        let digest = hmac(&self.login_key, &[normal.as_bytes()]);
        let hash = u128::from_be_bytes(digest[..16].try_into().expect("16 bytes"));
        let bucket = u16::from_be_bytes([digest[16], digest[17]]) % ACCOUNT_BUCKETS;
        (bucket, LoginHash(hash))
    }

    /// Writes a refresh token.
    pub fn refresh(&self, token: &RefreshToken) -> String {
        let RefreshToken { user, session, generation, secret } = token;
        let mut bytes = route_bytes(*user).to_vec();
        bytes.extend_from_slice(&session.0.to_be_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&secret.0);
        self.write("rt_", &bytes)
    }

    /// Reads a refresh token.
    ///
    /// # Errors
    /// Where it was never given out here.
    pub fn parse_refresh(&self, text: &str) -> Result<RefreshToken, ForeignId> {
        let bytes: [u8; REFRESH_BYTES] = self.read("rt_", text)?;
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4"));
        Ok(RefreshToken {
            user: route(&bytes),
            session: SessionNo(number(ROUTE_BYTES)),
            generation: number(ROUTE_BYTES + 4),
            secret: OneSecret(bytes[ROUTE_BYTES + 8..].try_into().expect("16 bytes are left")),
        })
    }

    /// The token that replaces this one.
    pub fn next(&self, token: &RefreshToken) -> RefreshToken {
        let digest = hmac(&self.next_key, &[&token.secret.0]);
        let secret = OneSecret(digest[..SECRET_BYTES].try_into().expect("16 bytes"));
        RefreshToken { generation: token.generation.saturating_add(1), secret, ..*token }
    }

    /// Writes a token that resets a password.
    pub fn reset(&self, token: &ResetToken) -> String {
        let mut bytes = route_bytes(token.user).to_vec();
        bytes.extend_from_slice(&token.secret.0);
        self.write("pr_", &bytes)
    }

    /// Reads a token that resets a password.
    ///
    /// # Errors
    /// Where it was never given out here.
    pub fn parse_reset(&self, text: &str) -> Result<ResetToken, ForeignId> {
        let bytes: [u8; RESET_BYTES] = self.read("pr_", text)?;
        let secret = OneSecret(bytes[ROUTE_BYTES..].try_into().expect("16 bytes are left"));
        Ok(ResetToken { user: route(&bytes), secret })
    }

    fn write(&self, prefix: &str, bytes: &[u8]) -> String {
        let mut all = bytes.to_vec();
        all.extend_from_slice(&self.tag(prefix, bytes));
        format!("{prefix}{}", BASE32.encode(&all))
    }

    fn read<const COUNT: usize>(&self, prefix: &str, text: &str) -> Result<[u8; COUNT], ForeignId> {
        let rest = text.strip_prefix(prefix).ok_or(ForeignId)?;
        // The length is checked before decoding, so rubbish costs nothing.
        if rest.len() != BASE32.encode_len(COUNT + TAG_BYTES) {
            return Err(ForeignId);
        }
        let all = BASE32.decode(rest.as_bytes()).map_err(|_| ForeignId)?;
        let (bytes, tag) = all.split_at(COUNT);
        let is_ours: bool = subtle::ConstantTimeEq::ct_eq(&self.tag(prefix, bytes)[..], tag).into();
        if !is_ours {
            return Err(ForeignId);
        }
        bytes.try_into().map_err(|_| ForeignId)
    }

    fn tag(&self, prefix: &str, bytes: &[u8]) -> [u8; TAG_BYTES] {
        hmac(&self.tag_key, &[prefix.as_bytes(), bytes])[..TAG_BYTES].try_into().expect("16 bytes")
    }
}

/// A new key for an integrator, and what is kept of it.
pub fn new_api_key() -> (String, Proof) {
    let text = format!("{API_KEY_PREFIX}{}", BASE32.encode(&random_bytes::<API_KEY_BYTES>()));
    let proof = proof_of(text.as_bytes());
    (text, proof)
}

/// What is kept of a secret.
pub fn proof_of(secret: &[u8]) -> Proof {
    let digest = Sha256::digest(secret);
    Proof(digest[..16].try_into().expect("a SHA-256 has 32 bytes"))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn route_bytes(user: UserRoute) -> [u8; ROUTE_BYTES] {
    let mut bytes = [0; ROUTE_BYTES];
    bytes[..2].copy_from_slice(&user.bucket.to_be_bytes());
    bytes[2..].copy_from_slice(&user.account.0.to_be_bytes());
    bytes
}

/// # Panics
/// If there are fewer than [`ROUTE_BYTES`].
fn route(bytes: &[u8]) -> UserRoute {
    let bucket = u16::from_be_bytes([bytes[0], bytes[1]]);
    let account = u64::from_be_bytes(bytes[2..10].try_into().expect("8 bytes"));
    UserRoute { bucket, account: AccountNo(account) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minter() -> Minter {
        Minter::new(b"a key of this server, as it happens")
    }

    fn token() -> RefreshToken {
        RefreshToken {
            user: UserRoute { bucket: 4_095, account: AccountNo(u64::MAX - 3) },
            session: SessionNo(3),
            generation: 7,
            secret: OneSecret([9; SECRET_BYTES]),
        }
    }

    #[test]
    fn what_is_handed_out_comes_back() {
        let minter = minter();
        let text = minter.refresh(&token());
        assert_eq!(minter.parse_refresh(&text), Ok(token()));
        let reset = ResetToken { user: token().user, secret: OneSecret::new() };
        assert_eq!(minter.parse_reset(&minter.reset(&reset)), Ok(reset));
    }

    #[test]
    fn forged_altered_and_foreign_tokens_are_refused() {
        let minter = minter();
        let text = minter.refresh(&token());
        for place in 3..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).expect("ASCII");
            assert_eq!(minter.parse_refresh(&altered), Err(ForeignId), "altered at {place}");
        }
        assert_eq!(Minter::new(b"another server").parse_refresh(&text), Err(ForeignId));
        assert_eq!(minter.parse_reset(&text), Err(ForeignId));
        assert_eq!(minter.parse_reset(&text.replacen("rt_", "pr_", 1)), Err(ForeignId));
        for rubbish in ["", "rt_", "rt_0", "rt_\0", "ü", &"rt_0".repeat(1_000)] {
            assert_eq!(minter.parse_refresh(rubbish), Err(ForeignId), "{rubbish}");
        }
    }

    #[test]
    fn the_next_token_follows_and_nobody_else_can_tell_it() {
        let (minter, token) = (minter(), token());
        let next = minter.next(&token);
        assert_eq!(next, minter.next(&token), "a repeat brings the same");
        assert_eq!((next.user, next.session, next.generation), (token.user, token.session, 8));
        assert_ne!(next.secret, token.secret);
        assert_ne!(next.secret, Minter::new(b"another server").next(&token).secret);
    }

    #[test]
    fn a_login_is_the_same_however_it_is_typed() {
        let minter = minter();
        let (bucket, hash) = minter.login("Ada@Example.org");
        assert_eq!((bucket, hash), minter.login(" ada@example.ORG "));
        assert!(bucket < ACCOUNT_BUCKETS);
        assert_ne!(hash, minter.login("ada@example.com").1);
        assert_ne!(hash, Minter::new(b"another server").login("ada@example.org").1);
    }

    #[test]
    fn an_api_key_is_known_by_its_proof() {
        let (text, proof) = new_api_key();
        assert!(text.starts_with(API_KEY_PREFIX) && text.len() == 35, "{text}");
        assert_eq!(proof_of(text.as_bytes()), proof);
        assert_ne!(new_api_key().1, proof);
    }
}
