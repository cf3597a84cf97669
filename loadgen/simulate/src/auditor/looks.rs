//! A look at all inventories: whether what is there can be, and is what was promised.

use std::collections::BTreeMap;

use super::{Auditor, HoldName, Money, OrderLife, Promise, Seen, SeenGoods, SeenHold};

/// At rest, a hold ends at most so long after its time, in milliseconds.
const LATE_MS_MAX: u64 = 100;

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
        }
        self.nothing_is_missing(&holds, now)?;
        for seen in all {
            seats_have_one_owner(seen)?;
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
        let holds: Vec<SeenHold> = all.iter().flat_map(|seen| seen.holds.clone()).collect();
        self.refusals_had_reasons(&holds, now)?;
        self.open.retain(|_, open| !open.is_lost);
        Ok(())
    }

    /// As [`Auditor::look`], once nothing has been asked for a while: nothing may be left undone.
    ///
    /// # Errors
    /// See there.
    pub(crate) fn look_at_rest(&mut self, all: &[Seen], now: u64) -> Result<(), String> {
        self.look(all, now)?;
        let (mut sent, mut arrived) = (0, 0);
        for seen in all {
            let is_late = |hold: &&SeenHold| hold.deadline.is_some_and(|at| at + LATE_MS_MAX < now);
            if let Some(hold) = seen.holds.iter().find(is_late) {
                return Err(format!("a hold never ends: {hold:?}"));
            }
            if let SeenGoods::Stock { lent, received, .. } = seen.goods {
                sent += lent;
                arrived += received;
            }
            let of_orders = seen.holds.iter().flat_map(|hold| &hold.payments);
            let due = of_orders.filter(|(_, _, money)| *money == Money::Refund);
            let due = due.map(|(reference, ..)| reference);
            let mut due = due.chain(seen.strays.iter().map(|(reference, _)| reference));
            if let Some(reference) = due.find(|reference| !self.refunds_told.contains(*reference)) {
                return Err(format!("nobody was told to give {reference} back"));
            }
        }
        if sent == arrived {
            return Ok(());
        }
        Err(format!("{} tickets never arrive where they were sent", sent - arrived))
    }

    /// A hold is what was promised of it before.
    pub(super) fn still_as_promised(&self, hold: &SeenHold, now: u64) -> Result<(), String> {
        let Some(promise) = self.promises.get(&hold.name) else { return Ok(()) };
        let wrong = |what: &str| Err(format!("{what}: promised {promise:?}, now {hold:?}"));
        let same =
            (promise.buyer, &promise.seats, promise.units) == (hold.buyer, &hold.seats, hold.units);
        if !same {
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
        let (mut given, mut here, mut sent, mut arrived) = (0, 0, 0, 0);
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
            sent += lent;
            arrived += received;
        }
        if arrived > sent {
            return Err(format!("{arrived} tickets arrived of {sent} that were sent"));
        }
        if given != here + (sent - arrived) || given > self.pool_quantity {
            return Err(format!(
                "{given} tickets given, {here} here, {} on their way",
                sent - arrived
            ));
        }
        Ok(())
    }

    fn money_is_accounted_for(&self, all: &[Seen]) -> Result<(), String> {
        let mut known: BTreeMap<&str, (usize, Option<&SeenHold>)> = BTreeMap::new();
        for seen in all {
            for hold in &seen.holds {
                for (reference, _, money) in &hold.payments {
                    if *money != Money::Open {
                        let entry = known.entry(reference).or_default();
                        *entry = (entry.0 + 1, Some(hold));
                    }
                }
            }
            for (reference, _) in &seen.strays {
                known.entry(reference).or_default().0 += 1;
            }
        }
        for (reference, (order, amount)) in &self.money {
            match known.get(reference.as_str()) {
                Some((1, _)) => {}
                other => {
                    return Err(format!(
                        "{amount} paid as {reference} for {order:?} is recorded {} times",
                        other.map_or(0, |(times, _)| *times)
                    ));
                }
            }
        }
        match known.keys().find(|reference| !self.money_told.contains(**reference)) {
            Some(reference) => Err(format!("nobody ever paid {reference}")),
            None => Ok(()),
        }
    }
}

/// What must be true of one hold whatever was promised.
fn is_sound(hold: &SeenHold) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {hold:?}"));
    let captured: Vec<u64> = hold
        .payments
        .iter()
        .filter(|(_, _, money)| *money == Money::Captured)
        .map(|(_, amount, _)| *amount)
        .collect();
    match hold.order {
        Some(OrderLife::Ticketed) => {
            if hold.tickets != hold.units as usize {
                return wrong("not one ticket per unit");
            }
            if captured != [hold.price] {
                return wrong("tickets without the one right payment");
            }
        }
        Some(_) if !captured.is_empty() => return wrong("paid without tickets"),
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

fn seats_have_one_owner(seen: &Seen) -> Result<(), String> {
    let SeenGoods::Seats { unowned } = &seen.goods else { return Ok(()) };
    let mut owners: BTreeMap<u32, HoldName> = BTreeMap::new();
    for hold in seen.holds.iter().filter(|hold| hold.owns()) {
        for &seat in &hold.seats {
            if let Some(other) = owners.insert(seat, hold.name) {
                return Err(format!("seat {seat} belongs to {other:?} and {:?}", hold.name));
            }
        }
    }
    for (seat, unowned) in (0..).zip(unowned) {
        if *unowned == owners.contains_key(&seat) {
            let owner = owners.get(&seat);
            return Err(format!("seat {seat} is shown as owned: {}, owner {owner:?}", !unowned));
        }
    }
    Ok(())
}
