//! HTTP around the handlers: request ids, HEAD, compression, CORS, TLS, keep-alive.

use crate::harness::{Server, connect, read_response, request};
use std::io::Write as _;

#[test]
fn every_answer_names_its_request() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let send = |id: &str| {
        let answer = request(server.public, "GET", "/problems", &[("X-Request-Id", id)], b"");
        answer.header("x-request-id").expect("named").to_owned()
    };
    assert_eq!(send("order-77.a"), "order-77.a");
    let made = send("not \"sane\"");
    assert!(made != "not \"sane\"" && made.len() == 24, "{made}");
    assert_ne!(made, send(""));
}

#[test]
fn head_answers_as_get_without_the_body() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let get = server.get("/openapi.json");
    let head = request(server.public, "HEAD", "/openapi.json", &[], b"");
    assert_eq!((get.status, head.status), (200, 200));
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(request(server.public, "HEAD", "/nowhere", &[], b"").status, 404);
}

#[test]
fn answers_are_packed_where_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let plain = server.get("/openapi.json").body;
    for encoding in ["gzip", "br"] {
        let headers = [("Accept-Encoding", encoding)];
        let packed = request(server.public, "GET", "/openapi.json", &headers, b"");
        assert_eq!(packed.header("content-encoding"), Some(encoding));
        assert!(packed.body.len() * 3 < plain.len(), "{} bytes", packed.body.len());
    }
}

#[test]
fn small_answers_are_not_packed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let headers = [("Accept-Encoding", "gzip, br")];
    let answer = request(server.public, "GET", "/nowhere", &headers, b"");
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None));
    assert_eq!(answer.json()["code"], "NOT_FOUND");
}

#[test]
fn the_document_names_what_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let document = server.get("/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for path in ["/api/v1/keys", "/sandbox/payments/{paymentId}/succeed", "/readyz"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let viewer = String::from_utf8(server.get("/docs/").body).unwrap();
    assert!(viewer.contains("swagger-ui") && !viewer.contains("https://"), "{viewer}");
    assert_eq!(server.get("/docs").header("location"), Some("/docs/"));
}

#[test]
fn other_origins_are_let_in_only_where_configured() {
    let ask = |flags: &[&str], origin: &str| {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path(), flags);
        let answer = request(server.public, "GET", "/problems", &[("Origin", origin)], b"");
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    let page = "https://tickets.example";
    assert_eq!(ask(&[], page), None);
    assert_eq!(ask(&["--cors-origins", page], page).as_deref(), Some(page));
    assert_eq!(ask(&["--cors-origins", page], "https://other.example"), None);
}

#[test]
fn what_a_browser_asks_first_is_named_and_counted_too() {
    let dir = tempfile::tempdir().unwrap();
    let page = "https://tickets.example";
    let server = Server::start(dir.path(), &["--cors-origins", page]);
    let asks = [("Access-Control-Request-Method", "POST"), ("X-Request-Id", "first-1")];
    let headers = [&[("Origin", page)], &asks[..]].concat();
    let answer = request(server.public, "OPTIONS", "/api/v1/orders", &headers, b"");
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("first-1")));
    let metrics = String::from_utf8(server.get_ops("/metrics").body).unwrap();
    let counted = "{method=\"other\",route=\"none\",status=\"200\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    // A page must be let in to read that something is wrong.
    let answer = request(server.public, "GET", "/nowhere", &[("Origin", page)], b"");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, Some(page)));
    assert_eq!(answer.header("x-request-id").map(str::len), Some(24));
}

#[test]
fn a_connection_takes_several_requests_even_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[]);
    let mut stream = connect(server.public);
    let first = "GET /problems/sold-out HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /problems/busy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{first}{first}{last}").as_bytes()).unwrap();
    let all = read_response(stream, "GET");
    let text = String::from_utf8(all.body).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "two more answers follow: {text}");
    assert!(text.ends_with("</html>") && text.contains("BUSY"));
}

#[test]
fn writes_are_bounded_by_address_where_configured() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--rate-limit-address-per-second", "2", "--rate-limit-exempt", ""];
    let server = Server::start(dir.path(), &flags);
    let json = [("Content-Type", "application/json")];
    let send = || request(server.public, "POST", "/api/v1/orders", &json, b"{}");
    let answers: Vec<_> = (0..4).map(|_| send()).collect();
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"address\";q=2;w=1"));
    assert_eq!(answers[0].header("ratelimit"), Some("\"address\";r=1;t=1"));
    let refused = answers.iter().find(|answer| answer.status == 429).expect("one too many");
    assert_eq!(refused.json()["code"], "RATE_LIMITED");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let gate = || request(server.public, "POST", "/api/v1/checkins", &json, b"{}");
    assert!((0..5).all(|_| gate().status == 400), "a gate is never held up");
}

#[test]
fn each_layer_of_limits_refuses_by_its_own_key() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--trusted-proxies", "127.0.0.1", "--rate-limit-address-per-second", "20"];
    let more = ["--rate-limit-user-per-second", "2", "--rate-limit-call-per-second", "9"];
    let server = Server::start(dir.path(), &[&flags[..], &more].concat());
    let hold = |address: &str, user: &str| {
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", address)];
        let order = serde_json::json!({
            "holdId": "none", "userId": user, "contact": { "name": "Ann" },
        });
        let headers = [&headers[..], &[("Idempotency-Key", "k")]].concat();
        let body = order.to_string();
        request(server.public, "POST", "/api/v1/orders", &headers, body.as_bytes())
    };
    let layer = |answer: &crate::harness::Response| match answer.status {
        429 => answer.json()["detail"].as_str().unwrap().to_owned(),
        status => status.to_string(),
    };
    let answers: Vec<_> = (0..3).map(|n| hold(&format!("192.0.2.{n}"), "ann")).collect();
    assert_eq!(layer(&answers[1]), "404", "the second is within the burst");
    assert_eq!(layer(&answers[2]), "more than 2 a second for this user");
    let policy = "\"address\";q=20;w=1, \"call\";q=9;w=1, \"user\";q=2;w=1";
    assert_eq!(answers[2].header("ratelimit-policy"), Some(policy));
    let left = "\"address\";r=19;t=1, \"call\";r=6;t=1, \"user\";r=0;t=1";
    assert_eq!(answers[2].header("ratelimit"), Some(left));
    let others: Vec<_> = (0..9).map(|n| hold("192.0.2.9", &format!("user {n}"))).collect();
    let refused = others.iter().map(layer).find(|layer| layer != "404");
    assert_eq!(refused.as_deref(), Some("more than 9 a second for this call"));
    let exempt: Vec<_> = (0..30).map(|_| hold("127.0.0.2", "ann")).collect();
    assert!(exempt.iter().all(|answer| answer.status == 404), "load tests are not held up");
    let metrics = String::from_utf8(server.get_ops("/metrics").body).unwrap();
    assert!(metrics.contains("usher_rate_limited_total{layer=\"user\"} 1"), "{metrics}");
}

#[actix_web::test]
async fn a_certificate_makes_it_https() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let flags = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Server::start(&dir.path().join("data"), &flags);
    assert!(server.public_url.starts_with("https://"), "{}", server.public_url);

    drop(rustls::crypto::ring::default_provider().install_default());
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let url = format!("https://localhost:{}/problems", server.public.port());
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
}
