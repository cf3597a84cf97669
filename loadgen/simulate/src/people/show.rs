//! The show that is sold: a small hall and some standing room, so that everybody is in everybody's
//! way.

use std::sync::Arc;

use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::show::{
    NewPool, NewShow, OnSale, SaleMove, SeatRange, ShowDetails, Stage, Terms,
};
use usher_engine::{Cents, Command, Currency, Timestamp};

use super::{HOLD_MS, SEATS, STOCK, UNITS_PER_BUYER_MAX};
use crate::auditor::Opening;
use crate::random::Random;
use crate::world::SEGMENTS;

const SEAT_PRICE: u64 = 1_000;
const STOCK_PRICE: u64 = 2_500;

/// The hall.
pub(crate) fn hall() -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "hall");
    let category = builder.category("all").expect("a new category");
    builder.section("stalls", "stalls").expect("a new section");
    for row in 0..SEATS / 8 {
        builder.row(&format!("{row}")).expect("a new row");
        for n in 0..8 {
            let label = format!("{row}-{n}");
            let x = f64::from(n) * 25.0;
            let seat = SeatSpec { label: &label, number: &label, category, x, y: 0.0 };
            builder.seat(seat).expect("a new seat");
        }
    }
    Arc::new(builder.build().expect("a plan"))
}

/// What makes the show and opens it: with everything on sale, or with a part of it.
pub(crate) fn opening(plan: Arc<SeatPlan>, random: &mut Random) -> (Opening, Vec<Command>) {
    let show = NewShow {
        details: ShowDetails {
            public_id: "show".into(),
            title: "A show".into(),
            description: String::new(),
            venue: "A hall".into(),
            city: "Taipei".into(),
            category: String::new(),
            performers: Vec::new(),
            starts_at: Timestamp(u64::MAX),
            document_verifier: String::new(),
        },
        terms: Terms {
            stage: Stage::Draft,
            paused_by_organiser: false,
            paused_by_operator: false,
            pass_required: false,
            hoarding: None,
            sale_starts_at: Timestamp(0),
            sale_ends_at: Timestamp(u64::MAX),
            currency: Currency::new("TWD").expect("a code"),
            units_per_buyer_max: UNITS_PER_BUYER_MAX,
            units_per_document_max: 0,
            hold_ms: HOLD_MS,
            prices: vec![Cents(SEAT_PRICE)],
        },
        plan: Some(plan),
        pools: vec![NewPool {
            name: "standing".into(),
            quantity: STOCK,
            price: Cents(STOCK_PRICE),
            segments: SEGMENTS,
        }],
    };
    let seats_on_sale = if random.once_in(3) { SEATS / 2 } else { SEATS };
    let mut commands = vec![Command::CreateShow(Box::new(show))];
    if seats_on_sale < SEATS {
        let first_half = SeatRange { first: SeatIx(0), count: seats_on_sale };
        for what in
            [OnSale::Seats(vec![first_half]), OnSale::Stock { pool: 0, quantity: STOCK / 2 }]
        {
            commands.push(Command::PutOnSale { what, at: None });
        }
    }
    commands.push(Command::MoveSale(SaleMove::Open));
    let opening = Opening {
        limit: UNITS_PER_BUYER_MAX,
        stock: STOCK,
        seat_price: SEAT_PRICE,
        stock_price: STOCK_PRICE,
        seats_on_sale,
        seats: SEATS,
    };
    (opening, commands)
}
