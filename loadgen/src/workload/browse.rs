//! Looking, and looking again: what most people do on a sale's first minute.
//!
//! Each look asks for as little as a good client would: the plan only where it is not in the
//! buyer's cache yet, the map by its ETag, and after that only what changed. What comes back is
//! checked: a map must be whole, and no version may be older than one that this buyer has seen.

use std::time::Instant;

use usher_wire::seatmap::CompactSeatMap;

use super::JourneyEnd;
use crate::api::{Answer, Fresh, etag};
use crate::choices::Buyer;
use crate::world::World;

pub(super) async fn journey(world: &World, buyer: &mut Buyer, since: Instant) -> JourneyEnd {
    match look(world, buyer, since).await {
        Some(()) => JourneyEnd::Looked,
        None => JourneyEnd::Failed,
    }
}

async fn look(world: &World, buyer: &mut Buyer, since: Instant) -> Option<()> {
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
    plan(world, buyer, plan_id).await?;
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

/// Gets the plan, or asks whether the copy in the cache is still good; it always must be.
async fn plan(world: &World, buyer: &mut Buyer, plan_id: &str) -> Option<()> {
    let is_cold = buyer.dart() < world.habits.cold_share;
    let tag = world.plan_tag.as_ref().filter(|_| !is_cold);
    match (world.api.plan(Instant::now(), plan_id, tag).await, tag) {
        (Answer::Done(Fresh::Body(_)), None) | (Answer::Done(Fresh::Same), Some(_)) => Some(()),
        (Answer::Done(Fresh::Body(_)), Some(_)) => {
            world.meter.sample(|| format!("plan {plan_id} was sent again though it never changes"));
            None
        }
        _ => None,
    }
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
