//! What goes on beside the journeys of a run: the shared seat map is refreshed, and somebody
//! watches for the last ticket.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;
use usher_wire::seatmap::SEAT_MAP_MEDIA_TYPE;

use super::{SoldBefore, buys_seats, buys_stock, live_counts};
use crate::api::get;
use crate::http::{Client, Outcome};
use crate::meter::Step;
use crate::reread::Ops;
use crate::seats::Board;
use crate::units::show_count;
use crate::workload::Workload;
use crate::world::World;

/// How often the watcher looks.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// A run until sold out gives up when nothing was sold for so long, and nothing is left that may
/// come back: no hold and no unpaid order that this run knows of.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Asks for the map and puts it on the board.
pub(super) async fn refresh(
    client: &Client,
    show_id: &str,
    board: &mut Board,
) -> Result<(), String> {
    let map = map(client, show_id).await?;
    board.refresh(&map)
}

async fn map(client: &Client, show_id: &str) -> Result<bytes::Bytes, String> {
    let accept = HeaderValue::from_static(SEAT_MAP_MEDIA_TYPE);
    let request = get(format!("/api/v1/shows/{show_id}/seats")).header("accept", accept);
    match client.send(Step::Map, &request).await {
        Outcome::Answered(reply) if reply.status == 200 => Ok(reply.body),
        Outcome::Answered(reply) => Err(format!("status {}", reply.status)),
        Outcome::Lost(reason) => Err(reason.to_string()),
    }
}

/// Refreshes the shared map until its task is aborted.
pub(super) async fn refresh_map(world: Rc<World>, client: Client) {
    let Some(board) = &world.board else { return };
    loop {
        tokio::time::sleep(world.habits.map_every).await;
        // The board stays free for the buyers while the answer is on its way.
        let refreshed = match map(&client, world.show_id()).await {
            Ok(map) => board.borrow_mut().refresh(&map),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = refreshed {
            world.meter.sample(|| format!("refresh of the shared map: {reason}"));
        }
    }
}

/// Ends the run early, and in order, when the person at the terminal has seen enough.
pub(super) async fn stop_on_ctrl_c(world: Rc<World>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        world.stop();
    }
}

/// Watches for the last ticket.
pub(super) struct SoldOut {
    pub(super) world: Rc<World>,
    pub(super) workload: Workload,
    pub(super) ops: Option<Ops>,
    pub(super) capacity: u64,
    pub(super) before: SoldBefore,
    pub(super) notes: Rc<RefCell<Vec<String>>>,
}

impl SoldOut {
    /// Stops the run when everything is sold, or when nothing has been for too long.
    pub(super) async fn watch(self) {
        let stall_max_us = STALL_MAX.as_micros() as u64;
        let (mut sold, mut since) = (0, Instant::now());
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            let now = self.sold().await;
            if now >= self.capacity {
                return self.world.stop();
            }
            if now > sold {
                (sold, since) = (now, Instant::now());
            }
            let comes_back = self.world.live_until_us.get() + stall_max_us;
            if since.elapsed() > STALL_MAX && self.world.clock.now_us() > comes_back {
                self.notes.borrow_mut().push(format!(
                    "gave up at {} of {}: nothing was sold for {} s, and nothing is kept for anybody",
                    show_count(now),
                    show_count(self.capacity),
                    since.elapsed().as_secs()
                ));
                return self.world.stop();
            }
        }
    }

    /// As the owners count it where there is an operator key (other generators sell too), else as
    /// this run does.
    async fn sold(&self) -> u64 {
        if let Some(ops) = &self.ops
            && let Ok(status) = live_counts(ops, self.world.show_id()).await
        {
            let of_workload = |is_seats: bool| match is_seats {
                true => buys_seats(self.workload),
                false => buys_stock(self.workload),
            };
            let inventories = status.inventories.iter();
            let counted = inventories.filter(|one| of_workload(one.name == "seats"));
            return counted.map(|one| one.counts.sold).sum();
        }
        let seats = self.before.seats.filter(|_| buys_seats(self.workload));
        let stock = self.before.stock.filter(|_| buys_stock(self.workload));
        let before = seats.unwrap_or(0) + stock.unwrap_or(0);
        before + self.world.meter.with(|measured| measured.sold)
    }
}
