//! Rows 1, 2, 3 and 13, and how cost grows: parts of Usher without HTTP, each run in a process of
//! its own (`usher-parts`), which says its figures in JSON.

use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::say;
use crate::Settings;
use crate::processes::NO_HUGE_PAGES;
use crate::table::{Figure, Measured, Row, Wanted};

/// What is measured here.
pub(crate) const NUMBERS: [u32; 5] = [1, 2, 3, 13, 17];

/// Measures those of the rows that are asked for.
pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let parts = Parts { settings };
    let mut rows = Vec::new();
    for number in NUMBERS {
        if settings.numbers.is_empty() || settings.numbers.contains(&number) {
            let measured = parts.row(number)?;
            measured.iter().for_each(say);
            rows.extend(measured);
        }
    }
    Ok(rows)
}

struct Parts<'a> {
    settings: &'a Settings,
}

/// How much is sold for how cost grows, by one variable each.
const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const SHOWS: [u32; 3] = [1, 100, 10_000];
const SEGMENTS: [u32; 3] = [1, 8, 64];

impl Parts<'_> {
    fn row(&self, number: u32) -> anyhow::Result<Vec<Row>> {
        match number {
            1 => self.hold(),
            2 => self.best(),
            3 => self.durable(),
            13 => self.expiry(),
            17 => self.growth(),
            other => unreachable!("row {other} is not measured here"),
        }
    }

    fn hold(&self) -> anyhow::Result<Vec<Row>> {
        let instructions = self.run("instructions", &[])?;
        Ok(vec![
            row(1, "a hold in the engine", "ns", self.rounds("hold", &[], "ns")?, (300.0, 100.0)),
            counted(1, "a hold in the engine", &instructions, "hold", (1_200.0, 400.0))?,
        ])
    }

    fn best(&self) -> anyhow::Result<Vec<Row>> {
        let cases =
            [("half sold", "50", (5_000.0, 1_000.0)), ("99% sold", "1", (20_000.0, 5_000.0))];
        cases
            .into_iter()
            .map(|(name, free, wanted)| {
                let what = format!("best 4 adjacent of 100,000, {name}");
                let rounds = self.rounds("best", &["--free", free], "ns")?;
                Ok(row(2, &what, "ns", rounds, wanted))
            })
            .collect()
    }

    /// The floors are given the batches that the shard had in the same round.
    fn durable(&self) -> anyhow::Result<Vec<Row>> {
        let commands = self.settings.sized(400_000).next_multiple_of(40).to_string();
        let (mut ours, mut sled, mut file) = (Vec::new(), Vec::new(), Vec::new());
        let mut batch = 0.0;
        for _ in 0..self.settings.rounds {
            let rush = self.run("rush", &["--commands", &commands, "--seats", &commands])?;
            let per_flush = number(&rush, "recordsPerFlush")?;
            let records = per_flush.to_string();
            let bytes = (number(&rush, "bytesPerFlush")? as u64).to_string();
            let batches = (number(&rush, "flushes")? as u64).to_string();
            let floor = ["--records", &records, "--bytes", &bytes, "--batches", &batches];
            sled.push(number(&self.run("sled", &floor)?, "perSecond")?);
            file.push(number(&self.run("file", &floor)?, "perSecond")?);
            ours.push(number(&rush, "perSecond")?);
            batch = per_flush;
        }
        let against = |what: &str, name, theirs: Vec<f64>, (bound, aim)| Row {
            number: 3,
            what: format!("durable holds through a shard / {what}"),
            figure: Figure::Ratio {
                ours: measured("shard and journal", ours.clone()),
                theirs: measured(name, theirs),
                unit: "1/s",
            },
            wanted: Wanted::AtLeast(bound, aim),
            note: format!("about {batch:.0} records a batch"),
        };
        Ok(vec![
            against("bare sled, same batches", "sled", sled, (0.7, 0.9)),
            against("preallocated file, same batches", "file", file, (0.3, 0.45)),
        ])
    }

    fn expiry(&self) -> anyhow::Result<Vec<Row>> {
        let holds = self.settings.sized(100_000).next_multiple_of(40).to_string();
        let holds = ["--holds", holds.as_str()];
        let each = self.rounds("expire", &holds, "ns")?;
        let more_ms = self.rounds("expiry", &holds, "moreMs")?;
        Ok(vec![
            row(13, "100,000 holds expire in one tick, each", "ns", each, (200.0, 50.0)),
            row(13, "what that adds to the p99 of others", "ms", more_ms, (20.0, 5.0)),
        ])
    }

    fn growth(&self) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for seats in SIZES {
            let seats = self.settings.sized(seats).next_multiple_of(1_000);
            let what = format!("{seats} seats in one show");
            rows.extend(self.growth_of(&what, &["--seats", &seats.to_string()])?);
        }
        for shows in SHOWS {
            let (what, shows) = (format!("{shows} shows of 1,000 seats"), shows.to_string());
            rows.extend(self.growth_of(&what, &["--seats", "1000", "--shows", &shows])?);
        }
        for segments in SEGMENTS {
            let (what, segments) = (format!("{segments} segments"), segments.to_string());
            let shape = ["--seats", "1000", "--segments", &segments, "--shards", "2"];
            rows.extend(self.growth_of(&what, &shape)?);
        }
        Ok(rows)
    }

    fn growth_of(&self, what: &str, shape: &[&str]) -> anyhow::Result<[Row; 2]> {
        let commands = self.settings.sized(400_000).to_string();
        let (mut per_second, mut p99_ms) = (Vec::new(), Vec::new());
        for _ in 0..self.settings.rounds.min(3) {
            let rush = self.run("rush", &[&["--commands", &commands], shape].concat())?;
            per_second.push(number(&rush, "perSecond")?);
            p99_ms.push(number(&rush, "p99Us")? / 1_000.0);
        }
        let told = |unit, rounds| Row {
            number: 17,
            what: format!("durable commands, {what}"),
            figure: Figure::Plain { rounds, unit },
            wanted: Wanted::Nothing,
            note: String::new(),
        };
        Ok([told("1/s", per_second), told("ms p99", p99_ms)])
    }

    /// One figure of one part, a round each.
    fn rounds(&self, part: &str, arguments: &[&str], figure: &str) -> anyhow::Result<Vec<f64>> {
        (0..self.settings.rounds).map(|_| number(&self.run(part, arguments)?, figure)).collect()
    }

    fn run(&self, part: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(self.settings.binaries.join("usher-parts"));
        let (name, value) = NO_HUGE_PAGES;
        command.arg(part).args(arguments).env("TMPDIR", &self.settings.scratch).env(name, value);
        let output = command.output().context("usher-parts")?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "usher-parts {part} {arguments:?}: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

fn number(figures: &Value, name: &str) -> anyhow::Result<f64> {
    figures[name].as_f64().with_context(|| format!("no {name} in {figures}"))
}

fn measured(name: &'static str, rounds: Vec<f64>) -> Measured {
    Measured { name, rounds, details: Value::Null }
}

fn row(
    number: u32,
    what: &str,
    unit: &'static str,
    rounds: Vec<f64>,
    (bound, aim): (f64, f64),
) -> Row {
    let figure = Figure::Plain { rounds, unit };
    let wanted = Wanted::AtMost(bound, aim);
    Row { number, what: what.to_owned(), figure, wanted, note: String::new() }
}

fn counted(
    row_number: u32,
    what: &str,
    instructions: &Value,
    name: &str,
    wanted: (f64, f64),
) -> anyhow::Result<Row> {
    let count = number(instructions, name)?;
    Ok(row(row_number, what, "instr.", vec![count], wanted))
}
