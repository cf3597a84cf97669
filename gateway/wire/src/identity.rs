//! Who people are: accounts, sessions and tokens under `/api/v1/auth`, and keys of integrators
//! under `/admin/v1/keys`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The fewest characters in a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The most characters in a password.
pub const PASSWORD_CHARS_MAX: usize = 256;

/// A new account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// What to log in with; capitals make no difference.
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    /// Any characters; what counts is that nobody guesses it.
    #[schema(min_length = 8, max_length = 256)]
    pub password: String,
    /// The version of the text that is agreed to, such as `privacy-2026-01`. It is kept with the
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub consent: Option<String>,
}

/// What to log in with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// The address of the account.
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    /// Its password.
    #[schema(min_length = 1, max_length = 256)]
    pub password: String,
}

/// A refresh token that comes back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshRequest {
    /// As it was given out.
    #[schema(min_length = 1, max_length = 128)]
    pub refresh_token: String,
}

/// A password to be changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChange {
    /// The password so far.
    #[schema(min_length = 1, max_length = 256)]
    pub old_password: String,
    /// The password from now on.
    #[schema(min_length = 8, max_length = 256)]
    pub new_password: String,
}

/// Whose password was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgottenPassword {
    /// The address of the account.
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
}

/// A token that resets a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetOffer {
    /// Good once.
    pub reset_token: String,
    /// And until then.
    pub expires_at: Timestamp,
}

/// A password to be set by the token that was sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordReset {
    /// As it was sent.
    #[schema(min_length = 1, max_length = 128)]
    pub reset_token: String,
    /// The password from now on.
    #[schema(min_length = 8, max_length = 256)]
    pub new_password: String,
}

/// What a log-in gives.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Who logged in.
    pub user_id: String,
    /// `Bearer`.
    pub token_type: String,
    /// What to call with: `Authorization: Bearer …`.
    pub access_token: String,
    /// Seconds that the access token lives.
    pub expires_in: u64,
    /// Good for one use: gives the next pair.
    pub refresh_token: String,
    /// When the session ends unless it is renewed before.
    pub session_ends_at: Timestamp,
}

/// A key for an integrator, to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKeyRequest {
    /// Whose it is; in the logbook beside what is done with it.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it is good for: `sell`, `organise`, `checkin`, `operate`.
    #[schema(min_items = 1, max_items = 4)]
    pub scopes: Vec<KeyScope>,
    /// When it ends by itself; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What a key may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// Buying for any user: a trusted front, such as a box office.
    Sell,
    /// Everything under `/admin/v1`.
    Organise,
    /// Letting people in.
    Checkin,
    /// Everything under `/ops/v1`.
    Operate,
}

/// A key that was just made. It is told this once and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyMade {
    /// What to call with: `Authorization: Bearer …`.
    pub key: String,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub state: ApiKeyState,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyState {
    /// Its number, to revoke it by.
    pub key_id: u32,
    /// Whose it is.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<KeyScope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// All keys of integrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyList {
    /// By number.
    pub keys: Vec<ApiKeyState>,
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The user's id, as orders know it.
    pub user_id: String,
    /// The address to log in with; absent where another issuer keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// When the account was made; absent where another issuer keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Live sessions, by when they were opened.
    #[serde(default)]
    pub sessions: Vec<SessionState>,
    /// What was agreed to, oldest first.
    #[serde(default)]
    pub consents: Vec<ConsentState>,
}

/// One log-in on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was renewed last.
    pub renewed_at: Timestamp,
    /// When it ends unless it is renewed before.
    pub ends_at: Timestamp,
    /// Whether the access token at hand is of this session.
    pub current: bool,
}

/// That somebody agreed to a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsentState {
    /// The version of the text.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// A text that is agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsentGiven {
    /// Which version of it, such as `privacy-2026-01`.
    #[schema(min_length = 1, max_length = 64)]
    pub text: String,
}

/// Everything that is known of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonExport {
    /// The account, as far as there is one.
    pub account: Me,
    /// Orders, newest first.
    pub orders: Vec<ExportedOrder>,
}

/// An order with what its buyer wrote. Its `attendees` are in full where the person asks, and
/// masked where the organiser does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedOrder {
    /// The order.
    #[serde(flatten)]
    pub order: crate::Order,
    /// Name, telephone, address; absent once they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<crate::Contact>,
}

/// What was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Whether there was an account.
    pub account: bool,
    /// Whether there was a key that contacts were sealed under; nobody can read them any more.
    pub contacts: bool,
}

impl Me {
    /// Of a user whom another issuer, or a trusted front, knows.
    #[must_use]
    pub fn without_account(user_id: &str) -> Self {
        Self {
            user_id: user_id.to_owned(),
            email: None,
            created_at: None,
            sessions: Vec::new(),
            consents: Vec::new(),
        }
    }
}
