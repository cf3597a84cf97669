//! Row 15: what shows cost in memory while nobody buys, and once they are sold.
//!
//! What is counted is resident memory as the kernel sees it, so it has in it what the allocator
//! keeps for later. A server that has just started has the plans' documents and all of its shows
//! read from the disk; that is told beside it.

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::sale::sell_hall;
use super::say;
use crate::Settings;
use crate::contenders::SHOW_SEATS;
use crate::table::{Figure, Row, Wanted};
use crate::usher::Usher;

/// Large shows that nobody buys from.
const SHOWS: u32 = 10;
/// Small ones.
const SMALL_SHOWS: u32 = 10_000;
const SMALL_SHOW_SEATS: u32 = 1_000;
/// Organisers at once who make the small ones.
const ORGANISERS: u32 = 8;
/// The allocator gives back what it does not need after a while.
const SETTLES: Duration = Duration::from_secs(3);

/// Measures all of it.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for row in [idle(settings).await?, sold(settings).await?, many(settings).await?] {
        say(&row);
        rows.push(row);
    }
    Ok(rows)
}

async fn idle(settings: &Settings) -> anyhow::Result<Row> {
    let mut usher = Usher::start(settings, &[]).await?;
    let empty = resident(&usher).await?;
    let hall = usher.hall(SHOW_SEATS).await?;
    let with_plan = resident(&usher).await?;
    for _ in 0..SHOWS {
        usher.show(&hall).await?;
    }
    let with_shows = resident(&usher).await?;
    usher.kill();
    usher.go_on().await?;
    let after_restart = resident(&usher).await?;
    let seats = f64::from(SHOWS * SHOW_SEATS);
    let a_seat = |bytes: f64| bytes / seats;
    Ok(Row {
        number: 15,
        what: format!("memory of a seat, {SHOWS} idle shows of {SHOW_SEATS} in one hall"),
        figure: Figure::once(a_seat(with_shows - empty), "bytes"),
        wanted: Wanted::AtMost(16.0, 8.0),
        note: format!(
            "{:.1} bytes of it for the plan, which all of them share; {:.1} bytes in all after a \
             restart; the server alone: {:.0} MB",
            a_seat(with_plan - empty),
            a_seat(after_restart - empty),
            empty / 1e6
        ),
    })
}

async fn sold(settings: &Settings) -> anyhow::Result<Row> {
    let mut usher = Usher::start(settings, &[]).await?;
    let empty = resident(&usher).await?;
    let sold = sell_hall(settings, &usher, "1-1")?;
    let full = resident(&usher).await?;
    usher.kill();
    usher.go_on().await?;
    let after_restart = resident(&usher).await?;
    let a_seat = |bytes: f64| bytes / sold.seats as f64;
    Ok(Row {
        number: 15,
        what: "memory of a sold seat with its order and ticket".into(),
        figure: Figure::once(a_seat(full - empty), "bytes"),
        wanted: Wanted::AtMost(400.0, 250.0),
        note: format!(
            "{} orders of one seat; {:.0} bytes after a restart; plan, journal's cache and the \
             connections' buffers are in it",
            sold.seats,
            a_seat(after_restart - empty)
        ),
    })
}

async fn many(settings: &Settings) -> anyhow::Result<Row> {
    let usher = Usher::start(settings, &[]).await?;
    let hall = usher.hall(SMALL_SHOW_SEATS).await?;
    let shows = settings.sized(SMALL_SHOWS);
    let mut organisers = JoinSet::new();
    let usher = std::rc::Rc::new(usher);
    for organiser in 0..ORGANISERS {
        let (usher, hall) = (usher.clone(), hall.clone());
        organisers.spawn_local(async move {
            for _ in (organiser..shows).step_by(ORGANISERS as usize) {
                usher.show(&hall).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = organisers.join_next().await {
        ended.context("an organiser")??;
    }
    let all = resident(&usher).await?;
    Ok(Row {
        number: 15,
        what: format!("memory with {shows} idle shows of {SMALL_SHOW_SEATS} seats"),
        figure: Figure::once(all / 1e6, "MB"),
        wanted: Wanted::AtMost(1_000.0, 300.0),
        note: String::new(),
    })
}

/// What it has in memory once it has come to rest, in bytes.
async fn resident(usher: &Usher) -> anyhow::Result<f64> {
    tokio::time::sleep(SETTLES).await;
    Ok(usher.resident_bytes()? as f64)
}
