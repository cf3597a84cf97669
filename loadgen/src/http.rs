//! HTTP/1.1 to one server: a bounded pool of kept-alive connections, and retries that are safe.
//!
//! The server under test often shares the machine with this driver, so a request is made cheaply:
//! headers are prepared once, bodies are moved and not copied, connections wait on a stack so that
//! few stay hot, and Nagle's algorithm is off.
//!
//! A request whose outcome is unknown (connection lost, no answer in time, 503, 504) is sent again
//! with the *same* idempotency key until it is answered or patience ends. That makes a server that
//! is killed and comes back a pause, not an error, and is exactly what the contract asks buyers to
//! do.

mod address;
mod connection;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;

pub use address::Address;
pub(crate) use connection::read_whole;
pub use connection::{BodyStream, Connection};

use crate::meter::{Meter, Step};

/// The wait before the first retry; it doubles from there.
const BACKOFF_MS_MIN: u64 = 20;
/// The longest wait before a retry that the server did not ask for.
const BACKOFF_MS_MAX: u64 = 1_000;

/// How the driver treats the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Manners {
    /// The most connections that are open for requests; streams have their own.
    pub connections_max: usize,
    /// How long one try may take.
    pub timeout: Duration,
    /// How long a request is tried in all.
    pub patience: Duration,
    /// How often a request is tried at most.
    pub tries_max: u32,
    /// The share of requests whose connection is dropped on purpose, at a random moment, before
    /// they are sent again.
    pub drop_share: f64,
    /// The seed of the moments of dropping and of the waits between retries.
    pub seed: u64,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers beside those that every request has.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// The body; JSON where there is one.
    pub body: Bytes,
}

/// One answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer that decides. Statuses that ask for a retry are given only when patience ended.
    Answered(Reply),
    /// Every try was lost; the last reason.
    Lost(Fault),
}

/// Why a try had no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was no connection, or it was lost.
    #[error("{0}")]
    Connection(String),
    /// The answer did not come in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection was dropped on purpose.
    #[error("dropped on purpose")]
    Dropped,
}

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    inner: Rc<Inner>,
}

struct Inner {
    address: Address,
    manners: Manners,
    meter: Rc<Meter>,
    permits: Semaphore,
    idle: RefCell<Vec<Connection>>,
    rng: RefCell<Xoshiro256PlusPlus>,
    connected: Cell<u64>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, path: String) -> Self {
        Self { method, path, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets a JSON body.
    ///
    /// # Panics
    ///
    /// When `body` cannot be JSON; all types of the contract can.
    #[must_use]
    pub fn json(self, body: &impl serde::Serialize) -> Self {
        let bytes = serde_json::to_vec(body).expect("contract types are JSON");
        self.bytes(Bytes::from(bytes))
    }

    /// Sets a body that is JSON already.
    #[must_use]
    pub fn bytes(mut self, body: Bytes) -> Self {
        self.body = body;
        self.header("content-type", HeaderValue::from_static("application/json"))
    }
}

impl Client {
    /// A client that opens connections when they are needed.
    #[must_use]
    pub fn new(address: Address, manners: Manners, meter: Rc<Meter>) -> Self {
        let inner = Inner {
            address,
            permits: Semaphore::new(manners.connections_max),
            idle: RefCell::new(Vec::with_capacity(manners.connections_max)),
            rng: RefCell::new(Xoshiro256PlusPlus::seed_from_u64(manners.seed)),
            manners,
            meter,
            connected: Cell::new(0),
        };
        Self { inner: Rc::new(inner) }
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connected(&self) -> u64 {
        self.inner.connected.get()
    }

    /// Sends a request until it is answered or patience ends. Each answer is counted for `step`.
    pub async fn send(&self, step: Step, request: &Request) -> Outcome {
        let inner = &self.inner;
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let drop_after = inner.drop_after(tries);
            let tried = Instant::now();
            let result = inner.attempt(request, drop_after).await;
            let status = result.as_ref().map_or(0, |reply| reply.status);
            inner.meter.answer(step, tried, status, tries > 1);
            let retry_after = match &result {
                Ok(reply) if !asks_for_retry(reply.status) => {
                    return Outcome::Answered(result.expect("it is an answer"));
                }
                Ok(reply) => retry_after(&reply.headers),
                // A connection that was dropped on purpose needs no rest for the server.
                Err(Fault::Dropped) => Some(Duration::ZERO),
                Err(_) => None,
            };
            let wait = retry_after.unwrap_or_else(|| inner.backoff(tries));
            let patient = begun.elapsed() + wait < inner.manners.patience;
            if tries >= inner.manners.tries_max || !patient {
                return match result {
                    Ok(reply) => Outcome::Answered(reply),
                    Err(reason) => Outcome::Lost(reason),
                };
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Opens a connection of its own for an answer without an end.
    ///
    /// # Errors
    ///
    /// Why there is no such answer.
    pub async fn stream(&self, request: &Request) -> Result<(u16, BodyStream), Fault> {
        let inner = &self.inner;
        let mut connection = inner.connect().await?;
        let answer = connection.send(&inner.address, request);
        let answer = tokio::time::timeout(inner.manners.timeout, answer).await;
        let answer = answer.map_err(|_| Fault::Timeout)?.map_err(Fault::Connection)?;
        Ok((answer.status().as_u16(), BodyStream::new(connection, answer)))
    }
}

impl Inner {
    async fn attempt(
        &self,
        request: &Request,
        drop_after: Option<Duration>,
    ) -> Result<Reply, Fault> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let kept = self.take_idle();
        let was_kept = kept.is_some();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        match self.exchange(connection, request, drop_after).await {
            // The server may close a kept connection just when it is used again; that is no news
            // about the server, so a fresh one is tried at once.
            Err(Fault::Connection(_)) if was_kept && drop_after.is_none() => {
                let connection = self.connect().await?;
                self.exchange(connection, request, None).await
            }
            result => result,
        }
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: &Request,
        drop_after: Option<Duration>,
    ) -> Result<Reply, Fault> {
        let limit = drop_after.unwrap_or(self.manners.timeout);
        let whole = async {
            let answer = connection.send(&self.address, request).await?;
            connection::read_whole(answer).await
        };
        let reply = match tokio::time::timeout(limit, whole).await {
            Ok(reply) => reply.map_err(Fault::Connection)?,
            Err(_) if drop_after.is_some() => return Err(Fault::Dropped),
            Err(_) => return Err(Fault::Timeout),
        };
        if connection.is_open() {
            self.idle.borrow_mut().push(connection);
        }
        Ok(reply)
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let connection = Connection::open(&self.address);
        let connection = tokio::time::timeout(self.manners.timeout, connection).await;
        let connection = connection.map_err(|_| Fault::Timeout)?.map_err(Fault::Connection)?;
        self.connected.set(self.connected.get() + 1);
        Ok(connection)
    }

    fn drop_after(&self, tries: u32) -> Option<Duration> {
        if tries > 1 || self.manners.drop_share == 0.0 {
            return None;
        }
        let mut rng = self.rng.borrow_mut();
        let dropped = rng.random::<f64>() < self.manners.drop_share;
        // Most of the range is where a request is read, queued, applied and flushed.
        dropped.then(|| Duration::from_micros(rng.random_range(0..5_000)))
    }

    /// Doubles with every try, with dice, so that a thousand clients do not come back as one.
    fn backoff(&self, tries: u32) -> Duration {
        let most = (BACKOFF_MS_MIN << tries.min(16).saturating_sub(1)).min(BACKOFF_MS_MAX);
        Duration::from_millis(self.rng.borrow_mut().random_range(most / 2..=most))
    }
}

/// Nothing happened, or it is not known what: the contract says to come again.
fn asks_for_retry(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
