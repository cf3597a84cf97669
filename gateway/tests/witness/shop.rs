//! A server that `strace` watches, and one connection to it on which a buyer asks.
//!
//! The server and `strace` are a process group of their own: a signal goes to both, and `strace`
//! leaves it to the server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The longest that anything here waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that says what arrived, what was flushed, and what left.
const WATCHED: &str =
    "trace=fdatasync,pwrite64,read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg";

/// A watched server on a directory that goes with it. Killed when dropped.
pub(crate) struct Watched {
    strace: Child,
    dir: tempfile::TempDir,
    connection: BufReader<TcpStream>,
}

impl Watched {
    /// Starts it and waits until it sells. `more` are options for `strace`.
    pub(crate) fn start(more: &[&str]) -> Self {
        require_strace();
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = strace();
        command.args(["-f", "-ttt", "-y", "-s", "96", "-e", WATCHED]).args(more);
        command.arg("-o").arg(dir.path().join("trace")).arg(env!("CARGO_BIN_EXE_usher"));
        command.arg("serve").arg("--data-dir").arg(dir.path().join("data"));
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        command.args(["--log-format", "json", "--shards", "2", "--http-workers", "2"]);
        let mut strace =
            command.process_group(0).stderr(Stdio::piped()).spawn().expect("strace starts");
        let mut lines = BufReader::new(strace.stderr.take().expect("piped")).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}")).expect("text");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"] == "selling" {
                break event["listen"].as_str().expect("an address").to_owned();
            }
            said.push_str(&format!("{line}\n"));
        };
        // Nobody may be kept waiting for room in the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { strace, dir, connection: BufReader::new(stream) }
    }

    /// Where the journal's generations are, as the system calls it.
    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("it is there").join("data/journal")
    }

    /// One of the keys that the server made.
    pub(crate) fn key(&self, name: &str) -> String {
        let path = self.dir.path().join("data/keys").join(name);
        std::fs::read_to_string(path).expect("made at the first start").trim().to_owned()
    }

    /// Posts, and reads the whole answer.
    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &Value, status: u16) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: usher\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.connection.get_mut().write_all(request.as_bytes()).expect("written");
        let mut line = || {
            let mut line = String::new();
            self.connection.read_line(&mut line).expect("a line");
            line.trim_end().to_ascii_lowercase()
        };
        let head = line();
        let headers: Vec<String> =
            std::iter::repeat_with(line).take_while(|line| !line.is_empty()).collect();
        let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
        let length = length.expect("answers say how long they are").parse().expect("a length");
        let mut bytes = vec![0; length];
        self.connection.read_exact(&mut bytes).expect("a whole answer");
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(head.split(' ').nth(1), Some(&*status.to_string()), "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Stops the server and gives what `strace` wrote down about it.
    pub(crate) fn stop(&mut self) -> String {
        signal("-TERM", &self.strace);
        let status = self.strace.wait().expect("it can be waited for");
        assert!(status.success(), "{status}");
        std::fs::read_to_string(self.dir.path().join("trace")).expect("a trace")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if matches!(self.strace.try_wait(), Ok(None)) {
            signal("-KILL", &self.strace);
            drop(self.strace.wait());
        }
    }
}

/// Sends a signal to the server and to its watcher.
fn signal(signal: &str, strace: &Child) {
    let group = format!("-{}", strace.id());
    let killed = Command::new("kill").args([signal, "--", &group]).status().expect("kill runs");
    assert!(killed.success(), "{signal}");
}

/// `strace`, without an environment that could set anything.
fn strace() -> Command {
    let mut command = Command::new("strace");
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// There is no witness without `strace`, and a test that passes without one would say nothing.
fn require_strace() {
    let output =
        strace().args(["-f", "-o", "/dev/null", "true"]).output().unwrap_or_else(|error| {
            panic!(
                "this test needs strace ({error}); `apt-get install strace`, or run scripts/test"
            )
        });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "strace is installed but may not watch a process: {said}; allow ptrace here (in a \
         container: --cap-add=SYS_PTRACE)"
    );
}

/// How many files there are in `blobs/` of each of the journal's generations.
pub(crate) fn blobs(journal: &Path) -> Vec<usize> {
    let count = |dir: &Path| std::fs::read_dir(dir).expect("a directory").count();
    let entries = std::fs::read_dir(journal).expect("a journal");
    let generations = entries.map(|entry| entry.expect("an entry").path());
    generations.filter(|path| path.is_dir()).map(|path| count(&path.join("blobs"))).collect()
}
