//! What waits for durability, and the order in which it is let go: views, then answers, then
//! effects.

use std::sync::Arc;

use tokio::sync::oneshot;
use usher_engine::planted::planted;
use usher_engine::{Command, MachineId};

use super::publish::ViewUpdate;
use super::rooms::RoomUpdate;
use super::{Core, RefundOrder};
use crate::message::{Reply, Request};
use crate::view::ApiKeys;

/// Something that must not leave before what it rests on is durable.
#[derive(Debug)]
pub(super) enum Release {
    /// A view to publish.
    View(Box<ViewUpdate>),
    /// The keys of integrators, to be published.
    ApiKeys(Arc<ApiKeys>),
    /// A waiting room to publish.
    Room(Box<RoomUpdate>),
    /// An answer to somebody.
    Answer { reply: oneshot::Sender<Reply>, with: Reply },
    /// A command for another inventory. Boxed, since there is an answer for each command and hardly
    /// ever this, and all releases are moved as the largest is.
    Send { to: MachineId, command: Box<Command> },
    /// Money to give back. Boxed as well.
    Refund(Box<RefundOrder>),
}

/// Views, answers and effects.
const RANKS: usize = 3;

/// What one turn decided, by rank: each in the order in which it was decided.
#[derive(Debug, Default)]
pub(super) struct TurnReleases([Vec<Release>; RANKS]);

impl TurnReleases {
    pub(super) fn push(&mut self, release: Release) {
        self.0[release.rank()].push(release);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// All of them, views before answers before effects.
    pub(super) fn into_all(self) -> impl Iterator<Item = Release> {
        self.0.into_iter().flatten()
    }

    /// None yet, with room for as many answers: there is one for each request of a turn.
    fn with_room_for_as_much(&self) -> Self {
        let room = |of_rank: &Vec<_>| Vec::with_capacity(of_rank.len());
        Self([Vec::new(), room(&self.0[1]), Vec::new()])
    }
}

impl Release {
    /// Views before answers before effects.
    fn rank(&self) -> usize {
        match self {
            Self::View(_) | Self::ApiKeys(_) | Self::Room(_) => 0,
            Self::Answer { .. } => 1,
            Self::Send { .. } | Self::Refund(_) => 2,
        }
    }
}

/// What one turn decided, and how many records of this shard must be durable first.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) after: u64,
    pub(super) releases: TurnReleases,
}

impl Core {
    /// Puts what this turn decided behind what it recorded. All of one turn becomes durable as one
    /// batch, so all of it waits for the same record.
    pub(super) fn queue_releases(&mut self) {
        if self.turn_releases.len() > 0 {
            let next = self.turn_releases.with_room_for_as_much();
            let releases = std::mem::replace(&mut self.turn_releases, next);
            self.waiting_count += releases.len();
            self.waiting.push_back(Waiting { after: self.recorded, releases });
        }
    }

    pub(super) fn release_durable(&mut self) {
        self.is_releasing = true;
        let durable = if planted("reply-before-flush") { u64::MAX } else { self.durable };
        while self.waiting.front().is_some_and(|waiting| waiting.after <= durable) {
            let waiting = self.waiting.pop_front().expect("looked at it");
            self.waiting_count -= waiting.releases.len();
            waiting.releases.into_all().for_each(|release| self.let_go(release));
        }
        self.is_releasing = false;
    }

    fn let_go(&mut self, release: Release) {
        match release {
            Release::View(update) => update.publish(),
            Release::ApiKeys(keys) => self.around.directory.set_api_keys(keys),
            Release::Room(update) => update.publish(),
            // A client that went away is no longer interested; what it did stands.
            Release::Answer { reply, with } => drop(reply.send(with)),
            Release::Send { to, command } => self.send(to, Request::Execute(*command)),
            // The receiver is gone only while the server stops; a start sends it again.
            Release::Refund(due) => drop(self.around.refunds.send(*due)),
        }
    }
}
