//! What organisers and operators do to a show as a whole: making and changing it, moving its sale,
//! putting seats and stock on sale.

use super::{Goods, Inventory};
use crate::decision::{Decision, Effect, Subject};
use crate::event::{Event, Events};
use crate::id::{POOLS_MAX, SEGMENTS_MAX};
use crate::limits::{HOLD_MS_MAX, SCHEDULED_BATCHES_MAX, STOCK_MAX, UNITS_PER_DOCUMENT_MAX};
use crate::money::Cents;
use crate::refusal::Refusal;
use crate::show::{
    NewPool, NewShow, OnSale, PausedBy, SaleMove, Scheduled, SeatRange, SegmentTerms, ShowChange,
    ShowRecord, Stage, Terms,
};
use crate::time::Timestamp;

impl Inventory {
    pub(super) fn create_show(&self, show: &NewShow, _now: Timestamp) -> Decision {
        if self.terms.is_some() {
            return Decision::refuse(Refusal::ShowExists);
        }
        if let Err(reason) = check_new_show(show) {
            return Decision::refuse(Refusal::BadShow(reason));
        }
        let event = Event::ShowCreated {
            details: Box::new(show.details.clone()),
            terms: Box::new(Terms {
                stage: Stage::Draft,
                paused_by_organiser: false,
                paused_by_operator: false,
                pass_required: false,
                hoarding: show.terms.hoarding.clone().filter(|rules| !rules.is_empty()),
                ..show.terms.clone()
            }),
            plan: show.plan.clone(),
            pools: show.pools.clone(),
        };
        Decision::done(event, Subject::Show).with(Effect::TellSegments)
    }

    pub(super) fn change_show(&self, change: &ShowChange) -> Decision {
        let (Some(terms), Some(show)) = (&self.terms, &self.show) else {
            return Decision::refuse(Refusal::WrongKind);
        };
        if let Err(reason) = check_change(change, terms, show) {
            return Decision::refuse(Refusal::BadShow(reason));
        }
        Decision::done(Event::ShowChanged(Box::new(change.clone())), Subject::Show)
            .with(Effect::TellSegments)
    }

    /// Moves the sale; a move to where it is already is a repeat. Opening a show of which no batch
    /// was ever named puts everything on sale.
    pub(super) fn move_sale(&self, to: SaleMove) -> Decision {
        let (Some(terms), Some(show)) = (&self.terms, &self.show) else {
            return Decision::refuse(Refusal::WrongKind);
        };
        let is_there = match to {
            SaleMove::Open => terms.stage == Stage::Open,
            SaleMove::Close => terms.stage == Stage::Closed,
            SaleMove::RequirePasses => terms.pass_required,
            SaleMove::WaivePasses => !terms.pass_required,
            SaleMove::Pause(by) => is_paused(terms, by),
            SaleMove::Resume(by) => !is_paused(terms, by),
        };
        if is_there {
            return Decision::replay(Subject::Show);
        }
        if to == SaleMove::Close && terms.stage == Stage::Draft {
            return Decision::refuse(Refusal::IllegalSaleMove);
        }
        let mut events = Events::new();
        if to == SaleMove::Open && !show.batched {
            events.push(Event::PutOnSale(OnSale::Everything));
        }
        events.push(Event::SaleMoved(to));
        Decision::all(events, Subject::Show).with(Effect::TellSegments)
    }

    pub(super) fn put_on_sale(
        &self,
        what: &OnSale,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Decision {
        let Some(show) = &self.show else {
            return Decision::refuse(Refusal::WrongKind);
        };
        if let Err(refusal) = self.check_on_sale(what, show) {
            return Decision::refuse(refusal);
        }
        match at.filter(|&at| at > now) {
            None => Decision::done(Event::PutOnSale(what.clone()), Subject::Show)
                .with(Effect::TellSegments),
            Some(_) if show.schedule.len() >= SCHEDULED_BATCHES_MAX => {
                Decision::refuse(Refusal::ScheduleFull)
            }
            Some(at) => {
                let next = show.schedule.first().map_or(at, |batch| batch.at.min(at));
                let scheduled = Scheduled { at, what: what.clone() };
                Decision::done(Event::OnSaleScheduled(scheduled), Subject::Show)
                    .with(Effect::WakeAt(next))
            }
        }
    }

    fn check_on_sale(&self, what: &OnSale, show: &ShowRecord) -> Result<(), Refusal> {
        match (what, &self.goods) {
            (OnSale::Everything, _) => Ok(()),
            (OnSale::Seats(ranges), Goods::Seats(map)) => {
                let seats = map.plan().seat_count();
                let fits = |range: &SeatRange| {
                    range.count > 0
                        && range.first.0.checked_add(range.count).is_some_and(|end| end <= seats)
                };
                if ranges.is_empty() {
                    Err(Refusal::NothingAsked)
                } else if ranges.iter().all(fits) {
                    Ok(())
                } else {
                    Err(Refusal::UnknownSeat)
                }
            }
            (OnSale::Seats(_), Goods::Nothing | Goods::Stock(_)) => Err(Refusal::WrongKind),
            (OnSale::Stock { quantity: 0, .. }, _) => Err(Refusal::NothingAsked),
            (OnSale::Stock { pool, .. }, _) if usize::from(*pool) >= show.pools.len() => {
                Err(Refusal::WrongKind)
            }
            (OnSale::Stock { .. }, _) => Ok(()),
        }
    }

    /// Puts on sale what is due, and asks to be woken for the rest.
    pub(super) fn run_schedule(&self, now: Timestamp) -> Decision {
        let Some(show) = &self.show else {
            return Decision::refuse(Refusal::WrongKind);
        };
        let due = show.schedule.iter().take_while(|batch| batch.at <= now).count();
        let mut decision = if due == 0 {
            Decision::replay(Subject::Show)
        } else {
            let batches = show.schedule[..due].iter();
            let mut events: Events =
                batches.map(|batch| Event::PutOnSale(batch.what.clone())).collect();
            events.push(Event::ScheduleTaken { count: due as u32 });
            Decision::all(events, Subject::Show).with(Effect::TellSegments)
        };
        if let Some(next) = show.schedule.get(due) {
            decision = decision.with(Effect::WakeAt(next.at));
        }
        decision
    }

    /// What each segment of this show should know, now. Empty unless this is a house with pools.
    #[must_use]
    pub fn segment_terms(&self) -> Vec<SegmentTerms> {
        let (Some(terms), Some(show)) = (&self.terms, &self.show) else {
            return Vec::new();
        };
        let pools = show.pools.iter().enumerate();
        pools
            .flat_map(|(index, pool)| {
                (0..pool.segments).map(move |segment| {
                    pool.segment_terms(terms, show.terms_version, index as u16, segment)
                })
            })
            .collect()
    }
}

fn is_paused(terms: &Terms, by: PausedBy) -> bool {
    match by {
        PausedBy::Organiser => terms.paused_by_organiser,
        PausedBy::Operator => terms.paused_by_operator,
    }
}

fn check_new_show(show: &NewShow) -> Result<(), &'static str> {
    let categories = show.plan.as_ref().map_or(0, |plan| plan.categories().len());
    if show.plan.is_none() && show.pools.is_empty() {
        return Err("a show needs seats, stock, or both");
    }
    if show.terms.prices.len() != categories {
        return Err("each category of the plan needs exactly one price");
    }
    check_prices(&show.terms.prices)?;
    check_pools(&show.pools)?;
    check_documents(&show.terms, show.pools.iter().map(|pool| pool.segments))?;
    check_terms(&show.terms)
}

/// Documents are counted by their owner, so each pool of such a show has only one.
fn check_documents(
    terms: &Terms,
    mut segments: impl Iterator<Item = u16>,
) -> Result<(), &'static str> {
    if terms.units_per_document_max > UNITS_PER_DOCUMENT_MAX {
        return Err("one document may have at most 100 tickets");
    }
    if terms.units_per_document_max > 0 && segments.any(|segments| segments > 1) {
        return Err("with the real-name rule, a stock pool has one segment");
    }
    Ok(())
}

fn check_pools(pools: &[NewPool]) -> Result<(), &'static str> {
    if pools.len() > usize::from(POOLS_MAX) {
        return Err("a show may have at most 32 stock pools");
    }
    for (place, pool) in pools.iter().enumerate() {
        if pool.name.is_empty() || pools[..place].iter().any(|other| other.name == pool.name) {
            return Err("stock pools need names of their own");
        }
        if pool.quantity == 0 || pool.quantity > STOCK_MAX {
            return Err("a stock pool has 1 to 10,000,000 tickets");
        }
        if pool.segments == 0 || pool.segments > SEGMENTS_MAX {
            return Err("a stock pool has 1 to 64 segments");
        }
        check_prices(&[pool.price])?;
    }
    Ok(())
}

fn check_terms(terms: &Terms) -> Result<(), &'static str> {
    if terms.sale_starts_at >= terms.sale_ends_at {
        return Err("the sale must start before it ends");
    }
    if terms.units_per_buyer_max == 0 {
        return Err("a buyer must be allowed at least one");
    }
    if terms.hold_ms == 0 || terms.hold_ms > HOLD_MS_MAX {
        return Err("a hold lives between one second and 24 hours");
    }
    terms.hoarding.as_ref().map_or(Ok(()), |rules| rules.check())
}

fn check_prices(prices: &[Cents]) -> Result<(), &'static str> {
    if prices.iter().any(|&price| price > Cents::PRICE_MAX) {
        return Err("a price is too high");
    }
    Ok(())
}

fn check_change(change: &ShowChange, terms: &Terms, show: &ShowRecord) -> Result<(), &'static str> {
    if let Some(prices) = &change.prices {
        if prices.len() != terms.prices.len() {
            return Err("each category of the plan needs exactly one price");
        }
        check_prices(prices)?;
    }
    for (place, of_pool) in change.pools.iter().enumerate() {
        if change.pools[..place].iter().any(|other| other.pool == of_pool.pool) {
            return Err("a change names each stock pool once");
        }
        let Some(pool) = show.pools.get(usize::from(of_pool.pool)) else {
            return Err("the show has no such stock pool");
        };
        if pool.quantity.checked_add(of_pool.add).is_none_or(|sum| sum > STOCK_MAX) {
            return Err("a stock pool has 1 to 10,000,000 tickets");
        }
        check_prices(of_pool.price.as_slice())?;
    }
    let mut changed = terms.clone();
    super::apply::change_terms(&mut changed, change);
    // Whoever bought before would have been asked for nothing, or for something else.
    let is_on_sale = terms.stage != Stage::Draft || show.batched;
    let verifier = &show.details.document_verifier;
    let verifies_otherwise =
        change.details.as_ref().is_some_and(|details| details.document_verifier != *verifier);
    let counts_otherwise = changed.units_per_document_max != terms.units_per_document_max;
    if is_on_sale && (counts_otherwise || verifies_otherwise) {
        return Err("the real-name rule is fixed once anything was put on sale");
    }
    check_documents(&changed, show.pools.iter().map(|pool| pool.segments))?;
    check_terms(&changed)
}
