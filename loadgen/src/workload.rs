//! The journeys: what a buyer does from arrival to the end.
//!
//! ```text
//!   rush     view → hold (exact seats, or the best) → order → pay → settle → ticketed → tickets
//!   stock    view → hold (tickets of a pool)        → the same; some probe the limit per buyer
//!   browse   view → plan → map → (look → unchanged? or what changed)*
//!   mixed    one of the three, by the crowd's mix
//! ```

mod browse;
mod purchase;
mod rush;
mod stock;
mod streams;

use std::rc::Rc;
use std::time::Instant;

use crate::choices::Errand;
use crate::meter::{Ending, Step};
use crate::world::World;

pub use streams::read_seat_stream;

/// Which journeys a run is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Seats are bought.
    Rush,
    /// Shows are looked at.
    Browse,
    /// Tickets without seats are bought.
    Stock,
    /// All of them.
    Mixed,
}

/// How a journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JourneyEnd {
    /// With tickets.
    Ticketed,
    /// The buyer left, as planned.
    Abandoned,
    /// The buyer only looked.
    Looked,
    /// Nothing was left to hold.
    SoldOut,
    /// Others were faster too many times.
    Outrun,
    /// Refused for another reason of the sale.
    Refused,
    /// The money goes back.
    RefundDue,
    /// No usable answer; what the server knows is found out by the audit.
    Failed,
}

impl Workload {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rush => "rush",
            Self::Browse => "browse",
            Self::Stock => "stock",
            Self::Mixed => "mixed",
        }
    }
}

impl JourneyEnd {
    /// The word for it in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ticketed => "ticketed",
            Self::Abandoned => "abandoned",
            Self::Looked => "looked",
            Self::SoldOut => "soldOut",
            Self::Outrun => "outrun",
            Self::Refused => "refused",
            Self::RefundDue => "refundDue",
            Self::Failed => "failed",
        }
    }
}

/// One journey of buyer `number`, wanted at `since`; measured and counted.
pub async fn journey(
    world: &Rc<World>,
    workload: Workload,
    number: u64,
    since: Instant,
) -> JourneyEnd {
    let mut buyer = world.crowd.buyer(number);
    let errand = match workload {
        Workload::Rush => Errand::Rush,
        Workload::Browse => Errand::Browse,
        Workload::Stock => Errand::Stock,
        Workload::Mixed => buyer.errand,
    };
    let end = match errand {
        Errand::Rush => rush::journey(world, &mut buyer, since).await,
        Errand::Browse => browse::journey(world, &mut buyer, since).await,
        Errand::Stock => stock::journey(world, &mut buyer, since).await,
    };
    // Only journeys that got what they came for have a duration worth comparing.
    if matches!(end, JourneyEnd::Ticketed | JourneyEnd::Looked) {
        world.meter.step(Step::Journey, since, Ending::Done);
    }
    world.meter.journey(end.name());
    end
}
