//! The `usher` binary over HTTP, as somebody outside meets it.
//!
//! Every test starts a server of its own on a directory of its own, with ports that the system
//! chooses; `harness.rs` is all they share.

mod bots;
mod buying;
mod commands;
mod harness;
mod hoarding;
mod hot_sections;
mod identity;
mod life;
mod money;
mod office;
mod operating;
mod organising;
mod panics;
mod problems;
mod queue;
mod queue_stream;
mod real_names;
mod rubbish;
mod rush;
mod scopes;
mod seat_maps;
mod shop;
mod transport;
