//! Tokens of another issuer (OpenID Connect), so that a box office keeps its own log-in.
//!
//! The issuer, the audience and where its keys are come from the configuration, never from a token.
//! A token is verified by a key of the issuer's JWK set, and only by an algorithm that this key is
//! for. The user's id here is a hash of issuer and subject, so nobody can be mistaken for a user
//! with an account here or at another issuer.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::access::{LEEWAY_SECONDS, Verified};
use crate::ids;

/// Keys that one issuer may have.
const KEYS_MAX: usize = 64;
/// Bytes of a subject that is taken.
const SUBJECT_BYTES_MAX: usize = 256;
/// How often the keys are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// How long the issuer may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a JWK set.
const BYTES_MAX: usize = 1 << 20;

/// Another issuer, as configured.
#[derive(Debug, Clone)]
pub struct ExternalConfig {
    /// What its tokens say in `iss`.
    pub issuer: String,
    /// What they must say in `aud`.
    pub audience: String,
    /// Where its keys are.
    pub keys: KeysAt,
}

/// Where a JWK set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysAt {
    /// In a file.
    File(PathBuf),
    /// At an address.
    Url(String),
}

/// Verifies tokens of another issuer.
pub struct External {
    config: ExternalConfig,
    keys: RwLock<Arc<Vec<Key>>>,
}

struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

impl External {
    /// Reads the keys where they are in a file; where they are at an address, [`External::watch`]
    /// does it, so that a start does not wait for another server.
    ///
    /// # Errors
    /// A file that cannot be read or has no keys.
    pub fn open(config: ExternalConfig) -> anyhow::Result<Self> {
        let keys = match &config.keys {
            KeysAt::File(path) => {
                let bytes =
                    std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
                parse(&bytes).with_context(|| format!("read {}", path.display()))?
            }
            KeysAt::Url(_) => Vec::new(),
        };
        Ok(Self { config, keys: RwLock::new(Arc::new(keys)) })
    }

    /// Reads the keys again and again, for as long as it is polled. Keys that cannot be read leave
    /// those that are known in place.
    pub async fn watch(self: Arc<Self>) {
        loop {
            match read(&self.config.keys).await {
                Ok(keys) => {
                    *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
                }
                Err(error) => {
                    let issuer = &self.config.issuer;
                    tracing::warn!(issuer, error = format!("{error:#}"), "its keys cannot be read");
                }
            }
            tokio::time::sleep(READ_AGAIN_AFTER).await;
        }
    }

    /// Verifies a token: `None` where it is not the issuer's, not for us, altered or over.
    pub fn verify(&self, token: &str) -> Option<Verified> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        // A token that names no key may be by any of them.
        let named = |key: &&Key| header.kid.is_none() || key.kid == header.kid;
        keys.iter().filter(named).find_map(|key| self.verify_by(key, token, header.alg))
    }

    fn verify_by(&self, key: &Key, token: &str, algorithm: Algorithm) -> Option<Verified> {
        if !key.algorithms.contains(&algorithm) {
            return None;
        }
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok()?.claims;
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
            return None;
        }
        let user_id = ids::external_user(&self.config.issuer, &claims.sub).into();
        Some(Verified { user_id, session: None, account_made_at: None, ends_at: claims.exp })
    }
}

async fn read(at: &KeysAt) -> anyhow::Result<Vec<Key>> {
    match at {
        // A small file, once a minute: not worth a thread.
        KeysAt::File(path) => parse(&std::fs::read(path)?),
        KeysAt::Url(url) => {
            // Whoever installs one first does; no other is compiled in.
            drop(rustls::crypto::ring::default_provider().install_default());
            let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
            let mut response = client.get(url).send().await?.error_for_status()?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                anyhow::ensure!(bytes.len() + chunk.len() <= BYTES_MAX, "it is too large");
                bytes.extend_from_slice(&chunk);
            }
            parse(&bytes)
        }
    }
}

/// The keys of a JWK set that can verify; what is for something else, or unknown, is left out.
fn parse(bytes: &[u8]) -> anyhow::Result<Vec<Key>> {
    let set: JwkSet = serde_json::from_slice(bytes).context("this is no JWK set")?;
    let keys: Vec<Key> = set.keys.iter().filter_map(key_of).take(KEYS_MAX).collect();
    anyhow::ensure!(!keys.is_empty(), "there is no key that verifies");
    Ok(keys)
}

fn key_of(jwk: &Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => {
            use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
            vec![RS256, RS384, RS512, PS256, PS384, PS512]
        }
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            // The library takes the first 32 bytes for granted.
            let bytes = data_encoding::BASE64URL_NOPAD.decode(pair.x.as_bytes()).ok()?;
            if bytes.len() != 32 {
                return None;
            }
            vec![Algorithm::EdDSA]
        }
        // A shared secret has no place in a published set.
        _ => return None,
    };
    if let Some(named) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| Algorithm::try_from(named).is_ok_and(|a| a == *algorithm));
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (!algorithms.is_empty()).then(|| Key { kid: jwk.common.key_id.clone(), algorithms, key })
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use jsonwebtoken::{EncodingKey, Header, get_current_timestamp};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
    use serde_json::{Value, json};

    use super::*;

    /// An issuer with one key, and its published set.
    struct Issuer {
        pair: KeyPair,
        set: Value,
    }

    impl Issuer {
        fn new() -> Self {
            let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
            let point = pair.der_bytes().to_vec();
            let (x, y) = point[1..].split_at(32);
            let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
            let key = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
                "kid": "one", "x": encode(x), "y": encode(y)});
            Self { pair, set: json!({"keys": [key]}) }
        }

        fn external(&self) -> External {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("jwks.json");
            std::fs::write(&path, self.set.to_string()).expect("written");
            let config = ExternalConfig {
                issuer: "https://login.example".into(),
                audience: "tickets".into(),
                keys: KeysAt::File(path),
            };
            External::open(config).expect("keys")
        }

        fn sign(&self, change: impl FnOnce(&mut Value, &mut Header)) -> String {
            let mut claims = json!({"iss": "https://login.example", "aud": "tickets",
                "sub": "ada", "exp": get_current_timestamp() + 60});
            let mut header = Header::new(Algorithm::ES256);
            header.kid = Some("one".into());
            change(&mut claims, &mut header);
            let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
            jsonwebtoken::encode(&header, &claims, &key).expect("encoded")
        }
    }

    #[test]
    fn a_token_of_the_issuer_says_who_somebody_is() {
        let issuer = Issuer::new();
        let external = issuer.external();
        let verified = external.verify(&issuer.sign(|_, _| {})).expect("good");
        assert_eq!(&*verified.user_id, ids::external_user("https://login.example", "ada"));
        assert_eq!(verified.session, None);
        assert!(external.verify(&issuer.sign(|_, h| h.kid = None)).is_some(), "no key is named");
        let list = issuer.sign(|claims, _| claims["aud"] = json!(["others", "tickets"]));
        assert!(external.verify(&list).is_some(), "one of several audiences");
    }

    #[test]
    fn whatever_is_not_for_us_is_refused() {
        let issuer = Issuer::new();
        let external = issuer.external();
        let past = get_current_timestamp() - 60;
        let future = get_current_timestamp() + 60;
        let set =
            |field: &'static str, value: Value| issuer.sign(move |claims, _| claims[field] = value);
        for (token, words) in [
            (set("iss", json!("https://evil.example")), "another issuer"),
            (set("aud", json!("bank")), "another audience"),
            (set("exp", json!(past)), "over"),
            (set("exp", Value::Null), "without an end"),
            (set("nbf", json!(future)), "not yet"),
            (set("sub", Value::Null), "nobody"),
            (set("sub", json!("")), "an empty name"),
            (set("sub", json!("x".repeat(300))), "too long a name"),
            (issuer.sign(|_, header| header.kid = Some("two".into())), "an unknown key"),
            (Issuer::new().sign(|_, _| {}), "another key"),
            (String::new(), "nothing"),
            ("a.b.c".to_owned(), "rubbish"),
        ] {
            assert_eq!(external.verify(&token), None, "{words}");
        }
    }

    #[test]
    fn keys_that_verify_nothing_are_left_out() {
        let issuer = Issuer::new();
        let only = |change: &dyn Fn(&mut Value)| {
            let mut set = issuer.set.clone();
            change(&mut set["keys"][0]);
            parse(set.to_string().as_bytes()).is_ok()
        };
        assert!(only(&|_| {}));
        assert!(!only(&|key| key["use"] = json!("enc")));
        assert!(!only(&|key| key["alg"] = json!("HS256")), "an algorithm of another kind");
        assert!(!only(&|key| *key = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "one"})));
        let short = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "one"});
        assert!(!only(&|key| *key = short.clone()), "less than a key");
        assert!(parse(b"{}").is_err() && parse(b"{\"keys\":[]}").is_err() && parse(b"x").is_err());
    }
}
