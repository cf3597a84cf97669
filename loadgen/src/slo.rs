//! Service-level objectives as a text, and whether a run met them.
//!
//! ```text
//! slo   = rule *( "," rule )
//! rule  = [ step "." ] metric op value          p99<50ms   hold.p99<5ms   errors<0.1%   rate>=2000
//! op    = "<" | "<=" | ">" | ">="
//! ```
//!
//! Metrics: `pN` (any quantile, such as `p50`, `p99.9`), `mean`, `max` (times); `errors`,
//! `refused`, `retries` (shares of requests); `rate` (requests a second); `count`; and, for the
//! whole run only, `sold`. Without a step a rule is about all requests.

use std::fmt;

use crate::meter::Step;
use crate::units::{parse_duration, parse_number, parse_share, show_count, show_rate, show_us};

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Of which step; none for all requests.
    pub step: Option<Step>,
    /// What is measured.
    pub metric: Metric,
    /// How it is compared.
    pub op: Op,
    /// With what: microseconds, a share of one, or a number.
    pub bound: f64,
    text: String,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// The latency that this share of requests does not exceed.
    Quantile(f64),
    /// The mean latency.
    Mean,
    /// The largest latency.
    Max,
    /// The share of requests without a usable answer.
    Errors,
    /// The share of requests that were refused for a reason of the sale.
    Refused,
    /// The share of requests that had to be sent again.
    Retries,
    /// Requests a second.
    Rate,
    /// Requests.
    Count,
    /// Tickets sold in the run.
    Sold,
}

/// How a measured value is compared with the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// A rule and what was measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    /// The rule as it was written.
    pub rule: String,
    /// What was measured, for people.
    pub measured: String,
    /// Whether it was met. Nothing measured is not met.
    pub met: bool,
}

/// Reads rules that are separated by commas.
///
/// # Errors
///
/// Which rule is wrong, and how.
pub fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
    rules.map(|rule| parse_rule(rule).map_err(|reason| format!("`{rule}`: {reason}"))).collect()
}

fn parse_rule(text: &str) -> Result<Rule, String> {
    let at = text.find(['<', '>']).ok_or("there is no comparison in it (<, <=, > or >=)")?;
    let (subject, rest) = text.split_at(at);
    let (op, value) = match rest.as_bytes() {
        [b'<', b'=', ..] => (Op::AtMost, &rest[2..]),
        [b'<', ..] => (Op::Below, &rest[1..]),
        [_, b'=', ..] => (Op::AtLeast, &rest[2..]),
        _ => (Op::Above, &rest[1..]),
    };
    let subject = subject.trim();
    // A dot may also be in the quantile: only what is before a letter is a step.
    let (step, metric) = match subject.split_once('.') {
        Some((step, metric)) if metric.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let known = Step::from_name(step);
            (Some(known.ok_or_else(|| format!("`{step}` is no step; {}", steps()))?), metric)
        }
        _ => (None, subject),
    };
    let metric = parse_metric(metric)?;
    if metric == Metric::Sold && step.is_some() {
        return Err("`sold` is of the whole run, not of a step".into());
    }
    let bound = match metric {
        Metric::Quantile(_) | Metric::Mean | Metric::Max => {
            if value.trim().parse::<f64>().is_ok() {
                return Err("a time needs its unit, such as 50ms".into());
            }
            parse_duration(value)?.as_secs_f64() * 1e6
        }
        Metric::Errors | Metric::Refused | Metric::Retries => parse_share(value)?,
        Metric::Rate | Metric::Count | Metric::Sold => parse_number(value)?,
    };
    Ok(Rule { step, metric, op, bound, text: text.into() })
}

fn parse_metric(text: &str) -> Result<Metric, String> {
    if let Some(percent) = text.strip_prefix('p')
        && let Ok(percent) = percent.parse::<f64>()
    {
        let possible = (0.0..=100.0).contains(&percent);
        return if possible {
            // Rounded, so that p99.9 is 0.999 and not the next number above it.
            Ok(Metric::Quantile((percent * 1e7).round() / 1e9))
        } else {
            Err(format!("there is no quantile p{percent}"))
        };
    }
    Ok(match text {
        "mean" => Metric::Mean,
        "max" => Metric::Max,
        "errors" => Metric::Errors,
        "refused" => Metric::Refused,
        "retries" => Metric::Retries,
        "rate" => Metric::Rate,
        "count" => Metric::Count,
        "sold" => Metric::Sold,
        _ => {
            return Err(format!(
                "`{text}` is no metric; there are pN (such as p99), mean, max, errors, refused, \
                 retries, rate, count and sold"
            ));
        }
    })
}

fn steps() -> String {
    let names: Vec<_> = Step::ALL.iter().map(|step| step.name()).collect();
    format!("there are {}", names.join(", "))
}

impl Rule {
    /// Compares what was measured; none where nothing was.
    #[must_use]
    pub fn outcome(&self, measured: Option<f64>) -> Outcome {
        let met = measured.is_some_and(|measured| match self.op {
            Op::Below => measured < self.bound,
            Op::AtMost => measured <= self.bound,
            Op::Above => measured > self.bound,
            Op::AtLeast => measured >= self.bound,
        });
        let measured = measured.map_or_else(|| "nothing".into(), |value| self.show(value));
        Outcome { rule: self.text.clone(), measured, met }
    }

    fn show(&self, value: f64) -> String {
        match self.metric {
            Metric::Quantile(_) | Metric::Mean | Metric::Max => show_us(value as u64),
            Metric::Errors | Metric::Refused | Metric::Retries => format!("{:.3}%", value * 100.0),
            Metric::Rate => format!("{}/s", show_rate(value)),
            Metric::Count | Metric::Sold => show_count(value as u64),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_are_understood() {
        let check = |text: &str, step: Option<Step>, metric: Metric, op: Op, bound: f64| {
            let rules = parse(text).expect(text);
            let [rule] = rules.as_slice() else { panic!("{text} is one rule") };
            assert_eq!((rule.step, rule.metric, rule.op), (step, metric, op), "{text}");
            assert!((rule.bound - bound).abs() < 1e-6, "{text}: {}", rule.bound);
        };
        check("p99<50ms", None, Metric::Quantile(0.99), Op::Below, 50_000.0);
        check("p99.9 <= 1s", None, Metric::Quantile(0.999), Op::AtMost, 1e6);
        check("hold.p50<800us", Some(Step::Hold), Metric::Quantile(0.5), Op::Below, 800.0);
        check("ticket.p99.9<1s", Some(Step::Ticket), Metric::Quantile(0.999), Op::Below, 1e6);
        check("errors<0.1%", None, Metric::Errors, Op::Below, 0.001);
        check("order.refused<=0.05", Some(Step::Order), Metric::Refused, Op::AtMost, 0.05);
        check("rate>=2000", None, Metric::Rate, Op::AtLeast, 2_000.0);
        check("sold>99", None, Metric::Sold, Op::Above, 99.0);
        check("journey.max<10s", Some(Step::Journey), Metric::Max, Op::Below, 1e7);
        assert_eq!(parse("p99<50ms, errors<0.1%,").map(|rules| rules.len()), Ok(2));
    }

    #[test]
    fn rules_that_are_not_are_explained() {
        let check = |text: &str, want: &str| {
            let error = parse(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        };
        check("p99", "no comparison");
        check("p99<50", "needs its unit");
        check("p99<50 parsecs", "not a unit of time");
        check("p101<50ms", "no quantile p101");
        check("speed<50ms", "`speed` is no metric");
        check("dance.p99<5ms", "`dance` is no step; there are view, ");
        check("errors<5", "not between");
        check("p99<50ms, rate>fast", "`rate>fast`: `fast` is not a number");
        check("hold.sold>1", "whole run");
    }

    #[test]
    fn outcomes_compare_and_nothing_measured_is_not_met() {
        let check = |text: &str, measured: Option<f64>, want: bool| {
            let rules = parse(text).expect(text);
            assert_eq!(rules[0].outcome(measured).met, want, "{text} {measured:?}");
        };
        check("p99<50ms", Some(49_999.0), true);
        check("p99<50ms", Some(50_000.0), false);
        check("p99<=50ms", Some(50_000.0), true);
        check("rate>10", Some(10.0), false);
        check("rate>=10", Some(10.0), true);
        check("p99<50ms", None, false);
        let outcome = parse("p99<50ms").expect("a rule")[0].outcome(Some(51_200.0));
        assert_eq!((outcome.measured.as_str(), outcome.rule.as_str()), ("51.2 ms", "p99<50ms"));
    }
}
