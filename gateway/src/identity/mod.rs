//! Who people are, and what they may do.
//!
//! ```text
//!   people      register, log in, refresh, log out, change the password, /me
//!   person      what is known of somebody: consents, export, erasing
//!   caller      a request's credential → who calls, and what that allows
//!   scopes      what each call asks of its caller: the one table
//!   access      access tokens (JWT, Ed25519), and keys that change without logging anybody out
//!   cache       tokens that were found to be good, in bounded memory
//!   secrets     refresh tokens, reset tokens, keys of integrators
//!   passwords   Argon2id, bounded
//!   reset       setting a password that was forgotten
//!   external    tokens of another issuer
//! ```
//!
//! Accounts live in state machines of their own on the same shards and in the same journal, spread
//! by the hash of the login. A gateway keeps nothing of them: what it needs is in the token, in its
//! keys, or asked of the owner.

pub mod access;
pub mod caller;
pub mod external;
pub mod passwords;
pub mod scopes;
pub mod secrets;

mod cache;
mod people;
mod person;
mod reset;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use usher_engine::accounts::{Account, AccountsCommand, NewSession};
use usher_engine::{AccountNo, Command, MachineId, Refusal, Subject};
use usher_shards::{CallError, Found, Router};
use usher_wire::JwkSet;
use utoipa::OpenApi;

use crate::app::App;
use crate::buyers::lookup;
use crate::config::secrets::Secrets;
use crate::http::problem::ApiError;
use crate::http::request_id;
use crate::http::route::whole;
use crate::ids::UserRoute;
use crate::logbook::Note;

use access::{AccessKeys, Verified};
use cache::TokenCache;
pub use caller::{Caller, Who};
use external::{External, ExternalConfig};
use passwords::{PasswordConfig, Passwords};
pub(crate) use person::{erase_user, export_user};
use reset::ResetHook;
pub(crate) use reset::offer_by_key;
use scopes::Scopes;
use secrets::{Minter, OneSecret};

/// How identity works, as configured.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// In which ways a buyer may say who buys.
    pub ways: Ways,
    /// Who issues access tokens, as they say.
    pub issuer: String,
    /// How long an access token lives.
    pub access: Duration,
    /// How long a session lives unless it is renewed.
    pub session: Duration,
    /// Verified tokens that are remembered.
    pub tokens_max: usize,
    /// What hashing passwords costs.
    pub passwords: PasswordConfig,
    /// Who is told of tokens that reset a password.
    pub reset_hook_url: Option<String>,
    /// Another issuer whose tokens are taken.
    pub external: Option<ExternalConfig>,
}

/// In which ways a buyer's call may say who buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ways {
    /// Anybody names any user: for trying, and behind a front that checks.
    pub open: bool,
    /// A user's token says it.
    pub token: bool,
    /// Whoever has a key with the scope to sell names any user.
    pub key: bool,
}

/// Everything about identity that handlers share.
pub struct Identity {
    pub(crate) ways: Ways,
    pub(crate) access: AccessKeys,
    pub(crate) minter: Minter,
    pub(crate) passwords: Passwords,
    pub(crate) session_ms: u64,
    pub(crate) reset_hook: Option<ResetHook>,
    external: Option<Arc<External>>,
    verified: TokenCache<Arc<Verified>>,
    router: Router,
}

impl Identity {
    /// Reads or makes what is needed. Says which files it made. Must be called where tasks can be
    /// spawned.
    ///
    /// # Errors
    /// Keys that cannot be read or made, impossible parameters.
    pub fn open(
        config: &IdentityConfig,
        secrets: &Secrets,
        keys_dir: &Path,
        router: Router,
    ) -> anyhow::Result<(Self, Option<PathBuf>)> {
        let (access, made) = AccessKeys::from_files(keys_dir, &config.issuer, config.access)?;
        let secret = secrets.callback_secret.reveal().as_bytes();
        let reset_hook = config.reset_hook_url.clone().map(|url| ResetHook::new(url, secret));
        let identity = Self {
            ways: config.ways,
            access,
            minter: Minter::new(secrets.identity_key.reveal().as_bytes()),
            passwords: Passwords::new(&config.passwords)?,
            session_ms: u64::try_from(config.session.as_millis()).unwrap_or(u64::MAX),
            reset_hook: reset_hook.transpose()?,
            external: config.external.clone().map(External::open).transpose()?.map(Arc::new),
            verified: TokenCache::new(config.tokens_max),
            router,
        };
        if let Some(external) = &identity.external {
            actix_web::rt::spawn(external.clone().watch());
        }
        Ok((identity, made))
    }

    /// Who a token says somebody is. `None` where it is not good.
    pub(crate) fn verify(&self, token: &str) -> Option<Arc<Verified>> {
        let verified = match self.verified.get(token) {
            Some(known) => known,
            None => {
                let ours = self.access.verify(token);
                let theirs = || self.external.as_ref()?.verify(token);
                let verified = Arc::new(ours.or_else(theirs)?);
                self.verified.put(token, verified.clone());
                verified
            }
        };
        let is_over = verified.ends_at + access::LEEWAY_SECONDS <= now_seconds();
        (!is_over).then_some(verified)
    }

    /// Whose key this is and what it is good for; `None` where it is not good (any more).
    pub(crate) fn api_key(&self, key: &str) -> Option<(Arc<str>, Scopes)> {
        let keys = self.router.directory().api_keys();
        let known = keys.find(secrets::proof_of(key.as_bytes()))?;
        let is_over = known.ends_at.is_some_and(|ends_at| ends_at <= lookup::now());
        (!is_over).then(|| (known.name.as_ref().into(), Scopes::from_bits(known.scopes)))
    }

    /// A session to be opened, and the secret of its first refresh token.
    pub(crate) fn new_session(&self) -> (OneSecret, NewSession) {
        let secret = OneSecret::new();
        (secret, NewSession { proof: secret.proof(), lives_ms: self.session_ms })
    }
}

/// The public keys that verify access tokens.
#[utoipa::path(
    get, path = "/api/v1/auth/keys", tag = "identity", operation_id = "listAccessKeys",
    responses((status = 200, body = JwkSet, description = "As a JWK set; the newest signs")),
)]
async fn keys(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(app.identity.access.jwk_set())
}

/// What people can call about themselves, below `/api/v1`.
pub fn routes(service: &mut ServiceConfig, _app: &Data<App>) {
    let at = |pattern| whole("/api/v1", pattern);
    service
        .service(at("/auth/register").post(people::register))
        .service(at("/auth/login").post(people::log_in))
        .service(at("/auth/refresh").post(people::refresh))
        .service(at("/auth/logout").post(people::log_out))
        .service(at("/auth/logout-everywhere").post(people::log_out_everywhere))
        .service(at("/auth/password").post(people::change_password))
        .service(at("/auth/password/forgotten").post(reset::forgotten))
        .service(at("/auth/password/reset").post(reset::reset))
        .service(at("/auth/keys").get(keys))
        .service(at("/me").get(people::me).delete(person::erase_me))
        .service(at("/me/export").get(person::export_me))
        .service(at("/me/consents").post(person::consent));
}

/// What is about identity in the OpenAPI document.
#[derive(OpenApi)]
#[openapi(paths(
    people::register,
    people::log_in,
    people::refresh,
    people::log_out,
    people::log_out_everywhere,
    people::change_password,
    people::me,
    person::consent,
    person::export_me,
    person::export_user,
    person::erase_me,
    person::erase_user,
    reset::forgotten,
    reset::offer_by_key,
    reset::reset,
    keys,
))]
pub struct Api;

/// Asks the owner of some accounts; the answer is about one of them.
///
/// # Errors
/// As [`Router::execute`].
pub(crate) async fn ask(
    app: &App,
    bucket: u16,
    command: AccountsCommand,
) -> Result<(AccountNo, Account), ApiError> {
    let command = Command::Accounts(Box::new(command));
    let answer = app.router.execute(MachineId::accounts(bucket), command).await?;
    match (answer.subject, answer.found) {
        (Subject::Account(no), Found::Account(account)) => Ok((no, *account)),
        // It was erased by just this command, or by one that came right after.
        _ => Err(ApiError::new(crate::http::problem::Code::UnknownAccount)),
    }
}

/// Writes into the logbook what a user did.
pub(crate) async fn note(app: &App, request: &HttpRequest, user_id: &str, status: u16) {
    note_with(app, request, user_id, status, []).await;
}

/// As [`note`], with what else there is to say.
pub(crate) async fn note_with<const COUNT: usize>(
    app: &App,
    request: &HttpRequest,
    user_id: &str,
    status: u16,
    more: [(&str, String); COUNT],
) {
    let mut fields = BTreeMap::from([("user".to_owned(), user_id.to_owned())]);
    fields.extend(more.map(|(name, text)| (name.to_owned(), text)));
    app.logbook.jot(Note { actor: "user", fields, ..note_of(app, request, status) }).await;
}

/// Takes an account out of those that are known. Says whether there was one.
///
/// # Errors
/// As [`Router::execute`].
async fn erase_account(app: &App, user: UserRoute) -> Result<bool, ApiError> {
    let command = AccountsCommand::Erase { account: user.account };
    let asked = app.router.execute(user.machine(), Command::Accounts(Box::new(command))).await;
    match asked {
        Ok(_) => Ok(true),
        Err(CallError::Refused(Refusal::UnknownAccount)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes into the logbook that somebody was turned away; of a flood, some.
pub(crate) async fn note_stranger(app: &App, request: &HttpRequest, status: u16) {
    app.logbook.jot_stranger(note_of(app, request, status)).await;
}

fn note_of(app: &App, request: &HttpRequest, status: u16) -> Note {
    Note {
        actor: "stranger",
        address: app.config.limits.clients.of(request),
        call: format!("{} {}", request.method(), request.path()),
        status: Some(status),
        request_id: request_id::current(),
        fields: BTreeMap::new(),
    }
}

fn now_seconds() -> u64 {
    jsonwebtoken::get_current_timestamp()
}
