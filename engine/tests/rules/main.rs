//! The rules of the engine, as tables that read like what people do.
//!
//! [`common::check`] plays a script against a small show. A line is a command and what must come of
//! it, in words; every command goes through the real `execute` and `apply`, and after each one
//! the inventory is counted afresh, compared with one that heard only the events, and rebuilt from
//! its image. So each table tests conservation, replay and snapshots too.
//!
//! One binary rather than one per file: it links once.

mod accounts;
mod checkin;
mod common;
mod documents;
mod expiry;
mod hoarding;
mod holds;
mod idempotency;
mod limits;
mod machines;
mod orders;
mod passes;
mod payments;
mod refusals;
mod restore;
mod room;
mod sale;
mod stock;
mod walk;
