//! One request, sent once, and what its client then knows.
//!
//! Unlike the driver of a load run this never sends anything twice by itself: each try is an
//! operation of the history, and a repeat is another one with the same idempotency key.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::http::{Address, Connection, Reply, Request, read_whole};

/// How long an answer may take before its client goes away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may take to open.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// What a client knows after a request.
#[derive(Debug)]
pub(super) enum Heard {
    /// An answer.
    Reply(Reply),
    /// Nothing: the connection was lost or given up after the request may have been sent.
    Nothing,
    /// The server is not there, so nothing was sent.
    NotThere,
}

/// Whether the server is there, as all clients of a run see it.
#[derive(Debug, Default)]
pub(super) struct Presence {
    is_gone: Cell<bool>,
    restarts: Cell<u32>,
}

impl Presence {
    /// How often it was gone and came back.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts.get()
    }

    /// A server that was killed takes no connection; the next one that takes one is another.
    fn connected(&self) {
        if self.is_gone.replace(false) {
            self.restarts.set(self.restarts.get() + 1);
        }
    }
}

/// One client's connection.
pub(super) struct Caller {
    address: Address,
    presence: Rc<Presence>,
    start: Instant,
    kept: Option<Connection>,
}

impl Caller {
    /// A client that is not connected yet; times are told since `start`.
    pub(super) fn new(address: Address, presence: Rc<Presence>, start: Instant) -> Self {
        Self { address, presence, start, kept: None }
    }

    /// Nanoseconds since the start of the run.
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sends a request. With `go_after` the client goes away after this time, answered or not.
    pub(super) async fn send(&mut self, request: &Request, go_after: Option<Duration>) -> Heard {
        let connection = match self.kept.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => match self.connect().await {
                Some(connection) => connection,
                None => return Heard::NotThere,
            },
        };
        let limit = go_after.unwrap_or(PATIENCE);
        match tokio::time::timeout(limit, exchange(connection, &self.address, request)).await {
            Ok(Ok((connection, reply))) => {
                self.kept = Some(connection);
                Heard::Reply(reply)
            }
            Ok(Err(_)) | Err(_) => Heard::Nothing,
        }
    }

    async fn connect(&self) -> Option<Connection> {
        let opened = tokio::time::timeout(CONNECT_PATIENCE, Connection::open(&self.address)).await;
        match opened {
            Ok(Ok(connection)) => {
                self.presence.connected();
                Some(connection)
            }
            Ok(Err(_)) | Err(_) => {
                self.presence.is_gone.set(true);
                None
            }
        }
    }
}

async fn exchange(
    mut connection: Connection,
    address: &Address,
    request: &Request,
) -> Result<(Connection, Reply), String> {
    let answer = connection.send(address, request).await?;
    let reply = read_whole(answer).await?;
    Ok((connection, reply))
}
