//! A show's orders as a list, and one of them found by what a person at the door can say.
//!
//! An order or ticket code leads straight to its order. Names and phones are sealed, so a search by
//! them opens one contact after the other, newest order first, on a thread that may block.

use crate::app::App;
use crate::buyers::paging::Page;
use crate::buyers::render::Holding;
use crate::buyers::{contacts, lookup};
use crate::http::problem::ApiError;
use crate::http::query::QueryOf;
use crate::ids::HoldRoute;
use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use serde::Deserialize;
use usher_engine::inventory::{Hold, OrderStatus};
use usher_engine::{BuyerId, HoldNo, MachineId, ShowKey};
use usher_shards::Replica;
use usher_shards::replica::OrderPlace;
use usher_wire::{Contact, OrganiserOrder, OrganiserOrdersPage, PageMeta, Problem};

const QUERY_CHARS_MAX: usize = 200;
/// The most contacts that one search opens.
const OPENED_MAX: usize = 200_000;
/// The fewest digits that are looked for in phone numbers.
const DIGITS_MIN: usize = 3;

/// Which orders to list. All that is given must match.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrdersQuery {
    /// An order id, a ticket code, or a part of a name, an e-mail address or a phone number. A
    /// search by the latter looks at the newest 200,000 orders.
    #[param(max_length = 200)]
    query: Option<String>,
    /// Only orders in this state.
    #[param(value_type = Option<usher_wire::OrderStatus>)]
    status: Option<usher_wire::OrderStatus>,
    /// The page, from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// Orders on a page, at most 100; 20 where absent.
    #[param(minimum = 1, maximum = 100)]
    size: Option<u32>,
}

/// A show's orders, newest first.
#[utoipa::path(
    get, path = "/admin/v1/shows/{showId}/orders", tag = "organisers", operation_id = "listOrders",
    security(("organiser" = [])),
    params(("showId" = String, Path, description = "The show"), OrdersQuery),
    responses(
        (status = 200, body = OrganiserOrdersPage, description = "One page of them"),
        (status = 400, body = Problem, description = "A parameter is wrong",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    app: Data<App>,
    show_id: Path<String>,
    query: QueryOf<OrdersQuery>,
) -> Result<HttpResponse, ApiError> {
    let QueryOf(query) = query;
    let page = Page::check(query.page, query.size)?;
    let view = lookup::show(&app, &show_id)?;
    let status = query.status.map(engine_status);
    let places = match Search::parse(&app, query.query.as_deref())? {
        Search::All => Wanted::All,
        Search::Route(route) => Wanted::These(vec![route]),
        Search::Words(words) => Wanted::These(search(&app, view.key, status, words).await?),
    };
    let key = view.key;
    let ask = move |replica: &mut Replica| cut_page(replica, key, status, places, page);
    let cut = app.router.replica().ask(ask).await?;
    let mut orders = Vec::with_capacity(cut.orders.len());
    for (HoldRoute { inventory, number }, hold, version) in &cut.orders {
        let holding = Holding::new(&app.ids, &view, *inventory, *number, hold, *version);
        let sealed = hold.order.as_deref().map_or(&[][..], |order| &order.contact);
        let contact = contacts::open(&app, hold.buyer, sealed);
        orders.extend(holding.order(&app.keyring).map(|order| OrganiserOrder { order, contact }));
    }
    let meta = PageMeta { total: cut.total, page: page.number, size: page.size };
    let at_sequence = cut.at_sequence;
    Ok(HttpResponse::Ok().json(OrganiserOrdersPage { orders, meta, at_sequence }))
}

/// What a query means.
enum Search {
    All,
    Route(HoldRoute),
    Words(Words),
}

impl Search {
    fn parse(app: &App, query: Option<&str>) -> Result<Self, ApiError> {
        let text = query.unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(Self::All);
        }
        if text.chars().count() > QUERY_CHARS_MAX {
            let words = format!("it has more than {QUERY_CHARS_MAX} characters");
            return Err(ApiError::parameter("query", words));
        }
        let of_ticket = app.ids.parse_ticket(text).map(|ticket| ticket.order);
        let route = app.ids.parse_order(text).or(of_ticket).or_else(|_| app.ids.parse_hold(text));
        Ok(route.map_or_else(|_| Self::Words(Words::new(text)), Self::Route))
    }
}

/// What to look for in contacts.
struct Words {
    lower: String,
    /// The query's digits, if it looks like a part of a phone number.
    digits: Option<String>,
}

impl Words {
    fn new(text: &str) -> Self {
        let digits = digits(text);
        let is_phone = text.chars().all(|c| c.is_ascii_digit() || "+-/(). ".contains(c));
        let digits = (is_phone && digits.len() >= DIGITS_MIN).then_some(digits);
        Self { lower: text.to_lowercase(), digits }
    }

    fn fit(&self, contact: &Contact) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.lower);
        let in_phone = |phone: &String| {
            let wanted = self.digits.as_ref();
            wanted.is_some_and(|wanted| digits(phone).contains(wanted.as_str()))
        };
        has(&contact.name)
            || contact.email.as_deref().is_some_and(has)
            || contact.phone.as_ref().is_some_and(in_phone)
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Which orders the page is cut from.
enum Wanted {
    All,
    These(Vec<HoldRoute>),
}

struct Cut {
    total: u64,
    at_sequence: u64,
    orders: Vec<(HoldRoute, Hold, u64)>,
}

/// Runs on the replica's thread, so it copies one page only.
fn cut_page(
    replica: &Replica,
    show: ShowKey,
    status: Option<OrderStatus>,
    wanted: Wanted,
    page: Page,
) -> Cut {
    let routes: Vec<HoldRoute> = match wanted {
        Wanted::All => replica.orders_in(show, status).into_iter().map(route).collect(),
        Wanted::These(routes) => {
            let is_one = |route: &HoldRoute| {
                let hold = replica.order(route.inventory, route.number);
                let order = hold.as_deref().and_then(|hold| hold.order.as_deref());
                route.inventory.show == show
                    && order.is_some_and(|order| status.is_none_or(|s| s == order.status))
            };
            routes.into_iter().filter(is_one).collect()
        }
    };
    let here = routes.iter().skip(page.skip()).take(page.size as usize);
    let orders = here.filter_map(|route| {
        let version = replica.inventory(route.inventory)?.version();
        Some((*route, replica.order(route.inventory, route.number)?.into_owned(), version))
    });
    Cut { total: routes.len() as u64, at_sequence: replica.at_seq(), orders: orders.collect() }
}

fn route(place: OrderPlace) -> HoldRoute {
    HoldRoute { inventory: place.inventory, number: place.order }
}

/// Where the orders are whose contacts fit, newest first.
async fn search(
    app: &Data<App>,
    show: ShowKey,
    status: Option<OrderStatus>,
    words: Words,
) -> Result<Vec<HoldRoute>, ApiError> {
    let sealed = app.router.replica().ask(move |replica| sealed(replica, show, status)).await?;
    let app = app.clone();
    let opened = web::block(move || {
        let fits = |(_, buyer, contact): &Sealed| {
            contacts::open(&app, *buyer, contact).is_some_and(|contact| words.fit(&contact))
        };
        let fitting = sealed.iter().filter(|sealed| fits(sealed));
        fitting.map(|(route, ..)| *route).collect::<Vec<_>>()
    });
    opened.await.map_err(ApiError::internal)
}

type Sealed = (HoldRoute, BuyerId, Box<[u8]>);

fn sealed(replica: &Replica, show: ShowKey, status: Option<OrderStatus>) -> Vec<Sealed> {
    let places = replica.orders_in(show, status).into_iter().take(OPENED_MAX);
    let sealed = places.filter_map(|place| {
        let (id, no): (MachineId, HoldNo) = (place.inventory, place.order);
        let hold = replica.order(id, no)?;
        Some((route(place), hold.buyer, hold.order.as_deref()?.contact.clone()))
    });
    sealed.filter(|(_, _, contact)| !contact.is_empty()).collect()
}

fn engine_status(status: usher_wire::OrderStatus) -> OrderStatus {
    match status {
        usher_wire::OrderStatus::PendingPay => OrderStatus::PendingPay,
        usher_wire::OrderStatus::Paying => OrderStatus::Paying,
        usher_wire::OrderStatus::Ticketed => OrderStatus::Ticketed,
        usher_wire::OrderStatus::Cancelled => OrderStatus::Cancelled,
        usher_wire::OrderStatus::Expired => OrderStatus::Expired,
        usher_wire::OrderStatus::RefundPending => OrderStatus::RefundPending,
        usher_wire::OrderStatus::Refunded => OrderStatus::Refunded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, fits: bool) {
        let contact = Contact {
            name: "Zoë Ångström".into(),
            phone: Some("+49 (30) 123-456".into()),
            email: Some("Zoe@Example.org".into()),
        };
        assert_eq!(Words::new(query).fit(&contact), fits, "{query}");
    }

    #[test]
    fn people_are_found_by_a_part_of_what_they_left() {
        check("zoë", true);
        check("ÅNGSTRÖM", true);
        check("zoe@", true);
        check("zoe", true);
        check("Bob", false);
        check("30123456", true);
        check("+49 30", true);
        check("030", false);
        check("12", false);
        check("123 Main Street", false);
    }
}
