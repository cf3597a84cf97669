//! The server: two listeners, one life.
//!
//! ```text
//!   http_workers × listen      buyers, organisers, sandbox, documentation
//!              1 × ops_listen  operators, metrics, health
//! ```
//!
//! Everything that answers is made before anything is answered: what cannot work refuses to start.
//! On SIGTERM readiness fails first, requests in flight finish, batches flush, and the process
//! exits with 0. When the journal fails, nothing can be acknowledged any more, so the process exits
//! at once and recovers from the disk at its next start.

mod descriptors;
pub mod docs;
pub mod health;
pub mod lifecycle;
mod listen;
mod memory;
pub mod mount;
mod open;
mod rush;
mod stages;
pub mod tls;

pub use open::{Opened, open};

use crate::app::App;
use crate::config::Config;
use crate::room;
use actix_web::web::Data;
use anyhow::{Context as _, bail};
use lifecycle::Stage;
use listen::Sockets;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long connections may stay open once nothing is in flight.
const CLOSE_PATIENCE: Duration = Duration::from_millis(100);

/// Serves until a signal ends it. Must run in an actix system.
pub async fn serve(mut config: Config) -> anyhow::Result<()> {
    memory::refuse_huge_pages();
    // A taken port is found before a long recovery; who connects meanwhile waits in the queue.
    let sockets = Sockets::bind(&config.http)?;
    (config.http.listen, config.http.ops_listen) = sockets.addresses()?;
    let Opened { app, runtime } = open(config).await?;
    let app = Data::new(app);
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut listeners = listen::start(&app, sockets)?;
    room::flow::start(&app);
    memory::start();
    announce(&app);
    tokio::select! {
        _ = terminated.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupted.recv() => tracing::info!("interrupted: stopping"),
        ended = &mut listeners.public => {
            ended?.context("serve buyers and organisers")?;
            bail!("the listener for buyers and organisers ended by itself");
        }
        ended = &mut listeners.operators => {
            ended?.context("serve operators")?;
            bail!("the listener for operators ended by itself");
        }
    }
    let http = &app.config.http;
    app.lifecycle.advance(Stage::Leaving);
    tokio::time::sleep(http.drain).await;
    app.lifecycle.advance(Stage::Draining);
    if !app.lifecycle.idle(http.shutdown_timeout).await {
        tracing::warn!(left = app.lifecycle.in_flight(), "requests did not finish in time");
    }
    // What was answered last is on its way out of the sockets.
    tokio::time::sleep(CLOSE_PATIENCE).await;
    listeners.public_handle.stop(false).await;
    listeners.operators_handle.stop(false).await;
    app.logbook.settle().await;
    tokio::task::spawn_blocking(move || runtime.stop()).await.context("stop the shards")?;
    tracing::info!("stopped; everything acknowledged is on the disk");
    Ok(())
}

fn announce(app: &Data<App>) {
    let http = &app.config.http;
    tracing::info!(
        listen = %http.listen,
        ops_listen = %http.ops_listen,
        public_url = http.public_url(),
        shards = app.router.shard_count(),
        http_workers = http.workers.get(),
        provider = app.provider.name(),
        "selling"
    );
    for path in &app.secrets.made {
        tracing::info!(path = %path.display(), "made a key, readable by its owner only");
    }
}
