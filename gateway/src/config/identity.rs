//! The settings of identity, checked.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::raw::RawConfig;
use super::{ConfigError, bad, required, seconds, threads, within};
use crate::identity::external::{ExternalConfig, KeysAt};
use crate::identity::passwords::PasswordConfig;
use crate::identity::{IdentityConfig, Ways};

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Checks what was said of identity.
pub(super) fn check(raw: &RawConfig) -> Result<IdentityConfig, ConfigError> {
    let days: u64 = within(raw, "session_days", 1, 3_650)?;
    let threads: NonZeroUsize = threads(raw, "password_threads")?;
    Ok(IdentityConfig {
        ways: ways(raw)?,
        issuer: required(raw, "token_issuer")?.to_owned(),
        access: seconds(raw, "access_token_seconds", 60, DAY_SECONDS)?,
        session: Duration::from_secs(days * DAY_SECONDS),
        tokens_max: within(raw, "token_cache_max", 1, 1 << 24)?,
        passwords: PasswordConfig {
            // Argon2 takes at least 8 KiB a lane (RFC 9106, 3.1); beyond 1 GiB it is a mistake.
            memory_kib: within(raw, "password_memory_kib", 8, 1 << 20)?,
            passes: within(raw, "password_passes", 1, 100)?,
            threads,
            waiting_max: within(raw, "password_waiting_max", 0, 1 << 16)?,
        },
        reset_hook_url: hook(raw)?,
        external: external(raw)?,
    })
}

fn hook(raw: &RawConfig) -> Result<Option<String>, ConfigError> {
    match raw.get("reset_hook_url").0 {
        "" => Ok(None),
        url if url.starts_with("https://") || url.starts_with("http://") => Ok(Some(url.into())),
        other => {
            let reason = format!("`{other}` is not an http(s) URL");
            Err(bad(raw, "reset_hook_url", reason))
        }
    }
}

/// Another issuer: all three settings, or none.
fn external(raw: &RawConfig) -> Result<Option<ExternalConfig>, ConfigError> {
    let keys = ["oidc_issuer", "oidc_audience", "oidc_jwks"];
    let [issuer, audience, jwks] = keys.map(|key| raw.get(key).0);
    if [issuer, audience, jwks].iter().all(|text| text.is_empty()) {
        return Ok(None);
    }
    for key in keys {
        if raw.get(key).0.is_empty() {
            return Err(bad(raw, key, format!("must be given where one of {keys:?} is")));
        }
    }
    let is_address = jwks.starts_with("https://") || jwks.starts_with("http://");
    let at = if is_address { KeysAt::Url(jwks.to_owned()) } else { KeysAt::File(jwks.into()) };
    let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
    Ok(Some(ExternalConfig { issuer, audience, keys: at }))
}

fn ways(raw: &RawConfig) -> Result<Ways, ConfigError> {
    let mut ways = Ways { open: false, token: false, key: false };
    for word in required(raw, "identity")?.split(',').map(str::trim) {
        match word {
            "open" => ways.open = true,
            "token" => ways.token = true,
            "key" => ways.key = true,
            other => {
                let reason = format!("`{other}` is not open, token or key");
                return Err(bad(raw, "identity", reason));
            }
        }
    }
    Ok(ways)
}
