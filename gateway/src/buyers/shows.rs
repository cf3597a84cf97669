//! Shows: found, and looked at. All of it is read from published views and asks no owner.

use crate::app::App;
use crate::attendees;
use crate::http::problem::ApiError;
use crate::http::query::QueryOf;
use crate::http::refusals::sale_state;
use crate::ids;
use crate::organisers::hoarding;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use std::sync::Arc;
use usher_engine::Timestamp;
use usher_engine::plan::CategoryIx;
use usher_engine::show::{Pool, Terms};
use usher_shards::{Face, ShowView};
use usher_wire::{
    CategoryState, PageMeta, Problem, SaleState, Show, ShowSummary, ShowsPage, StockState,
};

use super::lookup;
use super::paging::Page;

/// The most characters in a text to search for.
const QUERY_CHARS_MAX: usize = 200;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Which shows to list. All that is given must match.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShowsQuery {
    /// Words that title, description, venue, city or performers must contain, in any case.
    #[param(max_length = 200)]
    query: Option<String>,
    /// The venue's city, in any case.
    #[param(max_length = 200)]
    city: Option<String>,
    /// The day on which the show starts, in UTC.
    #[param(value_type = Option<String>, format = Date)]
    date: Option<jiff::civil::Date>,
    /// The organiser's category, in any case.
    #[param(max_length = 200)]
    category: Option<String>,
    /// The page, from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// Shows on a page, at most 100; 20 where absent.
    #[param(minimum = 1, maximum = 100)]
    size: Option<u32>,
}

/// Shows, soonest first.
#[utoipa::path(
    get, path = "/api/v1/shows", tag = "buyers", operation_id = "listShows", params(ShowsQuery),
    responses(
        (status = 200, body = ShowsPage, description = "One page of them"),
        (status = 400, body = Problem, description = "A parameter is wrong",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    app: Data<App>,
    query: QueryOf<ShowsQuery>,
) -> Result<HttpResponse, ApiError> {
    let QueryOf(query) = query;
    let page = Page::check(query.page, query.size)?;
    let wanted = Wanted::check(&query)?;
    let mut found: Vec<(Arc<ShowView>, Arc<Face>)> = app
        .router
        .directory()
        .shows()
        .into_iter()
        .map(|view| {
            let face = view.kept_face();
            (view, face)
        })
        .filter(|(_, face)| wanted.fits(face))
        .collect();
    found.sort_unstable_by(|(_, a), (_, b)| {
        let key = |face: &Face| face.details.starts_at;
        key(a).cmp(&key(b)).then_with(|| a.details.public_id.cmp(&b.details.public_id))
    });
    let now = lookup::now();
    let here = found.iter().skip(page.skip()).take(page.size as usize);
    let shows = here.map(|(view, face)| summary(view, face, now)).collect();
    let meta = PageMeta { total: found.len() as u64, page: page.number, size: page.size };
    Ok(HttpResponse::Ok().json(ShowsPage { shows, meta }))
}

/// One show with its prices and what is free.
#[utoipa::path(
    get, path = "/api/v1/shows/{showId}", tag = "buyers", operation_id = "getShow",
    params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = Show, description = "The show"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    Ok(HttpResponse::Ok().json(describe(&view, lookup::now())))
}

/// A show as buyers and its organiser read it.
pub fn describe(view: &ShowView, now: Timestamp) -> Show {
    // Before everything else, so that what is told is never older than its version.
    let version = lookup::version(view);
    let face = view.face();
    let (details, terms) = (&face.details, &face.terms);
    Show {
        show_id: details.public_id.clone(),
        title: details.title.clone(),
        description: given(&details.description),
        venue: details.venue.clone(),
        city: details.city.clone(),
        category: given(&details.category),
        performers: details.performers.clone(),
        starts_at: lookup::time(details.starts_at),
        sale_starts_at: lookup::time(terms.sale_starts_at),
        sale_ends_at: lookup::time(terms.sale_ends_at),
        sale_state: state_of_sale(terms, now),
        currency: terms.currency.code().to_owned(),
        plan_id: view.plan.as_ref().map(|plan| ids::plan_text(plan.id())),
        categories: categories(view, terms),
        stock: (0..).zip(&face.pools).map(|(index, pool)| stock(view, index, pool)).collect(),
        max_per_user: terms.units_per_buyer_max,
        hold_seconds: u32::try_from(terms.hold_ms / 1_000).unwrap_or(u32::MAX),
        identity: attendees::rule_of(&face),
        hoarding: terms.hoarding.as_deref().map(hoarding::describe),
        version,
    }
}

/// Whether a show can be bought at a moment.
pub fn state_of_sale(terms: &Terms, now: Timestamp) -> SaleState {
    terms.closed_because(now).map_or(SaleState::Open, sale_state)
}

fn summary(view: &ShowView, face: &Face, now: Timestamp) -> ShowSummary {
    let (details, terms) = (&face.details, &face.terms);
    let of_pools = face.pools.iter().map(|pool| pool.price);
    let of_seats = terms.prices.iter().copied().filter(|_| view.plan.is_some());
    let in_pools: u64 = pools(view).map(|(available, _)| available).sum();
    ShowSummary {
        show_id: details.public_id.clone(),
        title: details.title.clone(),
        venue: details.venue.clone(),
        city: details.city.clone(),
        category: given(&details.category),
        starts_at: lookup::time(details.starts_at),
        sale_starts_at: lookup::time(terms.sale_starts_at),
        sale_ends_at: lookup::time(terms.sale_ends_at),
        sale_state: state_of_sale(terms, now),
        currency: terms.currency.code().to_owned(),
        price_from_cents: of_seats.chain(of_pools).min().map(|price| price.0),
        available: u64::from(view.seats.figures().counts.available) + in_pools,
    }
}

fn categories(view: &ShowView, terms: &Terms) -> Vec<CategoryState> {
    let categories = view.plan.iter().flat_map(|plan| plan.categories());
    let numbered = (0..).map(CategoryIx).zip(categories);
    numbered
        .map(|(index, category)| CategoryState {
            name: category.name().to_owned(),
            price_cents: terms.prices.get(index.index()).map_or(0, |price| price.0),
            seats: category.seat_count(),
            available: view.seats.free_in_category(index),
        })
        .collect()
}

fn stock(view: &ShowView, index: u16, pool: &Pool) -> StockState {
    let (available, withdrawn) = pools(view).nth(usize::from(index)).unwrap_or_default();
    StockState {
        name: pool.name.clone(),
        price_cents: pool.price.0,
        quantity: pool.quantity.saturating_sub(u32::try_from(withdrawn).unwrap_or(u32::MAX)),
        available: u32::try_from(available).unwrap_or(u32::MAX),
    }
}

/// Available and withdrawn tickets of every pool.
fn pools(view: &ShowView) -> impl Iterator<Item = (u64, u64)> {
    (0..).map_while(|index| view.pool(index)).map(|pool| {
        let figures = pool.segments().iter().map(usher_shards::view::SegmentBoard::figures);
        figures.fold((0, 0), |(available, withdrawn), segment| {
            (available + segment.available, withdrawn + segment.withdrawn)
        })
    })
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A query, checked and in the form in which it is compared.
#[derive(Debug, Default)]
struct Wanted {
    words: Vec<String>,
    city: Option<String>,
    category: Option<String>,
    /// From, and before.
    day: Option<(Timestamp, Timestamp)>,
}

impl Wanted {
    fn check(query: &ShowsQuery) -> Result<Self, ApiError> {
        let text = |name: &str, text: &Option<String>| match text {
            Some(text) if text.chars().count() > QUERY_CHARS_MAX => {
                let words = format!("it has more than {QUERY_CHARS_MAX} characters");
                Err(ApiError::parameter(name, words))
            }
            Some(text) => Ok(Some(text.trim().to_lowercase()).filter(|text| !text.is_empty())),
            None => Ok(None),
        };
        let words = text("query", &query.query)?.unwrap_or_default();
        Ok(Self {
            words: words.split_whitespace().map(str::to_owned).collect(),
            city: text("city", &query.city)?,
            category: text("category", &query.category)?,
            day: query.date.map(day),
        })
    }

    fn fits(&self, face: &Face) -> bool {
        let details = &face.details;
        let same = |wanted: &Option<String>, has: &str| {
            wanted.as_ref().is_none_or(|wanted| *wanted == has.to_lowercase())
        };
        let in_day = |at: Timestamp| self.day.is_none_or(|(from, to)| from <= at && at < to);
        if !(same(&self.city, &details.city)
            && same(&self.category, &details.category)
            && in_day(details.starts_at))
        {
            return false;
        }
        if self.words.is_empty() {
            return true;
        }
        let texts = [&details.title, &details.description, &details.venue, &details.city];
        let all = texts.into_iter().chain(&details.performers);
        let all: Vec<String> = all.map(|text| text.to_lowercase()).collect();
        self.words.iter().all(|word| all.iter().any(|text| text.contains(word)))
    }
}

/// The first moment of a day, and the first after it. Days before 1970 have no shows.
fn day(date: jiff::civil::Date) -> (Timestamp, Timestamp) {
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let from = zoned.and_then(|start| lookup::moment(start.timestamp())).unwrap_or_default();
    (from, from.plus_ms(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_engine::Currency;
    use usher_engine::show::{ShowDetails, Stage};

    fn face() -> Face {
        let details = ShowDetails {
            public_id: "hamlet".into(),
            title: "Hamlet".into(),
            description: "A prince thinks".into(),
            venue: "Großes Haus".into(),
            city: "KÖLN".into(),
            category: "Theatre".into(),
            performers: vec!["Ensemble".into()],
            starts_at: Timestamp(1_767_225_600_000),
            document_verifier: String::new(),
        };
        let terms = Terms {
            stage: Stage::Open,
            paused_by_organiser: false,
            paused_by_operator: false,
            pass_required: false,
            hoarding: None,
            sale_starts_at: Timestamp(100),
            sale_ends_at: Timestamp(200),
            currency: Currency::new("EUR").expect("a code"),
            units_per_buyer_max: 4,
            units_per_document_max: 0,
            hold_ms: 600_000,
            prices: Vec::new(),
        };
        Face { details, terms, pools: Vec::new(), terms_version: 1 }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut ShowsQuery), fits: bool) {
        let mut query = ShowsQuery::default();
        change(&mut query);
        let wanted = Wanted::check(&query).expect("a good query");
        assert_eq!(wanted.fits(&face()), fits, "{query:?}");
    }

    #[test]
    fn all_that_is_given_must_match() {
        check(|_| {}, true);
        check(|q| q.query = Some("prince HAMLET".into()), true);
        check(|q| q.query = Some("haus ensemble".into()), true);
        check(|q| q.query = Some("hamlet macbeth".into()), false);
        check(|q| q.query = Some("  ".into()), true);
        check(|q| q.city = Some("köln".into()), true);
        check(|q| q.city = Some("köl".into()), false);
        check(|q| q.category = Some("theatre".into()), true);
        check(|q| q.category = Some("concert".into()), false);
        check(|q| q.date = Some(jiff::civil::date(2026, 1, 1)), true);
        check(|q| q.date = Some(jiff::civil::date(2025, 12, 31)), false);
        check(|q| q.date = Some(jiff::civil::Date::MIN), false);
        check(|q| q.date = Some(jiff::civil::Date::MAX), false);
    }

    #[test]
    fn a_long_search_is_refused() {
        let query = ShowsQuery { city: Some("x".repeat(201)), ..ShowsQuery::default() };
        assert!(format!("{:?}", Wanted::check(&query).expect_err("too long")).contains("city"));
    }

    #[test]
    fn a_sale_has_a_state_at_every_moment() {
        let mut terms = face().terms;
        let states = [0, 100, 199, 200].map(|at| state_of_sale(&terms, Timestamp(at)));
        use SaleState::{Closed, Draft, Open, Paused, Scheduled};
        assert_eq!(states, [Scheduled, Open, Open, Closed]);
        terms.paused_by_operator = true;
        assert_eq!(state_of_sale(&terms, Timestamp(150)), Paused);
        terms.stage = Stage::Draft;
        assert_eq!(state_of_sale(&terms, Timestamp(150)), Draft);
    }
}
