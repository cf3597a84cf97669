//! The show that a history is made on: more seats than are ever contended at once, and small pools
//! of standing tickets, in one segment and in several.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use usher_wire::{PlanCreated, SeatMap, Show, ShowRequest, StockRequest};

use crate::api::{get, post};
use crate::http::Client;
use crate::plan;
use crate::reread::{authorized, must};
use crate::setup;

/// Seats of the show.
const SEATS: u32 = 400;
/// Pools of the show.
const POOLS: u32 = 24;
/// Tickets of the smallest pool, and how many sizes there are.
const POOL_TICKETS_MIN: u32 = 4;
const POOL_SIZES: u32 = 4;
/// Segments of every second pool; the others have one.
const SEGMENTS: u16 = 3;
/// Holds outlive the run, since the model knows no expiry; an hour is what a server allows.
const HOLD_SECONDS: u32 = 3_600;
/// How often the pools are looked at before they must be on sale.
const STOCK_LOOKS_MAX: u32 = 500;
/// No buyer meets the limit: it would tie lots together.
const LIMIT_PER_USER: u32 = 1_000;

/// The show, ready to sell.
#[derive(Debug)]
pub(super) struct Stage {
    /// Its id.
    pub(super) show_id: String,
    /// Its seats, in plan order.
    pub(super) seats: Vec<String>,
    places: HashMap<String, usize>,
    /// Its pools: name, tickets, segments.
    pub(super) pools: Vec<(String, u32, u16)>,
}

impl Stage {
    /// Makes the show and opens its sale.
    pub(super) async fn set(client: &Client, key: &str) -> anyhow::Result<Self> {
        let said = |reason: String| anyhow!("{reason}");
        let plan = plan::generate(SEATS).to_string();
        let request = post("/admin/v1/plans".into(), None).bytes(plan.into());
        let request = authorized(request, key).map_err(said)?;
        let plan: PlanCreated = must(client, request).await.map_err(said)?;
        let pools: Vec<_> = (0..POOLS)
            .map(|number| {
                let tickets = POOL_TICKETS_MIN + number / 2 % POOL_SIZES;
                let segments = if number % 2 == 0 { 1 } else { SEGMENTS };
                (format!("pool-{number}"), tickets, segments)
            })
            .collect();
        let request = show_request(&plan, &pools);
        let show = setup::announce(client, key, &request).await.map_err(said)?;
        let path = format!("/api/v1/shows/{}/seats", show.show_id);
        let map: SeatMap = must(client, get(path)).await.map_err(said).context("read the map")?;
        let seats = map.seats.into_iter().map(|seat| seat.seat_id).collect();
        wait_for_stock(client, &show.show_id).await?;
        Ok(Self::of(show.show_id, seats, pools))
    }

    /// A show with these seats and pools.
    pub(super) fn of(show_id: String, seats: Vec<String>, pools: Vec<(String, u32, u16)>) -> Self {
        let places = seats.iter().cloned().zip(0..).collect();
        Self { show_id, seats, places, pools }
    }

    /// Where a seat is on the map.
    pub(super) fn place(&self, label: &str) -> Option<usize> {
        self.places.get(label).copied()
    }
}

/// Segments hear of the sale one after the other.
async fn wait_for_stock(client: &Client, show_id: &str) -> anyhow::Result<()> {
    for _ in 0..STOCK_LOOKS_MAX {
        let path = format!("/api/v1/shows/{show_id}");
        let page: Show = must(client, get(path)).await.map_err(|reason| anyhow!("{reason}"))?;
        if page.stock.iter().all(|pool| pool.available == pool.quantity) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the pools are not on sale after {STOCK_LOOKS_MAX} looks")
}

fn show_request(plan: &PlanCreated, pools: &[(String, u32, u16)]) -> ShowRequest {
    let categories = plan.categories.iter().enumerate();
    let stock = |(name, tickets, segments): &(String, u32, u16)| StockRequest {
        name: name.clone(),
        quantity: *tickets,
        price_cents: 4_500,
        segments: Some(*segments),
    };
    ShowRequest {
        plan_id: Some(plan.plan_id.clone()),
        prices: categories.map(|(n, c)| (c.name.clone(), plan::price_cents(&c.name, n))).collect(),
        stock: pools.iter().map(stock).collect(),
        max_per_user: LIMIT_PER_USER,
        hold_seconds: Some(HOLD_SECONDS),
        ..setup::bare_show("Linear")
    }
}
