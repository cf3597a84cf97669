//! What is measured while a run goes on: latency and answers by step, and by second.
//!
//! A latency counts from the moment at which the step was *wanted*: for the first step of an
//! arrival that is the scheduled moment, however late the generator or the server was. So a
//! server that stalls cannot hide the buyers whom it made wait (no coordinated omission).
//!
//! All of a run happens on one thread, so the meter is a cell and costs no lock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The longest latency that is told apart from longer ones.
pub const LATENCY_US_MAX: u64 = 600_000_000;
/// What ended as wanted within this time counts as prompt.
pub const PROMPT_US_MAX: u64 = 500_000;
/// How many faulty answers are kept to be shown.
const SAMPLES_MAX: usize = 20;

/// One step of a journey, or a journey as a whole.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// The page of the show.
    View,
    /// The geometry of the plan.
    Plan,
    /// The whole seat map.
    Map,
    /// What changed in the seat map.
    Delta,
    /// The seat map's stream: until its first frame.
    Stream,
    /// A challenge, before it is solved.
    Challenge,
    /// Joining a queue.
    Join,
    /// Asking where one stands in a queue.
    Wait,
    /// Claiming the pass when called.
    Claim,
    /// A hold.
    Hold,
    /// An order.
    Order,
    /// The start of a payment.
    Pay,
    /// Telling the server, or the sandbox, that it was paid.
    Settle,
    /// One look at an order.
    Poll,
    /// A ticket by its code.
    Ticket,
    /// A hold given back, or an order cancelled.
    Release,
    /// From the end of `settle` until the order is ticketed.
    Ticketed,
    /// From the arrival to the last ticket.
    Journey,
}

impl Step {
    /// All steps, in the order in which a journey makes them.
    pub const ALL: [Self; 18] = [
        Self::View,
        Self::Plan,
        Self::Map,
        Self::Delta,
        Self::Stream,
        Self::Challenge,
        Self::Join,
        Self::Wait,
        Self::Claim,
        Self::Hold,
        Self::Order,
        Self::Pay,
        Self::Settle,
        Self::Poll,
        Self::Ticket,
        Self::Release,
        Self::Ticketed,
        Self::Journey,
    ];

    /// The word for it in reports and objectives.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Plan => "plan",
            Self::Map => "map",
            Self::Delta => "delta",
            Self::Stream => "stream",
            Self::Challenge => "challenge",
            Self::Join => "join",
            Self::Wait => "wait",
            Self::Claim => "claim",
            Self::Hold => "hold",
            Self::Order => "order",
            Self::Pay => "pay",
            Self::Settle => "settle",
            Self::Poll => "poll",
            Self::Ticket => "ticket",
            Self::Release => "release",
            Self::Ticketed => "ticketed",
            Self::Journey => "journey",
        }
    }

    /// The step of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Whether it is one request, and not a stretch of several. Only requests count in the
    /// figures over all steps.
    #[must_use]
    pub fn is_request(self) -> bool {
        !matches!(self, Self::Ticketed | Self::Journey)
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As wanted.
    Done,
    /// The sale said no: taken, sold out, over the limit, too late.
    Refused,
    /// No usable answer, whatever was tried.
    Failed,
}

/// What was measured of one step.
#[derive(Debug, Clone)]
pub struct StepMeter {
    /// Latencies of all endings, in microseconds, to three digits.
    pub latency: Histogram<u64>,
    /// Steps that ended as wanted.
    pub done: u64,
    /// Those of them that took at most [`PROMPT_US_MAX`]: the goodput.
    pub prompt: u64,
    /// Steps that were refused.
    pub refused: u64,
    /// Steps that failed.
    pub failed: u64,
    /// Requests that had to be sent again.
    pub retries: u64,
    /// HTTP answers by status, retries included; 0 is a request that was never answered.
    pub answers: BTreeMap<u16, u64>,
    /// Refusals by status and code.
    pub refusals: BTreeMap<(u16, String), u64>,
    /// How long a try took that was turned away with 429 or 503, in microseconds.
    pub turned_away: Histogram<u64>,
}

/// What was measured in one second.
#[derive(Debug, Clone)]
pub struct Second {
    /// Latencies of requests that ended in it, in microseconds, to two digits.
    pub latency: Histogram<u64>,
    /// HTTP answers by status; 0 is a request that was never answered.
    pub answers: BTreeMap<u16, u64>,
    /// Tickets sold in it.
    pub sold: u64,
    /// Arrivals that began in it.
    pub arrivals: u64,
}

/// Everything that is measured in a run.
#[derive(Debug)]
pub struct Measured {
    /// By step; only those that happened.
    pub steps: BTreeMap<Step, StepMeter>,
    /// By second since the beginning; a second in which nothing happened is there too.
    pub seconds: Vec<Second>,
    /// How late the generator itself was, in microseconds, for each arrival.
    pub lag: Histogram<u64>,
    /// What the streams brought.
    pub streams: Streams,
    /// The first faulty answers, for people.
    pub samples: Vec<String>,
    /// Tickets sold.
    pub sold: u64,
    /// Journeys by how they ended.
    pub journeys: BTreeMap<&'static str, u64>,
}

/// What the readers of streams saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Streams {
    /// Frames with data.
    pub frames: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// The largest frame.
    pub frame_bytes_max: u64,
    /// Connections that were resumed from the last frame seen.
    pub resumed: u64,
    /// Frames whose version was older than the one before: must be zero.
    pub backwards: u64,
}

/// The meter of a run.
#[derive(Debug)]
pub struct Meter {
    start: Instant,
    measured: RefCell<Measured>,
}

/// A histogram of latencies with this many digits.
///
/// # Panics
///
/// When `digits` is not from 0 to 5.
#[must_use]
pub fn latency_histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, digits).expect("bounds and digits are in range")
}

/// Microseconds from one moment to another, zero where the second came first.
#[must_use]
pub fn us_between(from: Instant, to: Instant) -> u64 {
    to.saturating_duration_since(from).as_micros().try_into().unwrap_or(LATENCY_US_MAX)
}

impl Meter {
    /// A meter for a run that began at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        let measured = Measured {
            steps: BTreeMap::new(),
            seconds: Vec::new(),
            lag: latency_histogram(3),
            streams: Streams::default(),
            samples: Vec::new(),
            sold: 0,
            journeys: BTreeMap::new(),
        };
        Self { start, measured: RefCell::new(measured) }
    }

    /// How long the run has lasted.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// A step ended now that was wanted at `since`.
    pub fn step(&self, step: Step, since: Instant, ending: Ending) {
        let now = Instant::now();
        let latency_us = us_between(since, now);
        let mut measured = self.measured.borrow_mut();
        if step.is_request() {
            self.second(&mut measured, now).latency.saturating_record(latency_us);
        }
        let meter = measured.steps.entry(step).or_insert_with(StepMeter::new);
        meter.latency.saturating_record(latency_us);
        match ending {
            Ending::Done => {
                meter.done += 1;
                meter.prompt += u64::from(latency_us <= PROMPT_US_MAX);
            }
            Ending::Refused => meter.refused += 1,
            Ending::Failed => meter.failed += 1,
        }
    }

    /// An HTTP answer to what was tried at `since` came, or (status 0) did not come.
    pub fn answer(&self, step: Step, since: Instant, status: u16, is_retry: bool) {
        let now = Instant::now();
        let mut measured = self.measured.borrow_mut();
        let second = self.second(&mut measured, now);
        *second.answers.entry(status).or_default() += 1;
        let meter = measured.steps.entry(step).or_insert_with(StepMeter::new);
        *meter.answers.entry(status).or_default() += 1;
        meter.retries += u64::from(is_retry);
        if matches!(status, 429 | 503) {
            meter.turned_away.saturating_record(us_between(since, now));
        }
    }

    /// Why a step was refused.
    pub fn refusal(&self, step: Step, status: u16, code: &str) {
        let mut measured = self.measured.borrow_mut();
        let meter = measured.steps.entry(step).or_insert_with(StepMeter::new);
        *meter.refusals.entry((status, code.to_owned())).or_default() += 1;
    }

    /// A faulty answer, to be shown if it is one of the first.
    pub fn sample(&self, text: impl FnOnce() -> String) {
        let samples = &mut self.measured.borrow_mut().samples;
        if samples.len() < SAMPLES_MAX {
            samples.push(text());
        }
    }

    /// A buyer arrived who was due at `scheduled`.
    pub fn arrival(&self, scheduled: Instant) {
        let now = Instant::now();
        let mut measured = self.measured.borrow_mut();
        measured.lag.saturating_record(us_between(scheduled, now));
        self.second(&mut measured, now).arrivals += 1;
    }

    /// A journey ended in this way.
    pub fn journey(&self, ending: &'static str) {
        *self.measured.borrow_mut().journeys.entry(ending).or_default() += 1;
    }

    /// Tickets were issued.
    pub fn sold(&self, tickets: u64) {
        let mut measured = self.measured.borrow_mut();
        measured.sold += tickets;
        self.second(&mut measured, Instant::now()).sold += tickets;
    }

    /// Looks at, or changes, what was measured so far.
    pub fn with<T>(&self, look: impl FnOnce(&mut Measured) -> T) -> T {
        look(&mut self.measured.borrow_mut())
    }

    /// Ends the measurement.
    #[must_use]
    pub fn finish(self) -> Measured {
        self.measured.into_inner()
    }

    fn second<'a>(&self, measured: &'a mut Measured, now: Instant) -> &'a mut Second {
        let index = now.saturating_duration_since(self.start).as_secs() as usize;
        while measured.seconds.len() <= index {
            measured.seconds.push(Second::new());
        }
        &mut measured.seconds[index]
    }
}

impl StepMeter {
    fn new() -> Self {
        Self {
            latency: latency_histogram(3),
            done: 0,
            prompt: 0,
            refused: 0,
            failed: 0,
            retries: 0,
            answers: BTreeMap::new(),
            refusals: BTreeMap::new(),
            turned_away: latency_histogram(3),
        }
    }
}

impl Second {
    fn new() -> Self {
        Self { latency: latency_histogram(2), answers: BTreeMap::new(), sold: 0, arrivals: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_names_that_lead_back() {
        for step in Step::ALL {
            assert_eq!(Step::from_name(step.name()), Some(step));
            let json = serde_json::to_value(step).expect("a word");
            assert_eq!(json, step.name(), "the JSON name is the same word");
        }
        assert_eq!(Step::from_name("dance"), None);
    }

    #[test]
    fn latency_counts_from_the_moment_it_was_wanted() {
        let start = Instant::now() - Duration::from_secs(3);
        let meter = Meter::new(start);
        meter.step(Step::Hold, start, Ending::Done);
        meter.step(Step::Hold, Instant::now(), Ending::Done);
        meter.step(Step::Journey, start, Ending::Done);
        meter.answer(Step::Hold, start, 201, false);
        meter.answer(Step::Hold, start, 503, false);
        meter.sold(2);
        let measured = meter.finish();
        assert!(measured.steps[&Step::Hold].latency.max() >= 2_990_000);
        assert_eq!(measured.seconds.len(), 4, "empty seconds are there too");
        assert_eq!(measured.seconds[3].latency.len(), 2, "a journey is not a request");
        let hold = &measured.steps[&Step::Hold];
        assert_eq!((hold.done, hold.prompt), (2, 1), "what took three seconds was not prompt");
        assert_eq!((hold.turned_away.len(), hold.turned_away.max() >= 2_990_000), (1, true));
        assert_eq!((measured.seconds[3].sold, measured.seconds[3].answers[&201]), (2, 1));
    }
}
