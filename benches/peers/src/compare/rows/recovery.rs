//! Row 12: a server with a million records in its journal is killed, and comes back.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use usher_loadgen::api::post;

use super::say;
use crate::Settings;
use crate::client;
use crate::contenders::{SHOW_SEATS, Sale};
use crate::table::{Figure, Row, Wanted};
use crate::usher::Usher;

/// Records that are in the journal at least when it is killed.
const RECORDS: u32 = 1_000_000;
/// Holds are made by so many at once, so that it does not take long.
const CONNECTIONS: usize = 256;
/// A server that is not back by then will not come back.
const PATIENCE: Duration = Duration::from_secs(120);

/// Fills the journal, kills, and waits for the first hold.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut usher = Usher::start(settings, &[]).await?;
    let sale = Sale::prepare(&usher, SHOW_SEATS).await?;
    let mut journal = usher.shards().await?.journal;
    while journal.records < u64::from(settings.sized(RECORDS)) {
        sale.last_for(&usher, Duration::from_secs(1)).await?;
        let holds = sale.holds();
        client::run(&holds.load(CONNECTIONS, Duration::from_secs(1), None)).await?;
        journal = usher.shards().await?.journal;
    }
    let shows = sale.shows();
    // The hold that is waited for is in a show of its own, so that its seat is certainly free.
    let fresh = usher.show(sale.hall()).await?;

    usher.kill();
    let killed = Instant::now();
    usher.spawn()?;
    let seconds = first_hold(&usher, &fresh, &sale.hall().labels[0], killed).await?;

    let replayed = usher.metric("usher_recovery_records").await?;
    let replay_seconds = usher.metric("usher_recovery_duration_seconds").await?;
    let log = usher.log();
    let opened = logged(&log, "opened the journal")?;
    let recovered = logged(&log, "recovered")?;
    let note = format!(
        "{} records of {} MB in {} shows; {replayed} replayed after the snapshot at {}; the store \
         opened in {:.2} s, replay {replay_seconds:.2} s",
        journal.records,
        journal.bytes / 1_000_000,
        shows.len(),
        recovered["snapshot_sequence"],
        opened["seconds"].as_f64().context("no time")?,
    );
    let rows = [
        ("records replayed a second", replayed / replay_seconds, "1/s", at_least(1e6, 3e6)),
        ("kill -9 to the first acknowledged hold", seconds, "s", Wanted::AtMost(3.0, 1.0)),
    ];
    let row = |(what, value, unit, wanted)| Row {
        number: 12,
        what: format!("recovery: {what}"),
        figure: Figure::once(value, unit),
        wanted,
        note: note.clone(),
    };
    let rows = rows.map(row);
    rows.iter().for_each(say);
    Ok(rows.into())
}

fn at_least(bound: f64, aim: f64) -> Wanted {
    Wanted::AtLeast(bound, aim)
}

/// Asks again and again until a hold is acknowledged. Seconds since it was killed.
async fn first_hold(usher: &Usher, show: &str, seat: &str, killed: Instant) -> anyhow::Result<f64> {
    let body = format!(r#"{{"userId":"first","seatIds":["{seat}"]}}"#);
    let request = post(format!("/api/v1/shows/{show}/holds"), None).bytes(body.into());
    while killed.elapsed() < PATIENCE {
        if usher.ask(&request).await.is_ok_and(|reply| reply.status == 201) {
            return Ok(killed.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    anyhow::bail!("it does not come back: {}", usher.log())
}

/// The fields of what it said last with these words.
fn logged(log: &str, message: &str) -> anyhow::Result<Value> {
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines = lines.filter(|line| line["message"] == message);
    lines.next().with_context(|| format!("it never said that it {message}"))
}
