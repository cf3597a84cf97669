//! The replica: a second, slower copy of all state on a thread of its own.
//!
//! It follows the journal when somebody asks it something, writes snapshots, and serves what would
//! hold up a live shard: lists, reports, history, audit. It never asks a shard for anything, so a
//! sale does not notice it.
//!
//! The copy takes as much memory as all live state. So it is made for the first question, given up
//! when nobody has asked for a while, and made anew, from snapshot and journal, for the next.

mod audit;
mod history;
mod orders;
mod report;
mod snapshot;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use smallvec::SmallVec;
use tokio::sync::oneshot;
use usher_engine::hash::FixedHashMap;
use usher_engine::{BuyerId, Event, HoldNo, Inventory, MachineId, ShowKey};
use usher_persistence::{JournalReader, Snapshots};

use crate::core::Partition;
use crate::recovery::{RecoveryError, SharedPlans, State};

pub use audit::{AtVersion, Recounted, ShowRecount};
pub use history::{HistoryFilter, HistoryRecord};
pub use orders::OrderPlace;
pub use report::{Figures, ORDER_STATUSES, ShowFigures};

/// Questions that may wait.
const QUESTIONS_MAX: usize = 256;

/// How long the copy is kept after a question. Who looks at a report every few seconds never waits
/// for a load; who comes after a night waits as after a start.
pub(crate) const RESTS_AFTER: Duration = Duration::from_secs(60);

/// What the replica's thread is told.
enum Question {
    /// Answer this.
    Ask(Box<dyn FnOnce(&mut Replica) + Send>),
    /// End, and let go of the journal.
    Stop,
}

/// The copy. See the module.
pub struct Replica {
    state: Option<State>,
    orders: OrderIndex,
    reader: Arc<dyn JournalReader>,
    snapshots: Arc<dyn Snapshots>,
    plans: SharedPlans,
}

/// Which orders each buyer has, oldest first. Most have one, which needs no allocation of its own.
type OrderIndex = FixedHashMap<BuyerId, SmallVec<[(MachineId, HoldNo); 1]>>;

/// Why the replica has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// Too many questions wait.
    #[error("too many questions wait for the replica")]
    Busy,
    /// The replica is gone, since the server stops.
    #[error("the replica has stopped")]
    Stopped,
    /// What is on the disk cannot be read.
    #[error("the replica cannot follow the journal")]
    Recovery(#[from] RecoveryError),
}

/// Asks the replica. Cheap to clone.
#[derive(Clone)]
pub struct ReplicaHandle {
    questions: Sender<Question>,
}

impl ReplicaHandle {
    /// Runs `ask` on the replica's thread after it has caught up with the journal.
    ///
    /// # Errors
    /// See [`ReplicaError`].
    pub async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Result<T, ReplicaError> {
        self.post(caught_up(ask))?.await.map_err(|_| ReplicaError::Stopped)?
    }

    /// As [`ReplicaHandle::ask`], for threads that may wait.
    ///
    /// # Errors
    /// See [`ReplicaError`].
    pub fn ask_blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Result<T, ReplicaError> {
        self.post(caught_up(ask))?.blocking_recv().map_err(|_| ReplicaError::Stopped)?
    }

    /// Ends the replica's thread, after the questions that wait.
    pub(crate) fn stop(&self) {
        drop(self.questions.send(Question::Stop));
    }

    fn post<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Replica) -> Result<T, RecoveryError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, ReplicaError>>, ReplicaError> {
        let (reply, answer) = oneshot::channel();
        let question = Box::new(move |replica: &mut Replica| {
            // Whoever asked may have gone away.
            drop(reply.send(ask(replica).map_err(ReplicaError::from)));
        });
        match self.questions.try_send(Question::Ask(question)) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(ReplicaError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(ReplicaError::Stopped),
        }
    }
}

/// A question that is asked once the copy is up to date.
fn caught_up<T>(
    ask: impl FnOnce(&mut Replica) -> T,
) -> impl FnOnce(&mut Replica) -> Result<T, RecoveryError> {
    move |replica| {
        replica.catch_up()?;
        Ok(ask(replica))
    }
}

/// Starts the replica's thread. The copy rests after `rests_after` without a question.
pub(crate) fn start(
    reader: Arc<dyn JournalReader>,
    snapshots: Arc<dyn Snapshots>,
    plans: SharedPlans,
    rests_after: Duration,
) -> (ReplicaHandle, JoinHandle<()>) {
    let (questions, receiver) = bounded(QUESTIONS_MAX);
    let empty = move || Replica {
        state: None,
        orders: OrderIndex::default(),
        reader: reader.clone(),
        snapshots: snapshots.clone(),
        plans: plans.clone(),
    };
    let thread = named_thread();
    let thread = thread.spawn(move || run(empty, &receiver, rests_after));
    (ReplicaHandle { questions }, thread.expect("a thread can be started"))
}

/// The copy lives on a thread that ends when it rests, since an allocator gives the memory of a
/// thread back when the thread ends, and while it waits it does not.
fn run(empty: impl Fn() -> Replica, questions: &Receiver<Question>, rests_after: Duration) {
    while let Ok(Question::Ask(first)) = questions.recv() {
        let replica = empty();
        let answered = std::thread::scope(|scope| {
            let answer = move || answer_until_rest(replica, first, questions, rests_after);
            let thread = named_thread().spawn_scoped(scope, answer);
            thread.expect("a thread can be started").join()
        });
        match answered {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Answers questions until none has come for a while, or there will be no more.
fn answer_until_rest(
    mut replica: Replica,
    first: Box<dyn FnOnce(&mut Replica) + Send>,
    questions: &Receiver<Question>,
    rests_after: Duration,
) -> ControlFlow<()> {
    first(&mut replica);
    loop {
        match questions.recv_timeout(rests_after) {
            Ok(Question::Ask(question)) => question(&mut replica),
            Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
            Ok(Question::Stop) | Err(RecvTimeoutError::Disconnected) => {
                return ControlFlow::Break(());
            }
        }
    }
}

fn named_thread() -> std::thread::Builder {
    std::thread::Builder::new().name("usher-replica".into())
}

impl Replica {
    /// Applies what became durable since; the first time, loads snapshot and journal.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub fn catch_up(&mut self) -> Result<(), RecoveryError> {
        self.catch_up_seeing(&mut |_| {})
    }

    /// As [`Replica::catch_up`]; `see` is shown each inventory after every record that was applied
    /// to it here, but not what a first load brings.
    fn catch_up_seeing(&mut self, see: &mut dyn FnMut(&Inventory)) -> Result<(), RecoveryError> {
        let Some(state) = &mut self.state else {
            let (state, _) =
                State::recover(self.snapshots.as_ref(), self.reader.as_ref(), &*self.plans)?;
            self.orders = index_orders(&state);
            self.state = Some(state);
            return Ok(());
        };
        let orders = &mut self.orders;
        state.catch_up(self.reader.as_ref(), &*self.plans, |machine, events| {
            if let Some(inventory) = machine.as_inventory() {
                note_orders(orders, inventory, events);
                see(inventory);
            }
        })?;
        Ok(())
    }

    /// The sequence of the last record that is in the copy.
    #[must_use]
    pub fn at_seq(&self) -> u64 {
        self.state().covers.seq
    }

    /// One inventory.
    #[must_use]
    pub fn inventory(&self, id: MachineId) -> Option<&Inventory> {
        self.state().inventory(id)
    }

    /// All inventories of a show: its house first, then its segments in order.
    #[must_use]
    pub fn inventories_of(&self, show: ShowKey) -> Vec<&Inventory> {
        let Some(house) = self.inventory(MachineId::house(show)) else { return Vec::new() };
        let segments = house.segment_terms().into_iter();
        let ids = segments.map(|terms| MachineId::segment(show, terms.pool, terms.segment));
        std::iter::once(house).chain(ids.filter_map(|id| self.inventory(id))).collect()
    }

    /// A buyer's orders over all shows, oldest first.
    #[must_use]
    pub fn orders_of(&self, buyer: BuyerId) -> &[(MachineId, HoldNo)] {
        self.orders.get(&buyer).map_or(&[], SmallVec::as_slice)
    }

    fn state(&self) -> &State {
        self.state.as_ref().expect("caught up before it is asked")
    }
}

fn index_orders(state: &State) -> OrderIndex {
    let mut orders = Vec::new();
    for inventory in state.partitions.values().flat_map(Partition::inventories) {
        orders.extend(inventory.holds().filter_map(|(no, hold)| {
            Some((hold.order.as_ref()?.placed_at, hold.buyer, inventory.id(), no))
        }));
    }
    orders.sort_unstable();
    let mut index = OrderIndex::default();
    for (_, buyer, inventory, no) in orders {
        index.entry(buyer).or_default().push((inventory, no));
    }
    index
}

fn note_orders(index: &mut OrderIndex, inventory: &Inventory, events: &[Event]) {
    for event in events {
        if let Event::Ordered { order, .. } = event
            && let Some(hold) = inventory.hold(*order)
        {
            index.entry(hold.buyer).or_default().push((inventory.id(), *order));
        }
    }
}
