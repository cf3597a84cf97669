//! What a caller is asked to do before it may join or register: work, or a captcha.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a caller shows that it is worth being let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChallengeMethod {
    /// Proof of work, as the ALTCHA widget does it.
    Altcha,
    /// The captcha of hCaptcha.
    Hcaptcha,
    /// The captcha of Cloudflare Turnstile.
    Turnstile,
}

/// What to call for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChallengePurpose {
    /// Joining the queue of a show.
    Join,
    /// Making an account.
    Register,
    /// Logging in.
    Login,
    /// Holding seats or tickets.
    Hold,
}

/// A challenge. Those of `altcha` have what the widget reads; the others name the site's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// Which kind it is.
    pub method: ChallengeMethod,
    /// Public key of this site at the captcha's provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_key: Option<String>,
    /// The proof of work.
    #[serde(flatten)]
    pub work: Option<ProofOfWork>,
}

/// Find the number from 0 to `maxnumber` that makes SHA-256 of `salt` followed by it, in decimal
/// digits, equal to `challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofOfWork {
    /// `SHA-256`.
    pub algorithm: String,
    /// The hash to find, in hex.
    pub challenge: String,
    /// The largest number that may be the one.
    pub maxnumber: u64,
    /// What the number follows. Carries when the challenge ends and what it is for.
    pub salt: String,
    /// Shows that the challenge was given out here.
    pub signature: String,
}

/// A solved proof of work: base64 of this as JSON goes into the header `X-Challenge-Solution`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofOfWorkSolution {
    /// As in the challenge.
    pub algorithm: String,
    /// As in the challenge.
    pub challenge: String,
    /// The number that was found.
    pub number: u64,
    /// As in the challenge.
    pub salt: String,
    /// As in the challenge.
    pub signature: String,
}
