//! The `usher` binary; see [`usher_gateway::commands`].

use std::process::ExitCode;

/// A request makes some dozens of small allocations, many of which end on another thread: what this
/// one is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    usher_gateway::commands::run()
}
