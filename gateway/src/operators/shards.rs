//! The shards, and the journal that they share.

use super::live;
use crate::app::App;
use crate::buyers::lookup;
use crate::http::problem::{ApiError, Code};
use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path};
use std::collections::BTreeSet;
use std::sync::Arc;
use usher_engine::PartitionId;
use usher_engine::id::PARTITION_COUNT;
use usher_shards::stats::{self, JournalFigures};
use usher_shards::{Face, ShardFigures, Suspect};
use usher_wire::{
    JournalStatus, Problem, Quantiles, QuarantinedCommand, ShardStatus, ShardsAnswer,
};

/// All shards, with the journal and the newest snapshot.
#[utoipa::path(
    get, path = "/ops/v1/shards", tag = "operators", operation_id = "listShards",
    security(("operator" = [])),
    responses((status = 200, body = ShardsAnswer, description = "How they do")),
)]
pub(super) async fn list(app: Data<App>) -> Result<HttpResponse, ApiError> {
    let compactor = app.compactor.clone();
    let newest = web::block(move || compactor.newest_snapshot()).await;
    let newest = newest.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    let shows = shows_by_shard(&app);
    let figures = app.router.shards();
    let shards = figures.iter().map(|figures| status(&app, figures, &shows[figures.shard]));
    let journal = app.router.journal();
    Ok(HttpResponse::Ok().json(ShardsAnswer {
        shards: shards.collect(),
        journal: describe_journal(&journal),
        last_durable_sequence: journal.durable_seq,
        snapshot_sequence: newest.as_ref().map(|info| info.covers.seq),
        // A clock that was set back makes a snapshot new, not a fault.
        snapshot_age_seconds: newest
            .map(|info| info.written.elapsed().unwrap_or_default().as_secs_f64()),
    }))
}

/// One shard, with its partitions and the shows that live there.
#[utoipa::path(
    get, path = "/ops/v1/shards/{shard}", tag = "operators", operation_id = "showShard",
    security(("operator" = [])), params(("shard" = u32, Path, description = "Its number, from 0")),
    responses(
        (status = 200, body = ShardStatus, description = "How it does"),
        (status = 404, body = Problem, description = "There is no such shard",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(app: Data<App>, shard: Path<String>) -> Result<HttpResponse, ApiError> {
    let unknown = || ApiError::new(Code::UnknownShard);
    let shard: usize = shard.parse().map_err(|_| unknown())?;
    let figures = app.router.shards().into_iter().nth(shard).ok_or_else(unknown)?;
    let shows = shows_by_shard(&app).swap_remove(shard);
    let owned = (0..PARTITION_COUNT).filter(|&id| app.router.owner(PartitionId(id)) == shard);
    let mut answer = status(&app, &figures, &shows);
    answer.partition_ids = owned.collect();
    answer.show_ids = shows.into_iter().collect();
    Ok(HttpResponse::Ok().json(answer))
}

fn status(app: &App, figures: &ShardFigures, shows: &BTreeSet<String>) -> ShardStatus {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ShardStatus {
        shard: count(figures.shard),
        partitions: count(figures.partitions),
        machines: count(figures.machines),
        shows: count(shows.len()),
        depth: figures.depth as u64,
        requests: figures.requests,
        records: figures.records,
        turns: figures.turns,
        panics: figures.panics,
        last_rebuild_seconds: (figures.panics > 0).then_some(figures.last_rebuild.as_secs_f64()),
        quarantined: figures.quarantined.iter().map(|suspect| quarantined(app, suspect)).collect(),
        show_ids: Vec::new(),
        partition_ids: Vec::new(),
    }
}

fn quarantined(app: &App, suspect: &Suspect) -> QuarantinedCommand {
    let face = app.router.directory().show(suspect.inventory.show).map(|view| view.kept_face());
    let name = |face: &Arc<Face>| live::name(face, suspect.inventory);
    QuarantinedCommand {
        show_id: face.as_ref().map(|face| face.details.public_id.clone()),
        inventory: face.as_ref().map_or_else(String::new, name),
        command: suspect.command.to_string(),
        panics: suspect.panics,
        last_at: lookup::time(suspect.last_at),
    }
}

/// The shows that have inventories at each shard.
fn shows_by_shard(app: &App) -> Vec<BTreeSet<String>> {
    let mut shows = vec![BTreeSet::new(); app.router.shard_count()];
    for view in app.router.directory().shows() {
        for id in app.router.inventories_of(view.key).unwrap_or_default() {
            let owner = app.router.owner(id.partition());
            shows[owner].insert(view.face().details.public_id.clone());
        }
    }
    shows
}

fn describe_journal(figures: &JournalFigures) -> JournalStatus {
    let quantiles = |of: stats::Quantiles, unit: f64| Quantiles {
        p50: of.p50 as f64 / unit,
        p99: of.p99 as f64 / unit,
        max: of.max as f64 / unit,
    };
    JournalStatus {
        records: figures.records,
        bytes: figures.bytes,
        batches: figures.flushes,
        batch_records: quantiles(figures.batch_records, 1.0),
        batch_seconds: quantiles(figures.flush_us, 1e6),
    }
}
