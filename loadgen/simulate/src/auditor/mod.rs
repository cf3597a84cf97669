//! Whoever believes nothing: a model of its own of what may be true, fed by what people asked, what
//! they were told, and what can be seen of the inventories.
//!
//! It imports nothing of the engine, and knows only what a box office's contract says: who was
//! promised what and until when. All times are milliseconds, all amounts cents.
//!
//! What it holds to, after every answer and every look: a seat has one owner; what was promised is
//! there, unchanged, until its time is over or somebody gave it up; units are conserved; limits
//! hold; money has led to tickets or is due back, once; the same key has the same answer; a
//! refusal rested on something that lasted; nothing was shown that did not last.

mod answers;
mod looks;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use seen::{Asked, Life, Money, OrderLife, Seen, SeenGoods, SeenHold, Told, Wanted};

/// Where a hold lives: slot of the show, and number.
pub(crate) type HoldName = (u16, u32);

/// What was promised about one hold.
#[derive(Debug, Clone)]
struct Promise {
    buyer: u64,
    seats: Vec<u32>,
    units: u32,
    /// Its units are kept at least until then.
    kept_until: u64,
    /// Somebody asked for what ends it: a release, a cancellation, a refund.
    may_end: bool,
    ordered: bool,
    ticketed: bool,
    /// Tickets that were let in, by index.
    used: BTreeSet<u8>,
}

/// What a key was used for.
#[derive(Debug, Clone, Copy)]
struct Granted {
    /// Stands for the body of the request.
    digest: u64,
    hold: HoldName,
    /// The last request that was sent before the answer came.
    after: u64,
}

/// A request that nobody has answered yet.
#[derive(Debug, Clone)]
struct Open {
    asked: Asked,
    /// When it was asked.
    at: u64,
    /// Whoever asked was told that there will be no answer: it happened or not.
    is_lost: bool,
}

/// A refusal that rests on nothing but requests without an answer.
#[derive(Debug, Clone)]
struct Doubtful {
    seat: u32,
    /// When it was asked for.
    at: u64,
    because_of: Vec<u64>,
}

/// The model. See the module.
#[derive(Debug)]
pub(crate) struct Auditor {
    units_per_buyer_max: u32,
    pool_quantity: u64,
    promises: BTreeMap<HoldName, Promise>,
    open: BTreeMap<u64, Open>,
    /// The last answer under each key.
    keys: BTreeMap<(u16, u64, u64), Granted>,
    last_asked: u64,
    /// Successful payments that were confirmed to the provider: reference, order, amount.
    money: BTreeMap<String, (HoldName, u64)>,
    doubtful: Vec<Doubtful>,
    /// Money for all orders was told of, acknowledged or not.
    money_told: BTreeSet<String>,
    /// Payments that the server wanted to be given back.
    refunds_told: BTreeSet<String>,
    checks: u64,
}

impl Auditor {
    /// For a show with this limit per buyer and so many standing tickets.
    pub(crate) fn new(units_per_buyer_max: u32, pool_quantity: u32) -> Self {
        Self {
            units_per_buyer_max,
            pool_quantity: u64::from(pool_quantity),
            promises: BTreeMap::new(),
            open: BTreeMap::new(),
            keys: BTreeMap::new(),
            last_asked: 0,
            money: BTreeMap::new(),
            doubtful: Vec::new(),
            money_told: BTreeSet::new(),
            refunds_told: BTreeSet::new(),
            checks: 0,
        }
    }

    /// Looks and answers that were checked.
    pub(crate) fn checks(&self) -> u64 {
        self.checks
    }

    /// Somebody sent a request.
    pub(crate) fn asked(&mut self, id: u64, asked: Asked, at: u64) {
        match &asked.wanted {
            Wanted::End { hold } => {
                if let Some(promise) = self.promises.get_mut(hold) {
                    promise.may_end = true;
                }
            }
            Wanted::Pay { reference, .. } => {
                self.money_told.insert(reference.clone());
            }
            _ => {}
        }
        self.last_asked = id;
        self.open.insert(id, Open { asked, at, is_lost: false });
    }

    /// The server wants a payment to be given back.
    pub(crate) fn refund_told(&mut self, reference: &str) {
        self.refunds_told.insert(reference.to_owned());
    }

    /// There will be no answer: the process died, or whoever asked went away.
    pub(crate) fn lost(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.is_lost = true;
        }
    }

    /// Whether somebody is known who had this seat at that time, or later.
    fn was_owned(&self, seat: u32, at: u64) -> bool {
        self.promises.values().any(|promise| {
            promise.seats.contains(&seat) && (promise.ticketed || at < promise.kept_until)
        })
    }
}
