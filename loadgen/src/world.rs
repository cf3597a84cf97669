//! What all journeys of a run share: the server, the show, the crowd, the meter and the record.
//!
//! A run lives on one thread, so shared state is cells, and a journey is a task that borrows the
//! world through one `Rc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderValue;
use usher_audit::Entry;
use usher_wire::Show;

use crate::api::Api;
use crate::choices::Crowd;
use crate::clock::Clock;
use crate::meter::Meter;
use crate::recorder::Recorder;
use crate::seats::Board;

/// How seats are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Choose {
    /// By the buyer, from the seat map: collisions and 409s are part of it.
    Exact,
    /// By the server: the best that are free, in groups.
    Best,
}

/// How an order is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pay {
    /// The sandbox is told to succeed, and calls the server back.
    Sandbox,
    /// The generator posts the callback itself, signed with this secret.
    Direct(Vec<u8>),
}

/// How a buyer waits for the tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Follow {
    /// Asks for the order again and again.
    Poll,
    /// Reads the order's stream.
    Stream,
}

/// How many of an order's tickets are fetched by their code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fetch {
    /// Each of them.
    All,
    /// The first one.
    First,
    /// None; the audit at the end fetches them.
    None,
}

/// What a buyer looks at before the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum View {
    /// The show's page.
    Show,
    /// The show's page and the whole seat map.
    Map,
    /// Nothing.
    None,
}

/// How buyers behave, the same for all of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// What is looked at first.
    pub view: View,
    /// How seats are chosen.
    pub choose: Choose,
    /// How strongly buyers prefer the first seats of the plan.
    pub skew: f64,
    /// How often a buyer tries other seats before giving up.
    pub hold_tries_max: u32,
    /// How long holds are asked for; the show's default where none.
    pub hold_seconds: Option<u32>,
    /// How orders are paid.
    pub pay: Pay,
    /// How buyers wait for their tickets.
    pub follow: Follow,
    /// How many tickets are fetched.
    pub fetch: Fetch,
    /// The longest wait for tickets after paying.
    pub ticket_wait_max: Duration,
    /// How old the shared seat map may be.
    pub map_every: Duration,
    /// How long a browsing buyer looks at a map before the next.
    pub look: Duration,
    /// The share of browsing buyers who do not have the plan in their cache.
    pub cold_share: f64,
    /// How many readers of the seat map's stream there are beside the journeys.
    pub streams: u32,
}

/// The shared part of a run.
pub struct World {
    /// The server's calls, measured.
    pub api: Api,
    /// The clock of the record.
    pub clock: Clock,
    /// What is measured.
    pub meter: Rc<Meter>,
    /// What is acknowledged.
    pub recorder: Recorder,
    /// Who comes.
    pub crowd: Crowd,
    /// How they behave.
    pub habits: Habits,
    /// The show as it was at the beginning.
    pub show: Show,
    /// The ETag of the plan that most browsing buyers have in their cache.
    pub plan_tag: Option<HeaderValue>,
    /// The house, where buyers choose seats themselves.
    pub board: Option<RefCell<Board>>,
    /// In front of every user id and key, so that two runs never share one.
    pub run_id: String,
    /// Whether the run is to end: no new journeys, no new tries.
    pub stopping: Cell<bool>,
    /// When the last hold or unpaid order that is known ends, in microseconds since the Unix
    /// epoch: until then something may come back on sale.
    pub live_until_us: Cell<u64>,
}

impl World {
    /// The user id of a buyer.
    #[must_use]
    pub fn user_id(&self, number: u64) -> String {
        format!("{}-{number}", self.run_id)
    }

    /// A key that this run uses once, for one thing that a buyer wants.
    #[must_use]
    pub fn key(&self, number: u64, what: &str, turn: u32) -> String {
        format!("{}-{number}-{what}{turn}", self.run_id)
    }

    /// Writes down what was just acknowledged.
    pub fn record(&self, entry: &Entry) {
        self.recorder.push(entry);
    }

    /// The show's id.
    #[must_use]
    pub fn show_id(&self) -> &str {
        &self.show.show_id
    }

    /// Something is kept for a buyer until then.
    pub fn keeps_until(&self, end_us: u64) {
        self.live_until_us.set(self.live_until_us.get().max(end_us));
    }

    /// Asks all that goes on to come to an end.
    pub fn stop(&self) {
        self.stopping.set(true);
    }
}
