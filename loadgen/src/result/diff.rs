//! What changed from one run to another, figure by figure.

use super::{Latency, RunResult};
use crate::meter::Step;
use crate::units::{show_rate, show_us};

/// A change below this, up or down, is called the same: two runs of the same thing differ by it.
const NOISE_SHARE: f64 = 0.05;
/// Differences of latencies below this are noise whatever their share.
const NOISE_US: f64 = 50.0;

/// One figure in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it is of, such as `hold`.
    pub of: String,
    /// Which figure, such as `p99`.
    pub figure: &'static str,
    /// In the first run, for people.
    pub before: String,
    /// In the second run, for people.
    pub after: String,
    /// By how much it changed; 0.1 is ten percent more. None where the first is zero.
    pub share: Option<f64>,
    /// By how much it got worse, 0 where it got better or stayed the same within noise.
    pub worse_share: f64,
}

/// Compares two runs: the rate of all requests and of sales, then every step that both have.
#[must_use]
pub fn diff(before: &RunResult, after: &RunResult) -> Vec<Change> {
    let rate = |count: u64, run: &RunResult| count as f64 / run.seconds.max(1e-9);
    let mut changes = vec![
        higher_is_better(
            "all",
            "rate",
            rate(before.all.count(), before),
            rate(after.all.count(), after),
        ),
        higher_is_better("all", "sold/s", rate(before.sold, before), rate(after.sold, after)),
        errors(before, after),
    ];
    latencies(&mut changes, "all", &before.all, &after.all);
    for step in Step::ALL {
        if let (Some(before), Some(after)) = (before.steps.get(&step), after.steps.get(&step)) {
            latencies(&mut changes, step.name(), &before.latency, &after.latency);
        }
    }
    changes
}

fn latencies(changes: &mut Vec<Change>, of: &str, before: &Latency, after: &Latency) {
    for (figure, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let (before, after) = (before.quantile_us(share), after.quantile_us(share));
        let worse = worse_share(before as f64, after as f64, NOISE_US);
        changes.push(Change {
            of: of.into(),
            figure,
            before: show_us(before),
            after: show_us(after),
            share: share_of(before as f64, after as f64),
            worse_share: worse,
        });
    }
}

fn higher_is_better(of: &str, figure: &'static str, before: f64, after: f64) -> Change {
    Change {
        of: of.into(),
        figure,
        before: show_rate(before),
        after: show_rate(after),
        share: share_of(before, after),
        // From 100 to 50 is half of it gone: worse by one half.
        worse_share: if before > 0.0 && after < before * (1.0 - NOISE_SHARE) {
            1.0 - after / before
        } else {
            0.0
        },
    }
}

fn errors(before: &RunResult, after: &RunResult) -> Change {
    let share = |run: &RunResult| run.counts().failed as f64 / (run.all.count() as f64).max(1.0);
    let (before, after) = (share(before), share(after));
    Change {
        of: "all".into(),
        figure: "errors",
        before: format!("{:.3}%", before * 100.0),
        after: format!("{:.3}%", after * 100.0),
        share: share_of(before, after),
        worse_share: worse_share(before, after, 0.0),
    }
}

fn share_of(before: f64, after: f64) -> Option<f64> {
    (before > 0.0).then(|| after / before - 1.0)
}

/// For figures of which less is better. From nothing to something is worse without bound.
fn worse_share(before: f64, after: f64, noise: f64) -> f64 {
    if after <= before * (1.0 + NOISE_SHARE) || after - before <= noise {
        0.0
    } else if before > 0.0 {
        after / before - 1.0
    } else {
        f64::INFINITY
    }
}
