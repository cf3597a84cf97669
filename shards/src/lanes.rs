//! The bounded ways into a shard.
//!
//! Payments and check-ins go before buyers, buyers before control, so that a rush of new holds
//! cannot delay money that is on its way. A full lane refuses at once, and then nothing has
//! happened. The actor behind the lanes is only woken: an actor's own mailbox could neither bound
//! nor order what is in it.

use actix::Addr;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use usher_engine::Command;
use usher_engine::room::RoomCommand;
use usher_shared::{DurableMark, Waker};

use crate::actor::{ShardActor, Wake};
use crate::message::{Envelope, PeerMessage, Request, Unavailable};

/// How many requests may wait in each lane of one shard; and for the disk, twice as many buyers.
#[derive(Debug, Clone, Copy)]
pub struct LaneSizes {
    /// Payments and check-ins.
    pub money: usize,
    /// Buyers.
    pub buyers: usize,
    /// Organisers and operators.
    pub control: usize,
}

impl Default for LaneSizes {
    fn default() -> Self {
        Self { money: 8_192, buyers: 8_192, control: 1_024 }
    }
}

/// Which lane a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Money,
    Buyers,
    Control,
}

/// The sending ends, shared by everybody who talks to one shard.
#[derive(Debug)]
pub(crate) struct Lanes {
    money: Sender<Envelope>,
    buyers: Sender<Envelope>,
    control: Sender<Envelope>,
    /// Between shards. Not bounded here: what can be in it is bounded by the other lanes, by open
    /// loans and by the number of segments, and losing any of it would lose a request.
    peers: Sender<PeerMessage>,
    durable: DurableMark,
    waker: Waker<Addr<ShardActor>>,
}

/// The receiving ends, held by the shard.
#[derive(Debug)]
pub(crate) struct LaneEnds {
    pub(crate) money: Receiver<Envelope>,
    pub(crate) buyers: Receiver<Envelope>,
    pub(crate) control: Receiver<Envelope>,
    pub(crate) peers: Receiver<PeerMessage>,
}

impl Lanes {
    pub(crate) fn new(sizes: LaneSizes) -> (Self, LaneEnds) {
        let (money, money_end) = bounded(sizes.money);
        let (buyers, buyers_end) = bounded(sizes.buyers);
        let (control, control_end) = bounded(sizes.control);
        let (peers, peers_end) = unbounded();
        let (durable, waker) = (DurableMark::default(), Waker::default());
        let lanes = Self { money, buyers, control, peers, durable, waker };
        let ends = LaneEnds {
            money: money_end,
            buyers: buyers_end,
            control: control_end,
            peers: peers_end,
        };
        (lanes, ends)
    }

    /// Hands a request in; where its lane is full, nothing has happened.
    pub(crate) fn offer(&self, envelope: Envelope) -> Result<(), Unavailable> {
        let lane = match lane_of(&envelope.request) {
            Lane::Money => &self.money,
            Lane::Buyers => &self.buyers,
            Lane::Control => &self.control,
        };
        lane.try_send(envelope).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Busy,
            TrySendError::Disconnected(_) => Unavailable::Draining,
        })?;
        self.wake();
        Ok(())
    }

    pub(crate) fn tell(&self, message: PeerMessage) {
        // A shard is gone only when the process ends.
        drop(self.peers.send(message));
        self.wake();
    }

    pub(crate) fn set_durable(&self, upto: u64) {
        self.durable.raise(upto);
        self.wake();
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.get()
    }

    /// Requests that wait.
    pub(crate) fn depth(&self) -> usize {
        self.money.len() + self.buyers.len() + self.control.len() + self.peers.len()
    }

    pub(crate) fn connect(&self, actor: Addr<ShardActor>) {
        if let Some(actor) = self.waker.connect(actor) {
            actor.do_send(Wake);
        }
    }

    /// The shard is about to look; whoever comes from now on must wake it again.
    pub(crate) fn falls_asleep(&self) {
        self.waker.falls_asleep();
    }

    fn wake(&self) {
        if let Some(actor) = self.waker.wake() {
            actor.do_send(Wake);
        }
    }
}

fn lane_of(request: &Request) -> Lane {
    let command = match request {
        Request::Execute(command) => command,
        Request::Read(_) => return Lane::Buyers,
        Request::Count | Request::Need { .. } | Request::Gathered { .. } => return Lane::Control,
    };
    match command {
        Command::StartPayment(_)
        | Command::PaymentMessage(_)
        | Command::RefundMade { .. }
        | Command::CheckIn(_) => Lane::Money,
        // Who was let in goes before who wants to stand in line.
        Command::Room(RoomCommand::Call { .. } | RoomCommand::NotePassUsed { .. }) => Lane::Money,
        Command::Room(
            RoomCommand::Configure { .. }
            | RoomCommand::Draw { .. }
            | RoomCommand::CallPeople { .. }
            | RoomCommand::Move(_)
            | RoomCommand::SetFlow { .. }
            | RoomCommand::Expel { .. },
        ) => Lane::Control,
        Command::Hold(_)
        | Command::Release { .. }
        | Command::Order(_)
        | Command::Cancel { .. }
        | Command::Room(
            RoomCommand::Join { .. } | RoomCommand::Claim { .. } | RoomCommand::Leave { .. },
        )
        | Command::Accounts(_) => Lane::Buyers,
        Command::CreateShow(_)
        | Command::ChangeShow(_)
        | Command::MoveSale(_)
        | Command::PutOnSale { .. }
        | Command::CounterSale(_)
        | Command::Refund { .. }
        | Command::Withdraw { .. }
        | Command::ExtendHolds { .. }
        | Command::Expire { .. }
        | Command::RunSchedule
        | Command::SetTerms(_)
        | Command::Lend { .. }
        | Command::Receive { .. }
        | Command::SettleLoan { .. } => Lane::Control,
    }
}
