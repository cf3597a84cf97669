//! Putting seats and stock on sale, all at once or in batches, now or later.
//!
//! A batch of seats is written down as ranges of seats, so what it means is decided when it is
//! asked for. "The next so many of a section" therefore leaves out what an earlier batch will put
//! on sale later.

use crate::app::App;
use crate::buyers::{holds, lookup};
use crate::http::body::Body;
use crate::http::problem::{ApiError, Code};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use std::collections::BTreeSet;
use usher_engine::plan::{SeatIx, SeatPlan};
use usher_engine::seats::SeatStatus;
use usher_engine::show::{OnSale, SeatRange};
use usher_engine::{Command, MachineId, Timestamp};
use usher_shards::ShowView;
use usher_shards::view::SeatMapCopy;
use usher_wire::{Problem, PutOnSaleAnswer, PutOnSaleRequest};

/// The most seats that one request may name.
const SEATS_NAMED_MAX: usize = 100_000;

/// Puts seats or stock on sale; `{}` is everything. What is on sale already stays so.
#[utoipa::path(
    post, path = "/admin/v1/shows/{showId}/put-on-sale", tag = "organisers",
    operation_id = "putOnSale", security(("organiser" = [])), request_body = PutOnSaleRequest,
    params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = PutOnSaleAnswer, description = "What this puts on sale"),
        (status = 400, body = Problem, description = "A field is wrong; `pointer` says which",
         content_type = "application/problem+json"),
        (status = 409, body = Problem, description = "Too many batches wait for their time",
         content_type = "application/problem+json"),
        (status = 422, body = Problem, description = "There is no such seat, section or stock",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn put(
    app: Data<App>,
    show_id: Path<String>,
    body: Body<PutOnSaleRequest>,
) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let Body(asked) = body;
    let at = match asked.at {
        Some(at) => Some(moment(at)?).filter(|at| *at > lookup::now()),
        None => None,
    };
    let (what, quantity) = choose(&app, &view, &asked).await?;
    let is_nothing = matches!(&what, OnSale::Seats(ranges) if ranges.is_empty());
    if !is_nothing {
        app.router.organise(view.key, Command::PutOnSale { what, at }).await?;
    }
    Ok(HttpResponse::Ok().json(PutOnSaleAnswer {
        show_id: show_id.into_inner(),
        quantity,
        at: at.map(lookup::time),
        version: lookup::version(&view),
    }))
}

fn moment(at: jiff::Timestamp) -> Result<Timestamp, ApiError> {
    lookup::moment(at).ok_or_else(|| ApiError::field("/at", "it is before 1970"))
}

/// What is asked for in the engine's words, and how many seats or tickets of it are blocked now.
async fn choose(
    app: &App,
    view: &ShowView,
    asked: &PutOnSaleRequest,
) -> Result<(OnSale, u32), ApiError> {
    let without_quantity = || match asked.quantity {
        Some(_) => Err(ApiError::field("/quantity", "it goes with `section` or `stock` only")),
        None => Ok(()),
    };
    if asked.quantity == Some(0) {
        return Err(ApiError::field("/quantity", "it must be at least 1"));
    }
    match (&asked.seat_ids, &asked.section, &asked.stock) {
        (None, None, None) => {
            without_quantity()?;
            let pools = (0..).map_while(|pool| view.pool(pool));
            let tickets: u64 = pools.map(|pool| pool.totals().blocked).sum();
            let seats = u64::from(view.seats.figures().counts.blocked);
            Ok((OnSale::Everything, count(tickets + seats)))
        }
        (Some(seat_ids), None, None) => {
            without_quantity()?;
            if seat_ids.is_empty() || seat_ids.len() > SEATS_NAMED_MAX {
                let words = format!("name 1 to {SEATS_NAMED_MAX} seats");
                return Err(ApiError::field("/seatIds", words));
            }
            let named = holds::find_seats(holds::plan_of(view)?, seat_ids, "/seatIds")?;
            let seats: BTreeSet<SeatIx> = named.into_iter().collect();
            Ok(pack(&blocked_of(&view.seats.copy(), seats)))
        }
        (None, Some(section), None) => {
            let in_section = seats_of_section(holds::plan_of(view)?, section)?;
            let blocked = blocked_of(&view.seats.copy(), in_section);
            let Some(quantity) = asked.quantity else { return Ok(pack(&blocked)) };
            let taken = scheduled_seats(app, view).await?;
            let free = blocked.into_iter().filter(|seat| !taken.contains(seat));
            Ok(pack(&free.take(quantity as usize).collect::<Vec<_>>()))
        }
        (None, None, Some(name)) => choose_stock(view, name, asked.quantity),
        _ => Err(ApiError::field("", "give at most one of `seatIds`, `section` and `stock`")),
    }
}

fn choose_stock(
    view: &ShowView,
    name: &str,
    quantity: Option<u32>,
) -> Result<(OnSale, u32), ApiError> {
    let Some((pool, found)) = view.find_pool(name) else {
        let words = format!("there is no stock {name:?}");
        return Err(ApiError::new(Code::UnknownSeat).detail(words).pointer("/stock"));
    };
    let blocked = count(view.pool(pool).map(|board| board.totals().blocked).unwrap_or_default());
    let quantity = quantity.unwrap_or(found.quantity);
    Ok((OnSale::Stock { pool, quantity }, quantity.min(blocked)))
}

fn seats_of_section(
    plan: &SeatPlan,
    name: &str,
) -> Result<impl Iterator<Item = SeatIx> + use<>, ApiError> {
    let section = plan.find_section(name).ok_or_else(|| {
        let words = format!("the plan has no section {name:?}");
        ApiError::new(Code::UnknownSeat).detail(words).pointer("/section")
    })?;
    Ok(plan.section(section).seats().map(SeatIx))
}

/// Those of the seats, in plan order as they come, that are not on sale.
fn blocked_of(seats: &SeatMapCopy, of: impl IntoIterator<Item = SeatIx>) -> Vec<SeatIx> {
    of.into_iter().filter(|&seat| seats.status(seat) == SeatStatus::Blocked).collect()
}

fn pack(seats: &[SeatIx]) -> (OnSale, u32) {
    (OnSale::Seats(SeatRange::pack(seats)), count(seats.len() as u64))
}

/// Seats that a batch will put on sale later.
async fn scheduled_seats(app: &App, view: &ShowView) -> Result<BTreeSet<SeatIx>, ApiError> {
    let house = MachineId::house(view.key);
    let schedule = move |replica: &mut usher_shards::Replica| {
        let show = replica.inventory(house).and_then(|house| house.show());
        show.map(|show| show.schedule.clone()).unwrap_or_default()
    };
    let batches = app.router.replica().ask(schedule).await?;
    let ranges = batches.into_iter().flat_map(|batch| match batch.what {
        OnSale::Seats(ranges) => ranges,
        OnSale::Everything | OnSale::Stock { .. } => Vec::new(),
    });
    Ok(ranges.flat_map(SeatRange::seats).collect())
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocked_seats_are_packed_into_ranges() {
        // Seats 0 to 7: available, blocked, blocked, held, blocked, sold, blocked, blocked.
        let bits = vec![0b01_11_11_00, 0b11_11_10_11];
        let seats = SeatMapCopy { version: 1, seat_count: 8, bits };
        let (what, quantity) = pack(&blocked_of(&seats, (0..8).map(SeatIx)));
        let range = |first, count| SeatRange { first: SeatIx(first), count };
        assert_eq!(what, OnSale::Seats(vec![range(1, 2), range(4, 1), range(6, 2)]));
        assert_eq!(quantity, 5);
        let (nothing, quantity) = pack(&blocked_of(&seats, [SeatIx(0), SeatIx(3), SeatIx(5)]));
        assert_eq!((nothing, quantity), (OnSale::Seats(Vec::new()), 0));
    }
}
