//! From flags to a plan of a run: what contradicts itself is refused here, with the flag's name.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail, ensure};
use usher_audit::{Rules, Verdict};

use super::{
    AuditArgs, BrowseArgs, BuyArgs, LinearArgs, LookArgs, MixedArgs, PayBy, ProbeArgs, RunArgs,
    RushArgs, SeatArgs, ServerArgs, StockArgs, ToleranceArgs, VerifyDrawArgs,
};
use crate::arrivals::Schedule;
use crate::choices::{Crowd, Mix};
use crate::draw::{self, Checked};
use crate::drive::{Load, Until};
use crate::http::{Address, Manners};
use crate::linear::LinearPlan;
use crate::recorder;
use crate::reread::Ops;
use crate::run::{RunPlan, ShowSource, audit, unmeasured};
use crate::setup::NewShow;
use crate::slo;
use crate::workload::Workload;
use crate::world::{Choose, Fetch, Follow, Habits, Pay, View};

/// How long a run lasts that nothing else ends.
const DURATION_DEFAULT: Duration = Duration::from_secs(30);

impl LinearArgs {
    /// The run that is asked for.
    ///
    /// # Errors
    ///
    /// Which flag is wrong, and why.
    pub fn check(self) -> anyhow::Result<LinearPlan> {
        // The server forgets ended holds after a quarter of an hour; the model does not.
        let patience_max = Duration::from_secs(600);
        ensure!(self.patience <= patience_max, "--patience: at most {patience_max:?}");
        let url = Address::parse(&self.url).map_err(|reason| anyhow!("--url: {reason}"))?;
        Ok(LinearPlan {
            url,
            organiser_key: self.organiser_key,
            callback_secret: self.callback_secret,
            clients: self.clients,
            operations: self.operations,
            restarts: self.restarts,
            patience: self.patience,
            seed: self.seed,
        })
    }
}

impl RushArgs {
    /// The run that is asked for.
    ///
    /// # Errors
    ///
    /// Which flag is wrong, and why.
    pub fn check(self) -> anyhow::Result<RunPlan> {
        let parts = Parts { buy: Some(self.buy), seats: Some(self.seats), ..Parts::default() };
        parts.check(Workload::Rush, self.run)
    }
}

impl BrowseArgs {
    /// The run that is asked for.
    ///
    /// # Errors
    ///
    /// Which flag is wrong, and why.
    pub fn check(self) -> anyhow::Result<RunPlan> {
        Parts { look: Some(self.look), ..Parts::default() }.check(Workload::Browse, self.run)
    }
}

impl StockArgs {
    /// The run that is asked for.
    ///
    /// # Errors
    ///
    /// Which flag is wrong, and why.
    pub fn check(self) -> anyhow::Result<RunPlan> {
        let parts = Parts { buy: Some(self.buy), probe: Some(self.probe), ..Parts::default() };
        parts.check(Workload::Stock, self.run)
    }
}

impl MixedArgs {
    /// The run that is asked for.
    ///
    /// # Errors
    ///
    /// Which flag is wrong, and why.
    pub fn check(self) -> anyhow::Result<RunPlan> {
        let parts = Parts {
            buy: Some(self.buy),
            seats: Some(self.seats),
            look: Some(self.look),
            probe: Some(self.probe),
            mix: Some(self.mix),
        };
        parts.check(Workload::Mixed, self.run)
    }
}

impl ServerArgs {
    /// The buyers' port, and the operators' with its key where there is one.
    ///
    /// # Errors
    ///
    /// Which URL is wrong.
    pub(crate) fn check(&self) -> anyhow::Result<(Address, Option<(Address, String)>)> {
        let url = Address::parse(&self.url).map_err(|reason| anyhow!("--url: {reason}"))?;
        let ops = match &self.operator_key {
            Some(key) => {
                let ops = Address::parse(&self.ops).map_err(|reason| anyhow!("--ops: {reason}"))?;
                Some((ops, key.clone()))
            }
            None => None,
        };
        Ok((url, ops))
    }
}

impl ToleranceArgs {
    /// The audit's rules.
    #[must_use]
    pub(crate) fn rules(&self) -> Rules {
        let clock_tolerance_us = self.clock_tolerance.as_micros().try_into().unwrap_or(u64::MAX);
        Rules { clock_tolerance_us, ..Rules::default() }
    }
}

impl AuditArgs {
    /// Reads the records, and audits them.
    ///
    /// # Errors
    ///
    /// When a record or the server's side cannot be read.
    pub async fn run(&self) -> anyhow::Result<Vec<Verdict>> {
        let (url, ops) = self.server.check()?;
        let manners = Manners {
            connections_max: 1,
            timeout: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            tries_max: 100,
            drop_share: 0.0,
            seed: 0,
        };
        let ops = ops.map(|(address, key)| Ops { client: unmeasured(&address, &manners, 1), key });
        let record = recorder::read(&self.records).context("read the records")?;
        audit(&url, &manners, ops.as_ref(), &record, &self.tolerance.rules()).await
    }
}

impl VerifyDrawArgs {
    /// Reads the draw, and recomputes it.
    ///
    /// # Errors
    ///
    /// When the draw cannot be read, or is not over.
    pub async fn run(&self) -> anyhow::Result<Checked> {
        let url = Address::parse(&self.url).map_err(|reason| anyhow!("--url: {reason}"))?;
        let manners = Manners {
            connections_max: 1,
            timeout: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            tries_max: 100,
            drop_share: 0.0,
            seed: 0,
        };
        draw::verify(&unmeasured(&url, &manners, 1), &self.show, &self.user).await
    }
}

/// What a workload has beside what every run has.
#[derive(Default)]
struct Parts {
    buy: Option<BuyArgs>,
    seats: Option<SeatArgs>,
    look: Option<LookArgs>,
    probe: Option<ProbeArgs>,
    mix: Option<Mix>,
}

impl Parts {
    fn check(self, workload: Workload, run: RunArgs) -> anyhow::Result<RunPlan> {
        let (url, ops) = run.server.check()?;
        let run_id = run_id(run.run_id.as_deref())?;
        let until_sold_out = self.buy.as_ref().is_some_and(|buy| buy.until_sold_out);
        let until = until(&run, until_sold_out);
        let load = load(&run, until)?;
        let slo = run.slo.as_deref().map(slo::parse).transpose();
        let slo = slo.map_err(|reason| anyhow!("--slo: {reason}"))?.unwrap_or_default();
        ensure!(run.connections > 0, "--connections must be at least 1");
        ensure!(run.tries > 0, "--tries must be at least 1");
        let settings = self.settings(&run, &load, until, until_sold_out);
        let crowd = Crowd {
            seed: run.seed,
            group: self.buy.as_ref().map_or((1, 1), |buy| buy.group),
            abandon_share: self.buy.as_ref().map_or(0.0, |buy| buy.abandon),
            probe_share: self.probe.as_ref().map_or(0.0, |probe| probe.probe),
            mix: self.mix.unwrap_or(Mix { browse: 1.0, rush: 1.0, stock: 1.0 }),
        };
        let manners = Manners {
            connections_max: run.connections,
            timeout: run.timeout,
            patience: run.patience,
            tries_max: run.tries,
            drop_share: run.drop,
            seed: run.seed,
        };
        Ok(RunPlan {
            show: show(&run, workload, &run_id)?,
            url,
            ops,
            workload,
            load,
            until,
            until_sold_out,
            crowd,
            habits: self.habits()?,
            manners,
            out_dir: run.out,
            slo,
            audit: (!run.no_audit).then(|| run.tolerance.rules()),
            quiet: run.quiet,
            run_id,
            settings,
        })
    }

    fn habits(self) -> anyhow::Result<Habits> {
        let mut habits = Habits {
            view: View::Show,
            choose: Choose::Best,
            skew: 1.0,
            hold_tries_max: 1,
            hold_seconds: None,
            pay: Pay::Sandbox,
            follow: Follow::Poll,
            fetch: Fetch::All,
            ticket_wait_max: Duration::from_secs(60),
            map_every: Duration::from_millis(250),
            look: Duration::from_millis(200),
            cold_share: 0.0,
            streams: 0,
        };
        if let Some(buy) = self.buy {
            ensure!(buy.hold_tries > 0, "--hold-tries must be at least 1");
            habits.view = buy.view;
            habits.hold_tries_max = buy.hold_tries;
            habits.hold_seconds = buy.hold_seconds;
            habits.follow = buy.follow;
            habits.fetch = buy.tickets;
            habits.ticket_wait_max = buy.ticket_wait;
            habits.pay = match (buy.pay, buy.callback_secret) {
                (PayBy::Sandbox, _) => Pay::Sandbox,
                (PayBy::Direct, Some(secret)) => Pay::Direct(secret.into_bytes()),
                (PayBy::Direct, None) => bail!("--pay direct needs --callback-secret"),
            };
        }
        if let Some(seats) = self.seats {
            ensure!(seats.skew.is_finite() && seats.skew > 0.0, "--skew must be above 0");
            habits.choose = seats.choose;
            habits.skew = seats.skew;
            habits.map_every = seats.map_every;
        }
        if let Some(look) = self.look {
            habits.look = look.look;
            habits.cold_share = look.cold;
            habits.streams = look.streams;
        }
        Ok(habits)
    }

    /// The run in words, for the report. Secrets are not in it.
    fn settings(&self, run: &RunArgs, load: &Load, until: Until, sold_out: bool) -> Vec<String> {
        let arrive = match load {
            Load::Closed { workers } => format!("closed loop of {workers} buyers at a time"),
            Load::Open(_) => match (&run.rate, &run.ramp, &run.spike, &run.arrivals) {
                (Some(rate), ..) => format!("open loop at {rate} buyers a second"),
                (_, Some(ramp), ..) => format!("open loop, ramp {ramp}"),
                (_, _, Some(spike), _) => format!("open loop, spike {spike}"),
                _ => "open loop, arrival times from a file".into(),
            },
        };
        let random = if run.poisson { ", random steps" } else { "" };
        let mut end = Vec::new();
        end.extend(until.elapsed.map(|elapsed| format!("for {:.0} s", elapsed.as_secs_f64())));
        end.extend(until.buyers.map(|buyers| format!("of {buyers} buyers")));
        end.extend(sold_out.then(|| "until sold out".to_owned()));
        let mut settings = vec![format!("{arrive}{random}, {}", end.join(", "))];
        if let Some(buy) = &self.buy {
            let (low, high) = buy.group;
            let pay = match buy.pay {
                PayBy::Sandbox => "paid through the sandbox",
                PayBy::Direct => "paid by signed callback",
            };
            let abandon = buy.abandon * 100.0;
            settings.push(format!("groups of {low} to {high}, {abandon}% leave unpaid, {pay}"));
        }
        if let Some(seats) = &self.seats {
            settings.push(match seats.choose {
                Choose::Exact => format!(
                    "exact seats chosen by buyers from a map at most {:?} old, skew {}",
                    seats.map_every, seats.skew
                ),
                Choose::Best => "best available, chosen by the server".into(),
            });
        }
        let drop = if run.drop > 0.0 {
            format!(", {}% of requests dropped on purpose", run.drop * 100.0)
        } else {
            String::new()
        };
        settings.push(format!("at most {} connections{drop}", run.connections));
        settings
    }
}

fn until(run: &RunArgs, until_sold_out: bool) -> Until {
    let endless = !until_sold_out && run.buyers.is_none() && run.arrivals.is_none();
    let elapsed = run.duration.or(endless.then_some(DURATION_DEFAULT));
    Until { elapsed, buyers: run.buyers }
}

fn load(run: &RunArgs, until: Until) -> anyhow::Result<Load> {
    let length = until.elapsed.or(run.duration);
    let named = |flag: &'static str| move |reason: String| anyhow!("--{flag}: {reason}");
    let needs = |flag: &str| anyhow!("--{flag} needs --duration");
    let schedule = if let Some(rate) = run.rate {
        ensure!(rate.is_finite() && rate > 0.0, "--rate must be above 0");
        Schedule::constant(rate, length)
    } else if let Some(ramp) = &run.ramp {
        Schedule::ramp(ramp, length.ok_or_else(|| needs("ramp"))?).map_err(named("ramp"))?
    } else if let Some(spike) = &run.spike {
        Schedule::spike(spike, length.ok_or_else(|| needs("spike"))?).map_err(named("spike"))?
    } else if let Some(path) = &run.arrivals {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("--arrivals {}", path.display()))?;
        Schedule::csv(&text).map_err(named("arrivals"))?
    } else {
        ensure!(run.workers > 0, "--workers must be at least 1");
        return Ok(Load::Closed { workers: run.workers });
    };
    Ok(Load::Open(if run.poisson { schedule.poisson(run.seed) } else { schedule }))
}

fn show(run: &RunArgs, workload: Workload, run_id: &str) -> anyhow::Result<ShowSource> {
    if let Some(show_id) = &run.show {
        return Ok(ShowSource::Existing(show_id.clone()));
    }
    let plan = match (&run.plan, run.seats) {
        (Some(path), _) => {
            let bytes =
                std::fs::read(path).with_context(|| format!("--plan {}", path.display()))?;
            Some(bytes)
        }
        (None, Some(seats)) => {
            let possible = (1..=crate::plan::SEATS_MAX).contains(&seats);
            ensure!(possible, "--seats must be from 1 to {}", crate::plan::SEATS_MAX);
            Some(crate::plan::generate(seats).to_string().into_bytes())
        }
        (None, None) => None,
    };
    let stock = run.stock.unwrap_or(0);
    if plan.is_none() && stock == 0 {
        bail!("name a --show, or say what to make: --plan FILE, --seats N or --stock N");
    }
    ensure!(workload != Workload::Rush || plan.is_some(), "rush needs --plan or --seats");
    ensure!(workload != Workload::Stock || stock > 0, "stock needs --stock");
    let Some(key) = &run.organiser_key else {
        bail!("a show can be made only with --organiser-key (or USHER_ORGANISER_KEY)");
    };
    let new = NewShow {
        plan,
        stock,
        segments: run.segments,
        limit_per_user: run.limit,
        hold_seconds: run.show_hold_seconds,
        run_id: run_id.into(),
    };
    Ok(ShowSource::New(new, key.clone()))
}

pub(super) fn run_id(given: Option<&str>) -> anyhow::Result<String> {
    let Some(given) = given else {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return Ok(format!("r{:x}", since_epoch.as_millis()));
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    ensure!(
        (1..=40).contains(&given.len()) && given.chars().all(fits),
        "--run-id must be 1 to 40 letters, digits, - or _"
    );
    Ok(given.into())
}
