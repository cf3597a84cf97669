//! The pure heart of Usher: what a sale may do, and what it then is.
//!
//! ```text
//!   Command + now ──► execute(&inventory) ──► Decision { events, outcome, effects }
//!                                                  │
//!                       apply(&mut inventory) ◄── events ──► journal
//! ```
//!
//! A *machine* is a state machine with one owner: an inventory, a waiting room, or some accounts.
//! An *inventory* is all seats of a show, or one segment of a stock pool. Everything that must
//! change together lives in one [`Inventory`] value with one owner, so a hold is one function call.
//!
//! Architecture invariants of this crate: it does no IO, reads no clock, draws no randomness, and
//! knows neither HTTP nor any serialisation format. `now`, ids and nonces are arguments. `execute`
//! decides without mutating; `apply` mutates and cannot fail; live work and replay share `apply`.

pub mod accounts;
pub mod command;
pub mod decision;
pub mod event;
pub mod hash;
pub mod hoarding;
pub mod id;
pub mod inventory;
pub mod limits;
pub mod machine;
pub mod money;
pub mod plan;
pub mod planted;
pub mod refusal;
pub mod room;
pub mod seats;
pub mod show;
pub mod stock;
pub mod time;
pub mod wheel;

pub use command::Command;
pub use decision::{Decision, Effect, Outcome, Subject};
pub use event::Event;
pub use id::{AccountNo, BuyerId, HoldNo, MachineId, PartitionId, PlaceNo, ShowKey};
pub use inventory::Inventory;
pub use machine::{Machine, MachineImage};
pub use money::{Cents, Currency};
pub use refusal::Refusal;
pub use time::Timestamp;
