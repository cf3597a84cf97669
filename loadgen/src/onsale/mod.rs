//! A whole sale, from the first who waits to the last ticket, with people and bots in it.
//!
//! ```text
//!   crowd (one seed) ──► visitor ──► room: join, wait, claim ──► hold, order, tickets
//!                          │ browser: address, cookie, challenges (solve)
//!                          ├──► tally    who got what, and how long it took
//!                          └──► record ──► audit
//! ```
//!
//! Each visitor has an address of its own, which it sends as a proxy would: the server must be told
//! to believe this machine (`--trusted-proxies 127.0.0.1`) and not to exempt it
//! (`--rate-limit-exempt ''`), or nothing of what it does against bots is seen. `scripts/onsale`
//! starts one server for each defence and sends the same crowd to all of them.

mod browser;
mod crowd;
mod room;
mod solve;
mod tally;
mod visitor;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_audit::{Entry, Rules};
use usher_wire::{Show, StockRequest};

use crate::api::put;
use crate::clock::Clock;
use crate::draw;
use crate::http::{Address, Client, Manners};
use crate::meter::Meter;
use crate::recorder::{self, Recorder};
use crate::reread::{Ops, authorized, must};
use crate::run::{audit, unmeasured};
use crate::setup;
use browser::Browser;
pub use crowd::{CrowdPlan, Kind, Visitor};
pub use tally::{DrawCheck, SaleReport, Tally, Turn};
use visitor::Sale;

/// The one kind of tickets.
const STOCK: &str = "Standing";
/// What is left on the clock for making the show before the first visitor comes.
const HEAD_START: Duration = Duration::from_secs(1);

/// A sale as it was asked for, checked.
#[derive(Debug, Clone)]
pub struct OnsalePlan {
    /// The buyers' port.
    pub url: Address,
    /// The operators' port and key.
    pub ops: Option<(Address, String)>,
    /// Makes the show.
    pub organiser_key: String,
    /// Who comes.
    pub crowd: CrowdPlan,
    /// Tickets.
    pub stock: u32,
    /// The most that one user may have.
    pub limit_per_user: u32,
    /// The waiting room's outflow per second; `None` is no waiting room.
    pub room_per_second: Option<u32>,
    /// When whoever still waits goes home, after the opening.
    pub lasts: Duration,
    /// How the driver treats the server.
    pub manners: Manners,
    /// Where record and report go.
    pub out_dir: PathBuf,
    /// In front of user ids and keys.
    pub run_id: String,
    /// In front of the report.
    pub label: String,
    /// The audit's tolerance.
    pub rules: Rules,
}

/// Makes the show, sends the crowd, and says what became of it.
///
/// # Errors
///
/// Where the show cannot be made, a file cannot be written, or the audit cannot read the server.
pub async fn run(plan: OnsalePlan) -> anyhow::Result<SaleReport> {
    std::fs::create_dir_all(&plan.out_dir)
        .with_context(|| format!("create {}", plan.out_dir.display()))?;
    let helper = unmeasured(&plan.url, &plan.manners, 4);
    let begun = Instant::now() + HEAD_START;
    let opens = begun + plan.crowd.opens_after;
    let show = make_show(&plan, &helper, opens).await?;
    let sale = Rc::new(sale(&plan, &show, begun, opens)?);
    let client = client(&plan, &sale.clock);
    let cookies = Rc::new(RefCell::new(HashMap::new()));
    let mut visits = JoinSet::new();
    for visitor in plan.crowd.visitors() {
        let browser = Browser {
            client: client.clone(),
            kind: visitor.kind,
            address: visitor.address,
            number: visitor.browser,
            cookies: Rc::clone(&cookies),
            report: Rc::clone(&sale.report),
        };
        visits.spawn_local(visitor::visit(Rc::clone(&sale), visitor, browser));
    }
    while let Some(ended) = visits.join_next().await {
        ended.context("a visitor panicked")?;
    }
    sale.recorder.finish().context("write the record")?;
    let mut report = sale.report.borrow().clone();
    report.judge_turns(&sale.turns.borrow());
    if let Some((first, last)) = sale.selling.get() {
        report.selling_ms = u64::try_from((last - first).as_millis()).unwrap_or(u64::MAX);
    }
    let record = recorder::read(&[sale.recorder.path().to_owned()]).context("read the record")?;
    let ops = plan.ops.as_ref().map(|(address, key)| Ops {
        client: unmeasured(address, &plan.manners, 1),
        key: key.clone(),
    });
    let verdicts = audit(&plan.url, &plan.manners, ops.as_ref(), &record, &plan.rules).await?;
    if plan.room_per_second.is_some() {
        let turns = sale.turns.borrow().clone();
        report.draw = Some(check_draw(&helper, &show.show_id, &turns).await);
    }
    report.audit_is_clean = verdicts.iter().all(usher_audit::Verdict::is_clean);
    let path = plan.out_dir.join("onsale.json");
    let json = serde_json::to_vec_pretty(&report).context("write the report")?;
    std::fs::write(&path, json).with_context(|| format!("write {}", path.display()))?;
    Ok(report)
}

/// Recomputes the draw from what was published, and compares it with the turns that visitors were
/// told.
async fn check_draw(helper: &Client, show_id: &str, told: &[Turn]) -> DrawCheck {
    let users: Vec<String> = told.iter().map(|turn| turn.user_id.clone()).collect();
    let checked = match draw::verify(helper, show_id, &users).await {
        Ok(checked) => checked,
        Err(error) => return DrawCheck { is_right: false, words: format!("no draw: {error:#}") },
    };
    let mut drawn = 0;
    let mut wrong = 0;
    for (told, (_, turn)) in told.iter().zip(&checked.turns) {
        let Some((_, turn)) = turn else { continue };
        drawn += 1;
        wrong += u32::from(*turn != told.turn as usize);
    }
    let faults = checked.faults.len();
    DrawCheck {
        is_right: checked.is_clean() && wrong == 0,
        words: format!(
            "draw of {} recomputed, {faults} faults; {drawn} turns as told, but for {wrong}",
            checked.entries
        ),
    }
}

fn client(plan: &OnsalePlan, clock: &Clock) -> Client {
    let meter = Rc::new(Meter::new(clock.start_instant()));
    Client::new(plan.url.clone(), plan.manners.clone(), meter)
}

fn sale(plan: &OnsalePlan, show: &Show, begun: Instant, opens: Instant) -> anyhow::Result<Sale> {
    let clock = Clock::start();
    let recorder = Recorder::create(&plan.out_dir.join("record.jsonl"))?;
    recorder.push(&Entry::Show {
        at_us: clock.now_us(),
        show_id: show.show_id.clone(),
        sold_before: Some(0),
        limit_per_user: Some(show.max_per_user),
    });
    let report = SaleReport {
        label: plan.label.clone(),
        capacity: plan.stock.into(),
        ..SaleReport::default()
    };
    Ok(Sale {
        show_id: show.show_id.clone(),
        stock: STOCK.to_owned(),
        run_id: plan.run_id.clone(),
        has_room: plan.room_per_second.is_some(),
        clock,
        begun,
        opens,
        ends: opens + plan.lasts,
        recorder,
        report: Rc::new(RefCell::new(report)),
        turns: RefCell::default(),
        selling: Cell::default(),
        left: Cell::new(plan.stock.into()),
    })
}

/// A show whose sale opens at that moment, with a waiting room where one is wanted.
async fn make_show(plan: &OnsalePlan, helper: &Client, opens: Instant) -> anyhow::Result<Show> {
    let until = opens.saturating_duration_since(Instant::now());
    let opens_at = Timestamp::now() + SignedDuration::try_from(until)?;
    let mut request = setup::bare_show(&plan.label);
    request.max_per_user = plan.limit_per_user;
    request.sale_starts_at = opens_at;
    request.stock.push(StockRequest {
        name: STOCK.to_owned(),
        quantity: plan.stock,
        price_cents: 4_500,
        segments: None,
    });
    let key = &plan.organiser_key;
    let show = setup::announce(helper, key, &request).await.map_err(|reason| anyhow!(reason))?;
    if let Some(per_second) = plan.room_per_second {
        let settings = json!({
            "preQueueAt": Timestamp::now(), "opensAt": opens_at,
            "outflowPerSecond": per_second, "shoppingMax": plan.stock.max(100),
            "claimSeconds": 10,
        });
        let path = format!("/admin/v1/shows/{}/queue", show.show_id);
        let put = put(path).json(&settings);
        let put = authorized(put, key).map_err(|reason| anyhow!(reason))?;
        let _: Value = must(helper, put).await.map_err(|reason| anyhow!("queue: {reason}"))?;
    }
    Ok(show)
}
