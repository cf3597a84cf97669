//! What a whole server executes for one request, all its threads together, counted by callgrind:
//! instructions hold still where times do not.
//!
//! Only requests are counted: callgrind is switched on once the server has started, sells, and has
//! answered some. The kernel is not counted, and neither is waiting.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context as _, bail, ensure};
use tokio::task::JoinSet;

use crate::Settings;
use crate::client::Connection;
use crate::contenders::{Contender, Empty, Right, SHOW_SEATS, Sale, sold_out};
use crate::rows::maps;
use crate::usher::Usher;

/// Requests that are sent before anything is counted: caches fill, and lists grow.
const WARM_UP: usize = 200;
/// Requests of which the mean is told.
const COUNTED: usize = 1_000;
/// One after the other, and as many under way as in the table.
const CONNECTIONS: [usize; 2] = [1, 64];

/// What a request costs.
pub(crate) struct Count {
    pub(crate) what: String,
    pub(crate) connections: usize,
    pub(crate) instructions: u64,
}

/// Counts holds and readings of a seat map, here and at the empty handler. Profiles are left in the
/// folder for results, for `callgrind_annotate`.
pub(crate) async fn count(settings: &Settings) -> anyhow::Result<Vec<Count>> {
    let mut counts = Vec::new();
    // The newest profile is looked for by its number, so none of another run may be there.
    fs::remove_dir_all(profiles_of(settings)).or_else(unless_missing)?;
    let counter = Counter::new(settings, "usher")?;
    let usher = Usher::start_under(settings, counter.wrapper()).await?;
    let readings = maps::readings(&usher).await?;
    let sale = Sale::prepare(&usher, SHOW_SEATS).await?;
    sale.offer(&usher, CONNECTIONS.len() * (WARM_UP + COUNTED)).await?;
    let sold_out = sold_out(&usher).await?;
    let holds = [("hold".to_owned(), sale.holds()), ("hold where all is sold".into(), sold_out)];
    counter.begin(usher.pid()?)?;
    let readings = readings.into_iter().map(|reading| (reading.what, reading.contender));
    for (what, contender) in holds.into_iter().chain(readings) {
        counts.extend(counter.count(&what, &contender, usher.pid()?).await?);
    }
    drop(usher);
    let counter = Counter::new(settings, "empty")?;
    let empty = Empty::start_under(settings, &counter.wrapper()).await?;
    counter.begin(empty.pid())?;
    for (what, contender) in
        [("empty handler, POST", Empty::holds()), ("empty handler, GET", Empty::reads())]
    {
        counts.extend(counter.count(what, &contender, empty.pid()).await?);
    }
    Ok(counts)
}

/// The counts for people.
pub(crate) fn text(counts: &[Count]) -> String {
    let mut text = format!("{:<40} {:>12} {:>12}\n", "request", "connections", "instructions");
    for Count { what, connections, instructions } in counts {
        text += &format!("{what:<40} {connections:>12} {instructions:>12}\n");
    }
    text
}

fn profiles_of(settings: &Settings) -> PathBuf {
    settings.out.join("callgrind")
}

fn unless_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Callgrind around one server.
struct Counter {
    /// Where profiles go; callgrind adds a number to each.
    profiles: String,
}

impl Counter {
    fn new(settings: &Settings, server: &str) -> anyhow::Result<Self> {
        let folder = profiles_of(settings);
        fs::create_dir_all(&folder)?;
        let profiles = fs::canonicalize(&folder)?.join(server).display().to_string();
        Ok(Self { profiles })
    }

    fn wrapper(&self) -> Vec<String> {
        // Threads take turns as they would on one processor, so that none waits for long.
        let options = ["--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes"];
        let profiles = format!("--callgrind-out-file={}", self.profiles);
        ["valgrind"].into_iter().chain(options).map(str::to_owned).chain([profiles]).collect()
    }

    fn begin(&self, pid: u32) -> anyhow::Result<()> {
        control(&["-i", "on"], pid)
    }

    async fn count(
        &self,
        what: &str,
        contender: &Contender,
        pid: u32,
    ) -> anyhow::Result<Vec<Count>> {
        let mut counts = Vec::new();
        for connections in CONNECTIONS {
            send(contender, connections, WARM_UP).await.context("warm up")?;
            control(&["-z"], pid)?;
            send(contender, connections, COUNTED).await?;
            control(&["-d", &format!("{what}-{connections}")], pid)?;
            let all = newest_total(&self.profiles)?;
            let instructions = all / COUNTED as u64;
            eprintln!("{what}, {connections} connections: {instructions}");
            counts.push(Count { what: what.to_owned(), connections, instructions });
        }
        Ok(counts)
    }
}

/// Sends so many requests over so many connections, each with one under way.
async fn send(contender: &Contender, connections: usize, requests: usize) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let mut connection = Connection::open(contender.address).await?;
        let Contender { name, requests: request, answer, .. } = contender.clone();
        let share = (number..requests).step_by(connections).len();
        tasks.spawn_local(async move {
            let mut bytes = Vec::with_capacity(1_024);
            for _ in 0..share {
                bytes.clear();
                (request.borrow_mut())(&mut bytes);
                let status = connection.ask(&bytes).await?;
                let is_right = match answer {
                    Right::Good => matches!(status, 200 | 201 | 304),
                    Right::Refused => status == 409,
                };
                ensure!(is_right, "{name} answered {status}");
            }
            Ok(())
        });
    }
    tasks.join_all().await.into_iter().collect()
}

fn control(arguments: &[&str], pid: u32) -> anyhow::Result<()> {
    let mut command = Command::new("callgrind_control");
    let output = command.args(arguments).arg(pid.to_string()).output();
    let output = output.context("callgrind_control, which comes with valgrind")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.contains("OK."), "callgrind_control {arguments:?}: {said}");
    Ok(())
}

/// What the last profile that was written has in all.
fn newest_total(profiles: &str) -> anyhow::Result<u64> {
    let last = (1..).map_while(|number| {
        let path = format!("{profiles}.{number}");
        Path::new(&path).exists().then_some(path)
    });
    let Some(path) = last.last() else { bail!("callgrind wrote no {profiles}.1") };
    let profile = fs::read_to_string(&path)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.with_context(|| format!("no total in {path}"))?.trim().parse()?)
}
