//! File descriptors: as many as the system gives, and never all of them for connections.
//!
//! Connections are the only descriptors that strangers open here. If they could take the last one,
//! the journal could not begin a generation, no snapshot could be written, and no payment could be
//! called back. So the start raises the limit as far as it may, and some stay out of their reach;
//! who connects beyond that waits in the listen queue.

use crate::config::HttpConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections of operators at once, probes and scrapes among them.
pub(super) const OPERATORS_MAX: usize = 64;
/// Descriptors that connections of buyers and organisers cannot have: those of operators, of the
/// journal's generations and snapshots, of threads that wait for events, of the sandbox's calls.
const KEPT: u64 = OPERATORS_MAX as u64 + 192;
/// Connections per thread that are let in whatever the limit is; fewer would not be a server.
const CONNECTIONS_MIN: usize = 16;

/// How many connections each thread for buyers and organisers may have. Raises the process' limit
/// of open files first.
pub(super) fn connections_max(http: &HttpConfig) -> usize {
    let connections_max = share(raise_limit(), http.workers.get(), http.connections_max);
    if connections_max < http.connections_max {
        tracing::warn!(
            connections_max,
            asked = http.connections_max,
            "the limit of open files allows fewer connections per HTTP thread"
        );
    }
    connections_max
}

/// Raises the soft limit to the hard one; the limit then, `None` where there is none.
fn raise_limit() -> Option<u64> {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: found.maximum, maximum: found.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => found.maximum,
        Err(_) => found.current,
    }
}

fn share(limit: Option<u64>, workers: usize, asked: usize) -> usize {
    let Some(limit) = limit else { return asked };
    let for_each = usize::try_from(limit.saturating_sub(KEPT)).unwrap_or(usize::MAX) / workers;
    asked.min(for_each.max(CONNECTIONS_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_take_the_last_descriptor() {
        let check = |limit, workers, asked, expected| {
            assert_eq!(share(limit, workers, asked), expected, "{limit:?} {workers} {asked}");
        };
        check(None, 4, 20_000, 20_000);
        check(Some(1 << 20), 4, 20_000, 20_000);
        check(Some(1_024), 2, 20_000, (1_024 - 256) / 2);
        check(Some(1_024), 2, 100, 100);
        check(Some(100), 2, 20_000, CONNECTIONS_MIN);
    }
}
