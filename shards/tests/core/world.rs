//! Shards without threads: tests hand the cores their requests, their time and their durability, in
//! the order they choose.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use usher_engine::command::{HoldRequest, KeyUse, Wish};
use usher_engine::id::PARTITION_COUNT;
use usher_engine::inventory::Hold;
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::show::{NewPool, NewShow, SaleMove, ShowDetails, Stage, Terms};
use usher_engine::{BuyerId, Cents, Command, Currency, MachineId, PartitionId, ShowKey, Timestamp};
use usher_persistence::codec::PlanSource;
use usher_persistence::{FileSnapshots, Journal as _, MemoryDisk, MemoryJournal, Pending};
use usher_shards::core::{Core, Fall, Partition, RefundOrder, Surroundings};
use usher_shards::message::{Envelope, PeerMessage, Reply, Request};
use usher_shards::recovery::State;
use usher_shards::route::Routes;
use usher_shards::stats::RecoveryFigures;
use usher_shards::view::Directory;
use usher_shards::writer::Submission;

pub(crate) const SHOW: ShowKey = ShowKey(7);
pub(crate) const START: Timestamp = Timestamp(1_000_000);

/// Some shards, and a journal that flushes when told to.
pub(crate) struct World {
    pub(crate) cores: Vec<Core>,
    pub(crate) around: Surroundings,
    pub(crate) now: Timestamp,
    /// Held so that refunds have somewhere to go.
    _refunds: mpsc::UnboundedReceiver<RefundOrder>,
    /// Submitted and not yet durable, oldest first.
    pub(crate) in_flight: Vec<Submission>,
    /// Everything ever submitted, for replay.
    pub(crate) records: u64,
    /// Their payload.
    pub(crate) bytes: u64,
    /// Whether submissions become durable at once.
    pub(crate) flushes: bool,
    /// Whether shards may panic that nobody told to take a guarded step.
    pub(crate) falls_are_expected: bool,
    journal: MemoryJournal,
    snapshots_dir: TempDir,
    plans: Plans,
}

/// The plans of all shows that were opened.
#[derive(Default)]
struct Plans(RefCell<Vec<Arc<SeatPlan>>>);

impl PlanSource for Plans {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        self.0.borrow().iter().find(|plan| plan.id() == id).cloned()
    }
}

pub(crate) type Waiting = oneshot::Receiver<Reply>;

impl World {
    pub(crate) fn new(shards: usize) -> Self {
        let (sender, _refunds) = mpsc::unbounded_channel();
        let around = Surroundings {
            directory: Arc::new(Directory::default()),
            routes: Arc::new(Routes::spread(shards)),
            disk_full: Arc::default(),
            refunds: sender,
        };
        let mut cores: Vec<Core> = (0..shards)
            .map(|index| Core::new(index, around.clone(), START, [index as u8; 32]))
            .collect();
        for id in (0..PARTITION_COUNT).map(PartitionId) {
            cores[around.routes.owner(id)].own(Partition::new(id));
        }
        Self {
            cores,
            around,
            now: START,
            _refunds,
            in_flight: Vec::new(),
            records: 0,
            bytes: 0,
            flushes: true,
            falls_are_expected: false,
            journal: MemoryDisk::new().open().expect("an empty disk").0,
            snapshots_dir: tempfile::tempdir().expect("a directory"),
            plans: Plans::default(),
        }
    }

    /// Hands a request to the owner of an inventory; it is worked on with the next turn.
    pub(crate) fn ask(&mut self, inventory: MachineId, request: Request) -> Waiting {
        let (reply, waiting) = oneshot::channel();
        let owner = self.around.routes.owner(inventory.partition());
        self.ask_shard(owner, Envelope { machine: inventory, request, reply: Some(reply) });
        waiting
    }

    /// Hands a request to a shard, owner or not.
    pub(crate) fn ask_shard(&mut self, shard: usize, envelope: Envelope) {
        self.cores[shard].begin_turn(self.now);
        self.cores[shard].deliver(envelope);
        self.close(shard);
    }

    /// Tells a shard what another would.
    pub(crate) fn tell(&mut self, shard: usize, message: PeerMessage) {
        self.cores[shard].begin_turn(self.now);
        self.cores[shard].hear(message);
        self.close(shard);
    }

    /// Takes a whole turn of a shard, which may panic. After a panic the shard comes back from the
    /// journal when the test says so.
    pub(crate) fn attempt(
        &mut self,
        shard: usize,
        turn: impl FnOnce(&mut Core),
    ) -> Result<(), Fall> {
        self.cores[shard].begin_turn(self.now);
        let submission = self.cores[shard].attempt(|core| {
            turn(core);
            core.close_turn()
        })?;
        self.take_submission(submission);
        Ok(())
    }

    /// Makes everything durable, and brings a shard back that panicked.
    pub(crate) fn settle_down(&mut self, shard: usize) {
        self.flush();
        self.rebuild(shard);
        self.settle();
    }

    /// Brings a shard back that panicked, and says for how many milliseconds it was down.
    pub(crate) fn rebuild(&mut self, shard: usize) -> u64 {
        let (state, _) = self.recover_only(self.cores[shard].owned());
        self.cores[shard].begin_turn(self.now);
        let down_ms = self.cores[shard].rebuild(state.partitions);
        self.close(shard);
        down_ms
    }

    /// What is durable of these partitions, as a rebuild reads it.
    pub(crate) fn recover_only(&self, only: BTreeSet<PartitionId>) -> (State, RecoveryFigures) {
        let reader = self.journal.reader();
        let recovered = State::recover_only(only, &self.snapshots(), reader.as_ref(), &self.plans);
        recovered.expect("a journal that can be read")
    }

    /// All that is durable, as a start reads it.
    pub(crate) fn recover(&self) -> (State, RecoveryFigures) {
        let reader = self.journal.reader();
        let recovered = State::recover(&self.snapshots(), reader.as_ref(), &self.plans);
        recovered.expect("a journal that can be read")
    }

    fn snapshots(&self) -> FileSnapshots {
        FileSnapshots::open(self.snapshots_dir.path(), 2).expect("a directory")
    }

    fn take_submission(&mut self, submission: Option<Submission>) {
        if let Some(submission) = submission {
            self.records += submission.entries.len() as u64;
            self.bytes += submission.bytes.len() as u64;
            self.in_flight.push(submission);
        }
    }

    fn close(&mut self, shard: usize) {
        let submission = self.cores[shard].close_turn();
        self.take_submission(submission);
        if self.flushes {
            self.flush();
        }
        self.pass_messages();
    }

    /// Makes everything submitted so far durable.
    pub(crate) fn flush(&mut self) {
        for submission in std::mem::take(&mut self.in_flight) {
            let shard = submission.shard;
            let pending: Vec<Pending<'_>> = submission.pending().collect();
            self.journal.append(&pending).expect("no fault was injected");
            self.step(shard, |core| core.durable(submission.upto));
        }
        self.pass_messages();
    }

    fn pass_messages(&mut self) {
        for shard in 0..self.cores.len() {
            while let Some((to, message)) = self.cores[shard].take_outgoing() {
                assert_ne!(to, shard, "a shard has no need to write to itself");
                self.step(to, |core| core.hear(message));
            }
        }
    }

    fn step(&mut self, shard: usize, step: impl FnOnce(&mut Core)) {
        let fall = self.attempt(shard, step).err();
        assert!(fall.is_none() || self.falls_are_expected, "{fall:?}");
    }

    /// Lets time pass, tick by tick, with everything that follows.
    pub(crate) fn pass_ms(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(10) {
            self.now = self.now.plus_ms(10);
            for shard in 0..self.cores.len() {
                self.cores[shard].begin_turn(self.now);
                while self.cores[shard].tick() {}
                self.close(shard);
            }
            if self.flushes {
                self.settle();
            }
        }
    }

    /// Flushes and passes messages until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000 {
            self.flush();
            if self.in_flight.is_empty() && self.cores.iter().all(Core::is_settled) {
                return;
            }
        }
        panic!("the shards do not come to rest");
    }

    /// Has a command carried out to its end, and returns what was answered.
    pub(crate) fn run(&mut self, inventory: MachineId, command: Command) -> Reply {
        let mut waiting = self.ask(inventory, Request::Execute(command));
        self.settle();
        waiting.try_recv().expect("answered once everything is durable")
    }

    pub(crate) fn open_show(&mut self, show: NewShow) {
        self.make_show(show);
        let reply = self.run(MachineId::house(SHOW), Command::MoveSale(SaleMove::Open));
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }

    pub(crate) fn make_show(&mut self, show: NewShow) {
        self.plans.0.borrow_mut().extend(show.plan.clone());
        let reply = self.run(MachineId::house(SHOW), Command::CreateShow(Box::new(show)));
        assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    }
}

/// What an answer says of a hold.
pub(crate) fn held(reply: Reply) -> Hold {
    match reply {
        Reply::Done(answer) => answer.hold().expect("an answer about a hold").clone(),
        other => panic!("expected a hold, got {other:?}"),
    }
}

pub(crate) fn hold_seats(buyer: u128, seats: &[u32]) -> Command {
    hold(buyer, Wish::Seats(seats.iter().copied().map(SeatIx).collect()))
}

pub(crate) fn hold_stock(buyer: u128, quantity: u32) -> Command {
    hold(buyer, Wish::Stock { quantity })
}

pub(crate) fn hold_stock_with_key(buyer: u128, quantity: u32, key: u64) -> Command {
    let (buyer, wish) = (BuyerId(buyer), Wish::Stock { quantity });
    let key = Some(KeyUse { key, digest: key });
    Command::Hold(HoldRequest {
        buyer,
        wish,
        hold_ms: None,
        key,
        pass: None,
        account_made_at: None,
    })
}

fn hold(buyer: u128, wish: Wish) -> Command {
    Command::Hold(HoldRequest {
        buyer: BuyerId(buyer),
        wish,
        hold_ms: None,
        key: None,
        pass: None,
        account_made_at: None,
    })
}

/// A show with one row of `seats` seats, and one pool where `stock` is given.
pub(crate) fn show(seats: u32, stock: Option<(u32, u16)>) -> NewShow {
    let plan = (seats > 0).then(|| Arc::new(one_row(seats)));
    let pool = |(quantity, segments)| NewPool {
        name: "standing".into(),
        quantity,
        price: Cents(2_500),
        segments,
    };
    NewShow {
        details: ShowDetails {
            public_id: "show-7".into(),
            title: "A show".into(),
            description: String::new(),
            venue: "A hall".into(),
            city: "Taipei".into(),
            category: String::new(),
            performers: Vec::new(),
            starts_at: Timestamp(u64::MAX),
            document_verifier: String::new(),
        },
        terms: Terms {
            stage: Stage::Draft,
            paused_by_organiser: false,
            paused_by_operator: false,
            pass_required: false,
            hoarding: None,
            sale_starts_at: Timestamp(0),
            sale_ends_at: Timestamp(u64::MAX),
            currency: Currency::new("TWD").expect("a code"),
            units_per_buyer_max: 6,
            units_per_document_max: 0,
            hold_ms: 60_000,
            prices: if seats > 0 { vec![Cents(1_000)] } else { Vec::new() },
        },
        plan,
        pools: stock.map(pool).into_iter().collect(),
    }
}

fn one_row(seats: u32) -> SeatPlan {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "one row");
    let category = builder.category("all").expect("a new category");
    builder.section("stalls", "stalls").expect("a new section");
    builder.row("A").expect("a new row");
    for n in 0..seats {
        let label = format!("A-{n}");
        let spec =
            SeatSpec { label: &label, number: &label, category, x: f64::from(n) * 25.0, y: 0.0 };
        builder.seat(spec).expect("a new seat");
    }
    builder.build().expect("a plan")
}
