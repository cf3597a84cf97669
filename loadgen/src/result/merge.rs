//! Several generators' results as one, as if one generator had done it all.

use std::collections::BTreeMap;

use super::{Latency, RunResult, SecondResult, StepResult};

/// Merges results of generators that ran at the same time. Histograms are added whole, seconds are
/// laid over each other by the clock, and counts are summed. Objectives and audits are of the
/// parts and do not add up, so they are left out.
///
/// # Errors
///
/// When there is nothing to merge, or the parts are of different shows or workloads.
pub fn merge(parts: Vec<RunResult>) -> Result<RunResult, String> {
    let first = parts.first().ok_or("there is nothing to merge")?;
    for part in &parts {
        if (&part.show_id, &part.workload) != (&first.show_id, &first.workload) {
            return Err(format!(
                "`{}` on show {} and `{}` on show {} are not one run",
                first.workload, first.show_id, part.workload, part.show_id
            ));
        }
    }
    let started_us = parts.iter().map(|part| part.started_us).min().unwrap_or(0);
    let end_us = |part: &RunResult| part.started_us as f64 + part.seconds * 1e6;
    let ended_us = parts.iter().map(end_us).fold(0.0, f64::max);
    let mut parts = parts.into_iter();
    let mut merged = parts.next().ok_or("there is nothing to merge")?;
    shift(&mut merged, started_us);
    merged.slo.clear();
    merged.audits.clear();
    for mut part in parts {
        shift(&mut part, started_us);
        add(&mut merged, part);
    }
    merged.started_us = started_us;
    merged.seconds = (ended_us - started_us as f64) / 1e6;
    Ok(merged)
}

/// Puts empty seconds in front, so that second 0 is that of the run that began first.
fn shift(part: &mut RunResult, started_us: u64) {
    let late_s = ((part.started_us - started_us) as f64 / 1e6).round() as usize;
    part.timeline.splice(0..0, (0..late_s).map(|_| SecondResult::empty()));
}

fn add(merged: &mut RunResult, part: RunResult) {
    merged.generators += part.generators;
    merged.run_ids.extend(part.run_ids);
    merged.seeds.extend(part.seeds);
    merged.capacity = merged.capacity.max(part.capacity);
    merged.sold += part.sold;
    merged.connections += part.connections;
    add_latency(&mut merged.all, &part.all);
    for (step, from) in part.steps {
        add_step(merged.steps.entry(step).or_default(), from);
    }
    add_counts(&mut merged.journeys, part.journeys);
    match (&mut merged.schedule, part.schedule) {
        (Some(into), Some(from)) => {
            into.arrivals += from.arrivals;
            into.kept &= from.kept;
            add_latency(&mut into.lag, &from.lag);
        }
        (into @ None, from) => *into = from,
        (Some(_), None) => {}
    }
    merged.streams.frames += part.streams.frames;
    merged.streams.bytes += part.streams.bytes;
    merged.streams.resumed += part.streams.resumed;
    merged.streams.backwards += part.streams.backwards;
    let largest = merged.streams.frame_bytes_max.max(part.streams.frame_bytes_max);
    merged.streams.frame_bytes_max = largest;
    let seconds = merged.timeline.len().max(part.timeline.len());
    merged.timeline.resize_with(seconds, SecondResult::empty);
    for (into, from) in merged.timeline.iter_mut().zip(part.timeline) {
        add_counts(&mut into.answers, from.answers);
        into.sold += from.sold;
        into.arrivals += from.arrivals;
        add_latency(&mut into.latency, &from.latency);
    }
    merged.samples.extend(part.samples);
    for note in part.notes.into_iter().chain(part.settings) {
        if !merged.notes.contains(&note) && !merged.settings.contains(&note) {
            merged.notes.push(note);
        }
    }
}

fn add_step(into: &mut StepResult, from: StepResult) {
    into.done += from.done;
    into.prompt += from.prompt;
    into.refused += from.refused;
    into.failed += from.failed;
    into.retries += from.retries;
    add_counts(&mut into.answers, from.answers);
    add_counts(&mut into.refusals, from.refusals);
    add_latency(&mut into.latency, &from.latency);
    add_latency(&mut into.turned_away, &from.turned_away);
}

fn add_latency(into: &mut Latency, from: &Latency) {
    // A histogram read from a file may have other bounds; widening them loses nothing.
    into.0.auto(true);
    into.0.add(&from.0).expect("a histogram that resizes takes any other");
}

fn add_counts<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}

impl SecondResult {
    /// A second in which nothing happened.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            answers: BTreeMap::new(),
            sold: 0,
            arrivals: 0,
            latency: Latency(crate::meter::latency_histogram(2)),
        }
    }

    /// Adds another second, for plots that have fewer points than the run has seconds.
    pub fn absorb(&mut self, other: &Self) {
        add_counts(&mut self.answers, other.answers.clone());
        self.sold += other.sold;
        self.arrivals += other.arrivals;
        add_latency(&mut self.latency, &other.latency);
    }
}
