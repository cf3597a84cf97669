//! Records what concurrent clients are told by a real server, while it is killed and comes back,
//! and checks that every answer is true at some instant of its request.
//!
//! ```text
//!   clients ──► caller (each request sent once) ──► server
//!      │ letters, sight (what a reply says)
//!      ▼
//!   notebook ── a history for each seat and pool ──► usher_linear::search  ─┐
//!            └─ versions of maps and answers ──────► usher_linear::versions ┴─► finding
//! ```
//!
//! The seat map and the owner's answers (holds, orders, refusals, repeats) promise the same: what
//! they say is durable, and an answer leaves only after the map shows what it says. So maps enter
//! the search like every other answer. See `scripts/linear`, which kills the server.

mod caller;
mod client;
mod finding;
mod letters;
mod notebook;
mod sight;
mod stage;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::http::{Address, Client as HttpClient, Manners};
use crate::meter::Meter;
use caller::{Caller, Heard, Presence};
use client::{Client, Table};
pub use finding::Finding;
use notebook::Notebook;
use sight::{Eyes, Form};
use stage::Stage;

/// How long nothing is asked before the last look. Stock on its way arrives within a fraction.
const QUIET: Duration = Duration::from_secs(1);
/// The last look is tried so often.
const LAST_LOOKS_MAX: u32 = 300;

/// A run as it was asked for.
#[derive(Debug, Clone)]
pub struct LinearPlan {
    /// The buyers' port.
    pub url: Address,
    /// Makes the show.
    pub organiser_key: String,
    /// Signs what the payment provider says.
    pub callback_secret: String,
    /// How many clients ask at once.
    pub clients: u32,
    /// The run ends after so many operations,
    pub operations: u64,
    /// and not before the server was gone and came back so often.
    pub restarts: u32,
    /// The run fails when it has not ended by then.
    pub patience: Duration,
    /// Seed of what clients do.
    pub seed: u64,
}

/// When a run is over.
struct Goal {
    notes: Rc<RefCell<Notebook>>,
    presence: Rc<Presence>,
    start: Instant,
    plan: LinearPlan,
}

impl Goal {
    fn is_reached(&self) -> bool {
        self.notes.borrow().operations >= self.plan.operations
            && self.presence.restarts() >= self.plan.restarts
    }

    fn is_over(&self) -> bool {
        self.is_reached() || self.start.elapsed() > self.plan.patience
    }
}

/// Makes a show, records what clients are told about it, and checks it.
///
/// # Errors
///
/// When the show cannot be made, or the run did not end in time. What is wrong with the history is
/// a finding, not an error.
pub async fn run(plan: LinearPlan) -> anyhow::Result<Finding> {
    let show = Rc::new(Stage::set(&organiser(&plan.url), &plan.organiser_key).await?);
    let notes = Rc::new(RefCell::new(Notebook::new(&show)));
    let presence = Rc::new(Presence::default());
    let start = Instant::now();
    let goal = Goal { notes: notes.clone(), presence: presence.clone(), start, plan: plan.clone() };
    let secret = plan.callback_secret.as_bytes().into();
    let table = Table { notes: notes.clone(), show: show.clone(), secret, goal: Rc::new(goal) };
    let caller = || Caller::new(plan.url.clone(), presence.clone(), start);

    let mut clients = JoinSet::new();
    for number in 1..=plan.clients {
        let client = Client::new(number, plan.seed, table.clone(), caller());
        clients.spawn_local(client.live());
    }
    while let Some(ended) = clients.join_next().await {
        ended?;
    }
    ensure!(
        table.goal.is_reached(),
        "after {:.0?} there were {} operations and {} restarts, not {} and {}",
        start.elapsed(),
        notes.borrow().operations,
        presence.restarts(),
        plan.operations,
        plan.restarts,
    );
    tokio::time::sleep(QUIET).await;
    for form in [Form::QuietMap, Form::QuietPage] {
        last_look(&notes, &show, caller(), form).await?;
    }
    Ok(finding::check(&notes.borrow(), plan.clients, presence.restarts(), start.elapsed()))
}

/// Looks at all that was ever open, when nobody asks for anything any more.
async fn last_look(
    notes: &RefCell<Notebook>,
    show: &Stage,
    mut caller: Caller,
    form: Form,
) -> anyhow::Result<()> {
    let mut eyes = Eyes::new(0);
    let request = match form {
        Form::QuietPage => eyes.page_request(show).0,
        _ => eyes.map_in(show, form),
    };
    for _ in 0..LAST_LOOKS_MAX {
        let invoked_ns = caller.now_ns();
        if let Heard::Reply(reply) = caller.send(&request, None).await {
            let at = (invoked_ns, caller.now_ns());
            eyes.see(&mut notes.borrow_mut(), show, &reply, form, at);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the server cannot be looked at when all is over")
}

/// A client for what comes before the history.
fn organiser(url: &Address) -> HttpClient {
    let manners = Manners {
        connections_max: 1,
        timeout: Duration::from_secs(10),
        patience: Duration::from_secs(30),
        tries_max: 100,
        drop_share: 0.0,
        seed: 0,
    };
    HttpClient::new(url.clone(), manners, Rc::new(Meter::new(Instant::now())))
}

#[cfg(test)]
mod tests;
