//! Buying seats: those that the buyer picked from the map, or the best that the server finds.

use std::time::Instant;

use usher_wire::Hold;

use super::{JourneyEnd, purchase};
use crate::api::{Answer, Want};
use crate::choices::Buyer;
use crate::world::{Choose, View, World};

pub(super) async fn journey(world: &World, buyer: &mut Buyer, since: Instant) -> JourneyEnd {
    let Some(since) = view(world, since).await else { return JourneyEnd::Failed };
    let held = match world.habits.choose {
        Choose::Exact => exact(world, buyer, since).await,
        Choose::Best => best(world, buyer, since).await,
    };
    match held {
        Ok(hold) => purchase::finish(world, buyer, &hold).await,
        Err(end) => end,
    }
}

/// Looks at the show, as the habits have it. Gives the moment at which the hold is wanted; that is
/// the arrival where nothing is looked at. None where the show cannot be seen.
pub(super) async fn view(world: &World, since: Instant) -> Option<Instant> {
    if world.habits.view == View::None {
        return Some(since);
    }
    let Answer::Done(_) = world.api.show(since, world.show_id()).await else { return None };
    if world.habits.view == View::Map && world.show.plan_id.is_some() {
        let Answer::Done(_) = world.api.map(Instant::now(), world.show_id(), None).await else {
            return None;
        };
    }
    Some(Instant::now())
}

/// Picks seats from the shared map; those that others were faster at are struck off it.
async fn exact(world: &World, buyer: &mut Buyer, mut since: Instant) -> Result<Hold, JourneyEnd> {
    let Some(board) = &world.board else { return Err(JourneyEnd::Failed) };
    for turn in 0..world.habits.hold_tries_max {
        let dart = buyer.dart();
        let seats = board.borrow().choose(dart, world.habits.skew, buyer.quantity);
        if seats.is_empty() {
            return Err(JourneyEnd::SoldOut);
        }
        match purchase::hold(world, buyer, turn, Want::Seats(seats), since).await {
            Answer::Done(hold) => return Ok(hold),
            Answer::Refused(refusal) if refusal.code == "SEAT_UNAVAILABLE" => {
                board.borrow_mut().taken(&refusal.seats);
            }
            Answer::Refused(_) => return Err(JourneyEnd::Refused),
            Answer::Failed => return Err(JourneyEnd::Failed),
        }
        since = Instant::now();
    }
    Err(JourneyEnd::Outrun)
}

/// Asks for the best seats side by side; then for as many anywhere; then for fewer.
async fn best(world: &World, buyer: &Buyer, mut since: Instant) -> Result<Hold, JourneyEnd> {
    let (mut quantity, mut adjacent) = (buyer.quantity, true);
    for turn in 0..world.habits.hold_tries_max {
        match purchase::hold(world, buyer, turn, Want::Best { quantity, adjacent }, since).await {
            Answer::Done(hold) => return Ok(hold),
            Answer::Refused(refusal)
                if matches!(refusal.code.as_str(), "SOLD_OUT" | "SEAT_UNAVAILABLE") =>
            {
                if quantity == 1 {
                    return Err(JourneyEnd::SoldOut);
                }
                if !adjacent {
                    quantity /= 2;
                }
                adjacent = false;
            }
            Answer::Refused(_) => return Err(JourneyEnd::Refused),
            Answer::Failed => return Err(JourneyEnd::Failed),
        }
        since = Instant::now();
    }
    Err(JourneyEnd::Outrun)
}
