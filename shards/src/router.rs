//! How everybody else reaches an owner: by arithmetic from the id, never by looking anything up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::oneshot;
use usher_engine::{Command, HoldNo, MachineId, PartitionId, Refusal, ShowKey};

use crate::core::Suspect;
use crate::lanes::Lanes;
use crate::message::{
    Answer, CallError, Counted, Envelope, PeerMessage, Reply, Request, Unavailable,
};
use crate::replica::ReplicaHandle;
use crate::route::Routes;
use crate::stats::{JournalFigures, RecoveryFigures, ShardStats};
use crate::view::{Directory, ShowView};
use crate::writer::WriterHandle;

/// How long an organiser's call waits until all segments have heard of it.
const SEGMENTS_PATIENCE: Duration = Duration::from_secs(5);

/// Reaches every inventory. Cheap to clone.
#[derive(Clone)]
pub struct Router(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) lanes: Arc<Vec<Arc<Lanes>>>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) writer: WriterHandle,
    pub(crate) replica: ReplicaHandle,
    pub(crate) shard_stats: Vec<Arc<ShardStats>>,
    pub(crate) recovery: RecoveryFigures,
    pub(crate) disk_full: Arc<AtomicBool>,
    pub(crate) draining: AtomicBool,
    pub(crate) call_timeout: Duration,
}

/// One shard as an operator sees it.
#[derive(Debug, Clone)]
pub struct ShardFigures {
    /// Its number.
    pub shard: usize,
    /// Partitions that it owns.
    pub partitions: usize,
    /// Machines that it owns.
    pub machines: usize,
    /// Requests that wait.
    pub depth: usize,
    /// Requests worked off since the start.
    pub requests: u64,
    /// Records made since the start.
    pub records: u64,
    /// Turns taken since the start.
    pub turns: u64,
    /// Panics that it got over since the start.
    pub panics: u64,
    /// How long it was down for the last one; zero where there was none.
    pub last_rebuild: Duration,
    /// Commands that are refused since they panicked, oldest first.
    pub quarantined: Vec<Suspect>,
}

impl Router {
    /// Has a command carried out by the owner of an inventory: it is handed in at once, and who
    /// waits keeps nothing of it. The answer comes when everything it rests on is durable.
    ///
    /// # Errors
    /// A refusal; [`CallError::Unavailable`], and nothing happened; or
    /// [`CallError::OutcomeUnknown`] when no answer came in time.
    pub fn execute(
        &self,
        id: MachineId,
        command: Command,
    ) -> impl Future<Output = Result<Box<Answer>, CallError>> + use<> {
        let asked = match self.is_draining() {
            true => Err(Unavailable::Draining),
            false => self.hand_in(id, Request::Execute(command)),
        };
        answer(asked, self.0.call_timeout)
    }

    /// Shows one hold with its order.
    ///
    /// # Errors
    /// As [`Router::execute`].
    pub fn read(
        &self,
        id: MachineId,
        hold: HoldNo,
    ) -> impl Future<Output = Result<Box<Answer>, CallError>> + use<> {
        answer(self.hand_in(id, Request::Read(hold)), self.0.call_timeout)
    }

    /// Has the owner count what it believes, at a version.
    ///
    /// # Errors
    /// As [`Router::execute`].
    pub async fn count(&self, id: MachineId) -> Result<Counted, CallError> {
        match reply(self.hand_in(id, Request::Count), self.0.call_timeout).await? {
            Reply::Counted(counted) => Ok(*counted),
            Reply::Refused(refusal) => Err(refusal.into()),
            Reply::Unavailable(why) => Err(CallError::Unavailable(why)),
            Reply::Done(_) => unreachable!("a count is answered with a count"),
        }
    }

    /// Has a house carry out what an organiser or operator wants, and waits until all stock
    /// segments know of it (or, for a few seconds at most, do not).
    ///
    /// # Errors
    /// As [`Router::execute`].
    pub async fn organise(
        &self,
        show: ShowKey,
        command: Command,
    ) -> Result<Box<Answer>, CallError> {
        let answer = self.execute(MachineId::house(show), command).await?;
        let begun = Instant::now();
        let knows = |view: Arc<ShowView>| view.segments_know_terms();
        while self.directory().show(show).is_some_and(|view| !knows(view)) {
            if begun.elapsed() > SEGMENTS_PATIENCE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(answer)
    }

    /// Gives all live holds and unpaid orders of a show more time.
    ///
    /// # Errors
    /// As [`Router::execute`]; some inventories may have been extended already.
    pub async fn extend_holds(&self, show: ShowKey, ms: u64) -> Result<(), CallError> {
        for id in self.inventories_of(show).ok_or(Refusal::UnknownShow)? {
            self.execute(id, Command::ExtendHolds { ms }).await?;
        }
        Ok(())
    }

    /// The house and all segments of a show; `None` where there is no such show.
    #[must_use]
    pub fn inventories_of(&self, show: ShowKey) -> Option<Vec<MachineId>> {
        let view = self.directory().show(show)?;
        let mut ids = vec![MachineId::house(show)];
        for (pool, description) in (0..).zip(&view.face().pools) {
            let segments = 0..description.segments;
            ids.extend(segments.map(|segment| MachineId::segment(show, pool, segment)));
        }
        Some(ids)
    }

    /// Moves a partition to another shard while it sells. Returns how long it took.
    ///
    /// # Errors
    /// [`CallError::OutcomeUnknown`] when it is being moved by somebody else, or takes too long.
    ///
    /// # Panics
    /// Where there is no such shard.
    pub async fn move_partition(
        &self,
        partition: PartitionId,
        to: usize,
    ) -> Result<Duration, CallError> {
        assert!(to < self.0.lanes.len(), "there is no shard {to}");
        let begun = Instant::now();
        let (done, moved) = oneshot::channel();
        let owner = self.owner(partition);
        self.0.lanes[owner].tell(PeerMessage::Release { partition, to, done });
        match tokio::time::timeout(self.0.call_timeout, moved).await {
            Ok(Ok(())) => Ok(begun.elapsed()),
            Ok(Err(_)) | Err(_) => Err(CallError::OutcomeUnknown),
        }
    }

    /// Published views.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// The replica, for lists, reports, history and audit.
    #[must_use]
    pub fn replica(&self) -> &ReplicaHandle {
        &self.0.replica
    }

    /// The shard that owns a partition now.
    #[must_use]
    pub fn owner(&self, partition: PartitionId) -> usize {
        self.0.routes.owner(partition)
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.0.lanes.len()
    }

    /// Figures of all shards.
    #[must_use]
    pub fn shards(&self) -> Vec<ShardFigures> {
        let stats = self.0.shard_stats.iter().zip(self.0.lanes.iter()).enumerate();
        let figures = stats.map(|(shard, (stats, lanes))| ShardFigures {
            shard,
            partitions: stats.partitions.load(Ordering::Relaxed),
            machines: stats.machines.load(Ordering::Relaxed),
            depth: lanes.depth(),
            requests: stats.requests.load(Ordering::Relaxed),
            records: stats.records.load(Ordering::Relaxed),
            turns: stats.turns.load(Ordering::Relaxed),
            panics: stats.panics.load(Ordering::Relaxed),
            last_rebuild: Duration::from_micros(stats.rebuild_us.load(Ordering::Relaxed)),
            quarantined: stats.quarantined.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        });
        figures.collect()
    }

    /// Figures of the journal.
    #[must_use]
    pub fn journal(&self) -> JournalFigures {
        self.0.writer.stats.figures()
    }

    /// What recovery did at start.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryFigures {
        &self.0.recovery
    }

    /// Whether writes are refused since the disk is nearly full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.0.disk_full.load(Ordering::Relaxed)
    }

    /// Refuses everything new from now on; what is under way goes on.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`Router::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Hands a request in, and says where its reply will come.
    fn hand_in(&self, id: MachineId, request: Request) -> Asked {
        let (reply, receiver) = oneshot::channel();
        let envelope = Envelope { machine: id, request, reply: Some(reply) };
        let owner = self.owner(id.partition());
        self.0.lanes[owner].offer(envelope)?;
        Ok(receiver)
    }
}

/// A request that was handed in, or why it was not.
type Asked = Result<oneshot::Receiver<Reply>, Unavailable>;

/// Waits for the answer to a request. Combined and not awaited, since what is awaited has its room
/// twice, and thousands wait.
fn answer(
    asked: Asked,
    patience: Duration,
) -> impl Future<Output = Result<Box<Answer>, CallError>> + use<> {
    reply(asked, patience).map(|reply| match reply? {
        Reply::Done(answer) => Ok(answer),
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Unavailable(why) => Err(CallError::Unavailable(why)),
        Reply::Counted(_) => unreachable!("only a count is answered with a count"),
    })
}

async fn reply(asked: Asked, patience: Duration) -> Result<Reply, CallError> {
    let receiver = asked.map_err(CallError::Unavailable)?;
    match tokio::time::timeout(patience, receiver).await {
        Ok(Ok(reply)) => Ok(reply),
        // Dropped unanswered, or late: it may have happened or not.
        Ok(Err(_)) | Err(_) => Err(CallError::OutcomeUnknown),
    }
}
