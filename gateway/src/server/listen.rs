//! Binding both addresses and starting the threads that speak HTTP.

use super::rush::Front;
use super::{descriptors, mount, tls};
use crate::app::App;
use crate::config::HttpConfig;
use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::rt::task::JoinHandle;
use actix_web::web::Data;
use anyhow::Context as _;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, TcpListener};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// How a server ended.
pub(super) type Ending = JoinHandle<std::io::Result<()>>;

/// Both addresses, bound. Nobody is answered yet.
pub(super) struct Sockets {
    public: TcpListener,
    operators: TcpListener,
}

/// Both servers, listening. They run as tasks of their own: a server that is dropped stops at once.
pub(super) struct Listeners {
    /// Ends when the server for buyers and organisers ends.
    pub(super) public: Ending,
    pub(super) public_handle: ServerHandle,
    /// Ends when the server for operators ends.
    pub(super) operators: Ending,
    pub(super) operators_handle: ServerHandle,
}

impl Sockets {
    /// Takes both addresses.
    pub(super) fn bind(http: &HttpConfig) -> anyhow::Result<Self> {
        let bind = |name: &str, address: SocketAddr| {
            listen(address).with_context(|| format!("{name}: cannot listen on {address}"))
        };
        Ok(Self {
            public: bind("listen", http.listen)?,
            operators: bind("ops_listen", http.ops_listen)?,
        })
    }

    /// The addresses, with the ports that the system chose where it was asked to.
    pub(super) fn addresses(&self) -> anyhow::Result<(SocketAddr, SocketAddr)> {
        let address = |socket: &TcpListener| socket.local_addr().context("address of a socket");
        Ok((address(&self.public)?, address(&self.operators)?))
    }
}

/// Bytes of a streamed body that are taken ahead of the connection. An event stream begins with all
/// that its reader does not know yet; taken whole, it would leave a large buffer with each of ten
/// thousand readers.
const WRITE_AHEAD_BYTES: usize = 4_096;

/// Starts to answer on both addresses.
pub(super) fn start(app: &Data<App>, sockets: Sockets) -> anyhow::Result<Listeners> {
    let http = &app.config.http;
    let shared = app.clone();
    let public = HttpServer::new(move || Front::new(&shared, mount::public(&shared)))
        .workers(http.workers.get())
        .max_connections(descriptors::connections_max(http))
        .keep_alive(http.keep_alive)
        .client_request_timeout(http.client_timeout)
        .client_disconnect_timeout(http.client_timeout)
        .h1_write_buffer_size(WRITE_AHEAD_BYTES)
        .disable_signals();
    let public = match &http.tls {
        None => public.listen(sockets.public),
        Some((cert, key)) => public.listen_rustls_0_23(sockets.public, tls::read(cert, key)?),
    };
    let public = public.context("serve buyers and organisers")?.run();

    let shared = app.clone();
    let operators = HttpServer::new(move || mount::operators(&shared))
        .workers(1)
        .max_connections(descriptors::OPERATORS_MAX)
        .keep_alive(http.keep_alive)
        .client_request_timeout(http.client_timeout)
        .disable_signals()
        .listen(sockets.operators)
        .context("serve operators")?
        .run();

    let (public_handle, operators_handle) = (public.handle(), operators.handle());
    let (public, operators) = (actix_web::rt::spawn(public), actix_web::rt::spawn(operators));
    Ok(Listeners { public, public_handle, operators, operators_handle })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the process before.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
