//! What `execute` hands back: facts to record, something to answer, something to do afterwards.

use crate::accounts::ApiKeyNo;
use crate::command::PassUse;
use crate::event::{Event, Events};
use crate::id::{AccountNo, HoldNo, PaymentRef, PlaceNo};
use crate::money::Cents;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// The whole result of one command, decided without changing anything.
#[derive(Debug, Clone)]
pub struct Decision {
    /// To be recorded, then applied, in this order. Empty for most refusals; a refusal that met
    /// something past its end carries the expiry, one that met a stolen token the end of its
    /// session.
    pub events: Events,
    /// What to answer, once everything it rests on is durable.
    pub outcome: Outcome,
    /// What to do once the events are durable.
    pub effects: Vec<Effect>,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, or was done before under the same key.
    Done {
        /// What the answer is about; its state is read after the events were applied.
        subject: Subject,
        /// Whether this repeats an earlier answer.
        replayed: bool,
    },
    /// It is not done.
    Refused(Refusal),
    /// Not yet: this segment is short of stock that other segments may have.
    Parked {
        /// Tickets missing here.
        short: u32,
        /// Tickets that the command needs in all.
        needs: u32,
    },
}

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A hold.
    Hold(HoldNo),
    /// An order.
    Order(HoldNo),
    /// A payment of an order, by its place among the order's payments.
    Payment(HoldNo, usize),
    /// A ticket of an order that was let in.
    Ticket(HoldNo, u8),
    /// A place in a waiting room.
    Place(PlaceNo),
    /// An account.
    Account(AccountNo),
    /// A key of an integrator.
    ApiKey(ApiKeyNo),
    /// The show itself, or nothing in particular.
    Show,
}

/// Something to do outside, at least once, after the events are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Give money back.
    Refund {
        /// The order that it was meant for.
        order: HoldNo,
        /// The payment.
        reference: PaymentRef,
        /// How much.
        amount: Cents,
    },
    /// Tell all segments of this show how things stand, as [`crate::Inventory::segment_terms`] says
    /// right after the events were applied.
    TellSegments,
    /// Send a loan to another segment of the same pool.
    SendLoan {
        /// To whom.
        borrower: u16,
        /// Number between the two.
        number: u32,
        /// How much.
        quantity: u32,
    },
    /// Confirm a loan to the segment that made it.
    ConfirmLoan {
        /// To whom.
        donor: u16,
        /// Number between the two.
        number: u32,
    },
    /// Tell the show's waiting room that a pass was used. It is told once, and where it does not
    /// hear of it the pass runs out by itself.
    TellRoom(PassUse),
    /// Wake this inventory for its schedule: at this time, instead of any that it named before.
    WakeAt(Timestamp),
}

impl Decision {
    pub(crate) fn refuse(refusal: Refusal) -> Self {
        Self { events: Events::new(), outcome: Outcome::Refused(refusal), effects: Vec::new() }
    }

    pub(crate) fn replay(subject: Subject) -> Self {
        let outcome = Outcome::Done { subject, replayed: true };
        Self { events: Events::new(), outcome, effects: Vec::new() }
    }

    pub(crate) fn done(event: Event, subject: Subject) -> Self {
        // Not `smallvec![event]`, which moves the event once more.
        Self::all(Events::from_buf([event]), subject)
    }

    pub(crate) fn all(events: Events, subject: Subject) -> Self {
        let outcome = Outcome::Done { subject, replayed: false };
        Self { events, outcome, effects: Vec::new() }
    }

    pub(crate) fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}
