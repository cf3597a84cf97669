//! What is measured, and how high or low it should be: a file for each kind of row.
//!
//! Each sets up only what it needs, so that a row can be measured alone, and one that fails leaves
//! the others alone.

mod beside;
mod latency;
pub(crate) mod maps;
mod memory;
mod overload;
mod parts;
mod queue;
mod recovery;
mod sale;
mod streams;
mod tools;

use crate::Settings;
use crate::client::{self, Figures};
use crate::contenders::Contender;
use crate::table::Row;

/// Shares of right answers below which a figure says nothing.
const RIGHT_MIN: f64 = 0.9;

/// Measures the rows that are asked for. What could not be measured is told beside them.
pub(crate) async fn measure(settings: &Settings) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    let mut take = |what: &str, measured: anyhow::Result<Vec<Row>>| match measured {
        Ok(measured) => rows.extend(measured),
        Err(error) => {
            eprintln!("{what}: {error:#}");
            failures.push(format!("{what}: {error:#}"));
        }
    };
    let wants = |numbers: &[u32]| {
        settings.numbers.is_empty() || numbers.iter().any(|n| settings.numbers.contains(n))
    };
    if wants(&parts::NUMBERS) {
        take("rows of parts", parts::measure(settings));
    }
    if wants(&beside::NUMBERS) {
        take("rows beside peers", beside::measure(settings).await);
    }
    if wants(&[5]) {
        take("row 5", latency::measure(settings).await);
    }
    if wants(&[10]) {
        take("row 10", maps::measure(settings).await);
    }
    if wants(&[11]) {
        take("row 11", sale::measure(settings).await);
    }
    if wants(&[12]) {
        take("row 12", recovery::measure(settings).await);
    }
    if wants(&[14]) {
        take("row 14", overload::measure(settings).await);
    }
    if wants(&[15]) {
        take("row 15", memory::measure(settings).await);
    }
    if wants(&[16]) {
        take("row 16", streams::measure(settings).await);
    }
    if wants(&[18]) {
        take("row 18", tools::measure(settings).await);
    }
    if wants(&[19]) {
        take("row 19", queue::measure(settings).await);
    }
    rows.sort_by_key(|row| row.number);
    (rows, failures)
}

/// Says on the terminal how far it is.
fn say(row: &Row) {
    let name = format!("row {}, {}", row.number, row.what);
    eprintln!("{name}: {:.2} {}", row.figure.value(), row.note);
}

/// One turn, closed or open loop; nearly all answers must be right.
async fn turn(
    contender: &Contender,
    connections: usize,
    settings: &Settings,
    rate: Option<f64>,
) -> anyhow::Result<Figures> {
    let figures = client::run(&contender.load(connections, settings.seconds, rate)).await?;
    anyhow::ensure!(
        figures.share(contender.right(&figures)) >= RIGHT_MIN,
        "{}: too few answers are right: {}",
        contender.name,
        figures.told()
    );
    Ok(figures)
}
