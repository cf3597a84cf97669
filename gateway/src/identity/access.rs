//! Access tokens: JWTs that say who somebody is, for an hour.
//!
//! ```text
//!   header   {"typ":"at+jwt","alg":"EdDSA","kid":…}                     (RFC 9068)
//!   claims   {"iss","aud":"usher","sub":"u_…","sid":session,"reg","iat","exp"}
//! ```
//!
//! They are signed with Ed25519. The newest key signs and all keys verify, so a key can be changed
//! without logging anybody out: `usher keys rotate` does it. The public keys are published as a
//! JWK set, so that other services can verify as well.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use usher_engine::Timestamp;
use usher_engine::accounts::SessionNo;
use usher_wire::{Jwk, JwkSet};

use crate::config::secrets::{random_bytes, read_private, write_private};
use crate::tickets::signer::KeyId;

/// The file, in the directory of keys, of the key that signs: 32 bytes in hex.
pub const KEY_FILE_NAME: &str = "access_key";
/// The file with one retired public key a line: base64url, as in the JWK's `x`.
pub const RETIRED_FILE_NAME: &str = "access_keys_retired";

const AUDIENCE: &str = "usher";
const TYPE: &str = "at+jwt";
/// How far the clocks of two gateways may be apart.
pub(super) const LEEWAY_SECONDS: u64 = 5;
/// What stands before the 32 bytes of an Ed25519 secret in PKCS #8 (RFC 8410, 7).
const PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Who somebody is, as an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: u32,
    /// When the account was made, in seconds since 1970. Tokens of before this was said lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reg: Option<u64>,
    iat: u64,
    exp: u64,
}

/// What was found in a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The user's id.
    pub user_id: Arc<str>,
    /// The session that it was given out in; `None` where another issuer gave it out.
    pub session: Option<SessionNo>,
    /// When the account was made; `None` where another issuer keeps it.
    pub account_made_at: Option<Timestamp>,
    /// When it ends, in seconds since 1970.
    pub ends_at: u64,
}

/// Signs and verifies access tokens.
pub struct AccessKeys {
    issuer: String,
    lives: Duration,
    header: Header,
    signing: EncodingKey,
    verifying: Vec<VerifyingKey>,
}

struct VerifyingKey {
    kid: String,
    x: String,
    key: DecodingKey,
}

impl VerifyingKey {
    fn new(public: &[u8; 32]) -> anyhow::Result<Self> {
        let x = BASE64URL_NOPAD.encode(public);
        let key = DecodingKey::from_ed_components(&x).context("no Ed25519 key")?;
        Ok(Self { kid: KeyId::of(public).text(), x, key })
    }
}

impl AccessKeys {
    /// Keys in files of this directory. Says where it made one, if it did.
    ///
    /// # Errors
    /// Files that cannot be read or hold no keys.
    pub fn from_files(
        keys_dir: &Path,
        issuer: &str,
        lives: Duration,
    ) -> anyhow::Result<(Self, Option<PathBuf>)> {
        let (seed, made) = load_or_make(&keys_dir.join(KEY_FILE_NAME))?;
        let public = public_key(&seed);
        let mut verifying = vec![VerifyingKey::new(&public)?];
        for key in retired(&keys_dir.join(RETIRED_FILE_NAME))? {
            verifying.push(VerifyingKey::new(&key)?);
        }
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(verifying[0].kid.clone());
        let signing = EncodingKey::from_ed_der(&[&PKCS8_HEAD[..], &seed].concat());
        Ok((Self { issuer: issuer.to_owned(), lives, header, signing, verifying }, made))
    }

    /// How long a token lives.
    pub fn lives(&self) -> Duration {
        self.lives
    }

    /// A token for a user's session, which says when the account was made as well. `now` is in
    /// seconds since 1970.
    ///
    /// # Panics
    /// Never: an Ed25519 key signs everything.
    pub fn issue(
        &self,
        user_id: &str,
        session: SessionNo,
        account_made_at: Timestamp,
        now: u64,
    ) -> String {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: user_id.to_owned(),
            sid: session.0,
            reg: Some(account_made_at.0 / 1_000),
            iat: now,
            exp: now + self.lives.as_secs(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing)
            .expect("plain claims, a good key")
    }

    /// Whether a key id is one of ours.
    pub fn knows(&self, kid: &str) -> bool {
        self.verifying.iter().any(|key| key.kid == kid)
    }

    /// Verifies a token: `None` where it is not ours, altered, over, or of another kind.
    pub fn verify(&self, token: &str) -> Option<Verified> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let kid = header.kid?;
        let key = self.verifying.iter().find(|key| key.kid == kid)?;
        // The algorithm is ours to say, never the token's.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = LEEWAY_SECONDS;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok()?.claims;
        let session = Some(SessionNo(claims.sid));
        let account_made_at = claims.reg.map(|at| Timestamp(at.saturating_mul(1_000)));
        Some(Verified { user_id: claims.sub.into(), session, account_made_at, ends_at: claims.exp })
    }

    /// The public keys, the one that signs now first.
    pub fn jwk_set(&self) -> JwkSet {
        let keys = self.verifying.iter().map(|key| Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            usage: "sig".into(),
            alg: "EdDSA".into(),
            kid: key.kid.clone(),
            x: key.x.clone(),
        });
        JwkSet { keys: keys.collect() }
    }
}

/// Retires the key that signs, so that the next start makes another; tokens of before go on to
/// verify. Says which key it was.
///
/// # Errors
/// Where there is no key, or files cannot be written.
pub fn rotate(keys_dir: &Path) -> anyhow::Result<String> {
    let path = keys_dir.join(KEY_FILE_NAME);
    let seed = read_private(&path)?.with_context(|| format!("there is no {}", path.display()))?;
    let public = public_key(&seed_of(&path, &seed)?);
    let retired_path = keys_dir.join(RETIRED_FILE_NAME);
    let mut text = read_private(&retired_path)?.unwrap_or_default();
    text.extend_from_slice(format!("{}\n", BASE64URL_NOPAD.encode(&public)).as_bytes());
    // In this order: a crash between the two leaves a key that is listed twice, which does no harm.
    write_private(&retired_path, &text)?;
    let fresh = HEXLOWER.encode(&random_bytes::<32>());
    write_private(&path, format!("{fresh}\n").as_bytes())?;
    Ok(KeyId::of(&public).text())
}

fn load_or_make(path: &Path) -> anyhow::Result<([u8; 32], Option<PathBuf>)> {
    if let Some(text) = read_private(path)? {
        return Ok((seed_of(path, &text)?, None));
    }
    let seed = random_bytes::<32>();
    write_private(path, format!("{}\n", HEXLOWER.encode(&seed)).as_bytes())?;
    Ok((seed, Some(path.to_owned())))
}

fn seed_of(path: &Path, text: &[u8]) -> anyhow::Result<[u8; 32]> {
    let bytes = HEXLOWER.decode(text.trim_ascii()).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .with_context(|| format!("{} is not 32 bytes in hex", path.display()))
}

fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

fn retired(path: &Path) -> anyhow::Result<Vec<[u8; 32]>> {
    let text = read_private(path)?.unwrap_or_default();
    let text = String::from_utf8(text).with_context(|| format!("read {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let bytes = BASE64URL_NOPAD.decode(line.trim().as_bytes()).ok();
            bytes
                .and_then(|bytes| bytes.try_into().ok())
                .with_context(|| format!("{}, line {}: no key", path.display(), index + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 4_000_000_000;
    const MADE_AT: Timestamp = Timestamp(3_000_000_000_000);

    fn keys(dir: &Path) -> AccessKeys {
        AccessKeys::from_files(dir, "usher", Duration::from_secs(3_600)).expect("keys").0
    }

    fn now() -> u64 {
        jsonwebtoken::get_current_timestamp()
    }

    #[test]
    fn a_token_says_who_somebody_is_until_it_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = keys(dir.path());
        let token = keys.issue("u_ann", SessionNo(3), MADE_AT, now());
        let verified = keys.verify(&token).expect("good");
        assert_eq!((&*verified.user_id, verified.session), ("u_ann", Some(SessionNo(3))));
        assert_eq!(verified.account_made_at, Some(MADE_AT));
        assert!((now() + 3_590..=now() + 3_600).contains(&verified.ends_at));
        assert_eq!(
            keys.verify(&keys.issue("u_ann", SessionNo(3), MADE_AT, now() - 3_610)),
            None,
            "over"
        );
    }

    #[test]
    fn forged_altered_and_foreign_tokens_are_refused() {
        let (ours, theirs) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
        let (keys, others) = (keys(ours.path()), keys(theirs.path()));
        let token = keys.issue("u_ann", SessionNo(1), MADE_AT, NOW);
        assert!(keys.verify(&token).is_some());
        assert_eq!(
            keys.verify(&others.issue("u_ann", SessionNo(1), MADE_AT, NOW)),
            None,
            "another server"
        );
        for place in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("ASCII");
            // The last character of a part has bits that say nothing.
            let same = altered.split('.').zip(token.split('.')).all(|(one, other)| {
                BASE64URL_NOPAD.decode(one.as_bytes()) == BASE64URL_NOPAD.decode(other.as_bytes())
            });
            assert!(same || keys.verify(&altered).is_none(), "altered at {place}");
        }
        for rubbish in ["", ".", "..", "a.b.c", "\0", &"x.".repeat(10_000)] {
            assert_eq!(keys.verify(rubbish), None, "{rubbish:.20}");
        }
    }

    #[test]
    fn the_token_does_not_say_how_it_is_verified() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = keys(dir.path());
        let token = keys.issue("u_ann", SessionNo(1), MADE_AT, NOW);
        let (_, rest) = token.split_once('.').expect("a header");
        let (claims, _) = rest.split_once('.').expect("claims");
        let kid = &keys.verifying[0].kid;
        let head = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let none = head(&format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#));
        assert_eq!(keys.verify(&format!("{none}.{claims}.")), None, "no signature");
        // The classic: a token signed with the public key as if it were a shared secret.
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some(TYPE.into()), Some(kid.clone()));
        let secret = BASE64URL_NOPAD.decode(keys.verifying[0].x.as_bytes()).expect("a key");
        let secret = EncodingKey::from_secret(&secret).expect("a secret");
        let claims = Claims {
            iss: "usher".into(),
            aud: AUDIENCE.into(),
            sub: "u_ann".into(),
            sid: 1,
            reg: None,
            iat: NOW,
            exp: NOW + 1,
        };
        let forged = jsonwebtoken::encode(&header, &claims, &secret).expect("encoded");
        assert_eq!(keys.verify(&forged), None, "HMAC under the public key");
        for (iss, aud, typ) in
            [("x", AUDIENCE, TYPE), ("usher", "x", TYPE), ("usher", AUDIENCE, "JWT")]
        {
            let mut header = keys.header.clone();
            header.typ = Some(typ.into());
            let claims = Claims { iss: iss.into(), aud: aud.into(), ..claims.clone() };
            let token = jsonwebtoken::encode(&header, &claims, &keys.signing).expect("encoded");
            assert_eq!(keys.verify(&token), None, "{iss} {aud} {typ}");
        }
    }

    #[test]
    fn a_key_is_changed_without_logging_anybody_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let old = keys(dir.path());
        let token = old.issue("u_ann", SessionNo(1), MADE_AT, NOW);
        let retired = rotate(dir.path()).expect("rotated");
        assert_eq!(retired, old.jwk_set().keys[0].kid);
        let new = keys(dir.path());
        assert!(new.verify(&token).is_some(), "a token of before");
        assert_eq!(
            old.verify(&new.issue("u_ann", SessionNo(1), MADE_AT, NOW)),
            None,
            "another key signs"
        );
        assert_eq!(new.jwk_set().keys[1], old.jwk_set().keys[0]);
        rotate(dir.path()).expect("rotated again");
        assert_eq!(keys(dir.path()).jwk_set().keys.len(), 3);
        std::fs::write(dir.path().join(RETIRED_FILE_NAME), "rubbish\n").expect("written");
        assert!(AccessKeys::from_files(dir.path(), "usher", Duration::ZERO).is_err());
    }
}
