//! The designs that box offices run today, each as a hold over HTTP: the same server library, the
//! same JSON, the same allocator as Usher, so that what differs is the design.
//!
//! They do less than Usher does: no limit per buyer, no idempotency key, no audit. Where a choice
//! was to be made it was made in their favour: Unix sockets instead of TCP, prepared statements,
//! one round trip where one is enough, pools of the size that was fastest here.

mod answer;
mod designs;

use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use clap::Parser;

use designs::{empty, locks, postgres, redis};

/// As in the server that this is measured beside.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves holds from Redis, PostgreSQL, both, or nothing at all.
#[derive(Debug, Parser)]
struct Cli {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:18100")]
    listen: String,
    /// Directory with PostgreSQL's socket.
    #[arg(long)]
    postgres: Option<String>,
    /// Redis's socket.
    #[arg(long)]
    redis: Option<String>,
    /// Connections to PostgreSQL.
    #[arg(long, default_value_t = 32)]
    pool: usize,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let postgres = match &cli.postgres {
        Some(directory) => Some(postgres::connect(directory, cli.pool).await?),
        None => None,
    };
    let redis = match &cli.redis {
        Some(socket) => Some(redis::connect(socket).await?),
        None => None,
    };
    let workers = std::thread::available_parallelism().context("processors")?.get();
    let server = HttpServer::new(move || {
        let mut app = App::new()
            .route("/empty", web::get().to(empty::read))
            .route("/empty", web::post().to(empty::hold));
        if let Some(redis) = &redis {
            app = app
                .app_data(web::Data::new(redis.clone()))
                .route("/redis", web::post().to(redis::hold));
        }
        if let Some(postgres) = &postgres {
            app = app
                .app_data(web::Data::new(postgres.clone()))
                .route("/postgres/locked-row", web::post().to(postgres::hold_locked))
                .route("/postgres/one-statement", web::post().to(postgres::hold_at_once))
                .route("/postgres/seat", web::post().to(postgres::hold_seat));
        }
        if postgres.is_some() && redis.is_some() {
            app = app.route("/locks", web::post().to(locks::hold));
        }
        app
    });
    server.workers(workers).bind(&cli.listen).context("binding")?.run().await?;
    Ok(())
}
