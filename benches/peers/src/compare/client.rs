//! The client: as many connections as asked, each with one request under way, as quick as it goes
//! (closed loop) or at a given rate (open loop).
//!
//! It is written for this, rather than taken, since it must send another request each time, count
//! answers by status, and time open loops from when a request was due; wrk does the first only
//! through Lua and the last not at all. `scripts/bench` shows both on the empty handler.
//!
//! In an open loop whoever finds all connections taken waits for one, and goes away after a while:
//! without that, the queue in the client would grow for as long as there is too much load, and
//! say nothing about the server.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Writes one request after the other.
pub(crate) type Requests = RefCell<dyn FnMut(&mut Vec<u8>)>;

/// Takes one good answer after the other, with its head.
pub(crate) type Answers = dyn Fn(&[u8]);

/// A good answer within this time, counted from when it was due, is prompt.
const PROMPT: Duration = Duration::from_millis(500);
/// How long somebody waits for a free connection: so that there is time left for the answer.
const WAITS_MAX: Duration = Duration::from_millis(250);

/// What to send, to whom, and how.
pub(crate) struct Load<'a> {
    /// Where the server listens.
    pub(crate) address: &'a str,
    /// Connections, each with at most one request under way.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) turn: Duration,
    /// Requests a second; as quick as it goes where none.
    pub(crate) rate: Option<f64>,
    /// Writes the next request.
    pub(crate) request: Rc<Requests>,
    /// Reads good answers, where somebody wants to.
    pub(crate) answers: Option<Rc<Answers>>,
}

/// How it went.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Answers with 2xx or 304.
    pub(crate) good: u64,
    /// Those of them that came well within half a second of when they were due.
    pub(crate) prompt: u64,
    /// Answers with 409 and 422: refused, as they should be.
    pub(crate) refused: u64,
    /// Answers with 429 and 503: turned away.
    pub(crate) busy: u64,
    /// All other answers.
    pub(crate) failed: u64,
    /// Why the first of those was turned away or failed.
    pub(crate) complaint: Option<String>,
    /// Requests that were never sent, since no connection was free in time.
    pub(crate) unsent: u64,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// In microseconds, of the good ones; in an open loop from when they were due.
    pub(crate) latency_us: Histogram<u64>,
}

impl Figures {
    /// Good answers a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.good as f64 / self.took.as_secs_f64()
    }

    /// Good answers a second that were prompt.
    pub(crate) fn prompt_per_second(&self) -> f64 {
        self.prompt as f64 / self.took.as_secs_f64()
    }

    /// So many among all answers.
    pub(crate) fn share(&self, answers: u64) -> f64 {
        let all = self.good + self.refused + self.busy + self.failed;
        answers as f64 / all.max(1) as f64
    }

    /// What this share of the good answers took at most, in milliseconds.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        self.latency_us.value_at_quantile(share) as f64 / 1e3
    }

    /// All of it in words.
    pub(crate) fn told(&self) -> String {
        let Self { good, prompt, refused, busy, failed, unsent, .. } = self;
        let complaint = self.complaint.as_ref().map(|words| format!("; at first: {words}"));
        format!(
            "{good} good, {prompt} of them prompt, {refused} refused, {busy} busy, {failed} \
             failed, {unsent} unsent{}",
            complaint.unwrap_or_default()
        )
    }

    fn new() -> Self {
        let latency_us = Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds");
        Self {
            good: 0,
            prompt: 0,
            refused: 0,
            busy: 0,
            failed: 0,
            complaint: None,
            unsent: 0,
            took: Duration::ZERO,
            latency_us,
        }
    }

    fn count(&mut self, status: u16, latency: Duration, answer: &[u8]) {
        match status {
            200..300 | 304 => {
                self.good += 1;
                self.prompt += u64::from(latency <= PROMPT);
                self.latency_us.saturating_record(latency.as_micros() as u64);
            }
            409 | 422 => self.refused += 1,
            429 | 503 => {
                self.busy += 1;
                self.complain(|| reason(status, answer));
            }
            _ => {
                self.failed += 1;
                self.complain(|| reason(status, answer));
            }
        }
    }

    /// Only the first reason is kept.
    fn complain(&mut self, reason: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(reason);
    }
}

/// The status, and the code that Usher's problems have.
fn reason(status: u16, answer: &[u8]) -> String {
    let head = memchr::memmem::find(answer, b"\r\n\r\n").map_or(0, |end| end + 4);
    let problem: Value = serde_json::from_slice(&answer[head..]).unwrap_or_default();
    match problem["code"].as_str() {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

/// Sends for as long as asked.
pub(crate) async fn run(load: &Load<'_>) -> anyhow::Result<Figures> {
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(load.address).await?);
    }
    let figures = Rc::new(RefCell::new(Figures::new()));
    let begun = Instant::now();
    let due = Rc::new(Due { begun, rate: load.rate, next: Cell::new(0), unsent: Cell::new(0) });
    let mut tasks = JoinSet::new();
    for connection in connections {
        let (figures, due, turn) = (figures.clone(), due.clone(), load.turn);
        let (request, answers) = (load.request.clone(), load.answers.clone());
        tasks.spawn_local(async move {
            let driven = drive(connection, &figures, &due, &request, answers.as_deref(), turn);
            // A connection that breaks is a failed answer and ends; the rest goes on.
            if let Err(error) = driven.await {
                let mut figures = figures.borrow_mut();
                figures.failed += 1;
                figures.complain(|| error.to_string());
            }
        });
    }
    tasks.join_all().await;
    let mut figures = figures.replace(Figures::new());
    figures.took = begun.elapsed();
    figures.unsent = due.unsent.get();
    Ok(figures)
}

/// When the next request is due.
struct Due {
    begun: Instant,
    rate: Option<f64>,
    /// The number of the next request.
    next: Cell<u64>,
    unsent: Cell<u64>,
}

impl Due {
    async fn next(&self) -> Instant {
        let Some(rate) = self.rate else { return Instant::now() };
        let at = |number: u64| self.begun + Duration::from_secs_f64(number as f64 / rate);
        let mut number = self.next.get();
        // Those who have waited too long have gone.
        let patient_since = self.begun.elapsed().saturating_sub(WAITS_MAX);
        let first_patient = (patient_since.as_secs_f64() * rate).ceil() as u64;
        if first_patient > number {
            self.unsent.set(self.unsent.get() + first_patient - number);
            number = first_patient;
        }
        self.next.set(number + 1);
        let due = at(number);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        due
    }
}

async fn drive(
    mut connection: Connection,
    figures: &RefCell<Figures>,
    due: &Due,
    request: &Requests,
    answers: Option<&Answers>,
    turn: Duration,
) -> anyhow::Result<()> {
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        let since = due.next().await;
        if due.begun.elapsed() >= turn || since.duration_since(due.begun) >= turn {
            return Ok(());
        }
        bytes.clear();
        (request.borrow_mut())(&mut bytes);
        let status = connection.ask(&bytes).await?;
        if let Some(answers) = answers
            && status < 300
        {
            answers(&connection.received);
        }
        figures.borrow_mut().count(status, since.elapsed(), &connection.received);
    }
}

/// One connection, with one request under way at most.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(64 * 1_024) })
    }

    /// Sends a request and reads all of its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some((status, length)) = head(&self.received)? {
                while self.received.len() < length {
                    if self.stream.read_buf(&mut self.received).await? == 0 {
                        bail!("the server closed the connection");
                    }
                }
                return Ok(status);
            }
        }
    }
}

/// Status, and length of the whole answer, once the head is there.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    if memchr::memmem::find(bytes, b"\r\n\r\n").is_none() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.context("no status")?;
    let mut lengths = response.headers.iter();
    let length = lengths.find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = match length {
        Some(length) => str::from_utf8(length.value)?.parse()?,
        None => 0,
    };
    Ok(Some((status, if status == 304 { head } else { head + body })))
}
