//! What an audit finds: violations, each with the records that prove it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How many violations of one rule are kept whole; more are only counted.
const KEPT_PER_RULE_MAX: usize = 100;

/// What must hold. Stable words; new ones are only added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rule {
    /// A seat has two valid tickets.
    SeatSoldTwice,
    /// A seat was in two live holds at once, or held while it was sold.
    SeatHeldTwice,
    /// One ticket code names two tickets.
    TicketCodeReused,
    /// One idempotency key made two holds or two orders.
    KeyUsedTwice,
    /// A buyer had more than the limit at one moment.
    LimitExceeded,
    /// An acknowledged hold is not there, or ended before its time.
    HoldMissing,
    /// An acknowledged order is not there, or went back to an earlier state.
    OrderMissing,
    /// An acknowledged ticket is not there.
    TicketMissing,
    /// An order or a ticket says something else than before.
    AnswerChanged,
    /// An order is paid, and neither ticketed nor a refund due.
    PaidWithoutTicket,
    /// An order has not one ticket for each seat or each piece of stock of its hold.
    TicketsNotComplete,
    /// A ticket's payload does not verify.
    BadSignature,
    /// Counts do not add up to the capacity, or to the tickets that are known.
    CountsWrong,
    /// A pool sold more than it has.
    StockOversold,
    /// The seat map contradicts holds and tickets.
    SeatMapWrong,
    /// The server's own audit is not clean.
    ServerAudit,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        f.write_str(word.as_str().ok_or(fmt::Error)?)
    }
}

/// One thing that must not be, and the records that prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which rule is broken.
    pub rule: Rule,
    /// What happened, in a sentence.
    pub detail: String,
    /// The entries of the record and the server's answers that show it.
    pub evidence: Vec<serde_json::Value>,
}

/// The outcome of an audit of one show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The show.
    pub show_id: String,
    /// What was found, at most a hundred of each rule.
    pub violations: Vec<Violation>,
    /// How many were found, by rule.
    pub found: BTreeMap<Rule, u64>,
    /// How many of each thing were looked at, so that an empty audit does not pass for a clean one.
    pub checked: BTreeMap<String, u64>,
    /// What is worth knowing and breaks no rule.
    pub notes: Vec<String>,
}

impl Verdict {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn report(&mut self, rule: Rule, detail: String, evidence: Vec<serde_json::Value>) {
        let found = self.found.entry(rule).or_default();
        *found += 1;
        if *found <= KEPT_PER_RULE_MAX as u64 {
            self.violations.push(Violation { rule, detail, evidence });
        }
    }

    pub(crate) fn count(&mut self, what: &str, count: usize) {
        *self.checked.entry(what.to_owned()).or_default() += count as u64;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_clean() { "clean" } else { "VIOLATED" };
        writeln!(f, "audit of show {}: {state}", self.show_id)?;
        let checked: Vec<_> = self.checked.iter().map(|(k, n)| format!("{n} {k}")).collect();
        writeln!(f, "  checked: {}", checked.join(", "))?;
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        for (rule, count) in &self.found {
            writeln!(f, "  {rule}: {count}")?;
        }
        for violation in self.violations.iter().take(20) {
            writeln!(f, "  {}: {}", violation.rule, violation.detail)?;
            for evidence in &violation.evidence {
                writeln!(f, "    {evidence}")?;
            }
        }
        if self.violations.len() > 20 {
            writeln!(f, "  … {} more in the JSON result", self.violations.len() - 20)?;
        }
        Ok(())
    }
}
