//! What waits for durability, and the order in which it is let go: views, then answers, then
//! effects.

use std::collections::VecDeque;
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

/// What waits to become durable, by turn.
///
/// How much that is, is asked with every turn, while thousands of small turns may wait for a slow
/// disk; so it is counted as they come and go.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What each decided, and how many records of this shard must be durable first, which never
    /// goes down from one to the next.
    turns: VecDeque<(u64, TurnReleases)>,
    count: usize,
}

impl Waiting {
    fn push(&mut self, after: u64, releases: TurnReleases) {
        self.count += releases.len();
        self.turns.push_back((after, releases));
    }

    /// The first turn, where so many records are enough for it.
    fn take_durable(&mut self, durable: u64) -> Option<TurnReleases> {
        if self.turns.front()?.0 > durable {
            return None;
        }
        let (_, releases) = self.turns.pop_front()?;
        self.count -= releases.len();
        Some(releases)
    }

    /// The last turn, where so many records are not enough for it.
    pub(super) fn take_unsubmitted(&mut self, submitted: u64) -> Option<TurnReleases> {
        if self.turns.back()?.0 <= submitted {
            return None;
        }
        let (_, releases) = self.turns.pop_back()?;
        self.count -= releases.len();
        Some(releases)
    }

    /// How many releases there are, of all turns.
    pub(super) fn len(&self) -> usize {
        self.count
    }
}

impl Core {
    /// Puts what this turn decided behind what it recorded. All of one turn becomes durable as one
    /// batch, so all of it waits for the same record.
    pub(super) fn queue_releases(&mut self) {
        if self.turn_releases.len() > 0 {
            let next = self.turn_releases.with_room_for_as_much();
            let releases = std::mem::replace(&mut self.turn_releases, next);
            self.waiting.push(self.recorded, releases);
        }
    }

    pub(super) fn release_durable(&mut self) {
        self.is_releasing = true;
        let durable = if planted("reply-before-flush") { u64::MAX } else { self.durable };
        while let Some(releases) = self.waiting.take_durable(durable) {
            releases.into_all().for_each(|release| self.let_go(release));
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

#[cfg(test)]
mod tests {
    use usher_engine::Refusal;

    use super::*;

    fn releases(count: usize) -> TurnReleases {
        let mut releases = TurnReleases::default();
        for _ in 0..count {
            let (reply, _) = oneshot::channel();
            releases.push(Release::Answer { reply, with: Reply::Refused(Refusal::HoldExpired) });
        }
        releases
    }

    #[test]
    fn what_waits_is_counted_as_it_comes_and_goes() {
        let mut waiting = Waiting::default();
        for (after, count) in [(1, 3), (1, 1), (4, 2), (7, 5)] {
            waiting.push(after, releases(count));
        }
        let len = |releases: Option<TurnReleases>| releases.map(|releases| releases.len());
        assert_eq!(waiting.len(), 11);
        assert_eq!((len(waiting.take_durable(0)), waiting.len()), (None, 11));
        assert_eq!((len(waiting.take_durable(1)), waiting.len()), (Some(3), 8));
        assert_eq!((len(waiting.take_unsubmitted(7)), waiting.len()), (None, 8));
        assert_eq!((len(waiting.take_unsubmitted(4)), waiting.len()), (Some(5), 3));
        assert_eq!((len(waiting.take_unsubmitted(4)), waiting.len()), (None, 3));
        assert_eq!((len(waiting.take_durable(9)), waiting.len()), (Some(1), 2));
        assert_eq!((len(waiting.take_durable(9)), waiting.len()), (Some(2), 0));
        assert_eq!((len(waiting.take_durable(9)), waiting.len()), (None, 0));
    }
}
