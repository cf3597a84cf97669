//! How many people are let in, and when: a look at every room that sells, twice a second.
//!
//! The smallest of these is called: what the pace allows, how many may shop at once less those who
//! do, and what can still be had less those who are in already. Where shards or journal fall
//! behind, the pace is lowered until they have caught up. All of it is read from what is published;
//! a restart forgets nothing but the pace measured lately.

use super::describe::Stock;
use crate::app::App;
use crate::buyers::lookup;
use crate::config::secrets::random_bytes;
use crate::server::lifecycle::Stage as Life;
use actix_web::web::Data;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use usher_engine::room::{CALL_MAX, RoomCommand, RoomMove, Stage};
use usher_engine::{Command, MachineId, ShowKey, Timestamp};
use usher_shards::view::RoomFigures;
use usher_shards::{CallError, RoomView, ShowView};
use usher_wire::HeldBackBy;

/// How often rooms are looked at, in milliseconds.
const LOOK_MS: u64 = 500;

/// Over how long the pace is measured, in milliseconds: newer looks count more.
const PACE_MS: u64 = 10_000;

/// So many looks in a row must find a show sold out for good before its room is drained.
const SOLD_OUT_LOOKS: u64 = 10;

/// A lane with more waiting requests than this falls behind.
const LANE_WAITING_MAX: usize = 512;

/// With more requests than this waiting for their records to be durable, the journal falls behind.
const IN_FLIGHT_MAX: usize = 4_096;

/// By how much the pace is divided while something falls behind.
const LOWERED_BY: u64 = 4;

/// What was measured of all rooms.
#[derive(Default)]
pub struct Flows(RwLock<HashMap<ShowKey, Arc<Flow>>>);

/// What was measured of one room.
#[derive(Debug, Default)]
pub struct Flow {
    /// People called when it was last looked at, and when that was.
    called: AtomicU64,
    looked_at: AtomicU64,
    /// People called per second lately, in thousandths.
    pace_milli: AtomicU64,
    /// What the pace allows and was not used yet, in thousandths of a person.
    allowed_milli: AtomicU64,
    sold_out_looks: AtomicU64,
    held_back_by: AtomicU8,
}

impl Flows {
    /// One room's.
    pub(super) fn get(&self, show: ShowKey) -> Option<Arc<Flow>> {
        self.0.read().expect("nothing panics under it").get(&show).cloned()
    }

    fn get_or_make(&self, show: ShowKey) -> Arc<Flow> {
        let known = self.get(show);
        known.unwrap_or_else(|| {
            let mut flows = self.0.write().expect("nothing panics under it");
            flows.entry(show).or_default().clone()
        })
    }
}

impl Flow {
    /// People called per second lately, in thousandths.
    pub(super) fn called_per_second_milli(&self) -> u64 {
        self.pace_milli.load(Ordering::Relaxed)
    }

    /// What keeps the room from letting more people in.
    pub(super) fn held_back_by(&self) -> Option<HeldBackBy> {
        Some(match self.held_back_by.load(Ordering::Relaxed) {
            1 => HeldBackBy::Shopping,
            2 => HeldBackBy::Stock,
            3 => HeldBackBy::Sale,
            4 => HeldBackBy::Load,
            5 => HeldBackBy::Nobody,
            6 => HeldBackBy::Paused,
            _ => return None,
        })
    }

    fn note(&self, held_back_by: Option<HeldBackBy>) {
        let number = match held_back_by {
            None => 0,
            Some(HeldBackBy::Shopping) => 1,
            Some(HeldBackBy::Stock) => 2,
            Some(HeldBackBy::Sale) => 3,
            Some(HeldBackBy::Load) => 4,
            Some(HeldBackBy::Nobody) => 5,
            Some(HeldBackBy::Paused) => 6,
        };
        self.held_back_by.store(number, Ordering::Relaxed);
    }

    /// Measures the pace, and says how many milliseconds went by since the last look.
    fn measure(&self, figures: &RoomFigures, now: Timestamp) -> u64 {
        let before = self.called.swap(figures.tally.called, Ordering::Relaxed);
        let looked_at = self.looked_at.swap(now.0, Ordering::Relaxed);
        let passed_ms = now.0.saturating_sub(looked_at);
        if looked_at == 0 || passed_ms == 0 {
            return LOOK_MS;
        }
        let called = figures.tally.called.saturating_sub(before);
        let pace = called.saturating_mul(1_000_000) / passed_ms;
        let weight = passed_ms.min(PACE_MS);
        let old = self.pace_milli.load(Ordering::Relaxed);
        let new = (old * (PACE_MS - weight) + pace.saturating_mul(weight)) / PACE_MS;
        self.pace_milli.store(new, Ordering::Relaxed);
        passed_ms.min(2 * LOOK_MS)
    }
}

/// What one look at a room has to go by.
#[derive(Debug, Clone, Copy)]
struct Sight {
    shopping_max: u64,
    waiting: u64,
    /// Called, or with a pass.
    inside: u64,
    stock: Stock,
    is_behind: bool,
    /// What the pace allows, in thousandths of a person.
    allowed_milli: u64,
}

/// How many to call, and what keeps it from being more.
fn count(sight: &Sight) -> (u64, Option<HeldBackBy>) {
    let Sight { shopping_max, waiting, inside, stock, is_behind, allowed_milli, .. } = *sight;
    let bounds = [
        (waiting, Some(HeldBackBy::Nobody)),
        (stock.obtainable.saturating_sub(inside), Some(HeldBackBy::Stock)),
        (shopping_max.saturating_sub(inside + stock.held), Some(HeldBackBy::Shopping)),
        (allowed_milli / 1_000, is_behind.then_some(HeldBackBy::Load)),
    ];
    let (count, why) = bounds.into_iter().min_by_key(|(bound, _)| *bound).expect("four bounds");
    (count.min(u64::from(CALL_MAX)), why)
}

/// Looks at all rooms for as long as the server lives.
pub fn start(app: &Data<App>) {
    let app = app.clone();
    actix_web::rt::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(LOOK_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while app.lifecycle.stage() != Life::Draining {
            ticks.tick().await;
            let rooms = app.router.directory().rooms();
            let is_behind = falls_behind(&app);
            join_all(rooms.iter().map(|room| look(&app, room, is_behind))).await;
        }
    });
}

/// Whether shards or journal have more to do than they get done.
fn falls_behind(app: &App) -> bool {
    app.router.is_disk_full()
        || app.router.shards().iter().any(|shard| shard.depth > LANE_WAITING_MAX)
        || app.lifecycle.in_flight() > IN_FLIGHT_MAX
}

async fn look(app: &App, room: &RoomView, is_behind: bool) {
    let flow = app.rooms.flows.get_or_make(room.key);
    let figures = room.board.figures();
    let passed_ms = flow.measure(&figures, lookup::now());
    let done = match figures.stage {
        Stage::Drawing => draw(app, room).await,
        Stage::Open | Stage::Selling => match app.router.directory().show(room.key) {
            Some(show) => let_in(app, room, &show, &flow, &figures, passed_ms, is_behind).await,
            None => Ok(()),
        },
        Stage::Closed | Stage::PreQueue | Stage::Drained => Ok(()),
    };
    // What is busy now is asked again in half a second.
    if let Err(error) = done {
        tracing::debug!(show = room.key.0, %error, "a waiting room could not be steered");
    }
}

/// Where no source was announced, the server draws the public value itself, once the list is
/// closed. Nobody outside can check how, which is why a source should be announced.
async fn draw(app: &App, room: &RoomView) -> Result<(), CallError> {
    let face = room.face();
    if !face.setup.draw_source.is_empty() || face.draw.public_value.is_some() {
        return Ok(());
    }
    let public_value = data_encoding::HEXLOWER.encode(&random_bytes::<32>()).into_boxed_str();
    tell(app, room, RoomCommand::Draw { public_value }).await
}

async fn let_in(
    app: &App,
    room: &RoomView,
    show: &ShowView,
    flow: &Flow,
    figures: &RoomFigures,
    passed_ms: u64,
    is_behind: bool,
) -> Result<(), CallError> {
    let stock = Stock::of(show);
    let setup = &room.face().setup;
    if is_over(flow, &stock) {
        return tell(app, room, RoomCommand::Move(RoomMove::Close)).await;
    }
    let outflow_per_second = u64::from(setup.outflow_per_second);
    let pace = if is_behind { outflow_per_second.div_ceil(LOWERED_BY) } else { outflow_per_second };
    // What was not used is not saved up beyond a second.
    let saved = flow.allowed_milli.load(Ordering::Relaxed);
    let allowed_milli = (saved + pace * passed_ms).min(pace.max(1) * 1_000);
    flow.allowed_milli.store(allowed_milli, Ordering::Relaxed);
    let sight = Sight {
        shopping_max: u64::from(setup.shopping_max),
        waiting: figures.waiting(),
        inside: figures.called + figures.passed,
        stock,
        is_behind,
        allowed_milli,
    };
    let is_closed = || show.face().terms.closed_because(lookup::now()).is_some();
    let (count, why) = if figures.is_paused {
        (0, Some(HeldBackBy::Paused))
    } else if is_closed() {
        (0, Some(HeldBackBy::Sale))
    } else {
        count(&sight)
    };
    flow.note(why);
    if count == 0 {
        return Ok(());
    }
    flow.allowed_milli.fetch_sub((count * 1_000).min(allowed_milli), Ordering::Relaxed);
    tell(app, room, RoomCommand::Call { count: count as u32 }).await
}

/// Whether a show was sold out for good for a while: nothing is free, held or yet to go on sale.
fn is_over(flow: &Flow, stock: &Stock) -> bool {
    if !stock.is_sold_out() || stock.may_come_back() {
        flow.sold_out_looks.store(0, Ordering::Relaxed);
        return false;
    }
    flow.sold_out_looks.fetch_add(1, Ordering::Relaxed) + 1 >= SOLD_OUT_LOOKS
}

async fn tell(app: &App, room: &RoomView, command: RoomCommand) -> Result<(), CallError> {
    app.router.execute(MachineId::room(room.key), Command::Room(command)).await.map(drop)
}

#[cfg(test)]
mod tests;
