//! What the owners of a show believe, asked of all of them.

use crate::app::App;
use crate::http::problem::ApiError;
use futures_util::future::join_all;
use usher_engine::inventory::Audit;
use usher_engine::{MachineId, Refusal};
use usher_shards::{CallError, Counted, Face};
use usher_wire::Counts;

/// Owners that are asked at the same time. A show has up to 2,049 inventories, and the lane for
/// operators is short.
const AT_ONCE_MAX: usize = 64;

/// Has each owner count its inventory. One that does not exist yet is left out.
///
/// # Errors
/// As [`usher_shards::Router::count`].
pub(super) async fn count(
    app: &App,
    ids: &[MachineId],
) -> Result<Vec<(MachineId, Counted)>, ApiError> {
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE_MAX) {
        let asked = some.iter().map(|&id| async move { (id, app.router.count(id).await) });
        for (id, counted) in join_all(asked).await {
            match counted {
                Ok(counted) => all.push((id, counted)),
                Err(CallError::Refused(Refusal::UnknownShow)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(all)
}

/// `seats`, or the pool's name and the segment, such as `Floor/3`.
pub(super) fn name(face: &Face, id: MachineId) -> String {
    match id.pool_and_segment() {
        None => "seats".to_owned(),
        Some((pool, segment)) => match face.pools.get(usize::from(pool)) {
            Some(pool) => format!("{}/{segment}", pool.name),
            None => format!("{pool}/{segment}"),
        },
    }
}

/// One owner's count as operators read it.
pub(super) fn counts(audit: &Audit) -> Counts {
    Counts {
        capacity: positive(audit.capacity),
        available: audit.available,
        held: audit.held,
        sold: audit.sold,
        blocked: audit.blocked,
        in_transit: audit.in_transit,
        tickets_issued: audit.tickets_issued,
    }
}

/// A capacity below 0 is that of a segment which withdrew what it had borrowed.
pub(super) fn positive(capacity: i64) -> u64 {
    u64::try_from(capacity).unwrap_or(0)
}
