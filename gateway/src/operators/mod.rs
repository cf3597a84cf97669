//! What operators do under `/ops/v1`: look, steer, prove.
//!
//! ```text
//!   shards.rs      the shards, the journal, the newest snapshot
//!   shows.rs       where a show lives and how it does; pausing it; more time for holds
//!   partitions.rs  moving partitions while they sell
//!   snapshots.rs   compacting now, and backups
//!   audit.rs       counted afresh from the journal, beside what owners believe
//!   history.rs     what happened to a seat, a hold, a user; words.rs puts it into words
//!   live.rs        asking all owners of a show
//!   gauges.rs      metrics over all shows
//! ```
//!
//! Health and metrics are in `server/health.rs`: they need no key.

mod audit;
pub(crate) mod gauges;
mod history;
mod live;
mod logbook;
mod partitions;
mod shards;
mod shows;
mod snapshots;
mod words;

use crate::app::App;
use crate::http::route::at;
use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi;

pub use snapshots::BACKUPS_DIR;

/// Everything that operators can call, described.
#[derive(OpenApi)]
#[openapi(paths(
    shards::list,
    shards::show,
    shows::status,
    shows::pause,
    shows::resume,
    shows::extend_holds,
    partitions::move_to,
    snapshots::compact,
    snapshots::back_up,
    audit::show,
    history::show,
    logbook::show,
))]
pub struct Api;

/// Everything that operators can call, relative to `/ops/v1`.
pub fn routes(service: &mut ServiceConfig, _app: &Data<App>) {
    let at = |pattern| at("/ops/v1", pattern);
    service
        .service(at("/shards").get(shards::list))
        .service(at("/shards/{shard}").get(shards::show))
        .service(at("/shows/{showId}").get(shows::status))
        .service(at("/shows/{showId}/pause").post(shows::pause))
        .service(at("/shows/{showId}/resume").post(shows::resume))
        .service(at("/shows/{showId}/extend-holds").post(shows::extend_holds))
        .service(at("/shows/{showId}/audit").get(audit::show))
        .service(at("/shows/{showId}/history").get(history::show))
        .service(at("/logbook").get(logbook::show))
        .service(at("/partitions/{partition}/move").post(partitions::move_to))
        .service(at("/snapshots").post(snapshots::compact))
        .service(at("/backup").post(snapshots::back_up));
}
