//! Row 5: how long a hold takes at half of what the server can do.
//!
//! A hold must wait for the disk, so it is measured in units of that: by how many of the journal's
//! own flushes its 99th percentile is above that of a handler that does nothing. Each turn has a
//! server of its own, since its journal counts from its start.

use super::{say, turn};
use crate::Settings;
use crate::contenders::{Empty, SHOW_SEATS, Sale};
use crate::table::{Figure, Row, Wanted, median};
use crate::usher::Usher;

/// Connections, for the peak as for half of it.
const CONNECTIONS: usize = 64;

/// The 99th percentiles of one round, in milliseconds.
struct Round {
    hold: f64,
    empty: f64,
    flush: f64,
}

/// Measures the peak, then both at half of it.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let _empty = Empty::start(settings).await?;
    let peak = {
        let usher = Usher::start(settings, &[]).await?;
        let sale = Sale::prepare(&usher, SHOW_SEATS).await?;
        let mut peaks = Vec::new();
        for _ in 0..settings.rounds {
            sale.last_for(&usher, settings.seconds).await?;
            let turn = turn(&sale.holds(), CONNECTIONS, settings, None).await?;
            peaks.push(turn.per_second());
        }
        median(&peaks)
    };
    let rate = Some(peak / 2.0);
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds {
        let usher = Usher::start(settings, &[]).await?;
        let sale = Sale::prepare(&usher, SHOW_SEATS).await?;
        sale.last_for(&usher, settings.seconds).await?;
        let hold = turn(&sale.holds(), CONNECTIONS, settings, rate).await?.quantile_ms(0.99);
        let flush = usher.shards().await?.journal.batch_seconds.p99 * 1e3;
        let empty = turn(&Empty::holds(), CONNECTIONS, settings, rate).await?.quantile_ms(0.99);
        rounds.push(Round { hold, empty, flush });
    }
    let of = |figure: fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
    let row = Row {
        number: 5,
        what: "hold p99 at half load, above empty handler's, in flush p99s".into(),
        figure: Figure::Plain {
            rounds: rounds.iter().map(|r| (r.hold - r.empty) / r.flush).collect(),
            unit: "flushes",
        },
        wanted: Wanted::AtMost(3.0, 2.0),
        note: format!(
            "at {:.0}/s, p99 of a hold {:.2} ms, of the empty handler {:.2} ms, of the journal's \
             flushes {:.2} ms",
            peak / 2.0,
            of(|round| round.hold),
            of(|round| round.empty),
            of(|round| round.flush)
        ),
    };
    say(&row);
    Ok(vec![row])
}
