//! Challenges, as configured: see [`crate::challenge`].

use super::raw::RawConfig;
use super::secrets::Secret;
use super::{ConfigError, bad, seconds, within};
use crate::challenge::{AltchaConfig, ChallengeConfig, HostedConfig, Method, When};
use actix_web::http::Uri;
use usher_wire::ChallengeMethod;

/// A proof of work must end while somebody waits for it.
const DIFFICULTY_MAX: u64 = 100_000_000;

pub(super) fn challenge(raw: &RawConfig) -> Result<ChallengeConfig, ConfigError> {
    let when = match raw.get("challenge_when").0 {
        "never" => When::Never,
        "risky" => When::Risky,
        "always" => When::Always,
        other => {
            let words = format!("`{other}` is not never, risky or always");
            return Err(bad(raw, "challenge_when", words));
        }
    };
    let altcha = AltchaConfig {
        maxnumber: within(raw, "challenge_difficulty", 1, DIFFICULTY_MAX)?,
        lifetime: seconds(raw, "challenge_seconds", 10, 3_600)?,
        used_max: within(raw, "challenge_used_max", 2, 1 << 28)?,
    };
    let method = match raw.get("challenge_method").0 {
        "altcha" => Method::Altcha(altcha),
        "hcaptcha" => Method::Hosted(hosted(raw, ChallengeMethod::Hcaptcha)?),
        "turnstile" => Method::Hosted(hosted(raw, ChallengeMethod::Turnstile)?),
        other => {
            let words = format!("`{other}` is not altcha, hcaptcha or turnstile");
            return Err(bad(raw, "challenge_method", words));
        }
    };
    Ok(ChallengeConfig { when, method })
}

fn hosted(raw: &RawConfig, method: ChallengeMethod) -> Result<HostedConfig, ConfigError> {
    let own = match method {
        ChallengeMethod::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        ChallengeMethod::Hcaptcha | ChallengeMethod::Altcha => {
            "https://api.hcaptcha.com/siteverify"
        }
    };
    let given = |key| match raw.get(key).0 {
        "" => Err(bad(raw, key, "must be given for a captcha that others run".to_owned())),
        text => Ok(text.to_owned()),
    };
    let verify_url = match raw.get("challenge_verify_url").0 {
        "" => own.to_owned(),
        text => text.to_owned(),
    };
    let uri: Option<Uri> = verify_url.parse().ok();
    if !uri.is_some_and(|uri| uri.host().is_some() && uri.scheme().is_some()) {
        return Err(bad(raw, "challenge_verify_url", format!("`{verify_url}` is not a URL")));
    }
    Ok(HostedConfig {
        method,
        site_key: given("challenge_site_key")?,
        secret: Secret::new(given("challenge_secret")?),
        verify_url,
    })
}
