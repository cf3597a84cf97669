//! Holds as transactions in PostgreSQL: a hot row of stock, locked or decremented in one statement,
//! and a row a seat with an optimistic version.

use actix_web::web::{Data, Json};
use actix_web::{Error, HttpResponse};
use anyhow::Context as _;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Config, NoTls};
use usher_wire::HoldRequest;

use super::broken;
use crate::answer::{held, new_id, taken};

/// Connections that are kept.
pub(crate) async fn connect(directory: &str, size: usize) -> anyhow::Result<Pool> {
    let mut config = Config::new();
    config.host_path(directory).user("usher").dbname("postgres");
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, NoTls, recycling);
    let pool = Pool::builder(manager).max_size(size).runtime(Runtime::Tokio1).build()?;
    drop(pool.get().await.context("PostgreSQL does not answer")?);
    Ok(pool)
}

/// `SELECT … FOR UPDATE`, look, change, insert, commit: what an ORM makes of it.
pub(crate) async fn hold_locked(
    pool: Data<Pool>,
    asked: Json<HoldRequest>,
) -> Result<HttpResponse, Error> {
    let mut client = pool.get().await.map_err(broken)?;
    let work = client.transaction().await.map_err(broken)?;
    let select = work.prepare_cached("SELECT available FROM stock WHERE name = $1 FOR UPDATE");
    let select = select.await.map_err(broken)?;
    let quantity = asked.stock.as_ref().map_or(1, |stock| stock.quantity as i32);
    let row = work.query_one(&select, &[&"standing"]).await.map_err(broken)?;
    if row.get::<_, i32>(0) < quantity {
        return Ok(taken());
    }
    let update = work.prepare_cached("UPDATE stock SET available = available - $1 WHERE name = $2");
    let update = update.await.map_err(broken)?;
    let insert = work.prepare_cached(INSERT_STOCK_HOLD).await.map_err(broken)?;
    let id = new_id();
    // Both are on their way before the first is answered.
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&quantity, &"standing"];
    let hold: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&id, &asked.user_id, &quantity];
    let both = futures_util::future::try_join(
        work.execute(&update, &parameters),
        work.execute(&insert, &hold),
    );
    both.await.map_err(broken)?;
    work.commit().await.map_err(broken)?;
    Ok(held(asked.into_inner(), id, 1))
}

/// Decrement and insert in one statement: the least that one round trip can be.
pub(crate) async fn hold_at_once(
    pool: Data<Pool>,
    asked: Json<HoldRequest>,
) -> Result<HttpResponse, Error> {
    let client = pool.get().await.map_err(broken)?;
    let statement = client.prepare_cached(
        "WITH taken AS (UPDATE stock SET available = available - $3 \
         WHERE name = 'standing' AND available >= $3 RETURNING name) \
         INSERT INTO holds (id, user_id, quantity, expires_at) \
         SELECT $1, $2, $3, now() + interval '5 minutes' FROM taken",
    );
    let statement = statement.await.map_err(broken)?;
    let quantity = asked.stock.as_ref().map_or(1, |stock| stock.quantity as i32);
    let id = new_id();
    let rows = client.execute(&statement, &[&id, &asked.user_id, &quantity]).await;
    let is_held = rows.map_err(broken)? == 1;
    Ok(if is_held { held(asked.into_inner(), id, 1) } else { taken() })
}

/// A seat's row is read, then changed if its version is still the same, in one transaction with
/// the hold.
pub(crate) async fn hold_seat(
    pool: Data<Pool>,
    asked: Json<HoldRequest>,
) -> Result<HttpResponse, Error> {
    let client = pool.get().await.map_err(broken)?;
    let Some(seats) = &asked.seat_ids else { return Ok(taken()) };
    let select = client.prepare_cached("SELECT status, version FROM seats WHERE id = $1");
    let select = select.await.map_err(broken)?;
    let row = client.query_one(&select, &[&seats[0]]).await.map_err(broken)?;
    if row.get::<_, i16>(0) != 0 {
        return Ok(taken());
    }
    let statement = client.prepare_cached(
        "WITH taken AS (UPDATE seats SET status = 1, version = version + 1, hold = $1 \
         WHERE id = $3 AND version = $4 AND status = 0 RETURNING id) \
         INSERT INTO holds (id, user_id, seats, expires_at) \
         SELECT $1, $2, ARRAY[id], now() + interval '5 minutes' FROM taken",
    );
    let statement = statement.await.map_err(broken)?;
    let id = new_id();
    let version: i32 = row.get(1);
    let rows = client.execute(&statement, &[&id, &asked.user_id, &seats[0], &version]).await;
    let is_held = rows.map_err(broken)? == 1;
    Ok(if is_held { held(asked.into_inner(), id, 1) } else { taken() })
}

const INSERT_STOCK_HOLD: &str = "INSERT INTO holds (id, user_id, quantity, expires_at) \
     VALUES ($1, $2, $3, now() + interval '5 minutes')";
