//! From what a URL or an answer names to the show it belongs to, and small conversions that every
//! route needs.

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::ids;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use usher_engine::hash::FixedHashMap;
use usher_engine::{BuyerId, MachineId, ShowKey, Timestamp};
use usher_shards::ShowView;
use usher_shards::view::PoolBoard;

/// Shows whose keys a thread remembers.
const KEYS_MAX: usize = 1_024;

thread_local! {
    /// Keys of shows that were asked for: to hash an id again costs more than all the rest of a
    /// lookup. Only shows that exist come in, so nobody can fill it with names of their own.
    static KEYS: RefCell<FixedHashMap<String, ShowKey>> = RefCell::default();
}

/// The published view of a show.
///
/// # Errors
/// [`Code::UnknownShow`].
pub fn show(app: &App, show_id: &str) -> Result<Arc<ShowView>, ApiError> {
    let unknown = || ApiError::new(Code::UnknownShow);
    if !ids::is_show_id(show_id) {
        return Err(unknown());
    }
    let known = KEYS.with_borrow(|keys| keys.get(show_id).copied());
    let key = known.unwrap_or_else(|| ids::show_key(show_id));
    let view = app.router.directory().show(key).ok_or_else(unknown)?;
    // Two ids with one key would need a collision of 64 bits; serving the wrong show would be worse
    // than the look.
    if view.face().details.public_id != show_id {
        return Err(unknown());
    }
    if known.is_none() {
        remember(show_id, key);
    }
    Ok(view)
}

fn remember(show_id: &str, key: ShowKey) {
    KEYS.with_borrow_mut(|keys| {
        if keys.len() == KEYS_MAX {
            keys.clear();
        }
        keys.insert(show_id.to_owned(), key);
    });
}

/// The published view of the show that an inventory belongs to. A view is published before the
/// first answer of its inventories, so it is there for every id that we gave out.
///
/// # Errors
/// [`Code::UnknownShow`].
pub fn show_of(app: &App, inventory: MachineId) -> Result<Arc<ShowView>, ApiError> {
    app.router.directory().show(inventory.show).ok_or_else(|| ApiError::new(Code::UnknownShow))
}

/// Counts all changes of a show: those of its house and of all its stock segments.
pub fn version(view: &ShowView) -> u64 {
    let pools = (0..).map_while(|pool| view.pool(pool));
    let segments = pools.flat_map(PoolBoard::segments);
    view.version() + segments.map(|segment| segment.figures().version).sum::<u64>()
}

/// The version that callers are told for something that an inventory said at its version: for
/// seats that of the seat map, for stock that of the show as a whole.
pub fn version_told(view: &ShowView, inventory: MachineId, inventory_version: u64) -> u64 {
    if inventory.is_house() { inventory_version } else { version(view) }
}

/// The segment of a pool at which a buyer always buys, so that limits per buyer are exact. Part of
/// the data format: another choice would let buyers of before buy again elsewhere.
pub fn home_segment(buyer: BuyerId, segments: u16) -> u16 {
    // The id is a cryptographic hash already, so any of its bits spread evenly.
    let spread = (buyer.0 % u128::from(segments.max(1))) as u64;
    u16::try_from(spread).expect("less than the number of segments")
}

/// A time as callers read it; the last that can be written where it is later.
pub fn time(at: Timestamp) -> jiff::Timestamp {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX)
}

/// A caller's time, which may lie before 1970 for a caller only.
pub fn moment(time: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(time.as_millisecond()).ok().map(Timestamp)
}

/// The wall clock, for what is only shown. What is decided is decided by an owner's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buyers_spread_over_segments_and_stay() {
        let mut counts = [0_u32; 8];
        for number in 0..8_000 {
            let buyer = ids::buyer_id(&format!("user-{number}"));
            let home = home_segment(buyer, 8);
            assert_eq!(home, home_segment(buyer, 8));
            counts[usize::from(home)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        assert_eq!(home_segment(BuyerId(u128::MAX), 1), 0);
        // Part of the data format.
        assert_eq!(home_segment(ids::buyer_id("alice"), 8), 1);
    }

    #[test]
    fn any_time_can_be_told() {
        assert_eq!(time(Timestamp(0)).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(time(Timestamp(1_767_225_600_123)).to_string(), "2026-01-01T00:00:00.123Z");
        assert_eq!(time(Timestamp(u64::MAX)), jiff::Timestamp::MAX);
        assert_eq!(moment(time(Timestamp(77))), Some(Timestamp(77)));
        assert_eq!(moment("1969-12-31T23:59:59Z".parse().expect("a time")), None);
    }
}
