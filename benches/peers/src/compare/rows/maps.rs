//! Row 10: readings of a seat map of 100,000 seats, beside the least that a read can be.
//!
//! The show is quiet, so that all readings of a turn are the same. What each answers is looked at
//! first: a reading that is quick since it is wrong would be no good.

use anyhow::Context as _;
use usher_loadgen::api::{get, post};
use usher_loadgen::http::{Reply, Request};
use usher_wire::seatmap::{CompactSeatMap, SEAT_MAP_MEDIA_TYPE};
use usher_wire::{Hold, SeatMap};

use super::beside::Comparison;
use crate::Settings;
use crate::contenders::{Contender, Empty, SHOW_SEATS, repeated};
use crate::table::{Row, Wanted};
use crate::usher::{LISTEN, Usher};

/// Holds in the show, of one seat each.
const HOLDS: usize = 200;
/// Those of them that the reader of a delta has missed.
const MISSED: usize = 20;

/// One way to read the seats of a show.
pub(crate) struct Reading {
    pub(crate) what: String,
    pub(crate) contender: Contender,
    wanted: Wanted,
}

/// Measures all of it.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let _empty = Empty::start(settings).await?;
    let usher = Usher::start(settings, &[]).await?;
    let mut rows = Vec::new();
    for Reading { what, contender, wanted } in readings(&usher).await? {
        let comparison = Comparison {
            number: 10,
            what: format!("{what} / empty handler, 64 connections"),
            ours: contender,
            theirs: Empty::reads(),
            connections: 64,
            wanted,
        };
        rows.push(comparison.measure(settings, None).await?);
    }
    Ok(rows)
}

/// Makes a show with some holds, and says how to read it.
pub(crate) async fn readings(usher: &Usher) -> anyhow::Result<Vec<Reading>> {
    let hall = usher.hall(SHOW_SEATS).await?;
    let show = usher.show(&hall).await?;
    let mut versions = Vec::new();
    for (number, label) in hall.labels.iter().take(HOLDS).enumerate() {
        let body = format!(r#"{{"userId":"buyer-{number}","seatIds":["{label}"]}}"#);
        let request = post(format!("/api/v1/shows/{show}/holds"), None).bytes(body.into());
        let hold: Hold = serde_json::from_slice(&usher.ask(&request).await?.body)?;
        versions.push(hold.version);
    }
    let path = format!("/api/v1/shows/{show}/seats");
    let since = format!("{path}?since={}", versions[HOLDS - MISSED - 1]);
    let compact = ("accept", SEAT_MAP_MEDIA_TYPE);
    let tag = etag(&ask(usher, &path, &[]).await?)?;

    let delta: SeatMap = serde_json::from_slice(&ask(usher, &since, &[]).await?.body)?;
    anyhow::ensure!(delta.since.is_some() && delta.seats.len() == MISSED, "no delta");
    let unchanged = ask(usher, &path, &[compact, ("if-none-match", &tag)]).await?;
    anyhow::ensure!(unchanged.status == 304, "{} instead of 304", unchanged.status);
    let whole = ask(usher, &path, &[compact]).await?;
    let map = CompactSeatMap::parse(&whole.body).context("no compact map")?;
    anyhow::ensure!(map.iter().count() == SHOW_SEATS as usize, "not all seats");

    let reading = |what: &str, path: &str, headers: &[(&str, &str)], (bound, aim)| Reading {
        what: format!("seat map, {what}"),
        contender: repeated("Usher", LISTEN, written(path, headers)),
        wanted: Wanted::AtLeast(bound, aim),
    };
    Ok(vec![
        reading("304", &path, &[compact, ("if-none-match", &tag)], (0.9, 1.0)),
        reading(&format!("delta of {MISSED} seats"), &since, &[], (0.8, 0.9)),
        reading("full compact map", &path, &[compact], (0.3, 0.5)),
    ])
}

async fn ask(usher: &Usher, path: &str, headers: &[(&'static str, &str)]) -> anyhow::Result<Reply> {
    let mut request: Request = get(path.into());
    for (name, value) in headers {
        request = request.header(name, value.parse()?);
    }
    usher.ask(&request).await
}

fn etag(reply: &Reply) -> anyhow::Result<String> {
    let tag = reply.headers.get("etag").context("no ETag")?;
    Ok(tag.to_str()?.to_owned())
}

fn written(path: &str, headers: &[(&str, &str)]) -> String {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")
}
