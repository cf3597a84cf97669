//! Usher and everything that it is compared with, running, with enough seats for all turns.
//!
//! No seat is asked for twice, so a hold is refused only where its server is at fault.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::{CopyInSink, NoTls};

use crate::Settings;
use crate::client::{Connection, Figures, Load, Requests};
use crate::processes::{self, NO_HUGE_PAGES, Process, wait_until};
use crate::usher::{Hall, LISTEN, Usher};

/// Seats of one show: the hall that all of this is for.
pub(crate) const SHOW_SEATS: u32 = 100_000;
/// More holds than anybody makes in a second here.
const HOLDS_PER_SECOND_MAX: f64 = 150_000.0;
/// Seats that PostgreSQL has, in halls, for each of the two designs that sell them.
const POSTGRES_SHOWS: usize = 5;
/// Seats of the show that is sold out.
const SOLD_OUT_SEATS: u32 = 1_000;
/// The most that a pool may have.
const STANDING: u32 = 10_000_000;

/// Peers with a Redis that syncs each write.
const PEERS_DURABLE: &str = "127.0.0.1:18103";
/// Peers with a Redis that keeps nothing.
const PEERS_VOLATILE: &str = "127.0.0.1:18104";

/// Somebody who is measured.
#[derive(Clone)]
pub(crate) struct Contender {
    /// In the table.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: &'static str,
    /// What it is asked.
    pub(crate) requests: Rc<Requests>,
    /// How it should answer.
    pub(crate) answer: Right,
}

/// What an answer must be to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// It is done.
    Good,
    /// It is refused: there is nothing left.
    Refused,
}

impl Contender {
    /// What the client is to do.
    pub(crate) fn load(&self, connections: usize, turn: Duration, rate: Option<f64>) -> Load<'_> {
        let (address, request) = (self.address, self.requests.clone());
        Load { address, connections, turn, rate, request, answers: None }
    }

    /// Right answers of a turn.
    pub(crate) fn right(&self, figures: &Figures) -> u64 {
        match self.answer {
            Right::Good => figures.good,
            Right::Refused => figures.refused,
        }
    }
}

/// Shows of ours, sold one seat a hold and one show after the other; more are made when needed.
pub(crate) struct Sale {
    hall: Hall,
    shows: Rc<RefCell<Vec<String>>>,
    next: Rc<Cell<usize>>,
}

impl Sale {
    /// Nothing is for sale yet.
    pub(crate) async fn prepare(usher: &Usher, seats: u32) -> anyhow::Result<Self> {
        let hall = usher.hall(seats).await?;
        Ok(Self { hall, shows: Rc::default(), next: Rc::default() })
    }

    /// Makes so many shows that they are not sold out within this time.
    pub(crate) async fn last_for(&self, usher: &Usher, turn: Duration) -> anyhow::Result<()> {
        let needed = (turn.as_secs_f64() * HOLDS_PER_SECOND_MAX) as usize;
        self.offer(usher, needed).await
    }

    /// Makes so many shows that there are so many seats to sell.
    pub(crate) async fn offer(&self, usher: &Usher, seats: usize) -> anyhow::Result<()> {
        let wanted = self.next.get() + seats;
        while self.shows.borrow().len() * self.hall.labels.len() < wanted {
            let show = usher.show(&self.hall).await?;
            self.shows.borrow_mut().push(show);
        }
        Ok(())
    }

    /// The shows, in the order in which they are sold.
    pub(crate) fn shows(&self) -> Vec<String> {
        self.shows.borrow().clone()
    }

    /// Where all of them are.
    pub(crate) fn hall(&self) -> &Hall {
        &self.hall
    }

    /// Holds of one seat each.
    pub(crate) fn holds(&self) -> Contender {
        let (labels, shows, next) =
            (self.hall.labels.clone(), self.shows.clone(), self.next.clone());
        let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
            let number = next.replace(next.get() + 1);
            let (show, seat) = (number / labels.len(), number % labels.len());
            let shows = shows.borrow();
            // Only a machine beyond imagination gets here; it is told that seats are taken.
            let show = &shows[show % shows.len()];
            let body = format!(r#"{{"userId":"buyer-{number}","seatIds":["{}"]}}"#, labels[seat]);
            write_post(out, &format!("/api/v1/shows/{show}/holds"), &body);
        }));
        Contender { name: "Usher", address: LISTEN, requests, answer: Right::Good }
    }
}

/// Holds in a small show whose seats are all taken.
pub(crate) async fn sold_out(usher: &Usher) -> anyhow::Result<Contender> {
    let hall = usher.hall(SOLD_OUT_SEATS).await?;
    let path = format!("/api/v1/shows/{}/holds", usher.show(&hall).await?);
    let labels = hall.labels.clone();
    let mut next = 0_usize;
    let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        let seat = &labels[next % labels.len()];
        write_post(out, &path, &format!(r#"{{"userId":"buyer-{next}","seatIds":["{seat}"]}}"#));
        next += 1;
    }));
    let mut connection = Connection::open(LISTEN).await?;
    for _ in hall.labels.iter() {
        let mut bytes = Vec::new();
        (requests.borrow_mut())(&mut bytes);
        let status = connection.ask(&bytes).await?;
        anyhow::ensure!(status == 201, "{status} instead of a hold");
    }
    Ok(Contender { name: "Usher", address: LISTEN, requests, answer: Right::Refused })
}

/// All servers. They end with it.
pub(crate) struct Stage {
    /// Ours.
    pub(crate) usher: Usher,
    /// What it sells.
    pub(crate) sale: Sale,
    standing: String,
    _processes: Vec<Process>,
    directory: tempfile::TempDir,
}

impl Stage {
    /// Starts everything and fills it.
    pub(crate) async fn set(settings: &Settings) -> anyhow::Result<Self> {
        let directory = settings.directory()?;
        let at = |name: &str| directory.path().join(name);
        open_to_others(directory.path())?;
        let mut processes = vec![processes::postgres(&at("postgres"))?];
        let postgres = at("postgres");
        wait_until("PostgreSQL", async || connect(&postgres).await.is_ok()).await?;
        for (address, is_durable) in [(PEERS_DURABLE, true), (PEERS_VOLATILE, false)] {
            let name = redis_name(is_durable);
            let (redis, socket) = processes::redis(&at(name), is_durable)?;
            processes.push(redis);
            wait_until("Redis", async || socket.exists()).await?;
            processes.push(peers(settings, address, directory.path(), name, &socket).await?);
        }
        let usher = Usher::start(settings, &[]).await?;
        let sale = Sale::prepare(&usher, SHOW_SEATS).await?;
        fill(&postgres, &sale.hall.labels).await?;
        let standing = usher.standing_show(STANDING).await?;
        Ok(Self { usher, sale, standing, _processes: processes, directory })
    }

    /// Where PostgreSQL's socket is.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.directory.path().join("postgres")
    }

    /// The socket of the Redis that syncs each write, or of the one that keeps nothing.
    pub(crate) fn redis(&self, is_durable: bool) -> PathBuf {
        processes::redis_socket(&self.directory.path().join(redis_name(is_durable)))
    }

    /// Holds of one standing ticket each, at Usher.
    pub(crate) fn usher_standing(&self) -> Contender {
        let path = format!("/api/v1/shows/{}/holds", self.standing);
        let requests = standing(path);
        Contender { name: "Usher", address: LISTEN, requests, answer: Right::Good }
    }

    /// Holds of one standing ticket each, at a peer.
    pub(crate) fn peer_standing(&self, name: &'static str, path: &'static str) -> Contender {
        let requests = standing(path.into());
        Contender { name, address: PEERS_DURABLE, requests, answer: Right::Good }
    }

    /// Holds of one seat each, at a peer. `halls` is the number of halls that come before.
    pub(crate) fn peer_seats(
        &self,
        name: &'static str,
        is_durable: bool,
        path: &'static str,
        halls: usize,
    ) -> Contender {
        let (labels, mut next) = (self.sale.hall.labels.clone(), halls * SHOW_SEATS as usize);
        let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
            // The peers have the seats of all shows in one table.
            let (show, seat) = (next / labels.len(), next % labels.len());
            let seat = &labels[seat];
            let body = format!(r#"{{"userId":"buyer-{next}","seatIds":["{show}-{seat}"]}}"#);
            write_post(out, path, &body);
            next += 1;
        }));
        Contender {
            name,
            address: if is_durable { PEERS_DURABLE } else { PEERS_VOLATILE },
            requests,
            answer: Right::Good,
        }
    }
}

fn redis_name(is_durable: bool) -> &'static str {
    if is_durable { "durable" } else { "volatile" }
}

/// The halls that come before those of the second design that sells from PostgreSQL.
pub(crate) const SECOND_DESIGN_HALLS: usize = POSTGRES_SHOWS;

/// An HTTP server with nothing behind it.
pub(crate) struct Empty {
    process: Process,
    _directory: tempfile::TempDir,
}

impl Empty {
    /// Starts it.
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        Self::start_under(settings, &[]).await
    }

    /// The same, run by another program.
    pub(crate) async fn start_under(settings: &Settings, under: &[String]) -> anyhow::Result<Self> {
        let directory = settings.directory()?;
        let mut command = processes::under(under, &settings.binaries.join("usher-peers"));
        command.args(["--listen", PEERS_VOLATILE]).env(NO_HUGE_PAGES.0, NO_HUGE_PAGES.1);
        let process = Process::start(&mut command, &directory.path().join("log"))?;
        wait_for(PEERS_VOLATILE).await?;
        Ok(Self { process, _directory: directory })
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Holds that are read and answered and not made.
    pub(crate) fn holds() -> Contender {
        let mut next = 0_usize;
        let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
            let body = format!(r#"{{"userId":"buyer-{next}","seatIds":["s01-A-{}"]}}"#, next % 40);
            write_post(out, "/empty", &body);
            next += 1;
        }));
        let (name, answer) = ("empty handler", Right::Good);
        Contender { name, address: PEERS_VOLATILE, requests, answer }
    }

    /// The least that a read can be.
    pub(crate) fn reads() -> Contender {
        let request = "GET /empty HTTP/1.1\r\nhost: localhost\r\n\r\n";
        repeated("empty handler", PEERS_VOLATILE, request.into())
    }
}

/// The same request again and again.
pub(crate) fn repeated(name: &'static str, address: &'static str, request: String) -> Contender {
    let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        out.extend_from_slice(request.as_bytes());
    }));
    Contender { name, address, requests, answer: Right::Good }
}

fn standing(path: String) -> Rc<Requests> {
    let mut next = 0_u64;
    Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        let stock = r#"{"name":"standing","quantity":1}"#;
        let body = format!(r#"{{"userId":"buyer-{next}","stock":{stock}}}"#);
        write_post(out, &path, &body);
        next += 1;
    }))
}

/// Writes a request with a JSON body.
pub(crate) fn write_post(out: &mut Vec<u8>, path: &str, body: &str) {
    use std::io::Write as _;
    let written = write!(
        out,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    written.expect("memory takes it");
}

async fn peers(
    settings: &Settings,
    address: &'static str,
    directory: &Path,
    name: &str,
    redis: &Path,
) -> anyhow::Result<Process> {
    let mut command = Command::new(settings.binaries.join("usher-peers"));
    command.args(["--listen", address, "--redis"]).arg(redis);
    command.env(NO_HUGE_PAGES.0, NO_HUGE_PAGES.1);
    command.arg("--postgres").arg(directory.join("postgres"));
    let process = Process::start(&mut command, &directory.join(format!("peers-{name}.log")))?;
    wait_for(address).await?;
    Ok(process)
}

async fn wait_for(address: &'static str) -> anyhow::Result<()> {
    let answers = async || tokio::net::TcpStream::connect(address).await.is_ok();
    wait_until(address, answers).await
}

/// PostgreSQL is not run as root, and must reach its directory.
fn open_to_others(directory: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))?)
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
    for show in 0..2 * POSTGRES_SHOWS {
        let lines: String = labels.iter().map(|l| format!("{show}-{l}\t0\t0\n")).collect();
        copy.send(lines.into_bytes().into()).await?;
    }
    copy.finish().await?;
    client.batch_execute("ANALYZE seats; CHECKPOINT").await?;
    Ok(())
}
