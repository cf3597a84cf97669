//! The HTTP gateway of Usher, and all that the `usher` binary is made of.
//!
//! ```text
//!   main.rs ─► commands/ ─► server/ ─┬─ buyers/      /api/v1     shows, seats, holds, orders, tickets
//!                                    ├─ organisers/  /admin/v1   plans, shows, reports, the counter
//!                                    ├─ operators/   /ops/v1     shards, audit, history, backup
//!                                    ├─ room/         everywhere  the waiting room
//!                                    ├─ sandbox/     /sandbox    a payment provider for trying
//!                                    ├─ identity/    /api/v1     accounts, tokens, who calls
//!                                    └─ docs, health
//!   shared by all of them: app, http/ (bodies, problems), limits/, challenge/, risk/, logbook/,
//!                         ids, plans, payments/, tickets/, attendees/
//! ```
//!
//! Whoever wants to change an answer finds it in the folder of its caller. A gateway holds nothing
//! that cannot be lost: any gateway answers any request, since an id carries its own route.

pub mod app;
pub mod attendees;
pub mod buyers;
pub mod challenge;
pub mod commands;
pub mod config;
pub mod http;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod logbook;
pub mod openapi;
pub mod operators;
pub mod organisers;
pub mod payments;
pub mod plan_import;
pub mod plans;
pub mod risk;
pub mod room;
pub mod sandbox;
pub mod server;
pub mod telemetry;
pub mod tickets;
