//! Rubbish in, clear problems out, server unmoved.

use crate::harness::{Response, Server, connect, read_response, request};
use std::io::Write as _;

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Whether an answer is this problem, complete in itself.
#[track_caller]
fn check(response: &Response, status: u16, code: &str) -> serde_json::Value {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{response:?}");
    let problem = response.json();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["requestId"].as_str(), response.header("x-request-id"), "{problem}");
    problem
}

#[test]
fn what_no_handler_answers_is_a_problem_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let send = |method, path, headers: &[_], body: &str| {
        request(server.public, method, path, headers, body.as_bytes())
    };
    check(&send("GET", "/nowhere", &[], ""), 404, "NOT_FOUND");
    check(&send("GET", "/api/v1/nowhere", &[], ""), 404, "NOT_FOUND");
    check(&send("GET", "/api/v1/%ff", &[], ""), 404, "NOT_FOUND");
    check(&send("DELETE", "/api/v1/shows", &[], ""), 405, "METHOD_NOT_ALLOWED");
    let long = format!("/api/v1/shows?query={}", "x".repeat(9_000));
    check(&send("GET", &long, &[], ""), 414, "URI_TOO_LONG");
    let text = [("Content-Type", "text/plain")];
    check(&send("POST", "/api/v1/checkins", &text, "hello"), 415, "UNSUPPORTED_MEDIA_TYPE");
    check(&send("POST", "/api/v1/checkins", &[], "{}"), 415, "UNSUPPORTED_MEDIA_TYPE");
    check(&send("POST", "/api/v1/checkins", &[JSON], "{"), 400, "NOT_JSON");
    check(&send("POST", "/api/v1/checkins", &[JSON], "\u{0}\u{1}"), 400, "NOT_JSON");
    let big = format!("{{\"gate\":\"{}\"}}", "x".repeat(70_000));
    let problem = check(&send("POST", "/api/v1/checkins", &[JSON], &big), 413, "TOO_LARGE");
    assert_eq!(problem["limit"], 65_536);
    check(&server.get_ops("/nowhere"), 404, "NOT_FOUND");
    assert_eq!(server.get_ops("/healthz").status, 200);
}

#[test]
fn a_fault_in_a_body_is_found_by_its_pointer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let send =
        |body: &str| request(server.public, "POST", "/api/v1/checkins", &[JSON], body.as_bytes());
    let problem = check(&send("{}"), 400, "INVALID_FIELD");
    assert_eq!(problem["pointer"], "/gate");
    let problem = check(&send(r#"{"gate":"A","ticketcode":"x"}"#), 400, "INVALID_FIELD");
    assert_eq!(problem["pointer"], "/ticketcode");
    let problem = check(&send(r#"{"gate":-1}"#), 400, "INVALID_FIELD");
    assert_eq!(problem["pointer"], "/gate");
}

#[test]
fn a_small_body_that_unpacks_to_a_large_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    // 1 MB of spaces as gzip: a stored header, then one deflate stream made by hand would be long,
    // so it is packed here by `gzip` itself.
    let mut gzip = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("gzip runs");
    let mut input = gzip.stdin.take().unwrap();
    std::thread::spawn(move || input.write_all(&vec![b' '; 1_000_000]));
    let packed = gzip.wait_with_output().unwrap().stdout;
    assert!(packed.len() < 10_000);
    let headers = [JSON, ("Content-Encoding", "gzip")];
    let response = request(server.public, "POST", "/api/v1/checkins", &headers, &packed);
    check(&response, 413, "TOO_LARGE");
    // What unpacks without a bound on a piece is not unpacked at all.
    for packing in ["br", "zstd", "gzip, gzip"] {
        let headers = [JSON, ("Content-Encoding", packing)];
        let response = request(server.public, "POST", "/api/v1/checkins", &headers, &packed);
        check(&response, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[test]
fn a_stranger_is_told_so_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--client-seconds-max", "1"]);
    let key = std::fs::read_to_string(dir.path().join("keys/organiser_key")).unwrap();
    let send = |key: Option<&str>, to, path| {
        let bearer = key.map(|key| format!("Bearer {key}"));
        let headers: Vec<_> = bearer.iter().map(|b| ("Authorization", b.as_str())).collect();
        // A body is promised and never sent: whoever reads it first waits for ever.
        let mut text = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n");
        let mut stream = connect(to);
        stream.write_all(text.as_bytes()).unwrap();
        read_response(stream, "POST")
    };
    for wrong in [None, Some("nonsense"), Some("")] {
        let response = send(wrong, server.public, "/admin/v1/plans");
        check(&response, 401, "UNAUTHORIZED");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    }
    let response = send(Some(key.trim()), server.operators, "/ops/v1/snapshots");
    check(&response, 403, "FORBIDDEN");
}

#[test]
fn every_code_has_a_page_that_explains_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let page = server.get("/nowhere").json();
    let page = server.get(page["type"].as_str().expect("a URI"));
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("NOT_FOUND"), "{text}");
    let all = String::from_utf8(server.get("/problems").body).unwrap();
    assert!(all.contains("SEAT_UNAVAILABLE") && all.contains("/problems/seat-unavailable"));
    check(&server.get("/problems/nonsense"), 404, "NOT_FOUND");
}

#[test]
fn bytes_that_are_no_http_do_not_move_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let rubbish: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\0\0\r\n\r\n",
        b"POST /api/v1/checkins HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /\r\n\r\n",
    ];
    for bytes in rubbish {
        let mut stream = connect(server.public);
        stream.write_all(bytes).unwrap();
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        drop(std::io::Read::read_to_end(&mut stream, &mut answer));
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
        assert_eq!(server.get("/problems").status, 200);
    }
}
