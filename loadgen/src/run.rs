//! A run from beginning to end: the show, the world, the crowd, the result, the audit.

mod background;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context as _, anyhow};
use hyper::header::HeaderValue;
use usher_audit::{Entry, Record, Rules, Verdict, check};
use usher_wire::{Show, ShowStatus};

use crate::api::{Api, etag, get};
use crate::choices::Crowd;
use crate::clock::Clock;
use crate::drive::{Load, Until, drive};
use crate::http::{Address, Client, Manners, Outcome, Reply};
use crate::meter::{Meter, Step};
use crate::progress::{self, Goal};
use crate::recorder::{self, Recorder};
use crate::report;
use crate::reread::{Ops, authorized, must, server_side};
use crate::result::{About, RunResult};
use crate::seats::Board;
use crate::setup::{self, NewShow};
use crate::slo::Rule;
use crate::workload::{Workload, read_seat_stream};
use crate::world::{Choose, Habits, World};

/// Connections for what is not measured: making the show, refreshing the map, watching.
const HELPER_CONNECTIONS: usize = 4;
/// Connections, and requests at once, when everything is read back.
const REREAD_CONNECTIONS: usize = 32;

/// A run as it was asked for, checked.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The buyers' port.
    pub url: Address,
    /// The operators' port and key.
    pub ops: Option<(Address, String)>,
    /// The show.
    pub show: ShowSource,
    /// Which journeys are made.
    pub workload: Workload,
    /// How buyers arrive.
    pub load: Load,
    /// When no more are sent.
    pub until: Until,
    /// Whether the run ends when everything is sold, and not before.
    pub until_sold_out: bool,
    /// Who comes.
    pub crowd: Crowd,
    /// How they behave.
    pub habits: Habits,
    /// How the driver treats the server.
    pub manners: Manners,
    /// Where record, result and report go.
    pub out_dir: PathBuf,
    /// Objectives.
    pub slo: Vec<Rule>,
    /// The audit's tolerance, where the run is audited at its end.
    pub audit: Option<Rules>,
    /// Whether nothing is shown while it runs.
    pub quiet: bool,
    /// In front of every user id and key.
    pub run_id: String,
    /// The above in words, for the report.
    pub settings: Vec<String>,
}

/// Where the show comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ShowSource {
    /// It is there.
    Existing(String),
    /// It is made first, with this organiser key.
    New(NewShow, String),
}

/// What is there before the first buyer comes.
#[derive(Default)]
struct Found {
    /// The house, where buyers choose their seats.
    board: Option<Board>,
    /// The ETag of its plan.
    plan_tag: Option<HeaderValue>,
    before: SoldBefore,
}

/// What is sold already, by kind; none where it cannot be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct SoldBefore {
    seats: Option<u64>,
    stock: Option<u64>,
}

/// Makes the run, writes `record.jsonl`, `result.json` and `report.html`, and gives the result.
///
/// # Errors
///
/// When the show cannot be made or read, a file cannot be written, or the audit cannot read the
/// server's side. Refusals and lost requests of the run are results, not errors.
pub async fn run(plan: RunPlan) -> anyhow::Result<RunResult> {
    std::fs::create_dir_all(&plan.out_dir)
        .with_context(|| format!("create {}", plan.out_dir.display()))?;
    let helper = unmeasured(&plan.url, &plan.manners, HELPER_CONNECTIONS);
    let ops = plan.ops.as_ref().map(|(address, key)| Ops {
        client: unmeasured(address, &plan.manners, 1),
        key: key.clone(),
    });
    let show = find_show(&helper, &plan.show).await?;
    let found = look_around(&plan, &helper, ops.as_ref(), &show).await?;
    let (capacity, before) = (capacity(plan.workload, &show), found.before);
    let world = world(&plan, show, found)?;

    let mut notes = drive_all(&plan, &world, &helper, ops.as_ref(), capacity, before).await;
    let seconds = world.meter.elapsed().as_secs_f64();
    let settings = plan.settings.clone();
    record_refusals(&world);
    world.recorder.finish().context("write the record")?;
    let record_path = world.recorder.path().to_owned();
    let about = About {
        workload: plan.workload.name().into(),
        settings,
        show_id: world.show_id().into(),
        run_id: plan.run_id.clone(),
        seed: plan.crowd.seed,
        started_us: world.clock.start_us(),
        seconds,
        capacity,
        connections: world.api.client().connected(),
        open_loop: matches!(plan.load, Load::Open(_)),
        notes: std::mem::take(&mut notes),
    };
    let meter = Rc::clone(&world.meter);
    drop(world);
    let meter = Rc::try_unwrap(meter).map_err(|_| anyhow!("the meter is still in use"))?;
    let mut result = RunResult::new(about, meter.finish());
    result.slo = plan.slo.iter().map(|rule| rule.outcome(result.measure(rule))).collect();

    let audited = match &plan.audit {
        Some(rules) => {
            let record = recorder::read(&[record_path]).context("read the record back")?;
            audit(&plan.url, &plan.manners, ops.as_ref(), &record, rules).await
        }
        None => Ok(Vec::new()),
    };
    if let Ok(verdicts) = &audited {
        result.audits.clone_from(verdicts);
    }
    write(&plan.out_dir, &result)?;
    audited?;
    Ok(result)
}

/// Reads the server's side of every show of the record, and compares.
///
/// # Errors
///
/// When the server's side cannot be read.
pub async fn audit(
    url: &Address,
    manners: &Manners,
    ops: Option<&Ops>,
    record: &Record,
    rules: &Rules,
) -> anyhow::Result<Vec<Verdict>> {
    let client = unmeasured(url, manners, REREAD_CONNECTIONS);
    let mut verdicts = Vec::new();
    for show_id in record.shows() {
        let server = server_side(&client, ops, record, show_id, REREAD_CONNECTIONS)
            .await
            .map_err(|reason| anyhow!("audit of show {show_id}: {reason}"))?;
        verdicts.push(check(record, &server, rules));
    }
    Ok(verdicts)
}

/// Writes a result and its report into a directory.
///
/// # Errors
///
/// When a file cannot be written.
pub fn write(out_dir: &std::path::Path, result: &RunResult) -> anyhow::Result<()> {
    std::fs::create_dir_all(out_dir).with_context(|| format!("create {}", out_dir.display()))?;
    let json = serde_json::to_string(result).context("write the result")?;
    for (name, text) in [("result.json", json), ("report.html", report::page(result))] {
        let path = out_dir.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// A client whose requests are nobody's measurement, and which never drops connections.
#[must_use]
pub fn unmeasured(address: &Address, manners: &Manners, connections_max: usize) -> Client {
    let manners = Manners { connections_max, drop_share: 0.0, ..manners.clone() };
    Client::new(address.clone(), manners, Rc::new(Meter::new(std::time::Instant::now())))
}

async fn find_show(helper: &Client, source: &ShowSource) -> anyhow::Result<Show> {
    match source {
        ShowSource::Existing(id) => must(helper, get(format!("/api/v1/shows/{id}"))).await,
        ShowSource::New(new, key) => setup::make(helper, key, new).await,
    }
    .map_err(|reason| anyhow!("{reason}"))
}

/// Reads the plan where buyers choose their seats, and counts what is sold already.
async fn look_around(
    plan: &RunPlan,
    helper: &Client,
    ops: Option<&Ops>,
    show: &Show,
) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let before = &mut found.before;
    if let Some(plan_id) = &show.plan_id {
        let reply = reply(helper, &format!("/api/v1/plans/{plan_id}")).await?;
        found.plan_tag = etag(&reply.headers);
        let mut house = Board::new(&reply.body).context("read the plan")?;
        background::refresh(helper, &show.show_id, &mut house)
            .await
            .map_err(|reason| anyhow!("read the seat map: {reason}"))?;
        before.seats = Some(house.sold().into());
        let chooses = plan.habits.choose == Choose::Exact;
        found.board = (chooses && buys_seats(plan.workload)).then_some(house);
    } else {
        before.seats = Some(0);
        let needs_seats = plan.workload == Workload::Rush;
        anyhow::ensure!(!needs_seats, "show {} has no seats to rush for", show.show_id);
    }
    let untouched = show.stock.iter().all(|pool| pool.available == pool.quantity);
    before.stock = untouched.then_some(0);
    let needs_stock = plan.workload == Workload::Stock;
    anyhow::ensure!(!(needs_stock && show.stock.is_empty()), "show {} has no stock", show.show_id);
    if let Some(ops) = ops {
        let status = live_counts(ops, &show.show_id).await.map_err(|reason| anyhow!(reason))?;
        let sold = |seats: bool| {
            let of_kind = status.inventories.iter().filter(|one| (one.name == "seats") == seats);
            of_kind.map(|one| one.counts.sold).sum()
        };
        *before = SoldBefore { seats: Some(sold(true)), stock: Some(sold(false)) };
    }
    Ok(found)
}

async fn reply(client: &Client, path: &str) -> anyhow::Result<Reply> {
    match client.send(Step::Plan, &get(path.into())).await {
        Outcome::Answered(reply) if reply.status == 200 => Ok(reply),
        Outcome::Answered(reply) => Err(anyhow!("GET {path}: {}", reply.status)),
        Outcome::Lost(reason) => Err(anyhow!("GET {path}: {reason}")),
    }
}

/// Where the show lives and what its owners count.
async fn live_counts(ops: &Ops, show_id: &str) -> Result<ShowStatus, String> {
    let request = authorized(get(format!("/ops/v1/shows/{show_id}")), &ops.key)?;
    must(&ops.client, request).await
}

fn buys_seats(workload: Workload) -> bool {
    matches!(workload, Workload::Rush | Workload::Mixed)
}

fn buys_stock(workload: Workload) -> bool {
    matches!(workload, Workload::Stock | Workload::Mixed)
}

/// Everything that the workload can buy; everything at all where it buys nothing.
fn capacity(workload: Workload, show: &Show) -> u64 {
    let seats: u64 = show.categories.iter().map(|category| u64::from(category.seats)).sum();
    let stock: u64 = show.stock.iter().map(|pool| u64::from(pool.quantity)).sum();
    match workload {
        Workload::Rush => seats,
        Workload::Stock => stock,
        Workload::Browse | Workload::Mixed => seats + stock,
    }
}

fn world(plan: &RunPlan, show: Show, found: Found) -> anyhow::Result<Rc<World>> {
    let before = found.before;
    let record_path = plan.out_dir.join("record.jsonl");
    let recorder = Recorder::create(&record_path)
        .with_context(|| format!("create {}", record_path.display()))?;
    let clock = Clock::start();
    let meter = Rc::new(Meter::new(clock.start_instant()));
    recorder.push(&Entry::Show {
        at_us: clock.now_us(),
        show_id: show.show_id.clone(),
        sold_before: before.seats.zip(before.stock).map(|(seats, stock)| seats + stock),
        limit_per_user: Some(show.max_per_user),
    });
    let client = Client::new(plan.url.clone(), plan.manners.clone(), Rc::clone(&meter));
    Ok(Rc::new(World {
        api: Api::new(client, Rc::clone(&meter)),
        clock,
        meter,
        recorder,
        crowd: plan.crowd.clone(),
        habits: plan.habits.clone(),
        show,
        plan_tag: found.plan_tag,
        board: found.board.map(RefCell::new),
        run_id: plan.run_id.clone(),
        stopping: Cell::new(false),
        live_until_us: Cell::new(0),
    }))
}

/// Sends the crowd, with everything that goes on beside it. Gives notes for the result.
async fn drive_all(
    plan: &RunPlan,
    world: &Rc<World>,
    helper: &Client,
    ops: Option<&Ops>,
    capacity: u64,
    before: SoldBefore,
) -> Vec<String> {
    let notes = Rc::new(RefCell::new(Vec::new()));
    let goal = match plan.until {
        _ if plan.until_sold_out => Goal::Sold(capacity),
        Until { buyers: Some(buyers), .. } => Goal::Buyers(buyers),
        Until { elapsed: Some(elapsed), .. } => Goal::Elapsed(elapsed),
        Until { .. } => Goal::None,
    };
    let mut beside = tokio::task::JoinSet::new();
    beside.spawn_local(progress::show(Rc::clone(world), goal, plan.quiet));
    beside.spawn_local(background::stop_on_ctrl_c(Rc::clone(world)));
    if world.board.is_some() {
        beside.spawn_local(background::refresh_map(Rc::clone(world), helper.clone()));
    }
    if plan.until_sold_out {
        let watch = background::SoldOut {
            world: Rc::clone(world),
            workload: plan.workload,
            ops: ops.cloned(),
            capacity,
            before,
            notes: Rc::clone(&notes),
        };
        beside.spawn_local(watch.watch());
    }
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..plan.habits.streams {
        let world = Rc::clone(world);
        readers.spawn_local(async move { read_seat_stream(&world).await });
    }
    drive(world, plan.workload, &plan.load, plan.until).await;
    world.stop();
    while readers.join_next().await.is_some() {}
    beside.shutdown().await;
    notes.take()
}

/// Refusals go into the record as counts, one line for each kind.
fn record_refusals(world: &World) {
    world.meter.with(|measured| {
        for (step, meter) in &measured.steps {
            for ((status, code), count) in &meter.refusals {
                world.record(&Entry::Refusals {
                    step: step.name().into(),
                    status: *status,
                    code: code.clone(),
                    count: *count,
                });
            }
        }
    });
}
