//! Whoever believes nothing: a model of its own of what may be true, fed by what people asked, what
//! they were told, and what can be seen of the inventories.
//!
//! It imports nothing of the engine, and knows only what a box office's contract says: who was
//! promised what and until when. All times are milliseconds, all amounts cents.
//!
//! What it holds to, after every answer and every look: a seat has one owner; what was promised is
//! there, unchanged, until its time is over or somebody gave it up; units are conserved; limits,
//! prices and pauses hold from the moment they are acknowledged; money has led to tickets or is due
//! back, once; the same key has the same answer; a refusal rested on something that lasted; nothing
//! was shown that did not last; a panic is heard of by those whose shard panicked, and by nobody
//! else; what panicked twice is not tried again.

mod answers;
mod looks;
mod manage;
mod money;
mod panics;
mod seen;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use manage::Sale;
use money::Ledger;
use panics::Panics;
pub(crate) use seen::{
    Asked, BOX_OFFICE, Change, Life, Money, OrderLife, Payment, Seen, SeenGoods, SeenHold,
    SeenSeat, Standing, Told, Wanted,
};

/// Where a hold lives: slot of the show, and number.
pub(crate) type HoldName = (u16, u32);

/// The slot of the house, where the seats are.
const HOUSE: u16 = 0;

/// What was promised about one hold.
#[derive(Debug, Clone)]
struct Promise {
    buyer: u64,
    seats: Vec<u32>,
    units: u32,
    price: u64,
    /// No earlier than this it was granted, and its key was to be remembered from then on.
    granted_from: u64,
    /// Its units are kept at least until then.
    kept_until: u64,
    /// Somebody asked for what ends it: a release, a cancellation, a refund.
    may_end: bool,
    ordered: bool,
    ticketed: bool,
    /// Tickets that were let in, by index.
    used: BTreeSet<u8>,
    /// Money that is in the books.
    payments: Vec<Payment>,
    /// It was seen to be over before this request was sent, and nothing was undone since.
    over_before: Option<u64>,
}

/// What a key was used for.
#[derive(Debug, Clone, Copy)]
struct Granted {
    /// Stands for the body of the request.
    digest: u64,
    hold: HoldName,
    /// Requests from this one on were sent after the answer came.
    next: u64,
}

/// A request that nobody has answered yet.
#[derive(Debug, Clone)]
struct Open {
    asked: Asked,
    /// When it was asked.
    at: u64,
    /// Whoever asked was told that there will be no answer: it happened or not.
    is_lost: bool,
    /// A shard panicked that had it, or may have had it.
    may_be_undone: bool,
    /// So many standing tickets were free all the while, as far as one can say.
    free_all_along: u64,
}

/// A refusal that rests on nothing but requests without an answer.
#[derive(Debug, Clone)]
struct Doubtful {
    /// The request that was refused.
    id: u64,
    seat: u32,
    /// When it was asked for.
    at: u64,
    because_of: Vec<u64>,
}

/// What the sale is like at the beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    /// What one buyer may have in one inventory.
    pub(crate) limit: u32,
    /// Standing tickets.
    pub(crate) stock: u32,
    pub(crate) seat_price: u64,
    pub(crate) stock_price: u64,
    /// Seats from this one on are not on sale yet.
    pub(crate) seats_on_sale: u32,
    pub(crate) seats: u32,
}

/// The model. See the module.
#[derive(Debug)]
pub(crate) struct Auditor {
    sale: Sale,
    promises: BTreeMap<HoldName, Promise>,
    /// Promises that may still own units.
    live: BTreeSet<HoldName>,
    /// Until when each seat was somebody's, of those who have it no more.
    was_owned_until: Vec<u64>,
    open: BTreeMap<u64, Open>,
    /// The number of the next request.
    next: u64,
    /// The last answer under each key.
    keys: BTreeMap<(u16, u64, u64), Granted>,
    ledger: Ledger,
    doubtful: Vec<Doubtful>,
    /// Tickets that somebody came in with, by index.
    admitted: BTreeSet<(HoldName, u8)>,
    panics: Panics,
    /// The standing tickets as they were last seen, where they could be.
    standing: Option<Standing>,
    checks: u64,
}

impl Auditor {
    pub(crate) fn new(opening: &Opening) -> Self {
        Self {
            sale: Sale::new(opening),
            promises: BTreeMap::new(),
            live: BTreeSet::new(),
            was_owned_until: vec![0; opening.seats as usize],
            open: BTreeMap::new(),
            next: 1,
            keys: BTreeMap::new(),
            ledger: Ledger::default(),
            doubtful: Vec::new(),
            admitted: BTreeSet::new(),
            panics: Panics::default(),
            standing: None,
            checks: 0,
        }
    }

    /// Looks and answers that were checked.
    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }

    /// Somebody sent a request. Requests are numbered in the order in which they are sent.
    pub(crate) fn asked(&mut self, id: u64, asked: Asked, at: u64) {
        self.next = id + 1;
        match &asked.wanted {
            Wanted::End { hold } => {
                if let Some(promise) = self.promises.get_mut(hold) {
                    promise.may_end = true;
                }
            }
            &Wanted::Pay { hold, reference, amount } => self.ledger.told(hold, reference, amount),
            Wanted::Manage(change) => self.sale.asked(id, change, at),
            _ => {}
        }
        let free_all_along = self.standing.map_or(0, |standing| standing.free);
        let (is_lost, may_be_undone) = (false, false);
        self.open.insert(id, Open { asked, at, is_lost, may_be_undone, free_all_along });
    }

    /// The standing tickets, after every step; `None` while a part of them cannot be seen.
    pub(crate) fn stands(&mut self, now: Option<Standing>) {
        let (Some(now), before) = (now, self.standing) else {
            self.standing = None;
            self.open.values_mut().for_each(|open| open.free_all_along = 0);
            return;
        };
        self.standing = Some(now);
        if before == self.standing {
            return;
        }
        // Where some came back within the step, there may have been none in the middle of it.
        let is_falling = before.is_some_and(|before| before.returns == now.returns);
        let least = if is_falling { now.free } else { 0 };
        for open in self.open.values_mut() {
            open.free_all_along = open.free_all_along.min(least);
        }
    }

    /// There will be no answer: the process died, or whoever asked went away.
    pub(crate) fn lost(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.is_lost = true;
        }
    }

    /// Money is to be given back.
    ///
    /// # Errors
    /// Where it is not owed.
    pub(crate) fn refund_ordered(
        &mut self,
        slot: u16,
        reference: u64,
        amount: u64,
    ) -> Result<(), String> {
        self.ledger.refund_ordered(slot, reference, amount)
    }

    /// Whether somebody is known who had this seat at that time, or later.
    fn was_owned(&self, seat: u32, at: u64) -> bool {
        let until = self.was_owned_until.get(seat as usize);
        until.is_some_and(|&until| at < until)
            || self.live.iter().any(|name| {
                let promise = &self.promises[name];
                promise.seats.contains(&seat) && (promise.ticketed || at < promise.kept_until)
            })
    }

    /// Forgets those among the living whose time is over.
    fn bury(&mut self, now: u64) {
        let (promises, until) = (&self.promises, &mut self.was_owned_until);
        self.live.retain(|name| {
            let promise = &promises[name];
            let is_over = promise.may_end || (!promise.ticketed && now >= promise.kept_until);
            if is_over {
                let ended = if promise.ticketed { now } else { promise.kept_until };
                for &seat in &promise.seats {
                    if let Some(until) = until.get_mut(seat as usize) {
                        *until = (*until).max(ended);
                    }
                }
            }
            !is_over
        });
    }
}
