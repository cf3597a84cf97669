//! Everything that was asked and answered, by lot, as the checker wants it.
//!
//! A lot is a seat or a stock pool. A few lots are open at a time, so that many clients meet on
//! each; a lot is closed when it is sold, or when nobody could take anything of it for a while
//! (a buyer who went away without an answer may keep it for good), and the next one opens.

use std::collections::{BTreeMap, HashMap};

use usher_linear::{Answer, Call, Ending, HoldIx, Lot, Operation, SeatStatus, Stage, Told};
use usher_linear::{Units, Why};
use usher_wire::PaymentStarted;

use super::stage;

/// Seats, and pools, that are open at once.
const SEATS_OPEN: usize = 4;
const POOLS_OPEN: usize = 4;
/// Attempts in a row that took nothing, after which a lot is closed.
const FRUITLESS_MAX: u32 = 80;
/// Operations after which a lot is closed, so that its history stays quick to check.
const HISTORY_MAX: usize = 2_500;

/// What a lot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A seat, by its label and its place on the map.
    Seat { label: String, place: usize },
    /// A pool of tickets.
    Pool { name: String, segments: u16 },
}

/// An attempt to hold, and what is known of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    pub(super) units: u32,
    /// Every attempt has a buyer of its own, so that no limit ties lots together.
    pub(super) user: String,
    pub(super) hold_id: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) payment: Option<PaymentStarted>,
}

/// One lot and its history.
#[derive(Debug)]
pub(super) struct LotNotes {
    pub(super) kind: Kind,
    pub(super) units: u32,
    pub(super) attempts: Vec<Attempt>,
    pub(super) history: Vec<Operation<Call, Answer>>,
    sold: u32,
    fruitless: u32,
}

/// The whole record of a run.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    pub(super) lots: Vec<LotNotes>,
    /// Lots that clients work on now.
    open: Vec<usize>,
    /// Lots that were not opened yet, the next one last.
    waiting_seats: Vec<usize>,
    waiting_pools: Vec<usize>,
    /// What was told of the house, and of the show as a whole, with versions.
    pub(super) house: Vec<Told>,
    pub(super) show: Vec<Told>,
    /// How often each call ended in each way.
    pub(super) tally: BTreeMap<(&'static str, String), u64>,
    /// Answers that the contract does not have, or that contradict an id given before.
    pub(super) oddities: Vec<String>,
    pub(super) operations: u64,
    hold_ids: HashMap<String, (usize, HoldIx)>,
}

impl Notebook {
    /// A notebook for a show.
    pub(super) fn new(stage: &stage::Stage) -> Self {
        let mut notes = Self::default();
        for (place, label) in stage.seats.iter().enumerate() {
            notes.waiting_seats.push(notes.lots.len());
            notes.lots.push(LotNotes::new(Kind::Seat { label: label.clone(), place }, 1));
        }
        for (name, tickets, segments) in &stage.pools {
            notes.waiting_pools.push(notes.lots.len());
            let kind = Kind::Pool { name: name.clone(), segments: *segments };
            notes.lots.push(LotNotes::new(kind, *tickets));
        }
        notes.waiting_seats.reverse();
        notes.waiting_pools.reverse();
        notes.open_lots();
        notes
    }

    /// The lots that are open.
    pub(super) fn open(&self) -> &[usize] {
        &self.open
    }

    /// A new attempt to hold something of a lot.
    pub(super) fn attempt(&mut self, lot: usize, units: u32) -> HoldIx {
        let notes = &mut self.lots[lot];
        let number = u32::try_from(notes.attempts.len()).expect("far fewer attempts");
        let user = format!("buyer-{lot}-{number}");
        notes.attempts.push(Attempt { units, user, ..Attempt::default() });
        HoldIx(number)
    }

    /// Writes an operation down.
    pub(super) fn note(&mut self, lot: usize, operation: Operation<Call, Answer>) {
        let notes = &mut self.lots[lot];
        notes.learn(&operation);
        notes.history.push(operation);
        let is_spent = notes.is_spent();
        if is_spent && self.open.contains(&lot) {
            self.open.retain(|open| *open != lot);
            self.open_lots();
        }
    }

    /// Counts an operation by what was asked and how it ended.
    pub(super) fn count(&mut self, what: &'static str, ending: String) {
        self.operations += 1;
        *self.tally.entry((what, ending)).or_default() += 1;
    }

    /// Notes the id of a hold: one attempt has one id, and one id is of one attempt.
    pub(super) fn name_hold(&mut self, lot: usize, hold: HoldIx, hold_id: &str) {
        let owner = *self.hold_ids.entry(hold_id.to_owned()).or_insert((lot, hold));
        let attempt = &mut self.lots[lot].attempts[hold.0 as usize];
        let known = attempt.hold_id.get_or_insert_with(|| hold_id.to_owned());
        if owner != (lot, hold) || *known != hold_id {
            let user = &attempt.user;
            self.oddities.push(format!("{user}: hold {hold_id} for {known}: two for one key"));
        }
    }

    /// Opens lots until as many are open as should be; fewer where none are left.
    fn open_lots(&mut self) {
        let is_seat = |lot: &&usize| matches!(self.lots[**lot].kind, Kind::Seat { .. });
        let seats = self.open.iter().filter(is_seat).count();
        let pools = self.open.len() - seats;
        let more_seats = self.waiting_seats.len().saturating_sub(SEATS_OPEN - seats);
        self.open.extend(self.waiting_seats.drain(more_seats..));
        let more_pools = self.waiting_pools.len().saturating_sub(POOLS_OPEN - pools);
        self.open.extend(self.waiting_pools.drain(more_pools..));
    }
}

impl LotNotes {
    fn new(kind: Kind, units: u32) -> Self {
        let (attempts, history) = (Vec::new(), Vec::new());
        Self { kind, units, attempts, history, sold: 0, fruitless: 0 }
    }

    /// The lot as the checker models it.
    pub(super) fn model(&self) -> Lot {
        let asks = self.attempts.iter().map(|attempt| Units(attempt.units)).collect();
        Lot::new(Units(self.units), asks)
    }

    /// In words.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Seat { label, .. } => format!("seat {label}"),
            Kind::Pool { name, segments } => {
                format!("{name} ({} tickets in {segments} segments)", self.units)
            }
        }
    }

    /// The newest attempts that are known to have become holds.
    pub(super) fn newest_holds(&self, count_max: usize) -> Vec<HoldIx> {
        let numbers = (0..self.attempts.len()).rev();
        let held = numbers.filter(|number| self.attempts[*number].hold_id.is_some());
        let index = |number| HoldIx(u32::try_from(number).expect("numbers were made from u32"));
        held.take(count_max).map(index).collect()
    }

    fn learn(&mut self, operation: &Operation<Call, Answer>) {
        let Some(answer) = operation.answer() else { return };
        match (operation.call, answer) {
            (Call::Hold(_), Answer::Stands(_)) => self.fruitless = 0,
            (Call::Hold(_), Answer::Refused(Why::Taken(_) | Why::SoldOut)) => self.fruitless += 1,
            (Call::Confirm(hold), Answer::Stands(Stage::Ticketed)) => {
                self.sold += self.attempts[hold.0 as usize].units;
            }
            (Call::ReadSeat, Answer::Seat(SeatStatus::Sold)) => self.sold = self.units,
            _ => {}
        }
    }

    fn is_spent(&self) -> bool {
        let is_long = self.history.len() >= HISTORY_MAX;
        // A few refusals of what is sold belong to the history, too.
        (self.sold >= self.units && self.fruitless > 6)
            || self.fruitless >= FRUITLESS_MAX
            || is_long
    }
}

/// An operation whose answer came.
pub(super) fn answered(
    client: u32,
    call: Call,
    (invoked_ns, returned_ns): (u64, u64),
    answer: Answer,
) -> Operation<Call, Answer> {
    Operation { client, call, invoked_ns, ending: Ending::Answered { answer, returned_ns } }
}
