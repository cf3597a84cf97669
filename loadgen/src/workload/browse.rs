//! Looking, and looking again: what most people do on a sale's first minute.
//!
//! Each look asks for as little as a good client would: the plan once, the map by its ETag, and
//! after that only what changed. What comes back is checked: a map must be whole, and no version
//! may be older than one that this buyer has seen.

use std::time::Instant;

use usher_wire::seatmap::CompactSeatMap;

use super::JourneyEnd;
use crate::api::{Answer, Fresh, etag};
use crate::choices::Buyer;
use crate::world::World;

pub(super) async fn journey(world: &World, buyer: &Buyer, since: Instant) -> JourneyEnd {
    match look(world, buyer, since).await {
        Some(()) => JourneyEnd::Looked,
        None => JourneyEnd::Failed,
    }
}

async fn look(world: &World, buyer: &Buyer, since: Instant) -> Option<()> {
    let show_id = world.show_id();
    let Answer::Done(show) = world.api.show(since, show_id).await else { return None };
    let Some(plan_id) = &show.plan_id else {
        for _ in 0..buyer.looks {
            tokio::time::sleep(world.habits.look).await;
            let Answer::Done(again) = world.api.show(Instant::now(), show_id).await else {
                return None;
            };
            newer(world, show.version, again.version)?;
        }
        return Some(());
    };
    let Answer::Done(Fresh::Body(plan)) = world.api.plan(Instant::now(), plan_id, None).await
    else {
        return None;
    };
    // A browser that comes back asks whether its copy is still good.
    let tag = etag(&plan.headers);
    let again = world.api.plan(Instant::now(), plan_id, tag.as_ref()).await;
    if !matches!(again, Answer::Done(Fresh::Same)) {
        world.meter.sample(|| format!("plan {plan_id} was sent again though it never changes"));
    }
    let Answer::Done(Fresh::Body(map)) = world.api.map(Instant::now(), show_id, None).await else {
        return None;
    };
    let (mut version, mut tag) = (version_of(world, &map.body)?, etag(&map.headers));
    for turn in 0..buyer.looks {
        tokio::time::sleep(world.habits.look).await;
        if turn % 2 == 0 {
            let delta = world.api.delta(Instant::now(), show_id, version).await;
            let Answer::Done(delta) = delta else { return None };
            version = newer(world, version, delta.version)?;
        } else {
            match world.api.map(Instant::now(), show_id, tag.as_ref()).await {
                Answer::Done(Fresh::Same) => {}
                Answer::Done(Fresh::Body(map)) => {
                    version = newer(world, version, version_of(world, &map.body)?)?;
                    tag = etag(&map.headers);
                }
                Answer::Refused(_) | Answer::Failed => return None,
            }
        }
    }
    Some(())
}

fn version_of(world: &World, map: &[u8]) -> Option<u64> {
    let version = CompactSeatMap::parse(map).map(|map| map.version());
    if version.is_none() {
        world.meter.sample(|| "a seat map is not in its compact form".into());
    }
    version
}

/// A view may be as old as it likes, but never older than one that was already shown.
fn newer(world: &World, seen: u64, version: u64) -> Option<u64> {
    if version < seen {
        world.meter.sample(|| format!("version {version} came after version {seen}"));
        return None;
    }
    Some(version)
}
