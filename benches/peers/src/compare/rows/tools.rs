//! Row 18: peers behind the HTTP server beside what their own benchmark tools make of this work,
//! so that nobody is compared with a database that is badly asked.
//!
//! The tools do without HTTP and JSON, so a peer cannot reach all of it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{say, turn};
use crate::Settings;
use crate::contenders::{Contender, Stage};
use crate::processes::postgres_programs;
use crate::table::{Figure, Measured, Row, Wanted};

/// As many as the peers have to PostgreSQL.
const POSTGRES_CLIENTS: &str = "32";
/// As many as ask the peers.
const CONNECTIONS: usize = 64;
/// More than a tool asks of Redis in a second here would only make it run longer.
const REDIS_PER_SECOND: f64 = 40_000.0;

/// What the peers do, for `pgbench`.
const LOCKED_ROW: &str = "\
BEGIN;
SELECT available FROM stock WHERE name = 'standing' FOR UPDATE;
UPDATE stock SET available = available - 1 WHERE name = 'standing';
INSERT INTO holds (id, user_id, quantity, expires_at) \
VALUES (gen_random_uuid()::text, 'buyer', 1, now() + interval '5 minutes');
COMMIT;
";
const ONE_STATEMENT: &str = "\
WITH taken AS (UPDATE stock SET available = available - 1 \
WHERE name = 'standing' AND available >= 1 RETURNING name) \
INSERT INTO holds (id, user_id, quantity, expires_at) \
SELECT gen_random_uuid()::text, 'buyer', 1, now() + interval '5 minutes' FROM taken;
";
const SEATS_IN_REDIS: &str = include_str!("../../designs/hold.lua");

/// A benchmark tool and what it does.
enum Tool {
    Pgbench(&'static str),
    /// With each write synced, or nothing kept.
    RedisBenchmark {
        is_durable: bool,
    },
}

/// Measures all of it.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(settings).await?;
    let standing = |path| stage.peer_standing("behind HTTP", path);
    let seats = |is_durable| stage.peer_seats("behind HTTP", is_durable, "/redis", 0);
    let mut rows = Vec::new();
    for (what, peer, tool) in [
        ("FOR UPDATE / pgbench", standing("/postgres/locked-row"), Tool::Pgbench(LOCKED_ROW)),
        (
            "one statement / pgbench",
            standing("/postgres/one-statement"),
            Tool::Pgbench(ONE_STATEMENT),
        ),
        (
            "Lua, appendfsync always / redis-benchmark",
            seats(true),
            Tool::RedisBenchmark { is_durable: true },
        ),
        (
            "Lua, nothing kept / redis-benchmark",
            seats(false),
            Tool::RedisBenchmark { is_durable: false },
        ),
    ] {
        rows.push(row(what, &peer, &tool, &stage, settings).await?);
    }
    Ok(rows)
}

async fn row(
    what: &str,
    peer: &Contender,
    tool: &Tool,
    stage: &Stage,
    settings: &Settings,
) -> anyhow::Result<Row> {
    let (mut behind_http, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        behind_http.push(turn(peer, CONNECTIONS, settings, None).await?.per_second());
        direct.push(tool.run(stage, settings.seconds)?);
    }
    let measured = |name, rounds| Measured { name, rounds, details: Value::Null };
    let row = Row {
        number: 18,
        what: format!("peer behind HTTP beside its own tool: {what}"),
        figure: Figure::Ratio {
            ours: measured("behind HTTP", behind_http),
            theirs: measured("its own tool", direct),
            unit: "1/s",
        },
        wanted: Wanted::AtLeast(0.8, 1.0),
        note: String::new(),
    };
    say(&row);
    Ok(row)
}

impl Tool {
    /// How much it does in a second.
    fn run(&self, stage: &Stage, turn: Duration) -> anyhow::Result<f64> {
        match self {
            Self::Pgbench(work) => pgbench(stage, work, turn),
            Self::RedisBenchmark { is_durable } => redis_benchmark(stage, *is_durable, turn),
        }
    }
}

fn pgbench(stage: &Stage, work: &str, turn: Duration) -> anyhow::Result<f64> {
    let script = tempfile::NamedTempFile::new()?;
    fs::write(script.path(), work)?;
    let mut command = Command::new(postgres_programs()?.join("pgbench"));
    command.args(["--no-vacuum", "--protocol=prepared", "--client", POSTGRES_CLIENTS]);
    // It counts in whole seconds.
    command.args(["--time", &turn.as_secs().max(1).to_string(), "--file"]).arg(script.path());
    command.arg("--host").arg(stage.postgres()).args(["--username", "usher", "postgres"]);
    let said = output(&mut command)?;
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.and_then(|rest| rest.split_whitespace().next());
    Ok(tps.with_context(|| format!("pgbench: {said}"))?.parse()?)
}

fn redis_benchmark(stage: &Stage, is_durable: bool, turn: Duration) -> anyhow::Result<f64> {
    let socket = stage.redis(is_durable);
    let mut load = Command::new("redis-cli");
    let script = output(load.arg("-s").arg(&socket).args(["SCRIPT", "LOAD", SEATS_IN_REDIS]))?;
    let requests = (turn.as_secs_f64() * REDIS_PER_SECOND) as u64;
    let mut command = Command::new("redis-benchmark");
    command.arg("-s").arg(&socket).args(["-c", &CONNECTIONS.to_string(), "-q"]);
    // Nearly every number is another seat.
    command.args(["-n", &requests.to_string(), "-r", "1000000000"]);
    command.args(["EVALSHA", script.trim(), "2", "seats", "ends", "__rand_int__", "buyer"]);
    command.args([r#"["__rand_int__"]"#, "1"]);
    let said = output(&mut command)?;
    let mut rates = said.split(['\r', '\n']).filter_map(|line| {
        let (before, _) = line.split_once(" requests per second")?;
        before.rsplit(' ').next()?.parse().ok()
    });
    match rates.next_back() {
        Some(rate) => Ok(rate),
        None => bail!("redis-benchmark: {said}"),
    }
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
