//! Keys for integrators: made, listed, revoked.
//!
//! A key is told once, when it is made; after that nobody here knows it, only its hash. Nobody
//! gives away a scope that they do not have themselves.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::accounts::{AccountsCommand, ApiKey, ApiKeyNo, NewApiKey};
use usher_engine::{Command, MachineId, Subject};
use usher_wire::{ApiKeyList, ApiKeyMade, ApiKeyRequest, ApiKeyState, KeyScope};

use crate::app::App;
use crate::buyers::{checks, lookup};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use crate::identity::scopes::{Scope, Scopes};
use crate::identity::{Caller, secrets};

const NAME_CHARS_MAX: usize = 64;
/// As many as there are.
const SCOPES_MAX: usize = 4;

/// Makes a key. It is told this once and never again.
#[utoipa::path(
    post, path = "/admin/v1/keys", tag = "organisers",
    operation_id = "makeKey", request_body = ApiKeyRequest,
    responses((status = 201, body = ApiKeyMade, description = "The key, this once")),
)]
pub(super) async fn make(
    app: Data<App>,
    caller: Caller,
    body: Body<ApiKeyRequest>,
) -> Result<HttpResponse, ApiError> {
    let Body(ApiKeyRequest { name, scopes, expires_at }) = body;
    checks::text(&name, "/name", 1, NAME_CHARS_MAX)?;
    if !(1..=SCOPES_MAX).contains(&scopes.len()) {
        let words = format!("there are not between 1 and {SCOPES_MAX}");
        return Err(ApiError::field("/scopes", words));
    }
    let scopes: Vec<Scope> = scopes.into_iter().map(scope_of).collect();
    for scope in &scopes {
        caller.require(*scope)?;
    }
    let before_1970 = || ApiError::field("/expiresAt", "it lies before 1970");
    let ends_at = expires_at.map(|at| lookup::moment(at).ok_or_else(before_1970)).transpose()?;
    let (key, proof) = secrets::new_api_key();
    let scopes = Scopes::of(&scopes).bits();
    let new = NewApiKey { name: name.into(), proof, scopes, ends_at };
    let command = Command::Accounts(Box::new(AccountsCommand::AddKey(new)));
    let answer = app.router.execute(MachineId::API_KEYS, command).await?;
    // Published before the answer came, so it is there.
    let keys = app.router.directory().api_keys();
    let state = match answer.subject {
        Subject::ApiKey(no) => keys.all().get(&no).map(|known| describe(no, known)),
        _ => None,
    };
    let state = state.ok_or_else(|| ApiError::internal("a key was made without a trace"))?;
    Ok(HttpResponse::Created().json(ApiKeyMade { key, state }))
}

/// All keys, without what they are.
#[utoipa::path(
    get, path = "/admin/v1/keys", tag = "organisers", operation_id = "listApiKeys",
    responses((status = 200, body = ApiKeyList, description = "All of them, by number")),
)]
pub(super) async fn list(app: Data<App>) -> HttpResponse {
    let keys = app.router.directory().api_keys();
    let keys = keys.all().iter().map(|(no, key)| describe(*no, key)).collect();
    HttpResponse::Ok().json(ApiKeyList { keys })
}

/// Revokes a key: it is refused from the answer on.
#[utoipa::path(
    delete, path = "/admin/v1/keys/{keyId}", tag = "organisers", operation_id = "revokeKey",
    params(("keyId" = String, Path, description = "Its number")),
    responses((status = 204, description = "It is revoked")),
)]
pub(super) async fn revoke(app: Data<App>, key_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let key = key_id.parse().map_err(|_| ApiError::new(Code::UnknownKey))?;
    let command = AccountsCommand::RemoveKey { key: ApiKeyNo(key) };
    app.router.execute(MachineId::API_KEYS, Command::Accounts(Box::new(command))).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn describe(no: ApiKeyNo, key: &ApiKey) -> ApiKeyState {
    let scopes = Scopes::from_bits(key.scopes);
    let held = Scope::ALL.into_iter().filter(|scope| scopes.has(*scope));
    ApiKeyState {
        key_id: no.0,
        name: key.name.to_string(),
        scopes: held.map(word_of).collect(),
        created_at: lookup::time(key.made_at),
        expires_at: key.ends_at.map(lookup::time),
    }
}

fn scope_of(word: KeyScope) -> Scope {
    match word {
        KeyScope::Sell => Scope::Sell,
        KeyScope::Organise => Scope::Organise,
        KeyScope::Checkin => Scope::CheckIn,
        KeyScope::Operate => Scope::Operate,
    }
}

fn word_of(scope: Scope) -> KeyScope {
    match scope {
        Scope::Sell => KeyScope::Sell,
        Scope::Organise => KeyScope::Organise,
        Scope::CheckIn => KeyScope::Checkin,
        Scope::Operate => KeyScope::Operate,
    }
}
