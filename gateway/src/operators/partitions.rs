//! Moving partitions between shards.

use crate::app::App;
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use usher_engine::PartitionId;
use usher_engine::id::PARTITION_COUNT;
use usher_wire::{MoveAnswer, MoveRequest, Problem};

/// Moves a partition to another shard while it sells. Its buyers wait for a moment.
#[utoipa::path(
    post, path = "/ops/v1/partitions/{partition}/move", tag = "operators",
    operation_id = "movePartition", security(("operator" = [])), request_body = MoveRequest,
    params(("partition" = u16, Path, description = "Its number, 0 to 4095")),
    responses(
        (status = 200, body = MoveAnswer, description = "It is there"),
        (status = 404, body = Problem, description = "There is no such partition or shard",
         content_type = "application/problem+json"),
        (status = 504, body = Problem, description = "Somebody else moves it, or it takes too long",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn move_to(
    app: Data<App>,
    partition: Path<String>,
    body: Body<MoveRequest>,
) -> Result<HttpResponse, ApiError> {
    let known = partition.parse().ok().filter(|number| *number < PARTITION_COUNT);
    let number: u16 = known.ok_or_else(|| ApiError::new(Code::UnknownPartition))?;
    let Body(MoveRequest { shard }) = body;
    let to = shard as usize;
    if to >= app.router.shard_count() {
        let words = format!("there are {} shards", app.router.shard_count());
        return Err(ApiError::new(Code::UnknownShard).detail(words).pointer("/shard"));
    }
    let partition = PartitionId(number);
    let from_shard = app.router.owner(partition) as u32;
    let took = app.router.move_partition(partition, to).await?;
    let frozen_seconds = took.as_secs_f64();
    tracing::info!(partition = number, from_shard, to_shard = shard, frozen_seconds, "moved");
    Ok(HttpResponse::Ok().json(MoveAnswer {
        partition: number,
        from_shard,
        to_shard: shard,
        frozen_seconds,
    }))
}
