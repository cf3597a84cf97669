//! What an answer means: a promise made, or a reason to doubt.

use super::{
    Asked, Auditor, BOX_OFFICE, Doubtful, Granted, HOUSE, HoldName, Open, OrderLife, Promise,
    SeenHold, Told, Wanted,
};

/// The stable number of "some of the seats are not available".
const SEATS_TAKEN: u16 = 20;
/// The stable number of "there are not so many left".
const SOLD_OUT: u16 = 21;
/// The stable numbers of "the hold has run out" and "the order has run out".
const HOLD_OVER: u16 = 14;
const ORDER_OVER: u16 = 17;
/// The stable number of "this key was used with another request".
const KEY_REUSED: u16 = 6;
/// A request is answered under its key for at least so long, in milliseconds: from the end of its
/// hold on, or from its order on, neither of which comes before its grant.
const KEY_MEMORY_MS: u64 = 15 * 60 * 1_000;

impl Auditor {
    /// Somebody was told something, at `now`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn told(&mut self, id: u64, told: &Told, now: u64) -> Result<(), String> {
        self.checks += 1;
        let Some(open) = self.open.remove(&id) else {
            return Err(format!("request {id} was answered twice"));
        };
        self.bury(now);
        self.is_excused(&open, told)?;
        self.changed(id, &open, matches!(told, Told::Done { .. }));
        match told {
            Told::Done { hold, replayed } => self.done(id, &open, hold.as_ref(), *replayed, now),
            Told::Refused { number, seats } => self.refused(id, &open, *number, seats, now),
            Told::NotNow | Told::Rebuilding | Told::Quarantined => Ok(()),
        }
    }

    fn done(
        &mut self,
        id: u64,
        open: &Open,
        hold: Option<&SeenHold>,
        replayed: bool,
        now: u64,
    ) -> Result<(), String> {
        let asked = &open.asked;
        if let (&Wanted::Enter { hold: name, index }, false) = (&asked.wanted, replayed)
            && !self.admitted.insert((name, index))
        {
            return Err(format!("ticket {index} of {name:?} let two people in"));
        }
        if let Some(hold) = hold {
            self.same_key_same_answer(asked, hold, now)?;
            self.promised(id, open, hold, replayed, now)?;
        }
        match (&asked.wanted, hold) {
            (Wanted::Enter { index, .. }, Some(hold)) if !hold.used.contains(index) => {
                return Err(format!("let in, but ticket {index} of {:?} is unused", hold.name));
            }
            (Wanted::Pay { hold: name, reference, .. }, _) => {
                self.ledger.acknowledged(*name, *reference);
            }
            (Wanted::GaveBack { hold: name, reference }, _) if !replayed => {
                self.ledger.went_back(name.0, *reference);
            }
            (Wanted::Seats(_) | Wanted::AnySeats(_) | Wanted::Stock(_), None) => {
                return Err("a hold was granted without saying which".into());
            }
            _ => {}
        }
        Ok(())
    }

    fn same_key_same_answer(
        &mut self,
        asked: &Asked,
        hold: &SeenHold,
        now: u64,
    ) -> Result<(), String> {
        let Some((key, digest)) = asked.key else { return Ok(()) };
        let entry = (asked.slot, asked.buyer, key);
        let mut granted = Granted { digest, hold: hold.name, next: self.next };
        if let Some(&first) = self.keys.get(&entry)
            && self.is_remembered(first.hold, now)
        {
            if (first.digest, first.hold) != (digest, hold.name) {
                return Err(format!("key {key}: {:?} first, {:?} now", first.hold, hold.name));
            }
            granted.next = first.next;
        }
        self.keys.insert(entry, granted);
        Ok(())
    }

    /// Whether the key that led to a hold must still be known.
    fn is_remembered(&self, hold: HoldName, now: u64) -> bool {
        self.promises
            .get(&hold)
            .is_some_and(|promise| !promise.may_end && now < promise.granted_from + KEY_MEMORY_MS)
    }

    /// Takes an answer about a hold as a promise, and compares it with earlier ones.
    fn promised(
        &mut self,
        id: u64,
        open: &Open,
        hold: &SeenHold,
        replayed: bool,
        now: u64,
    ) -> Result<(), String> {
        let asked = &open.asked;
        self.still_as_promised(hold, now)?;
        let is_new = !self.promises.contains_key(&hold.name);
        if hold.owns() && !replayed && !self.live.contains(&hold.name) {
            self.no_other_owner(hold)?;
        }
        let is_grant =
            matches!(asked.wanted, Wanted::Seats(_) | Wanted::AnySeats(_) | Wanted::Stock(_));
        if is_new && hold.owns() && !replayed && is_grant {
            self.is_within_the_limit(id, hold)?;
            self.is_what_was_asked(asked, hold)?;
            self.is_on_these_terms(id, asked, hold, now)?;
        }
        let ended_asked = self.open.values().any(
            |open| matches!(&open.asked.wanted, Wanted::End { hold: name } if *name == hold.name),
        );
        let promise = self.promises.entry(hold.name).or_insert_with(|| Promise {
            buyer: hold.buyer,
            seats: hold.seats.clone(),
            units: hold.units,
            price: hold.price,
            granted_from: open.at,
            kept_until: 0,
            may_end: ended_asked,
            ordered: false,
            ticketed: false,
            used: Default::default(),
            payments: Vec::new(),
            over_before: None,
        });
        promise.kept_until = promise.kept_until.max(hold.deadline.unwrap_or(0));
        promise.ordered |= hold.order.is_some();
        promise.ticketed |= hold.order == Some(OrderLife::Ticketed);
        promise.used.extend(&hold.used);
        promise.payments.clone_from(&hold.payments);
        if hold.owns() {
            self.live.insert(hold.name);
        }
        Ok(())
    }

    fn is_what_was_asked(&self, asked: &Asked, hold: &SeenHold) -> Result<(), String> {
        let fits = match &asked.wanted {
            Wanted::Seats(seats) => {
                let mut wanted = seats.clone();
                wanted.sort_unstable();
                wanted == hold.seats
            }
            Wanted::AnySeats(units) => hold.units == *units && hold.seats.len() == *units as usize,
            Wanted::Stock(units) => hold.units == *units,
            _ => true,
        };
        if fits && hold.buyer == asked.buyer {
            return Ok(());
        }
        Err(format!("asked for {asked:?}, got {hold:?}"))
    }

    /// Late money may lift somebody above the limit; then nothing more is granted.
    fn is_within_the_limit(&self, id: u64, hold: &SeenHold) -> Result<(), String> {
        if hold.buyer == BOX_OFFICE {
            return Ok(());
        }
        let of_buyer = self.live.iter().filter(|name| name.0 == hold.name.0);
        let of_buyer = of_buyer.map(|name| &self.promises[name]);
        let has: u32 = of_buyer.filter(|p| p.buyer == hold.buyer).map(|p| p.units).sum();
        if has + hold.units > self.sale.limit_max(hold.name.0, id) {
            return Err(format!("{has} of buyer {} and {:?}", hold.buyer, hold));
        }
        Ok(())
    }

    fn no_other_owner(&self, hold: &SeenHold) -> Result<(), String> {
        for name in self.live.iter().filter(|name| name.0 == HOUSE && **name != hold.name) {
            let seats = &self.promises[name].seats;
            if let Some(seat) = seats.iter().find(|seat| hold.seats.contains(seat)) {
                return Err(format!("seat {seat} belongs to {name:?} and to {:?}", hold.name));
            }
        }
        Ok(())
    }

    fn refused(
        &mut self,
        id: u64,
        refused: &Open,
        number: u16,
        seats: &[u32],
        now: u64,
    ) -> Result<(), String> {
        let asked = &refused.asked;
        if number == KEY_REUSED && asked.key.is_none() {
            return Err("refused for a key that was not given".into());
        }
        if let Some((key, digest)) = asked.key
            && let Some(first) = self.keys.get(&(asked.slot, asked.buyer, key))
            && first.digest == digest
            && first.next <= id
            && self.is_remembered(first.hold, now)
        {
            return Err(format!("key {key} with the same body was granted, and now refused"));
        }
        if let (HOLD_OVER | ORDER_OVER, Wanted::Order { hold } | Wanted::Start { hold }) =
            (number, &asked.wanted)
            && let Some(promise) = self.promises.get(hold)
            && now < promise.kept_until
            && !promise.may_end
        {
            return Err(format!("{hold:?} was said to be over before its time: {promise:?}"));
        }
        if let (SOLD_OUT, &Wanted::Stock(units)) = (number, &asked.wanted)
            && u64::from(units) <= refused.free_all_along
        {
            let free = refused.free_all_along;
            return Err(format!("sold out, though {free} were free all the while: {asked:?}"));
        }
        if number != SEATS_TAKEN {
            return Ok(());
        }
        for &seat in seats {
            if self.was_owned(seat, refused.at) {
                continue;
            }
            // Nobody is known to have it: then one of those who wait for an answer must have it.
            let may_have_it = |open: &Open| match &open.asked.wanted {
                Wanted::Seats(seats) => seats.contains(&seat),
                Wanted::AnySeats(_) => true,
                _ => false,
            };
            let waiting = self.open.iter().filter(|(_, open)| may_have_it(open));
            let because_of: Vec<u64> = waiting.map(|(id, _)| *id).collect();
            if !because_of.is_empty() {
                self.doubtful.push(Doubtful { id, seat, at: refused.at, because_of });
            }
        }
        Ok(())
    }

    /// After a restart: whether each refusal rested on something that is there.
    ///
    /// # Errors
    /// A refusal that rested on what never happened.
    pub(super) fn refusals_had_reasons(
        &mut self,
        holds: &[SeenHold],
        now: u64,
    ) -> Result<(), String> {
        for doubtful in std::mem::take(&mut self.doubtful) {
            // A hold that was seen to be over by then is no reason, unless money came for it.
            let is_paid = |name: HoldName| {
                let mut wanted = self.open.values().map(|open| &open.asked.wanted);
                wanted.any(|wanted| matches!(wanted, Wanted::Pay { hold, .. } if *hold == name))
            };
            let was_over = |hold: &SeenHold| {
                let seen = self.promises.get(&hold.name).and_then(|promise| promise.over_before);
                let was_seen = seen.is_some_and(|next| next <= doubtful.id);
                was_seen && !hold.owns() && !is_paid(hold.name)
            };
            let is_there = holds.iter().any(|h| h.seats.contains(&doubtful.seat) && !was_over(h));
            let all_lost = doubtful
                .because_of
                .iter()
                .all(|id| self.open.get(id).is_some_and(|open| open.is_lost));
            // Later the hold may have come, gone, and been forgotten.
            let is_fresh = now < doubtful.at + KEY_MEMORY_MS;
            if all_lost && is_fresh && !is_there {
                return Err(format!(
                    "seat {} was refused because of a hold that never was",
                    doubtful.seat
                ));
            }
        }
        Ok(())
    }
}
