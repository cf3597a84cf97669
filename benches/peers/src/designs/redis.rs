//! A hold as one Lua script in Redis: looks at the seats, takes them, writes the hold and the time
//! at which it ends.

use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use anyhow::Context as _;
use redis::aio::MultiplexedConnection;
use redis::{Client, Script};
use usher_wire::HoldRequest;

use super::broken;
use crate::answer::{HOLD_SECONDS, held, new_id, taken};

/// One connection on which all requests are pipelined, and the script.
#[derive(Clone)]
pub(crate) struct Redis {
    pub(crate) connection: MultiplexedConnection,
    script: std::sync::Arc<Script>,
}

const HOLD: &str = include_str!("hold.lua");

/// Connects and loads the script.
pub(crate) async fn connect(socket: &str) -> anyhow::Result<Redis> {
    let client = Client::open(format!("unix://{socket}")).context("Redis's address")?;
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.context("Redis does not answer")?;
    let script = Script::new(HOLD);
    let _: String = script.prepare_invoke().load_async(&mut connection).await.context("script")?;
    Ok(Redis { connection, script: script.into() })
}

/// Takes seats.
pub(crate) async fn hold(
    redis: Data<Redis>,
    asked: Json<HoldRequest>,
) -> Result<HttpResponse, Error> {
    let id = new_id();
    let seats = serde_json::to_string(&asked.seat_ids).map_err(broken)?;
    let ends_at = jiff::Timestamp::now().as_millisecond() + HOLD_SECONDS * 1_000;
    let mut connection = redis.connection.clone();
    let mut call = redis.script.prepare_invoke();
    call.key("seats").key("ends").arg(&id).arg(&asked.user_id).arg(seats).arg(ends_at);
    let is_held: i32 = call.invoke_async(&mut connection).await.map_err(broken)?;
    Ok(if is_held == 1 { held(asked.into_inner(), id, 1) } else { taken() })
}
