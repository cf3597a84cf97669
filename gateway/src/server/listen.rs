//! Binding both addresses and starting the threads that speak HTTP.

use super::{mount, tls};
use crate::app::App;
use actix_web::dev::ServerHandle;
use actix_web::rt::task::JoinHandle;
use actix_web::web::Data;
use actix_web::{App as Routes, HttpServer};
use anyhow::Context as _;
use std::net::SocketAddr;

/// How a server ended.
pub(super) type Ending = JoinHandle<std::io::Result<()>>;

/// Both servers, listening. They run as tasks of their own: a server that is dropped stops at once.
pub(super) struct Listeners {
    /// Ends when the server for buyers and organisers ends.
    pub(super) public: Ending,
    pub(super) public_handle: ServerHandle,
    pub(super) public_address: SocketAddr,
    /// Ends when the server for operators ends.
    pub(super) operators: Ending,
    pub(super) operators_handle: ServerHandle,
    pub(super) operators_address: SocketAddr,
}

/// Starts to listen on both addresses.
pub(super) fn start(app: &Data<App>) -> anyhow::Result<Listeners> {
    let http = &app.config.http;
    let shared = app.clone();
    let public = HttpServer::new(move || {
        let shared = shared.clone();
        Routes::new().configure(move |service| mount::public_routes(service, &shared))
    })
    .workers(http.workers.get())
    .max_connections(http.connections_max)
    .keep_alive(http.keep_alive)
    .client_request_timeout(http.client_timeout)
    .client_disconnect_timeout(http.client_timeout)
    .backlog(4_096)
    .disable_signals();
    let public = match &http.tls {
        None => public.bind(http.listen),
        Some((cert, key)) => public.bind_rustls_0_23(http.listen, tls::read(cert, key)?),
    };
    let public = public.with_context(|| format!("listen on {}", http.listen))?;
    let public_address = public.addrs().first().copied().context("no address for buyers")?;

    let shared = app.clone();
    let operators = HttpServer::new(move || {
        let shared = shared.clone();
        Routes::new().configure(move |service| mount::operators_routes(service, &shared))
    })
    .workers(1)
    .keep_alive(http.keep_alive)
    .client_request_timeout(http.client_timeout)
    .disable_signals()
    .bind(http.ops_listen)
    .with_context(|| format!("listen on {}", http.ops_listen))?;
    let operators_address =
        operators.addrs().first().copied().context("no address for operators")?;

    let (public, operators) = (public.run(), operators.run());
    let (public_handle, operators_handle) = (public.handle(), operators.handle());
    let (public, operators) = (actix_web::rt::spawn(public), actix_web::rt::spawn(operators));
    Ok(Listeners {
        public,
        public_handle,
        public_address,
        operators,
        operators_handle,
        operators_address,
    })
}
