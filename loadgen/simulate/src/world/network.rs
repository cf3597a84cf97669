//! What lies between two shards: one queue for each sender and receiver.
//!
//! The real one is a channel in memory. It keeps the order of each sender, mixes those of several
//! senders as it likes, and loses nothing while the process lives; a crash loses all of it. So much
//! is modelled exactly: a turn takes from senders in any order, as many messages as it likes, and a
//! restart begins with empty queues.
//!
//! Beyond that, [`Network::disturb`] does what the real channel never does, to those messages for
//! which the shards promise to get over it, since they come again or a repeat changes nothing:
//!
//! | message | twice, late, out of order | lost | because |
//! |---|---|---|---|
//! | a loan, its confirmation | yes | yes | numbered; repeated until it is settled |
//! | a segment is short, is served; a donor is asked | yes | yes | asked again while it waits |
//! | terms of the house | yes | no | numbered; sent once, and again only after a start |
//!
//! A request that somebody waits for, and a partition on its way, are moved and never copied: of
//! those there is one.

use std::collections::VecDeque;

use usher_engine::Command;
use usher_shards::message::{Envelope, PeerMessage, Request};

use crate::random::Random;

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Disturbance {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Doubled,
    /// It falls behind all others.
    Overtaken,
}

/// The queues, by receiver and then by sender.
#[derive(Debug)]
pub(crate) struct Network(Vec<Vec<VecDeque<PeerMessage>>>);

impl Network {
    /// Between so many shards; nothing is on its way.
    pub(crate) fn new(shards: usize) -> Self {
        let queues = || (0..shards).map(|_| VecDeque::new()).collect();
        Self((0..shards).map(|_| queues()).collect())
    }

    pub(crate) fn send(&mut self, from: usize, to: usize, message: PeerMessage) {
        self.0[to][from].push_back(message);
    }

    /// The next message for a shard, from any of those who sent it one.
    pub(crate) fn receive(&mut self, to: usize, random: &mut Random) -> Option<PeerMessage> {
        let senders = &mut self.0[to];
        let busy = senders.iter().filter(|queue| !queue.is_empty()).count();
        if busy == 0 {
            return None;
        }
        let nth = random.below(busy as u64) as usize;
        senders.iter_mut().filter(|queue| !queue.is_empty()).nth(nth)?.pop_front()
    }

    /// Does something to one of the messages that it may be done to.
    pub(crate) fn disturb(&mut self, random: &mut Random) -> Option<Disturbance> {
        let queues = self.0.iter_mut().flatten();
        let mut busy: Vec<_> = queues.filter(|queue| !queue.is_empty()).collect();
        if busy.is_empty() {
            return None;
        }
        let nth = random.below(busy.len() as u64) as usize;
        let queue = &mut *busy[nth];
        let place = random.below(queue.len() as u64) as usize;
        let copy = copy_of(&queue[place])?;
        let what = match random.below(3) {
            0 if !is_told_once(&queue[place]) => Disturbance::Lost,
            0 | 1 => Disturbance::Doubled,
            _ => Disturbance::Overtaken,
        };
        if what != Disturbance::Doubled {
            queue.remove(place);
        }
        if what != Disturbance::Lost {
            queue.push_back(copy);
        }
        Some(what)
    }

    /// Whether a partition is between two shards.
    pub(crate) fn carries_a_partition(&self) -> bool {
        self.0.iter().flatten().flatten().any(|m| matches!(m, PeerMessage::Adopt(_)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(VecDeque::is_empty)
    }
}

/// The same message again, if it is one that may come again.
fn copy_of(message: &PeerMessage) -> Option<PeerMessage> {
    let PeerMessage::Deliver(Envelope { machine: inventory, request, reply: None }) = message
    else {
        return None;
    };
    let request = match *request {
        Request::Need { borrower, quantity } => Request::Need { borrower, quantity },
        Request::Gathered { borrower } => Request::Gathered { borrower },
        Request::Execute(
            ref command @ (Command::Lend { .. }
            | Command::Receive { .. }
            | Command::SettleLoan { .. }
            | Command::SetTerms(_)),
        ) => Request::Execute(command.clone()),
        _ => return None,
    };
    Some(PeerMessage::Deliver(Envelope { machine: *inventory, request, reply: None }))
}

fn is_told_once(message: &PeerMessage) -> bool {
    let PeerMessage::Deliver(envelope) = message else { return true };
    matches!(envelope.request, Request::Execute(Command::SetTerms(_)))
}
