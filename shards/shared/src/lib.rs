//! The few things that threads share without asking each other.
//!
//! ```text
//!   shard (one writer) ──► SeatBoard, SegmentBoard ──► any number of readers   `seqlock`
//!   anybody            ──► Waker                   ──► the shard that sleeps
//!   journal writer     ──► DurableMark             ──► the shard
//! ```
//!
//! Everything else goes through channels and locks, which are right by themselves. What is here is
//! right only if its memory orderings are, and those can hardly be tested on the machine at hand:
//! an x86 forgives most of what is wrong. So this is a crate of its own with next to no
//! dependencies, and `scripts/concurrency` runs it under a model checker, which tries every order
//! of steps and every value that the memory model lets a load return.

pub mod pool;
pub mod room;
pub mod seats;
mod seqlock;
pub mod sync;
mod waker;

pub use waker::{DurableMark, Waker};
