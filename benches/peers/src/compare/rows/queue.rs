//! Row 19: a waiting room while everybody joins and asks, beside the least that such a call can be.
//!
//! A poll is a read that asks nobody, so it stands beside an empty read; a join is durable before
//! it is answered, so it stands beside a hold that is read, answered and not made. Everybody waits
//! all the time: the room opens in years.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Context as _;
use usher_loadgen::api::post;
use usher_wire::QueuePlace;

use super::beside::Comparison;
use crate::Settings;
use crate::contenders::{Contender, Empty, Right, repeated, write_post};
use crate::table::{Row, Wanted};
use crate::usher::{LISTEN, Usher};

/// Seats of the show; nobody gets that far.
const SEATS: u32 = 1_000;

/// Measures both.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let _empty = Empty::start(settings).await?;
    let usher = Usher::start(settings, &["--challenge-when", "never"]).await?;
    let hall = usher.hall(SEATS).await?;
    let show = usher.show(&hall).await?;
    usher.waiting_room(&show).await?;
    let path = format!("/api/v1/shows/{show}/queue");
    let poll = poll(&usher, &path).await?;
    let compare = |what: &str, ours, theirs, wanted| Comparison {
        number: 19,
        what: format!("{what} / empty handler, 64 connections"),
        ours,
        theirs,
        connections: 64,
        wanted,
    };
    let wanted = Wanted::AtLeast(0.8, 0.8);
    let polls = compare("queue, where somebody stands", poll, Empty::reads(), wanted);
    let wanted = Wanted::AtLeast(0.6, 0.6);
    let joins = compare("queue, joining", joins(path), Empty::holds(), wanted);
    Ok(vec![polls.measure(settings, None).await?, joins.measure(settings, None).await?])
}

/// Somebody joins, and asks again and again.
async fn poll(usher: &Usher, path: &str) -> anyhow::Result<Contender> {
    let body = r#"{"userId":"somebody"}"#;
    let joined = usher.ask(&post(path.to_owned(), None).bytes(body.into())).await?;
    let place: QueuePlace = serde_json::from_slice(&joined.body)?;
    let token = place.token.context("no token of the place")?;
    let request =
        format!("GET /api/v1/queue HTTP/1.1\r\nhost: localhost\r\nx-queue-token: {token}\r\n\r\n");
    Ok(repeated("Usher", LISTEN, request))
}

/// Somebody else joins each time.
fn joins(path: String) -> Contender {
    let mut next = 0_u64;
    let requests = Rc::new(RefCell::new(move |out: &mut Vec<u8>| {
        write_post(out, &path, &format!(r#"{{"userId":"buyer-{next}"}}"#));
        next += 1;
    }));
    Contender { name: "Usher", address: LISTEN, requests, answer: Right::Good }
}
