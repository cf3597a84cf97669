//! Tables for the terminal.

use std::fmt::Write as _;

use crate::meter::Step;
use crate::result::{Change, Latency, RunResult, StepResult};
use crate::units::{show_count, show_rate, show_us};

/// A run as a table, with what is worth a remark below it.
#[must_use]
pub fn table(result: &RunResult) -> String {
    let mut rows = vec![row(&HEADINGS)];
    for step in Step::ALL.iter().filter(|step| step.is_request()) {
        rows.extend(result.steps.get(step).map(|of| step_row(step.name(), of, result.seconds)));
    }
    let all = all_requests(result);
    rows.push(step_row("all requests", &all, result.seconds));
    for step in Step::ALL.iter().filter(|step| !step.is_request()) {
        rows.extend(result.steps.get(step).map(|of| step_row(step.name(), of, result.seconds)));
    }
    let mut text = format!(
        "{} · show {} · {:.1} s · {} connections opened\n\n",
        result.workload, result.show_id, result.seconds, result.connections
    );
    text.push_str(&aligned(&rows));
    text.push('\n');
    for line in remarks(result) {
        let _ = writeln!(text, "{line}");
    }
    text
}

const HEADINGS: [&str; 11] = [
    "step", "count", "rate/s", "refused", "failed", "retries", "p50", "p90", "p99", "p99.9", "max",
];

/// The sum of all requests, as one step.
fn all_requests(result: &RunResult) -> StepResult {
    let counts = result.counts();
    StepResult {
        done: counts.done,
        refused: counts.refused,
        failed: counts.failed,
        retries: counts.retries,
        latency: Latency(result.all.0.clone()),
        ..StepResult::default()
    }
}

fn step_row(name: &str, step: &StepResult, seconds: f64) -> Vec<String> {
    let count = step.latency.count();
    let mut cells = vec![
        name.to_owned(),
        show_count(count),
        show_rate(count as f64 / seconds.max(1e-9)),
        show_count(step.refused),
        show_count(step.failed),
        show_count(step.retries),
    ];
    let shares = [0.5, 0.9, 0.99, 0.999];
    cells.extend(shares.map(|share| show_us(step.latency.quantile_us(share))));
    cells.push(show_us(step.latency.max_us()));
    cells
}

/// What is worth a remark: sales, endings, refusals, the generator's own lag, faults.
pub(super) fn remarks(result: &RunResult) -> Vec<String> {
    let mut lines = vec![format!(
        "sold {} of {} ({}/s)",
        show_count(result.sold),
        show_count(result.capacity),
        show_rate(result.sold as f64 / result.seconds.max(1e-9))
    )];
    let words = |counts: Vec<(String, u64)>| {
        let words = counts.iter().map(|(name, count)| format!("{name} {}", show_count(*count)));
        words.collect::<Vec<_>>().join(", ")
    };
    let journeys = result.journeys.iter().map(|(name, count)| (name.clone(), *count));
    lines.push(format!("journeys: {}", words(journeys.collect())));
    let mut refusals: Vec<_> = result
        .steps
        .iter()
        .flat_map(|(step, of)| {
            of.refusals.iter().map(|(code, n)| (format!("{} {code}", step.name()), *n))
        })
        .collect();
    refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    if !refusals.is_empty() {
        lines.push(format!("refusals: {}", words(refusals)));
    }
    if let Some(schedule) = &result.schedule {
        let kept = if schedule.kept {
            "the schedule was kept"
        } else {
            "THE GENERATOR DID NOT KEEP ITS SCHEDULE: the load was less even than asked for"
        };
        lines.push(format!(
            "{kept}: {} arrivals, late by p50 {}, p99 {}, at most {}",
            show_count(schedule.arrivals),
            show_us(schedule.lag.quantile_us(0.5)),
            show_us(schedule.lag.quantile_us(0.99)),
            show_us(schedule.lag.max_us())
        ));
    }
    let streams = &result.streams;
    if streams.frames > 0 {
        lines.push(format!(
            "streams: {} frames, {} bytes, largest {} bytes, {} resumed, {} went backwards",
            show_count(streams.frames),
            show_count(streams.bytes),
            show_count(streams.frame_bytes_max),
            show_count(streams.resumed),
            show_count(streams.backwards)
        ));
    }
    lines.extend(result.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(result.samples.iter().take(5).map(|sample| format!("fault: {sample}")));
    for outcome in &result.slo {
        let met = if outcome.met { "met" } else { "MISSED" };
        lines.push(format!("slo {}: {met}, measured {}", outcome.rule, outcome.measured));
    }
    lines
}

/// What changed between two runs.
#[must_use]
pub fn diff_table(changes: &[Change]) -> String {
    let mut rows = vec![row(&["of", "figure", "before", "after", "change", ""])];
    for change in changes {
        let share = change.share.map_or_else(|| "new".into(), |s| format!("{:+.1}%", s * 100.0));
        let verdict = if change.worse_share > 0.0 { "worse" } else { "" };
        rows.push(vec![
            change.of.clone(),
            change.figure.into(),
            change.before.clone(),
            change.after.clone(),
            share,
            verdict.into(),
        ]);
    }
    aligned(&rows)
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// Columns as wide as their widest cell; the first to the left, figures to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters_and_not_bytes() {
        let rows = [row(&["a", "µµ"]), row(&["bbb", "1"])];
        assert_eq!(aligned(&rows), "a    µµ\nbbb   1\n");
    }

    #[test]
    fn a_table_says_what_went_wrong_in_words() {
        let mut result = crate::result::tests::result(1, &[1, 50], 3);
        result.samples.push("POST /x: 500".into());
        let schedule = result.schedule.as_mut().expect("open loop");
        schedule.kept = false;
        let text = table(&result);
        for want in ["hold", "all requests", "sold 3 of 10", "DID NOT KEEP", "fault: POST /x: 500"]
        {
            assert!(text.contains(want), "{want} is in\n{text}");
        }
    }
}
