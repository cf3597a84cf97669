//! Buying tickets without seats, and trying to get more of them than a buyer may have.

use std::time::Instant;

use usher_wire::Hold;

use super::{JourneyEnd, purchase, rush};
use crate::api::{Answer, Want};
use crate::choices::Buyer;
use crate::world::World;

pub(super) async fn journey(world: &World, buyer: &mut Buyer, since: Instant) -> JourneyEnd {
    let Some(since) = rush::view(world, since).await else { return JourneyEnd::Failed };
    let pools = &world.show.stock;
    let nth = (buyer.dart() * pools.len() as f64) as usize;
    let Some(pool) = pools.get(nth) else { return JourneyEnd::Refused };
    let held = if buyer.probes {
        probe(world, buyer, &pool.name, since).await
    } else {
        some(world, buyer, &pool.name, since).await
    };
    match held {
        Ok(hold) => purchase::finish(world, buyer, &hold).await,
        Err(end) => end,
    }
}

/// Asks for what the buyer wants; then for fewer, down to the last ticket.
async fn some(
    world: &World,
    buyer: &Buyer,
    name: &str,
    mut since: Instant,
) -> Result<Hold, JourneyEnd> {
    let mut quantity = buyer.quantity;
    for turn in 0..world.habits.hold_tries_max {
        let want = Want::Stock { name: name.into(), quantity };
        match purchase::hold(world, buyer, turn, want, since).await {
            Answer::Done(hold) => return Ok(hold),
            Answer::Refused(refusal) if refusal.code == "SOLD_OUT" => {
                if quantity == 1 {
                    return Err(JourneyEnd::SoldOut);
                }
                quantity /= 2;
            }
            Answer::Refused(_) => return Err(JourneyEnd::Refused),
            Answer::Failed => return Err(JourneyEnd::Failed),
        }
        since = Instant::now();
    }
    Err(JourneyEnd::Outrun)
}

/// Asks twice at once for all that one buyer may have, then for one more. What the server accepts
/// of it goes into the record, where the audit counts it; at most one can be right.
async fn probe(
    world: &World,
    buyer: &Buyer,
    name: &str,
    since: Instant,
) -> Result<Hold, JourneyEnd> {
    let limit = world.show.max_per_user;
    let want = |quantity| Want::Stock { name: name.into(), quantity };
    let (first, second) = tokio::join!(
        purchase::hold(world, buyer, 0, want(limit), since),
        purchase::hold(world, buyer, 1, want(limit), since),
    );
    let hold = match (first, second) {
        (Answer::Done(hold), _) | (_, Answer::Done(hold)) => hold,
        (Answer::Refused(refusal), _) | (_, Answer::Refused(refusal)) => {
            let sold_out = refusal.code == "SOLD_OUT";
            return Err(if sold_out { JourneyEnd::SoldOut } else { JourneyEnd::Refused });
        }
        (Answer::Failed, Answer::Failed) => return Err(JourneyEnd::Failed),
    };
    if let Answer::Done(more) = purchase::hold(world, buyer, 2, want(1), Instant::now()).await {
        let user_id = world.user_id(buyer.number);
        world.meter.sample(|| format!("{user_id} got hold {} beyond the limit", more.hold_id));
    }
    Ok(hold)
}
