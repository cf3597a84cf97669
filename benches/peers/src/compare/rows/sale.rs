//! Row 11: a hall sold from the first hold to the last ticket over HTTP, by buyers who come one
//! after the other, as many at once as keep the server busy.
//!
//! The buyers are those of the load generator, whose audit must find nothing wrong afterwards. Its
//! time does not count, the time in which buyers hold, order, pay, read their order and fetch a
//! ticket does.

use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;

use super::say;
use crate::Settings;
use crate::contenders::SHOW_SEATS;
use crate::table::{Figure, Row, Wanted};
use crate::usher::{self, Usher};

/// Buyers at once.
const BUYERS: &str = "64";

/// Sells the hall twice.
pub(super) async fn measure(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, group, wanted) in [
        ("one by one", "1-1", Wanted::AtMost(60.0, 15.0)),
        ("in groups of up to 6", "1-6", Wanted::AtMost(20.0, 6.0)),
    ] {
        let usher = Usher::start(settings, &[]).await?;
        let hall = usher.hall(settings.sized(SHOW_SEATS)).await?;
        let show = usher.show(&hall).await?;
        let sold = sell(settings, &usher, &show, group)?;
        let row = Row {
            number: 11,
            what: format!("{} seats: hold, order, pay, ticket, {what}", sold.seats),
            figure: Figure::once(sold.seconds, "s"),
            wanted,
            note: format!("{} requests, audit clean", sold.requests),
        };
        say(&row);
        rows.push(row);
    }
    Ok(rows)
}

/// How a hall was sold.
pub(super) struct Sold {
    pub(super) seats: u64,
    pub(super) requests: u64,
    pub(super) seconds: f64,
}

/// Sells all of a show to groups of such sizes.
pub(super) fn sell(
    settings: &Settings,
    usher: &Usher,
    show: &str,
    group: &str,
) -> anyhow::Result<Sold> {
    let out = usher.directory().join("rush");
    let mut command = Command::new(settings.binaries.join("usher-loadgen"));
    command.arg("rush").arg("--url").arg(format!("http://{}", usher::LISTEN));
    command.arg("--ops").arg(format!("http://{}", usher::OPS)).arg("--out").arg(&out);
    command.args(["--show", show, "--choose", "best", "--group", group]);
    command.args(["--until-sold-out", "--quiet"]);
    command.args(["--view", "none", "--pay", "direct", "--tickets", "first"]);
    command.args(["--workers", BUYERS, "--connections", BUYERS]);
    command.env("USHER_ORGANISER_KEY", usher::ORGANISER_KEY);
    command.env("USHER_OPERATOR_KEY", usher::OPERATOR_KEY);
    command.env("USHER_CALLBACK_SECRET", usher::CALLBACK_SECRET);
    // Nothing else is to happen here meanwhile, so that this thread may wait.
    let ended = command.stdin(Stdio::null()).output().context("usher-loadgen")?;
    // It says so with its exit code where the audit found something.
    anyhow::ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    let result: Value = serde_json::from_slice(&std::fs::read(out.join("result.json"))?)?;
    let number = |value: &Value| value.as_u64().context("the result lacks a figure");
    let sold = number(&result["sold"])?;
    anyhow::ensure!(sold == number(&result["capacity"])?, "only {sold} seats were sold");
    Ok(Sold {
        seats: sold,
        requests: number(&result["all"]["count"])?,
        seconds: result["seconds"].as_f64().context("the result lacks its time")?,
    })
}
