//! A provider of captchas on this machine, and what is made of its answers.

use super::*;
use crate::challenge::Level;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use usher_wire::ChallengePurpose as Purpose;

/// Answers one question with this; gives the body of the question.
fn provider(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/siteverify", listener.local_addr().expect("an address"));
    let question = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a question");
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse().expect("a number");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        write!(stream, "{answer}").expect("answered");
        String::from_utf8(body).expect("text")
    });
    (url, question)
}

fn ask(url: String, purpose: Purpose) -> Result<(), Failure> {
    let config = HostedConfig {
        method: ChallengeMethod::Turnstile,
        site_key: "site".to_owned(),
        secret: Secret::new("the secret & more"),
        verify_url: url,
    };
    let hosted = Hosted::new(config).expect("a client");
    let address = Some([203, 0, 113, 9].into());
    let demand = Demand { purpose, level: Level(0), device: None, address };
    actix_web::rt::System::new().block_on(hosted.check("token", &demand))
}

macro_rules! json {
    ($body:literal) => {
        concat!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
            $body
        )
    };
}

#[track_caller]
fn check(answer: &'static str, expected: Result<(), Failure>) {
    let (url, question) = provider(answer);
    assert_eq!(ask(url, Purpose::Join), expected, "{answer}");
    let question = question.join().expect("it was asked");
    let expected = "secret=the+secret+%26+more&response=token&sitekey=site&remoteip=203.0.113.9";
    assert_eq!(question, expected);
}

#[test]
fn what_the_provider_says_decides() {
    check(json!(r#"{"success":true}"#), Ok(()));
    check(json!(r#"{"success":true,"action":"join","hostname":"x"}"#), Ok(()));
    check(json!(r#"{"success":true,"action":"register"}"#), Err(Failure::OtherPurpose));
    check(json!(r#"{"success":false,"error-codes":["bad"]}"#), Err(Failure::Unsolved));
    let used = json!(r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#);
    check(used, Err(Failure::Used));
}

#[test]
fn nobody_gets_in_because_the_provider_fails() {
    check("HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n", Err(Failure::Unavailable));
    check(json!("rubbish"), Err(Failure::Unavailable));
    let elsewhere = "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n";
    check(elsewhere, Err(Failure::Unavailable));
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    assert_eq!(ask(format!("http://{nobody}/"), Purpose::Join), Err(Failure::Unavailable));
}
