//! The driver against a server of a few lines that does exactly what a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;

/// What the server does with one request.
#[derive(Clone, Copy)]
enum Act {
    /// Answers with a status and headers, and keeps the connection.
    Say(&'static str),
    /// Answers, and closes the connection without saying so.
    SayAndClose(&'static str),
    /// Closes the connection without an answer.
    Hang,
    /// Keeps the connection and never answers.
    Ignore,
}

const FINE: &str = "200 OK\r\n";

/// Does one act for each request, over as many connections as it takes. Gives the address, and the
/// heads of the requests as they come.
fn server(acts: &'static [Act]) -> (Address, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (heads, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut acts = acts.iter();
        let mut ignored = Vec::new();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            while let Some(head) = read_request(&mut stream) {
                heads.send(head).expect("the test listens");
                let (text, keep) = match acts.next() {
                    Some(Act::Say(text)) => (*text, true),
                    Some(Act::SayAndClose(text)) => (*text, false),
                    Some(Act::Ignore) => {
                        ignored.push(stream);
                        break;
                    }
                    Some(Act::Hang) | None => break,
                };
                let answer = format!("HTTP/1.1 {text}content-length: 2\r\n\r\n{{}}");
                stream.get_mut().write_all(answer.as_bytes()).expect("the client reads");
                if !keep {
                    break;
                }
            }
        }
    });
    (Address::parse(&url).expect("a url"), receiver)
}

fn read_request(stream: &mut BufReader<std::net::TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .to_ascii_lowercase()
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().and_then(|n| n.parse().ok()).unwrap_or(0));
    stream.read_exact(&mut vec![0; length]).ok()?;
    Some(head)
}

fn manners() -> Manners {
    Manners {
        connections_max: 1,
        timeout: Duration::from_millis(200),
        patience: Duration::from_secs(20),
        tries_max: 5,
        drop_share: 0.0,
        seed: 1,
    }
}

/// Sends requests one after the other with one client; gives what became of each, and the meter.
fn send(address: Address, manners: Manners, count: usize) -> (Vec<Result<u16, Fault>>, Meter) {
    let meter = Rc::new(Meter::new(Instant::now()));
    let client = Client::new(address, manners, Rc::clone(&meter));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let outcomes = tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut outcomes = Vec::new();
        for number in 0..count {
            let key = HeaderValue::from_str(&format!("key-{number}")).expect("a header");
            let request = Request::new(Method::POST, "/x".into())
                .header("idempotency-key", key)
                .bytes(Bytes::from_static(b"{\"a\":1}"));
            outcomes.push(match client.send(Step::Hold, &request).await {
                Outcome::Answered(reply) => Ok(reply.status),
                Outcome::Lost(fault) => Err(fault),
            });
        }
        outcomes
    });
    drop((runtime, client));
    (outcomes, Rc::into_inner(meter).expect("the client is gone"))
}

#[test]
fn connections_are_kept_and_a_closed_one_is_replaced_without_a_word() {
    let (address, heads) = server(&[Act::Say(FINE), Act::SayAndClose(FINE), Act::Say(FINE)]);
    let (outcomes, meter) = send(address, manners(), 3);
    assert_eq!(outcomes, [Ok(200), Ok(200), Ok(200)]);
    assert_eq!(heads.try_iter().count(), 3);
    let retries = meter.finish().steps[&Step::Hold].retries;
    assert_eq!(retries, 0, "a kept connection that the server closed is not the server's fault");
}

#[test]
fn unknown_outcomes_are_tried_again_with_the_same_key() {
    let acts = &[
        Act::Hang,
        Act::Say("503 Service Unavailable\r\nretry-after: 0\r\n"),
        Act::Say("504 Gateway Timeout\r\n"),
        Act::Ignore,
        Act::Say("201 Created\r\n"),
    ];
    let (address, heads) = server(acts);
    let (outcomes, meter) = send(address, manners(), 1);
    assert_eq!(outcomes, [Ok(201)]);
    let heads: Vec<_> = heads.try_iter().collect();
    assert_eq!(heads.len(), 5);
    assert!(heads.iter().all(|head| head.contains("idempotency-key: key-0\r\n")), "{heads:?}");
    let hold = &meter.finish().steps[&Step::Hold];
    let answers: Vec<_> = hold.answers.iter().map(|(status, n)| (*status, *n)).collect();
    assert_eq!(answers, [(0, 2), (201, 1), (503, 1), (504, 1)]);
    assert_eq!(hold.retries, 4);
}

#[test]
fn refusals_are_answers_and_not_tried_again() {
    for text in ["409 Conflict\r\n", "422 Unprocessable Content\r\n", "500 Oh\r\n"] {
        let acts: &'static [Act] = vec![Act::Say(text)].leak();
        let (address, heads) = server(acts);
        let (outcomes, _) = send(address, manners(), 1);
        let want: u16 = text[..3].parse().expect("a status");
        assert_eq!((outcomes, heads.try_iter().count()), (vec![Ok(want)], 1));
    }
}

#[test]
fn tries_and_patience_are_bounded() {
    let (address, heads) = server(&[Act::Hang; 9]);
    let (outcomes, _) = send(address, manners(), 1);
    assert!(matches!(outcomes[0], Err(Fault::Connection(_))), "{outcomes:?}");
    assert_eq!(heads.try_iter().count(), 5, "five tries at most");

    // A server that says "in an hour" is believed, and the request given up at once.
    let (address, heads) = server(&[Act::Say("503 Busy\r\nretry-after: 3600\r\n"); 9]);
    let begun = Instant::now();
    let (outcomes, _) = send(address, manners(), 1);
    assert_eq!((outcomes, heads.try_iter().count()), (vec![Ok(503)], 1));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn retry_after_is_waited_for() {
    let (address, heads) = server(&[Act::Say("429 Slow\r\nretry-after: 1\r\n"), Act::Say(FINE)]);
    let begun = Instant::now();
    let (outcomes, _) = send(address, manners(), 1);
    assert_eq!((outcomes, heads.try_iter().count()), (vec![Ok(200)], 2));
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_connection_dropped_on_purpose_is_followed_by_the_same_request() {
    let (address, heads) = server(&[Act::Ignore, Act::Say(FINE)]);
    let (outcomes, _) = send(address, Manners { drop_share: 1.0, ..manners() }, 1);
    assert_eq!(outcomes, [Ok(200)]);
    let heads: Vec<_> = heads.try_iter().collect();
    // The first may have been dropped before anything was sent.
    assert!(!heads.is_empty() && heads.iter().all(|head| head.contains("key-0")), "{heads:?}");
}
