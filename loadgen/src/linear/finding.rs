//! What the check of a run found, in words.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use usher_linear::{Broken, Told, Verdict, check_versions, explain, search};

use super::notebook::{LotNotes, Notebook};

/// States that a search of one history may look at. Histories that can be explained need about one
/// for each operation.
const STATES_MAX: usize = 1_000_000;
/// Histories that are told in full where several cannot be explained.
const TOLD_MAX: usize = 3;

/// What a run found.
#[derive(Debug)]
pub struct Finding {
    summary: String,
    faults: Vec<String>,
}

impl Finding {
    /// Whether every answer was true at some instant of its request.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        for fault in &self.faults {
            write!(f, "\n{fault}")?;
        }
        let verdict = if self.is_clean() { "linearizable" } else { "NOT linearizable" };
        writeln!(f, "{verdict}")
    }
}

/// Checks everything that was written down.
pub(super) fn check(notes: &Notebook, clients: u32, restarts: u32, took: Duration) -> Finding {
    let mut faults: Vec<String> = Vec::new();
    let touched: Vec<_> = notes.lots.iter().filter(|lot| !lot.history.is_empty()).collect();
    for lot in &touched {
        faults.extend(check_lot(lot, faults.len() < TOLD_MAX));
    }
    faults.extend(told_wrongly(&notes.house, "seats"));
    faults.extend(told_wrongly(&notes.show, "the show"));
    let odd =
        notes.oddities.iter().take(10).map(|words| format!("not as the contract says: {words}\n"));
    faults.extend(odd);
    Finding { summary: summary(notes, &touched, clients, restarts, took), faults }
}

fn check_lot(lot: &LotNotes, in_full: bool) -> Option<String> {
    let model = lot.model();
    let (name, count) = (lot.name(), lot.history.len());
    match search(&model, &lot.history, STATES_MAX) {
        Verdict::Linearizable(_) => None,
        Verdict::NotLinearizable if !in_full => Some(format!("{name}: not linearizable, either\n")),
        Verdict::NotLinearizable => {
            let words = explain(&model, &lot.history, STATES_MAX)
                .unwrap_or_else(|| "where it goes wrong is too hard to tell\n".into());
            Some(format!("{name}: no order of its {count} operations explains them\n  {words}"))
        }
        Verdict::TooHard => Some(format!("{name}: its {count} operations are too hard to check\n")),
    }
}

fn told_wrongly(told: &[Told], of_what: &str) -> Option<String> {
    let line = |told: &Told| {
        let (from, to) = (told.invoked_ns as f64 / 1e6, told.returned_ns as f64 / 1e6);
        let Told { client, what, version, .. } = told;
        format!("    {from:>11.3}–{to:<11.3} ms  client {client:<3} {what}: version {version}\n")
    };
    let (why, first, second) = match check_versions(told) {
        Ok(()) => return None,
        Err(Broken::WentBack(first, second)) => ("goes back".to_owned(), first, second),
        Err(Broken::TwoMaps(first, second, seat)) => {
            (format!("is two maps, by the seat at place {seat}"), first, second)
        }
    };
    Some(format!("the version of {of_what} {why}:\n{}{}", line(first), line(second)))
}

fn summary(
    notes: &Notebook,
    touched: &[&LotNotes],
    clients: u32,
    restarts: u32,
    took: Duration,
) -> String {
    let largest = touched.iter().map(|lot| lot.history.len()).max().unwrap_or(0);
    let steps: usize = touched.iter().map(|lot| lot.history.len()).sum();
    let seconds = took.as_secs_f64();
    let mut words = format!(
        "{} operations by {clients} clients in {seconds:.1} s, over {restarts} restarts; {} lots with \
         {steps} steps, at most {largest} in one\n",
        notes.operations,
        touched.len(),
    );
    let mut last = "";
    for ((what, ending), count) in &notes.tally {
        let lead = if *what == last { ", " } else { "\n" };
        let title = if *what == last { String::new() } else { format!("  {what}: ") };
        words.push_str(&format!("{lead}{title}{ending} {count}"));
        last = what;
    }
    words.push('\n');
    words
}
