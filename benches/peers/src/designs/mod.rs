//! One file per design.

pub(crate) mod empty;
pub(crate) mod locks;
pub(crate) mod postgres;
pub(crate) mod redis;

use std::fmt::Display;

use actix_web::Error;
use actix_web::error::ErrorInternalServerError;

/// What goes wrong behind the server is a 500: the client counts it and the run fails.
pub(crate) fn broken(error: impl Display) -> Error {
    ErrorInternalServerError(error.to_string())
}
