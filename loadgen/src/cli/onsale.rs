//! The flags of `onsale`, and what they come to.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;

use super::check::run_id;
use super::{ServerArgs, ToleranceArgs};
use crate::http::Manners;
use crate::onsale::{CrowdPlan, OnsalePlan};
use crate::units::{parse_duration, parse_range, parse_share};

/// `onsale`.
#[derive(Debug, Args)]
pub struct OnsaleArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Organiser key, to make the show.
    #[arg(
        long,
        value_name = "KEY",
        env = "USHER_ORGANISER_KEY",
        hide_env_values = true,
        help_heading = "Server"
    )]
    organiser_key: String,

    /// Tickets of the show.
    #[arg(long, value_name = "N", default_value_t = 300, help_heading = "Show")]
    stock: u32,
    /// Most tickets for one user.
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Show")]
    limit: u32,
    /// Puts a waiting room in front, which lets in so many a second.
    #[arg(long, value_name = "PER_S", help_heading = "Show")]
    room: Option<u32>,
    /// The figures of a real sale: 1,742 reservations of one ticket, 134 a second, in 13 seconds.
    /// Goes with a waiting room that lets in as many.
    #[arg(long, conflicts_with_all = ["stock", "room", "group"], help_heading = "Show")]
    real_sale: bool,

    /// People.
    #[arg(long, value_name = "N", default_value_t = 300, help_heading = "Crowd")]
    people: u32,
    /// Impatient people, who ask twice a second and go away after --patience.
    #[arg(long, value_name = "N", default_value_t = 50, help_heading = "Crowd")]
    impatient: u32,
    /// Bots that ask for holds ten times a second, past any queue.
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Crowd")]
    hammers: u32,
    /// Accounts of bots that queue and solve no challenge.
    #[arg(long, value_name = "N", default_value_t = 150, help_heading = "Crowd")]
    farm: u32,
    /// Accounts of bots that queue and solve each challenge.
    #[arg(long, value_name = "N", default_value_t = 150, help_heading = "Crowd")]
    solvers: u32,
    /// Share of people who come before the opening.
    #[arg(long, value_name = "SHARE", default_value = "70%", value_parser = parse_share,
          help_heading = "Crowd")]
    early: f64,
    /// Tickets that one visitor wants, each number as likely as the other; bots want the most.
    #[arg(long, value_name = "MIN-MAX", default_value = "1-4", value_parser = parse_range,
          help_heading = "Crowd")]
    group: (u32, u32),
    /// How long an impatient person waits.
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = parse_duration,
          help_heading = "Crowd")]
    patience: Duration,
    /// Everybody so many times: overload.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Crowd")]
    times: u32,
    /// Seed of all choices: the same seed is the same crowd.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Crowd")]
    seed: u64,

    /// From the beginning to the opening.
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = parse_duration,
          help_heading = "Time")]
    opens_after: Duration,
    /// From the opening until whoever still waits goes home.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration,
          help_heading = "Time")]
    lasts: Duration,
    /// Most connections at once.
    #[arg(long, value_name = "N", default_value_t = 128, help_heading = "Client")]
    connections: usize,

    /// What stands above the report.
    #[arg(long, value_name = "TEXT", default_value = "a sale", help_heading = "Outcome")]
    label: String,
    /// Directory for record.jsonl and onsale.json.
    #[arg(long, value_name = "DIR", default_value = "usher-onsale-out", help_heading = "Outcome")]
    out: PathBuf,
    /// In front of every user id; must differ between runs on one server [default: from the time].
    #[arg(long, value_name = "WORD", help_heading = "Outcome")]
    run_id: Option<String>,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Reservations of the real sale, and how many a second.
const REAL_SALE: (u32, u32) = (1_742, 134);

impl OnsaleArgs {
    /// The sale that is asked for.
    ///
    /// # Errors
    ///
    /// Which flag is wrong, and why.
    pub fn check(&self) -> anyhow::Result<OnsalePlan> {
        let (url, ops) = self.server.check()?;
        ensure!(self.stock > 0, "--stock must be at least 1");
        ensure!((1..=100).contains(&self.times), "--times must be from 1 to 100");
        ensure!(self.group.1 <= self.limit, "--group: more than --limit cannot be had");
        let heads = [self.people, self.impatient, self.hammers, self.farm, self.solvers];
        let heads = heads.map(|heads| heads.saturating_mul(self.times));
        let all: u64 = heads.iter().map(|&heads| u64::from(heads)).sum();
        ensure!(all <= 1_000_000, "that are {all} visitors; at most a million may come");
        let (stock, room, group) = match self.real_sale {
            true => (REAL_SALE.0, Some(REAL_SALE.1), (1, 1)),
            false => (self.stock, self.room, self.group),
        };
        let manners = Manners {
            connections_max: self.connections.max(1),
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(20),
            tries_max: 20,
            drop_share: 0.0,
            seed: self.seed,
        };
        Ok(OnsalePlan {
            url,
            ops,
            organiser_key: self.organiser_key.clone(),
            crowd: CrowdPlan {
                seed: self.seed,
                heads,
                early_share: self.early,
                opens_after: self.opens_after,
                group,
                patience: self.patience,
            },
            stock,
            limit_per_user: self.limit,
            room_per_second: room,
            lasts: self.lasts,
            manners,
            out_dir: self.out.clone(),
            run_id: run_id(self.run_id.as_deref())?,
            label: self.label.clone(),
            rules: self.tolerance.rules(),
        })
    }
}
