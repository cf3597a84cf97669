//! Rows 4 and 6 to 9: holds here beside holds as others make them, behind the same HTTP server.

use serde_json::json;

use super::{say, turn};
use crate::Settings;
use crate::client::Figures;
use crate::contenders::{Contender, Empty, SECOND_DESIGN_HALLS, Stage, sold_out};
use crate::table::{Figure, Measured, Row, Wanted};

/// The rows of this file.
pub(super) const NUMBERS: [u32; 5] = [4, 6, 7, 8, 9];

/// Two contenders at the same load; what is compared is right answers a second.
pub(super) struct Comparison {
    pub(super) number: u32,
    pub(super) what: String,
    pub(super) ours: Contender,
    pub(super) theirs: Contender,
    pub(super) connections: usize,
    pub(super) wanted: Wanted,
}

/// Measures those that are asked for.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(settings).await?;
    let mut rows = Vec::new();
    let sold_out = sold_out(&stage.usher).await?;
    for comparison in comparisons(&stage, &sold_out) {
        if settings.numbers.is_empty() || settings.numbers.contains(&comparison.number) {
            rows.push(comparison.measure(settings, Some(&stage)).await?);
        }
    }
    Ok(rows)
}

fn comparisons(stage: &Stage, sold_out: &Contender) -> Vec<Comparison> {
    let seats = stage.sale.holds();
    let standing = stage.usher_standing();
    let row = |number, what: &str, ours: &Contender, theirs: &Contender, connections, wanted| {
        let what = format!("{what}, {connections} connections");
        let (ours, theirs) = (ours.clone(), theirs.clone());
        let (bound, aim) = wanted;
        let wanted = Wanted::AtLeast(bound, aim);
        Comparison { number, what, ours, theirs, connections, wanted }
    };
    let empty = Empty::holds();
    let locked = stage.peer_standing("PostgreSQL", "/postgres/locked-row");
    let at_once = stage.peer_standing("PostgreSQL", "/postgres/one-statement");
    let postgres = stage.peer_seats("PostgreSQL", true, "/postgres/seat", 0);
    let durable = stage.peer_seats("Redis", true, "/redis", 0);
    let volatile = stage.peer_seats("Redis", false, "/redis", 0);
    let locks = stage.peer_seats("locks", true, "/locks", SECOND_DESIGN_HALLS);
    let mut rows = vec![
        row(4, "hold / empty handler", &seats, &empty, 64, (0.55, 0.7)),
        row(4, "hold / empty handler", &seats, &empty, 512, (0.7, 0.85)),
        row(4, "hold where all is sold / empty handler", sold_out, &empty, 64, (0.55, 0.7)),
        row(4, "hold where all is sold / empty handler", sold_out, &empty, 512, (0.7, 0.85)),
    ];
    // As many connections as one has on a quiet day, and as many as in a rush.
    for connections in [64, 512] {
        let row = |number, what, ours, theirs, wanted| {
            row(number, what, ours, theirs, connections, wanted)
        };
        rows.extend([
            row(6, "standing / SELECT FOR UPDATE", &standing, &locked, (40.0, 80.0)),
            row(6, "standing / one-statement decrement", &standing, &at_once, (30.0, 60.0)),
            row(7, "seat / row with version", &seats, &postgres, (10.0, 15.0)),
            row(8, "seat / Redis Lua, appendfsync always", &seats, &durable, (1.3, 2.0)),
            row(8, "seat / Redis Lua, nothing kept", &seats, &volatile, (0.8, 1.1)),
            row(9, "seat / locks in Redis, PostgreSQL", &seats, &locks, (15.0, 25.0)),
        ]);
    }
    rows
}

impl Comparison {
    /// Each has its turn in each round. Seats for sale are made before a turn, where there are any.
    pub(super) async fn measure(
        &self,
        settings: &Settings,
        stage: Option<&Stage>,
    ) -> anyhow::Result<Row> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..settings.rounds {
            if let Some(stage) = stage {
                stage.sale.last_for(&stage.usher, settings.seconds).await?;
            }
            ours.push(turn(&self.ours, self.connections, settings, None).await?);
            theirs.push(turn(&self.theirs, self.connections, settings, None).await?);
        }
        let (ours, theirs) = (measured(&self.ours, &ours), measured(&self.theirs, &theirs));
        let row = Row {
            number: self.number,
            what: self.what.clone(),
            figure: Figure::Ratio { ours, theirs, unit: "1/s" },
            wanted: self.wanted,
            note: String::new(),
        };
        say(&row);
        Ok(row)
    }
}

fn measured(contender: &Contender, turns: &[Figures]) -> Measured {
    let per_second = |turn: &Figures| contender.right(turn) as f64 / turn.took.as_secs_f64();
    let of_turn = |turn: &Figures| {
        json!({
            "p50Ms": turn.quantile_ms(0.5),
            "p99Ms": turn.quantile_ms(0.99),
            "shareRight": turn.share(contender.right(turn)),
        })
    };
    Measured {
        name: contender.name,
        rounds: turns.iter().map(per_second).collect(),
        details: turns.iter().map(of_turn).collect(),
    }
}
