//! How much one caller may do.
//!
//! ```text
//!   stage     the address, before anything of the body is read; writes the headers of all layers
//!   take      whom a write is for and what it is about, as its handler knows: user, show, call;
//!             and for holds of seats, of which sections
//!   clients   which address a request counts for: proxies, IPv6 prefixes, who is exempt
//!   layer     one limit: a token bucket for each key
//!   table     where the buckets are, in bounded memory
//! ```
//!
//! Only what takes something from a sale, or gives it back, counts. Reading is cheap; a payment
//! provider and a gate's scanner come from one address and are never held up. Each gateway counts
//! by itself. Answers say what is left (IETF draft httpapi-ratelimit-headers).

mod clients;
mod layer;
mod stage;
mod table;

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::{HttpMessage as _, HttpRequest};
use smallvec::SmallVec;
use usher_engine::plan::SectionIx;
use usher_engine::{BuyerId, ShowKey};

use crate::http::problem::{ApiError, Code};
use crate::http::route::Route;

pub use clients::{Clients, prefix_of};
use layer::{Layer, Word};
pub use stage::{begin, describe, limit};

/// Calls that are written, and shows that are sold by one gateway at a time, are far fewer.
const CALLS_MAX: usize = 64;
const SHOWS_MAX: usize = 16_384;
const SECTIONS_MAX: usize = 65_536;

/// Limits as configured; `None` is no limit.
#[derive(Debug, Clone, Default)]
pub struct LimitConfig {
    /// Writes per second of one address.
    pub address: Option<NonZeroU32>,
    /// Writes per second for one user.
    pub user: Option<NonZeroU32>,
    /// Holds per second of one show.
    pub show: Option<NonZeroU32>,
    /// Holds per second of seats of one section.
    pub section: Option<NonZeroU32>,
    /// Requests per second of one kind of write.
    pub call: Option<NonZeroU32>,
    /// Addresses, and users, that are remembered.
    pub clients_max: usize,
    /// Whose address is believed, and who is exempt.
    pub clients: Clients,
}

/// The limits of one gateway.
pub struct Limits {
    clients: Clients,
    address: Option<Layer<std::net::IpAddr>>,
    user: Option<Layer<BuyerId>>,
    show: Option<Layer<ShowKey>>,
    section: Option<Layer<(ShowKey, SectionIx)>>,
    call: Option<Layer<Arc<str>>>,
}

/// What all layers said of one request so far. Travels in the request's extensions; a request
/// without it is not limited.
#[derive(Debug, Default)]
pub struct Words(SmallVec<[Word; 2]>);

/// A request that is limited, as its handler knows it.
pub struct Limited<'a> {
    /// The limits.
    pub limits: &'a Limits,
    /// The name of its route.
    pub call: &'a Arc<str>,
    /// What was said of it so far.
    pub words: &'a mut Words,
}

impl Limits {
    /// `None` where nothing is limited.
    #[must_use]
    pub fn new(config: &LimitConfig) -> Option<Self> {
        let LimitConfig { address, user, show, section, call, clients_max, clients } = config;
        [address, user, show, section, call].iter().any(|limit| limit.is_some()).then(|| Self {
            clients: clients.clone(),
            address: address.map(|limit| Layer::new("address", limit, *clients_max)),
            user: user.map(|limit| Layer::new("user", limit, *clients_max)),
            show: show.map(|limit| Layer::new("show", limit, SHOWS_MAX)),
            section: section.map(|limit| Layer::new("section", limit, SECTIONS_MAX)),
            call: call.map(|limit| Layer::new("call", limit, CALLS_MAX)),
        })
    }
}

/// As [`Limited::take`], where the request is limited.
///
/// # Errors
/// As [`Limited::take`].
pub fn take(
    limits: Option<&Limits>,
    request: &HttpRequest,
    user: Option<BuyerId>,
    show: Option<ShowKey>,
) -> Result<(), ApiError> {
    where_limited(limits, request, |mut limited| limited.take(user, show))
}

/// As [`Limited::take_sections`], where the request is limited.
///
/// # Errors
/// As [`Limited::take_sections`].
pub fn take_sections(
    limits: Option<&Limits>,
    request: &HttpRequest,
    show: ShowKey,
    sections: impl FnOnce() -> SmallVec<[SectionIx; 2]>,
) -> Result<(), ApiError> {
    where_limited(limits, request, |mut limited| limited.take_sections(show, sections))
}

fn where_limited(
    limits: Option<&Limits>,
    request: &HttpRequest,
    take: impl FnOnce(Limited<'_>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let Some(limits) = limits else { return Ok(()) };
    let mut extensions = request.extensions_mut();
    let words = extensions.get_mut::<Words>();
    let (Some(words), Some(route)) = (words, request.app_data::<Route>()) else { return Ok(()) };
    take(Limited { limits, call: route.name(), words })
}

impl Limited<'_> {
    /// Counts a write for whom and what it is about, as far as its handler knows.
    ///
    /// # Errors
    /// [`Code::RateLimited`], naming the layer.
    pub fn take(&mut self, user: Option<BuyerId>, show: Option<ShowKey>) -> Result<(), ApiError> {
        let Self { limits, call, words } = self;
        if let Some(layer) = &limits.call {
            words.add(layer.take(call))?;
        }
        if let (Some(layer), Some(show)) = (&limits.show, show) {
            words.add(layer.take(&show))?;
        }
        if let (Some(layer), Some(user)) = (&limits.user, user) {
            words.add(layer.take(&user))?;
        }
        Ok(())
    }

    /// Counts a hold of seats for each section that it wants them of, which is only looked up where
    /// there is such a limit. The answer tells of the one that has least left.
    ///
    /// # Errors
    /// [`Code::RateLimited`], where one of them is over its limit.
    pub fn take_sections(
        &mut self,
        show: ShowKey,
        sections: impl FnOnce() -> SmallVec<[SectionIx; 2]>,
    ) -> Result<(), ApiError> {
        let Some(layer) = &self.limits.section else { return Ok(()) };
        let of_all = sections().into_iter().map(|section| layer.take(&(show, section)));
        match of_all.min_by_key(|word| (!word.is_refused, word.left)) {
            Some(word) => self.words.add(word),
            None => Ok(()),
        }
    }
}

impl Words {
    fn add(&mut self, word: Word) -> Result<(), ApiError> {
        self.0.push(word);
        if !word.is_refused {
            return Ok(());
        }
        metrics::counter!("usher_rate_limited_total", "layer" => word.layer).increment(1);
        Err(ApiError::new(Code::RateLimited)
            .detail(format!("more than {} a second for this {}", word.per_second, word.layer))
            .limit(u64::from(word.per_second.get()))
            .retry_after(word.reset_seconds))
    }
}
