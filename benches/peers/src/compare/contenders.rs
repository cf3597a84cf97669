//! Everything that is measured, running, with enough seats for all turns.
//!
//! No seat is asked for twice, so a hold is refused only where its server is at fault.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::{CopyInSink, NoTls};
use usher_loadgen::http::{Address, Client, Manners};
use usher_loadgen::meter::Meter;
use usher_loadgen::{plan, setup};
use usher_wire::plan::PlanDocument;

use crate::client::{Load, Requests};
use crate::processes::{self, Process, wait_until};

const ORGANISER_KEY: &str = "compare-organiser-key-0123456789";
const OPERATOR_KEY: &str = "compare-operator-key-0123456789";
/// Seats of one show: the hall that all of this is for.
const SHOW_SEATS: u32 = 100_000;
/// Shows, sold one after the other.
const SHOWS: usize = 16;
const STANDING: u32 = 40_000_000;

pub(crate) const USHER: &str = "127.0.0.1:18101";
pub(crate) const USHER_OPS: &str = "127.0.0.1:18102";
/// Peers with a Redis that syncs each write.
pub(crate) const PEERS_DURABLE: &str = "127.0.0.1:18103";
/// Peers with a Redis that keeps nothing.
pub(crate) const PEERS_VOLATILE: &str = "127.0.0.1:18104";

/// Somebody who is measured.
#[derive(Clone)]
pub(crate) struct Contender {
    /// In the table.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: &'static str,
    /// What it is asked.
    pub(crate) requests: Rc<Requests>,
}

impl Contender {
    /// What the client is to do.
    pub(crate) fn load(&self, connections: usize, turn: Duration, rate: Option<f64>) -> Load<'_> {
        Load { address: self.address, connections, turn, rate, request: self.requests.clone() }
    }
}

/// All servers. They end with it.
pub(crate) struct Stage {
    /// Shows with seats, in the order in which they are sold.
    pub(crate) shows: Vec<String>,
    standing: String,
    labels: Rc<Vec<String>>,
    _processes: Vec<Process>,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// Starts everything and fills it.
    pub(crate) async fn set(binaries: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name);
        open_to_others(directory.path())?;
        let mut processes = vec![processes::postgres(&at("postgres"))?];
        let postgres = at("postgres");
        for (name, address, is_durable) in
            [("durable", PEERS_DURABLE, true), ("volatile", PEERS_VOLATILE, false)]
        {
            let (redis, socket) = processes::redis(&at(name), is_durable)?;
            processes.push(redis);
            wait_until("Redis", async || socket.exists()).await?;
            wait_until("PostgreSQL", async || connect(&postgres).await.is_ok()).await?;
            let mut command = Command::new(binaries.join("usher-peers"));
            command.args(["--listen", address, "--redis"]).arg(&socket);
            command.arg("--postgres").arg(&postgres);
            processes.push(Process::start(&mut command, &at(&format!("peers-{name}.log")))?);
            wait_for(address).await?;
        }
        let plan = serde_json::to_vec(&plan::generate(SHOW_SEATS))?;
        let labels = labels(&plan)?;
        fill(&postgres, &labels).await?;
        processes.push(start_usher(binaries, &at("usher"), &at("usher.log")).await?);
        let (shows, standing) = make_shows(&plan).await?;
        Ok(Self {
            shows,
            standing,
            labels: labels.into(),
            _processes: processes,
            _directory: directory,
        })
    }

    /// Holds of one seat each, at Usher: one show after the other.
    pub(crate) fn usher_seats(&self) -> Contender {
        let shows = self.shows.clone();
        let path = move |show: usize| format!("/api/v1/shows/{}/holds", shows[show % SHOWS]);
        Contender { name: "Usher", address: USHER, requests: seats(path, self.labels.clone()) }
    }

    /// Holds of one seat each, at a peer.
    pub(crate) fn peer_seats(
        &self,
        name: &'static str,
        address: &'static str,
        path: &'static str,
    ) -> Contender {
        Contender { name, address, requests: seats(move |_| path.into(), self.labels.clone()) }
    }

    /// Holds of one standing ticket each, at Usher.
    pub(crate) fn usher_standing(&self) -> Contender {
        let path = format!("/api/v1/shows/{}/holds", self.standing);
        Contender { name: "Usher", address: USHER, requests: standing(path, "Standing") }
    }

    /// Holds of one standing ticket each, at a peer.
    pub(crate) fn peer_standing(&self, name: &'static str, path: &'static str) -> Contender {
        let requests = standing(path.into(), "standing");
        Contender { name, address: PEERS_DURABLE, requests }
    }
}

/// The same request again and again.
pub(crate) fn repeated(name: &'static str, address: &'static str, request: String) -> Contender {
    let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        out.extend_from_slice(request.as_bytes());
    }));
    Contender { name, address, requests }
}

fn seats(path: impl Fn(usize) -> String + 'static, labels: Rc<Vec<String>>) -> Rc<Requests> {
    let mut next = 0;
    Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        let (show, seat) = (next / SHOW_SEATS as usize, next % SHOW_SEATS as usize);
        // The peers have the seats of all shows in one table.
        let label = &labels[seat];
        let of_show = if path(show).starts_with("/api") { "" } else { &format!("{show}-") };
        let body = format!(r#"{{"userId":"buyer-{next}","seatIds":["{of_show}{label}"]}}"#);
        post(out, &path(show), &body);
        next += 1;
    }))
}

fn standing(path: String, stock: &'static str) -> Rc<Requests> {
    let mut next = 0_u64;
    Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        let stock = format!(r#"{{"name":"{stock}","quantity":1}}"#);
        let body = format!(r#"{{"userId":"buyer-{next}","stock":{stock}}}"#);
        post(out, &path, &body);
        next += 1;
    }))
}

fn post(out: &mut Vec<u8>, path: &str, body: &str) {
    use std::io::Write as _;
    let written = write!(
        out,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    written.expect("memory takes it");
}

/// PostgreSQL is not run as root, and must reach its directory.
fn open_to_others(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))?)
}

fn labels(plan: &[u8]) -> anyhow::Result<Vec<String>> {
    let plan: PlanDocument<'_> = serde_json::from_slice(plan)?;
    let seats = plan.zones.iter().flat_map(|zone| &zone.rows).flat_map(|row| &row.seats);
    Ok(seats.map(|seat| seat.seat_guid.to_string()).collect())
}

async fn connect(postgres: &Path) -> anyhow::Result<tokio_postgres::Client> {
    let mut config = tokio_postgres::Config::new();
    config.host_path(postgres).user("usher").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Tables as a box office has them, with an index on when holds end.
async fn fill(postgres: &Path, labels: &[String]) -> anyhow::Result<()> {
    let client = connect(postgres).await?;
    client
        .batch_execute(&format!(
            "CREATE TABLE stock (name text PRIMARY KEY, available int NOT NULL) \
                 WITH (fillfactor = 10);
             INSERT INTO stock VALUES ('standing', {STANDING});
             CREATE TABLE seats (id text PRIMARY KEY, status smallint NOT NULL, \
                 version int NOT NULL, hold text) WITH (fillfactor = 50);
             CREATE TABLE holds (id text PRIMARY KEY, user_id text NOT NULL, seats text[], \
                 quantity int, expires_at timestamptz NOT NULL);
             CREATE INDEX ON holds (expires_at);"
        ))
        .await?;
    let copy: CopyInSink<Bytes> =
        client.copy_in("COPY seats (id, status, version) FROM STDIN").await?;
    let mut copy = std::pin::pin!(copy);
    for show in 0..SHOWS {
        let lines: String = labels.iter().map(|l| format!("{show}-{l}\t0\t0\n")).collect();
        copy.send(lines.into_bytes().into()).await?;
    }
    copy.finish().await?;
    client.batch_execute("ANALYZE seats; CHECKPOINT").await?;
    Ok(())
}

async fn start_usher(binaries: &Path, data: &Path, log: &Path) -> anyhow::Result<Process> {
    let mut command = Command::new(binaries.join("usher"));
    command.args(["serve", "--listen", USHER, "--ops-listen", USHER_OPS, "--data-dir"]);
    command.arg(data);
    command.env("USHER_ORGANISER_KEY", ORGANISER_KEY).env("USHER_OPERATOR_KEY", OPERATOR_KEY);
    let usher = Process::start(&mut command, log)?;
    wait_for(USHER).await?;
    Ok(usher)
}

async fn wait_for(address: &'static str) -> anyhow::Result<()> {
    let answers = async || tokio::net::TcpStream::connect(address).await.is_ok();
    wait_until(address, answers).await
}

async fn make_shows(plan: &[u8]) -> anyhow::Result<(Vec<String>, String)> {
    let manners = Manners {
        connections_max: 4,
        timeout: Duration::from_secs(30),
        patience: Duration::from_secs(30),
        tries_max: 1,
        drop_share: 0.0,
        seed: 1,
    };
    let address = Address::parse(&format!("http://{USHER}")).map_err(|why| anyhow!(why))?;
    let client = Client::new(address, manners, Rc::new(Meter::new(Instant::now())));
    let make = async |plan: Option<&[u8]>, stock: u32| {
        let new = setup::NewShow {
            plan: plan.map(<[u8]>::to_vec),
            stock,
            segments: None,
            limit_per_user: 6,
            hold_seconds: 600,
            run_id: "compare".into(),
        };
        let show = setup::make(&client, ORGANISER_KEY, &new).await.map_err(|why| anyhow!(why))?;
        anyhow::Ok(show.show_id)
    };
    let mut shows = Vec::new();
    for _ in 0..SHOWS {
        shows.push(make(Some(plan), 0).await.context("a show with seats")?);
    }
    Ok((shows, make(None, STANDING).await.context("a show with standing tickets")?))
}
