//! The whole design that is in most textbooks: a lock a seat in Redis, taken in order; a
//! transaction in PostgreSQL that looks again and changes by version; the end of the hold in a
//! delay queue; the locks given back.

use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use deadpool_postgres::Pool;
use redis::aio::MultiplexedConnection;
use usher_wire::HoldRequest;

use super::broken;
use super::redis::Redis;
use crate::answer::{HOLD_SECONDS, held, new_id, taken};

/// How long a lock lives where its owner dies, in milliseconds.
const LOCK_MS: u64 = 5_000;

/// Takes seats.
pub(crate) async fn hold(
    redis: Data<Redis>,
    pool: Data<Pool>,
    asked: Json<HoldRequest>,
) -> Result<HttpResponse, Error> {
    let Some(mut seats) = asked.seat_ids.clone() else { return Ok(taken()) };
    // In one order for everybody, so that no two wait for each other.
    seats.sort();
    let (id, mut connection) = (new_id(), redis.connection.clone());
    let mut locked = 0;
    for seat in &seats {
        if !lock(&mut connection, seat, &id).await? {
            break;
        }
        locked += 1;
    }
    let is_held = locked == seats.len() && change(&pool, &asked.user_id, &seats, &id).await?;
    if is_held {
        let ends_at = jiff::Timestamp::now().as_millisecond() + HOLD_SECONDS * 1_000;
        let mut queue = redis::cmd("ZADD");
        queue.arg("ends").arg(ends_at).arg(&id);
        let _: i32 = queue.query_async(&mut connection).await.map_err(broken)?;
    }
    for seat in &seats[..locked] {
        unlock(&mut connection, seat, &id).await?;
    }
    Ok(if is_held { held(asked.into_inner(), id, 1) } else { taken() })
}

async fn lock(redis: &mut MultiplexedConnection, seat: &str, id: &str) -> Result<bool, Error> {
    let mut set = redis::cmd("SET");
    set.arg(format!("lock:{seat}")).arg(id).arg("NX").arg("PX").arg(LOCK_MS);
    let answer: Option<String> = set.query_async(redis).await.map_err(broken)?;
    Ok(answer.is_some())
}

/// Only its owner may give a lock back.
async fn unlock(redis: &mut MultiplexedConnection, seat: &str, id: &str) -> Result<(), Error> {
    let script = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end";
    let mut call = redis::cmd("EVAL");
    call.arg(script).arg(1).arg(format!("lock:{seat}")).arg(id);
    call.query_async(redis).await.map_err(broken)
}

async fn change(pool: &Pool, user: &str, seats: &[String], id: &str) -> Result<bool, Error> {
    let mut client = pool.get().await.map_err(broken)?;
    let work = client.transaction().await.map_err(broken)?;
    let select = work.prepare_cached("SELECT status, version FROM seats WHERE id = $1");
    let select = select.await.map_err(broken)?;
    let update = work.prepare_cached(
        "UPDATE seats SET status = 1, version = version + 1, hold = $1 \
         WHERE id = $2 AND version = $3",
    );
    let update = update.await.map_err(broken)?;
    for seat in seats {
        let row = work.query_one(&select, &[seat]).await.map_err(broken)?;
        let version: i32 = row.get(1);
        if row.get::<_, i16>(0) != 0
            || work.execute(&update, &[&id, seat, &version]).await.map_err(broken)? != 1
        {
            return Ok(false);
        }
    }
    let insert = work.prepare_cached(
        "INSERT INTO holds (id, user_id, seats, expires_at) \
         VALUES ($1, $2, $3, now() + interval '5 minutes')",
    );
    let insert = insert.await.map_err(broken)?;
    work.execute(&insert, &[&id, &user, &seats]).await.map_err(broken)?;
    work.commit().await.map_err(broken)?;
    Ok(true)
}
