//! How one lot behaves: a seat, or a stock pool, with all that is done to its holds.
//!
//! A seat is a pool of one unit, so both are one model, written from the HTTP contract: what is
//! free can be held; a hold is given back or becomes an order; an order is cancelled or paid. Each
//! call has exactly one right answer in each state, refusals included, and so has each repeat of a
//! call with its idempotency key. Nothing expires: a run gives its holds more time than it takes.
//!
//! Every attempt to hold has a number of its own, under which its repeats and everything that later
//! happens to that hold are known. So the model needs no ids of the server's.

use crate::explain::Speak;
use crate::search::Model;

/// The number of an attempt to hold, counted from 0 within its lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldIx(pub u32);

/// Seats or standing tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Units(pub u32);

/// A seat, or a stock pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    units: Units,
    /// What each attempt to hold asks for.
    asks: Vec<Units>,
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Takes units; a repeat uses the same key and has the same number.
    Hold(HoldIx),
    /// Gives a hold back.
    Release(HoldIx),
    /// Looks at a hold.
    ReadHold(HoldIx),
    /// Makes an order of a hold, always with the same key.
    Order(HoldIx),
    /// Looks at the order of a hold.
    ReadOrder(HoldIx),
    /// Starts the payment of an order, always with the same key.
    Pay(HoldIx),
    /// The provider says that the payment succeeded.
    Confirm(HoldIx),
    /// Gives an order up.
    Cancel(HoldIx),
    /// Looks at the seat on the map.
    ReadSeat,
    /// Looks how many units of the pool are free.
    ReadFree,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A hold or its order, which stands like this.
    Stands(Stage),
    /// No.
    Refused(Why),
    /// The seat.
    Seat(SeatStatus),
    /// So much of the pool.
    Free(Units),
}

/// Where a hold, or the order that it became, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It keeps its units.
    Active,
    /// It was given back.
    Released,
    /// It became an order; this is all that a hold says from then on.
    Confirmed,
    /// The order waits for its buyer.
    PendingPay,
    /// The order waits for its money.
    Paying,
    /// The order has its tickets.
    Ticketed,
    /// The order was given up.
    Cancelled,
    /// The order was given up, and its money goes or went back.
    Refunding,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The seat is taken, like this.
    Taken(SeatStatus),
    /// The pool has too few.
    SoldOut,
    /// There is no such hold or order.
    Missing,
    /// The hold was given back, or became an order.
    HoldNotActive,
    /// The order has come too far.
    IllegalState,
}

/// A seat on the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatStatus {
    /// Free.
    Available,
    /// In somebody's hold or unpaid order.
    Held,
    /// Somebody's.
    Sold,
}

/// A lot between two calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    free: u32,
    sold: u32,
    /// Where each attempt to hold stands.
    lives: Vec<Life>,
}

/// An attempt to hold, from before it happened to the end of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Life {
    Untried,
    Active,
    Released,
    Ordered,
    Paying,
    Ticketed,
    /// Whether its payment had been started decides what a repeat of that is told.
    Cancelled {
        paying: bool,
    },
    Refunding,
}

impl Lot {
    /// A lot of so many units, and what each attempt to hold asks for.
    #[must_use]
    pub fn new(units: Units, asks: Vec<Units>) -> Self {
        Self { units, asks }
    }

    /// How many units there are.
    #[must_use]
    pub fn units(&self) -> Units {
        self.units
    }

    /// What an attempt to hold asks for.
    ///
    /// # Panics
    ///
    /// Where there is no such attempt.
    #[must_use]
    pub fn asks(&self, hold: HoldIx) -> Units {
        self.asks[hold.0 as usize]
    }

    /// What a call does, and its one right answer.
    #[must_use]
    pub fn answer(&self, state: &State, call: Call) -> (State, Answer) {
        match call {
            Call::Hold(hold) => self.hold(state, hold),
            Call::Release(hold) => match state.life(hold) {
                Life::Active => self.end(state, hold, Life::Released, Stage::Released),
                Life::Released => stays(state, Answer::Stands(Stage::Released)),
                Life::Untried => stays(state, Answer::Refused(Why::Missing)),
                _ => stays(state, Answer::Refused(Why::HoldNotActive)),
            },
            Call::ReadHold(hold) => stays(state, as_hold(state.life(hold))),
            Call::Order(hold) => match state.life(hold) {
                Life::Active => becomes(state, hold, Life::Ordered),
                Life::Untried => stays(state, Answer::Refused(Why::Missing)),
                Life::Released => stays(state, Answer::Refused(Why::HoldNotActive)),
                ordered => stays(state, as_order(ordered)),
            },
            Call::ReadOrder(hold) => stays(state, as_order(state.life(hold))),
            Call::Pay(hold) => match state.life(hold) {
                Life::Ordered => becomes(state, hold, Life::Paying),
                Life::Cancelled { paying: false } => {
                    stays(state, Answer::Refused(Why::IllegalState))
                }
                other => stays(state, as_order(other)),
            },
            Call::Confirm(hold) => self.confirm(state, hold),
            Call::Cancel(hold) => match state.life(hold) {
                Life::Ordered => {
                    let after = Life::Cancelled { paying: false };
                    self.end(state, hold, after, Stage::Cancelled)
                }
                Life::Paying => {
                    self.end(state, hold, Life::Cancelled { paying: true }, Stage::Cancelled)
                }
                Life::Ticketed | Life::Refunding => {
                    stays(state, Answer::Refused(Why::IllegalState))
                }
                other => stays(state, as_order(other)),
            },
            Call::ReadSeat => stays(state, Answer::Seat(state.seat())),
            Call::ReadFree => stays(state, Answer::Free(Units(state.free))),
        }
    }

    fn hold(&self, state: &State, hold: HoldIx) -> (State, Answer) {
        if state.life(hold) != Life::Untried {
            return stays(state, as_hold(state.life(hold)));
        }
        match state.free.checked_sub(self.asks(hold).0) {
            Some(free) => {
                let (mut after, _) = becomes(state, hold, Life::Active);
                after.free = free;
                (after, Answer::Stands(Stage::Active))
            }
            None if self.units == Units(1) => {
                stays(state, Answer::Refused(Why::Taken(state.seat())))
            }
            None => stays(state, Answer::Refused(Why::SoldOut)),
        }
    }

    /// Money for an order that was given up goes back, and the order says so from then on.
    fn confirm(&self, state: &State, hold: HoldIx) -> (State, Answer) {
        match state.life(hold) {
            Life::Paying => {
                let (mut after, answer) = becomes(state, hold, Life::Ticketed);
                after.sold += self.asks(hold).0;
                (after, answer)
            }
            Life::Cancelled { .. } => becomes(state, hold, Life::Refunding),
            other => stays(state, as_order(other)),
        }
    }

    fn end(&self, state: &State, hold: HoldIx, life: Life, stage: Stage) -> (State, Answer) {
        let (mut after, _) = becomes(state, hold, life);
        after.free += self.asks(hold).0;
        (after, Answer::Stands(stage))
    }
}

impl Model for Lot {
    type State = State;
    type Call = Call;
    type Answer = Answer;

    fn start(&self) -> State {
        State { free: self.units.0, sold: 0, lives: vec![Life::Untried; self.asks.len()] }
    }

    fn step(&self, state: &State, call: &Call, answer: Option<&Answer>) -> Option<State> {
        let (after, right) = self.answer(state, *call);
        answer.is_none_or(|answer| *answer == right).then_some(after)
    }
}

impl State {
    /// Units that nobody has.
    #[must_use]
    pub fn free(&self) -> Units {
        Units(self.free)
    }

    /// Units that somebody paid for.
    #[must_use]
    pub fn sold(&self) -> Units {
        Units(self.sold)
    }

    /// The attempts whose hold or unpaid order keeps units.
    pub fn keepers(&self) -> impl Iterator<Item = HoldIx> + '_ {
        let keeps = |life: &Life| matches!(life, Life::Active | Life::Ordered | Life::Paying);
        (0..).map(HoldIx).zip(&self.lives).filter(move |(_, life)| keeps(life)).map(|(ix, _)| ix)
    }

    fn life(&self, hold: HoldIx) -> Life {
        self.lives[hold.0 as usize]
    }

    /// The lot as a seat.
    fn seat(&self) -> SeatStatus {
        match (self.free, self.sold) {
            (1.., _) => SeatStatus::Available,
            (0, 1..) => SeatStatus::Sold,
            (0, 0) => SeatStatus::Held,
        }
    }
}

fn stays(state: &State, answer: Answer) -> (State, Answer) {
    (state.clone(), answer)
}

fn becomes(state: &State, hold: HoldIx, life: Life) -> (State, Answer) {
    let mut after = state.clone();
    after.lives[hold.0 as usize] = life;
    (after, as_order(life))
}

fn as_hold(life: Life) -> Answer {
    match life {
        Life::Untried => Answer::Refused(Why::Missing),
        Life::Active => Answer::Stands(Stage::Active),
        Life::Released => Answer::Stands(Stage::Released),
        _ => Answer::Stands(Stage::Confirmed),
    }
}

fn as_order(life: Life) -> Answer {
    match life {
        Life::Untried | Life::Active | Life::Released => Answer::Refused(Why::Missing),
        Life::Ordered => Answer::Stands(Stage::PendingPay),
        Life::Paying => Answer::Stands(Stage::Paying),
        Life::Ticketed => Answer::Stands(Stage::Ticketed),
        Life::Cancelled { .. } => Answer::Stands(Stage::Cancelled),
        Life::Refunding => Answer::Stands(Stage::Refunding),
    }
}

impl Speak for Lot {
    fn call(&self, call: &Call) -> String {
        match call {
            Call::Hold(hold) if self.units == Units(1) => format!("hold {} takes it", hold.0),
            Call::Hold(hold) => format!("hold {} takes {}", hold.0, self.asks(*hold).0),
            Call::Release(hold) => format!("hold {} is given back", hold.0),
            Call::ReadHold(hold) => format!("look at hold {}", hold.0),
            Call::Order(hold) => format!("hold {} becomes an order", hold.0),
            Call::ReadOrder(hold) => format!("look at the order of hold {}", hold.0),
            Call::Pay(hold) => format!("payment of hold {}", hold.0),
            Call::Confirm(hold) => format!("money for hold {}", hold.0),
            Call::Cancel(hold) => format!("the order of hold {} is cancelled", hold.0),
            Call::ReadSeat => "look at the map".into(),
            Call::ReadFree => "look at what is free".into(),
        }
    }

    fn answer(&self, answer: &Answer) -> String {
        match answer {
            Answer::Stands(stage) => format!("{stage:?}"),
            Answer::Refused(Why::Taken(seat)) => format!("refused, it is {seat:?}"),
            Answer::Refused(why) => format!("refused, {why:?}"),
            Answer::Seat(seat) => format!("it is {seat:?}"),
            Answer::Free(units) => format!("{} free", units.0),
        }
    }

    fn state(&self, state: &State) -> String {
        let keepers: Vec<String> = state.keepers().map(|hold| hold.0.to_string()).collect();
        let kept = match keepers.as_slice() {
            [] => String::new(),
            one => format!(", kept by hold {}", one.join(" and ")),
        };
        format!("{} of {} are free, {} sold{kept}", state.free, self.units.0, state.sold)
    }
}
