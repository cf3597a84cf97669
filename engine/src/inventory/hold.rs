//! Taking seats and tickets for a while, and giving them back.

use smallvec::smallvec;

use super::{Buyer, Claim, Goods, HoldStatus, Inventory};
use crate::command::{HoldRequest, KeyUse, PassUse, Wish};
use crate::decision::{Decision, Effect, Outcome, Subject};
use crate::event::{Event, Events};
use crate::id::HoldNo;
use crate::limits::{HOLDS_PER_BUYER_MAX, UNITS_PER_HOLD_MAX};
use crate::money::Cents;
use crate::plan::SeatIx;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::room::RoomRefusal;
use crate::seats::{BestQuery, SeatMap, SeatStatus, Seats};
use crate::show::Terms;
use crate::time::Timestamp;

/// What a wish comes to at this moment.
pub(super) enum Choice {
    /// It can be had, once these overdue holds are ended.
    Found { claim: Claim, overdue: Vec<HoldNo> },
    /// This segment is short by so many.
    Short(u32),
}

impl Inventory {
    pub(super) fn place_hold(
        &self,
        request: &HoldRequest,
        terms: &Terms,
        now: Timestamp,
    ) -> Decision {
        let buyer = self.buyers.get(&request.buyer);
        match find_repeat(buyer, request.key, now) {
            Ok(Some(hold)) => return Decision::replay(Subject::Hold(hold)),
            Ok(None) => {}
            Err(refusal) => return Decision::refuse(refusal),
        }
        let (claim, overdue) = match self.choose_for_buyer(request, buyer, terms, now) {
            Ok(Choice::Found { claim, overdue }) => (claim, overdue),
            Ok(Choice::Short(short)) => return parked(short, wish_units(&request.wish)),
            Err(refusal) => return Decision::refuse(refusal),
        };
        let lives_ms = request.hold_ms.map_or(terms.hold_ms, |ms| ms.min(terms.hold_ms));
        let hold = self.next_hold;
        let held = Event::Held {
            hold,
            buyer: request.buyer,
            total: self.price(&claim, terms),
            claim,
            ends_at: now.plus_ms(lives_ms),
            key: request.key,
        };
        let used = request.pass.filter(|_| terms.pass_required);
        let is_of_new = Self::is_of_new(request, terms, now);
        if used.is_none() && overdue.is_empty() && !is_of_new {
            return Decision::done(held, Subject::Hold(hold));
        }
        let mut events = expiry_first(overdue);
        events.extend(used.map(Event::PassUsed));
        events.push(held);
        events.extend(is_of_new.then_some(Event::HeldByNew { hold }));
        let decision = Decision::all(events, Subject::Hold(hold));
        used.into_iter().map(Effect::TellRoom).fold(decision, Decision::with)
    }

    fn choose_for_buyer(
        &self,
        request: &HoldRequest,
        buyer: Option<&Buyer>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Choice, Refusal> {
        let units = self.check_form(&request.wish)?;
        if let Some(reason) = terms.closed_because(now) {
            return Err(Refusal::SaleNotOpen(reason));
        }
        if terms.pass_required {
            self.check_pass(request.pass, now)?;
        }
        check_limits(buyer, units, terms)?;
        if let Some(rules) = &terms.hoarding {
            self.check_hoarding(request, units, rules, now)?;
        }
        self.choose(&request.wish, now)
    }

    /// A pass is good until its end, and for one hold. It is not spent on a hold that is refused.
    fn check_pass(&self, pass: Option<PassUse>, now: Timestamp) -> Result<(), Refusal> {
        let PassUse { pass, expires_at, .. } = pass.ok_or(RoomRefusal::PassRequired)?;
        if expires_at <= now {
            return Err(RoomRefusal::PassExpired.into());
        }
        let is_used = self.used_passes.contains(&(expires_at, pass));
        if is_used && !planted("pass-used-twice") {
            return Err(RoomRefusal::PassUsed.into());
        }
        Ok(())
    }

    pub(super) fn release(&self, no: HoldNo, now: Timestamp) -> Decision {
        let Some(hold) = self.holds.get(no) else {
            return Decision::refuse(self.missing_hold(no));
        };
        match hold.status {
            HoldStatus::Active if self.is_overdue(no, now) => {
                self.refuse_expired(no, Refusal::HoldExpired)
            }
            HoldStatus::Active => Decision::done(Event::Released { hold: no }, Subject::Hold(no)),
            // Giving back twice is what a careful client does after a lost answer.
            HoldStatus::Released => Decision::replay(Subject::Hold(no)),
            HoldStatus::Expired => Decision::refuse(Refusal::HoldExpired),
            HoldStatus::Confirmed => Decision::refuse(Refusal::HoldNotActive(hold.status)),
        }
    }

    /// Refuses a command that met a hold past its end, and ends the hold.
    pub(super) fn refuse_expired(&self, no: HoldNo, refusal: Refusal) -> Decision {
        let mut decision = Decision::refuse(refusal);
        decision.events.push(Event::Expired { holds: vec![no] });
        decision
    }

    /// Why a hold is not there: a number that was given out belongs to a hold that ended.
    #[must_use]
    pub fn missing_hold(&self, no: HoldNo) -> Refusal {
        if no.0 > 0 && no < self.next_hold { Refusal::HoldExpired } else { Refusal::UnknownHold }
    }

    /// Checks what can be said of a wish without knowing what is free, and counts its units.
    #[inline(always)]
    pub(super) fn check_form(&self, wish: &Wish) -> Result<u32, Refusal> {
        let units = wish_units(wish);
        if units == 0 {
            return Err(Refusal::NothingAsked);
        }
        if units > UNITS_PER_HOLD_MAX {
            return Err(Refusal::TooManyUnits { units_max: UNITS_PER_HOLD_MAX });
        }
        match (wish, &self.goods) {
            (Wish::Seats(seats), Goods::Seats(map)) => check_seats(seats, map)?,
            (Wish::BestAvailable { category, section, .. }, Goods::Seats(map)) => {
                let plan = map.plan();
                let unknown = category.is_some_and(|c| c.0 as usize >= plan.categories().len())
                    || section.is_some_and(|s| s.0 as usize >= plan.sections().len());
                if unknown {
                    return Err(Refusal::UnknownSeat);
                }
            }
            (Wish::Stock { .. }, Goods::Stock(_)) => {}
            _ => return Err(Refusal::WrongKind),
        }
        Ok(units)
    }

    /// Finds what is asked for among what is free. `wish` has passed `check_form`.
    #[inline(always)]
    pub(super) fn choose(&self, wish: &Wish, now: Timestamp) -> Result<Choice, Refusal> {
        match (wish, &self.goods) {
            (Wish::Seats(seats), Goods::Seats(map)) => self.choose_exact(seats, map, now),
            (&Wish::BestAvailable { quantity, category, section, adjacent }, Goods::Seats(map)) => {
                let query = BestQuery { quantity, category, section, adjacent };
                match map.best_available(&query) {
                    Some(seats) => Ok(found(Claim::Seats(seats.into()))),
                    None => {
                        let all = map.counts().available;
                        let available = category.map_or(all, |c| map.free_in_category(c));
                        Err(Refusal::SoldOut { available })
                    }
                }
            }
            (&Wish::Stock { quantity }, Goods::Stock(segment)) => {
                match quantity.checked_sub(segment.available) {
                    None | Some(0) => Ok(found(Claim::Stock(quantity))),
                    Some(short) => Ok(Choice::Short(short)),
                }
            }
            _ => Err(Refusal::WrongKind),
        }
    }

    #[inline(always)]
    fn choose_exact(
        &self,
        seats: &Seats,
        map: &SeatMap,
        now: Timestamp,
    ) -> Result<Choice, Refusal> {
        if map.all_available(seats) {
            return Ok(found(Claim::Seats(seats.clone())));
        }
        self.choose_overdue(seats, map, now)
    }

    /// As `choose_exact`, where some of the seats are not available.
    fn choose_overdue(
        &self,
        seats: &Seats,
        map: &SeatMap,
        now: Timestamp,
    ) -> Result<Choice, Refusal> {
        let mut taken = Vec::new();
        let mut overdue = Vec::new();
        for &seat in seats {
            let status = map.status(seat);
            let is_unchecked = planted("only-first-seat-checked") && seat != seats[0];
            if status == SeatStatus::Available || is_unchecked {
                continue;
            }
            // A seat whose hold is past its end is free, even if the wheel has not come round.
            match map.owner(seat).map(HoldNo).filter(|&owner| self.is_overdue(owner, now)) {
                Some(owner) if !overdue.contains(&owner) => overdue.push(owner),
                Some(_) => {}
                None => taken.push((seat, status)),
            }
        }
        if !taken.is_empty() {
            return Err(Refusal::SeatUnavailable(taken));
        }
        Ok(Choice::Found { claim: Claim::Seats(seats.clone()), overdue })
    }

    #[inline(always)]
    pub(super) fn price(&self, claim: &Claim, terms: &Terms) -> Cents {
        match (claim, &self.goods) {
            (Claim::Seats(seats), Goods::Seats(map)) => {
                let plan = map.plan();
                seats.iter().map(|&seat| terms.prices[plan.category_of(seat).0 as usize]).sum()
            }
            (Claim::Stock(quantity), _) => terms.prices[0].times(*quantity),
            (Claim::Seats(_), _) => unreachable!("seats are claimed only where there are seats"),
        }
    }
}

/// The hold that an earlier command of this buyer with the same key led to.
pub(super) fn find_repeat(
    buyer: Option<&Buyer>,
    key: Option<KeyUse>,
    now: Timestamp,
) -> Result<Option<HoldNo>, Refusal> {
    let Some(used) = key else { return Ok(None) };
    match buyer.and_then(|buyer| buyer.find_key(used, now)) {
        None => Ok(None),
        Some(entry) if entry.used.digest == used.digest => Ok(Some(entry.hold)),
        Some(_) => Err(Refusal::KeyReused),
    }
}

fn check_limits(buyer: Option<&Buyer>, units: u32, terms: &Terms) -> Result<(), Refusal> {
    let units_max = terms.units_per_buyer_max;
    let (has, holds) = buyer.map_or((0, 0), |buyer| (buyer.units, buyer.holds));
    let allowed = units_max + u32::from(planted("limit-off-by-one"));
    if has + units > allowed {
        return Err(Refusal::LimitPerBuyer { units_max, has });
    }
    if holds >= HOLDS_PER_BUYER_MAX {
        return Err(Refusal::TooManyHolds { holds_max: HOLDS_PER_BUYER_MAX });
    }
    Ok(())
}

/// Ends overdue holds before what needs their units.
pub(super) fn expiry_first(overdue: Vec<HoldNo>) -> Events {
    if overdue.is_empty() { Events::new() } else { smallvec![Event::Expired { holds: overdue }] }
}

/// Nothing is decided until other segments were asked.
pub(super) fn parked(short: u32, needs: u32) -> Decision {
    let outcome = Outcome::Parked { short, needs };
    Decision { events: Events::new(), outcome, effects: Vec::new() }
}

#[inline(always)]
pub(super) fn wish_units(wish: &Wish) -> u32 {
    match wish {
        Wish::Seats(seats) => u32::try_from(seats.len()).unwrap_or(u32::MAX),
        Wish::BestAvailable { quantity, .. } | Wish::Stock { quantity } => *quantity,
    }
}

fn found(claim: Claim) -> Choice {
    Choice::Found { claim, overdue: Vec::new() }
}

#[inline(always)]
fn check_seats(seats: &[SeatIx], map: &SeatMap) -> Result<(), Refusal> {
    for (place, seat) in seats.iter().enumerate() {
        if seat.0 >= map.plan().seat_count() {
            return Err(Refusal::UnknownSeat);
        }
        // At most UNITS_PER_HOLD_MAX seats: comparing pairs is quicker than any set.
        if seats[..place].contains(seat) {
            return Err(Refusal::DuplicateSeat(*seat));
        }
    }
    Ok(())
}
