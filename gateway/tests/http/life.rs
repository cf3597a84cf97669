//! Starting, stopping, and what must not start.

use crate::harness::{Server, connect, read_response, request, usher};
use std::io::Write as _;
use std::time::{Duration, Instant};

#[test]
fn on_sigterm_readiness_fails_first_and_requests_in_flight_finish() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &["--drain-seconds", "1"]);
    assert_eq!(server.get_ops("/readyz").status, 200);

    let body = r#"{"gate":"A","ticketCode":"t_nonsense"}"#;
    let mut slow = connect(server.public);
    let head = format!(
        "POST /api/v1/checkins HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(&body.as_bytes()[..5]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let mut idle = connect(server.public);
    idle.write_all(b"GET /problems HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();

    server.terminate();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.get_ops("/readyz").status, 503);
    assert_eq!(server.get("/problems").status, 200, "it serves until it drains");
    std::thread::sleep(Duration::from_millis(1_000));
    let late = request(server.public, "GET", "/problems", &[], b"");
    assert_eq!((late.status, late.json()["code"].as_str()), (503, Some("DRAINING")));
    assert_eq!(late.header("retry-after"), Some("1"));

    slow.write_all(&body.as_bytes()[5..]).unwrap();
    assert_eq!(read_response(slow, "POST").status, 200);
    let begun = Instant::now();
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(begun.elapsed() < Duration::from_secs(5), "an idle connection holds nothing up");
}

#[test]
fn a_request_that_never_finishes_does_not_keep_it_alive() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &["--shutdown-seconds-max", "1"]);
    let mut stuck = connect(server.public);
    let head = "POST /api/v1/checkins HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    stuck.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.terminate();
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(server.log().contains("requests did not finish in time"), "{}", server.log());
}

#[test]
fn keys_are_made_once_and_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::start(dir.path(), &[]);
    assert!(first.get("/api/v1/keys").json()["keys"][0]["x"].is_string());
    let keys = first.get("/api/v1/keys").body;
    let log = first.log();
    for name in ["organiser_key", "operator_key", "callback_secret", "id_key", "ticket_key"] {
        assert!(log.contains(&format!("keys/{name}")), "{name}: {log}");
        let text = std::fs::read_to_string(dir.path().join("keys").join(name)).unwrap();
        assert!(!log.contains(text.trim()), "{name} is in the log");
    }
    drop(first);
    let second = Server::start(dir.path(), &[]);
    assert!(!second.log().contains("made a key"), "{}", second.log());
    assert_eq!(second.get("/api/v1/keys").body, keys);
}

#[test]
fn two_servers_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Server::start(dir.path(), &[]);
    let second = usher()
        .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let words = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && words.contains("in use"), "{words}");
}

#[test]
fn what_cannot_work_does_not_start_and_says_its_name() {
    let check = |args: &[&str], env: &[(&str, &str)], expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut command = usher();
        command.arg("serve").arg("--data-dir").arg(dir.path().join("data")).args(args);
        let output = command.envs(env.iter().copied()).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(expected), "{words}");
        assert!(!dir.path().join("data").exists(), "nothing was touched");
    };
    check(&["--shards", "none"], &[], "--shards: `none`");
    check(&[], &[("USHER_LISTN", "x")], "unknown setting `USHER_LISTN`");
    check(&[], &[("USHER_CONFIG", "/nonexistent.toml")], "/nonexistent.toml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    check(&["--listen", &taken], &[], "listen: cannot listen on");
}
