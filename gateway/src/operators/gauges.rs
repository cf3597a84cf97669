//! What is counted over all shows when somebody asks for metrics: few figures with fixed labels,
//! however many shows there are.

use crate::app::App;
use crate::room;
use actix_web::web;
use usher_shards::ShowView;

/// Sets the gauges of what is sold and of the newest snapshot. Reads published views and the names
/// of the snapshots' files; asks no owner.
pub(crate) async fn set(app: &App) {
    let mut totals = [0_u64; STATUSES.len()];
    for view in app.router.directory().shows() {
        add(&mut totals, &view);
    }
    for (status, total) in STATUSES.into_iter().zip(totals) {
        metrics::gauge!("usher_units", "status" => status).set(total as f64);
    }
    metrics::gauge!("usher_shows").set(app.router.directory().shows().len() as f64);
    room::gauge(app);
    let compactor = app.compactor.clone();
    match web::block(move || compactor.newest_snapshot()).await {
        Ok(Ok(Some(info))) => {
            let age = info.written.elapsed().unwrap_or_default();
            metrics::gauge!("usher_snapshot_age_seconds").set(age.as_secs_f64());
            metrics::gauge!("usher_snapshot_sequence").set(info.covers.seq as f64);
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "cannot look at the snapshots"),
        Err(error) => tracing::warn!(%error, "cannot look at the snapshots"),
    }
}

/// Says what the gauges mean, as `/metrics` says it.
pub(crate) fn describe() {
    for (name, words) in [
        ("usher_shows", "Shows"),
        ("usher_units", "Seats and standing tickets of all shows, by status"),
        ("usher_snapshot_age_seconds", "Age of the newest snapshot; absent until there is one"),
        ("usher_snapshot_sequence", "The record up to which the newest snapshot goes"),
    ] {
        metrics::describe_gauge!(name, words);
    }
    room::describe_metrics();
}

const STATUSES: [&str; 5] = ["available", "held", "sold", "blocked", "in_transit"];

fn add(totals: &mut [u64; STATUSES.len()], view: &ShowView) {
    let seats = view.seats.figures().counts;
    let seats = [seats.available, seats.held, seats.sold, seats.blocked, 0].map(u64::from);
    let pools = (0..).map_while(|pool| view.pool(pool));
    let pools = pools.map(|pool| {
        let pool = pool.totals();
        [pool.available, pool.held, pool.sold, pool.blocked, pool.in_transit]
    });
    for counts in std::iter::once(seats).chain(pools) {
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
}
