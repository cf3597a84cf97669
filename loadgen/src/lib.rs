//! `usher-loadgen`: sends crowds of buyers at a server, measures how it does, and audits that
//! nothing was sold twice and nothing that was acknowledged is lost.
//!
//! ```text
//!  arrivals ──► drive ──► workload (journeys of buyers, choices seeded)
//!                            │ api (typed calls) ──► http (pool, retries by key) ──► server
//!                            ├──► meter ──► result (JSON, HDR) ──► report, slo, merge, diff
//!                            └──► recorder (JSON lines) ─┐
//!                 reread (the server's side, at the end) ┴──► usher-audit ──► verdict
//! ```
//!
//! Beside it, `onsale` sends people and bots through a whole sale and says who got what, and
//! `linear` records what concurrent clients are told, for `usher-linear` to check.
//!
//! One thread drives everything: the server under test shares the machine, and a generator that
//! needs more than one core is better started twice and merged.

pub mod api;
pub mod arrivals;
pub mod choices;
pub mod cli;
pub mod clock;
pub mod draw;
pub mod drive;
pub mod http;
pub mod linear;
pub mod meter;
pub mod onsale;
pub mod plan;
pub mod progress;
pub mod recorder;
pub mod report;
pub mod reread;
pub mod result;
pub mod run;
pub mod seats;
pub mod setup;
pub mod slo;
pub mod sse;
pub mod units;
pub mod workload;
pub mod world;
