//! One connection, and reading answers from it.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Address, Reply, Request};

/// The largest answer that is read; a seat map of two million seats as JSON is below it.
const BODY_BYTES_MAX: usize = 256 << 20;

/// A connection that is open, or was when it was last used.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn open(address: &Address) -> Result<Self, String> {
        let stream = TcpStream::connect(&address.authority)
            .await
            .map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("connect: {error}"))?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("connect: {error}"))?;
        tokio::task::spawn_local(async move {
            // How it ended is what the request in flight is told; nobody else needs to know.
            let _ = driver.await;
        });
        Ok(Self { sender })
    }

    /// Whether another request can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// Why there is none; it is not known then whether the server got the request.
    pub async fn send(
        &mut self,
        address: &Address,
        request: &Request,
    ) -> Result<Response<Incoming>, String> {
        let uri = Uri::try_from(request.path.as_str()).map_err(|error| format!("uri: {error}"))?;
        let mut message = hyper::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = uri;
        let headers = message.headers_mut();
        headers.insert(HOST, address.host.clone());
        for (name, value) in &request.headers {
            headers.insert(*name, value.clone());
        }
        self.sender.ready().await.map_err(|error| format!("send: {error}"))?;
        self.sender.send_request(message).await.map_err(|error| format!("send: {error}"))
    }
}

/// Reads an answer to its end.
///
/// # Errors
///
/// When the connection is lost on the way, or the answer is larger than any of the contract.
pub(crate) async fn read_whole(answer: Response<Incoming>) -> Result<Reply, String> {
    let (head, mut body) = answer.into_parts();
    // Most answers are one frame, which needs no copy.
    let mut first = Bytes::new();
    let mut whole: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("read: {error}"))?;
        let Ok(data) = frame.into_data() else { continue };
        match &mut whole {
            None if first.is_empty() => first = data,
            None => whole = Some([&first[..], &data[..]].concat().as_slice().into()),
            Some(whole) => whole.extend_from_slice(&data),
        }
        if whole.as_ref().map_or(first.len(), BytesMut::len) > BODY_BYTES_MAX {
            return Err("the answer is too large".into());
        }
    }
    let body = whole.map_or(first, BytesMut::freeze);
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
}

/// An answer without an end; its connection is closed when it is dropped.
pub struct BodyStream {
    body: Incoming,
    // The connection lives as long as its sender.
    _connection: Connection,
}

impl BodyStream {
    pub(super) fn new(connection: Connection, answer: Response<Incoming>) -> Self {
        Self { body: answer.into_body(), _connection: connection }
    }

    /// The next bytes; none when the server ended it.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(format!("read: {error}")),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}
