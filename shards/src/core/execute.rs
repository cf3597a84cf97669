//! From a command to its answer: decide, apply, record, and queue what follows.

use tokio::sync::oneshot;
use usher_engine::command::{CounterSale, PassUse, PaymentMessage};
use usher_engine::planted::planted;
use usher_engine::room::RoomCommand;
use usher_engine::{Command, Decision, Effect, Event, HoldNo, Inventory, Machine, MachineId};
use usher_engine::{Outcome, Refusal, Subject};
use usher_persistence::codec::encode_record;

use super::rebuild::AtWork;
use super::release::Release;
use super::trap::Moment;
use super::{Core, Handle};
use crate::message::{Answer, Counted, Found, Reply, Unavailable};

pub(super) type ReplyTo = Option<oneshot::Sender<Reply>>;

impl Core {
    pub(super) fn execute(&mut self, id: MachineId, mut command: Command, reply: ReplyTo) {
        // What inventories tell each other is small, and the reserve is there for it.
        if reply.is_some() && self.is_disk_full() {
            self.answer(reply, Reply::Unavailable(Unavailable::DiskFull));
            return;
        }
        if self.suspects.is_quarantined(id, &command) {
            self.answer(reply, Reply::Unavailable(Unavailable::Quarantined));
            return;
        }
        self.draw_nonces(&mut command);
        self.execute_again(id, command, reply);
    }

    /// Decides about a command that has all it needs; also for one that was parked.
    pub(super) fn execute_again(&mut self, id: MachineId, command: Command, reply: ReplyTo) {
        let AtWork { command, .. } = self.at_work.insert(AtWork { inventory: id, command, reply });
        self.trap.meet(id, command);
        self.trap.pass(Moment::Deciding);
        let owned = self.partitions.get(&id.partition()).and_then(|p| p.machines.get(&id));
        let decision = match owned {
            Some(machine) => machine.execute(command, self.now),
            None => Machine::vacant(id).execute(command, self.now),
        };
        let Decision { events, outcome, effects } = decision;
        if let Outcome::Parked { needs, .. } = outcome {
            let AtWork { command, reply, .. } = self.at_work.take().expect("a command is decided");
            self.park(id, command, reply, needs);
            return;
        }
        if !events.is_empty() {
            self.commit(id, &events);
        }
        self.trap.pass(Moment::Applied);
        self.queue_effects(id, effects);
        let reply_with = match outcome {
            Outcome::Done { subject, replayed } => {
                Reply::Done(Box::new(self.describe(id, subject, replayed)))
            }
            Outcome::Refused(refusal) => Reply::Refused(refusal),
            Outcome::Parked { .. } => unreachable!("parked above"),
        };
        self.trap.pass(Moment::Answering);
        let reply = self.end_work();
        self.answer(reply, reply_with);
        self.retry_parked(id);
    }

    /// Lets go of the command that was worked on, where it stands, and says who waits for it.
    fn end_work(&mut self) -> ReplyTo {
        let reply = self.at_work.as_mut().expect("a command is being worked on").reply.take();
        self.at_work = None;
        reply
    }

    /// Applies and records what was decided.
    fn commit(&mut self, id: MachineId, events: &[Event]) {
        let at = self.now;
        let partition = self.partitions.get_mut(&id.partition()).expect("owned while it executes");
        partition.seq += 1;
        self.batch.record(partition.id.0, partition.seq, |bytes| {
            encode_record(id, at, events, bytes);
        });
        self.recorded += 1;
        let machine = partition.machines.entry(id).or_insert_with(|| Machine::vacant(id));
        machine.apply(events, at);
        machine.assert_conserved();
        self.handles.entry(id).or_default();
        if self.touched.last() != Some(&id) {
            self.touched.push(id);
        }
        self.sync_timers(id, events);
    }

    pub(super) fn read(&mut self, id: MachineId, hold: HoldNo, reply: ReplyTo) {
        let known = self.inventory(id).is_some_and(|inventory| inventory.hold(hold).is_some());
        let reply_with = if known {
            Reply::Done(Box::new(self.describe(id, Subject::Hold(hold), false)))
        } else {
            Reply::Refused(self.why_unknown(id, hold))
        };
        self.answer(reply, reply_with);
    }

    fn why_unknown(&self, id: MachineId, hold: HoldNo) -> Refusal {
        self.inventory(id).map_or(Refusal::UnknownShow, |inventory| inventory.missing_hold(hold))
    }

    pub(super) fn count(&mut self, id: MachineId, reply: ReplyTo) {
        let reply_with = match self.inventory(id) {
            Some(inventory) => Reply::Counted(Box::new(Counted {
                version: inventory.version(),
                audit: inventory.tally(),
            })),
            None => Reply::Refused(Refusal::UnknownShow),
        };
        self.answer(reply, reply_with);
    }

    /// How something stands now. The state may be newer than what is durable; the answer waits.
    fn describe(&self, id: MachineId, subject: Subject, replayed: bool) -> Answer {
        let machine = self.machine(id);
        let found = match subject {
            Subject::Hold(no)
            | Subject::Order(no)
            | Subject::Payment(no, _)
            | Subject::Ticket(no, _) => machine
                .and_then(Machine::as_inventory)
                .and_then(|inventory| inventory.hold(no))
                .map(|hold| Found::Hold(hold.into_owned())),
            Subject::Place(no) => machine
                .and_then(Machine::as_room)
                .and_then(|room| room.place(no))
                .map(|place| Found::Place(*place)),
            Subject::Account(no) => machine
                .and_then(Machine::as_accounts)
                .and_then(|accounts| accounts.account(no))
                .map(|account| Found::Account(Box::new(account.clone()))),
            Subject::ApiKey(_) | Subject::Show => None,
        };
        let version = machine.map_or(0, Machine::version);
        Answer { machine: id, subject, replayed, version, found: found.unwrap_or(Found::Nothing) }
    }

    pub(super) fn answer(&mut self, reply: ReplyTo, with: Reply) {
        if let Some(reply) = reply {
            if matches!(with, Reply::Refused(_)) && planted("refusal-before-durable") {
                return drop(reply.send(with));
            }
            self.turn_releases.push(Release::Answer { reply, with });
        }
    }

    pub(super) fn queue_effects(&mut self, id: MachineId, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::WakeAt(at) => self.wake_at(id, at),
                Effect::TellSegments => {
                    let told = self.inventory(id).map(Inventory::segment_terms);
                    for terms in told.unwrap_or_default() {
                        let to = MachineId::segment(id.show, terms.pool, terms.segment);
                        let command = Box::new(Command::SetTerms(Box::new(terms)));
                        self.turn_releases.push(Release::Send { to, command });
                    }
                }
                Effect::SendLoan { borrower, number, quantity } => {
                    let (to, donor) = sibling(id, borrower);
                    let command = Box::new(Command::Receive { donor, number, quantity });
                    self.turn_releases.push(Release::Send { to, command });
                }
                Effect::ConfirmLoan { donor, number } => {
                    let (to, borrower) = sibling(id, donor);
                    let command = Box::new(Command::SettleLoan { borrower, number });
                    self.turn_releases.push(Release::Send { to, command });
                }
                Effect::TellRoom(PassUse { pass, place, .. }) => {
                    let to = MachineId::room(id.show);
                    let note = RoomCommand::NotePassUsed { place, pass };
                    let command = Box::new(Command::Room(note));
                    self.turn_releases.push(Release::Send { to, command });
                }
                Effect::Refund { order, reference, amount } => {
                    let due = super::RefundOrder { inventory: id, order, reference, amount };
                    self.turn_releases.push(Release::Refund(Box::new(due)));
                }
            }
        }
    }

    /// Does again what may not have been done before a crash.
    pub(super) fn resume(&mut self, id: MachineId) {
        let unfinished = self.machine(id).map(Machine::unfinished).unwrap_or_default();
        self.queue_effects(id, unfinished);
    }

    /// Fills in what only the owner may draw: the random parts of ticket codes.
    fn draw_nonces(&mut self, command: &mut Command) {
        match command {
            Command::PaymentMessage(PaymentMessage { nonces, .. })
            | Command::CounterSale(CounterSale { nonces, .. }) => *nonces = self.nonces(),
            _ => {}
        }
    }

    pub(super) fn handle(&mut self, id: MachineId) -> &mut Handle {
        self.handles.entry(id).or_default()
    }
}

/// Another segment of the same pool, and the number of this one.
fn sibling(id: MachineId, segment: u16) -> (MachineId, u16) {
    let (pool, me) = id.pool_and_segment().expect("only segments lend");
    (MachineId::segment(id.show, pool, segment), me)
}
