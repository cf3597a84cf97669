//! The stage before everything that only keys may call.
//!
//! Keys are checked before anything of the request is read, so that a stranger cannot make the
//! server read 64 MB.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, ResponseError as _};

use super::problem::ApiError;
use crate::app::App;
use crate::identity::scopes::Scope;
use crate::identity::{Caller, Who};

/// The name of the key that a request came with, in its extensions.
#[derive(Debug, Clone)]
pub struct KeyName(pub Arc<str>);

/// Lets a request pass whose key has this scope.
///
/// # Errors
/// Those of what follows.
pub async fn require<B: MessageBody + 'static>(
    scope: Scope,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match check(scope, &request) {
        Ok(name) => {
            request.extensions_mut().insert(name);
            next.call(request).await.map(ServiceResponse::map_into_left_body)
        }
        Err(error) => {
            let response = error.error_response();
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn check(scope: Scope, request: &ServiceRequest) -> Result<KeyName, ApiError> {
    let app = request.app_data::<Data<App>>().expect("every listener has the app");
    let caller = Caller::of(&app.identity, &app.secrets, request.headers())?;
    caller.require(scope)?;
    match caller.who() {
        Who::Key { name, .. } => Ok(KeyName(name.clone())),
        Who::User { .. } | Who::Nobody => unreachable!("only keys have scopes"),
    }
}
