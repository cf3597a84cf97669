//! The result of a run as JSON: everything that reports, merges and comparisons need, with the
//! histograms whole.
//!
//! A histogram is written twice: as a few figures for people and scripts, and as its HDR V2
//! serialisation in base64, from which it is read back. So merged quantiles are exact and not
//! means of quantiles.

mod diff;
mod merge;

use std::collections::BTreeMap;

use data_encoding::BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HdrDeserializer, Serializer as _, V2Serializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use usher_audit::Verdict;

use crate::meter::{Measured, Second, Step, StepMeter, Streams, latency_histogram};
use crate::slo::{Metric, Outcome, Rule};

pub use diff::{Change, diff};
pub use merge::merge;

/// What every result begins with; a reader refuses others.
pub const FORMAT: &str = "usher-loadgen/1";
/// A generator whose 99th percentile of lag is above this did not keep its schedule.
pub const LAG_US_MAX: u64 = 10_000;

/// The result of a run, or of several that were merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// [`FORMAT`].
    pub format: String,
    /// How many generators it is of.
    pub generators: u32,
    /// Which journeys were made.
    pub workload: String,
    /// How buyers arrived and behaved, in words.
    pub settings: Vec<String>,
    /// The show.
    pub show_id: String,
    /// The runs' ids.
    pub run_ids: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// When it began, in microseconds since the Unix epoch.
    pub started_us: u64,
    /// How long it lasted, in seconds.
    pub seconds: f64,
    /// Everything that the show can sell.
    pub capacity: u64,
    /// Tickets sold in the run.
    pub sold: u64,
    /// Connections opened.
    pub connections: u64,
    /// All requests of all steps.
    pub all: Latency,
    /// By step.
    pub steps: BTreeMap<Step, StepResult>,
    /// Journeys by how they ended.
    pub journeys: BTreeMap<String, u64>,
    /// How the generator kept its own schedule; none in the closed loop.
    pub schedule: Option<ScheduleResult>,
    /// What readers of streams saw.
    pub streams: Streams,
    /// By second.
    pub timeline: Vec<SecondResult>,
    /// The first faulty answers.
    pub samples: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Objectives and what was measured.
    pub slo: Vec<Outcome>,
    /// What the audits found, one for each show; empty where none was made.
    pub audits: Vec<Verdict>,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Ended as wanted.
    pub done: u64,
    /// Those of them that took at most half a second.
    #[serde(default)]
    pub prompt: u64,
    /// Refused for a reason of the sale.
    pub refused: u64,
    /// Without a usable answer.
    pub failed: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// HTTP answers by status; `0` was never answered.
    pub answers: BTreeMap<u16, u64>,
    /// Refusals by status and code.
    pub refusals: BTreeMap<String, u64>,
    /// Latency, from the moment it was wanted.
    pub latency: Latency,
    /// Latency of tries that were turned away with 429 or 503.
    #[serde(default)]
    pub turned_away: Latency,
}

/// How the generator kept its own schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleResult {
    /// How many buyers were sent.
    pub arrivals: u64,
    /// Whether the 99th percentile of the lag is at most [`LAG_US_MAX`].
    pub kept: bool,
    /// How late buyers were sent.
    pub lag: Latency,
}

/// One second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondResult {
    /// HTTP answers by status; `0` was never answered.
    pub answers: BTreeMap<u16, u64>,
    /// Tickets sold.
    pub sold: u64,
    /// Buyers that arrived.
    pub arrivals: u64,
    /// Latency of requests that ended in it.
    pub latency: Latency,
}

/// A histogram of microseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency(pub Histogram<u64>);

/// Nothing was measured.
impl Default for Latency {
    fn default() -> Self {
        Self(latency_histogram(3))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LatencyJson {
    count: u64,
    mean_us: u64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    hdr: String,
}

impl Latency {
    /// The latency that this share does not exceed, in microseconds.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    /// How many were measured.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The mean, in microseconds.
    #[must_use]
    pub fn mean_us(&self) -> f64 {
        self.0.mean()
    }

    /// The largest, in microseconds.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.0.max()
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        let written = V2Serializer::new().serialize(&self.0, &mut bytes);
        written.map_err(|error| serde::ser::Error::custom(format!("{error:?}")))?;
        let json = LatencyJson {
            count: self.count(),
            mean_us: self.mean_us().round() as u64,
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            max_us: self.max_us(),
            hdr: BASE64.encode(&bytes),
        };
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = LatencyJson::deserialize(deserializer)?;
        let bytes = BASE64.decode(json.hdr.as_bytes()).map_err(serde::de::Error::custom)?;
        let histogram = HdrDeserializer::new().deserialize(&mut bytes.as_slice());
        let histogram = histogram.map_err(|error| {
            serde::de::Error::custom(format!("`hdr` is no histogram: {error:?}"))
        })?;
        Ok(Self(histogram))
    }
}

/// What is known of a run beside what was measured.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Which journeys were made.
    pub workload: String,
    /// How buyers arrived and behaved, in words.
    pub settings: Vec<String>,
    /// The show.
    pub show_id: String,
    /// The run.
    pub run_id: String,
    /// The seed.
    pub seed: u64,
    /// When it began, in microseconds since the Unix epoch.
    pub started_us: u64,
    /// How long it lasted, in seconds.
    pub seconds: f64,
    /// Everything that the show can sell.
    pub capacity: u64,
    /// Connections opened.
    pub connections: u64,
    /// Whether buyers arrived by a schedule.
    pub open_loop: bool,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl RunResult {
    /// The result of one run.
    #[must_use]
    pub fn new(about: About, measured: Measured) -> Self {
        let mut all = latency_histogram(3);
        for (_, meter) in measured.steps.iter().filter(|(step, _)| step.is_request()) {
            all.add(&meter.latency).expect("all histograms have the same bounds");
        }
        let schedule = about.open_loop.then(|| ScheduleResult {
            arrivals: measured.lag.len(),
            kept: measured.lag.value_at_quantile(0.99) <= LAG_US_MAX,
            lag: Latency(measured.lag),
        });
        Self {
            format: FORMAT.into(),
            generators: 1,
            workload: about.workload,
            settings: about.settings,
            show_id: about.show_id,
            run_ids: vec![about.run_id],
            seeds: vec![about.seed],
            started_us: about.started_us,
            seconds: about.seconds,
            capacity: about.capacity,
            sold: measured.sold,
            connections: about.connections,
            all: Latency(all),
            steps: measured.steps.into_iter().map(|(step, m)| (step, m.into())).collect(),
            journeys: measured.journeys.into_iter().map(|(k, n)| (k.into(), n)).collect(),
            schedule,
            streams: measured.streams,
            timeline: measured.seconds.into_iter().map(Into::into).collect(),
            samples: measured.samples,
            notes: about.notes,
            slo: Vec::new(),
            audits: Vec::new(),
        }
    }

    /// Reads a result.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let result: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if result.format == FORMAT {
            Ok(result)
        } else {
            Err(format!("it is `{}`, and this reads `{FORMAT}`", result.format))
        }
    }

    /// What a rule is about, as it was measured; none where nothing was.
    #[must_use]
    pub fn measure(&self, rule: &Rule) -> Option<f64> {
        if rule.metric == Metric::Sold {
            return Some(self.sold as f64);
        }
        let (latency, counts) = match rule.step {
            None => (&self.all, self.counts()),
            Some(step) => {
                let step = self.steps.get(&step)?;
                (&step.latency, Counts::of(step))
            }
        };
        let total = latency.count() as f64;
        if total == 0.0 {
            return None;
        }
        Some(match rule.metric {
            Metric::Quantile(share) => latency.quantile_us(share) as f64,
            Metric::Mean => latency.mean_us(),
            Metric::Max => latency.max_us() as f64,
            Metric::Errors => counts.failed as f64 / total,
            Metric::Refused => counts.refused as f64 / total,
            Metric::Retries => counts.retries as f64 / total,
            Metric::Rate => total / self.seconds.max(1e-9),
            Metric::Count => total,
            Metric::Sold => return None,
        })
    }

    /// Sums over all requests.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let requests = self.steps.iter().filter(|(step, _)| step.is_request());
        requests.fold(Counts::default(), |sum, (_, step)| {
            let one = Counts::of(step);
            Counts {
                done: sum.done + one.done,
                refused: sum.refused + one.refused,
                failed: sum.failed + one.failed,
                retries: sum.retries + one.retries,
            }
        })
    }

    /// Whether every audit that was made is clean.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.audits.iter().all(Verdict::is_clean)
    }
}

/// How requests ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// As wanted.
    pub done: u64,
    /// Refused for a reason of the sale.
    pub refused: u64,
    /// Without a usable answer.
    pub failed: u64,
    /// Sent again.
    pub retries: u64,
}

impl Counts {
    /// Those of one step.
    #[must_use]
    pub fn of(step: &StepResult) -> Self {
        let StepResult { done, refused, failed, retries, .. } = *step;
        Self { done, refused, failed, retries }
    }
}

impl From<StepMeter> for StepResult {
    fn from(meter: StepMeter) -> Self {
        let refusals = meter.refusals.into_iter();
        Self {
            done: meter.done,
            prompt: meter.prompt,
            refused: meter.refused,
            failed: meter.failed,
            retries: meter.retries,
            answers: meter.answers,
            refusals: refusals
                .map(|((status, code), count)| (format!("{status} {code}"), count))
                .collect(),
            latency: Latency(meter.latency),
            turned_away: Latency(meter.turned_away),
        }
    }
}

impl From<Second> for SecondResult {
    fn from(second: Second) -> Self {
        Self {
            answers: second.answers,
            sold: second.sold,
            arrivals: second.arrivals,
            latency: Latency(second.latency),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
