//! A look at all inventories: whether what is there can be, and is what was promised.

use std::collections::BTreeMap;

use super::{
    Auditor, BOX_OFFICE, HoldName, Money, OrderLife, Promise, Seen, SeenGoods, SeenHold, SeenSeat,
};

/// At rest, a hold ends at most so long after its time, in milliseconds. Where expiry was
/// quarantined, or the disk was full, it is tried again after a second.
const LATE_MS_MAX: u64 = 1_100;

/// An ended hold is remembered for so long, in milliseconds.
const ENDED_MEMORY_MS: u64 = 15 * 60 * 1_000;

impl Auditor {
    /// Looks at everything, at `now`.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub(crate) fn look(&mut self, all: &[Seen], now: u64) -> Result<(), String> {
        self.checks += 1;
        let mut holds: BTreeMap<HoldName, &SeenHold> = BTreeMap::new();
        for hold in all.iter().flat_map(|seen| &seen.holds) {
            self.still_as_promised(hold, now)?;
            is_sound(hold)?;
            holds.insert(hold.name, hold);
            if let Some(promise) = self.promises.get_mut(&hold.name) {
                let seen = promise.over_before.unwrap_or(self.next);
                promise.over_before = (!hold.owns()).then_some(seen);
            }
        }
        self.nothing_is_missing(&holds, now)?;
        for seen in all {
            if let SeenGoods::Seats(seats) = &seen.goods {
                seats_have_one_owner(&seen.holds, seats)?;
                self.seats_are_on_sale(seats)?;
            }
        }
        self.stock_is_conserved(all)?;
        self.money_is_accounted_for(all)
    }

    /// As [`Auditor::look`], right after a restart: nothing else happened since, and what is kept
    /// has got so much time back, in milliseconds.
    ///
    /// # Errors
    /// See there.
    pub(crate) fn look_after_restart(
        &mut self,
        all: &[Seen],
        now: u64,
        given_back_ms: u64,
    ) -> Result<(), String> {
        let holds: Vec<SeenHold> = all.iter().flat_map(|seen| seen.holds.clone()).collect();
        self.refusals_had_reasons(&holds, now)?;
        self.promises.values_mut().for_each(|promise| promise.over_before = None);
        self.look(all, now)?;
        for hold in all.iter().flat_map(|seen| &seen.holds) {
            let (Some(promise), Some(deadline)) = (self.promises.get(&hold.name), hold.deadline)
            else {
                continue;
            };
            if deadline < promise.kept_until + given_back_ms {
                return Err(format!("{given_back_ms} ms were not given back: {hold:?}"));
            }
        }
        self.panics.forget();
        self.ledger.restarted();
        self.open.retain(|_, open| !open.is_lost);
        self.sale.settle(self.next);
        Ok(())
    }

    /// As [`Auditor::look`], once nothing waits anywhere: what was owed is done.
    ///
    /// # Errors
    /// See there.
    pub(crate) fn look_at_rest(&mut self, all: &[Seen], now: u64) -> Result<(), String> {
        self.look(all, now)?;
        let (mut sent, mut arrived, mut waiting) = (0, 0, 0);
        for seen in all {
            let is_late = |hold: &&SeenHold| hold.deadline.is_some_and(|at| at + LATE_MS_MAX < now);
            if let Some(hold) = seen.holds.iter().find(is_late)
                && !self.panics.has_quarantined(seen.slot)
            {
                return Err(format!("a hold never ends: {hold:?}"));
            }
            if let SeenGoods::Stock { lent, received, open_loans, .. } = &seen.goods {
                sent += lent;
                arrived += received;
                // Who panics over a loan takes it after the next start; its donor keeps it open.
                let is_waiting = |(to, _): &&(u16, u64)| self.panics.has_quarantined(*to);
                waiting += open_loans.iter().filter(is_waiting).map(|(_, n)| n).sum::<u64>();
            }
        }
        if sent - arrived > waiting {
            return Err(format!("{} tickets never arrive where they were sent", sent - arrived));
        }
        self.refunds_are_ordered(all)?;
        self.segments_know_the_terms(all)
    }

    /// A hold is what was promised of it before.
    pub(super) fn still_as_promised(&self, hold: &SeenHold, now: u64) -> Result<(), String> {
        let Some(promise) = self.promises.get(&hold.name) else { return Ok(()) };
        let wrong = |what: &str| Err(format!("{what}: promised {promise:?}, now {hold:?}"));
        let same =
            (promise.buyer, &promise.seats, promise.units) == (hold.buyer, &hold.seats, hold.units);
        if !same || promise.price != hold.price {
            return wrong("a hold changed");
        }
        if !promise.may_end && now < promise.kept_until && !hold.owns() {
            return wrong("a hold ended before its time");
        }
        if promise.ordered && hold.order.is_none() {
            return wrong("an order is gone");
        }
        let refunded = promise.may_end && hold.order == Some(OrderLife::Refund);
        if promise.ticketed && hold.order != Some(OrderLife::Ticketed) && !refunded {
            return wrong("tickets are gone");
        }
        if promise.used.iter().any(|index| !hold.used.contains(index)) {
            return wrong("a ticket that was let in is unused again");
        }
        for &paid in &promise.payments {
            let now = hold.payments.iter().find(|payment| payment.reference == paid.reference);
            let can_be = now.is_some_and(|now| {
                let may_differ = paid.money == Money::Open;
                let is_later = match (paid.money, now.money) {
                    (Money::Open, _) | (Money::Due, Money::Due | Money::Back) => true,
                    (Money::Captured, Money::Due | Money::Back) => promise.may_end,
                    (before, now) => before == now,
                };
                is_later && (may_differ || now.amount == paid.amount)
            });
            if !can_be {
                return wrong("money is not where it was");
            }
        }
        Ok(())
    }

    fn nothing_is_missing(
        &self,
        holds: &BTreeMap<HoldName, &SeenHold>,
        now: u64,
    ) -> Result<(), String> {
        let may_be_forgotten = |promise: &Promise| {
            !promise.ordered && (promise.may_end || now >= promise.kept_until + ENDED_MEMORY_MS)
        };
        for (name, promise) in &self.promises {
            if !holds.contains_key(name) && !may_be_forgotten(promise) {
                return Err(format!("hold {name:?} is gone: {promise:?}"));
            }
        }
        Ok(())
    }

    fn stock_is_conserved(&self, all: &[Seen]) -> Result<(), String> {
        let (mut given, mut here, mut gone, mut sent, mut arrived) = (0, 0, 0, 0, 0);
        for seen in all {
            let SeenGoods::Stock {
                base,
                available,
                held,
                sold,
                blocked,
                withdrawn,
                lent,
                received,
                ..
            } = seen.goods
            else {
                continue;
            };
            let units = |owns: fn(&SeenHold) -> bool| -> u64 {
                seen.holds.iter().filter(|h| owns(h)).map(|h| u64::from(h.units)).sum()
            };
            let held_by_holds = units(|hold| hold.deadline.is_some());
            let sold_by_orders = units(|hold| hold.order == Some(OrderLife::Ticketed));
            if (held, sold) != (held_by_holds, sold_by_orders) {
                return Err(format!(
                    "slot {} counts {held} held and {sold} sold, its holds {held_by_holds} and \
                     {sold_by_orders}",
                    seen.slot
                ));
            }
            if available + held + sold + blocked + withdrawn + lent != base + received {
                return Err(format!("slot {} does not add up: {:?}", seen.slot, seen.goods));
            }
            given += base;
            here += available + held + sold + blocked + withdrawn;
            gone += withdrawn;
            sent += lent;
            arrived += received;
        }
        if arrived > sent {
            return Err(format!("{arrived} tickets arrived of {sent} that were sent"));
        }
        if given != here + (sent - arrived) {
            return Err(format!(
                "{given} tickets given, {here} here, {} on their way",
                sent - arrived
            ));
        }
        self.stock_is_what_was_asked(given, gone)
    }
}

/// What must be true of one hold whatever was promised.
fn is_sound(hold: &SeenHold) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {hold:?}"));
    let captured = hold.payments.iter().filter(|payment| payment.money == Money::Captured);
    let mut captured = captured.map(|payment| payment.amount);
    let captured = (captured.next(), captured.next());
    match hold.order {
        Some(OrderLife::Ticketed) => {
            if hold.tickets != hold.units as usize {
                return wrong("not one ticket per unit");
            }
            let is_cash = hold.buyer == BOX_OFFICE && captured == (None, None);
            if captured != (Some(hold.price), None) && !is_cash {
                return wrong("tickets without the one right payment");
            }
        }
        Some(_) if captured.0.is_some() => return wrong("paid without tickets"),
        _ => {}
    }
    let mut nonces = hold.nonces.clone();
    nonces.sort_unstable();
    nonces.dedup();
    if nonces.len() != hold.nonces.len() {
        return wrong("two tickets with the same code");
    }
    Ok(())
}

fn seats_have_one_owner(holds: &[SeenHold], seats: &[SeenSeat]) -> Result<(), String> {
    let mut owners: Vec<Option<HoldName>> = vec![None; seats.len()];
    for hold in holds.iter().filter(|hold| hold.owns()) {
        for &seat in &hold.seats {
            let owner = owners.get_mut(seat as usize).ok_or("a seat that is not in the plan")?;
            if let Some(other) = owner.replace(hold.name) {
                return Err(format!("seat {seat} belongs to {other:?} and {:?}", hold.name));
            }
        }
    }
    for (seat, (shown, owner)) in seats.iter().zip(&owners).enumerate() {
        if (*shown == SeenSeat::Owned) != owner.is_some() {
            return Err(format!("seat {seat} is shown as {shown:?}, its owner is {owner:?}"));
        }
    }
    Ok(())
}
