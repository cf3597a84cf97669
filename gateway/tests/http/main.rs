//! The `usher` binary over HTTP, as somebody outside meets it.
//!
//! Every test starts a server of its own on a directory of its own, with ports that the system
//! chooses; `harness.rs` is all they share.

mod commands;
mod harness;
mod life;
mod office;
mod operating;
mod organising;
mod problems;
mod transport;
