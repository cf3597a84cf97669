//! A server of ours: fresh, with a data directory of its own, and what organisers and operators
//! ask of it.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use serde_json::json;
use usher_loadgen::api::{get, post, put};
use usher_loadgen::http::{Address, Client, Manners, Outcome, Reply, Request};
use usher_loadgen::meter::{Meter, Step};
use usher_loadgen::reread::{authorized, must};
use usher_loadgen::{plan, setup};
use usher_wire::plan::PlanDocument;
use usher_wire::{PlanCreated, ShardsAnswer, ShowRequest, StockRequest};

use crate::Settings;
use crate::processes::{self, Process, wait_until};

/// Where buyers find it. One runs at a time.
pub(crate) const LISTEN: &str = "127.0.0.1:18101";
/// Where operators find it.
pub(crate) const OPS: &str = "127.0.0.1:18102";
/// Keys, for children that need them.
pub(crate) const ORGANISER_KEY: &str = "compare-organiser-key-0123456789";
/// The same for operators.
pub(crate) const OPERATOR_KEY: &str = "compare-operator-key-0123456789";
/// Signs what payment providers say.
pub(crate) const CALLBACK_SECRET: &str = "compare-callback-secret-0123456789";

/// How long holds live: longer than any measurement.
const HOLD_SECONDS: u32 = 3_600;

/// A server, and clients of it. It ends with this, and so does its data.
pub(crate) struct Usher {
    binary: PathBuf,
    options: Vec<String>,
    preload: Option<(PathBuf, PathBuf)>,
    /// A program that runs it, with its arguments; none where it runs by itself.
    under: Vec<String>,
    process: Option<Process>,
    buyers: Client,
    operators: Client,
    directory: tempfile::TempDir,
}

/// A seating plan that the server has, and its seats.
#[derive(Debug, Clone)]
pub(crate) struct Hall {
    plan: PlanCreated,
    /// Ids of its seats, in plan order.
    pub(crate) labels: Rc<Vec<String>>,
}

impl Usher {
    /// Starts one with these options beside those that all have.
    pub(crate) async fn start(settings: &Settings, options: &[&str]) -> anyhow::Result<Self> {
        let mut usher = Self::new(settings, options)?;
        usher.go_on().await?;
        Ok(usher)
    }

    /// The same, with a library in front of the C library that reads its orders from a file.
    pub(crate) async fn start_with(
        settings: &Settings,
        options: &[&str],
        library: PathBuf,
        orders: PathBuf,
    ) -> anyhow::Result<Self> {
        let mut usher = Self::new(settings, options)?;
        usher.preload = Some((library, orders));
        usher.go_on().await?;
        Ok(usher)
    }

    /// The same, run by another program, such as one that counts what it does.
    pub(crate) async fn start_under(
        settings: &Settings,
        under: Vec<String>,
    ) -> anyhow::Result<Self> {
        let mut usher = Self::new(settings, &[])?;
        usher.under = under;
        usher.go_on().await?;
        Ok(usher)
    }

    fn new(settings: &Settings, options: &[&str]) -> anyhow::Result<Self> {
        Ok(Self {
            binary: settings.binaries.join("usher"),
            options: options.iter().map(ToString::to_string).collect(),
            preload: None,
            under: Vec::new(),
            process: None,
            buyers: client(LISTEN)?,
            operators: client(OPS)?,
            directory: settings.directory()?,
        })
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it on what is there, without waiting for it.
    pub(crate) fn spawn(&mut self) -> anyhow::Result<()> {
        for address in [LISTEN, OPS] {
            // Or we would measure whoever is there.
            let is_free = std::net::TcpStream::connect(address).is_err();
            anyhow::ensure!(is_free, "{address}: somebody else listens there");
        }
        let mut command = processes::under(&self.under, &self.binary);
        command.args(["serve", "--listen", LISTEN, "--ops-listen", OPS, "--data-dir"]);
        command.arg(self.directory.path().join("data")).args(&self.options);
        command.env("USHER_ORGANISER_KEY", ORGANISER_KEY).env("USHER_OPERATOR_KEY", OPERATOR_KEY);
        command.env("USHER_CALLBACK_SECRET", CALLBACK_SECRET);
        if let Some((library, orders)) = &self.preload {
            command.env("LD_PRELOAD", library).env("TORTURE_FAULTS", orders);
        }
        self.process = Some(Process::start(&mut command, &self.directory.path().join("log"))?);
        Ok(())
    }

    /// Starts it on what is there, and waits until it is ready.
    pub(crate) async fn go_on(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        let is_ready = async || {
            let asked = self.operators.send(Step::Poll, &get("/readyz".into())).await;
            matches!(asked, Outcome::Answered(reply) if reply.status == 200)
        };
        wait_until("Usher", is_ready).await.with_context(|| self.log_tail())
    }

    /// What the process has in memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.process.as_ref().context("it is not running")?.resident_bytes()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.process.as_ref().context("it is not running")?.pid())
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// A directory beside its data, for whoever works with it.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Uploads a generated plan of so many seats.
    pub(crate) async fn hall(&self, seats: u32) -> anyhow::Result<Hall> {
        let document = serde_json::to_vec(&plan::generate(seats))?;
        let labels = labels(&document)?.into();
        let request = post("/admin/v1/plans".into(), None).bytes(document.into());
        Ok(Hall { plan: self.organise(request).await?, labels })
    }

    /// Makes a show in a hall and opens its sale. Its id.
    pub(crate) async fn show(&self, hall: &Hall) -> anyhow::Result<String> {
        let categories = hall.plan.categories.iter().enumerate();
        let mut request = show_request();
        request.plan_id = Some(hall.plan.plan_id.clone());
        request.prices =
            categories.map(|(n, c)| (c.name.clone(), plan::price_cents(&c.name, n))).collect();
        self.announce(&request).await
    }

    /// Makes a show with one pool of tickets without seats and opens its sale. Its id.
    pub(crate) async fn standing_show(&self, quantity: u32) -> anyhow::Result<String> {
        let mut request = show_request();
        let name = "standing".into();
        request.stock.push(StockRequest { name, quantity, price_cents: 4_500, segments: None });
        self.announce(&request).await
    }

    /// Gives a show a waiting room that people may join and that opens in years.
    pub(crate) async fn waiting_room(&self, show: &str) -> anyhow::Result<()> {
        let times =
            json!({"preQueueAt": "2020-01-01T00:00:00Z", "opensAt": "2090-01-01T00:00:00Z"});
        let request = put(format!("/admin/v1/shows/{show}/queue")).json(&times);
        let _: serde_json::Value = self.organise(request).await?;
        Ok(())
    }

    async fn announce(&self, request: &ShowRequest) -> anyhow::Result<String> {
        let show = setup::announce(&self.buyers, ORGANISER_KEY, request).await;
        Ok(show.map_err(|why| anyhow!(why)).context("make a show")?.show_id)
    }

    async fn organise<T: DeserializeOwned>(&self, request: Request) -> anyhow::Result<T> {
        let request = authorized(request, ORGANISER_KEY).map_err(|why| anyhow!(why))?;
        must(&self.buyers, request).await.map_err(|why| anyhow!(why))
    }

    /// What operators see of shards and journal.
    pub(crate) async fn shards(&self) -> anyhow::Result<ShardsAnswer> {
        let request = get("/ops/v1/shards".into());
        let request = authorized(request, OPERATOR_KEY).map_err(|why| anyhow!(why))?;
        must(&self.operators, request).await.map_err(|why| anyhow!(why))
    }

    /// A figure of `/metrics`, by its whole name.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let asked = self.operators.send(Step::Poll, &get("/metrics".into())).await;
        let Outcome::Answered(reply) = asked else { anyhow::bail!("/metrics: no answer") };
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("no metric {name}"))?.trim().parse()?)
    }

    /// Asks what a buyer may ask.
    pub(crate) async fn ask(&self, request: &Request) -> anyhow::Result<Reply> {
        match self.buyers.send(Step::Poll, request).await {
            Outcome::Answered(reply) => Ok(reply),
            Outcome::Lost(fault) => Err(fault).context(request.path.clone()),
        }
    }
}

/// Ids of a plan's seats, in its order.
fn labels(document: &[u8]) -> anyhow::Result<Vec<String>> {
    let plan: PlanDocument<'_> = serde_json::from_slice(document)?;
    let seats = plan.zones.iter().flat_map(|zone| &zone.rows).flat_map(|row| &row.seats);
    Ok(seats.map(|seat| seat.seat_guid.to_string()).collect())
}

fn client(address: &str) -> anyhow::Result<Client> {
    let manners = Manners {
        connections_max: 16,
        timeout: Duration::from_secs(60),
        patience: Duration::from_secs(60),
        tries_max: 1,
        drop_share: 0.0,
        seed: 1,
    };
    let address = Address::parse(&format!("http://{address}")).map_err(|why| anyhow!(why))?;
    Ok(Client::new(address, manners, Rc::new(Meter::new(Instant::now()))))
}

fn show_request() -> ShowRequest {
    ShowRequest { hold_seconds: Some(HOLD_SECONDS), ..setup::bare_show("Compared") }
}
