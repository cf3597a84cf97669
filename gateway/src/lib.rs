//! The HTTP gateway of Usher, and all that the `usher` binary is made of.
pub mod config;
pub mod http;
pub mod ids;
pub mod payments;
pub mod plan_import;
pub mod plans;
pub mod sandbox;
pub mod telemetry;
pub mod tickets;
