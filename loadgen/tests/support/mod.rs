//! A small server that keeps the HTTP contract in memory, for the generator to run against.
//!
//! It lives on a thread of its own with a runtime of its own, so that it can stall without the
//! generator's clock standing still. It can be told to misbehave in ways that the generator must
//! survive (lost connections, 503) or find (a seat sold twice).

pub(crate) mod sale;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use sale::{Answer, Call, Sale};

/// How the server misbehaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Answers nothing from this moment after its start on, for this long.
    pub(crate) stall: Option<(Duration, Duration)>,
    /// Does every so-manieth request, and drops the connection instead of answering.
    pub(crate) lose_every: Option<u64>,
    /// Answers 503 with `Retry-After: 0` to every so-manieth request, and does nothing.
    pub(crate) busy_every: Option<u64>,
    /// Sells the first seat to everybody who asks for it.
    pub(crate) sells_first_seat_again: bool,
    /// Forgets the first order that was ticketed.
    pub(crate) forgets_an_order: bool,
}

/// A running server; it ends with the test's process.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) url: String,
    /// What it has sold.
    pub(crate) sale: Arc<Mutex<Sale>>,
}

/// Starts a server on a free port.
pub(crate) fn start(faults: Faults) -> Server {
    let sale = Arc::new(Mutex::new(Sale::new(faults)));
    let (sender, receiver) = std::sync::mpsc::channel::<SocketAddr>();
    let shared = Arc::clone(&sale);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            sender.send(listener.local_addr().expect("an address")).expect("the test waits");
            serve(listener, shared, faults).await;
        });
    });
    let address = receiver.recv().expect("the server starts");
    Server { url: format!("http://{address}"), sale }
}

async fn serve(listener: TcpListener, sale: Arc<Mutex<Sale>>, faults: Faults) {
    let begun = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        stream.set_nodelay(true).expect("a socket");
        let (sale, count) = (Arc::clone(&sale), Arc::clone(&count));
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (sale, count) = (Arc::clone(&sale), Arc::clone(&count));
                async move { answer(request, &sale, &count, faults, begun).await }
            });
            // A connection that is dropped on purpose ends with an error; that is its purpose.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    sale: &Mutex<Sale>,
    count: &AtomicU64,
    faults: Faults,
    begun: Instant,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    if let Some((at, lasting)) = faults.stall {
        let (now, end) = (begun.elapsed(), at + lasting);
        if now >= at && now < end {
            tokio::time::sleep(end - now).await;
        }
    }
    let number = count.fetch_add(1, Ordering::Relaxed) + 1;
    let is_nth = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
    if is_nth(faults.busy_every) {
        return Ok(respond(Answer::busy()));
    }
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
    let call = Call {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        key: header("idempotency-key"),
        accept: header("accept").unwrap_or_default(),
        if_none_match: header("if-none-match"),
        body: &body,
    };
    let answer = sale.lock().expect("no test panics inside").answer(&call);
    if is_nth(faults.lose_every) {
        return Err(Lost);
    }
    Ok(respond(answer))
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body.into())).expect("a response")
}

/// The connection is dropped instead of answered.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped on purpose")
    }
}

impl std::error::Error for Lost {}

impl From<Infallible> for Lost {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
