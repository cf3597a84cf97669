//! Setting a password that was forgotten.
//!
//! Usher sends no mail. Who has the address is told by whoever can write to it: a box office asks
//! for a token with its own key (`POST /admin/v1/accounts/reset`), or names an address of its own
//! (`reset_hook_url`) that is told, signed, for whom a token was made. The token is good once and
//! for a while, and only its hash is kept. Whether an account exists is told to nobody else: the
//! public call is answered before anything is looked up.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::Semaphore;
use usher_engine::accounts::AccountsCommand;
use usher_engine::{BuyerId, Timestamp};
use usher_wire::{ChallengePurpose, ForgottenPassword, PasswordReset, ResetOffer};

use super::people::{check_password, find, visit};
use super::secrets::{OneSecret, ResetToken};
use super::{ask, note};
use crate::app::App;
use crate::buyers::{checks, lookup};
use crate::challenge;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::ids::UserRoute;
use crate::limits;

/// Characters that a token may have, as the document says.
const RESET_TOKEN_CHARS_MAX: usize = 128;
/// How long a token is good.
const LIVES: Duration = Duration::from_secs(60 * 60);
/// Messages on their way to the hook at once; more are dropped, and people ask again.
const MESSAGES_MAX: usize = 64;
/// How long the hook may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where tokens are sent.
pub(crate) struct ResetHook {
    url: String,
    secret: Box<[u8]>,
    client: reqwest::Client,
    places: Arc<Semaphore>,
}

impl ResetHook {
    /// Tells this address, in messages that are signed with this secret.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub(super) fn new(url: String, secret: &[u8]) -> anyhow::Result<Self> {
        // Whoever installs one first does; no other is compiled in.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let places = Arc::new(Semaphore::new(MESSAGES_MAX));
        Ok(Self { url, secret: secret.into(), client, places })
    }

    async fn send(&self, email: &str, offer: &ResetOffer) {
        let message = serde_json::json!({
            "email": email, "resetToken": offer.reset_token, "expiresAt": offer.expires_at,
        });
        let body = message.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("keys of any length");
        mac.update(body.as_bytes());
        let signature = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let sent = request.header("x-usher-signature", signature).body(body).send().await;
        // The address itself stays out of the log.
        if let Err(error) = sent.and_then(reqwest::Response::error_for_status) {
            tracing::warn!(error = %error.without_url(), "the reset hook did not take a message");
        }
    }
}

/// Has a token sent to whoever has this address, if there is an account.
#[utoipa::path(
    post, path = "/api/v1/auth/password/forgotten", tag = "identity",
    operation_id = "forgotPassword", request_body = ForgottenPassword,
    responses((status = 202, description = "If there is such an account, its owner is written to")),
)]
pub(super) async fn forgotten(
    app: Data<App>,
    request: HttpRequest,
    body: Body<ForgottenPassword>,
) -> Result<HttpResponse, ApiError> {
    let Body(ForgottenPassword { email }) = body;
    checks::email(&email, "/email")?;
    let (_, login) = app.identity.minter.login(&email);
    limits::take(app.limits.as_ref(), &request, Some(BuyerId(login.0)), None)?;
    challenge::require(&app, &request, &visit(ChallengePurpose::Login, login)).await?;
    let Some(hook) = &app.identity.reset_hook else {
        return Err(ApiError::new(Code::ResetUnavailable));
    };
    let full = |_| ApiError::new(Code::Busy).detail("too many people are being written to");
    let place = hook.places.clone().try_acquire_owned().map_err(full)?;
    let app = app.clone();
    // Later, so that the time of the answer tells nobody whether there is an account.
    actix_web::rt::spawn(async move {
        let _place = place;
        if let (Ok(offer), Some(hook)) = (offer(&app, &email).await, &app.identity.reset_hook) {
            hook.send(email.trim(), &offer).await;
        }
    });
    Ok(HttpResponse::Accepted().finish())
}

/// Makes a token that resets the password of an account, for whoever writes to its owner.
#[utoipa::path(
    post, path = "/admin/v1/accounts/reset", tag = "organisers",
    operation_id = "offerReset", request_body = ForgottenPassword,
    responses((status = 201, body = ResetOffer, description = "The token, this once")),
)]
pub(crate) async fn offer_by_key(
    app: Data<App>,
    body: Body<ForgottenPassword>,
) -> Result<HttpResponse, ApiError> {
    checks::email(&body.0.email, "/email")?;
    Ok(HttpResponse::Created().json(offer(&app, &body.0.email).await?))
}

/// Sets a password by the token that was sent. All sessions end.
#[utoipa::path(
    post, path = "/api/v1/auth/password/reset", tag = "identity",
    operation_id = "resetPassword", request_body = PasswordReset,
    responses((status = 204, description = "The password is set")),
)]
pub(super) async fn reset(
    app: Data<App>,
    request: HttpRequest,
    body: Body<PasswordReset>,
) -> Result<HttpResponse, ApiError> {
    let Body(PasswordReset { reset_token, new_password }) = body;
    check_password(&new_password, "/newPassword")?;
    checks::text(&reset_token, "/resetToken", 1, RESET_TOKEN_CHARS_MAX)?;
    let over = |_| ApiError::new(Code::ResetExpired).pointer("/resetToken");
    let shown = app.identity.minter.parse_reset(&reset_token).map_err(over)?;
    let password = app.identity.passwords.hash(new_password).await?;
    let (account, proof) = (shown.user.account, shown.secret.proof());
    let command = AccountsCommand::ResetPassword { account, proof, password };
    match ask(&app, shown.user.bucket, command).await {
        Ok(_) => {}
        // Of a token that was good once, the account is gone.
        Err(error) if error.code() == Code::UnknownAccount => {
            return Err(ApiError::new(Code::ResetExpired));
        }
        Err(error) => return Err(error),
    }
    note(&app, &request, &app.ids.user(shown.user), 204).await;
    Ok(HttpResponse::NoContent().finish())
}

async fn offer(app: &App, email: &str) -> Result<ResetOffer, ApiError> {
    let (bucket, login) = app.identity.minter.login(email);
    let Some((account, _)) = find(app, bucket, login).await? else {
        return Err(ApiError::new(Code::UnknownAccount));
    };
    let secret = OneSecret::new();
    let lives_ms = u64::try_from(LIVES.as_millis()).expect("an hour");
    let command = AccountsCommand::OfferReset { account, proof: secret.proof(), lives_ms };
    let (_, known) = ask(app, bucket, command).await?;
    let token = ResetToken { user: UserRoute { bucket, account }, secret };
    let ends_at = known.reset.map_or(Timestamp(0), |reset| reset.ends_at);
    let reset_token = app.identity.minter.reset(&token);
    Ok(ResetOffer { reset_token, expires_at: lookup::time(ends_at) })
}
