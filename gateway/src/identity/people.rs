//! Registering, logging in and staying logged in, logging out, and looking at oneself.
//!
//! Passwords are hashed in this process and never travel further. The owner of an account is asked
//! before (what is there?) and after (is it still so?), and holds only hashes.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use usher_engine::accounts::{
    Account, AccountsCommand, LoginHash, Refresh, Registration as NewAccount, SessionNo,
};
use usher_engine::{AccountNo, BuyerId, Refusal};
use usher_wire::{
    ChallengePurpose, ConsentState, Login, Me, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN,
    PasswordChange, RefreshRequest, Registration, SessionState, Tokens,
};

use super::secrets::RefreshToken;
use super::{Caller, ask, note, note_with};
use crate::app::App;
use crate::buyers::{checks, contacts, lookup};
use crate::challenge::{self, Visit};
use crate::config::secrets::random_bytes;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::ids::{self, UserRoute};
use crate::limits;

const CONSENT_CHARS_MAX: usize = 64;

/// Makes an account, and logs in.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "identity",
    operation_id = "register", request_body = Registration,
    responses((status = 201, body = Tokens, description = "The account is made")),
)]
pub(super) async fn register(
    app: Data<App>,
    request: HttpRequest,
    body: Body<Registration>,
) -> Result<HttpResponse, ApiError> {
    let Body(Registration { email, password, consent }) = body;
    checks::email(&email, "/email")?;
    check_password(&password, "/password")?;
    if let Some(text) = &consent {
        checks::text(text, "/consent", 1, CONSENT_CHARS_MAX)?;
    }
    let (bucket, login) = app.identity.minter.login(&email);
    limits::take(app.limits.as_ref(), &request, Some(BuyerId(login.0)), None)?;
    challenge::require(&app, &request, &visit(ChallengePurpose::Register, login)).await?;
    // Asked first, or strangers could make the server hash passwords and keep keys for nothing.
    if find(&app, bucket, login).await?.is_some() {
        return Err(Refusal::LoginTaken.into());
    }
    let password = app.identity.passwords.hash(password).await?;
    let account = AccountNo(u64::from_be_bytes(random_bytes()));
    let user = UserRoute { bucket, account };
    let user_id = app.ids.user(user);
    let email = contacts::seal_text(&app, ids::buyer_id(&user_id), email.trim().as_bytes()).await?;
    let (secret, session) = app.identity.new_session();
    let agreed = consent.clone();
    let consent = consent.map(Into::into);
    let new = NewAccount { account, login, email, password, consent, session };
    let (_, known) = ask(&app, bucket, AccountsCommand::Register(new)).await?;
    match agreed {
        Some(text) => note_with(&app, &request, &user_id, 201, [("consent", text)]).await,
        None => note(&app, &request, &user_id, 201).await,
    }
    let token = RefreshToken { user, session: SessionNo(1), generation: 0, secret };
    Ok(HttpResponse::Created().json(tokens(&app, &known, &token)))
}

/// Logs in.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "identity",
    operation_id = "logIn", request_body = Login,
    responses((status = 200, body = Tokens, description = "Logged in")),
)]
pub(super) async fn log_in(
    app: Data<App>,
    request: HttpRequest,
    body: Body<Login>,
) -> Result<HttpResponse, ApiError> {
    let Body(Login { email, password }) = body;
    checks::email(&email, "/email")?;
    checks::text(&password, "/password", 1, PASSWORD_CHARS_MAX)?;
    let (bucket, login) = app.identity.minter.login(&email);
    limits::take(app.limits.as_ref(), &request, Some(BuyerId(login.0)), None)?;
    challenge::require(&app, &request, &visit(ChallengePurpose::Login, login)).await?;
    let found = find(&app, bucket, login).await?;
    let hash = found.as_ref().map(|(_, known)| &*known.password);
    let is_right = app.identity.passwords.verify(password, hash).await?;
    let (account, known) = match found {
        Some(found) if is_right => found,
        _ => {
            challenge::failed(&app, &request, Some(BuyerId(login.0)));
            super::note_stranger(&app, &request, 401).await;
            return Err(ApiError::new(Code::WrongLogin));
        }
    };
    let (secret, session) = app.identity.new_session();
    let password_version = known.password_version;
    let open = AccountsCommand::OpenSession { account, password_version, session };
    let opened = known.next_session;
    let user = UserRoute { bucket, account };
    let (_, known) = ask(&app, bucket, open).await?;
    // Somebody may have logged in to the same account meanwhile: what counts is the proof.
    let session = known.sessions.iter().find(|(_, session)| session.proof == secret.proof());
    let session = session.map_or(opened, |(no, _)| *no);
    note(&app, &request, &app.ids.user(user), 200).await;
    let token = RefreshToken { user, session, generation: 0, secret };
    Ok(HttpResponse::Ok().json(tokens(&app, &known, &token)))
}

/// Gives the next pair of tokens for a refresh token, which is used up by that.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "identity",
    operation_id = "refresh", request_body = RefreshRequest,
    responses((status = 200, body = Tokens, description = "The next pair")),
)]
pub(super) async fn refresh(
    app: Data<App>,
    request: HttpRequest,
    body: Body<RefreshRequest>,
) -> Result<HttpResponse, ApiError> {
    let shown = parse_refresh(&app, &body.0)?;
    let next = app.identity.minter.next(&shown);
    let command = AccountsCommand::Refresh(Refresh {
        account: shown.user.account,
        session: shown.session,
        generation: shown.generation,
        proof: shown.secret.proof(),
        next: next.secret.proof(),
        lives_ms: app.identity.session_ms,
    });
    let asked = ask(&app, shown.user.bucket, command).await;
    let (_, known) = match asked {
        Err(error) if error.code() == Code::TokenReused => {
            note(&app, &request, &app.ids.user(shown.user), error.code().status()).await;
            return Err(error);
        }
        // Of a token that was good once, only the session can be gone.
        Err(error) if error.code() == Code::UnknownAccount => {
            return Err(ApiError::new(Code::SessionOver));
        }
        asked => asked?,
    };
    Ok(HttpResponse::Ok().json(tokens(&app, &known, &next)))
}

/// Logs out on this device. Doing it twice is doing it once.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "identity",
    operation_id = "logOut", request_body = RefreshRequest,
    responses((status = 204, description = "The session has ended")),
)]
pub(super) async fn log_out(
    app: Data<App>,
    request: HttpRequest,
    body: Body<RefreshRequest>,
) -> Result<HttpResponse, ApiError> {
    let shown = parse_refresh(&app, &body.0)?;
    let (account, session) = (shown.user.account, shown.session);
    let command = AccountsCommand::CloseSession { account, session };
    match ask(&app, shown.user.bucket, command).await {
        Ok(_) => {}
        Err(error) if error.code() == Code::UnknownAccount => {}
        Err(error) => return Err(error),
    }
    note(&app, &request, &app.ids.user(shown.user), 204).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Logs out everywhere: all sessions end. Access tokens live until their hour is over.
#[utoipa::path(
    post, path = "/api/v1/auth/logout-everywhere", tag = "identity",
    operation_id = "logOutEverywhere",
    responses((status = 204, description = "All sessions have ended")),
)]
pub(super) async fn log_out_everywhere(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (user, _) = own_account(&app, &caller)?;
    let command = AccountsCommand::CloseAll { account: user.account };
    ask(&app, user.bucket, command).await?;
    note(&app, &request, &app.ids.user(user), 204).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets another password. All other sessions end.
#[utoipa::path(
    post, path = "/api/v1/auth/password", tag = "identity",
    operation_id = "changePassword", request_body = PasswordChange,
    responses((status = 204, description = "The password is changed")),
)]
pub(super) async fn change_password(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Body<PasswordChange>,
) -> Result<HttpResponse, ApiError> {
    let Body(PasswordChange { old_password, new_password }) = body;
    let (user, keep) = own_account(&app, &caller)?;
    checks::text(&old_password, "/oldPassword", 1, PASSWORD_CHARS_MAX)?;
    check_password(&new_password, "/newPassword")?;
    let user_id = app.ids.user(user);
    limits::take(app.limits.as_ref(), &request, Some(ids::buyer_id(&user_id)), None)?;
    let show = AccountsCommand::Show { account: user.account };
    let (_, known) = ask(&app, user.bucket, show).await?;
    if !app.identity.passwords.verify(old_password, Some(&known.password)).await? {
        challenge::failed(&app, &request, Some(ids::buyer_id(&user_id)));
        super::note_stranger(&app, &request, 401).await;
        return Err(ApiError::new(Code::WrongLogin));
    }
    let password = app.identity.passwords.hash(new_password).await?;
    let (account, password_version) = (user.account, known.password_version);
    let set = AccountsCommand::SetPassword { account, password_version, password, keep };
    ask(&app, user.bucket, set).await?;
    note(&app, &request, &user_id, 204).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Who one is.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "identity", operation_id = "getMe",
    responses((status = 200, body = Me, description = "Whose token this is")),
)]
pub(super) async fn me(app: Data<App>, caller: Caller) -> Result<HttpResponse, ApiError> {
    let (user_id, session) = caller.logged_in()?;
    let Ok(user) = app.ids.parse_user(user_id) else {
        return Ok(HttpResponse::Ok().json(Me::without_account(user_id)));
    };
    let show = AccountsCommand::Show { account: user.account };
    let (_, known) = ask(&app, user.bucket, show).await?;
    Ok(HttpResponse::Ok().json(describe(&app, user_id, session, &known)))
}

/// An account as its owner reads it.
pub(super) fn describe(
    app: &App,
    user_id: &str,
    session: Option<SessionNo>,
    known: &Account,
) -> Me {
    let email = contacts::open_text(app, ids::buyer_id(user_id), &known.email);
    let now = lookup::now();
    let live = known.sessions.iter().filter(|(_, session)| now < session.ends_at);
    let sessions = live.map(|(no, found)| SessionState {
        opened_at: lookup::time(found.opened_at),
        renewed_at: lookup::time(found.renewed_at),
        ends_at: lookup::time(found.ends_at),
        current: session == Some(*no),
    });
    let consents = known.consents.iter();
    Me {
        user_id: user_id.to_owned(),
        email: email.and_then(|text| String::from_utf8(text).ok()),
        created_at: Some(lookup::time(known.made_at)),
        sessions: sessions.collect(),
        consents: consents
            .map(|consent| ConsentState {
                text: consent.text.to_string(),
                at: lookup::time(consent.at),
            })
            .collect(),
    }
}

/// Where the caller's account lives, and the session of the token.
///
/// # Errors
/// As [`Caller::logged_in`]; [`Code::Forbidden`] where another issuer keeps the account.
pub(super) fn own_account(
    app: &App,
    caller: &Caller,
) -> Result<(UserRoute, Option<SessionNo>), ApiError> {
    let (user_id, session) = caller.logged_in()?;
    let elsewhere = |_| ApiError::new(Code::Forbidden).detail("another issuer keeps this account");
    Ok((app.ids.parse_user(user_id).map_err(elsewhere)?, session))
}

/// A password that is new.
///
/// # Errors
/// [`Code::InvalidField`] at `pointer`.
pub(super) fn check_password(password: &str, pointer: &str) -> Result<(), ApiError> {
    checks::text(password, pointer, PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX)
}

/// The account of a login, if there is one.
///
/// # Errors
/// As [`ask`].
pub(super) async fn find(
    app: &App,
    bucket: u16,
    login: LoginHash,
) -> Result<Option<(AccountNo, Account)>, ApiError> {
    match ask(app, bucket, AccountsCommand::Find { login }).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Code::UnknownAccount => Ok(None),
        Err(error) => Err(error),
    }
}

/// Who registers or logs in: known by the login until there is a user.
pub(super) fn visit(purpose: ChallengePurpose, login: LoginHash) -> Visit {
    Visit { purpose, user: Some(BuyerId(login.0)), account_age: None }
}

fn parse_refresh(app: &App, body: &RefreshRequest) -> Result<RefreshToken, ApiError> {
    let parsed = app.identity.minter.parse_refresh(&body.refresh_token);
    parsed.map_err(|_| ApiError::new(Code::SessionOver).pointer("/refreshToken"))
}

/// The pair of tokens for a session as it is now.
fn tokens(app: &App, known: &Account, token: &RefreshToken) -> Tokens {
    let user_id = app.ids.user(token.user);
    let now = lookup::now();
    let access = &app.identity.access;
    let ends_at = known.sessions.get(&token.session).map(|session| session.ends_at);
    Tokens {
        token_type: "Bearer".to_owned(),
        access_token: access.issue(&user_id, token.session, known.made_at, now.0 / 1_000),
        expires_in: access.lives().as_secs(),
        refresh_token: app.identity.minter.refresh(token),
        session_ends_at: lookup::time(ends_at.unwrap_or(now)),
        user_id,
    }
}
