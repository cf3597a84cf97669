//! What an organiser writes about a show, checked and in the engine's words.
//!
//! The engine checks a show as well, but it can only say that something is wrong. Here each fault
//! has the JSON pointer of its field, and what passes here passes there.

use super::hoarding;
use crate::buyers::{checks, lookup};
use crate::config::SaleConfig;
use crate::http::problem::ApiError;
use crate::ids;
use std::collections::BTreeMap;
use std::sync::Arc;
use usher_engine::limits::STOCK_MAX;
use usher_engine::plan::SeatPlan;
use usher_engine::show::{NewPool, NewShow, PoolChange, ShowChange, ShowDetails, Stage, Terms};
use usher_engine::{Cents, Currency, Timestamp};
use usher_shards::Face;
use usher_wire::{
    STOCK_POOLS_MAX, STOCK_SEGMENTS_MAX, ShowPatch, ShowRequest, StockPatch, StockRequest,
};

const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 5_000;
const CITY_CHARS_MAX: usize = 100;
const SHORT_CHARS_MAX: usize = 64;
/// A ticket's QR code has one byte for the length of a pool's name, and a character has up to four.
const STOCK_NAME_CHARS_MAX: usize = 63;
const PERFORMERS_MAX: usize = 50;
/// A pool is split so that each segment has at least so many tickets, where nobody says how.
const TICKETS_PER_SEGMENT: u32 = 500;
/// More segments than this are a choice to be made by the organiser: the last tickets of a pool
/// have to be brought together from all of them.
const SEGMENTS_DEFAULT_MAX: u32 = 8;

/// A change of a show: what the house does, and pools that shrink.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// For the house.
    pub(super) show: ShowChange,
    /// For the segments of pools.
    pub(super) withdrawals: Vec<Withdrawal>,
}

/// Tickets that are to leave a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Withdrawal {
    /// The pool's index.
    pub(super) pool: u16,
    /// How many.
    pub(super) quantity: u32,
    /// Where in the request it was asked for.
    pub(super) place: usize,
}

/// A new show.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at the field that is wrong.
pub(super) fn new_show(
    asked: &ShowRequest,
    show_id: String,
    plan: Option<Arc<SeatPlan>>,
    sale: &SaleConfig,
) -> Result<NewShow, ApiError> {
    if plan.is_none() && asked.stock.is_empty() {
        return Err(ApiError::field("", "a show needs a `planId`, `stock`, or both"));
    }
    let details = ShowDetails {
        public_id: show_id,
        title: asked.title.clone(),
        description: asked.description.clone().unwrap_or_default(),
        venue: asked.venue.clone(),
        city: asked.city.clone(),
        category: asked.category.clone().unwrap_or_default(),
        performers: asked.performers.clone(),
        starts_at: time(asked.starts_at, "/startsAt")?,
        document_verifier: String::new(),
    };
    check_details(&details)?;
    let currency = Currency::new(&asked.currency).ok_or_else(|| {
        ApiError::field("/currency", "it is not three capital letters, as in ISO 4217")
    })?;
    let prices = prices(&asked.prices, plan.as_deref(), None)?;
    let terms = Terms {
        stage: Stage::Draft,
        paused_by_organiser: false,
        paused_by_operator: false,
        pass_required: false,
        hoarding: asked.hoarding.as_ref().map(hoarding::read).transpose()?.map(Box::new),
        sale_starts_at: time(asked.sale_starts_at, "/saleStartsAt")?,
        sale_ends_at: time(asked.sale_ends_at, "/saleEndsAt")?,
        currency,
        units_per_buyer_max: at_least_one(asked.max_per_user, "/maxPerUser")?,
        units_per_document_max: 0,
        hold_ms: hold_ms(asked.hold_seconds.unwrap_or(sale.hold_seconds_default), sale)?,
        prices,
    };
    if terms.sale_starts_at >= terms.sale_ends_at {
        return Err(ApiError::field("/saleEndsAt", "the sale must end after it starts"));
    }
    Ok(NewShow { details, terms, plan, pools: new_pools(&asked.stock)? })
}

/// A change of a show that is `face` now, and whose pools have these capacities.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at the field that is wrong.
pub(super) fn change(
    asked: &ShowPatch,
    face: &Face,
    plan: Option<&SeatPlan>,
    capacities: &[u32],
    sale: &SaleConfig,
) -> Result<Change, ApiError> {
    let details = changed_details(asked, &face.details)?;
    let starts_at = asked.sale_starts_at.map(|at| time(at, "/saleStartsAt")).transpose()?;
    let ends_at = asked.sale_ends_at.map(|at| time(at, "/saleEndsAt")).transpose()?;
    let terms = &face.terms;
    if starts_at.unwrap_or(terms.sale_starts_at) >= ends_at.unwrap_or(terms.sale_ends_at) {
        let pointer = if ends_at.is_some() { "/saleEndsAt" } else { "/saleStartsAt" };
        return Err(ApiError::field(pointer, "the sale must end after it starts"));
    }
    let new_prices = match &asked.prices {
        Some(named) => Some(prices(named, plan, Some(&terms.prices))?),
        None => None,
    };
    let show = ShowChange {
        details: (details != face.details).then_some(details),
        sale_starts_at: starts_at,
        sale_ends_at: ends_at,
        prices: new_prices,
        units_per_buyer_max: match asked.max_per_user {
            Some(count) => Some(at_least_one(count, "/maxPerUser")?),
            None => None,
        },
        units_per_document_max: None,
        hold_ms: match asked.hold_seconds {
            Some(seconds) => Some(hold_ms(seconds, sale)?),
            None => None,
        },
        pools: Vec::new(),
        hoarding: asked.hoarding.as_ref().map(hoarding::read).transpose()?,
    };
    let mut change = Change { show, withdrawals: Vec::new() };
    for (place, patch) in asked.stock.iter().flatten().enumerate() {
        change.add_pool(patch, place, face, capacities)?;
    }
    Ok(change)
}

impl Change {
    fn add_pool(
        &mut self,
        patch: &StockPatch,
        place: usize,
        face: &Face,
        capacities: &[u32],
    ) -> Result<(), ApiError> {
        let pointer = format!("/stock/{place}");
        let Some(index) = face.pools.iter().position(|pool| pool.name == patch.name) else {
            let words = format!("there is no stock {:?}", patch.name);
            return Err(ApiError::field(format!("{pointer}/name"), words));
        };
        let pool = u16::try_from(index).expect("a show has few pools");
        let named_before = self.show.pools.iter().any(|other| other.pool == pool)
            || self.withdrawals.iter().any(|other| other.pool == pool);
        if named_before {
            return Err(ApiError::field(format!("{pointer}/name"), "it is named twice"));
        }
        let price = match patch.price_cents {
            Some(cents) => Some(price(cents, &format!("{pointer}/priceCents"))?),
            None => None,
        };
        let has = capacities[index];
        let wanted = match patch.quantity {
            Some(wanted) => tickets(wanted, &format!("{pointer}/quantity"))?,
            None => has,
        };
        let add = wanted.saturating_sub(has);
        // A pool remembers all tickets that it ever had, those withdrawn among them.
        if face.pools[index].quantity.checked_add(add).is_none_or(|sum| sum > STOCK_MAX) {
            let words = format!("a pool may have {STOCK_MAX} tickets over all its life");
            return Err(ApiError::field(format!("{pointer}/quantity"), words));
        }
        if add > 0 || price.is_some() {
            self.show.pools.push(PoolChange { pool, add, price });
        }
        if wanted < has {
            self.withdrawals.push(Withdrawal { pool, quantity: has - wanted, place });
        }
        Ok(())
    }
}

fn changed_details(asked: &ShowPatch, now: &ShowDetails) -> Result<ShowDetails, ApiError> {
    let or = |asked: &Option<String>, now: &String| asked.as_ref().unwrap_or(now).clone();
    let details = ShowDetails {
        public_id: now.public_id.clone(),
        title: or(&asked.title, &now.title),
        description: or(&asked.description, &now.description),
        venue: or(&asked.venue, &now.venue),
        city: or(&asked.city, &now.city),
        category: or(&asked.category, &now.category),
        performers: asked.performers.as_ref().unwrap_or(&now.performers).clone(),
        starts_at: match asked.starts_at {
            Some(at) => time(at, "/startsAt")?,
            None => now.starts_at,
        },
        document_verifier: now.document_verifier.clone(),
    };
    check_details(&details)?;
    Ok(details)
}

fn check_details(details: &ShowDetails) -> Result<(), ApiError> {
    checks::text(&details.title, "/title", 1, TITLE_CHARS_MAX)?;
    // The one text with lines.
    let one_line = details.description.replace(['\n', '\r', '\t'], " ");
    checks::text(&one_line, "/description", 0, DESCRIPTION_CHARS_MAX)?;
    checks::text(&details.venue, "/venue", 1, TITLE_CHARS_MAX)?;
    checks::text(&details.city, "/city", 1, CITY_CHARS_MAX)?;
    checks::text(&details.category, "/category", 0, SHORT_CHARS_MAX)?;
    if details.performers.len() > PERFORMERS_MAX {
        let words = format!("there are more than {PERFORMERS_MAX}");
        return Err(ApiError::field("/performers", words));
    }
    for (place, performer) in details.performers.iter().enumerate() {
        checks::text(performer, &format!("/performers/{place}"), 1, TITLE_CHARS_MAX)?;
    }
    Ok(())
}

/// One price for each category of the plan, in its order. Categories that are not named keep
/// their price of `now`, and have to be named where there is none.
fn prices(
    named: &BTreeMap<String, u64>,
    plan: Option<&SeatPlan>,
    now: Option<&[Cents]>,
) -> Result<Vec<Cents>, ApiError> {
    let categories = plan.map_or(&[][..], SeatPlan::categories);
    let pointer = |name: &str| format!("/prices/{}", pointer_part(name));
    for name in named.keys() {
        if !categories.iter().any(|category| category.name() == name) {
            return Err(ApiError::field(pointer(name), "the plan has no such price category"));
        }
    }
    let of = |(index, name): (usize, &str)| match (named.get(name), now) {
        (Some(&cents), _) => price(cents, &pointer(name)),
        (None, Some(now)) => Ok(now[index]),
        (None, None) => Err(ApiError::field(pointer(name), "this price category needs a price")),
    };
    categories.iter().map(usher_engine::plan::Category::name).enumerate().map(of).collect()
}

fn new_pools(asked: &[StockRequest]) -> Result<Vec<NewPool>, ApiError> {
    if asked.len() > STOCK_POOLS_MAX {
        let words = format!("a show may have at most {STOCK_POOLS_MAX} pools");
        return Err(ApiError::field("/stock", words));
    }
    let mut pools: Vec<NewPool> = Vec::with_capacity(asked.len());
    for (place, stock) in asked.iter().enumerate() {
        let at = |field: &str| format!("/stock/{place}/{field}");
        checks::text(&stock.name, &at("name"), 1, STOCK_NAME_CHARS_MAX)?;
        if pools.iter().any(|other| other.name == stock.name) {
            return Err(ApiError::field(at("name"), "another pool has this name"));
        }
        let quantity = tickets(stock.quantity, &at("quantity"))?;
        let segments = match stock.segments {
            Some(count) if (1..=STOCK_SEGMENTS_MAX).contains(&count) => count,
            Some(_) => {
                let words = format!("a pool has 1 to {STOCK_SEGMENTS_MAX} segments");
                return Err(ApiError::field(at("segments"), words));
            }
            None => default_segments(quantity),
        };
        let price = price(stock.price_cents, &at("priceCents"))?;
        pools.push(NewPool { name: stock.name.clone(), quantity, price, segments });
    }
    Ok(pools)
}

fn default_segments(quantity: u32) -> u16 {
    let segments = (quantity / TICKETS_PER_SEGMENT).clamp(1, SEGMENTS_DEFAULT_MAX);
    u16::try_from(segments).expect("at most 8")
}

fn tickets(count: u32, pointer: &str) -> Result<u32, ApiError> {
    match count {
        1..=STOCK_MAX => Ok(count),
        _ => Err(ApiError::field(pointer, format!("a pool has 1 to {STOCK_MAX} tickets"))),
    }
}

fn price(cents: u64, pointer: &str) -> Result<Cents, ApiError> {
    match Cents(cents) {
        price if price <= Cents::PRICE_MAX => Ok(price),
        _ => {
            let words = format!("it is more than {} cents", Cents::PRICE_MAX.0);
            Err(ApiError::field(pointer, words))
        }
    }
}

fn at_least_one(count: u32, pointer: &str) -> Result<u32, ApiError> {
    match count {
        0 => Err(ApiError::field(pointer, "it must be at least 1")),
        count => Ok(count),
    }
}

fn hold_ms(seconds: u32, sale: &SaleConfig) -> Result<u64, ApiError> {
    if (1..=sale.hold_seconds_max).contains(&seconds) {
        return Ok(u64::from(seconds) * 1_000);
    }
    let words = format!("it must be 1 to {}", sale.hold_seconds_max);
    Err(ApiError::field("/holdSeconds", words))
}

fn time(at: jiff::Timestamp, pointer: &str) -> Result<Timestamp, ApiError> {
    lookup::moment(at).ok_or_else(|| ApiError::field(pointer, "it is before 1970"))
}

/// The id that an organiser chose for a show, or one of ours.
///
/// # Errors
/// [`crate::http::Code::InvalidField`].
pub(super) fn show_id(asked: Option<&str>) -> Result<String, ApiError> {
    match asked {
        None => Ok(ids::new_show_id()),
        Some(id) if ids::is_show_id(id) => Ok(id.to_owned()),
        Some(_) => {
            let words = "it is not 1 to 64 letters, digits, dots, dashes and underscores";
            Err(ApiError::field("/showId", words))
        }
    }
}

/// A name as part of a JSON pointer (RFC 6901).
fn pointer_part(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
