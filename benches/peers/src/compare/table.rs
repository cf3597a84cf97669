//! Rows of figures and what they should be, as text for people and as JSON for everything else.

use serde_json::{Value, json};

/// One contender, over all rounds.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Its name.
    pub(crate) name: &'static str,
    /// What is compared, a round each.
    pub(crate) rounds: Vec<f64>,
    /// What else is known of it, for the JSON.
    pub(crate) details: Value,
}

impl Measured {
    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        median(&self.rounds)
    }
}

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) enum Figure {
    /// The ratio of two medians, both in this unit.
    Ratio { ours: Measured, theirs: Measured, unit: &'static str },
    /// A figure in a unit, a round each.
    Plain { rounds: Vec<f64>, unit: &'static str },
}

impl Figure {
    /// One that was measured once.
    pub(crate) fn once(value: f64, unit: &'static str) -> Self {
        Self::Plain { rounds: vec![value], unit }
    }

    /// What is held against what is wanted.
    pub(crate) fn value(&self) -> f64 {
        match self {
            Self::Ratio { ours, theirs, .. } => ours.median() / theirs.median(),
            Self::Plain { rounds, .. } => median(rounds),
        }
    }

    /// How far apart the rounds are, as a share of their median.
    fn spread(&self) -> f64 {
        match self {
            Self::Ratio { ours, theirs, .. } => spread(&ours.rounds).max(spread(&theirs.rounds)),
            Self::Plain { rounds, .. } => spread(rounds),
        }
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Ratio { .. } => "",
            Self::Plain { unit, .. } => unit,
        }
    }
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    /// As much as this, and what we aim for.
    AtLeast(f64, f64),
    /// As little as this, and what we aim for.
    AtMost(f64, f64),
    /// It is only told.
    Nothing,
}

impl Wanted {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound, _) => value >= bound,
            Self::AtMost(bound, _) => value <= bound,
            Self::Nothing => true,
        }
    }

    fn text(self) -> (String, String) {
        let (sign, bound, aim) = match self {
            Self::AtLeast(bound, aim) => ("≥", bound, aim),
            Self::AtMost(bound, aim) => ("≤", bound, aim),
            Self::Nothing => return (String::new(), String::new()),
        };
        (format!("{sign} {}", short(bound)), short(aim))
    }
}

/// One figure and what it should be.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its number in `docs/PERFORMANCE.md`.
    pub(crate) number: u32,
    /// In words.
    pub(crate) what: String,
    /// What was measured.
    pub(crate) figure: Figure,
    /// What it should be.
    pub(crate) wanted: Wanted,
    /// What one should know to read it; may be empty.
    pub(crate) note: String,
}

/// The table for people. What misses its bound is marked.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = format!(
        "{:>3}  {:<60} {:>9} {:<8} {:>10} {:>8} {:>7}  {}\n",
        "#", "", "measured", "", "wanted", "aim", "spread", "ours / theirs"
    );
    for row in rows {
        let verdict = if row.wanted.is_met_by(row.figure.value()) { ' ' } else { '!' };
        let (bound, aim) = row.wanted.text();
        let of = match &row.figure {
            Figure::Plain { .. } => String::new(),
            Figure::Ratio { ours, theirs, unit } => {
                format!("{} / {} {unit}", short(ours.median()), short(theirs.median()))
            }
        };
        let line = format!(
            "{:>3}{verdict} {:<60} {:>9} {:<8} {:>10} {:>8} {:>6.0}%  {of}",
            row.number,
            row.what,
            short(row.figure.value()),
            row.figure.unit(),
            bound,
            aim,
            row.figure.spread() * 100.0,
        );
        text += line.trim_end();
        text += "\n";
        if !row.note.is_empty() {
            text += &format!("       {}\n", row.note);
        }
    }
    text
}

/// The same and more, for programs.
pub(crate) fn json(rows: &[Row]) -> Value {
    let contender = |measured: &Measured| {
        json!({
            "name": measured.name,
            "median": measured.median(),
            "rounds": measured.rounds,
            "details": measured.details,
        })
    };
    let row = |row: &Row| {
        let mut object = json!({
            "row": row.number,
            "what": row.what,
            "value": row.figure.value(),
            "spread": row.figure.spread(),
            "isMet": row.wanted.is_met_by(row.figure.value()),
            "note": row.note,
        });
        match row.wanted {
            Wanted::AtLeast(bound, aim) => {
                object["atLeast"] = json!(bound);
                object["aim"] = json!(aim);
            }
            Wanted::AtMost(bound, aim) => {
                object["atMost"] = json!(bound);
                object["aim"] = json!(aim);
            }
            Wanted::Nothing => {}
        }
        match &row.figure {
            Figure::Plain { rounds, unit } => {
                object["unit"] = json!(unit);
                object["rounds"] = json!(rounds);
            }
            Figure::Ratio { ours, theirs, unit } => {
                object["unit"] = json!(unit);
                object["ours"] = contender(ours);
                object["theirs"] = contender(theirs);
            }
        }
        object
    };
    rows.iter().map(row).collect()
}

/// The middle one.
pub(crate) fn median(rounds: &[f64]) -> f64 {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn spread(rounds: &[f64]) -> f64 {
    let most = rounds.iter().copied().fold(f64::MIN, f64::max);
    let least = rounds.iter().copied().fold(f64::MAX, f64::min);
    let median = median(rounds).abs();
    // A figure of nothing at all is not spread.
    if median > 0.0 { (most - least) / median } else { 0.0 }
}

/// As many digits as say something.
fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: Figure, wanted: Wanted) -> Row {
        Row { number: 4, what: "a row".into(), figure, wanted, note: "so it is".into() }
    }

    #[test]
    fn a_ratio_is_that_of_the_medians_and_a_missed_bound_is_marked() {
        let measured = |rounds: &[f64]| Measured {
            name: "somebody",
            rounds: rounds.to_vec(),
            details: Value::Null,
        };
        let (ours, theirs) = (measured(&[90.0, 10.0, 50.0]), measured(&[100.0, 100.0, 90.0]));
        let figure = Figure::Ratio { ours, theirs, unit: "1/s" };
        assert_eq!(figure.value(), 0.5);
        let rows = [
            row(figure.clone(), Wanted::AtLeast(0.5, 0.7)),
            row(figure, Wanted::AtLeast(0.6, 0.7)),
            row(Figure::once(3.0, "s"), Wanted::AtMost(3.0, 1.0)),
            row(Figure::once(3.1, "s"), Wanted::AtMost(3.0, 1.0)),
        ];
        let marked: Vec<_> =
            text(&rows).lines().filter(|line| line.contains("a row")).map(is_marked).collect();
        assert_eq!(marked, [false, true, false, true]);
        let met: Vec<_> =
            json(&rows).as_array().expect("rows").iter().map(|row| row["isMet"].clone()).collect();
        assert_eq!(met, [true, false, true, false]);
        assert_eq!(json(&rows)[1]["spread"], 1.6);
    }

    fn is_marked(line: &str) -> bool {
        line.starts_with("  4!")
    }
}
