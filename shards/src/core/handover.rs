//! Moving a partition to another shard while it sells.
//!
//! Freeze it (what arrives waits), let everything recorded become durable, hand the value over,
//! flip the route. What still arrives here afterwards is forwarded, what arrives there too early
//! waits.

use tokio::sync::oneshot;
use usher_engine::planted::planted;
use usher_engine::{Command, Inventory, MachineId, PartitionId};

use super::{Core, Partition};
use crate::message::{Envelope, Handover, PeerMessage, Request};

/// A partition that is about to leave.
#[derive(Debug)]
pub(super) struct Leaving {
    to: usize,
    /// How many records of this shard must be durable first.
    after: u64,
    pub(super) queued: Vec<Envelope>,
    done: oneshot::Sender<()>,
}

impl Core {
    /// Takes over a partition that was recovered from the journal, or is new.
    pub fn own(&mut self, partition: Partition) {
        let ids: Vec<MachineId> = partition.machines.keys().copied().collect();
        self.partitions.insert(partition.id, partition);
        for id in ids {
            self.handle(id);
            if !planted("timers-not-set-again") {
                self.set_timers(id);
            }
            self.resume(id);
        }
    }

    /// Gives live holds and unpaid orders back the time that a restart took from them.
    pub fn give_time(&mut self, ms: u64) {
        if planted("time-not-given-back") {
            return;
        }
        let inventories = self.partitions.values().flat_map(Partition::inventories);
        let is_live = |inventory: &&Inventory| inventory.deadlines().next().is_some();
        let live: Vec<_> = inventories.filter(is_live).map(Inventory::id).collect();
        for id in live {
            self.execute(id, Command::ExtendHolds { ms }, None);
        }
    }

    pub(super) fn start_leaving(&mut self, id: PartitionId, to: usize, done: oneshot::Sender<()>) {
        let is_here = self.partitions.contains_key(&id) && !self.leaving.contains_key(&id);
        if !is_here || to == self.index {
            // Nothing to do, or being done; dropping `done` says that it was not done for this one.
            if to == self.index && is_here {
                let _ = done.send(());
            }
            return;
        }
        let mut queued = Vec::new();
        let parked: Vec<_> =
            self.parked.keys().copied().filter(|parked| parked.partition() == id).collect();
        for inventory in parked {
            let waiting = self.take_parked(inventory).into_iter();
            if planted("parked-lost-in-move") {
                continue;
            }
            queued.extend(waiting.map(|(command, reply)| {
                let request = Request::Execute(command);
                Envelope { machine: inventory, request, reply }
            }));
        }
        self.gatherers.retain(|pool, _| pool.partition() != id);
        let leaving = Leaving { to, after: self.recorded, queued, done };
        self.leaving.insert(id, leaving);
    }

    /// Hands over what is durable. Called when durability advanced, and at the end of each turn:
    /// then everything that the partition decided has been released.
    pub(super) fn finish_leaving(&mut self) {
        let ready = |leaving: &Leaving| leaving.after <= self.durable;
        let ids: Vec<_> =
            self.leaving.iter().filter(|(_, l)| ready(l)).map(|(id, _)| *id).collect();
        for id in ids {
            let machines: Vec<_> = self.partitions[&id].machines.keys().copied().collect();
            machines.into_iter().for_each(|machine| self.clear_timers(machine));
            // From here to the new route nothing can fail, so a partition always has one owner.
            let leaving = self.leaving.remove(&id).expect("just listed");
            let partition = self.partitions.remove(&id).expect("owned until it leaves");
            let Leaving { to, queued, done, .. } = leaving;
            let handover = Handover { partition, queued, done };
            self.outgoing.push_back((to, PeerMessage::Adopt(Box::new(handover))));
            // From here on requests go to the new owner; what overtakes the partition waits there.
            if !planted("route-not-updated") {
                self.around.routes.set_owner(id, to);
            }
        }
    }

    pub(super) fn adopt(&mut self, handover: Handover) {
        let Handover { partition, queued, done } = handover;
        let id = partition.id;
        self.own(partition);
        let early = std::mem::take(&mut self.early);
        let (mine, others): (Vec<_>, Vec<_>) =
            early.into_iter().partition(|envelope| envelope.machine.partition() == id);
        self.early = others;
        let _ = done.send(());
        // They stay in the shard's own queue until it is their turn: one of them may panic.
        for envelope in queued.into_iter().chain(mine).rev() {
            if planted("requests-lost-in-move") {
                continue;
            }
            self.held_back.push_front(PeerMessage::Deliver(envelope));
        }
        self.hear_held_back();
    }
}
