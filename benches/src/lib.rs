//! What the benches share: a stadium, a show in it, and holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use usher_engine::command::{HoldRequest, KeyUse, Wish};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::seats::SeatMap;
use usher_engine::show::{NewPool, NewShow, SaleMove, ShowDetails, Stage, Terms};
use usher_engine::{BuyerId, Cents, Command, Currency, Inventory, MachineId, ShowKey, Timestamp};
use usher_persistence::codec::PlanSource;
use usher_persistence::{FileSnapshots, SledJournal, SledOptions};
use usher_shards::{KeeperConfig, LaneSizes, Runtime, RuntimeConfig, Storage};

/// The allocator of the server, so that all benches measure what it would do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The show of all benches.
pub const SHOW: ShowKey = ShowKey(0x5eed);

/// Its house.
pub const HOUSE: MachineId = MachineId::house(SHOW);

/// When all benches begin.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Rows of forty seats, twenty-five rows a section.
///
/// # Panics
/// Where `seats` is not a multiple of 40, or too many.
#[must_use]
pub fn stadium(seats: u32) -> Arc<SeatPlan> {
    assert_eq!(seats % 40, 0, "rows have forty seats");
    let mut builder = SeatPlanBuilder::new(PlanId([7; 16]), "stadium");
    let category = builder.category("all").expect("a new category");
    for n in 0..seats {
        if n % 1_000 == 0 {
            let name = format!("block {}", n / 1_000);
            builder.section(&name, &name).expect("a new section");
        }
        if n % 40 == 0 {
            builder.row(&format!("{}", n / 40)).expect("a new row");
        }
        let (label, x) = (format!("{}-{}", n / 40, n % 40), f64::from(n % 40) * 20.0);
        let spec = SeatSpec { label: &label, number: &label, category, x, y: 0.0 };
        builder.seat(spec).expect("a new seat");
    }
    Arc::new(builder.build().expect("a plan"))
}

/// A show in that stadium, with a standing pool where `stock` is not 0.
///
/// # Panics
/// Never, for the arguments that [`stadium`] takes.
#[must_use]
pub fn new_show(plan: Arc<SeatPlan>, stock: u32, segments: u16) -> NewShow {
    let details = ShowDetails {
        public_id: "bench".into(),
        title: "Bench".into(),
        description: String::new(),
        venue: "Stadium".into(),
        city: "Taipei".into(),
        category: String::new(),
        performers: Vec::new(),
        starts_at: Timestamp(u64::MAX),
        document_verifier: String::new(),
    };
    let terms = Terms {
        stage: Stage::Draft,
        paused_by_organiser: false,
        paused_by_operator: false,
        pass_required: false,
        hoarding: None,
        sale_starts_at: Timestamp(0),
        sale_ends_at: Timestamp(u64::MAX),
        currency: Currency::new("TWD").expect("a code"),
        units_per_buyer_max: 8,
        units_per_document_max: 0,
        hold_ms: 300_000,
        prices: vec![Cents(100_000)],
    };
    let pool = NewPool { name: "standing".into(), quantity: stock, price: Cents(9_000), segments };
    let pools = if stock > 0 { vec![pool] } else { Vec::new() };
    NewShow { details, terms, plan: Some(plan), pools }
}

/// The house of an open show.
#[must_use]
pub fn open_house(seats: u32) -> Inventory {
    let mut house = Inventory::vacant(HOUSE);
    let create = Command::CreateShow(Box::new(new_show(stadium(seats), 0, 1)));
    for command in [create, Command::MoveSale(SaleMove::Open)] {
        let decision = house.execute(&command, NOW);
        house.apply(&decision.events, NOW);
    }
    house.drain_changes(|_, _| {});
    house
}

/// A map of so many seats of which so many in a hundred, at random, are still free.
///
/// # Panics
/// As [`stadium`].
#[must_use]
pub fn partly_sold(seats: u32, free_percent: u32) -> SeatMap {
    let mut map = SeatMap::new(stadium(seats));
    let all: Vec<_> = (0..seats).map(SeatIx).collect();
    map.put_on_sale(&all);
    let is_taken = |seat: &SeatIx| scramble(seat.0) % 100 >= free_percent;
    let taken: Vec<_> = all.into_iter().filter(is_taken).collect();
    map.hold(&taken, 1);
    map
}

/// A fixed scramble of seat numbers, so that what is sold lies at random.
fn scramble(seat: u32) -> u32 {
    seat.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(0x9e37_79b1) >> 8
}

/// A hold on one seat by a buyer of its own, with a key.
#[must_use]
pub fn hold_one(seat: u32) -> Command {
    hold_by(seat, Wish::Seats([SeatIx(seat)].into()))
}

/// A hold by buyer number `n`, with a key.
#[must_use]
pub fn hold_by(n: u32, wish: Wish) -> Command {
    // Keys are hashes where they come from, so all their bytes count.
    let spread = |factor: u64| u64::from(n + 1).wrapping_mul(factor);
    let key = KeyUse { key: spread(0x9e37_79b9_7f4a_7c15), digest: spread(0xbf58_476d_1ce4_e5b9) };
    let (high, low) = (spread(0x94d0_49bb_1331_11eb), spread(0xe703_7ed1_a0b4_28db));
    let buyer = BuyerId(u128::from(high) << 64 | u128::from(low));
    Command::Hold(HoldRequest {
        buyer,
        wish,
        hold_ms: None,
        key: Some(key),
        pass: None,
        account_made_at: None,
    })
}

/// A source that knows one plan.
struct OnePlan(Arc<SeatPlan>);

impl PlanSource for OnePlan {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (id == self.0.id()).then(|| self.0.clone())
    }
}

/// Starts shards on a sled journal in `dir`, and recovers what is there. Never compacts.
///
/// # Panics
/// Where anything of that fails.
#[must_use]
pub fn start_runtime(dir: &Path, shards: usize, plan: Arc<SeatPlan>) -> Runtime {
    let (journal, _) = SledJournal::open(SledOptions::new(dir.join("journal"))).expect("a journal");
    let config = RuntimeConfig {
        shards,
        lanes: LaneSizes::default(),
        call_timeout: Duration::from_secs(60),
        given_back_ms_max: 0,
        keeper: KeeperConfig {
            data_dir: dir.to_path_buf(),
            reserve_bytes: 1,
            compact_after_bytes: u64::MAX,
            generations_kept: 0,
        },
    };
    let storage = Storage {
        journal: Box::new(journal),
        snapshots: Arc::new(FileSnapshots::open(dir.join("snapshots"), 2).expect("snapshots")),
        plans: Arc::new(OnePlan(plan)),
    };
    Runtime::start(config, storage, Arc::new(|why| panic!("{why}"))).expect("recovered")
}

/// Creates a show on this plan, and with standing tickets where `stock` is not 0, and opens its
/// sale.
///
/// # Panics
/// Where the show exists.
pub async fn open_show(
    runtime: &Runtime,
    show: ShowKey,
    plan: &Arc<SeatPlan>,
    stock: u32,
    segments: u16,
) {
    let router = runtime.router();
    let create = Command::CreateShow(Box::new(new_show(plan.clone(), stock, segments)));
    router.organise(show, create).await.expect("created");
    router.organise(show, Command::MoveSale(SaleMove::Open)).await.expect("opened");
}
