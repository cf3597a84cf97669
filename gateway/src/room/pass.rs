//! Whether a hold comes with a pass, and whether the pass is for it.
//!
//! Only what the pass itself says is checked here. Whether one is required, has run out or was used
//! before is decided by the inventory, so a show without a waiting room pays for none of this.

use super::entry_id;
use crate::app::App;
use crate::http::problem::{ApiError, Code};
use actix_web::http::header::{HeaderMap, HeaderName};
use usher_engine::MachineId;
use usher_engine::command::PassUse;
use usher_engine::room::PassGoods;

/// [`usher_wire::QUEUE_PASS_HEADER`] as it is looked up, for every hold that is made.
const HEADER_NAME: HeaderName = HeaderName::from_static("x-queue-pass");

/// The pass that a hold comes with, if any.
///
/// # Errors
/// [`Code::PassInvalid`] where it is not ours, or not for this user, show and goods.
pub fn of_request(
    app: &App,
    headers: &HeaderMap,
    show_id: &str,
    user_id: &str,
    owner: MachineId,
) -> Result<Option<PassUse>, ApiError> {
    let Some(given) = headers.get(HEADER_NAME) else { return Ok(None) };
    let invalid = |words: &str| Err(ApiError::new(Code::PassInvalid).detail(words));
    let Some(pass) = given.to_str().ok().and_then(|text| app.rooms.keys.read_pass(text.trim()))
    else {
        return invalid("this pass was not given out here");
    };
    if pass.show != owner.show {
        return invalid("this pass is for another show");
    }
    if pass.entry != entry_id(show_id, user_id) {
        return invalid("this pass was given to another user");
    }
    if pass.goods != goods_of(owner) {
        return invalid("this pass is for other goods of the show");
    }
    Ok(Some(PassUse { pass: pass.pass, place: pass.place, expires_at: pass.expires_at }))
}

/// What a pass must be for, to hold something of this inventory.
fn goods_of(owner: MachineId) -> PassGoods {
    match owner.pool_and_segment() {
        Some((pool, _)) => PassGoods::pool(pool),
        None => PassGoods::SEATS,
    }
}

#[cfg(test)]
mod tests {
    use super::HEADER_NAME;

    #[test]
    fn what_is_looked_up_is_what_is_documented() {
        assert!(HEADER_NAME.as_str().eq_ignore_ascii_case(usher_wire::QUEUE_PASS_HEADER));
    }
}
