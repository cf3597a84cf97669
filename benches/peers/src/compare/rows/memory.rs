//! Row 15: what shows cost in memory while nobody buys, and once they are sold.
//!
//! What is counted is resident memory as the kernel sees it, so it has in it what the allocator
//! keeps for later.

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::sale::sell;
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
const SETTLES: Duration = Duration::from_secs(5);
/// The replica gives its copy up a minute after the last question, which the audit of a sale asks.
const RESTS: Duration = Duration::from_secs(70);

/// Measures all of it.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for number in 0..3 {
        let row = match number {
            0 => idle(settings).await?,
            1 => sold(settings).await?,
            _ => many(settings).await?,
        };
        say(&row);
        rows.push(row);
    }
    Ok(rows)
}

async fn idle(settings: &Settings) -> anyhow::Result<Row> {
    let mut usher = Usher::start(settings, &[]).await?;
    let alone = resident(&usher).await?;
    let hall = usher.hall(SHOW_SEATS).await?;
    let first = usher.show(&hall).await?;
    anyhow::ensure!(!first.is_empty(), "no show");
    let with_first = resident(&usher).await?;
    for _ in 1..SHOWS {
        usher.show(&hall).await?;
    }
    let with_all = resident(&usher).await?;
    usher.kill();
    usher.go_on().await?;
    let after_restart = resident(&usher).await?;
    let a_seat = |bytes: f64, shows: u32| bytes / f64::from(shows * SHOW_SEATS);
    Ok(Row {
        number: 15,
        what: format!("memory of a seat, {SHOWS} idle shows of {SHOW_SEATS} in one hall"),
        figure: Figure::once(a_seat(with_all - alone, SHOWS), "bytes"),
        wanted: Wanted::AtMost(16.0, 8.0),
        note: format!(
            "the server alone {:.0} MB, the hall's plan and its first show {:.0} MB, a seat of the \
             others {:.1} bytes; {:.1} bytes a seat in all after a restart",
            alone / 1e6,
            (with_first - alone) / 1e6,
            a_seat(with_all - with_first, SHOWS - 1),
            a_seat(after_restart - alone, SHOWS),
        ),
    })
}

/// A show is sold first, so that what is counted is that of another show, and not what a server
/// takes once: the plan, the journal's cache, buffers of connections.
async fn sold(settings: &Settings) -> anyhow::Result<Row> {
    let usher = Usher::start(settings, &[]).await?;
    let hall = usher.hall(settings.sized(SHOW_SEATS)).await?;
    let shows = [usher.show(&hall).await?, usher.show(&hall).await?];
    let seats = hall.labels.len() as f64;
    let (mut awake, mut resting) = (Vec::new(), vec![resident(&usher).await?]);
    for show in &shows {
        sell(settings, &usher, show, "1-1")?;
        awake.push(resident(&usher).await?);
        tokio::time::sleep(RESTS).await;
        resting.push(resident(&usher).await?);
    }
    let grown = |show: usize| (resting[show + 1] - resting[show]) / seats;
    Ok(Row {
        number: 15,
        what: "memory of a sold seat with its order and ticket".into(),
        figure: Figure::once(grown(1), "bytes"),
        wanted: Wanted::AtMost(400.0, 250.0),
        note: format!(
            "{seats} orders of one seat, in the second show that is sold, with the replica at \
             rest; {:.0} bytes while it has its copy; {:.0} bytes in the first show, with what \
             the server takes once",
            (awake[1] - awake[0]) / seats,
            grown(0)
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
