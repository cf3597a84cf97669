//! What one client does: it takes, gives back, buys, meddles with what others took, and looks.
//!
//! Clients meet on few lots, and half of what they do is about holds that others made, so that
//! releases, orders, payments and cancellations of one hold race with each other. Now and then a
//! client goes away before its answer comes; mostly it asks again with the same key, sometimes it
//! never does.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use usher_linear::{Answer, Call, Ending, HoldIx, Operation, Stage};

use super::Goal;
use super::caller::{Caller, Heard};
use super::letters::{self, Meaning};
use super::notebook::{Kind, Notebook, answered};
use super::sight::Eyes;
use super::stage::Stage as Show;

/// One in so many requests loses its client before the answer.
const GOES_AWAY_ONE_IN: u32 = 60;
/// How soon that is at most, in microseconds: about what an answer takes.
const GOES_AWAY_US_MAX: u64 = 3_000;
/// One in so many clients without an answer never asks again.
const GIVES_UP_ONE_IN: u32 = 6;
/// How long a client thinks at most between two calls about its own hold, in microseconds.
const THINKS_US_MAX: u64 = 2_000;
/// How long a client waits for a server that is not there.
const WAITS: Duration = Duration::from_millis(20);
/// The holds of a lot that clients meddle with: so many of the newest.
const MEDDLES_WITH: usize = 4;
/// Tickets that one hold of a pool asks for at most.
const TICKETS_MAX: u32 = 3;

/// What all clients share.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) notes: Rc<RefCell<Notebook>>,
    pub(super) show: Rc<Show>,
    pub(super) secret: Rc<[u8]>,
    pub(super) goal: Rc<Goal>,
}

/// What a client learnt from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Learnt {
    Answer(Answer),
    /// It may have happened.
    Unknown,
    /// It did not happen, or could not be asked.
    NotDone,
}

/// One client.
pub(super) struct Client {
    number: u32,
    table: Table,
    caller: Caller,
    eyes: Eyes,
    rng: Xoshiro256PlusPlus,
}

impl Client {
    pub(super) fn new(number: u32, seed: u64, table: Table, caller: Caller) -> Self {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number));
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { number, table, caller, eyes: Eyes::new(number), rng }
    }

    /// Goes on until the run is over.
    pub(super) async fn live(mut self) {
        while !self.table.goal.is_over() {
            let Some(lot) = self.pick_lot() else { return };
            match self.rng.random_range(0..10) {
                0..4 => self.buy(lot).await,
                4..7 => self.meddle(lot).await,
                _ => self.look(lot).await,
            }
        }
    }

    fn pick_lot(&mut self) -> Option<usize> {
        let notes = self.table.notes.borrow();
        let open = notes.open();
        (!open.is_empty()).then(|| open[self.rng.random_range(0..open.len())])
    }

    /// A new hold, and what its buyer does with it.
    async fn buy(&mut self, lot: usize) {
        let units = match self.table.notes.borrow().lots[lot].kind {
            Kind::Seat { .. } => 1,
            Kind::Pool { .. } => self.rng.random_range(1..=TICKETS_MAX),
        };
        let hold = self.table.notes.borrow_mut().attempt(lot, units);
        match self.insist(lot, Call::Hold(hold)).await {
            Learnt::Answer(Answer::Stands(_)) => {}
            Learnt::Answer(_) if self.rng.random_ratio(1, 2) => {
                self.look(lot).await;
                return;
            }
            _ => return,
        }
        self.think().await;
        match self.rng.random_range(0..20) {
            0..12 => {
                self.insist(lot, Call::Release(hold)).await;
            }
            12..18 => self.order(lot, hold).await,
            // Whoever meddles with it may end it.
            _ => {}
        }
        if self.rng.random_ratio(1, 3) {
            self.look(lot).await;
        }
    }

    async fn order(&mut self, lot: usize, hold: HoldIx) {
        let ordered = self.insist(lot, Call::Order(hold)).await;
        if !matches!(ordered, Learnt::Answer(Answer::Stands(_))) {
            return;
        }
        self.think().await;
        if self.rng.random_ratio(1, 2) {
            self.insist(lot, Call::Cancel(hold)).await;
            return;
        }
        let started = self.insist(lot, Call::Pay(hold)).await;
        if started != Learnt::Answer(Answer::Stands(Stage::Paying)) {
            return;
        }
        self.think().await;
        let end =
            if self.rng.random_ratio(1, 4) { Call::Confirm(hold) } else { Call::Cancel(hold) };
        self.insist(lot, end).await;
    }

    /// Something about a hold that somebody made lately, whoever it was.
    async fn meddle(&mut self, lot: usize) {
        let newest = self.table.notes.borrow().lots[lot].newest_holds(MEDDLES_WITH);
        if newest.is_empty() {
            return;
        }
        let hold = newest[self.rng.random_range(0..newest.len())];
        let call = match self.rng.random_range(0..16) {
            0..3 => Call::Release(hold),
            3..6 => Call::ReadHold(hold),
            6..8 => Call::Hold(hold),
            8 => Call::Order(hold),
            9..12 => Call::ReadOrder(hold),
            12 => Call::Pay(hold),
            13 => Call::Confirm(hold),
            _ => Call::Cancel(hold),
        };
        self.ask(lot, call).await;
    }

    /// Looks at the lot: at the map for a seat, at the show's page for a pool.
    async fn look(&mut self, lot: usize) {
        let is_seat = matches!(self.table.notes.borrow().lots[lot].kind, Kind::Seat { .. });
        let (request, how) = if is_seat {
            self.eyes.map_request(&self.table.show, &mut self.rng)
        } else {
            self.eyes.page_request(&self.table.show)
        };
        let invoked_ns = self.caller.now_ns();
        let heard = self.caller.send(&request, None).await;
        let at = (invoked_ns, self.caller.now_ns());
        match heard {
            Heard::Reply(reply) => {
                let notes = &mut self.table.notes.borrow_mut();
                self.eyes.see(notes, &self.table.show, &reply, how, at);
            }
            Heard::Nothing => {}
            Heard::NotThere => tokio::time::sleep(WAITS).await,
        }
    }

    /// Asks until there is an answer, with the same key; sometimes gives up without one.
    async fn insist(&mut self, lot: usize, call: Call) -> Learnt {
        let learnt = self.ask(lot, call).await;
        if learnt != Learnt::Unknown || self.rng.random_ratio(1, GIVES_UP_ONE_IN) {
            return learnt;
        }
        // What can be seen before it asks again shows whether the first try was lost.
        self.look(lot).await;
        while !self.table.goal.is_over() {
            match self.ask(lot, call).await {
                Learnt::Unknown | Learnt::NotDone => tokio::time::sleep(WAITS).await,
                answer @ Learnt::Answer(_) => return answer,
            }
        }
        Learnt::Unknown
    }

    /// Asks once, and writes down what came of it.
    async fn ask(&mut self, lot: usize, call: Call) -> Learnt {
        let Some(request) = self.request(lot, call) else { return Learnt::NotDone };
        let goes_away = self.rng.random_ratio(1, GOES_AWAY_ONE_IN);
        let go_after = Duration::from_micros(self.rng.random_range(0..GOES_AWAY_US_MAX));
        let invoked_ns = self.caller.now_ns();
        let heard = self.caller.send(&request, goes_away.then_some(go_after)).await;
        let at = (invoked_ns, self.caller.now_ns());
        let meaning = match heard {
            Heard::Reply(reply) => letters::meaning(call, &reply),
            Heard::Nothing => Meaning::Unknown,
            Heard::NotThere => {
                tokio::time::sleep(WAITS).await;
                return Learnt::NotDone;
            }
        };
        self.note(lot, call, meaning, at)
    }

    fn request(&self, lot: usize, call: Call) -> Option<crate::http::Request> {
        let notes = self.table.notes.borrow();
        let lot = &notes.lots[lot];
        let attempt = &lot.attempts[letters::subject(call)?.0 as usize];
        letters::request(call, &self.table.show.show_id, &lot.kind, attempt, &self.table.secret)
    }

    fn note(&self, lot: usize, call: Call, meaning: Meaning, at: (u64, u64)) -> Learnt {
        let notes = &mut self.table.notes.borrow_mut();
        let title = letters::title(call);
        match meaning {
            Meaning::Answer(answer, news) => {
                notes.count(title, words(answer));
                notes.note(lot, answered(self.number, call, at, answer));
                self.learn(notes, lot, call, news, at);
                Learnt::Answer(answer)
            }
            Meaning::NothingDone => {
                notes.count(title, "busy".into());
                Learnt::NotDone
            }
            Meaning::Unknown => {
                notes.count(title, "no answer".into());
                if !letters::only_looks(call) {
                    let (client, invoked_ns, ending) = (self.number, at.0, Ending::Unknown);
                    notes.note(lot, Operation { client, call, invoked_ns, ending });
                }
                Learnt::Unknown
            }
            Meaning::Odd(words) => {
                notes.count(title, "odd".into());
                notes.oddities.push(words);
                Learnt::NotDone
            }
        }
    }

    /// Keeps the ids that came with an answer, and the version that it named.
    fn learn(
        &self,
        notes: &mut Notebook,
        lot: usize,
        call: Call,
        news: letters::News,
        at: (u64, u64),
    ) {
        let Some(hold) = letters::subject(call) else { return };
        if let Some(hold_id) = news.hold_id {
            notes.name_hold(lot, hold, &hold_id);
        }
        let attempt = &mut notes.lots[lot].attempts[hold.0 as usize];
        attempt.order_id = attempt.order_id.take().or(news.order_id);
        attempt.payment = attempt.payment.take().or(news.payment);
        if let Some(version) = news.version {
            let what = letters::title(call);
            let told = super::sight::told(self.number, what, at, version, None);
            match notes.lots[lot].kind {
                Kind::Seat { .. } => notes.house.push(told),
                Kind::Pool { .. } => notes.show.push(told),
            }
        }
    }

    async fn think(&mut self) {
        let think = self.rng.random_range(0..THINKS_US_MAX);
        tokio::time::sleep(Duration::from_micros(think)).await;
    }
}

/// An answer as the tally names it.
fn words(answer: Answer) -> String {
    match answer {
        Answer::Stands(stage) => format!("{stage:?}").to_lowercase(),
        Answer::Refused(why) => format!("refused {why:?}").to_lowercase(),
        Answer::Seat(_) | Answer::Free(_) => "seen".into(),
    }
}
