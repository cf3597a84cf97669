//! The command line as clap reads it. `check` turns it into what the program works with, once;
//! nothing behind it looks at flags.

mod check;
mod onsale;

pub use onsale::OnsaleArgs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::choices::Mix;
use crate::units::{parse_duration, parse_range, parse_share};
use crate::world::{Choose, Fetch, Follow, View};

/// Sends crowds of buyers at an Usher server, measures how it does, and audits that nothing was
/// sold twice and nothing that was acknowledged is lost.
#[derive(Debug, Parser)]
#[command(
    name = "usher-loadgen",
    version,
    after_help = "Exit codes: 0 fine, 1 wrong usage or the server could not be reached, \
                  2 an objective (--slo) was missed, 3 the audit found a violation.\n\n\
                  A run writes record.jsonl (everything that was acknowledged), result.json (all \
                  figures, with HDR histograms) and report.html (plots) into --out.",
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Buys seats: view, hold, order, pay, ticket.
    Rush(Box<RushArgs>),
    /// Looks at the show: seat maps with ETags, what changed since, streams.
    Browse(Box<BrowseArgs>),
    /// Buys tickets without seats, and probes the limit per buyer.
    Stock(Box<StockArgs>),
    /// All three kinds of journeys, on a show with seats, stock or both.
    Mixed(Box<MixedArgs>),
    /// Audits records of earlier runs against the server as it is now.
    Audit(AuditArgs),
    /// Merges the results of generators that ran at the same time.
    Merge(MergeArgs),
    /// Compares two results.
    Diff(DiffArgs),
    /// Writes a seating plan of any size in pretix's format.
    Plan(PlanArgs),
    /// Simulates whole sales without a server, with every crash, each from one seed.
    Simulate(SimulateArgs),
    /// A whole sale with people and bots, through the waiting room to tickets: who got what.
    Onsale(OnsaleArgs),
    /// Checks that what concurrent clients are told is linearizable, also while the server is
    /// killed and started again by somebody else.
    Linear(LinearArgs),
    /// Recomputes the draw of a show's waiting room from what anybody can read.
    VerifyDraw(VerifyDrawArgs),
}

/// `verify-draw`.
#[derive(Debug, Args)]
pub struct VerifyDrawArgs {
    /// The buyers' port.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// The show.
    #[arg(long, value_name = "ID")]
    pub(crate) show: String,
    /// A user whose turn is wanted; may be given several times.
    #[arg(long, value_name = "ID")]
    pub(crate) user: Vec<String>,
}

/// `rush`.
#[derive(Debug, Args)]
pub struct RushArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) buy: BuyArgs,
    #[command(flatten)]
    pub(crate) seats: SeatArgs,
}

/// `browse`.
#[derive(Debug, Args)]
pub struct BrowseArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `stock`.
#[derive(Debug, Args)]
pub struct StockArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) buy: BuyArgs,
    #[command(flatten)]
    pub(crate) probe: ProbeArgs,
}

/// `mixed`.
#[derive(Debug, Args)]
pub struct MixedArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) buy: BuyArgs,
    #[command(flatten)]
    pub(crate) seats: SeatArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    #[command(flatten)]
    pub(crate) probe: ProbeArgs,
    /// How often each kind of journey is made; what is not named is not made.
    #[arg(long, value_name = "WEIGHTS", default_value = "browse=7,rush=2,stock=1",
          value_parser = Mix::parse)]
    pub(crate) mix: Mix,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// The show to run against; without it one is made, which needs the organiser key.
    #[arg(long, value_name = "ID", help_heading = "Show")]
    pub(crate) show: Option<String>,
    /// Organiser key, to make a show.
    #[arg(
        long,
        value_name = "KEY",
        env = "USHER_ORGANISER_KEY",
        hide_env_values = true,
        help_heading = "Show"
    )]
    pub(crate) organiser_key: Option<String>,
    /// Seating plan of the show that is made, in pretix's format.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["show", "seats"],
          help_heading = "Show")]
    pub(crate) plan: Option<PathBuf>,
    /// Number of seats of the show that is made, on a generated plan.
    #[arg(long, value_name = "N", conflicts_with = "show", help_heading = "Show")]
    pub(crate) seats: Option<u32>,
    /// Number of tickets without seats of the show that is made.
    #[arg(long, value_name = "N", conflicts_with = "show", help_heading = "Show")]
    pub(crate) stock: Option<u32>,
    /// Stock segments of the show that is made [default: the server's choice].
    #[arg(long, value_name = "N", requires = "stock", help_heading = "Show")]
    pub(crate) segments: Option<u16>,
    /// Most seats, or tickets of a pool, for one buyer of the show that is made.
    #[arg(long, value_name = "N", default_value_t = 6, help_heading = "Show")]
    pub(crate) limit: u32,
    /// How long holds live in the show that is made, in seconds.
    #[arg(long, value_name = "S", default_value_t = 120, help_heading = "Show")]
    pub(crate) show_hold_seconds: u32,

    /// Open loop: so many buyers a second.
    #[arg(long, value_name = "PER_S", group = "arrive", help_heading = "Load")]
    pub(crate) rate: Option<f64>,
    /// Open loop: a rate that goes in a straight line over the duration, FROM..TO.
    #[arg(long, value_name = "FROM..TO", group = "arrive", help_heading = "Load")]
    pub(crate) ramp: Option<String>,
    /// Open loop: a rate with a spike, BASE..PEAK@AT+FOR, such as 100..5000@10s+5s.
    #[arg(long, value_name = "SPIKE", group = "arrive", help_heading = "Load")]
    pub(crate) spike: Option<String>,
    /// Open loop: arrival times in seconds, the first column of a CSV file.
    #[arg(long, value_name = "FILE", group = "arrive", help_heading = "Load")]
    pub(crate) arrivals: Option<PathBuf>,
    /// Open loop: random arrivals (exponential steps) instead of even ones.
    #[arg(long, requires = "arrive", conflicts_with = "arrivals", help_heading = "Load")]
    pub(crate) poisson: bool,
    /// Closed loop, where nothing else is asked for: so many buyers at once, each the next one's
    /// predecessor.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        conflicts_with = "arrive",
        help_heading = "Load"
    )]
    pub(crate) workers: u32,
    /// No more buyers after this time [default: 30s, where nothing else ends the run].
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Load")]
    pub(crate) duration: Option<Duration>,
    /// No more than this many buyers.
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub(crate) buyers: Option<u64>,
    /// Seed of all choices: the same seed is the same crowd.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(crate) seed: u64,
    /// In front of every user id and idempotency key; must differ between runs on one server
    /// [default: made from the time].
    #[arg(long, value_name = "WORD", help_heading = "Load")]
    pub(crate) run_id: Option<String>,

    /// Most connections at once; readers of streams have their own.
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Client")]
    pub(crate) connections: usize,
    /// How long one try of a request may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration,
          help_heading = "Client")]
    pub(crate) timeout: Duration,
    /// How long a request is tried again (lost, 429, 503, 504) with its idempotency key.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration,
          help_heading = "Client")]
    pub(crate) patience: Duration,
    /// How often a request is tried at most.
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Client")]
    pub(crate) tries: u32,
    /// Share of requests whose connection is dropped on purpose within 5 ms, before they are sent
    /// again with the same key.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = parse_share,
          help_heading = "Client")]
    pub(crate) drop: f64,

    /// Directory for record.jsonl, result.json and report.html; files of an earlier run in it are
    /// replaced.
    #[arg(long, value_name = "DIR", default_value = "usher-loadgen-out", help_heading = "Outcome")]
    pub(crate) out: PathBuf,
    /// Objectives, such as 'p99<50ms,hold.p99<5ms,errors<0.1%,rate>=2000,sold>=1000'. Metrics: pN,
    /// mean, max (times), errors, refused, retries (shares), rate, count, sold. Steps: view, plan,
    /// map, delta, stream, hold, order, pay, settle, poll, ticket, release, ticketed, journey.
    #[arg(long, value_name = "RULES", help_heading = "Outcome")]
    pub(crate) slo: Option<String>,
    /// No audit at the end; for one of several generators, whose records are audited together.
    #[arg(long, help_heading = "Outcome")]
    pub(crate) no_audit: bool,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArgs,
    /// No progress.
    #[arg(long, short, help_heading = "Outcome")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The buyers' port.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        help_heading = "Server"
    )]
    pub(crate) url: String,
    /// The operators' port; read where there is an operator key.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9090",
        help_heading = "Server"
    )]
    pub(crate) ops: String,
    /// Operator key, for the server's own audit and its live counts.
    #[arg(
        long,
        value_name = "KEY",
        env = "USHER_OPERATOR_KEY",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) operator_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ToleranceArgs {
    /// How far the server's clock may be from this machine's.
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = parse_duration,
          help_heading = "Outcome")]
    pub(crate) clock_tolerance: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct BuyArgs {
    /// Group sizes, each as likely as the other.
    #[arg(long, value_name = "MIN-MAX", default_value = "1-6", value_parser = parse_range,
          help_heading = "Buyers")]
    pub(crate) group: (u32, u32),
    /// Share of buyers who hold and do not buy: six in ten let the hold expire, the others leave an
    /// order unpaid (it comes back after the server's pay_seconds), release, or cancel.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = parse_share,
          help_heading = "Buyers")]
    pub(crate) abandon: f64,
    /// How long holds are asked for, in seconds [default: the show's].
    #[arg(long, value_name = "S", help_heading = "Buyers")]
    pub(crate) hold_seconds: Option<u32>,
    /// Goes on until the last seat or ticket is sold; waits for what abandoning buyers keep.
    #[arg(long, help_heading = "Load")]
    pub(crate) until_sold_out: bool,
    /// How orders are paid: through the sandbox, which calls the server back, or with the signed
    /// callback posted by the generator itself (needs the secret).
    #[arg(long, value_enum, default_value = "sandbox", help_heading = "Buyers")]
    pub(crate) pay: PayBy,
    /// The secret that signs callbacks.
    #[arg(
        long,
        value_name = "SECRET",
        env = "USHER_CALLBACK_SECRET",
        hide_env_values = true,
        help_heading = "Buyers"
    )]
    pub(crate) callback_secret: Option<String>,
    /// How buyers wait for their tickets.
    #[arg(long, value_enum, default_value = "poll", help_heading = "Buyers")]
    pub(crate) follow: Follow,
    /// How long they wait at most.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration,
          help_heading = "Buyers")]
    pub(crate) ticket_wait: Duration,
    /// Which tickets of an order are fetched by their code.
    #[arg(long, value_enum, default_value = "all", help_heading = "Buyers")]
    pub(crate) tickets: Fetch,
    /// What buyers look at before they hold.
    #[arg(long, value_enum, default_value = "show", help_heading = "Buyers")]
    pub(crate) view: View,
    /// How often a buyer tries other seats, or fewer, before giving up.
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Buyers")]
    pub(crate) hold_tries: u32,
}

/// How orders are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PayBy {
    /// Through the sandbox.
    Sandbox,
    /// By the signed callback.
    Direct,
}

#[derive(Debug, Args)]
pub(crate) struct SeatArgs {
    /// Who chooses the seats: buyers from the seat map (exact), or the server (best).
    #[arg(long, value_enum, default_value = "best", help_heading = "Seats")]
    pub(crate) choose: Choose,
    /// How strongly buyers who choose prefer the first seats of the plan; 1 is not at all.
    #[arg(long, value_name = "X", default_value_t = 2.0, help_heading = "Seats")]
    pub(crate) skew: f64,
    /// How old the seat map in front of the buyers may be; older is more collisions.
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = parse_duration,
          help_heading = "Seats")]
    pub(crate) map_every: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// How long a buyer looks at a map before asking again.
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = parse_duration,
          help_heading = "Browsing")]
    pub(crate) look: Duration,
    /// Share of browsing buyers who do not have the plan in their cache and get all of it; the
    /// others ask whether their copy is still good.
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = parse_share,
          help_heading = "Browsing")]
    pub(crate) cold: f64,
    /// Readers of the seat map's stream, who stay for the whole run.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Browsing")]
    pub(crate) streams: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Share of buyers of stock who ask twice at once for all that one buyer may have, and then
    /// for one more.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = parse_share,
          help_heading = "Buyers")]
    pub(crate) probe: f64,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) tolerance: ToleranceArgs,
    /// File for the verdicts as JSON, with the evidence of every violation.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Records of one or several generators.
    #[arg(required = true, value_name = "RECORD")]
    pub(crate) records: Vec<PathBuf>,
}

/// `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Results of generators that ran at the same time.
    #[arg(required = true, value_name = "RESULT")]
    pub results: Vec<PathBuf>,
    /// Directory for the merged result.json and report.html.
    #[arg(long, value_name = "DIR", default_value = "usher-loadgen-merged")]
    pub out: PathBuf,
    /// Objectives that the whole must meet.
    #[arg(long, value_name = "RULES")]
    pub slo: Option<String>,
}

/// `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The result to compare with.
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// The result that is compared.
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
    /// Exit with 2 where a figure got worse by more than this.
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub fail_over: Option<f64>,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// How many seats.
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::plan::SEATS_MAX)))]
    pub seats: u32,
    /// Where to [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The first seed. The same seed of the same version is the same run to the byte.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many seeds, one after the other.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seeds: u64,
    /// Small things that happen in each run: a request, a turn, a flush, a crash. Many short runs
    /// show more than a few long ones, in which all is sold and most is refused.
    #[arg(long, value_name = "N", default_value_t = 6_000)]
    pub steps: u64,
    /// Say what each run was like, not only all together.
    #[arg(long)]
    pub each: bool,
}

/// `linear`.
#[derive(Debug, Args)]
pub struct LinearArgs {
    /// The buyers' port.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Organiser key, to make a show.
    #[arg(long, value_name = "KEY", env = "USHER_ORGANISER_KEY", hide_env_values = true)]
    pub(crate) organiser_key: String,
    /// The secret that signs callbacks.
    #[arg(long, value_name = "SECRET", env = "USHER_CALLBACK_SECRET", hide_env_values = true)]
    pub(crate) callback_secret: String,
    /// Clients that ask at once.
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) clients: u32,
    /// Ends after so many operations,
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) operations: u64,
    /// and not before the server was gone and came back so often.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) restarts: u32,
    /// How long that may take.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_duration)]
    pub(crate) patience: Duration,
    /// Seed of what clients do; what they are told depends on the server, too.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[cfg(test)]
mod tests;
