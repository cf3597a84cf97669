//! The servers that are measured: started on this machine in directories that vanish with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A process that ends when this is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts it; what it says goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        Ok(Self { child })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has in memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.context("no VmRSS")?.parse::<u64>()? * 1_024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A binary to start, run by another program where one is given with its arguments.
pub(crate) fn under(program: &[String], binary: &Path) -> Command {
    let Some((program, arguments)) = program.split_first() else { return Command::new(binary) };
    let mut command = Command::new(program);
    command.args(arguments).arg(binary);
    command
}

/// No huge pages for those who share Usher's allocator: Usher refuses them by itself.
pub(crate) const NO_HUGE_PAGES: (&str, &str) = ("MIMALLOC_ALLOW_THP", "0");

/// Waits until something is so, for half a minute at most.
pub(crate) async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_so().await {
        if begun.elapsed() > Duration::from_secs(30) {
            bail!("{what}: not within half a minute");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Redis on a Unix socket; without persistence, or with every write synced before its answer.
pub(crate) fn redis(directory: &Path, is_durable: bool) -> anyhow::Result<(Process, PathBuf)> {
    fs::create_dir_all(directory)?;
    let socket = redis_socket(directory);
    let mut command = Command::new("redis-server");
    command.arg("--port").arg("0").arg("--unixsocket").arg(&socket);
    command.arg("--dir").arg(directory).arg("--save").arg("");
    if is_durable {
        // Rewriting the file in between would only slow it down.
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        command.args(["--auto-aof-rewrite-percentage", "0"]);
    }
    Ok((Process::start(&mut command, &directory.join("log"))?, socket))
}

/// Where a Redis of this directory listens.
pub(crate) fn redis_socket(directory: &Path) -> PathBuf {
    directory.join("redis.sock")
}

/// PostgreSQL on a Unix socket, tuned as its documentation says for a machine of this size; every
/// commit is synced.
pub(crate) fn postgres(directory: &Path) -> anyhow::Result<Process> {
    fs::create_dir_all(directory)?;
    let programs = postgres_programs()?;
    // It refuses to run as root.
    let is_root = Command::new("id").arg("-u").output()?.stdout == b"0\n";
    let as_user = |program: &str| {
        let program = programs.join(program);
        if !is_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
        command.arg(program);
        command
    };
    if is_root {
        let owned = Command::new("chown").arg("postgres").arg(directory).status()?;
        anyhow::ensure!(owned.success(), "chown");
    }
    let data = directory.join("data");
    let mut init = as_user("initdb");
    init.arg("--pgdata").arg(&data).args(["--username=usher", "--auth=trust", "--no-sync"]);
    let init = init.output().context("initdb")?;
    anyhow::ensure!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let mut server = as_user("postgres");
    server.arg("-D").arg(&data).arg("-k").arg(directory).args(["-c", "listen_addresses="]);
    for setting in [
        "shared_buffers=2GB",
        "effective_cache_size=6GB",
        "wal_buffers=16MB",
        "max_wal_size=8GB",
        "checkpoint_timeout=30min",
        "wal_compression=off",
        "synchronous_commit=on",
        "fsync=on",
        "max_connections=200",
        "random_page_cost=1.1",
        "autovacuum_naptime=10s",
    ] {
        server.args(["-c", setting]);
    }
    Process::start(&mut server, &directory.with_extension("log"))
}

/// Where PostgreSQL's programs are: Debian keeps them beside the version.
pub(crate) fn postgres_programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    let newest = versions.flatten().map(|entry| entry.path()).max();
    Ok(newest.context("PostgreSQL is not installed")?.join("bin"))
}
