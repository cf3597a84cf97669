//! What must hold for bytes that nobody wrote, one function a format.
//!
//! ```text
//!   fuzz/fuzz_targets ──► a function here ◄── tests/replay.rs: the corpus, and changes of it
//!   (libFuzzer, coverage)                     (an ordinary test, no instruments)
//! ```
//!
//! A check panics where something is wrong, and so does whatever it calls. What it looks at is the
//! same everywhere: rubbish is refused without a panic and without memory on its word, and what is
//! accepted comes back the same after it was written again.

pub mod disk;
#[cfg(feature = "gateway")]
pub mod gateway;
mod parts;
pub mod wire;

/// A check: it returns, or something is wrong.
pub type Check = fn(&[u8]);

/// All checks of this build, by the names of their corpora.
pub fn all() -> Vec<(&'static str, Check)> {
    let everywhere: [(&str, Check); 6] = [
        ("record", disk::record),
        ("frame", disk::frame),
        ("image", disk::image),
        ("snapshot", disk::snapshot),
        ("seat_map", wire::seat_map),
        ("request_body", wire::request_body),
    ];
    #[cfg(feature = "gateway")]
    let in_gateway: [(&str, Check); 5] = [
        ("plan", gateway::plan),
        ("ticket", gateway::ticket),
        ("ids", gateway::ids),
        ("fault", gateway::fault),
        ("config", gateway::config),
    ];
    #[cfg(not(feature = "gateway"))]
    let in_gateway: [(&str, Check); 0] = [];
    everywhere.into_iter().chain(in_gateway).collect()
}
