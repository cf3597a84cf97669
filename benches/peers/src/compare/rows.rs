//! What is compared with what, and how high the ratio should be.

use std::time::Duration;

use crate::client::{self, Figures};
use crate::contenders::{Contender, PEERS_DURABLE, PEERS_VOLATILE, Stage, USHER, repeated};
use crate::table::{Measured, Row};

/// Shares of good answers below which a figure says nothing.
const GOOD_MIN: f64 = 0.9;

/// Measures the rows that are asked for.
pub(crate) async fn measure(
    stage: &mut Stage,
    numbers: &[u32],
    rounds: usize,
    turn: Duration,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for comparison in comparisons(stage) {
        if !numbers.is_empty() && !numbers.contains(&comparison.number) {
            continue;
        }
        eprintln!("row {}: {}", comparison.number, comparison.what);
        let row = comparison.measure(rounds, turn).await?;
        eprintln!("      {:.2}", row.ratio);
        rows.push(row);
    }
    Ok(rows)
}

/// Two contenders at the same load; what is compared is good answers a second.
struct Comparison {
    number: u32,
    what: String,
    ours: Contender,
    theirs: Contender,
    connections: usize,
    wanted: (f64, f64),
}

fn comparisons(stage: &Stage) -> Vec<Comparison> {
    let seats = stage.usher_seats();
    let standing = stage.usher_standing();
    let empty = stage.peer_seats("empty handler", PEERS_VOLATILE, "/empty");
    let row = |number, what: &str, ours: &Contender, theirs: Contender, connections, wanted| {
        let what = format!("{what}, {connections} connections");
        Comparison { number, what, ours: ours.clone(), theirs, connections, wanted }
    };
    let locked = stage.peer_standing("PostgreSQL", "/postgres/locked-row");
    let at_once = stage.peer_standing("PostgreSQL", "/postgres/one-statement");
    let postgres = stage.peer_seats("PostgreSQL", PEERS_DURABLE, "/postgres/seat");
    let durable = stage.peer_seats("Redis", PEERS_DURABLE, "/redis");
    let volatile = stage.peer_seats("Redis", PEERS_VOLATILE, "/redis");
    let locks = stage.peer_seats("locks", PEERS_DURABLE, "/locks");
    let mut rows = vec![
        row(4, "hold / empty handler", &seats, empty.clone(), 64, (0.55, 0.7)),
        row(4, "hold / empty handler", &seats, empty, 512, (0.7, 0.85)),
        row(6, "standing / SELECT FOR UPDATE", &standing, locked, 64, (40.0, 80.0)),
        row(6, "standing / one-statement decrement", &standing, at_once, 64, (30.0, 60.0)),
        row(7, "seat / row with version", &seats, postgres, 64, (10.0, 15.0)),
        row(8, "seat / Redis Lua, appendfsync always", &seats, durable, 64, (1.3, 2.0)),
        row(8, "seat / Redis Lua, nothing kept", &seats, volatile, 64, (0.8, 1.1)),
        row(9, "seat / locks in Redis, PostgreSQL", &seats, locks, 64, (15.0, 25.0)),
    ];
    rows.extend(seat_maps(stage));
    rows
}

/// Readings of a seat map of 100,000 seats, beside the least that a read can be.
fn seat_maps(stage: &Stage) -> Vec<Comparison> {
    let path = format!("/api/v1/shows/{}/seats", stage.shows[stage.shows.len() - 1]);
    let get = |query: &str, headers: &str| {
        let accept = "accept: application/vnd.usher.seatmap\r\n";
        format!("GET {path}{query} HTTP/1.1\r\nhost: localhost\r\n{accept}{headers}\r\n")
    };
    let empty = || {
        let request = "GET /empty HTTP/1.1\r\nhost: localhost\r\n\r\n";
        repeated("empty handler", PEERS_VOLATILE, request.into())
    };
    [
        ("304", get("", "if-none-match: *\r\n"), (0.9, 1.0)),
        ("delta", get("?since=1000000", ""), (0.8, 0.9)),
        ("full compact map", get("", ""), (0.3, 0.5)),
    ]
    .into_iter()
    .map(|(what, request, wanted)| Comparison {
        number: 10,
        what: format!("seat map, {what} / empty handler, 64 connections"),
        ours: repeated("Usher", USHER, request),
        theirs: empty(),
        connections: 64,
        wanted,
    })
    .collect()
}

impl Comparison {
    async fn measure(&self, rounds: usize, turn: Duration) -> anyhow::Result<Row> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(self.turn(&self.ours, turn).await?);
            theirs.push(self.turn(&self.theirs, turn).await?);
        }
        let (ours, theirs) = (measured(&self.ours, ours), measured(&self.theirs, theirs));
        Ok(Row {
            number: self.number,
            what: self.what.clone(),
            ratio: ours.median() / theirs.median(),
            ours,
            theirs,
            unit: "1/s",
            wanted: self.wanted,
        })
    }

    async fn turn(&self, contender: &Contender, turn: Duration) -> anyhow::Result<Figures> {
        let figures = client::run(&contender.load(self.connections, turn, None)).await?;
        anyhow::ensure!(
            figures.share_good() >= GOOD_MIN,
            "{}: only {:.0}% of the answers are good ({} refused, {} failed)",
            contender.name,
            figures.share_good() * 100.0,
            figures.refused,
            figures.failed
        );
        Ok(figures)
    }
}

fn measured(contender: &Contender, turns: Vec<Figures>) -> Measured {
    let rounds = turns.iter().map(Figures::per_second).collect();
    let last = turns.into_iter().next_back().expect("at least one round");
    Measured { name: contender.name, rounds, last }
}
