//! The `usher` binary; see [`usher_gateway::commands`].

use std::process::ExitCode;

fn main() -> ExitCode {
    usher_gateway::commands::run()
}
