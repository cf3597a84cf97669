//! Rows of ratios, as text for people and as JSON for everything else.

use serde_json::{Value, json};

use crate::client::Figures;

/// One contender, over all rounds.
pub(crate) struct Measured {
    /// Its name.
    pub(crate) name: &'static str,
    /// What is compared, a round each.
    pub(crate) rounds: Vec<f64>,
    /// Of the last round.
    pub(crate) last: Figures,
}

impl Measured {
    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// How far apart the rounds are, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        let most = self.rounds.iter().copied().fold(f64::MIN, f64::max);
        let least = self.rounds.iter().copied().fold(f64::MAX, f64::min);
        (most - least) / self.median()
    }
}

/// One ratio and what it must reach.
pub(crate) struct Row {
    /// Its number in `docs/PERFORMANCE.md`.
    pub(crate) number: u32,
    /// In words.
    pub(crate) what: String,
    /// Usher.
    pub(crate) ours: Measured,
    /// What it is measured beside.
    pub(crate) theirs: Measured,
    /// Unit of the medians.
    pub(crate) unit: &'static str,
    /// The ratio of the medians.
    pub(crate) ratio: f64,
    /// What it should at least be, and what we aim for.
    pub(crate) wanted: (f64, f64),
}

/// The table for people.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = format!(
        "{:>3}  {:<58} {:>12} {:>12}  {:<6} {:>7} {:>8} {:>7}  {:>7}\n",
        "#", "ours / theirs", "ours", "theirs", "unit", "ratio", "at least", "aim", "spread"
    );
    for row in rows {
        let spread = row.ours.spread().max(row.theirs.spread());
        let verdict = if row.ratio >= row.wanted.0 { ' ' } else { '!' };
        text += &format!(
            "{:>3}{verdict} {:<58} {:>12.0} {:>12.0}  {:<6} {:>7.2} {:>8.2} {:>7.2}  {:>6.0}%\n",
            row.number,
            row.what,
            row.ours.median(),
            row.theirs.median(),
            row.unit,
            row.ratio,
            row.wanted.0,
            row.wanted.1,
            spread * 100.0
        );
    }
    text
}

/// The same and more, for programs.
pub(crate) fn json(rows: &[Row]) -> Value {
    let contender = |measured: &Measured| {
        let latency = &measured.last.latency_us;
        json!({
            "name": measured.name,
            "median": measured.median(),
            "rounds": measured.rounds,
            "shareGood": measured.last.share_good(),
            "p50Us": latency.value_at_quantile(0.5),
            "p99Us": latency.value_at_quantile(0.99),
        })
    };
    let row = |row: &Row| {
        json!({
            "row": row.number,
            "what": row.what,
            "unit": row.unit,
            "ratio": row.ratio,
            "atLeast": row.wanted.0,
            "aim": row.wanted.1,
            "ours": contender(&row.ours),
            "theirs": contender(&row.theirs),
        })
    };
    rows.iter().map(row).collect()
}
