//! Who calls, as far as the credential says, and what that allows.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use usher_engine::accounts::SessionNo;
use usher_engine::{BuyerId, Timestamp};

use super::scopes::{Scope, Scopes};
use super::secrets::API_KEY_PREFIX;
use super::{Identity, Ways};
use crate::app::App;
use crate::buyers::{checks, lookup};
use crate::config::secrets::Secrets;
use crate::http::problem::{ApiError, Code};
use crate::ids;

/// What the configured key of organisers is good for.
const ORGANISER: &[Scope] = &[Scope::Sell, Scope::Organise, Scope::CheckIn];
/// What the configured key of operators is good for: who runs the server can read its keys anyway.
const OPERATOR: &[Scope] = &Scope::ALL;

/// Who calls. What a handler takes that must know; a bad credential is refused before the handler,
/// also where none is needed: nobody is taken for somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    who: Who,
    ways: Ways,
}

/// See [`Caller`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever shows nothing.
    Nobody,
    /// Somebody who logged in, here or at another issuer.
    User {
        /// The user's id.
        id: Arc<str>,
        /// Of a log-in here.
        session: Option<SessionNo>,
        /// When the account was made, where it is kept here.
        account_made_at: Option<Timestamp>,
    },
    /// An integrator.
    Key {
        /// As the organiser called it.
        name: Arc<str>,
        /// What the key is good for.
        scopes: Scopes,
    },
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().expect("every listener has the app");
        ready(Self::of(&app.identity, &app.secrets, request.headers()))
    }
}

impl Caller {
    /// Who sent these headers.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] where a credential is not good.
    pub fn of(
        identity: &Identity,
        secrets: &Secrets,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        let who = match bearer(headers)? {
            None => Who::Nobody,
            Some(credential) => who(identity, secrets, credential)?,
        };
        Ok(Self { who, ways: identity.ways })
    }

    /// Who it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// When the account of who calls was made, where this server keeps it.
    pub fn account_made_at(&self) -> Option<Timestamp> {
        match &self.who {
            Who::User { account_made_at, .. } => *account_made_at,
            Who::Key { .. } | Who::Nobody => None,
        }
    }

    /// How long that account has been there.
    pub fn account_age(&self) -> Option<Duration> {
        let made_at = self.account_made_at()?;
        Some(Duration::from_millis(lookup::now().ms_since(made_at)))
    }

    /// Lets a key pass that has this scope.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] without a credential, [`Code::Forbidden`] with another.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        match &self.who {
            Who::Nobody => Err(nobody()),
            Who::Key { scopes, .. } if scopes.has(scope) => Ok(()),
            Who::Key { .. } => Err(forbidden(format!("this key has no scope `{}`", scope.word()))),
            Who::User { .. } => Err(forbidden(format!(
                "a user's token is not enough; a key with the scope `{}` is needed",
                scope.word()
            ))),
        }
    }

    /// As [`Caller::require`], but for the scope to let people in, which is open where identity
    /// is.
    ///
    /// # Errors
    /// As [`Caller::require`].
    pub fn may_check_in(&self) -> Result<(), ApiError> {
        match &self.who {
            Who::Nobody if self.ways.open => Ok(()),
            _ => self.require(Scope::CheckIn),
        }
    }

    /// The user whom a request is for: the one who logged in, or the one whom a trusted front
    /// names in `asked`; empty is nobody. `pointer` is where that stands.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Code::Forbidden`] where a user names another, and a wrong user id.
    pub fn user<'a>(&'a self, asked: &'a str, pointer: &str) -> Result<Cow<'a, str>, ApiError> {
        match &self.who {
            Who::User { id, .. } if asked.is_empty() || asked == &**id => Ok(Cow::Borrowed(id)),
            Who::User { .. } => Err(forbidden("the token is another user's".to_owned())),
            Who::Key { .. } => {
                self.may_sell()?;
                checks::user_id(asked, pointer)?;
                Ok(Cow::Borrowed(asked))
            }
            Who::Nobody if !self.ways.open => Err(nobody()),
            Who::Nobody => {
                checks::user_id(asked, pointer)?;
                match ids::needs_log_in(asked) {
                    true => Err(nobody()),
                    false => Ok(Cow::Borrowed(asked)),
                }
            }
        }
    }

    /// Whether something that belongs to this buyer may be looked at and changed; `None` where
    /// nobody was asked whose it is, which will not do for a user.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Code::Forbidden`].
    pub fn may_touch(&self, owner: Option<BuyerId>) -> Result<(), ApiError> {
        match &self.who {
            Who::User { id, .. } if owner == Some(ids::buyer_id(id)) => Ok(()),
            Who::User { .. } => Err(forbidden("this belongs to another user".to_owned())),
            Who::Key { .. } => self.may_sell(),
            // Whoever knows the id of a hold or an order was told it.
            Who::Nobody if self.ways.open => Ok(()),
            Who::Nobody => Err(nobody()),
        }
    }

    /// The user who logged in here, and in which session.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] without a credential, [`Code::Forbidden`] with another.
    pub fn logged_in(&self) -> Result<(&str, Option<SessionNo>), ApiError> {
        match &self.who {
            Who::User { id, session, .. } => Ok((id, *session)),
            Who::Key { .. } => Err(forbidden("this needs a user's token, not a key".to_owned())),
            Who::Nobody => Err(nobody()),
        }
    }

    fn may_sell(&self) -> Result<(), ApiError> {
        if !self.ways.key {
            return Err(forbidden("keys may not buy on this server".to_owned()));
        }
        self.require(Scope::Sell)
    }
}

fn nobody() -> ApiError {
    ApiError::new(Code::Unauthorized).detail("there is no Authorization header, and one is needed")
}

fn forbidden(words: String) -> ApiError {
    ApiError::new(Code::Forbidden).detail(words)
}

/// What stands behind `Bearer`, if anything.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    // The scheme's name is case-insensitive (RFC 9110, 11.1).
    match value.to_str().ok().and_then(|text| text.split_once(' ')) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(given.trim())),
        _ => {
            let words = "the Authorization header is not `Bearer <token or key>`";
            Err(ApiError::new(Code::Unauthorized).detail(words))
        }
    }
}

fn who(identity: &Identity, secrets: &Secrets, credential: &str) -> Result<Who, ApiError> {
    let refuse = |words: &str| Err(ApiError::new(Code::Unauthorized).detail(words));
    let configured =
        |name: &str, scopes| Who::Key { name: name.into(), scopes: Scopes::of(scopes) };
    if secrets.organiser_key.is(credential) {
        return Ok(configured("organiser", ORGANISER));
    }
    if secrets.operator_key.is(credential) {
        return Ok(configured("operator", OPERATOR));
    }
    if credential.starts_with(API_KEY_PREFIX) {
        return match identity.api_key(credential) {
            Some((name, scopes)) => Ok(Who::Key { name, scopes }),
            None => refuse("the key is wrong, revoked, or its time is over"),
        };
    }
    if !credential.contains('.') {
        return refuse("the key is wrong");
    }
    if !identity.ways.token {
        return refuse("users' tokens are not taken on this server");
    }
    match identity.verify(credential) {
        Some(verified) => Ok(Who::User {
            id: verified.user_id.clone(),
            session: verified.session,
            account_made_at: verified.account_made_at,
        }),
        None => refuse("the token is wrong, or its time is over"),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn only_a_bearer_credential_is_one() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(text).expect("a value"));
            bearer(&headers).map(|found| found.map(str::to_owned)).map_err(|error| error.code())
        };
        assert_eq!(read("Bearer the-key"), Ok(Some("the-key".to_owned())));
        assert_eq!(read("bearer  the-key "), Ok(Some("the-key".to_owned())));
        assert!(matches!(bearer(&HeaderMap::new()), Ok(None)));
        for bad in ["", "Bearer", "Basic the-key", "the-key"] {
            assert_eq!(read(bad), Err(Code::Unauthorized), "{bad}");
        }
    }

    #[test]
    fn each_caller_may_do_what_the_credential_says() {
        let token = Ways { open: false, token: true, key: true };
        let open = Ways { open: true, ..token };
        let user = Who::User { id: "u_ada".into(), session: None, account_made_at: None };
        let key = |scopes: &[Scope]| Who::Key { name: "k".into(), scopes: Scopes::of(scopes) };
        let front = key(&[Scope::Sell]);
        let rows: [(&Who, Ways, &str, Result<&str, Code>); 12] = [
            (&user, token, "", Ok("u_ada")),
            (&user, token, "u_ada", Ok("u_ada")),
            (&user, token, "bob", Err(Code::Forbidden)),
            (&user, open, "bob", Err(Code::Forbidden)),
            (&front, token, "bob", Ok("bob")),
            (&front, token, "u_ada", Ok("u_ada")),
            (&front, token, "", Err(Code::InvalidField)),
            (&front, Ways { key: false, ..token }, "bob", Err(Code::Forbidden)),
            (&Who::Nobody, open, "bob", Ok("bob")),
            (&Who::Nobody, open, "u_ada", Err(Code::Unauthorized)),
            (&Who::Nobody, open, "x_ada", Err(Code::Unauthorized)),
            (&Who::Nobody, token, "bob", Err(Code::Unauthorized)),
        ];
        for (who, ways, asked, expected) in rows {
            let caller = Caller { who: who.clone(), ways };
            let got = caller.user(asked, "/userId").map_err(|error| error.code());
            assert_eq!(got.as_deref(), expected.as_deref(), "{who:?} {ways:?} {asked}");
        }
        let ada = Some(ids::buyer_id("u_ada"));
        let may =
            |who: &Who, ways, owner| Caller { who: who.clone(), ways }.may_touch(owner).is_ok();
        assert!(may(&user, token, ada) && may(&front, token, ada) && may(&Who::Nobody, open, ada));
        assert!(!may(&user, open, Some(ids::buyer_id("bob"))) && !may(&user, open, None));
        assert!(!may(&Who::Nobody, token, ada) && !may(&key(&[Scope::CheckIn]), token, ada));
    }
}
