//! Makes a show to run against, as an organiser would: plan, show, put on sale, open.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use usher_wire::{PlanCreated, PutOnSaleRequest, Show, ShowRequest, StockRequest};

use crate::api::{get, post};
use crate::http::Client;
use crate::plan::price_cents;
use crate::reread::{authorized, must};

/// The show that is made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewShow {
    /// The seating plan's document, where it has seats.
    pub plan: Option<Vec<u8>>,
    /// Tickets without seats; none where zero.
    pub stock: u32,
    /// On how many segments they are spread; the server's choice where none.
    pub segments: Option<u16>,
    /// The most seats, or tickets of the pool, for one buyer.
    pub limit_per_user: u32,
    /// How long its holds live.
    pub hold_seconds: u32,
    /// In its title, so that runs can be told apart.
    pub run_id: String,
}

/// Makes the show and opens its sale.
///
/// # Errors
///
/// The server's words, where it refuses.
pub async fn make(client: &Client, key: &str, new: &NewShow) -> Result<Show, String> {
    let plan: Option<PlanCreated> = match &new.plan {
        Some(plan) => {
            let request = post("/admin/v1/plans".into(), None).bytes(plan.clone().into());
            Some(must(client, authorized(request, key)?).await?)
        }
        None => None,
    };
    announce(client, key, &show_request(new, plan.as_ref())).await
}

/// Makes a show of a request, puts all of it on sale and opens the sale.
///
/// # Errors
///
/// The server's words, where it refuses.
pub async fn announce(client: &Client, key: &str, show: &ShowRequest) -> Result<Show, String> {
    let request = post("/admin/v1/shows".into(), None).json(show);
    let made: Value = must(client, authorized(request, key)?).await?;
    let show_id = made["showId"].as_str().ok_or("the server made a show without a showId")?;

    let path = |what: &str| format!("/admin/v1/shows/{show_id}/{what}");
    let everything = post(path("put-on-sale"), None).json(&PutOnSaleRequest::default());
    let _: Value = must(client, authorized(everything, key)?).await?;
    let open = post(path("open"), None);
    let _: Value = must(client, authorized(open, key)?).await?;
    must(client, get(format!("/api/v1/shows/{show_id}"))).await
}

fn show_request(new: &NewShow, plan: Option<&PlanCreated>) -> ShowRequest {
    let categories = plan.iter().flat_map(|plan| &plan.categories).enumerate();
    let stock = (new.stock > 0).then(|| StockRequest {
        name: "Standing".into(),
        quantity: new.stock,
        price_cents: 4_500,
        segments: new.segments,
    });
    ShowRequest {
        plan_id: plan.map(|plan| plan.plan_id.clone()),
        prices: categories.map(|(n, c)| (c.name.clone(), price_cents(&c.name, n))).collect(),
        stock: stock.into_iter().collect(),
        max_per_user: new.limit_per_user,
        hold_seconds: Some(new.hold_seconds),
        ..bare_show(&format!("Load run {}", new.run_id))
    }
}

/// A show whose sale has begun, with nothing to sell yet.
pub fn bare_show(title: &str) -> ShowRequest {
    let now = Timestamp::now();
    let in_days = |days: i64| now + SignedDuration::from_hours(24 * days);
    ShowRequest {
        show_id: None,
        title: title.to_owned(),
        description: None,
        venue: "House".into(),
        city: "Porto".into(),
        category: None,
        performers: Vec::new(),
        starts_at: in_days(30),
        sale_starts_at: now - SignedDuration::from_mins(1),
        sale_ends_at: in_days(29),
        currency: "EUR".into(),
        plan_id: None,
        prices: BTreeMap::new(),
        stock: Vec::new(),
        max_per_user: 6,
        hold_seconds: None,
        identity: None,
        hoarding: None,
    }
}
